//! `GET /.auth/me`: who am I, and what are my tokens.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::parameters::Parameters;
use super::refuse::{self, Explanation};
use super::{gate, nothing_here, reply};
use crate::config::StoreChoice;
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;
use crate::wire;

pub(super) async fn answer(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    if matches!(relying_party.settings().token_store, StoreChoice::Off) {
        let description = "No tokens are kept here: login.tokenStore.enabled is false.";
        return nothing_here(relying_party, parts, "no token store", description);
    }
    let known = match relying_party.authenticate(&parts.headers).await {
        Ok(Ok(known)) => known,
        // Never a redirect: who asks here is a program, and wants to know.
        Ok(Err(unknown)) => return gate::unauthorized(relying_party, parts, unknown),
        Err(error) => return refuse::fail(relying_party, parts, &error),
    };
    let principal = &known.prepared.principal;
    let now = relying_party.now();
    match Parameters::of(&parts.uri).one(&["provider"]) {
        Ok(None) => reply::json(StatusCode::OK, wire::me::array(principal, now)),
        Ok(Some(provider)) => {
            reply::json(StatusCode::OK, wire::me::entry(principal, provider, now))
        }
        Err(_) => {
            let status = StatusCode::BAD_REQUEST;
            let sub_status = SubStatus::LoginProtocolError;
            refuse::refuse(relying_party, parts, status, sub_status, &TWICE)
        }
    }
}

const TWICE: Explanation = Explanation {
    reason: "a parameter is there twice",
    error: "invalid_request",
    heading: "This address is not valid",
    description: "The parameter provider is there more than once.",
};
