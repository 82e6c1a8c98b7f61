use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::oauth::test_keys::{TestKey, key_set};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://login.example/tenant/v2.0";
const SKEW: Duration = Duration::from_secs(60);

/// An access token as Entra ID issues it, with one claim changed, or left out if there is no value.
fn claims_with(name: &str, value: Option<Json>) -> Json {
    let mut claims = json!({
        "iss": ISSUER, "sub": "AAAA", "aud": "api://orders", "exp": NOW + 300, "iat": NOW,
        "nbf": NOW, "oid": "0001", "tid": "tenant", "azp": "cli", "scp": "read", "ver": "2.0",
    });
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    claims
}

fn verify_at(now: i64, claims: &Json) -> Result<Accepted, BearerError> {
    let key = TestKey::new(Algorithm::Es256);
    let published = key_set(&[key.jwk("1")]);
    check(&key.token("1", claims), &published, now)
}

fn check(token: &str, keys: &KeySet, now: i64) -> Result<Accepted, BearerError> {
    let issuer = Issuer::new(ISSUER);
    let audiences = ["api://orders".to_owned(), "client".to_owned()];
    let now = Timestamp::from_unix(now);
    let expected = Expected { issuer: &issuer, audiences: &audiences, now, skew: SKEW };
    verify(token, keys, &[Algorithm::Es256], &expected)
}

#[test]
fn an_access_token_and_an_id_token_for_us_are_accepted() {
    for audience in [json!("api://orders"), json!("client"), json!(["https://other", "client"])] {
        let accepted = verify_at(NOW, &claims_with("aud", Some(audience))).unwrap();

        assert_eq!(accepted.claims.text("sub"), Some("AAAA"));
        assert_eq!(accepted.expires_at, Timestamp::from_unix(NOW + 360));
        assert_eq!(accepted.claims.text("oid"), Some("0001"));
    }
}

