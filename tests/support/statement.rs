//! What the client signs to prove who it is, as a provider checks it.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde_json::Value;

use super::CLIENT_SECRET;

/// The claims of a statement that the client signed with one of the throw-away keys, or with its
/// secret; `None` if it did not.
pub fn verify_statement(token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    let signature = decode(signature)?;
    let keys = include_str!("../data/throwaway-test-keys.jwks.json");
    let keys: Value = serde_json::from_str(keys).unwrap();
    let member =
        |key: usize, name: &str| decode(keys["keys"][key][name].as_str().unwrap()).unwrap();
    let rsa = signature::RsaPublicKeyComponents { n: member(0, "n"), e: member(0, "e") };
    let point = [&[4][..], &member(1, "x"), &member(1, "y")].concat();
    let message = signed.as_bytes();
    let verified = match header["alg"].as_str()? {
        "PS256" => rsa.verify(&signature::RSA_PSS_2048_8192_SHA256, message, &signature),
        "RS256" => rsa.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, &signature),
        "ES256" => {
            let curve = &signature::ECDSA_P256_SHA256_FIXED;
            signature::UnparsedPublicKey::new(curve, point).verify(message, &signature)
        }
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
            hmac::verify(&key, message, &signature)
        }
        _ => return None,
    };
    verified.ok()?;
    serde_json::from_slice(&decode(claims)?).ok()
}

/// The bytes behind a part of a token.
pub fn base64_url(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()
}
