//! `GET /.auth/login`: a page to choose a provider on, for browsers that may sign in at several.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::page::{Link, Page};
use super::parameters::Parameters;
use super::{login, not_found, refuse, reply};
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;
use crate::return_to::ReturnTo;

pub(super) fn answer(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    if relying_party.providers().next().is_none() {
        return not_found(relying_party, parts);
    }
    match login::return_to(relying_party, &Parameters::of(&parts.uri)) {
        Ok(return_to) => page(relying_party, &return_to),
        Err(explanation) => {
            let (status, sub_status) = (StatusCode::BAD_REQUEST, SubStatus::LoginProtocolError);
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
