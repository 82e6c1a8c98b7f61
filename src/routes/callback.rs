//! `GET|POST /.auth/login/<provider>/callback`: back from the provider.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body::Body;
use tower::BoxError;
use tracing::field::display;

use super::posted::{self, Unread};
use super::refuse::{self, Explanation};
use super::{landing, no_such_provider, reply};
use crate::error::{Refusal, SubStatus};
use crate::oauth::authorization::AuthorizationError;
use crate::principal::ProviderId;
use crate::relying_party::{Finished, RelyingParty, Unfinished};

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
        Err(Unfinished { error, landing, cookies }) => {
            let mut response = refuse::fail(relying_party, parts, &error);
            if let Some(landing) = landing {
                let what = refuse::explain(error.fault()).heading;
                response = landing::fail(relying_party, &landing, response, what);
            }
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
    posted::read(parts, body, FORM).await.map_err(|unread| {
        let explanation = match unread {
            Unread::OtherType => NO_FORM,
            Unread::TooSlow => SLOW,
            Unread::TooLong => LONG,
            Unread::BrokenOff => BROKEN,
        };
        (unread.status(), explanation)
    })
}

fn render(
    relying_party: &RelyingParty,
    provider: &ProviderId,
    parts: &Parts,
    finished: Finished,
) -> Response<Bytes> {
    match finished {
        Finished::SignedIn { landing, issued, cookies } => {
            tracing::info!(%provider, "signed in");
            let mut response = landing::arrive(relying_party, &landing, issued);
            reply::set_cookies(&mut response, cookies);
            response
        }
        Finished::Refused { error, landing, cookies } => {
            let (status, explanation) = explain(&error.code);
            let sub_status = SubStatus::LoginProtocolError;
            let mut response = refuse::refuse_login(
                relying_party,
                parts,
                status,
                sub_status,
                &explanation,
                &landing.return_to,
            );
            log(provider, &error, &response);
            response = landing::fail(relying_party, &landing, response, explanation.heading);
            reply::set_cookies(&mut response, cookies);
            response
        }
    }
}

/// Under the reference that the page shows: people are asked to quote it.
fn log(provider: &ProviderId, error: &AuthorizationError, response: &Response<Bytes>) {
    let refusal = response.extensions().get::<Refusal>();
    let decision = refusal.map(|refusal| display(refusal.decision_id));
    let AuthorizationError { code, aadsts } = error;
    if response.status().is_server_error() {
        tracing::error!(%provider, decision, error = code, aadsts, "the provider did not sign in");
    } else {
        tracing::info!(%provider, decision, error = code, aadsts, "the provider did not sign in");
    }
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

const FORM: &str = "application/x-www-form-urlencoded";

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
