//! Requests that another site has a browser send with our cookie: refused on evidence.
//!
//! The rule, for requests that a session cookie vouches for and that change something, and for
//! `/.auth/refresh` and `/.auth/logout`. One is refused if any of these hold:
//!
//! 1. `Sec-Fetch-Site` is `cross-site`;
//! 2. there is an `Origin`, and it is neither ours nor one that we may redirect to;
//! 3. there is no `Origin`, and a `Referer` of which the same is true;
//! 4. there is neither, and `Sec-Fetch-Site` is `same-site`: another origin of our domain sent it,
//!    and does not say whether it is one that we may redirect to.
//!
//! One that says nothing of where it comes from is no browser's, or an old one's whose user asked
//! it to keep silent: it passes. Nothing is decided by `User-Agent`. What a session token vouches for
//! is not looked at: no site can have a browser send one that it does not know.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use super::page::{Link, Page};
use super::refuse::{self, Explanation};
use super::{asker, reply};
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;
use crate::return_to::Destinations;
use crate::wire;

/// Whether a request may change something: by its method, or by opening a connection (WebSocket)
/// on which everything else is sent.
pub(crate) fn changes(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
        || headers.contains_key(header::UPGRADE)
}

/// Whether a request with a session is to be refused for where it comes from.
pub(crate) fn forbids(relying_party: &RelyingParty, parts: &Parts) -> bool {
    changes(&parts.method, &parts.headers)
        && is_foreign(&relying_party.settings().destinations, parts)
}

/// Whether another site may have had the browser send this request with its cookie. None can have it
/// send a session token, and with one no cookie counts.
pub(super) fn is_forged(relying_party: &RelyingParty, parts: &Parts) -> bool {
    wire::session_token::find(&parts.headers).is_none()
        && is_foreign(&relying_party.settings().destinations, parts)
}

/// Whether another site has had the browser send this request.
fn is_foreign(destinations: &Destinations, parts: &Parts) -> bool {
    let headers = &parts.headers;
    let from = |relation: &str| {
        headers.get_all("sec-fetch-site").iter().any(|site| site.as_bytes() == relation.as_bytes())
    };
    if from("cross-site") {
        return true;
    }
    let foreign = |value: &HeaderValue| {
        !value.to_str().is_ok_and(|address| destinations.trusts_origin_of(address))
    };
    // Browsers send one of each. Where there are more, none may speak against the request.
    match [header::ORIGIN, header::REFERER].into_iter().find(|told| headers.contains_key(told)) {
        Some(told) => headers.get_all(told).iter().any(foreign),
        None => from("same-site"),
    }
}

/// 403.60, and why.
pub(super) fn refuse(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let status = StatusCode::FORBIDDEN;
    let sub_status = SubStatus::CrossSiteRequestForgery;
    let refused = refuse::refuse(relying_party, parts, status, sub_status, &FOREIGN);
    reply::secure(refused, &parts.method)
}

/// What a sign-out from another site gets: a page that asks, if somebody followed a link; else a
/// refusal.
pub(super) fn confirm_logout(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    if parts.method == Method::POST || !asker::navigates(parts) {
        return refuse(relying_party, parts);
    }
    let origin = &relying_party.settings().origin;
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let here = format!("{origin}{}{query}", parts.uri.path());
    let home = origin.with_slash();
    let page = Page {
        title: "Sign out?",
        heading: "Do you want to sign out?",
        paragraphs: &["Another website has sent you here."],
        links: &[
            Link { label: "Sign out", href: &here },
            Link { label: "Stay signed in", href: &home },
        ],
        ..Page::default()
    };
    reply::page(StatusCode::OK, &page)
}

const FOREIGN: Explanation = Explanation {
    reason: "the request comes from another site",
    error: "cross_site_request",
    heading: "This request was not carried out",
    description: "It was sent from another website with your session. Only a website of the same \
                  domain can be allowed to do this, by login.allowedExternalRedirectUrls here.",
};
