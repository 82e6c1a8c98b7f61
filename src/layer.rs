//! What you put around your service.

use tower_layer::Layer;

use crate::config::Config;
use crate::relying_party::RelyingParty;
use crate::service::EasyAuth;

/// Puts [`EasyAuth`] around a service.
///
/// The [crate's documentation](crate) has an example, and says [where to put the
/// layer](crate#where-to-put-the-layer). Cheap to clone; clones share sessions, caches and logins
/// under way.
///
/// # Security
///
/// It protects what it is around. Routes that are added to an axum `Router` after it are open.
#[derive(Clone, Debug)]
pub struct EasyAuthLayer {
    relying_party: RelyingParty,
}

impl EasyAuthLayer {
    /// The layer of `config`. Does no IO and needs no runtime; requests need tokio's.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { relying_party: RelyingParty::new(config) }
    }

    /// Waits for token refreshes that are under way. Call it when the server has stopped taking
    /// requests: a refresh that is cut off may cost its user a new sign-in.
    pub async fn drain(&self) {
        self.relying_party.drain().await;
    }
}

impl<S> Layer<S> for EasyAuthLayer {
    type Service = EasyAuth<S>;

    fn layer(&self, inner: S) -> EasyAuth<S> {
        EasyAuth::new(inner, self.relying_party.clone())
    }
}