#[test]
fn what_is_not_as_it_should_be_is_refused() {
    use BearerError as E;
    for (name, value, refusal) in [
        ("iss", None, E::IssuerMismatch),
        ("iss", Some(json!("https://login.example/tenant")), E::IssuerMismatch),
        ("iss", Some(json!("https://login.example/tenant/v2.0/")), E::IssuerMismatch),
        ("iss", Some(json!([ISSUER])), E::IssuerMismatch),
        ("aud", None, E::AudienceMismatch),
        ("aud", Some(json!([])), E::AudienceMismatch),
        ("aud", Some(json!("")), E::AudienceMismatch),
        ("aud", Some(json!(1)), E::AudienceMismatch),
        ("aud", Some(json!(["client", 1])), E::AudienceMismatch),
        ("aud", Some(json!("api://orders/")), E::AudienceMismatch),
        ("aud", Some(json!("API://orders")), E::AudienceMismatch),
        ("aud", Some(json!("00000003-0000-0000-c000-000000000000")), E::AudienceMismatch),
        ("exp", None, E::ExpiryInvalid),
        ("exp", Some(json!("1700000300")), E::ExpiryInvalid),
        ("exp", Some(json!(-1)), E::ExpiryInvalid),
        ("exp", Some(json!(1e300)), E::ExpiryInvalid),
        ("exp", Some(json!(u64::MAX)), E::ExpiryInvalid),
        ("exp", Some(json!(NOW - 60)), E::Expired),
        ("nbf", Some(json!(NOW + 61)), E::NotBeforeInvalid),
        ("nbf", Some(json!("0")), E::NotBeforeInvalid),
        ("iat", Some(json!(NOW + 61)), E::IssuedAtInvalid),
        ("iat", Some(json!(null)), E::IssuedAtInvalid),
        ("sub", None, E::SubjectInvalid),
        ("sub", Some(json!("")), E::SubjectInvalid),
        ("sub", Some(json!("a\u{0}")), E::SubjectInvalid),
        ("sub", Some(json!("a".repeat(256))), E::SubjectInvalid),
        (
            "cnf",
            Some(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
            E::SenderConstrained,
        ),
        ("events", Some(json!({})), E::Event),
    ] {
        let claims = claims_with(name, value.clone());
        assert_eq!(verify_at(NOW, &claims).unwrap_err(), refusal, "{name} {value:?}");
    }
}

#[test]
fn a_token_lasts_until_its_exp_and_what_clocks_may_differ() {
    let claims = claims_with("exp", Some(json!(NOW)));

    assert!(verify_at(NOW + 59, &claims).is_ok());
    assert_eq!(verify_at(NOW + 60, &claims).unwrap_err(), BearerError::Expired);
    assert_eq!(verify_at(NOW + 61, &claims).unwrap_err(), BearerError::Expired);
}

#[test]
fn jw_07_tokens_of_other_types_are_refused() {
    let key = TestKey::new(Algorithm::Es256);
    let published = key_set(&[key.jwk("1")]);
    let typed = |typ: Json| {
        let header = json!({"alg": "ES256", "kid": "1", "typ": typ});
        let token = key.token_of(&header.to_string(), &claims_with("ver", None).to_string());
        check(&token, &published, NOW).map(drop)
    };
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt", "AT+JWT"] {
        assert_eq!(typed(json!(typ)), Ok(()), "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "kb+jwt", ""] {
        let foreign = Err(BearerError::Signature(JwsError::ForeignType));
        assert_eq!(typed(json!(typ)), foreign, "{typ}");
    }
}

#[test]
fn the_keys_of_the_issuer_decide_and_what_the_header_carries_does_not() {
    let (key, other) = (TestKey::new(Algorithm::Es256), TestKey::new(Algorithm::Es256));
    let published = key_set(&[other.jwk("1")]);
    let own = json!({"alg": "ES256", "kid": "1", "jwk": key.jwk("1")});
    let elsewhere = json!({"alg": "ES256", "kid": "1", "jku": "https://evil.example/keys"});
    for header in [own, elsewhere] {
        let token = key.token_of(&header.to_string(), &claims_with("ver", None).to_string());
        let refused = check(&token, &published, NOW).map(drop);
        assert_eq!(refused, Err(BearerError::Signature(JwsError::BadSignature)));
    }
    let unknown = check(&key.token("2", &claims_with("ver", None)), &published, NOW).map(drop);
    assert_eq!(unknown, Err(BearerError::Signature(JwsError::NoMatchingKey)));
}

fn request(lines: &[&[u8]]) -> HeaderMap {
    let line = |line: &&[u8]| HeaderValue::from_bytes(line).unwrap();
    lines.iter().map(|value| (header::AUTHORIZATION, line(value))).collect()
}

#[test]
fn oa_05_a_bearer_token_is_read_from_its_header_and_from_nowhere_else() {
    for (lines, expected) in [
        (&[][..], Presented::Nothing),
        (&[&b"Basic dTpw"[..]], Presented::Nothing),
        (&[b"Bear"], Presented::Nothing),
        (&[b"Bearers abc"], Presented::Nothing),
        (&[b"Basic dTpw", b"Digest x"], Presented::Nothing),
        (&[b"Bearer a.b.c"], Presented::Token("a.b.c")),
        (&[b"bearer a.b.c"], Presented::Token("a.b.c")),
        (&[b"BEARER   a.b.c "], Presented::Token("a.b.c")),
        (&[b"Bearer"], Presented::Token("")),
        (&[b"Bearer "], Presented::Token("")),
        (&[b"Bearer \xff"], Presented::Token("")),
        (&[b"Bearer a.b.c", b"Bearer a.b.c"], Presented::Several),
        (&[b"Basic dTpw", b"bearer a.b.c"], Presented::Several),
    ] {
        assert_eq!(presented(&request(lines)), expected, "{lines:?}");
    }
}

proptest! {
    #[test]
    fn no_header_breaks_the_reader(line in proptest::collection::vec(0x20u8..=0xff, 0..64)) {
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            let request: HeaderMap = [(header::AUTHORIZATION, value)].into_iter().collect();
            if let Presented::Token(token) = presented(&request) {
                prop_assert_eq!(jws::claimed_issuer(token), None);
            }
        }
    }
}
