//! What a provider states about a sign-in ([OpenID Connect Core §2, §3.1.3.7, §12.2]).
//!
//! [OpenID Connect Core §2, §3.1.3.7, §12.2]: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation

mod error;
pub(crate) mod refreshed;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;

pub(crate) use error::IdTokenError;

use super::json::{Object, Value};
use super::jwa::Algorithm;
use super::jws::{self, Keys, Verified};
use super::jwt;
use crate::clock::Timestamp;
use crate::principal::{Issuer, Subject};
use crate::record::Original;
use crate::secret::Secret;

/// Checks an ID token that answers a login.
///
/// # Errors
///
/// The first check that fails. [`NoMatchingKey`](jws::JwsError::NoMatchingKey) may mean that the
/// provider has changed its keys: fetch them again, once. Every other refusal is final.
pub(crate) fn verify(
    token: &str,
    keys: Keys<'_>,
    algorithms: &[Algorithm],
    expected: &Expected<'_>,
) -> Result<IdToken, IdTokenError> {
    let verified = jws::verify(token, keys, algorithms, &TYPES)?;
    let claims = verified.claims();
    let checked = Checked::read(claims, expected)?;

    check_nonce(claims, expected)?;
    check_context(claims, expected)?;
    check_authentication_time(claims, expected)?;
    check_access_token_hash(&verified, expected)?;
    check_code_hash(&verified, expected)?;
    Ok(IdToken { checked, claims: verified.into_claims() })
}

/// The tenant that a token names, before anything of it is checked.
///
/// # Security
///
/// Good for choosing what to check the token against, and for nothing else.
pub(crate) fn unchecked_tenant(token: &str) -> Option<String> {
    Some(jws::unchecked_claims(token)?.text("tid")?.to_owned())
}

/// What an ID token must say to be accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a Issuer,
    /// How the issuer also spells itself, which only Google does; none for everybody else.
    pub(crate) alias: Option<&'a Issuer>,
    pub(crate) client_id: &'a str,
    /// Whom the token may be for besides us. Empty unless configured.
    pub(crate) trusted_audiences: &'a [String],
    /// The nonce of the authorization request; `None` only if none was sent.
    pub(crate) nonce: Option<&'a Secret<String>>,
    /// The access token that came with the ID token, if any.
    pub(crate) access_token: Option<&'a Secret<String>>,
    /// The authorization code that came with the ID token or was redeemed for it, if any.
    pub(crate) code: Option<&'a Secret<String>>,
    pub(crate) delivery: Delivery,
    /// The `max_age` of the authorization request.
    pub(crate) max_age: Option<Duration>,
    /// The values of `acr` that will do; empty if it does not matter.
    pub(crate) acr_values: &'a [String],
    pub(crate) now: Timestamp,
    /// How far the provider's clock may differ from ours: [`DEFAULT_SKEW`] unless configured, and
    /// never taken for more than [`MAX_SKEW`].
    pub(crate) skew: Duration,
}

impl Expected<'_> {
    fn check_issuer(&self, claims: &Object) -> Result<(), IdTokenError> {
        let known = jwt::is_issued_by(claims, self.issuer)
            || self.alias.is_some_and(|alias| jwt::is_issued_by(claims, alias));
        if known { Ok(()) } else { Err(IdTokenError::IssuerMismatch) }
    }

    /// The latest moment that could be now by the provider's clock.
    fn latest(&self) -> Timestamp {
        self.now.after(self.skew.min(MAX_SKEW))
    }

    /// The earliest moment that could be now by the provider's clock.
    fn earliest(&self) -> Timestamp {
        self.now.before(self.skew.min(MAX_SKEW))
    }

    fn is_trusted(&self, audience: &str) -> bool {
        audience == self.client_id || self.trusted_audiences.iter().any(|a| a == audience)
    }

    /// Whether a token for `audience` can be meant for us.
    fn is_addressee(&self, audience: &str) -> bool {
        let any = self.delivery == Delivery::Application;
        audience == self.client_id || (any && self.is_trusted(audience))
    }
}

/// The way an ID token came to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Delivery {
    /// By an application in which the user has signed in to the provider, maybe a while ago: a token
    /// is good as long as it lasts. It may be for one of the trusted audiences instead of us, and be
    /// given to one of them. Hashes are checked where present.
    Application,
    /// Through the browser, which may have put it beside another code or access token: the hashes
    /// of those are required (§3.3.2.11).
    AuthorizationEndpoint,
    /// From the provider itself. Hashes are checked where present.
    TokenEndpoint,
}

/// An accepted ID token.
///
/// # Security
///
/// The issuer that was expected and [`subject`](Self::subject) together are the only name of a user.
/// E-mail addresses and names among the claims can be changed, taken over or given twice.
#[derive(Debug)]
pub(crate) struct IdToken {
    checked: Checked,
    claims: Object,
}

