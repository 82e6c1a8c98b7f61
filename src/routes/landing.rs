//! Where a login ends: what its query asks for, and how what came of it gets there.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::json;

use super::page::{Link, Page};
use super::parameters::{Duplicate, Parameters};
use super::refuse::Explanation;
use super::reply;
use crate::config::{Settings, StoreChoice};
use crate::error::Refusal;
use crate::origin::PublicOrigin;
use crate::pending_login::{CodeChallenge, HandOver, Landing};
use crate::relying_party::{Issued, RelyingParty};
use crate::return_to::ReturnTo;
use crate::wire::login_result;

/// Where the query says that the login is to end, and with what; at our landing page, with a cookie,
/// if it does not.
pub(super) fn wanted(
    settings: &Settings,
    parameters: &Parameters,
) -> Result<Landing, (StatusCode, Explanation)> {
    let bad = |explanation| (StatusCode::BAD_REQUEST, explanation);
    let hand_over = hand_over(settings, parameters)?;
    if hand_over != HandOver::Cookie && matches!(settings.token_store, StoreChoice::Off) {
        return Err(bad(NO_STORE));
    }
    let target = one(parameters, &RETURN_TO)?;
    let return_to = return_to(settings, &hand_over, target).ok_or(bad(NOT_ALLOWED))?;
    if !may_get(settings, &return_to, &hand_over) {
        return Err(bad(NO_PLACE_FOR_TOKENS));
    }
    Ok(Landing { return_to, hand_over })
}

fn hand_over(
    settings: &Settings,
    parameters: &Parameters,
) -> Result<HandOver, (StatusCode, Explanation)> {
    let bad = |explanation| Err((StatusCode::BAD_REQUEST, explanation));
    let token = match one(parameters, &["session_mode"])? {
        None | Some("cookie") => false,
        Some("token") => true,
        Some(_) => return bad(NO_SUCH_MODE),
    };
    let completion = one(parameters, &["completion_type"])?;
    let origin = one(parameters, &["completion_origin"])?;
    let challenge = one(parameters, &["code_challenge"])?;
    // Without a challenge it says nothing.
    let method = one(parameters, &["code_challenge_method"])?.filter(|_| challenge.is_some());
    match (challenge, method, completion) {
        (Some(challenge), Some("S256"), None) => {
            let challenge = CodeChallenge::parse(challenge).map(HandOver::Code);
            challenge.map_or(bad(NO_CHALLENGE), Ok)
        }
        (None, None, Some("postMessage")) => {
            let opener = origin.and_then(|origin| opener(settings, origin));
            let opener = opener.ok_or((StatusCode::FORBIDDEN, NO_OPENER))?;
            Ok(HandOver::Message(opener))
        }
        (None, None, None) => Ok(if token { HandOver::Fragment } else { HandOver::Cookie }),
        (None, None, Some(_)) => bad(NO_SUCH_COMPLETION),
        _ => bad(NO_CHALLENGE),
    }
}

/// The origin of a page that may be told a session token.
fn opener(settings: &Settings, origin: &str) -> Option<PublicOrigin> {
    let opener = PublicOrigin::parse(origin).ok()?;
    settings.destinations.trusts_origin_of(opener.as_str()).then_some(opener)
}

fn return_to(settings: &Settings, hand_over: &HandOver, target: Option<&str>) -> Option<ReturnTo> {
    let Some(target) = target else { return Some(done(settings)) };
    let destinations = &settings.destinations;
    let parsed = match hand_over {
        HandOver::Cookie => destinations.parse(target),
        _ => destinations.parse_mobile(target),
    };
    parsed.ok()
}

/// Our landing page.
fn done(settings: &Settings) -> ReturnTo {
    let done = format!("{}/login/done", settings.api_prefix.as_str());
    settings.destinations.parse(&done).unwrap_or_default()
}

/// Whether what is handed over may be handed over there. A page of the application may redirect
/// somewhere, and browsers take a fragment along; so a token goes to our own page, which does not, or
/// to where the configuration says.
fn may_get(settings: &Settings, place: &ReturnTo, hand_over: &HandOver) -> bool {
    match hand_over {
        HandOver::Cookie | HandOver::Message(_) => true,
        HandOver::Code(_) => place.is_external(),
        HandOver::Fragment => {
            let path = place.as_str().split(['?', '#']).next().unwrap_or_default();
            place.is_external() || settings.api_prefix.is_login_done(path)
        }
    }
}

fn one<'a>(
    parameters: &'a Parameters,
    names: &[&str],
) -> Result<Option<&'a str>, (StatusCode, Explanation)> {
    parameters.one(names).map_err(|Duplicate| (StatusCode::BAD_REQUEST, TWICE))
}

