//! A provider's keys, and tokens signed with them however a test wants them. Tests only.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding};
use ring::{hmac, rand};
use serde_json::{Value, json};

use super::jwa::Algorithm;
use super::jwk::KeySet;

/// A private key of the kind that one algorithm wants.
pub(super) struct TestKey {
    pub(super) algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<rsa::KeyPair>),
    Shared(Vec<u8>),
}

impl TestKey {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let pair = match algorithm {
            Algorithm::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
            Algorithm::Es256 => ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                Pair::Shared(SHARED_SECRET.into())
            }
            _ => Pair::Rsa(Box::new(rsa::KeyPair::from_pkcs8(RSA_A).unwrap())),
        };
        Self { algorithm, pair }
    }

    /// Another RSA key than [`new`](Self::new)'s.
    pub(super) fn other_rsa(algorithm: Algorithm) -> Self {
        let pair = Pair::Rsa(Box::new(rsa::KeyPair::from_pkcs8(RSA_B).unwrap()));
        Self { algorithm, pair }
    }

    /// The same key, used with another algorithm.
    pub(super) fn with(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The public key, without `alg` and `use`.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "kid": kid, "x": text(x), "y": text(y)})
            }
            Pair::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
            Pair::Rsa(pair) => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "kid": kid, "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::Shared(secret) => json!({"kty": "oct", "kid": kid, "k": text(secret)}),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa_encoding(self.algorithm), &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Shared(secret) => mac(self.algorithm, secret, message),
        }
    }

    /// A token with the header that a well-behaved provider writes.
    pub(super) fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm.name(), "kid": kid, "typ": "JWT"});
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token of exactly this header and these claims.
    pub(super) fn token_of(&self, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header),
            BASE64_URL_SAFE_NO_PAD.encode(claims),
        );
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The set of these keys.
pub(super) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

/// An HMAC by a symmetric algorithm.
pub(super) fn mac(algorithm: Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match algorithm {
        Algorithm::Hs256 => hmac::HMAC_SHA256,
        Algorithm::Hs384 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, secret), message).as_ref().to_vec()
}

fn ecdsa(algorithm: &'static signature::EcdsaSigningAlgorithm) -> Pair {
    let random: &dyn rand::SecureRandom = &SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, random).unwrap();
    Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), random).unwrap())
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

pub(super) const SHARED_SECRET: &str = "a client secret of thirty-two bytes or more";

const RSA_A: &[u8] = include_bytes!("../../tests/data/throwaway-test-key-rsa-2048-a.pk8");
const RSA_B: &[u8] = include_bytes!("../../tests/data/throwaway-test-key-rsa-2048-b.pk8");
