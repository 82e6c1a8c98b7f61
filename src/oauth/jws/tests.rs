use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::oauth::test_keys::{SHARED_SECRET, TestKey, key_set, mac};

const CLAIMS: &str = r#"{"sub":"alice"}"#;

fn open(token: &str, keys: &KeySet) -> Result<Verified, JwsError> {
    verify(token, Keys::Published(keys), &Algorithm::ALL, &["JWT"])
}

fn refusal(token: &str, keys: &KeySet) -> JwsError {
    open(token, keys).unwrap_err()
}

fn shared() -> SharedSecret {
    SharedSecret::new(&Secret::from(SHARED_SECRET)).unwrap()
}

fn header(algorithm: &str, more: &Json) -> String {
    let mut header = json!({"alg": algorithm, "kid": "1"});
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    header.to_string()
}

fn encode(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn what_each_algorithm_signs_is_opened() {
    let shared = shared();
    for algorithm in Algorithm::ALL {
        let key = TestKey::new(algorithm);
        let set =
            if algorithm.is_symmetric() { KeySet::default() } else { key_set(&[key.jwk("1")]) };
        let keys =
            if algorithm.is_symmetric() { Keys::Shared(&shared) } else { Keys::Published(&set) };

        let token = key.token("1", &json!({"sub": "alice"}));
        let verified = verify(&token, keys, &[algorithm], &["JWT"]).unwrap();

        assert_eq!(verified.algorithm(), algorithm);
        assert_eq!(verified.claims().text("sub"), Some("alice"));
    }
}

#[test]
fn oc_08_jw_01_the_header_chooses_only_what_configuration_and_key_allow() {
    let public = Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric());
    for signed_by in public {
        let key = TestKey::new(signed_by);
        let set = key_set(&[key.jwk("1")]);
        for claimed in Algorithm::ALL {
            let token = key.token_of(&header(claimed.name(), &json!({})), CLAIMS);
            for allowed in Algorithm::ALL {
                let opened = verify(&token, Keys::Published(&set), &[allowed], &["JWT"]);

                let expected = if claimed != allowed || claimed.is_symmetric() {
                    Err(JwsError::AlgorithmNotAllowed)
                } else if claimed == signed_by {
                    Ok(())
                } else if is_rsa(claimed) && is_rsa(signed_by) {
                    Err(JwsError::BadSignature)
                } else {
                    Err(JwsError::KeyMismatch)
                };
                assert_eq!(opened.map(drop), expected, "{signed_by:?} {claimed:?} {allowed:?}");
            }
        }
    }
}

fn is_rsa(algorithm: Algorithm) -> bool {
    algorithm.name().starts_with(['R', 'P'])
}

#[test]
fn oc_08_a_key_that_names_its_algorithm_is_used_with_no_other() {
    let key = TestKey::new(Algorithm::Ps256);
    let mut jwk = key.jwk("1");
    jwk["alg"] = json!("RS256");
    let set = key_set(&[jwk]);

    assert_eq!(refusal(&key.token("1", &json!({})), &set), JwsError::KeyMismatch);
    assert!(open(&key.with(Algorithm::Rs256).token("1", &json!({})), &set).is_ok());
}

