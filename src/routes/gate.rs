//! What a request gets that nobody has signed in for: through, off to sign in, or refused.

use bytes::Bytes;
use http::request::Parts;
use http::uri::Scheme;
use http::{Method, Response, StatusCode};

use super::parameters::Parameters;
use super::refuse::{self, Explanation};
use super::{asker, bearer, choose, csrf, login, reply};
use crate::config::{Settings, Unauthenticated};
use crate::error::SubStatus;
use crate::pending_login::Landing;
use crate::relying_party::{Known, NoBearer, Refused, RelyingParty, Unknown};
use crate::wire;

/// What is to be done with a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It goes to the application: for the one who is known, or for anybody.
    Admit(Option<Known>),
    Answer(Response<Bytes>),
    /// The browser is to be sent to sign in, for which the provider may have to be asked.
    SignIn,
}

/// Decides what happens to a request of somebody known: it goes to the application, unless another
/// site has sent it.
pub(crate) fn authenticated(relying_party: &RelyingParty, parts: &Parts, known: Known) -> Verdict {
    if known.is_ambient() && csrf::forbids(relying_party, parts) {
        return Verdict::Answer(csrf::refuse(relying_party, parts));
    }
    Verdict::Admit(Some(known))
}

/// Decides, without waiting, what happens to a request of somebody unknown.
pub(crate) fn unauthenticated(
    relying_party: &RelyingParty,
    parts: &Parts,
    path: &str,
    unknown: Unknown,
) -> Verdict {
    let settings = relying_party.settings();
    if is_open(settings, parts, path) {
        return Verdict::Admit(None);
    }
    match settings.unauthenticated {
        Unauthenticated::Allow => Verdict::Admit(None),
        // Who sends a token is a program that needs to know that it does no longer do.
        _ if is_about_token(unknown) => Verdict::Answer(turn_away(relying_party, parts, unknown)),
        Unauthenticated::Reject401 => Verdict::Answer(turn_away(relying_party, parts, unknown)),
        Unauthenticated::Reject403 => Verdict::Answer(forbidden(relying_party, parts)),
        Unauthenticated::Reject404 => Verdict::Answer(hidden(relying_party, parts)),
        Unauthenticated::RedirectToLogin => redirect(relying_party, parts, unknown),
    }
}

/// Finds out who asks where that takes a look into the token store, and sends browsers to sign in.
pub(crate) async fn settle(relying_party: &RelyingParty, parts: &Parts, path: &str) -> Verdict {
    let unknown = match relying_party.authenticate(&parts.headers).await {
        Ok(Ok(known)) => return authenticated(relying_party, parts, known),
        Ok(Err(unknown)) => unknown,
        Err(error) => {
            let failed = refuse::fail(relying_party, parts, &error);
            // Style sheets and health checks need nobody's session; the failure is in the log.
            if is_open(relying_party.settings(), parts, path) {
                return Verdict::Admit(None);
            }
            return Verdict::Answer(reply::secure(failed, &parts.method));
        }
    };
    match unauthenticated(relying_party, parts, path, unknown) {
        Verdict::SignIn => Verdict::Answer(sign_in(relying_party, parts).await),
        verdict => verdict,
    }
}

/// Paths that are excluded, and `OPTIONS *`, which asks about the server and not about a resource.
fn is_open(settings: &Settings, parts: &Parts, path: &str) -> bool {
    settings.excluded.matches(path) || (path == "*" && parts.method == Method::OPTIONS)
}

fn redirect(relying_party: &RelyingParty, parts: &Parts, unknown: Unknown) -> Verdict {
    let settings = relying_party.settings();
    if !asker::navigates(parts) || settings.providers.is_empty() {
        return Verdict::Answer(turn_away(relying_party, parts, unknown));
    }
    if wire::cookie::returned(&parts.headers) {
        return Verdict::Answer(looping(relying_party, parts));
    }
    if settings.redirect_to.is_none() {
        let return_to = settings.destinations.of_request(&parts.uri);
        let response = reply::redirect(&choose::address(relying_party, &return_to), None);
        return Verdict::Answer(reply::secure(response, &parts.method));
    }
    Verdict::SignIn
}

/// Sends the browser to sign in.
pub(crate) async fn sign_in(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let settings = relying_party.settings();
    let provider = settings.redirect_to.as_ref().map(|id| id.as_str());
    let Some(provider) = provider.and_then(|name| relying_party.provider(name)) else {
        return unauthorized(relying_party, parts, Unknown::Nobody);
    };
    let response = if let Some(elsewhere) = login::at_login(relying_party, &provider.id, parts) {
        reply::redirect(&elsewhere, None)
    } else {
        let return_to = settings.destinations.of_request(&parts.uri);
        // A hint in the page's own address is taken along, as the original does.
        let parameters = Parameters::of(&parts.uri).only(&["login_hint", "domain_hint"]);
        login::begin(relying_party, provider, Landing::browser(return_to), parameters, parts).await
    };
    reply::secure(response, &parts.method)
}

