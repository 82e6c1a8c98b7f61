use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::oauth::test_keys::TestKey;

fn count(keys: &[Json]) -> usize {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap().iter().count()
}

fn with(mut jwk: Json, name: &str, value: Json) -> Json {
    jwk[name] = value;
    jwk
}

fn number(bytes: &[u8]) -> Json {
    json!(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// An odd modulus of exactly this many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] >>= bytes.len() * 8 - bits;
    bytes
}

#[test]
fn jw_03_only_rsa_keys_of_2048_to_8192_bits_are_used() {
    let rsa = TestKey::new(Algorithm::Rs256).jwk("1");

    for (bits, used) in
        [(512, 0), (1024, 0), (2047, 0), (2048, 1), (4096, 1), (8192, 1), (8193, 0), (16384, 0)]
    {
        assert_eq!(count(&[with(rsa.clone(), "n", number(&modulus(bits)))]), used, "{bits}");
    }
    let even = [&modulus(2040)[..], &[0xfe]].concat();
    assert_eq!(count(&[with(rsa.clone(), "n", number(&even))]), 0);
    let signed = [&[0][..], &modulus(2048)].concat();
    assert_eq!(count(&[with(rsa, "n", number(&signed))]), 1);
}

#[test]
fn jw_03_only_sane_rsa_exponents_are_used() {
    let rsa = TestKey::new(Algorithm::Rs256).jwk("1");

    for (exponent, used) in [
        (&[3][..], 1),
        (&[1, 0, 1], 1),
        (&[0xff, 0xff, 0xff, 0xff], 1),
        (&[], 0),
        (&[0], 0),
        (&[1], 0),
        (&[2], 0),
        (&[1, 0, 0], 0),
        (&[1, 0, 0, 0, 1], 0),
        (&[0xff; 256], 0),
    ] {
        assert_eq!(count(&[with(rsa.clone(), "e", number(exponent))]), used, "{exponent:?}");
    }
}

#[test]
fn jw_03_coordinates_have_the_length_of_their_curve() {
    let p256 = TestKey::new(Algorithm::Es256).jwk("1");
    let p384 = TestKey::new(Algorithm::Es384).jwk("1");
    let ed25519 = TestKey::new(Algorithm::EdDsa).jwk("1");
    assert_eq!(count(&[p256.clone(), p384.clone(), ed25519.clone()]), 3);

    for unusable in [
        with(p256.clone(), "x", number(&[1; 31])),
        with(p256.clone(), "y", number(&[1; 33])),
        with(p256.clone(), "y", Json::Null),
        with(p256.clone(), "x", json!("not base64url!")),
        with(p256.clone(), "crv", json!("P-384")),
        with(p256.clone(), "crv", json!("P-521")),
        with(p256, "crv", json!("secp256k1")),
        with(p384.clone(), "crv", json!("P-256")),
        with(p384, "x", number(&[])),
        with(ed25519.clone(), "x", number(&[1; 31])),
        with(ed25519.clone(), "crv", json!("X25519")),
        with(ed25519.clone(), "crv", json!("Ed448")),
        with(ed25519, "kty", json!("EC")),
    ] {
        assert_eq!(count(std::slice::from_ref(&unusable)), 0, "{unusable}");
    }
}

#[test]
fn keys_that_are_not_for_checking_signatures_are_passed_over() {
    let rsa = TestKey::new(Algorithm::Rs256).jwk("1");
    let good = TestKey::new(Algorithm::Es256).jwk("2");

    for unusable in [
        json!("a string"),
        json!({}),
        json!({"kty": "quantum", "kid": "1"}),
        TestKey::new(Algorithm::Hs256).jwk("1"),
        with(rsa.clone(), "kty", json!(1)),
        with(rsa.clone(), "kid", json!(1)),
        with(rsa.clone(), "use", json!("enc")),
        with(rsa.clone(), "use", json!(["sig"])),
        with(rsa.clone(), "key_ops", json!(["sign"])),
        with(rsa.clone(), "key_ops", json!(["encrypt", "wrapKey"])),
        with(rsa.clone(), "key_ops", json!("verify")),
        with(rsa.clone(), "key_ops", json!(["verify", 1])),
        with(rsa.clone(), "alg", json!("ES256")),
        with(rsa.clone(), "alg", json!("HS256")),
        with(rsa.clone(), "alg", json!("RSA-OAEP")),
        with(rsa.clone(), "alg", json!("none")),
        with(rsa.clone(), "alg", json!(256)),
    ] {
        let text = unusable.to_string();
        assert_eq!(count(&[unusable, good.clone()]), 1, "{text}");
    }
    let full = with(with(rsa, "use", json!("sig")), "key_ops", json!(["verify"]));
    assert_eq!(count(&[with(full, "alg", json!("PS512")), good]), 2);
}

#[test]
fn jw_08_certificates_addresses_and_private_members_change_nothing() {
    let mut key = TestKey::new(Algorithm::Es256).jwk("1");
    key["x5c"] = json!(["not a certificate"]);
    key["x5u"] = json!("http://169.254.169.254/");
    key["jku"] = json!(7);
    key["d"] = json!("c2VjcmV0");

    assert_eq!(count(&[key]), 1);
}

#[test]
fn at_most_a_hundred_keys_are_read() {
    let key = TestKey::new(Algorithm::Es256).jwk("1");

    assert_eq!(count(&vec![key.clone(); 100]), 100);
    assert_eq!(count(&vec![key; 101]), 100);
}

#[test]
fn a_document_without_keys_is_no_key_set() {
    let huge = format!(r#"{{"keys":[],"a":"{}"}}"#, "x".repeat(256 * 1024));
    for (document, expected) in [
        ("", JwkError::Json(JsonError::Malformed)),
        ("[]", JwkError::Json(JsonError::NotAnObject)),
        (r#"{"keys":[],"keys":[]}"#, JwkError::Json(JsonError::DuplicateMember)),
        (r#"{"keys":[{"kty":"RSA","kty":"EC"}]}"#, JwkError::Json(JsonError::DuplicateMember)),
        ("{}", JwkError::NoKeys),
        (r#"{"keys":{}}"#, JwkError::NoKeys),
        (r#"{"keys":null}"#, JwkError::NoKeys),
        (&huge, JwkError::TooLarge),
    ] {
        assert_eq!(KeySet::parse(document.as_bytes()).unwrap_err(), expected);
    }
    assert_eq!(count(&[]), 0);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(document in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::parse(&document);
    }

    #[test]
    fn arbitrary_members_never_panic(
        kty in "(EC|RSA|OKP|oct)", crv in "(P-256|P-384|Ed25519)",
        x in "[A-Za-z0-9_-]{0,70}", y in "[A-Za-z0-9_-]{0,70}", message in "[a-z]{0,9}",
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "x": x, "y": y, "n": x, "e": y});
        let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        for algorithm in Algorithm::ALL {
            prop_assert!(!keys.iter().any(|key| key.verifies(algorithm, message.as_bytes(), &[1; 64])));
        }
    }
}

#[test]
fn di_05_keys_of_other_issuers_can_be_left_out() {
    let key = TestKey::new(Algorithm::Rs256).jwk("1");
    let theirs = with(key.clone(), "issuer", json!("https://op.example/theirs"));
    let ours = with(key.clone(), "issuer", json!("https://op.example/ours"));
    let keys = KeySet::parse(json!({"keys": [key, theirs, ours]}).to_string().as_bytes()).unwrap();

    assert_eq!(keys.iter().count(), 3);
    assert_eq!(keys.for_issuers(|issuer| issuer.ends_with("/ours")).iter().count(), 2);
}