#[test]
fn oc_09_a_public_key_is_never_taken_for_a_secret() {
    let pair = ring::rsa::KeyPair::from_pkcs8(include_bytes!(
        "../../../tests/data/throwaway-test-key-rsa-2048-a.pk8"
    ))
    .unwrap();
    let jwk = TestKey::new(Algorithm::Rs256).jwk("1");
    let pkcs1 = pair.public().as_ref().to_vec();
    let spki = [SPKI_PREFIX, &pkcs1].concat();
    let pem = |label: &str, der: &[u8]| {
        let lines = BASE64_STANDARD.encode(der);
        let lines: Vec<_> =
            lines.as_bytes().chunks(64).map(|l| str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let pem_spki = pem("PUBLIC KEY", &spki);

    for secret in [
        pem_spki.trim_end().as_bytes(),
        pem_spki.as_bytes(),
        pem("RSA PUBLIC KEY", &pkcs1).as_bytes(),
        &spki,
        &pkcs1,
        jwk.to_string().as_bytes(),
        jwk["n"].as_str().unwrap().as_bytes(),
        b"",
    ] {
        for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
            let signed =
                format!("{}.{}", encode(header(algorithm.name(), &json!({}))), encode(CLAIMS));
            let token = format!("{signed}.{}", encode(mac(algorithm, secret, signed.as_bytes())));

            assert_eq!(
                refusal(&token, &key_set(std::slice::from_ref(&jwk))),
                JwsError::AlgorithmNotAllowed
            );
            let with_secret = verify(&token, Keys::Shared(&shared()), &Algorithm::ALL, &["JWT"]);
            assert_eq!(with_secret.unwrap_err(), JwsError::BadSignature);
        }
    }
}

/// RFC 8017 within RFC 5280, for a modulus of 2048 bits and the exponent 65537.
const SPKI_PREFIX: &[u8] = &[
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

#[test]
fn oc_09_a_published_symmetric_key_is_no_key() {
    let key = TestKey::new(Algorithm::Hs256);
    let set = key_set(&[key.jwk("1")]);

    assert_eq!(refusal(&key.token("1", &json!({})), &set), JwsError::AlgorithmNotAllowed);
}

#[test]
fn oc_09_a_shared_secret_checks_no_public_algorithm() {
    let token = TestKey::new(Algorithm::Es256).token("1", &json!({}));

    let opened = verify(&token, Keys::Shared(&shared()), &Algorithm::ALL, &["JWT"]);

    assert_eq!(opened.unwrap_err(), JwsError::AlgorithmNotAllowed);
}

#[test]
fn jw_04_short_and_repetitive_secrets_sign_nothing() {
    for weak in [
        "",
        "secret",
        "changeme",
        "12345678",
        "thirty-one bytes are not enough",
        "changemechangemechangemechangeme",
        &"x".repeat(1000),
    ] {
        let refused = SharedSecret::new(&Secret::from(weak)).map(drop);
        assert_eq!(refused, Err(JwsError::WeakSecret), "{weak}");
    }
    assert!(SharedSecret::new(&Secret::from("0f1e2d3c4b5a69788796a5b4c3d2e1f0")).is_ok());
}

#[test]
fn jw_02_encrypted_tokens_are_refused() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);
    let inner = key.token("1", &json!({}));
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(CLAIMS));

    for payload in [inner, unsigned, String::new()] {
        let header = encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
        let token =
            format!("{header}..{}.{}.{}", encode([0; 12]), encode(payload), encode([0; 16]));
        assert_eq!(refusal(&token, &set), JwsError::Encrypted);
    }
    let token = key.token_of(&header("ES256", &json!({"enc": "A256GCM"})), CLAIMS);
    assert_eq!(refusal(&token, &set), JwsError::Encrypted);
}

#[test]
fn jw_02_a_token_within_a_token_is_not_unwrapped() {
    let key = TestKey::new(Algorithm::Es256);
    let inner = key.token("1", &json!({"sub": "alice"}));

    let outer = key.token_of(&header("ES256", &json!({"cty": "JWT"})), &inner);

    let expected = JwsError::ClaimsUnreadable(JsonError::Malformed);
    assert_eq!(refusal(&outer, &key_set(&[key.jwk("1")])), expected);
}

#[test]
fn jw_03_a_point_off_the_curve_verifies_nothing() {
    let key = TestKey::new(Algorithm::Es256);
    let mut jwk = key.jwk("1");
    jwk["y"] = jwk["x"].clone();

    assert_eq!(refusal(&key.token("1", &json!({})), &key_set(&[jwk])), JwsError::BadSignature);
}

