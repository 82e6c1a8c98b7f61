//! What you put around your service.

use std::sync::Arc;

use tower_layer::Layer;

use crate::config::Config;
use crate::relying_party::RelyingParty;
use crate::service::EasyAuth;

/// Puts [`EasyAuth`] around a service. See the [crate's documentation](crate).
///
/// Cheap to clone; clones share sessions, caches and logins under way.
#[derive(Clone, Debug)]
pub struct EasyAuthLayer {
    relying_party: Arc<RelyingParty>,
}

impl EasyAuthLayer {
    /// The layer of `config`. Does no IO and needs no runtime.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { relying_party: Arc::new(RelyingParty::new(config)) }
    }
}

impl<S> Layer<S> for EasyAuthLayer {
    type Service = EasyAuth<S>;

    fn layer(&self, inner: S) -> EasyAuth<S> {
        EasyAuth::new(inner, Arc::clone(&self.relying_party))
    }
}
