//! ID tokens: signed with ES256 and a key that lives as long as the process (RFC 7515, RFC 7518).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, Value, json};

/// A key pair and its name.
pub(super) struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
    random: SystemRandom,
}

impl Signer {
    /// Makes a key.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
            .map_err(|_| Unspecified)?;
        let key_id = thumbprint(&key);
        Ok(Self { key, key_id, random })
    }

    /// The claims as a signed token.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, Unspecified> {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": self.key_id});
        let claims = Value::from(claims.clone());
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.key.sign(&self.random, signed.as_bytes())?;
        Ok(format!("{signed}.{}", encode(signature)))
    }

    /// The key set that verifies these tokens (RFC 7517 §5).
    pub(super) fn jwks(&self) -> Value {
        let (x, y) = coordinates(&self.key);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "x": x, "y": y,
            "use": "sig", "alg": "ES256", "kid": self.key_id,
        }]})
    }
}

/// The claim `at_hash`: it ties an access token to an ID token (OpenID Connect Core §3.1.3.6).
pub(super) fn access_token_hash(access_token: &str) -> String {
    let digest = digest(&SHA256, access_token.as_bytes());
    encode(digest.as_ref().get(..16).unwrap_or_default())
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The name of a key is its fingerprint (RFC 7638).
fn thumbprint(key: &EcdsaKeyPair) -> String {
    let (x, y) = coordinates(key);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    encode(digest(&SHA256, canonical.as_bytes()))
}

fn coordinates(key: &EcdsaKeyPair) -> (String, String) {
    // An uncompressed point: a byte 4, then two numbers of 32 bytes.
    let point = key.public_key().as_ref().get(1..).unwrap_or_default();
    let (x, y) = point.split_at(point.len() / 2);
    (encode(x), encode(y))
}
