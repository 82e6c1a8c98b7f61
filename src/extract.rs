//! Extractors for axum handlers (feature `axum`).

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::principal::Principal;

/// The one who is signed in; a request of somebody else is refused with 401.
impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = NotSignedIn;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotSignedIn> {
        parts.extensions.get().cloned().ok_or(NotSignedIn)
    }
}

/// The one who is signed in, if anybody is.
impl<S: Sync> OptionalFromRequestParts<S> for Principal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

/// A handler asked for a [`Principal`], and nobody is signed in; or there is no
/// [`EasyAuthLayer`](crate::EasyAuthLayer) around it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nobody is signed in")]
#[non_exhaustive]
pub struct NotSignedIn;

impl IntoResponse for NotSignedIn {
    fn into_response(self) -> Response {
        (StatusCode::UNAUTHORIZED, self.to_string()).into_response()
    }
}
