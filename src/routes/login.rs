//! `GET /.auth/login/<provider>`: off to the provider.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::parameters::Parameters;
use super::{landing, refuse, reply};
use crate::config::Settings;
use crate::error::SubStatus;
use crate::origin::PublicOrigin;
use crate::pending_login::Landing;
use crate::principal::ProviderId;
use crate::relying_party::{Beginning, Provider, RelyingParty};
use crate::return_to::ReturnTo;

pub(super) async fn answer(
    relying_party: &RelyingParty,
    name: &str,
    parts: &Parts,
) -> Response<Bytes> {
    let Some(provider) = relying_party.provider(name) else {
        return super::no_such_provider(relying_party, parts);
    };
    if let Some(elsewhere) = at_origin(&relying_party.settings().origin, parts) {
        return reply::redirect(&elsewhere, None);
    }
    let parameters = Parameters::of(&parts.uri);
    match landing::wanted(relying_party.settings(), &parameters) {
        Ok(landing) => begin(relying_party, provider, landing, parameters, parts).await,
        Err((status, explanation)) => {
            let sub_status = SubStatus::LoginProtocolError;
            refuse::refuse(relying_party, parts, status, sub_status, &explanation)
        }
    }
}

/// Sends the browser to `provider`, for a login that ends at `landing`.
pub(super) async fn begin(
    relying_party: &RelyingParty,
    provider: &Provider,
    landing: Landing,
    parameters: Parameters,
    parts: &Parts,
) -> Response<Bytes> {
    let beginning =
        Beginning { landing, parameters: parameters.into_pairs(), request: &parts.headers };
    match relying_party.begin_login(provider, beginning).await {
        Ok(begun) => {
            tracing::debug!(provider = %provider.id, "login begun");
            reply::redirect(begun.location.as_str(), begun.cookies)
        }
        Err(error) => refuse::fail(relying_party, parts, &error),
    }
}

/// Where the same request is made at the public origin, if it was made at another host.
///
/// The login's cookies belong to the host that the provider sends the browser back to. A proxy that
/// hides the public host from us would have us redirect for ever: once is enough.
fn at_origin(origin: &PublicOrigin, parts: &Parts) -> Option<String> {
    let named = parts.uri.authority().map(|authority| authority.as_str());
    let header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = named.or(header)?;
    let query = parts.uri.query().unwrap_or_default();
    let moved = query.split('&').any(|pair| pair == MOVED);
    if host.eq_ignore_ascii_case(origin.host()) || moved {
        return None;
    }
    let separator = if query.is_empty() { "" } else { "&" };
    Some(format!("{origin}{}?{query}{separator}{MOVED}", parts.uri.path()))
}

/// Where a browser signs in that asked for a page at another host than the origin's.
pub(super) fn at_login(
    relying_party: &RelyingParty,
    provider: &ProviderId,
    parts: &Parts,
) -> Option<String> {
    let Settings { origin, destinations, .. } = relying_party.settings();
    at_origin(origin, parts)?;
    let return_to = destinations.of_request(&parts.uri);
    Some(format!("{}&{MOVED}", address(relying_party, provider, &return_to)))
}

/// Where a browser signs in at `provider` to come back to `return_to`.
pub(super) fn address(
    relying_party: &RelyingParty,
    provider: &ProviderId,
    return_to: &ReturnTo,
) -> String {
    with_return_to(relying_party, &format!("login/{provider}"), return_to)
}

/// The address of one of our routes that leads to `return_to` in the end.
pub(super) fn with_return_to(
    relying_party: &RelyingParty,
    route: &str,
    return_to: &ReturnTo,
) -> String {
    let Settings { origin, api_prefix, .. } = relying_party.settings();
    let return_to = utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC);
    let prefix = api_prefix.as_str();
    format!("{origin}{prefix}/{route}?post_login_redirect_uri={return_to}")
}

const MOVED: &str = "easyauth_moved=1";
