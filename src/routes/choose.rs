//! `GET /.auth/login`: a page to choose a provider on, for browsers that may sign in at several.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::page::{Link, Page};
use super::parameters::Parameters;
use super::refuse::{self, Explanation};
use super::{landing, login, not_found, reply};
use crate::error::SubStatus;
use crate::pending_login::{HandOver, Landing};
use crate::relying_party::RelyingParty;
use crate::return_to::ReturnTo;

pub(super) fn answer(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    if relying_party.providers().next().is_none() {
        return not_found(relying_party, parts);
    }
    match landing::wanted(relying_party.settings(), &Parameters::of(&parts.uri)) {
        Ok(Landing { return_to, hand_over: HandOver::Cookie }) => page(relying_party, &return_to),
        refused => {
            let (status, explanation) =
                refused.err().unwrap_or((StatusCode::BAD_REQUEST, NO_TOKENS));
            let sub_status = SubStatus::LoginProtocolError;
            refuse::refuse(relying_party, parts, status, sub_status, &explanation)
        }
    }
}

/// Where the page is, for a browser that is to come back to `return_to`.
pub(super) fn address(relying_party: &RelyingParty, return_to: &ReturnTo) -> String {
    login::with_return_to(relying_party, "login", return_to)
}

fn page(relying_party: &RelyingParty, return_to: &ReturnTo) -> Response<Bytes> {
    let choices: Vec<_> = relying_party
        .providers()
        .map(|id| (format!("Sign in with {id}"), login::address(relying_party, id, return_to)))
        .collect();
    let links: Vec<_> = choices.iter().map(|(label, href)| Link { label, href }).collect();
    let page = Page { title: "Sign in", heading: "Sign in", links: &links, ..Page::default() };
    reply::page(StatusCode::OK, &page)
}

const NO_TOKENS: Explanation = Explanation {
    reason: "a login with a session token names no provider",
    error: "invalid_request",
    heading: "This sign-in link is not valid",
    description: "It asks for a session token (session_mode, completion_type or code_challenge), and \
                  must lead to the sign-in with one service: /.auth/login/<provider>.",
};
