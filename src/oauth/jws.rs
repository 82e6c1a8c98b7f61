//! Signed documents in compact form ([RFC 7515 §5.2, §7.1]), read as [RFC 8725] advises.
//!
//! [RFC 7515 §5.2, §7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-5.2
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;

use super::json::{self, JsonError, Object};
use super::jwa::Algorithm;
use super::jwk::KeySet;
use crate::secret::Secret;

/// Checks a signed document of at most 16 KiB and opens it.
///
/// `algorithms` are the ones agreed with this provider; the document's header chooses among them
/// and never beyond. `types` are the header types (`typ`) that a document for this purpose may
/// have, without their prefix `application/`; one without a type is taken.
///
/// # Errors
///
/// [`JwsError::NoMatchingKey`] may mean that the provider has changed its keys: fetch them again,
/// once. Every other refusal is final.
pub(crate) fn verify(
    token: &str,
    keys: Keys<'_>,
    algorithms: &[Algorithm],
    types: &[&str],
) -> Result<Verified, JwsError> {
    let compact = Compact::split(token)?;
    let header = Header::read(&compact.header)?;

    if compact.signature.is_empty() {
        return Err(JwsError::Malformed);
    }
    if !algorithms.contains(&header.algorithm) {
        return Err(JwsError::AlgorithmNotAllowed);
    }
    if header.typ.as_deref().is_some_and(|typ| !is_one_of(typ, types)) {
        return Err(JwsError::ForeignType);
    }
    keys.check(&header, compact.signed.as_bytes(), &compact.signature)?;

    let claims = json::object(&compact.payload).map_err(JwsError::ClaimsUnreadable)?;
    Ok(Verified { algorithm: header.algorithm, claims })
}

/// What a document says, whoever signed it.
pub(super) fn unchecked_claims(token: &str) -> Option<Object> {
    let compact = Compact::split(token).ok()?;
    json::object(&compact.payload).ok()
}

/// Whom a document names as its issuer, **unchecked**: only to choose whose keys to check it with.
/// `None` if it is no signed document, or names nobody.
pub(crate) fn claimed_issuer(token: &str) -> Option<String> {
    unchecked_claims(token)?.text("iss").map(str::to_owned)
}

/// What a provider has signed. Only [`verify`] makes one, so claims without a checked signature
/// cannot be had.
#[derive(Debug)]
pub(crate) struct Verified {
    algorithm: Algorithm,
    claims: Object,
}

impl Verified {
    /// The algorithm that the document was signed with.
    pub(crate) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn claims(&self) -> &Object {
        &self.claims
    }

    pub(crate) fn into_claims(self) -> Object {
        self.claims
    }
}

/// What a provider's signatures are checked with: its published keys or the secret that it shares
/// with us, as configured. Never both, or a published key could be passed off as the secret.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys<'a> {
    Published(&'a KeySet),
    Shared(&'a SharedSecret),
}

impl Keys<'_> {
    fn check(self, header: &Header, message: &[u8], signature: &[u8]) -> Result<(), JwsError> {
        match self {
            Self::Published(_) if header.algorithm.is_symmetric() => {
                Err(JwsError::AlgorithmNotAllowed)
            }
            Self::Published(keys) => check_published(keys, header, message, signature),
            Self::Shared(secret) => secret.check(header.algorithm, message, signature),
        }
    }
}

/// A client secret that a provider signs with (`HS256`, `HS384`, `HS512`).
#[derive(Clone)]
pub(crate) struct SharedSecret(Secret<String>);

impl SharedSecret {
    /// Takes a client secret as a key.
    ///
    /// # Errors
    ///
    /// [`JwsError::WeakSecret`] for one of less than 32 bytes, or of less than eight different
    /// ones: everybody who holds a token can try secrets on it.
    pub(crate) fn new(client_secret: &Secret<String>) -> Result<Self, JwsError> {
        let secret = client_secret.expose();
        let distinct: BTreeSet<u8> = secret.bytes().collect();
        let strong = secret.len() >= MIN_SECRET_BYTES && distinct.len() >= MIN_DISTINCT_BYTES;
        if strong { Ok(Self(client_secret.clone())) } else { Err(JwsError::WeakSecret) }
    }

