//! The layer for outgoing requests.

use tower_layer::Layer;

use super::easy_auth_client::EasyAuthClient;
use super::service::SignedIn;

/// Sends requests as the user who is signed in at an [`EasyAuthClient`], and heals their 401s.
///
/// See the [module's documentation](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct SignedInLayer {
    client: EasyAuthClient,
}

impl SignedInLayer {
    pub(super) const fn new(client: EasyAuthClient) -> Self {
        Self { client }
    }
}

impl<S> Layer<S> for SignedInLayer {
    type Service = SignedIn<S>;

    fn layer(&self, inner: S) -> SignedIn<S> {
        SignedIn::new(self.client.clone(), inner)
    }
}
