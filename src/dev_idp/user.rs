//! The people who can sign in.

use std::fmt;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

/// Somebody who can sign in at a [`DevIdp`](super::DevIdp), without a password.
#[derive(Clone)]
pub struct DevUser {
    user_name: String,
    name: String,
    email: String,
    groups: Vec<String>,
    roles: Vec<String>,
    claims: Map<String, Value>,
}

impl DevUser {
    /// A user with the short name `user_name` (claim `preferred_username`) and the full name
    /// `name`. The claim `sub` is made from `user_name` and is the same in every process.
    ///
    /// The e-mail address is `user_name@example.com`, groups and roles are empty.
    #[must_use]
    pub fn new(user_name: impl Into<String>, name: impl Into<String>) -> Self {
        let user_name = user_name.into();
        Self {
            email: format!("{user_name}@example.com"),
            user_name,
            name: name.into(),
            groups: Vec::new(),
            roles: Vec::new(),
            claims: Map::new(),
        }
    }

    /// The claim `email`; it counts as verified.
    #[must_use]
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = email.into();
        self
    }

    /// The claim `groups`.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// The claim `roles`.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.roles = roles.into_iter().map(Into::into).collect();
        self
    }

    /// A claim of your own. It replaces one about the person, such as `email`; what the protocol
    /// says, such as `sub` or `exp`, stays.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    pub(super) fn user_name(&self) -> &str {
        &self.user_name
    }

    pub(super) fn full_name(&self) -> &str {
        &self.name
    }

    pub(super) fn email_address(&self) -> &str {
        &self.email
    }

    /// Whether `hint`, a user name or an e-mail address, means this user.
    pub(super) fn is_meant_by(&self, hint: &str) -> bool {
        self.user_name.eq_ignore_ascii_case(hint) || self.email.eq_ignore_ascii_case(hint)
    }

    /// Stable and meaningless, as at real providers: an application that shows it as a name, or
    /// takes it apart, is found out here.
    pub(super) fn subject(&self) -> String {
        let digest = digest(&SHA256, format!("easyauth dev-idp\0{}", self.user_name).as_bytes());
        digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the granted scopes tell about this user (OpenID Connect Core §5.4).
    pub(super) fn claims_for(&self, scopes: &str) -> Map<String, Value> {
        let granted = |scope| scopes.split(' ').any(|one| one == scope);
        let mut claims = Map::new();
        if granted("profile") {
            let (given, family) = self.name.rsplit_once(' ').unwrap_or((&self.name, ""));
            claims.insert("name".into(), json!(self.name));
            claims.insert("given_name".into(), json!(given));
            claims.insert("family_name".into(), json!(family));
            claims.insert("preferred_username".into(), json!(self.user_name));
        }
        if granted("email") {
            claims.insert("email".into(), json!(self.email));
            claims.insert("email_verified".into(), json!(true));
        }
        claims.insert("groups".into(), json!(self.groups));
        claims.insert("roles".into(), json!(self.roles));
        claims.extend(self.claims.clone());
        claims.insert("sub".into(), json!(self.subject()));
        claims
    }
}

impl fmt::Debug for DevUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevUser").field("user_name", &self.user_name).finish_non_exhaustive()
    }
}

/// Who is there when nobody was named.
pub(super) fn default_users() -> Vec<DevUser> {
    vec![
        DevUser::new("alice", "Alice Archer").groups(["engineering", "on-call"]).roles(["admin"]),
        DevUser::new("bob", "Bob Builder").groups(["engineering"]).roles(["editor"]),
        DevUser::new("chloe", "Chloé Çelik").groups(["design"]).roles(["reader"]),
    ]
}