impl IdToken {
    pub(crate) const fn subject(&self) -> &Subject {
        &self.checked.subject
    }

    /// The client that the token was issued to: its `azp`, or else `appid`, or else its audience, of
    /// which it has only one then.
    pub(crate) fn issued_to(&self) -> &str {
        let Checked { authorized_party, audiences, .. } = &self.checked;
        let party = authorized_party.as_deref().or_else(|| self.claims.text("appid"));
        party.or_else(|| audiences.first().map(String::as_str)).unwrap_or_default()
    }

    /// Whether the token was issued to `client_id` for itself, and what came with it with it.
    pub(crate) fn is_own_of(&self, client_id: &str) -> bool {
        let named = self.checked.audiences.iter().any(|audience| audience == client_id);
        named && self.issued_to() == client_id
    }

    /// Everything the token states, in its order.
    ///
    /// # Security
    ///
    /// Addresses among the claims (`_claim_sources`, `picture`, …) are the provider's word, and
    /// often the user's. They are for showing, never for fetching.
    pub(crate) const fn claims(&self) -> &Object {
        &self.claims
    }

    /// When the token expires.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.claims.get("exp").and_then(jwt::moment)
    }

    /// When the user proved who they are; `None` if the provider does not say, or not as a moment.
    pub(crate) fn auth_time(&self) -> Option<Timestamp> {
        self.claims.get("auth_time").and_then(jwt::moment)
    }

    /// How strongly the user was authenticated, in words agreed with the provider.
    pub(crate) fn acr(&self) -> Option<&str> {
        self.claims.text("acr")
    }

    /// By which methods the user was authenticated (RFC 8176).
    pub(crate) fn amr(&self) -> Vec<&str> {
        self.claims.get("amr").and_then(Value::as_strings).unwrap_or_default()
    }

    /// The provider's name for its own session.
    pub(crate) fn sid(&self) -> Option<&str> {
        self.claims.text("sid")
    }

    /// What any later ID token of this sign-in has to agree with.
    pub(crate) fn original(&self) -> Original {
        Original {
            subject: self.checked.subject.clone(),
            audiences: self.checked.audiences.clone(),
            authorized_party: self.checked.authorized_party.clone(),
            auth_time: self.auth_time(),
            nonce: self.claims.text("nonce").map(Secret::from),
            posted: self.checked.delivery == Delivery::Application,
        }
    }
}

/// The claims that every ID token is checked for, as far as anybody asks for them afterwards.
#[derive(Debug)]
struct Checked {
    subject: Subject,
    audiences: Vec<String>,
    authorized_party: Option<String>,
    delivery: Delivery,
}

impl Checked {
    fn read(claims: &Object, expected: &Expected<'_>) -> Result<Self, IdTokenError> {
        expected.check_issuer(claims)?;
        check_purpose(claims, expected)?;
        let audiences = check_audiences(claims, expected)?;
        let authorized_party = check_authorized_party(claims, &audiences, expected)?;
        let subject = check_subject(claims)?;
        check_validity(claims, expected)?;
        check_age(claims, expected)?;
        Ok(Self { subject, audiences, authorized_party, delivery: expected.delivery })
    }
}

/// Providers sign more than ID tokens, and not all of it has a type.
fn check_purpose(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    if claims.get("events").is_some() {
        return Err(IdTokenError::Event);
    }
    if expected.delivery != Delivery::Application {
        return Ok(());
    }
    if claims.get("cnf").is_some() {
        return Err(IdTokenError::SenderConstrained);
    }
    // Entra's first version says so what others say in `azp`.
    let ours = |party: &Value| party.as_str().is_some_and(|party| expected.is_addressee(party));
    let for_us = claims.get("appid").is_none_or(ours);
    if for_us { Ok(()) } else { Err(IdTokenError::AuthorizedPartyMismatch) }
}

fn check_audiences(claims: &Object, expected: &Expected<'_>) -> Result<Vec<String>, IdTokenError> {
    let audiences = jwt::audiences(claims).ok_or(IdTokenError::AudienceMismatch)?;
    if !audiences.iter().any(|audience| expected.is_addressee(audience)) {
        return Err(IdTokenError::AudienceMismatch);
    }
    if !audiences.iter().all(|audience| expected.is_trusted(audience)) {
        return Err(IdTokenError::UntrustedAudience);
    }
    Ok(audiences.into_iter().map(str::to_owned).collect())
}

fn check_authorized_party(
    claims: &Object,
    audiences: &[String],
    expected: &Expected<'_>,
) -> Result<Option<String>, IdTokenError> {
    match claims.get("azp") {
        None if audiences.len() > 1 => Err(IdTokenError::AuthorizedPartyMissing),
        None => Ok(None),
        Some(party) => party
            .as_str()
            .filter(|party| expected.is_addressee(party))
            .map(|party| Some(party.to_owned()))
            .ok_or(IdTokenError::AuthorizedPartyMismatch),
    }
}