#[test]
fn jw_05_oc_27_header_and_claims_are_strict_json() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);
    let good = header("ES256", &json!({}));

    for (header, claims, expected) in [
        (
            &good[..],
            r#"{"aud":"x","aud":"ours"}"#,
            JwsError::ClaimsUnreadable(JsonError::DuplicateMember),
        ),
        (&good, "\u{feff}{}", JwsError::ClaimsUnreadable(JsonError::Malformed)),
        (&good, "", JwsError::ClaimsUnreadable(JsonError::Malformed)),
        (&good, "[]", JwsError::ClaimsUnreadable(JsonError::NotAnObject)),
        (&good, "\"sub\"", JwsError::ClaimsUnreadable(JsonError::NotAnObject)),
        (
            r#"{"alg":"none","alg":"ES256"}"#,
            "{}",
            JwsError::HeaderUnreadable(JsonError::DuplicateMember),
        ),
        (r#"["ES256"]"#, "{}", JwsError::HeaderUnreadable(JsonError::NotAnObject)),
        ("\u{feff}{\"alg\":\"ES256\"}", "{}", JwsError::HeaderUnreadable(JsonError::Malformed)),
        ("{}", "{}", JwsError::MalformedHeader),
        (r#"{"alg":null}"#, "{}", JwsError::MalformedHeader),
        (r#"{"alg":["ES256"]}"#, "{}", JwsError::MalformedHeader),
        (r#"{"alg":"ES256","kid":1}"#, "{}", JwsError::MalformedHeader),
        (r#"{"alg":"ES256","kid":null}"#, "{}", JwsError::MalformedHeader),
        (r#"{"alg":"ES256","typ":{}}"#, "{}", JwsError::MalformedHeader),
    ] {
        assert_eq!(refusal(&key.token_of(header, claims), &set), expected, "{header} {claims}");
    }
}

#[test]
fn jw_06_a_key_of_another_issuer_verifies_nothing_even_under_the_same_id() {
    let ours = TestKey::new(Algorithm::Es256);
    let theirs = TestKey::new(Algorithm::Es256);

    let token = theirs.token("1", &json!({}));

    assert_eq!(refusal(&token, &key_set(&[ours.jwk("1")])), JwsError::BadSignature);
    assert!(open(&token, &key_set(&[theirs.jwk("1")])).is_ok());
}

#[test]
fn jw_07_a_token_for_another_purpose_is_refused() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);
    let types = ["JWT", "at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt"];

    for typ in types {
        let token = key.token_of(&header("ES256", &json!({"typ": typ})), CLAIMS);
        for accepted in types {
            let opened = verify(&token, Keys::Published(&set), &[Algorithm::Es256], &[accepted]);
            let expected = if typ == accepted { Ok(()) } else { Err(JwsError::ForeignType) };
            assert_eq!(opened.map(drop), expected, "{typ} {accepted}");
        }
    }
    for (typ, accepted) in [
        ("jwt", true),
        ("application/jwt", true),
        ("application/at+jwt", false),
        ("AT+JWT", false),
        ("", false),
        ("JWT ", false),
    ] {
        let token = key.token_of(&header("ES256", &json!({"typ": typ})), CLAIMS);
        assert_eq!(open(&token, &set).is_ok(), accepted, "{typ}");
    }
}

#[test]
fn jw_08_keys_in_or_behind_the_header_are_never_used() {
    let ours = TestKey::new(Algorithm::Es256);
    let attacker = TestKey::new(Algorithm::Es256);
    let set = key_set(&[ours.jwk("1")]);

    for trap in [
        json!({"jwk": attacker.jwk("1")}),
        json!({"jku": "http://169.254.169.254/keys"}),
        json!({"x5u": "https://attacker.example/chain"}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5t": 5, "jwk": []}),
    ] {
        let header = header("ES256", &trap);
        assert_eq!(refusal(&attacker.token_of(&header, CLAIMS), &set), JwsError::BadSignature);
        assert!(open(&ours.token_of(&header, CLAIMS), &set).is_ok(), "{header}");
    }
}

#[test]
fn jw_08_a_key_id_is_only_compared() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);

    for kid in ["../../x", "' or 1=1", "\r\nSet-Cookie: a=b", "", "1 ", "\u{0}1"] {
        assert_eq!(refusal(&key.token(kid, &json!({})), &set), JwsError::NoMatchingKey, "{kid}");
    }
    assert_eq!(refusal(&key.token(&"x".repeat(2048), &json!({})), &set), JwsError::TooLarge);
    assert_eq!(refusal(&key.token(&"x".repeat(1 << 20), &json!({})), &set), JwsError::TooLarge);
}

#[test]
fn jw_09_a_header_that_demands_an_extension_is_refused() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);

    for demand in [
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["b64"], "b64": true}),
        json!({"crit": []}),
        json!({"crit": ["alg"]}),
        json!({"crit": ["absent"]}),
        json!({"crit": ["a", "a"], "a": 1}),
        json!({"crit": "exp"}),
        json!({"crit": null}),
        json!({"b64": false}),
        json!({"b64": true}),
    ] {
        let token = key.token_of(&header("ES256", &demand), CLAIMS);
        assert_eq!(refusal(&token, &set), JwsError::CriticalExtension, "{demand}");
    }
}

