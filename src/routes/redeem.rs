//! `GET /.auth/login/<provider>/token`: an installed application redeems its code.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::parameters::Parameters;
use super::refuse::{self, Explanation};
use super::{no_such_provider, reply};
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;

pub(super) async fn answer(
    relying_party: &RelyingParty,
    name: &str,
    parts: &Parts,
) -> Response<Bytes> {
    let Some(provider) = relying_party.provider(name) else {
        return no_such_provider(relying_party, parts);
    };
    let parameters = Parameters::of(&parts.uri);
    let one = |name| parameters.one(&[name]).ok().flatten();
    let (Some(code), Some(verifier)) = (one("authorization_code"), one("code_verifier")) else {
        return refuse(relying_party, parts);
    };
    // A `+` that was not escaped has become a space; no verifier has one.
    let verifier = verifier.replace(' ', "+");
    match relying_party.redeem_app_code(provider, code, &verifier).await {
        Ok(Some(result)) => {
            tracing::info!(provider = %provider.id, "signed in an application");
            reply::json(StatusCode::OK, result.json())
        }
        Ok(None) => refuse(relying_party, parts),
        Err(error) => refuse::fail(relying_party, parts, &error),
    }
}

/// Always the same: who guesses learns nothing, and some SDKs take a 400 for a hostile caller and
/// wait for the right one.
fn refuse(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let status = StatusCode::BAD_REQUEST;
    refuse::refuse(relying_party, parts, status, SubStatus::LoginProtocolError, &REFUSED)
}

const REFUSED: Explanation = Explanation {
    reason: "the code is not redeemed",
    error: "invalid_grant",
    heading: "This sign-in cannot be finished",
    description: "The code does not fit, was used before, or is too old.",
};