fn check_subject(claims: &Object) -> Result<Subject, IdTokenError> {
    jwt::subject(claims).ok_or(IdTokenError::SubjectInvalid)
}

fn check_validity(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let expires_at = claims.get("exp").and_then(jwt::moment).ok_or(IdTokenError::ExpiryInvalid)?;
    if expected.earliest() >= expires_at {
        return Err(IdTokenError::Expired);
    }
    if let Some(not_before) = claims.get("nbf") {
        let not_before = jwt::moment(not_before).ok_or(IdTokenError::NotBeforeInvalid)?;
        if not_before > expected.latest() {
            return Err(IdTokenError::NotYetValid);
        }
    }
    Ok(())
}

fn check_age(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let issued_at = claims.get("iat").and_then(jwt::moment).ok_or(IdTokenError::IssuedAtInvalid)?;
    if issued_at > expected.latest() {
        return Err(IdTokenError::IssuedInFuture);
    }
    let fresh = expected.delivery != Delivery::Application;
    if fresh && expected.now.since(issued_at) > MAX_AGE_OF_TOKEN {
        return Err(IdTokenError::IssuedTooLongAgo);
    }
    Ok(())
}

fn check_nonce(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let Some(sent) = expected.nonce else { return Ok(()) };
    let answered = claims.get("nonce").is_some_and(|nonce| matches_secret(nonce, Some(sent)));
    if answered { Ok(()) } else { Err(IdTokenError::NonceMismatch) }
}

fn check_context(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let accepted = expected.acr_values;
    let suffices = claims.text("acr").is_some_and(|acr| accepted.iter().any(|a| a == acr));
    let passes = accepted.is_empty() || suffices;
    if passes { Ok(()) } else { Err(IdTokenError::ContextNotAccepted) }
}

fn check_authentication_time(claims: &Object, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    // Nobody asked: then a provider that writes nonsense here still signs its users in.
    let Some(max_age) = expected.max_age else { return Ok(()) };
    let authenticated_at = claims
        .get("auth_time")
        .and_then(jwt::moment)
        .ok_or(IdTokenError::AuthenticationTimeInvalid)?;
    if authenticated_at > expected.latest() {
        return Err(IdTokenError::AuthenticationTimeInFuture);
    }
    if expected.earliest().since(authenticated_at) > max_age {
        return Err(IdTokenError::AuthenticationTooOld);
    }
    Ok(())
}

fn check_access_token_hash(
    verified: &Verified,
    expected: &Expected<'_>,
) -> Result<(), IdTokenError> {
    let Some(access_token) = expected.access_token else { return Ok(()) };
    match verified.claims().get("at_hash") {
        None if expected.delivery == Delivery::AuthorizationEndpoint => {
            Err(IdTokenError::AccessTokenHashMissing)
        }
        Some(hash) if !is_hash_of(hash, access_token, verified.algorithm()) => {
            Err(IdTokenError::AccessTokenHashMismatch)
        }
        _ => Ok(()),
    }
}

fn check_code_hash(verified: &Verified, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    let Some(code) = expected.code else { return Ok(()) };
    match verified.claims().get("c_hash") {
        None if expected.delivery == Delivery::AuthorizationEndpoint => {
            Err(IdTokenError::CodeHashMissing)
        }
        Some(hash) if !is_hash_of(hash, code, verified.algorithm()) => {
            Err(IdTokenError::CodeHashMismatch)
        }
        _ => Ok(()),
    }
}

/// Whether `hash` is the left half of the hash of `value`, by the hash of the token's signature
/// (§3.1.3.6).
fn is_hash_of(hash: &Value, value: &Secret<String>, algorithm: Algorithm) -> bool {
    let digest = digest::digest(algorithm.digest(), value.expose().as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    hash.as_str() == Some(BASE64_URL_SAFE_NO_PAD.encode(left).as_str())
}

fn matches_secret(value: &Value, secret: Option<&Secret<String>>) -> bool {
    value.as_str().zip(secret).is_some_and(|(text, secret)| secret.matches(text))
}

/// How far a provider's clock may differ from ours, unless configured.
pub(crate) const DEFAULT_SKEW: Duration = Duration::from_secs(60);
/// The most that can be configured.
pub(crate) const MAX_SKEW: Duration = Duration::from_secs(300);

/// How long ago a token may have been issued that is handed to us only now.
const MAX_AGE_OF_TOKEN: Duration = Duration::from_secs(600);
/// The header types of an ID token. Others, such as `at+jwt`, are for other purposes.
const TYPES: [&str; 1] = ["JWT"];

#[cfg(test)]
mod tests;