#[test]
fn jw_10_only_the_one_canonical_spelling_is_read() {
    let key = TestKey::new(Algorithm::Rs256);
    let set = key_set(&[key.jwk("1")]);
    let token = key.token("1", &json!({"sub": "a??>>"}));
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    // 256 bytes leave four bits of the last character unused.
    let next = |last: char| char::from(last as u8 + 1);
    let last = signature.chars().last().unwrap();
    let trailing_bits = format!("{}{}", &token[..token.len() - 1], next(last));
    assert!(['A', 'Q', 'g', 'w'].contains(&last));
    assert!(open(&token, &set).is_ok());

    for misspelt in [
        String::new(),
        ".".into(),
        "..".into(),
        "a".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!("{token}=="),
        format!("{header}.{payload}=.{signature}"),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.{payload}.{signature}é"),
        format!("{header}.{}.{signature}", payload.replace(['-', '_'], "+")),
        format!("{header}.{}/.{signature}", payload),
        trailing_bits,
        ".".repeat(1000),
    ] {
        assert_eq!(refusal(&misspelt, &set), JwsError::Malformed, "{misspelt}");
    }
    assert!(payload.contains(['-', '_']));
}

#[test]
fn jw_10_size_is_bounded_before_anything_is_decoded() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);
    let filled = |length: usize| key.token("1", &json!({"a": "x".repeat(length)}));

    assert!(open(&filled(12_000), &set).is_ok());
    assert_eq!(refusal(&filled(12_300), &set), JwsError::TooLarge);
    assert_eq!(refusal(&".".repeat(1_000_000), &set), JwsError::TooLarge);

    let header = |length: usize| header("ES256", &json!({"a": "x".repeat(length)}));
    assert!(open(&key.token_of(&header(1_950), CLAIMS), &set).is_ok());
    assert_eq!(refusal(&key.token_of(&header(2_048), CLAIMS), &set), JwsError::TooLarge);
}

#[test]
fn t_51_unsigned_tokens_are_refused_however_spelt() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);

    for none in ["none", "None", "NONE", "nOnE"] {
        let signed = key.token_of(&header(none, &json!({})), CLAIMS);
        assert_eq!(refusal(&signed, &set), JwsError::Unsigned);
        let bare = signed.rsplit_once('.').unwrap().0;
        assert_eq!(refusal(&format!("{bare}."), &set), JwsError::Unsigned);
    }
    for unknown in ["", "es256", "ES256 ", "ES256K", "ES512", "RSA1_5", "dir", "none "] {
        let token = key.token_of(&header(unknown, &json!({})), CLAIMS);
        assert_eq!(refusal(&token, &set), JwsError::AlgorithmNotAllowed, "{unknown}");
    }
}

