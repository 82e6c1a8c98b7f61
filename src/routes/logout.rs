//! `GET|POST /.auth/logout`: the session ends.

use bytes::Bytes;
use http::Response;
use http::request::Parts;

use super::parameters::Parameters;
use super::{landing, refuse, reply};
use crate::error::Error;
use crate::relying_party::{RelyingParty, SignedOut};
use crate::return_to::ReturnTo;

pub(super) async fn answer(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    match end(relying_party, parts).await {
        Ok(response) => response,
        // The session may still be there: telling them that it is gone would be a lie.
        Err(error) => refuse::fail(relying_party, parts, &error),
    }
}

async fn end(relying_party: &RelyingParty, parts: &Parts) -> Result<Response<Bytes>, Error> {
    let SignedOut { provider, cookies } = relying_party.end_session(&parts.headers).await?;
    match provider {
        Some(provider) => tracing::info!(%provider, status = "200.72", "signed out"),
        None => tracing::debug!(status = "200.71", "signed out without a session"),
    }
    Ok(reply::redirect(&target(relying_party, parts), cookies))
}

/// Where to go from here. A target that is not allowed is ignored, as the original does: the user
/// wanted to sign out, and has.
fn target(relying_party: &RelyingParty, parts: &Parts) -> String {
    let settings = relying_party.settings();
    let parameters = Parameters::of(&parts.uri);
    let wanted = parameters.one(&["post_logout_redirect_uri", "post_logout_redirect_url"]);
    let wanted: Option<ReturnTo> = match wanted {
        Ok(None) => None,
        Ok(Some(wanted)) => settings.destinations.parse(wanted).ok().or_else(warn),
        Err(_) => warn(),
    };
    wanted.map_or_else(
        || format!("{}{}/logout/complete", settings.origin, settings.api_prefix.as_str()),
        |target| landing::absolute(relying_party, &target),
    )
}

fn warn() -> Option<ReturnTo> {
    tracing::warn!("post_logout_redirect_uri is not allowed and was ignored");
    None
}
