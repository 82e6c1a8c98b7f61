//! Key sets ([RFC 7517], [RFC 7518 §6], [RFC 8037 §2]).
//!
//! Only what checks signatures is read. Certificates and addresses of further keys (`x5c`, `x5u`,
//! `jku`) and private members are passed over.
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
//! [RFC 7518 §6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
//! [RFC 8037 §2]: https://www.rfc-editor.org/rfc/rfc8037#section-2

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::error::Unspecified;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};

use super::json::{self, JsonError, Object, Value};
use super::jwa::Algorithm;

/// The keys that one provider publishes for checking its signatures.
///
/// # Security
///
/// A set belongs to the issuer it was fetched for. A `kid` means nothing in another set.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a key set of at most 256 KiB and its first 100 keys.
    ///
    /// Keys that we cannot or must not use are passed over (RFC 7517 §5): unknown or symmetric
    /// types, other uses than signatures, RSA moduli outside 2048 to 8192 bits. So the set may be
    /// empty.
    ///
    /// # Errors
    ///
    /// If the document is no key set at all.
    pub(crate) fn parse(document: &[u8]) -> Result<Self, JwkError> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(JwkError::TooLarge);
        }
        let document = json::object(document)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(JwkError::NoKeys)?;
        let keys = keys.iter().take(MAX_KEYS).filter_map(|key| Key::read(key.as_object()?));
        Ok(Self(keys.collect()))
    }

    /// The keys that are for an issuer that `accepts` takes, and those that do not say for whom:
    /// Entra's member `issuer`, which no standard has.
    pub(crate) fn for_issuers(&self, accepts: impl Fn(&str) -> bool) -> Self {
        let fits = |key: &&Key| key.issuer.as_deref().is_none_or(&accepts);
        Self(self.0.iter().filter(fits).cloned().collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

/// A public key for checking signatures.
#[derive(Clone, Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// The one algorithm that the provider uses this key with, if it says so.
    algorithm: Option<Algorithm>,
    issuer: Option<String>,
    public: PublicKey,
}

impl Key {
    fn read(jwk: &Object) -> Option<Self> {
        if !is_for_verification(jwk) {
            return None;
        }
        let id = optional_text(jwk, "kid")?.map(str::to_owned);
        let public = PublicKey::read(jwk)?;
        let algorithm = match optional_text(jwk, "alg")? {
            Some(name) => Some(Algorithm::parse(name).filter(|pinned| public.suits(*pinned))?),
            None => None,
        };
        let issuer = optional_text(jwk, "issuer")?.map(str::to_owned);
        Some(Self { id, algorithm, issuer, public })
    }

    pub(super) fn has_id(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Whether the key's type, curve and own `alg` allow this algorithm.
    pub(super) fn suits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|pinned| pinned == algorithm) && self.public.suits(algorithm)
    }

    /// Whether this key made `signature` over `message`, by `algorithm`.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.suits(algorithm) && self.public.verify(algorithm, message, signature).is_ok()
    }
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum JwkError {
    /// The document cannot be read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// There is no array `keys`.
    #[error("the key set has no array `keys`: check the address in `jwks_uri`")]
    NoKeys,
    /// The document is longer than 256 KiB.
    #[error("the key set is longer than 256 KiB")]
    TooLarge,
}

#[derive(Clone, Debug)]
enum PublicKey {
    Ed25519(Vec<u8>),
    /// An uncompressed point. `ring` checks on every use that it is on the curve.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl PublicKey {
    /// `None` for what we do not know, and for `oct`: a secret that was published is none.
    fn read(jwk: &Object) -> Option<Self> {
        match (jwk.text("kty")?, jwk.text("crv")) {
            ("EC", Some("P-256")) => Some(Self::P256(point(jwk, 32)?)),
            ("EC", Some("P-384")) => Some(Self::P384(point(jwk, 48)?)),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519(coordinate(jwk, "x", 32)?)),
            ("RSA", _) => Some(Self::Rsa(rsa(jwk)?)),
            _ => None,
        }
    }

    const fn suits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa),
            Self::P256(_) => matches!(algorithm, Algorithm::Es256),
            Self::P384(_) => matches!(algorithm, Algorithm::Es384),
            Self::Rsa(_) => rsa_parameters(algorithm).is_some(),
        }
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Unspecified> {
        let (curve, key): (&dyn signature::VerificationAlgorithm, _) = match self {
            Self::Ed25519(key) => (&signature::ED25519, key),
            Self::P256(key) => (&signature::ECDSA_P256_SHA256_FIXED, key),
            Self::P384(key) => (&signature::ECDSA_P384_SHA384_FIXED, key),
            Self::Rsa(key) => {
                let parameters = rsa_parameters(algorithm).ok_or(Unspecified)?;
                return key.verify(parameters, message, signature);
            }
        };
        UnparsedPublicKey::new(curve, key).verify(message, signature)
    }
}

const fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        _ => None,
    }
}

/// Whether `use` and `key_ops`, where present, allow checking signatures (RFC 7517 §4.2, §4.3).
fn is_for_verification(jwk: &Object) -> bool {
    let for_signatures = jwk.get("use").is_none_or(|usage| usage.as_str() == Some("sig"));
    let operations = jwk.get("key_ops").map(Value::as_strings);
    for_signatures && operations.is_none_or(|names| names.is_some_and(|n| n.contains(&"verify")))
}

fn rsa(jwk: &Object) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
    let n = unsigned(jwk, "n")?;
    let e = unsigned(jwk, "e")?;
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let exponent =
        e.iter().try_fold(0_u32, |value, byte| Some(value.checked_mul(256)? | u32::from(*byte)))?;

    let sane = RSA_BITS.contains(&bits) && is_odd(&n) && is_odd(&e) && exponent >= 3;
    sane.then_some(RsaPublicKeyComponents { n, e })
}

/// A big-endian number. Some providers put the sign's zero byte in front; `ring` refuses it.
fn unsigned(jwk: &Object, name: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(jwk.text(name)?).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn point(jwk: &Object, length: usize) -> Option<Vec<u8>> {
    let (x, y) = (coordinate(jwk, "x", length)?, coordinate(jwk, "y", length)?);
    Some([&[UNCOMPRESSED][..], &x, &y].concat())
}

fn coordinate(jwk: &Object, name: &str, length: usize) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(jwk.text(name)?).ok()?;
    (bytes.len() == length).then_some(bytes)
}

/// `None` if the member is there and no string.
fn optional_text<'a>(jwk: &'a Object, name: &str) -> Option<Option<&'a str>> {
    jwk.get(name).map_or(Some(None), |value| value.as_str().map(Some))
}

const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 100;
/// NIST SP 800-131A asks for no less; more is a way to keep us busy.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// SEC 1 §2.3.3.
const UNCOMPRESSED: u8 = 4;

#[cfg(test)]
mod tests;
