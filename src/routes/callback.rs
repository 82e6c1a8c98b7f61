//! `GET|POST /.auth/login/<provider>/callback`: back from the provider.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::BoxError;
use tracing::field::display;

use super::refuse::{self, Explanation};
use super::{no_such_provider, reply};
use crate::error::{Refusal, SubStatus};
use crate::oauth::authorization::AuthorizationError;
use crate::principal::ProviderId;
use crate::relying_party::{Finished, RelyingParty, Unfinished};
use crate::return_to::ReturnTo;

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
    let form = match response_of(parts, body).await {
        Ok(form) => form,
        Err((status, explanation)) => {
            let sub_status = SubStatus::LoginProtocolError;
            return refuse::refuse(relying_party, parts, status, sub_status, &explanation);
        }
    };
    match relying_party.finish_login(provider, &form, &parts.headers).await {
        Ok(finished) => render(relying_party, &provider.id, parts, finished),
        Err(Unfinished { error, cookies }) => {
            let mut response = refuse::fail(relying_party, parts, &error);
            reply::set_cookies(&mut response, cookies);
            response
        }
    }
}

/// The provider's response, still encoded: a query, or a form (OAuth 2.0 Form Post Response Mode).
/// Never both: a parameter in each would be there twice.
async fn response_of<B>(parts: &Parts, body: B) -> Result<Bytes, (StatusCode, Explanation)>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let query = parts.uri.query().unwrap_or_default();
    if parts.method != Method::POST {
        return Ok(Bytes::copy_from_slice(query.as_bytes()));
    }
    if !query.is_empty() {
        return Err((StatusCode::BAD_REQUEST, BOTH));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    let essence = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    if !essence.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(FORM)) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, NO_FORM));
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, SLOW)),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, LONG))
        }
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, BROKEN)),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

fn render(
    relying_party: &RelyingParty,
    provider: &ProviderId,
    parts: &Parts,
    finished: Finished,
) -> Response<Bytes> {
    match finished {
        Finished::SignedIn { return_to, cookies } => {
            tracing::info!(%provider, "signed in");
            reply::redirect(&absolute(relying_party, &return_to), cookies)
        }
        Finished::Refused { error, return_to, cookies } => {
            let (status, explanation) = explain(&error.code);
            let sub_status = SubStatus::LoginProtocolError;
            let mut response = refuse::refuse_login(
                relying_party,
                parts,
                status,
                sub_status,
                &explanation,
                &return_to,
            );
            log(provider, &error, &response);
            reply::set_cookies(&mut response, cookies);
            response
        }
    }
}

/// Under the reference that the page shows: people are asked to quote it.
fn log(provider: &ProviderId, error: &AuthorizationError, response: &Response<Bytes>) {
    let refusal = response.extensions().get::<Refusal>();
    let decision = refusal.map(|refusal| display(refusal.decision_id));
    let AuthorizationError { code, description } = error;
    if response.status().is_server_error() {
        tracing::error!(%provider, decision, error = code, description, "the provider did not sign in");
    } else {
        tracing::info!(%provider, decision, error = code, description, "the provider did not sign in");
    }
}

/// `return_to` as the original writes it: with our origin in front.
pub(super) fn absolute(relying_party: &RelyingParty, return_to: &ReturnTo) -> String {
    if return_to.is_external() {
        return return_to.as_str().to_owned();
    }
    format!("{}{}", relying_party.settings().origin, return_to.as_str())
}

/// The error codes of RFC 6749 §4.1.2.1, of OpenID Connect Core §3.1.2.6 and of GitHub, by what they mean to the
/// person in front of the browser.
fn explain(code: &str) -> (StatusCode, Explanation) {
    match code {
        "access_denied" => (StatusCode::FORBIDDEN, DENIED),
        "server_error" | "temporarily_unavailable" => (StatusCode::SERVICE_UNAVAILABLE, AWAY),
        "invalid_request"
        | "invalid_scope"
        | "unauthorized_client"
        | "unsupported_response_type"
        | "request_not_supported"
        // GitHub's own.
        | "redirect_uri_mismatch"
        | "application_suspended" => (StatusCode::INTERNAL_SERVER_ERROR, SETUP),
        _ => (StatusCode::UNAUTHORIZED, NOT_SIGNED_IN),
    }
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";
const MAX_BODY: usize = 64 << 10;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const fn unreadable(reason: &'static str) -> Explanation {
    Explanation {
        reason,
        error: "invalid_request",
        heading: "This sign-in cannot be finished",
        description: "What the sign-in service sent could not be read. Start again.",
    }
}

const BOTH: Explanation = unreadable("the response is in the query and in the body");
const NO_FORM: Explanation = unreadable("the response is no form");
const SLOW: Explanation = unreadable("the response came too slowly");
const LONG: Explanation = unreadable("the response is too long");
const BROKEN: Explanation = unreadable("the response broke off");

const DENIED: Explanation = Explanation {
    reason: "the user or the provider refused the sign-in",
    error: "access_denied",
    heading: "You have not been signed in",
    description: "The sign-in was cancelled, or the sign-in service does not let you use this \
                  application.",
};
const AWAY: Explanation = Explanation {
    reason: "the provider is not available",
    error: "temporarily_unavailable",
    heading: "Signing in is not possible at the moment",
    description: "The sign-in service cannot do it right now. Try again in a few minutes.",
};
const SETUP: Explanation = Explanation {
    reason: "the provider refuses how it was asked",
    error: "configuration_error",
    heading: "Signing in is not set up correctly",
    description: "The sign-in service refuses the way in which this site asks. Tell whoever runs \
                  this site, and quote the reference below.",
};
const NOT_SIGNED_IN: Explanation = Explanation {
    reason: "the provider did not sign the user in",
    error: "login_required",
    heading: "You have not been signed in",
    description: "The sign-in service did not confirm who you are. It may need something from you \
                  first: try again, and follow what it asks.",
};
