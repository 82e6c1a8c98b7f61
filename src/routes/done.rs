//! `/.auth/login/done` and `/.auth/logout/done`: where a browser ends up that wanted nowhere else.
//! Also under the name `complete`.
//!
//! A login with a session token ends at the first with a fragment, which never reaches us: a script
//! changes the heading if that tells of an error, and takes no text from it.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::page::{Link, Page};
use super::reply;
use crate::relying_party::RelyingParty;

pub(super) fn signed_in(relying_party: &RelyingParty) -> Response<Bytes> {
    landing(relying_party, "You have successfully signed in", Some(include_str!("done.js")))
}

pub(super) fn signed_out(relying_party: &RelyingParty) -> Response<Bytes> {
    landing(relying_party, "You have been signed out", None)
}

fn landing(
    relying_party: &RelyingParty,
    heading: &str,
    script: Option<&'static str>,
) -> Response<Bytes> {
    let home = relying_party.settings().origin.with_slash();
    let links = [Link { label: "Return to the website", href: &home }];
    let page = Page { title: heading, heading, links: &links, script, ..Page::default() };
    reply::page(StatusCode::OK, &page)
}
