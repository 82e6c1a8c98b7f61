//! The checks that every plain OAuth 2.0 provider passes.

use super::Wrong;
use crate::oauth::discovery::{DiscoveryError, configured_url};
use crate::oauth::token::ClientAuthentication::{ClientSecretJwt, PrivateKeyJwt};
use crate::provider::OAuth2;

pub(super) fn check(settings: &OAuth2) -> Result<(), Wrong> {
    if !settings.style.pkce && settings.registration.client_secret.is_none() {
        let problem = "a provider without PKCE needs a client secret; set one, or use PKCE";
        return Err(Wrong(settings.registration.secret_member, problem));
    }
    if let Some(ClientSecretJwt | PrivateKeyJwt) = settings.registration.client_authentication {
        let problem = "a plain OAuth 2.0 provider takes the secret itself; use the method \
                       ClientSecretBasic or ClientSecretPost";
        return Err(Wrong("registration.clientCredential", problem));
    }
    let problem = "must be an https address, or http on loopback";
    match settings.metadata() {
        Err(DiscoveryError::Endpoint("authorization")) => {
            return Err(Wrong("endpoints.authorization", problem));
        }
        Err(DiscoveryError::Endpoint(_)) => return Err(Wrong("endpoints.token", problem)),
        Err(_) => return Err(Wrong("issuer", "must be an https address without a query")),
        Ok(_) => {}
    }
    if settings.questions.iter().any(|question| configured_url(&question.url).is_err()) {
        return Err(Wrong("endpoints.userInfo", problem));
    }
    Ok(())
}
