//! `POST /.auth/login/<provider>`: an application has signed its user in by itself, and brings the
//! provider's token.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use tower::BoxError;

use super::posted::{self, Unread};
use super::refuse::{self, Explanation};
use super::{no_such_provider, reply};
use crate::config::StoreChoice;
use crate::error::{Error, Fault, SubStatus};
use crate::oauth::token::{PostedError, posted as read_tokens};
use crate::relying_party::RelyingParty;

pub(super) async fn answer<B>(
    relying_party: &RelyingParty,
    name: &str,
    parts: &Parts,
    body: B,
) -> Response<Bytes>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let Some(provider) = relying_party.provider(name) else {
        return no_such_provider(relying_party, parts);
    };
    let refuse = |status, explanation: &Explanation| {
        let sub_status = SubStatus::LoginProtocolError;
        refuse::refuse(relying_party, parts, status, sub_status, explanation)
    };
    if matches!(relying_party.settings().token_store, StoreChoice::Off) {
        return refuse(StatusCode::BAD_REQUEST, &NO_STORE);
    }
    let body = match posted::read(parts, body, "application/json").await {
        Ok(body) => body,
        Err(Unread::OtherType) => return refuse(Unread::OtherType.status(), &NO_JSON),
        Err(unread) => return refuse(unread.status(), &UNREADABLE),
    };
    let tokens = match read_tokens(&body, relying_party.now()) {
        Ok(tokens) => tokens,
        Err(PostedError::Malformed) => return refuse(StatusCode::BAD_REQUEST, &UNREADABLE),
        Err(PostedError::Shape) => return refuse(StatusCode::BAD_REQUEST, &NO_ID_TOKEN),
    };
    match relying_party.client_login(provider, tokens, &parts.headers).await {
        Ok(result) => {
            tracing::info!(provider = %provider.id, status = "200.77", "signed in by a token");
            reply::json(StatusCode::OK, result.json())
        }
        Err(error) => fail(relying_party, parts, &error),
    }
}

/// What is wrong with what the provider says is here wrong with what the application brought.
fn fail(relying_party: &RelyingParty, parts: &Parts, error: &Error) -> Response<Bytes> {
    if error.fault() == Fault::Provider && error.is_about_a_token() {
        let cause = error.chain();
        tracing::info!(cause, "a posted token is refused");
        let (status, sub_status) = (StatusCode::UNAUTHORIZED, SubStatus::InvalidToken);
        return refuse::refuse(relying_party, parts, status, sub_status, &FOREIGN);
    }
    refuse::fail(relying_party, parts, error)
}

const NO_STORE: Explanation = Explanation {
    reason: "a token is posted, and the token store is off",
    error: "unsupported_response_type",
    heading: "Signing in with a token is not possible here",
    description: "This site has no session tokens, since login.tokenStore.enabled is false.",
};
const NO_JSON: Explanation = Explanation {
    reason: "what is posted is no JSON",
    error: "invalid_request",
    heading: "This sign-in cannot be read",
    description: "A sign-in with a token is posted as application/json.",
};
const UNREADABLE: Explanation = Explanation {
    reason: "what is posted cannot be read",
    error: "invalid_request",
    heading: "This sign-in cannot be read",
    description: "A sign-in with a token is posted as a JSON object of at most 64 KiB.",
};
const NO_ID_TOKEN: Explanation = Explanation {
    reason: "no ID token is posted",
    error: "invalid_request",
    heading: "This sign-in cannot be read",
    description: "The object that is posted must have the provider's id_token, as a string. \
                  access_token, refresh_token and expires_in may stand beside it.",
};
const FOREIGN: Explanation = Explanation {
    reason: "the posted token is refused",
    error: "invalid_token",
    heading: "You have not been signed in",
    description: "The token of the sign-in service is not valid for this application: it must be of \
                  the configured issuer, for the configured client id, and not have expired.",
};