/// 401, for the reason that `unknown` tells.
pub(super) fn unauthorized(
    relying_party: &RelyingParty,
    parts: &Parts,
    unknown: Unknown,
) -> Response<Bytes> {
    let (reason, sub_status) = match reason(unknown) {
        Ok(reason) => reason,
        Err(why) => return bearer::refuse(relying_party, parts, why),
    };
    let explanation = Explanation {
        reason,
        error: "unauthorized",
        heading: "You need to sign in",
        description: "You do not have permission to view this directory or page. Sign in and try \
                      again.",
    };
    let status = StatusCode::UNAUTHORIZED;
    let refused = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    reply::secure(refused, &parts.method)
}

/// Why a request has no session, and Azure's sub-status for that.
const fn reason(unknown: Unknown) -> Result<(&'static str, SubStatus), NoBearer> {
    Ok(match unknown {
        Unknown::Nobody => ("no credential", SubStatus::Unauthenticated),
        Unknown::Cookie(Refused::Unreadable) => {
            ("the session cookie does not open", SubStatus::InvalidToken)
        }
        Unknown::SessionToken(Refused::Unreadable) => {
            ("the session token is not valid", SubStatus::InvalidToken)
        }
        Unknown::SessionToken(Refused::Expired) => {
            ("the session token has expired", SubStatus::InvalidToken)
        }
        Unknown::Cookie(Refused::Expired) => ("the session has expired", SubStatus::SessionTimeout),
        Unknown::SessionToken(Refused::Superseded) => {
            ("the session token was followed by a newer one", SubStatus::InvalidToken)
        }
        Unknown::SessionToken(Refused::Ended)
        | Unknown::Cookie(Refused::Ended | Refused::Superseded) => {
            ("the session was ended", SubStatus::SessionTimeout)
        }
        Unknown::Bearer(why) => return Err(why),
    })
}

/// Whether somebody sent a token to be known by, and is not.
const fn is_about_token(unknown: Unknown) -> bool {
    match unknown {
        Unknown::SessionToken(_) => true,
        Unknown::Bearer(why) => !matches!(why, NoBearer::Foreign),
        Unknown::Nobody | Unknown::Cookie(_) => false,
    }
}

/// A 401. A cookie that proves nothing is deleted with it, so that it is not sent for ever; that of a
/// session past its end stays, for it may still be refreshed.
fn turn_away(relying_party: &RelyingParty, parts: &Parts, unknown: Unknown) -> Response<Bytes> {
    let mut refused = unauthorized(relying_party, parts, unknown);
    if matches!(unknown, Unknown::Cookie(Refused::Unreadable | Refused::Ended)) {
        let deleted = relying_party.cookies().delete_session(&parts.headers);
        reply::set_cookies(&mut refused, deleted);
    }
    refused
}

fn forbidden(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let explanation = Explanation {
        reason: "no session",
        error: "forbidden",
        heading: "This page is not open to everybody",
        description: "You do not have permission to view this directory or page.",
    };
    let status = StatusCode::FORBIDDEN;
    let sub_status = SubStatus::Unauthenticated;
    let refused = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    reply::secure(refused, &parts.method)
}

fn hidden(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let explanation = Explanation {
        reason: "no session",
        error: "not_found",
        heading: "There is nothing here",
        description: "The page that you asked for does not exist.",
    };
    let status = StatusCode::NOT_FOUND;
    let sub_status = SubStatus::Unauthenticated;
    let refused = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    reply::secure(refused, &parts.method)
}

/// A browser that has just signed in and is unknown again would be sent to and fro for ever.
fn looping(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let explanation = Explanation {
        reason: "back from the provider, and unknown again",
        error: "redirect_loop",
        heading: "Signing in worked, but you are not signed in",
        description: "Your browser did not bring the session back that it was given a moment ago. \
                      Allow cookies for this site, check that the clock of your device is right, \
                      and try again.",
    };
    let status = StatusCode::UNAUTHORIZED;
    let sub_status = SubStatus::InfiniteRedirectLoop;
    let mut refused = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    // Trying again is allowed: this page is shown once for one return.
    reply::set_cookies(&mut refused, relying_party.cookies().delete_returned());
    reply::secure(refused, &parts.method)
}

/// Sends a request that came by http to https, if that is required.
///
/// `scheme` is what the server says of the connection; a request of which it says nothing counts
/// as what the public origin is.
pub(crate) fn insist_on_https(
    settings: &Settings,
    parts: &Parts,
    path: &str,
    scheme: Option<&Scheme>,
) -> Option<Response<Bytes>> {
    let plain = scheme == Some(&Scheme::HTTP);
    if !(plain && settings.require_https && settings.origin.is_https()) {
        return None;
    }
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = if path.starts_with('/') { path } else { "/" };
    let mut response = reply::redirect(&format!("{}{path}{query}", settings.origin), None);
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    Some(reply::secure(response, &parts.method))
}
