//! A provider's signing keys, and tokens signed with them however a story wants them.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use ring::signature::{KeyPair, RSA_PKCS1_SHA256};
use ring::{hmac, rsa};
use serde_json::{Value, json};

/// A key with the algorithm that it signs by and the name that it is published under.
#[derive(Clone)]
pub struct SigningKey {
    pub kid: String,
    pub algorithm: &'static str,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Ecdsa(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
    Rsa(Arc<rsa::KeyPair>),
    Shared(Vec<u8>),
}

impl SigningKey {
    /// The RSA key that providers sign with unless told otherwise.
    pub fn rs256(kid: &str) -> Self {
        Self::rsa(kid, include_bytes!("../data/throwaway-test-key-rsa-2048-a.pk8"))
    }

    /// Another RSA key.
    pub fn other_rs256(kid: &str) -> Self {
        Self::rsa(kid, include_bytes!("../data/throwaway-test-key-rsa-2048-b.pk8"))
    }

    /// A fresh elliptic-curve key.
    pub fn es256(kid: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(ALGORITHM, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(ALGORITHM, document.as_ref(), &random).unwrap();
        Self { kid: kid.to_owned(), algorithm: "ES256", pair: Pair::Ecdsa(Arc::new(pair)) }
    }

    /// A fresh Ed25519 key.
    pub fn eddsa(kid: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        Self { kid: kid.to_owned(), algorithm: "EdDSA", pair: Pair::Ed25519(Arc::new(pair)) }
    }

    /// A key that both sides have to know, such as a public key misused as one.
    pub fn hs256(kid: &str, secret: &[u8]) -> Self {
        Self { kid: kid.to_owned(), algorithm: "HS256", pair: Pair::Shared(secret.to_vec()) }
    }

    fn rsa(kid: &str, pkcs8: &[u8]) -> Self {
        let pair = rsa::KeyPair::from_pkcs8(pkcs8).unwrap();
        Self { kid: kid.to_owned(), algorithm: "RS256", pair: Pair::Rsa(Arc::new(pair)) }
    }

    /// The same key under another name.
    pub fn named(&self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self.clone() }
    }

    /// The public key as providers publish it.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Ecdsa(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair) => {
                let public = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::Shared(secret) => json!({"kty": "oct", "k": text(secret)}),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm);
        jwk
    }

    /// A signed token in compact form.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A signed token of exactly this header and these claims.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        let encode = |part: &str| BASE64_URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// `token` with other claims, and with a signature that is right for them.
    pub fn resign(&self, token: &str, change: impl Fn(&str, &str) -> (String, String)) -> String {
        let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut text = || String::from_utf8(parts.next().unwrap()).unwrap();
        let (header, claims) = change(&text(), &text());
        self.token_of(&header, &claims)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Shared(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
        }
    }
}

const ALGORITHM: &signature::EcdsaSigningAlgorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
