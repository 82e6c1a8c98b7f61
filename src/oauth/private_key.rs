//! The private keys that we prove ourselves with to providers, from PEM text ([RFC 7468]): PKCS#8
//! ([RFC 5958]) or PKCS#1, with the certificate that they belong to, if it is there.
//!
//! [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468
//! [RFC 5958]: https://www.rfc-editor.org/rfc/rfc5958

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::SecureRandom;
use ring::rsa;
use ring::signature::{self, EcdsaKeyPair, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::jwa::Algorithm;

/// A private key that proves to a provider who we are: RSA from 2048 bits, or on the curve P-256.
///
/// Cheap to clone. Its `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<Pair>,
    certificate: Option<Thumbprints>,
    id: Option<String>,
}

impl PrivateKey {
    /// Reads a key from PEM text; if there are certificates too, the first must be the key's own.
    ///
    /// # Errors
    ///
    /// [`PrivateKeyError`] says what the text lacks.
    pub(crate) fn read(pem: &str, random: &dyn SecureRandom) -> Result<Self, PrivateKeyError> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        let pair = Pair::read(&key.map_err(|_| PrivateKeyError::NoKey)?, random)?;
        let certificate = match CertificateDer::pem_slice_iter(pem.as_bytes()).next() {
            Some(Ok(certificate)) => Some(pair.thumbprints(&certificate)?),
            Some(Err(_)) => return Err(PrivateKeyError::Certificate),
            None => None,
        };
        Ok(Self { pair: Arc::new(pair), certificate, id: None })
    }

    /// The name (`kid`) under which the provider knows the key.
    #[must_use]
    pub fn key_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The SHA-256 thumbprint of the key's certificate, as `x5t#S256` has it.
    pub(crate) fn x5t_s256(&self) -> Option<&str> {
        self.certificate.as_ref().map(|thumbprints| thumbprints.sha256.as_str())
    }

    /// Whether `thumbprint` is the SHA-1 one of the key's certificate, by which Azure's portal calls
    /// it: in hexadecimal, however spaced.
    pub(crate) fn has_thumbprint(&self, thumbprint: &str) -> bool {
        let named: String = thumbprint.chars().filter(char::is_ascii_hexdigit).collect();
        let certificate = self.certificate.as_ref();
        certificate.is_some_and(|own| own.sha1.eq_ignore_ascii_case(&named))
    }

    pub(crate) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether this is a key on the curve P-256, the only kind that Apple makes.
    pub(crate) fn is_p256(&self) -> bool {
        matches!(*self.pair, Pair::P256(_))
    }

    /// The algorithm to sign with: the strongest that the key can do and `accepted` has. Without a
    /// list, the one that everybody knows.
    pub(crate) fn algorithm(&self, accepted: Option<&[String]>) -> Option<Algorithm> {
        let able: &[Algorithm] = match *self.pair {
            Pair::P256(_) => &[Algorithm::Es256],
            Pair::Rsa(_) => &[Algorithm::Ps256, Algorithm::Rs256],
        };
        let Some(accepted) = accepted else { return able.last().copied() };
        let is_accepted = |algorithm: &&Algorithm| accepted.iter().any(|a| a == algorithm.name());
        able.iter().find(is_accepted).copied()
    }

    /// Signs `message`. `None` if the key is not for `algorithm`, or there is no randomness.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        random: &dyn SecureRandom,
    ) -> Option<Vec<u8>> {
        match (&*self.pair, algorithm) {
            (Pair::P256(pair), Algorithm::Es256) => {
                Some(pair.sign(random, message).ok()?.as_ref().to_vec())
            }
            (Pair::Rsa(pair), Algorithm::Ps256 | Algorithm::Rs256) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let encoding: &dyn signature::RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                pair.sign(encoding, random, message, &mut signature).ok()?;
                Some(signature)
            }
            _ => None,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a text is no private key of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// The certificate in the text cannot be read.
    #[error("the certificate in the PEM text cannot be read")]
    Certificate,
    /// The first certificate in the text belongs to another key.
    #[error("the first certificate in the PEM text belongs to another key")]
    ForeignCertificate,
    /// There is no PEM block with a private key.
    #[error(
        "there is no PEM block with a private key that is not encrypted (-----BEGIN PRIVATE KEY-----)"
    )]
    NoKey,
    /// The key is of another kind.
    #[error(
        "the key is neither RSA of 2048 to 4096 bits nor on the curve P-256, or not in PKCS#8: \
         convert it with `openssl pkcs8 -topk8 -nocrypt`"
    )]
    Unusable,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Rsa(Box<rsa::KeyPair>),
}

impl Pair {
    fn read(key: &PrivateKeyDer<'_>, random: &dyn SecureRandom) -> Result<Self, PrivateKeyError> {
        let rsa = |pair: rsa::KeyPair| Self::Rsa(Box::new(pair));
        let pair = match key {
            PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der()).map(rsa),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                EcdsaKeyPair::from_pkcs8(curve, der, random)
                    .map(|pair| Self::P256(Box::new(pair)))
                    .or_else(|_| rsa::KeyPair::from_pkcs8(der).map(rsa))
            }
            _ => return Err(PrivateKeyError::Unusable),
        };
        pair.map_err(|_| PrivateKeyError::Unusable)
    }

    /// A certificate spells its key out, so one that does not have ours in it is another's.
    fn thumbprints(&self, certificate: &[u8]) -> Result<Thumbprints, PrivateKeyError> {
        let own: Vec<u8> = match self {
            Self::P256(pair) => pair.public_key().as_ref().to_vec(),
            Self::Rsa(pair) => rsa::PublicKeyComponents::from(pair.public()).n,
        };
        if !certificate.windows(own.len()).any(|window| window == own) {
            return Err(PrivateKeyError::ForeignCertificate);
        }
        let sha256 = digest::digest(&digest::SHA256, certificate);
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        Ok(Thumbprints {
            sha256: BASE64_URL_SAFE_NO_PAD.encode(sha256),
            sha1: sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect(),
        })
    }
}

#[derive(Clone)]
struct Thumbprints {
    sha256: String,
    sha1: String,
}
