//! In what an OpenID provider differs from others, as far as it can be said once and for all.

use super::claims::{self, ClaimNames};
use crate::oauth::json::Object;
use crate::principal::Claim;

/// A provider's habits: data, and pure mappings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// What names the user of an ID token for ever.
    pub(super) subject: fn(&Object) -> Option<String>,
    /// The claims that name a user for display, the best first.
    pub(super) names: &'static [&'static str],
    /// What stands in front of some of those names and means nothing.
    pub(super) name_prefix: &'static str,
    /// How the issuer also spells itself in ID tokens.
    pub(super) alias: Option<&'static str>,
    /// Whether users are asked about at the userinfo endpoint, too.
    pub(crate) asks_userinfo: bool,
    /// Whether the ID token is handed on as `authentication_token`, its name from before OpenID
    /// Connect.
    pub(super) authentication_token: bool,
    /// What the ID token states.
    pub(super) stated: fn(&Object, ClaimNames) -> Vec<Claim>,
    /// What is told beside it.
    pub(super) told: fn(&Sources<'_>, ClaimNames) -> Vec<Claim>,
    /// Whether what is told beside the ID token is told at the first sign-in only.
    pub(crate) tells_once: bool,
    /// What a user of the application has to change to get a refresh token.
    pub(crate) refresh: &'static str,
}

/// What a sign-in brought, from which it is told who the user is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sources<'a> {
    pub(crate) id_token: &'a Object,
    pub(crate) userinfo: Option<&'a Object>,
    /// Apple's `user`, which nobody vouches for.
    pub(crate) user: Option<&'a str>,
}

/// The standard's.
pub(super) const STANDARD: Habits = Habits {
    subject: |id_token| id_token.text("sub").map(str::to_owned),
    names: &["name", "preferred_username", "email"],
    name_prefix: "",
    alias: None,
    asks_userinfo: true,
    authentication_token: false,
    stated: claims::map,
    told: userinfo,
    tells_once: false,
    refresh: "The sign-in service issued no refresh token. Most do so only if login.scopes has \
              offline_access.",
};

/// All that userinfo tells.
pub(super) fn userinfo(sources: &Sources<'_>, names: ClaimNames) -> Vec<Claim> {
    sources.userinfo.map(|userinfo| claims::map(userinfo, names)).unwrap_or_default()
}

/// Nothing.
pub(super) fn nothing(_: &Sources<'_>, _: ClaimNames) -> Vec<Claim> {
    Vec::new()
}
