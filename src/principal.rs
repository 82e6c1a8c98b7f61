//! The one who is signed in, as the application sees them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::token::TokenSet;

/// The name of a configured provider: the `<provider>` of `/.auth/login/<provider>`, the value of
/// `X-MS-CLIENT-PRINCIPAL-IDP` and, in upper case, the `<PROVIDER>` of `X-MS-TOKEN-<PROVIDER>-*`.
///
/// 1 to 64 ASCII letters, digits or `_`. Cheap to clone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// Reads a provider's name; `None` if it has other characters or another length.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let well_formed = (1..=64).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        well_formed.then(|| Self(name.into()))
    }

    /// The name as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether somebody who writes `name` means this provider: no two differ only in case.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who vouches for a subject: the provider's issuer identifier, compared byte for byte
/// (OpenID Connect Core §3.1.3.7).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Issuer(Arc<str>);

impl Issuer {
    /// The issuer written exactly so.
    pub(crate) fn new(issuer: &str) -> Self {
        Self(issuer.into())
    }

    /// The identifier, exactly as configured.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The provider's own name for a user. It means something only under its [`Issuer`]; together they
/// are the one key by which users are told apart.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Subject(Arc<str>);

impl Subject {
    /// Reads what a provider calls one of its users: 1 to 255 printable ASCII characters (OpenID
    /// Connect Core §2).
    pub(crate) fn parse(subject: &str) -> Option<Self> {
        let well_formed = (1..=255).contains(&subject.len())
            && subject.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        well_formed.then(|| Self::new(subject))
    }

    /// The subject written exactly so.
    pub(crate) fn new(subject: &str) -> Self {
        Self(subject.into())
    }

    /// The identifier, exactly as the provider wrote it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One statement about the user, under the names that Easy Auth gives them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// What is stated, e.g. `name` or a `http://schemas.xmlsoap.org/…` URI.
    pub typ: String,
    /// The statement. A claim of several values is several claims.
    pub val: String,
}

impl Claim {
    /// The claim that `typ` is `val`.
    #[must_use]
    pub fn new(typ: impl Into<String>, val: impl Into<String>) -> Self {
        Self { typ: typ.into(), val: val.into() }
    }
}

/// The one who is signed in.
///
/// In the extensions of every request that a session or a bearer token vouches for, and an axum
/// extractor under the feature `axum`. Cheap to clone.
///
/// # Security
///
/// [`user_id`](Self::user_id) under one [`provider`](Self::provider) names the same person for ever.
/// [`name`](Self::name) and e-mail claims are for display: people can change them, and another
/// provider's user can have the same.
#[derive(Clone)]
pub struct Principal(Arc<SignedIn>);

/// What a [`Principal`] shares among its clones.
struct SignedIn {
    identity: Identity,
    tokens: Option<Arc<TokenSet>>,
}

/// Who somebody is, by what their provider stated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    pub(crate) provider: ProviderId,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) name_typ: String,
    pub(crate) claims: Vec<Claim>,
}

impl Principal {
    pub(crate) fn new(identity: Identity, tokens: Option<Arc<TokenSet>>) -> Self {
        Self(Arc::new(SignedIn { identity, tokens }))
    }

    /// The provider that vouches for this user: `X-MS-CLIENT-PRINCIPAL-IDP`.
    #[must_use]
    pub fn provider(&self) -> &ProviderId {
        &self.0.identity.provider
    }

    /// The provider's lasting identifier of this user: `X-MS-CLIENT-PRINCIPAL-ID`, which has it
    /// percent-encoded.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.0.identity.user_id
    }

    /// A name to show to people: `X-MS-CLIENT-PRINCIPAL-NAME`, which has it percent-encoded. The
    /// [`user_id`](Self::user_id) if the provider gave none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.identity.name
    }

    /// The claim type that [`name`](Self::name) was taken from.
    #[must_use]
    pub fn name_type(&self) -> &str {
        &self.0.identity.name_typ
    }

    /// Everything the provider stated, in its order, under Easy Auth's names: `email`, for one, is
    /// `http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress`. Claims that Easy Auth does
    /// not rename, such as `groups`, have the provider's names.
    #[must_use]
    pub fn claims(&self) -> &[Claim] {
        &self.0.identity.claims
    }

    /// The tokens that the provider issued; `None` if the token store is off, or if the request came
    /// with a bearer token and there is no session.
    #[must_use]
    pub fn tokens(&self) -> Option<&TokenSet> {
        self.0.tokens.as_deref()
    }

    /// The first claim of type `typ`, under [Easy Auth's name](Self::claims).
    #[must_use]
    pub fn claim(&self, typ: &str) -> Option<&str> {
        self.claims().iter().find(|claim| claim.typ == typ).map(|claim| claim.val.as_str())
    }

    /// The values of every claim of type `typ`, such as `groups` or `roles`.
    pub fn claims_of<'a>(&'a self, typ: &'a str) -> impl Iterator<Item = &'a str> {
        self.claims().iter().filter(move |claim| claim.typ == typ).map(|claim| claim.val.as_str())
    }
}

/// Names the user, for logs. What the provider stated of them is nobody's business there.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("provider", &self.provider().as_str())
            .field("user_id", &self.user_id())
            .finish_non_exhaustive()
    }
}

/// Principals are equal if provider and claims say the same; tokens do not count.
impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.0.identity == other.0.identity
    }
}

impl Eq for Principal {}