    /// The signature over `message`, by `HS256`.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose().as_bytes());
        hmac::sign(&key, message).as_ref().to_vec()
    }

    fn check(&self, with: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), JwsError> {
        let algorithm = match with {
            Algorithm::Hs256 => hmac::HMAC_SHA256,
            Algorithm::Hs384 => hmac::HMAC_SHA384,
            Algorithm::Hs512 => hmac::HMAC_SHA512,
            _ => return Err(JwsError::AlgorithmNotAllowed),
        };
        let key = hmac::Key::new(algorithm, self.0.expose().as_bytes());
        hmac::verify(&key, message, signature).map_err(|_| JwsError::BadSignature)
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// Why a signed document is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum JwsError {
    /// `alg` is unknown, not agreed with this provider, or of the wrong kind for its keys.
    #[error("`alg` is not an algorithm agreed with this provider")]
    AlgorithmNotAllowed,
    /// The signature was not made by the named key, or not over these bytes.
    #[error("the signature is wrong")]
    BadSignature,
    /// The signature is right, and what it signs is not a JSON object.
    #[error("the claims cannot be read: {0}")]
    ClaimsUnreadable(JsonError),
    /// The header has `crit` (RFC 7515 §4.1.11) or `b64` (RFC 7797): extensions we do not have.
    #[error("the header demands an extension (`crit`, `b64`), and none is supported")]
    CriticalExtension,
    /// The document is encrypted (RFC 7516).
    #[error("encrypted tokens are not supported: have the provider only sign them")]
    Encrypted,
    /// `typ` names a document for another purpose (RFC 8725 §3.11).
    #[error("`typ` names a token for another purpose")]
    ForeignType,
    /// The header cannot be read.
    #[error("the header cannot be read: {0}")]
    HeaderUnreadable(JsonError),
    /// The key that `kid` names is not for the header's algorithm.
    #[error("the key that `kid` names is not for the algorithm in `alg`")]
    KeyMismatch,
    /// The form is not three segments of canonical, unpadded base64url.
    #[error("the token is not three segments of base64url")]
    Malformed,
    /// `alg` is absent, or it, `kid` or `typ` is no string.
    #[error("`alg`, `kid` or `typ` in the header is no string")]
    MalformedHeader,
    /// No key has the header's `kid`; or the header has none, and no suitable key fits.
    #[error("no published key matches the token")]
    NoMatchingKey,
    /// The token is longer than 16 KiB, or its header than 2 KiB.
    #[error("the token is longer than 16 KiB or its header longer than 2 KiB")]
    TooLarge,
    /// `alg` is `none`, however written.
    #[error("the token is not signed")]
    Unsigned,
    /// The client secret is too weak to sign with.
    #[error("the client secret is too weak for HS256: use at least 32 random bytes")]
    WeakSecret,
}

/// The three segments, decoded. Nothing in them is trusted.
struct Compact<'a> {
    signed: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    fn split(token: &'a str) -> Result<Self, JwsError> {
        // Before anything is split or decoded: a million dots cost nothing.
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwsError::TooLarge);
        }
        if token.split('.').count() == ENCRYPTED_SEGMENTS {
            return Err(JwsError::Encrypted);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(JwsError::Malformed)?;
        if header.is_empty() {
            return Err(JwsError::Malformed);
        }
        // This engine refuses padding, other alphabets, white space and trailing bits that are not
        // zero, and so a fourth segment too: one document has one spelling.
        let decode = |segment| {
            BASE64_URL_SAFE_NO_PAD.decode::<&str>(segment).map_err(|_| JwsError::Malformed)
        };
        Ok(Self {
            signed,
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

/// What we heed of a header. The keys it may carry or point to (`jwk`, `jku`, `x5c`, `x5u`) are
/// whatever its sender likes, so they are not read.
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    fn read(document: &[u8]) -> Result<Self, JwsError> {
        if document.len() > MAX_HEADER_BYTES {
            return Err(JwsError::TooLarge);
        }
        let header = json::object(document).map_err(JwsError::HeaderUnreadable)?;
        if header.get("crit").is_some() || header.get("b64").is_some() {
            return Err(JwsError::CriticalExtension);
        }
        if header.get("enc").is_some() {
            return Err(JwsError::Encrypted);
        }
        let name = header.text("alg").ok_or(JwsError::MalformedHeader)?;
        if name.eq_ignore_ascii_case("none") {
            return Err(JwsError::Unsigned);
        }
        let algorithm = Algorithm::parse(name).ok_or(JwsError::AlgorithmNotAllowed)?;
        let (kid, typ) = (optional_text(&header, "kid")?, optional_text(&header, "typ")?);
        Ok(Self { algorithm, kid, typ })
    }
}

fn check_published(
    keys: &KeySet,
    header: &Header,
    message: &[u8],
    signature: &[u8],
) -> Result<(), JwsError> {
    let named = |id: &String| keys.iter().any(|key| key.has_id(id));
    if header.kid.as_ref().is_some_and(|id| !named(id)) {
        return Err(JwsError::NoMatchingKey);
    }
    let mut candidates = keys
        .iter()
        .filter(|key| header.kid.as_ref().is_none_or(|id| key.has_id(id)))
        .filter(|key| key.suits(header.algorithm))
        .take(MAX_CANDIDATES)
        .peekable();

    let named_key_unsuitable = header.kid.is_some() && candidates.peek().is_none();
    if named_key_unsuitable {
        return Err(JwsError::KeyMismatch);
    }
    if candidates.any(|key| key.verifies(header.algorithm, message, signature)) {
        return Ok(());
    }
    // Without a name, a key that we have not seen yet may have made the signature.
    Err(header.kid.as_ref().map_or(JwsError::NoMatchingKey, |_| JwsError::BadSignature))
}

/// Whether the media type `typ` is among `types` (RFC 7515 §4.1.9: case and an `application/` in
/// front do not matter).
fn is_one_of(typ: &str, types: &[&str]) -> bool {
    let lower = typ.to_ascii_lowercase();
    let name = lower.strip_prefix("application/").unwrap_or(&lower);
    types.iter().any(|accepted| accepted.eq_ignore_ascii_case(name))
}

fn optional_text(header: &Object, name: &str) -> Result<Option<String>, JwsError> {
    let Some(value) = header.get(name) else { return Ok(None) };
    value.as_str().map(|text| Some(text.to_owned())).ok_or(JwsError::MalformedHeader)
}

const MAX_TOKEN_BYTES: usize = 16 * 1024;
const MAX_HEADER_BYTES: usize = 2 * 1024;
/// Of how many keys the one that signed is sought when the header names none.
const MAX_CANDIDATES: usize = 8;
const ENCRYPTED_SEGMENTS: usize = 5;
const MIN_SECRET_BYTES: usize = 32;
const MIN_DISTINCT_BYTES: usize = 8;

#[cfg(test)]
mod tests;
