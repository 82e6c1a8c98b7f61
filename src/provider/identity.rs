//! Who a user is, by what an OpenID provider states of them.

use std::borrow::Cow;
use std::collections::HashSet;

use super::aad::TENANT_ID;
use super::admission::NotAdmitted;
use super::claims;
use super::habits::Sources;
use super::{IssuerSource, OpenIdConnect, Stated, aad};
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::IdToken;
use crate::oauth::json::Object;
use crate::oauth::jwk::KeySet;
use crate::principal::{Claim, Identity, Issuer, ProviderId, Subject};
use crate::token::TokenSet;

impl OpenIdConnect {
    /// The issuer that an ID token must name which says, unchecked, to come from tenant `tenant`.
    ///
    /// # Security
    ///
    /// What an unchecked token says chooses among the tenants that are allowed, never beyond; then
    /// the token is checked against that one.
    pub(crate) fn issuer_for(
        &self,
        metadata: &Metadata,
        tenant: Option<&str>,
    ) -> Result<Issuer, NotAdmitted> {
        if !self.has_tenants(metadata) {
            return Ok(metadata.issuer.clone());
        }
        let tenant = tenant.ok_or(NotAdmitted::Tenant)?;
        let allowed = self.admission.tenants.iter().find(|id| id.eq_ignore_ascii_case(tenant));
        let allowed = allowed.ok_or(NotAdmitted::Tenant)?;
        Ok(issuer_of(metadata, allowed))
    }

    /// The issuers of all whom the provider may vouch for: where it has tenants, those let in.
    pub(crate) fn issuers(&self, metadata: &Metadata) -> Vec<Issuer> {
        if !self.has_tenants(metadata) {
            return vec![metadata.issuer.clone()];
        }
        self.admission.tenants.iter().map(|tenant| issuer_of(metadata, tenant)).collect()
    }

    /// The issuer that a later ID token must name of a user whose first one named `earlier`.
    pub(crate) fn issuer_again(&self, metadata: &Metadata, earlier: &Issuer) -> Issuer {
        if self.has_tenants(metadata) { earlier.clone() } else { metadata.issuer.clone() }
    }

    /// Whether each of the provider's tenants is an issuer of its own.
    fn has_tenants(&self, metadata: &Metadata) -> bool {
        let entra = matches!(self.source, IssuerSource::Entra(_));
        entra && metadata.issuer.as_str().contains(TENANT_ID)
    }

    /// Whether the provider leaves ID tokens unsigned that come from its token endpoint, as Entra ID
    /// does with those of version 1. They prove nothing; the one beside the code does.
    pub(crate) const fn leaves_unsigned(&self) -> bool {
        matches!(self.source, IssuerSource::Entra(_))
    }

    /// How the issuer also spells itself.
    pub(crate) fn alias(&self) -> Option<Issuer> {
        self.habits.alias.map(Issuer::new)
    }

    /// Those of the provider's keys that may sign for `issuer`.
    pub(crate) fn keys_of<'a>(&self, issuer: &Issuer, keys: &'a KeySet) -> Cow<'a, KeySet> {
        match self.source {
            IssuerSource::Entra(_) => {
                Cow::Owned(keys.for_issuers(|of| aad::is_key_of(of, issuer.as_str())))
            }
            _ => Cow::Borrowed(keys),
        }
    }

    /// Checks whether the authorization policy admits who signs in with this ID token.
    pub(crate) fn check_policy(&self, id_token: &IdToken) -> Result<(), NotAdmitted> {
        let admitted = self.policy.admits_sign_in(id_token.issued_to(), id_token.claims());
        if admitted { Ok(()) } else { Err(NotAdmitted::Policy) }
    }

    /// Checks whether the holder of a verified bearer token that states `claims` may come in.
    pub(crate) fn admit_holder(&self, claims: &Object) -> Result<(), NotAdmitted> {
        self.admission.check(claims)?;
        if self.policy.admits_token(claims) { Ok(()) } else { Err(NotAdmitted::Policy) }
    }

    /// By which name the holder of a verified token is known for ever; `None` if it has none.
    pub(crate) fn subject(&self, id_token: &Object) -> Option<Subject> {
        let usable = |subject: &String| {
            (1..=MAX_SUBJECT).contains(&subject.len())
                && subject.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        };
        (self.habits.subject)(id_token).filter(usable).as_deref().map(Subject::new)
    }

    /// Whether two ID tokens of one sign-in are about the same user (OpenID Connect Core §3.3.3.6).
    pub(crate) fn is_one_user(&self, one: &IdToken, other: &IdToken) -> bool {
        let [one, other] = [one, other].map(IdToken::claims);
        ["iss", "sub"].iter().all(|name| one.text(name) == other.text(name))
            && self.subject(one) == self.subject(other)
    }

    /// What is told of the user beside the ID token.
    pub(crate) fn told(&self, sources: &Sources<'_>) -> Vec<Claim> {
        (self.habits.told)(sources, self.claim_names)
    }

    /// Who the user is: by what their ID token states, and for what it leaves open, by what was
    /// `told` of them.
    pub(crate) fn identity(
        &self,
        provider: &ProviderId,
        subject: &Subject,
        id_token: &Object,
        told: &[Claim],
    ) -> Stated {
        let mut claims = (self.habits.stated)(id_token, self.claim_names);
        let told_from = claims.len();
        let stated: HashSet<&str> = claims.iter().map(|claim| claim.typ.as_str()).collect();
        let added = told.iter().filter(|told| !stated.contains(told.typ.as_str()));
        let added: Vec<Claim> = added.cloned().collect();
        claims.extend(added);

        let (name, name_typ) = self.name(subject, &claims);
        let user_id = subject.as_str().to_owned();
        let identity = Identity { provider: provider.clone(), user_id, name, name_typ, claims };
        Stated { identity, told_from }
    }

    /// The name for display, and the type of the claim that it is taken from.
    fn name(&self, subject: &Subject, claims: &[Claim]) -> (String, String) {
        let names = self.name_claim.as_deref().into_iter().chain(self.habits.names.iter().copied());
        let named = names
            .map(|name| claims::typ(name, self.claim_names))
            .find_map(|typ| claims.iter().find(|claim| claim.typ == typ && !claim.val.is_empty()));
        match named {
            Some(Claim { typ, val }) => {
                let bare = val.strip_prefix(self.habits.name_prefix).unwrap_or(val);
                (bare.to_owned(), typ.clone())
            }
            None => {
                let subject = subject.as_str();
                let stating = claims.iter().find(|claim| claim.val == subject);
                let sub = || claims::typ("sub", self.claim_names).to_owned();
                (subject.to_owned(), stating.map_or_else(sub, |claim| claim.typ.clone()))
            }
        }
    }

    /// `tokens` as they are kept and handed on.
    pub(crate) fn keep(&self, mut tokens: TokenSet) -> TokenSet {
        if self.habits.authentication_token {
            tokens.authentication_token = tokens.id_token.take();
        }
        tokens
    }
}

/// The issuer of a tenant, by the metadata of all.
fn issuer_of(metadata: &Metadata, tenant: &str) -> Issuer {
    Issuer::new(&metadata.issuer.as_str().replace(TENANT_ID, &tenant.to_ascii_lowercase()))
}

const MAX_SUBJECT: usize = 255;
