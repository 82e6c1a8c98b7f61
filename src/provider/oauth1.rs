//! What a login by OAuth 1.0a needs ([RFC 5849](https://www.rfc-editor.org/rfc/rfc5849)).

use super::endpoints::{Endpoint, at};
use super::profile::Profile;
use super::registration::Registration;
use crate::oauth::discovery::configured_url;
use crate::oauth::json::Value;
use crate::principal::Issuer;

/// A provider that speaks OAuth 1.0a.
#[derive(Clone, Debug)]
pub(crate) struct OAuth1 {
    pub(crate) registration: Registration,
    pub(crate) issuer: Issuer,
    /// Why tokens are not refreshed.
    pub(crate) no_refresh: &'static str,
    pub(crate) request_token_endpoint: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) access_token_endpoint: String,
    /// Where the user is described, to who signs in their name.
    pub(crate) profile_endpoint: String,
    /// What comes with the access token, and the description if there is one; `None` if they do not
    /// say who the user is, or not the same.
    pub(crate) mapping: Mapping,
}

/// What answers say of a user.
type Mapping = fn(&[(String, String)], Option<&Value>) -> Option<Profile>;

impl OAuth1 {
    /// Puts `endpoint` elsewhere. False if there is none of this kind.
    pub(super) fn set_endpoint(&mut self, endpoint: Endpoint, url: &str) -> bool {
        let slot = match endpoint {
            Endpoint::RequestToken => &mut self.request_token_endpoint,
            Endpoint::Authorization => &mut self.authorization_endpoint,
            Endpoint::Token => &mut self.access_token_endpoint,
            Endpoint::UserInfo => {
                self.profile_endpoint = at(&self.profile_endpoint, url);
                return true;
            }
            Endpoint::Jwks => return false,
        };
        url.clone_into(slot);
        true
    }

    /// The endpoints by their names in a configuration, to be checked.
    pub(crate) fn addresses(&self) -> [(&'static str, &str); 4] {
        [
            ("endpoints.requestToken", &self.request_token_endpoint),
            ("endpoints.authorization", &self.authorization_endpoint),
            ("endpoints.token", &self.access_token_endpoint),
            ("endpoints.userInfo", &self.profile_endpoint),
        ]
    }

    /// The first of the addresses that must not be called.
    pub(crate) fn unsafe_address(&self) -> Option<&'static str> {
        let addresses = self.addresses();
        addresses.iter().find(|(_, url)| configured_url(url).is_err()).map(|(name, _)| *name)
    }
}
