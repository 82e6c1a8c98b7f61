//! `/.auth/login/done` and `/.auth/logout/done`: where a browser ends up that wanted nowhere else.
//! Also under the name `complete`.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::page::{Link, Page};
use super::reply;
use crate::relying_party::RelyingParty;

pub(super) fn signed_in(relying_party: &RelyingParty) -> Response<Bytes> {
    landing(relying_party, "You have successfully signed in")
}

pub(super) fn signed_out(relying_party: &RelyingParty) -> Response<Bytes> {
    landing(relying_party, "You have been signed out")
}

fn landing(relying_party: &RelyingParty, heading: &str) -> Response<Bytes> {
    let home = relying_party.settings().origin.with_slash();
    let links = [Link { label: "Return to the website", href: &home }];
    let page = Page { title: heading, heading, links: &links, ..Page::default() };
    reply::page(StatusCode::OK, &page)
}