#[test]
fn t_51_ecdsa_signatures_are_two_numbers_of_fixed_length_and_not_zero() {
    let key = TestKey::new(Algorithm::Es256);
    let set = key_set(&[key.jwk("1")]);
    let token = key.token("1", &json!({}));
    let signed = token.rsplit_once('.').unwrap().0;
    let fixed = key.sign(signed.as_bytes());
    let integer = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let numbers = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    let der = [&[0x30, 70][..], &numbers].concat();

    for signature in
        [&[0; 64][..], &[0], &[0xff; 64], &der, &fixed[..63], &[&fixed[..], &[0]].concat()]
    {
        let token = format!("{signed}.{}", encode(signature));
        assert_eq!(refusal(&token, &set), JwsError::BadSignature);
    }
}

#[test]
fn oc_23_an_unknown_key_id_is_told_from_a_bad_signature() {
    let old = TestKey::new(Algorithm::Rs256);
    let new = TestKey::other_rsa(Algorithm::Rs256);
    let token = new.token("new", &json!({}));

    assert_eq!(refusal(&token, &key_set(&[old.jwk("old")])), JwsError::NoMatchingKey);
    assert_eq!(refusal(&token, &KeySet::default()), JwsError::NoMatchingKey);
    assert_eq!(refusal(&token, &key_set(&[old.jwk("new")])), JwsError::BadSignature);
    assert!(open(&token, &key_set(&[old.jwk("old"), new.jwk("new")])).is_ok());
}

#[test]
fn oc_23_only_the_named_key_is_tried() {
    let named = TestKey::new(Algorithm::Es256);
    let other = TestKey::new(Algorithm::Es256);
    let set = key_set(&[named.jwk("1"), other.jwk("2")]);

    assert_eq!(refusal(&other.token("1", &json!({})), &set), JwsError::BadSignature);
    assert!(open(&other.token("2", &json!({})), &set).is_ok());
}

#[test]
fn oc_24_without_a_key_id_eight_keys_of_the_right_type_are_tried() {
    let signer = TestKey::new(Algorithm::Es256);
    let token = signer.token_of(r#"{"alg":"ES256"}"#, CLAIMS);
    let behind = |others: usize| {
        let mut keys = vec![TestKey::new(Algorithm::Rs256).jwk("rsa")];
        keys.extend((0..others).map(|_| TestKey::new(Algorithm::Es256).jwk("other")));
        keys.push(signer.jwk("signer"));
        key_set(&keys)
    };

    assert!(open(&token, &behind(0)).is_ok());
    assert!(open(&token, &behind(7)).is_ok());
    assert_eq!(refusal(&token, &behind(8)), JwsError::NoMatchingKey);
    let unsuitable = key_set(&[TestKey::new(Algorithm::Rs256).jwk("rsa")]);
    assert_eq!(refusal(&token, &unsuitable), JwsError::NoMatchingKey);
}

#[test]
fn p_5_any_flipped_bit_is_noticed() {
    let key = TestKey::new(Algorithm::EdDsa);
    let set = key_set(&[key.jwk("1")]);
    let token = key.token("1", &json!({"sub": "alice", "aud": "client"}));
    assert!(open(&token, &set).is_ok());

    for bit in 0..token.len() * 8 {
        let mut flipped = token.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // What is no longer UTF-8 cannot even be handed over.
        let Ok(flipped) = String::from_utf8(flipped) else { continue };
        assert!(open(&flipped, &set).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(token in ".{0,200}", shaped in "[A-Za-z0-9_-]{0,40}([.][A-Za-z0-9_-]{0,40}){0,5}") {
        prop_assert!(open(&token, &KeySet::default()).is_err());
        prop_assert!(open(&shaped, &KeySet::default()).is_err());
    }

    #[test]
    fn arbitrary_headers_and_claims_never_panic(header in ".{0,80}", claims in ".{0,80}") {
        let token = format!("{}.{}.{}", encode(header), encode(claims), encode("signature"));
        prop_assert!(open(&token, &KeySet::default()).is_err());
        prop_assert!(verify(&token, Keys::Shared(&shared()), &Algorithm::ALL, &["JWT"]).is_err());
    }
}
