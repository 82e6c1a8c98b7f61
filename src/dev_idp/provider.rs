//! What all endpoints share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ring::error::Unspecified;
use ring::rand::SystemRandom;

use super::memory::Memory;
use super::signer::{Signer, encode};
use super::user::DevUser;
use crate::clock::{Clock, Timestamp};
use crate::secret::Secret;

/// The provider behind its endpoints.
pub(super) struct Provider {
    pub(super) issuer: String,
    pub(super) port: u16,
    pub(super) client_id: String,
    pub(super) client_secret: Secret<String>,
    pub(super) users: Vec<DevUser>,
    pub(super) automatic_user: Option<DevUser>,
    pub(super) access_token_lifetime: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) signer: Signer,
    pub(super) memory: Mutex<Memory>,
}

impl Provider {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The user whom `hint` means, if there is such a one.
    pub(super) fn user(&self, hint: &str) -> Option<&DevUser> {
        self.users.iter().find(|user| user.is_meant_by(hint))
    }
}

/// A value that nobody guesses: 128 random bits.
pub(super) fn random() -> Result<String, Unavailable> {
    let bytes = ring::rand::generate::<[u8; 16]>(&SystemRandom::new())?;
    Ok(encode(bytes.expose()))
}

/// The operating system gave no random numbers.
pub(super) struct Unavailable;

impl From<Unspecified> for Unavailable {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}