/// Hands over what the login brought.
pub(super) fn arrive(
    relying_party: &RelyingParty,
    landing: &Landing,
    issued: Issued,
) -> Response<Bytes> {
    let there = absolute(relying_party, &landing.return_to);
    match issued {
        Issued::Cookies(cookies) => reply::redirect(&there, cookies),
        Issued::Code(code) => go_with(&there, &login_result::code_fragment(&code)),
        Issued::Token(result) => match &landing.hand_over {
            HandOver::Message(opener) => {
                tell(relying_party, opener, &result.message(), StatusCode::OK, SIGNED_IN)
            }
            _ => go_with(&there, &result.fragment()),
        },
    }
}

/// Tells who waits for the login that it has failed. A person is shown `refused`, a program gets
/// `what` in the way in which it would have got its token.
pub(super) fn fail(
    relying_party: &RelyingParty,
    landing: &Landing,
    refused: Response<Bytes>,
    what: &str,
) -> Response<Bytes> {
    let mut response = match &landing.hand_over {
        HandOver::Cookie => return refused,
        HandOver::Message(opener) => {
            let message = login_result::error_message(what);
            tell(relying_party, opener, &message, refused.status(), what)
        }
        HandOver::Fragment | HandOver::Code(_) => {
            let there = absolute(relying_party, &landing.return_to);
            go_with(&there, &login_result::error_fragment(what))
        }
    };
    if let Some(refusal) = refused.extensions().get::<Refusal>() {
        response.extensions_mut().insert(refusal.clone());
    }
    response
}

fn go_with(there: &str, fragment: &str) -> Response<Bytes> {
    let there = there.split('#').next().unwrap_or_default();
    reply::redirect(&format!("{there}#{fragment}"), None)
}

/// A page in a window that another page has opened. It tells that page, if it is still there and of
/// the origin that it was, and nobody else.
fn tell(
    relying_party: &RelyingParty,
    opener: &PublicOrigin,
    message: &str,
    status: StatusCode,
    heading: &str,
) -> Response<Bytes> {
    let home = relying_party.settings().origin.with_slash();
    let page = Page {
        title: heading,
        heading,
        paragraphs: &["You can close this window."],
        links: &[Link { label: "Return to the website", href: &home }],
        data: Some(json!({"message": message, "origin": opener.as_str()})),
        script: Some(include_str!("landing.js")),
        ..Page::default()
    };
    reply::page(status, &page)
}

/// `return_to` as the original writes it: with our origin in front.
pub(super) fn absolute(relying_party: &RelyingParty, return_to: &ReturnTo) -> String {
    if return_to.is_external() {
        return return_to.as_str().to_owned();
    }
    format!("{}{}", relying_party.settings().origin, return_to.as_str())
}

/// By all the names that it has had.
const RETURN_TO: [&str; 3] = ["post_login_redirect_uri", "post_login_redirect_url", "sso_end_uri"];
const SIGNED_IN: &str = "You have successfully signed in";

const fn invalid(reason: &'static str, description: &'static str) -> Explanation {
    let heading = "This sign-in link is not valid";
    Explanation { reason, error: "invalid_request", heading, description }
}

const NOT_ALLOWED: Explanation = invalid(
    "the return target is not allowed",
    "The page to return to after signing in (post_login_redirect_uri) is not one of this site, and \
     not listed in login.allowedExternalRedirectUrls.",
);
const NO_PLACE_FOR_TOKENS: Explanation = invalid(
    "the return target may not get a session token",
    "A session token or a code (session_mode, code_challenge) is handed over at /.auth/login/done, or \
     where login.allowedExternalRedirectUrls says: a code only there. The page to return to \
     (post_login_redirect_url) is another.",
);
const TWICE: Explanation =
    invalid("a parameter is there twice", "One of its parameters is there more than once.");
const NO_SUCH_MODE: Explanation =
    invalid("session_mode is unknown", "Its session_mode must be cookie or token.");
const NO_SUCH_COMPLETION: Explanation =
    invalid("completion_type is not supported", "Its completion_type must be postMessage.");
const NO_CHALLENGE: Explanation = invalid(
    "the code challenge is not valid",
    "It must have both, a code_challenge, which is the base64 of a SHA-256, and \
     code_challenge_method=S256, and no completion_type with them.",
);
const NO_OPENER: Explanation = Explanation {
    reason: "the completion origin is not allowed",
    error: "invalid_request",
    heading: "This sign-in link is not valid",
    description: "The page that is to be told of the sign-in (completion_origin) is not of this site, \
                  and none of its origin is listed in login.allowedExternalRedirectUrls.",
};
const NO_STORE: Explanation = Explanation {
    reason: "the login asks for a session token, and the token store is off",
    error: "unsupported_response_type",
    heading: "This sign-in link is not valid",
    description: "It asks for a session token (session_mode, completion_type or code_challenge). This \
                  site has none, since login.tokenStore.enabled is false.",
};
