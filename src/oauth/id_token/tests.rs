use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, SharedSecret};
use crate::oauth::test_keys::{SHARED_SECRET, TestKey, key_set};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://idp.example/tenant";

/// A provider with one key, and a relying party that awaits a token from it.
struct Bench {
    key: TestKey,
    published: KeySet,
    shared: SharedSecret,
    issuer: Issuer,
    nonce: Secret<String>,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let key = TestKey::new(algorithm);
        let public = !algorithm.is_symmetric();
        let published = if public { key_set(&[key.jwk("1")]) } else { KeySet::default() };
        Self {
            key,
            published,
            shared: SharedSecret::new(&Secret::from(SHARED_SECRET)).unwrap(),
            issuer: Issuer::new(ISSUER),
            nonce: Secret::from("n-0S6_WzA2Mj"),
        }
    }

    fn keys(&self) -> Keys<'_> {
        let symmetric = self.key.algorithm.is_symmetric();
        if symmetric { Keys::Shared(&self.shared) } else { Keys::Published(&self.published) }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            issuer: &self.issuer,
            alias: None,
            client_id: "client",
            trusted_audiences: &[],
            nonce: Some(&self.nonce),
            access_token: None,
            code: None,
            delivery: Delivery::TokenEndpoint,
            max_age: None,
            acr_values: &[],
            now: Timestamp::from_unix(NOW),
            skew: DEFAULT_SKEW,
        }
    }

    fn verify(&self, claims: &Json, expected: &Expected<'_>) -> Result<IdToken, IdTokenError> {
        verify(&self.key.token("1", claims), self.keys(), &[self.key.algorithm], expected)
    }

    fn refresh(&self, claims: &Json, original: &Original) -> Result<IdToken, IdTokenError> {
        let token = self.key.token("1", claims);
        let expected = Expected { nonce: None, ..self.expected() };
        refreshed::verify(&token, self.keys(), &[self.key.algorithm], &expected, original)
    }
}

fn claims() -> Json {
    json!({
        "iss": ISSUER, "sub": "alice", "aud": "client", "exp": NOW + 300, "iat": NOW,
        "nonce": "n-0S6_WzA2Mj",
    })
}

/// The good claims with one changed, or left out where there is no value.
fn claims_with(name: &str, value: Option<Json>) -> Json {
    let mut claims = claims();
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    claims
}

/// One claim, what it is changed to (left out if `None`), and the refusal that must follow.
fn refusals() -> Vec<(&'static str, Option<Json>, IdTokenError)> {
    use IdTokenError as E;
    let mut rows = vec![
        // OC-04
        ("iss", None, E::IssuerMismatch),
        ("iss", Some(json!("")), E::IssuerMismatch),
        ("iss", Some(json!([ISSUER])), E::IssuerMismatch),
        ("iss", Some(json!("https://idp.example/tenant/")), E::IssuerMismatch),
        ("iss", Some(json!("https://IDP.example/tenant")), E::IssuerMismatch),
        ("iss", Some(json!("https://idp.example/Tenant")), E::IssuerMismatch),
        ("iss", Some(json!("https://idp.example:443/tenant")), E::IssuerMismatch),
        ("iss", Some(json!("http://idp.example/tenant")), E::IssuerMismatch),
        ("iss", Some(json!("https://idp.example/tenant2")), E::IssuerMismatch),
        ("iss", Some(json!("https://idp.example")), E::IssuerMismatch),
        // OC-05
        ("aud", None, E::AudienceMismatch),
        ("aud", Some(json!("")), E::AudienceMismatch),
        ("aud", Some(json!("other")), E::AudienceMismatch),
        ("aud", Some(json!("Client")), E::AudienceMismatch),
        ("aud", Some(json!("client ")), E::AudienceMismatch),
        ("aud", Some(json!([])), E::AudienceMismatch),
        ("aud", Some(json!(["other"])), E::AudienceMismatch),
        ("aud", Some(json!(["client", 7])), E::AudienceMismatch),
        ("aud", Some(json!([["client"]])), E::AudienceMismatch),
        ("aud", Some(json!({"client": true})), E::AudienceMismatch),
        ("aud", Some(json!(7)), E::AudienceMismatch),
        ("aud", Some(json!(null)), E::AudienceMismatch),
        ("aud", Some(json!(["client", "unknown"])), E::UntrustedAudience),
        ("aud", Some(json!(["unknown", "client"])), E::UntrustedAudience),
        // OC-06
        ("azp", Some(json!("other")), E::AuthorizedPartyMismatch),
        ("azp", Some(json!("")), E::AuthorizedPartyMismatch),
        ("azp", Some(json!(["client"])), E::AuthorizedPartyMismatch),
        ("azp", Some(json!(null)), E::AuthorizedPartyMismatch),
        // OC-10
        ("exp", None, E::ExpiryInvalid),
        ("exp", Some(json!(NOW - 60)), E::Expired),
        ("exp", Some(json!(NOW - 61)), E::Expired),
        ("exp", Some(json!(0)), E::Expired),
        ("nbf", Some(json!(NOW + 61)), E::NotYetValid),
        // OC-11
        ("iat", None, E::IssuedAtInvalid),
        ("iat", Some(json!(NOW + 61)), E::IssuedInFuture),
        ("iat", Some(json!(NOW + 300)), E::IssuedInFuture),
        ("iat", Some(json!(NOW - 601)), E::IssuedTooLongAgo),
        ("iat", Some(json!(NOW - 7 * 86_400)), E::IssuedTooLongAgo),
        // OC-12
        ("sub", None, E::SubjectInvalid),
        ("sub", Some(json!("")), E::SubjectInvalid),
        ("sub", Some(json!("x".repeat(256))), E::SubjectInvalid),
        ("sub", Some(json!(7)), E::SubjectInvalid),
        ("sub", Some(json!(null)), E::SubjectInvalid),
        ("sub", Some(json!("älice")), E::SubjectInvalid),
        ("sub", Some(json!("alice\0")), E::SubjectInvalid),
        ("sub", Some(json!("alice\n")), E::SubjectInvalid),
        ("sub", Some(json!("alice\u{7f}")), E::SubjectInvalid),
        // OC-03
        ("nonce", None, E::NonceMismatch),
        ("nonce", Some(json!("other")), E::NonceMismatch),
        ("nonce", Some(json!("")), E::NonceMismatch),
        ("nonce", Some(json!("n-0S6_WzA2Mj ")), E::NonceMismatch),
        ("nonce", Some(json!("N-0S6_WzA2Mj")), E::NonceMismatch),
        ("nonce", Some(json!(["n-0S6_WzA2Mj"])), E::NonceMismatch),
        ("nonce", Some(json!(7)), E::NonceMismatch),
        ("nonce", Some(json!(null)), E::NonceMismatch),
    ];
    // What is no moment is never taken for "not given" (CVE-2026-25537).
    for nonsense in no_moments() {
        rows.push(("exp", Some(nonsense.clone()), E::ExpiryInvalid));
        rows.push(("nbf", Some(nonsense.clone()), E::NotBeforeInvalid));
        rows.push(("iat", Some(nonsense), E::IssuedAtInvalid));
    }
    rows
}

fn no_moments() -> Vec<Json> {
    vec![
        json!("1700000300"),
        json!(null),
        json!(true),
        json!([NOW]),
        json!(-1),
        json!(-0.5),
        json!(i64::MIN),
        json!(1e300),
        json!(i64::MAX),
        json!(1_u64 << 63),
        json!(u64::MAX),
    ]
}

#[test]
fn p_5_every_wrong_claim_is_refused_for_its_own_reason_whatever_the_algorithm() {
    for algorithm in [
        Algorithm::EdDsa,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Hs256,
        Algorithm::Ps256,
        Algorithm::Rs256,
    ] {
        let bench = Bench::new(algorithm);
        assert!(bench.verify(&claims(), &bench.expected()).is_ok());

        for (name, value, refusal) in refusals() {
            let verdict = bench.verify(&claims_with(name, value.clone()), &bench.expected());
            assert_eq!(verdict.unwrap_err(), refusal, "{algorithm:?}: {name} = {value:?}");
        }
    }
}

#[test]
fn what_stays_within_the_rules_is_accepted() {
    let bench = Bench::new(Algorithm::Es256);

    for (name, value) in [
        ("aud", json!(["client"])),
        ("azp", json!("client")),
        ("exp", json!(NOW - 59)),
        ("exp", json!(NOW as f64 + 0.5)),
        ("exp", json!(253_402_300_799_i64)),
        ("nbf", json!(NOW + 60)),
        ("nbf", json!(0)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(NOW - 600)),
        ("iat", json!(NOW as f64 - 0.25)),
        ("sub", json!("x")),
        ("sub", json!("x".repeat(255))),
        ("sub", json!("auth0|a b/c~")),
        ("auth_time", json!("nobody asked")),
        ("at_hash", json!("no access token came along")),
        ("acr", json!(0)),
    ] {
        let verdict = bench.verify(&claims_with(name, Some(value.clone())), &bench.expected());
        assert!(verdict.is_ok(), "{name} = {value}: {verdict:?}");
    }
}

#[test]
fn the_token_tells_what_it_states_in_its_own_order() {
    let bench = Bench::new(Algorithm::Es256);
    let text = format!(
        r#"{{"sub":"alice","zoneinfo":"UTC","amr":["pwd","otp"],"nonce":"n-0S6_WzA2Mj","acr":"2","iss":"{ISSUER}","auth_time":1699999990.5,"aud":"client","sid":"s-1","iat":{NOW},"exp":1700000300}}"#
    );
    let token = bench.key.token_of(r#"{"alg":"ES256"}"#, &text);

    let id_token = verify(&token, bench.keys(), &[Algorithm::Es256], &bench.expected()).unwrap();

    assert_eq!(serde_json::to_string(id_token.claims()).unwrap(), text);
    assert_eq!(id_token.subject().as_str(), "alice");
    assert_eq!(id_token.auth_time(), Some(Timestamp::from_unix(1_699_999_990)));
    assert_eq!(id_token.acr(), Some("2"));
    assert_eq!(id_token.amr(), ["pwd", "otp"]);
    assert_eq!(id_token.sid(), Some("s-1"));
}

#[test]
fn oc_03_without_a_nonce_sent_none_is_asked_for() {
    let bench = Bench::new(Algorithm::Es256);
    let expected = Expected { nonce: None, ..bench.expected() };

    assert!(bench.verify(&claims_with("nonce", None), &expected).is_ok());
}

#[test]
fn oc_06_several_audiences_must_be_trusted_and_name_us_as_party() {
    let bench = Bench::new(Algorithm::Es256);
    let trusted = ["api".to_owned()];
    let expected = Expected { trusted_audiences: &trusted, ..bench.expected() };
    let mut claims = claims_with("aud", Some(json!(["api", "client"])));

    let refused = bench.verify(&claims, &expected).unwrap_err();
    assert_eq!(refused, IdTokenError::AuthorizedPartyMissing);
    claims["azp"] = json!("api");
    let refused = bench.verify(&claims, &expected).unwrap_err();
    assert_eq!(refused, IdTokenError::AuthorizedPartyMismatch);
    claims["azp"] = json!("client");
    assert!(bench.verify(&claims, &expected).is_ok());
    // A trusted audience does not stand in for us.
    let refused = bench.verify(&claims_with("aud", Some(json!("api"))), &expected).unwrap_err();
    assert_eq!(refused, IdTokenError::AudienceMismatch);
}

#[test]
fn oc_07_no_token_is_accepted_without_its_signature_checked() {
    let bench = Bench::new(Algorithm::Rs256);
    let stranger = TestKey::other_rsa(Algorithm::Rs256);
    let unsigned = bench.key.token_of(r#"{"alg":"none"}"#, &claims().to_string());

    for (token, refusal) in [
        (unsigned, JwsError::Unsigned),
        (stranger.token("1", &claims()), JwsError::BadSignature),
        (stranger.token("2", &claims()), JwsError::NoMatchingKey),
        (
            bench.key.token_of(r#"{"alg":"RS256","typ":"at+jwt"}"#, &claims().to_string()),
            JwsError::ForeignType,
        ),
        (
            bench.key.token_of(r#"{"alg":"RS256","typ":"logout+jwt"}"#, &claims().to_string()),
            JwsError::ForeignType,
        ),
    ] {
        let verdict = verify(&token, bench.keys(), &[Algorithm::Rs256], &bench.expected());
        assert_eq!(verdict.unwrap_err(), IdTokenError::Signature(refusal));
    }
}

#[test]
fn oc_10_no_more_than_five_minutes_of_skew_are_allowed() {
    let bench = Bench::new(Algorithm::Es256);
    let expired = |ago: i64| claims_with("exp", Some(json!(NOW - ago)));

    for (skew, ago, accepted) in [
        (0, -1, true),
        (0, 0, false),
        (300, 299, true),
        (300, 300, false),
        (9999, 299, true),
        (9999, 300, false),
    ] {
        let expected = Expected { skew: Duration::from_secs(skew), ..bench.expected() };
        assert_eq!(bench.verify(&expired(ago), &expected).is_ok(), accepted, "{skew} {ago}");
    }
}

#[test]
fn oc_13_max_age_asks_for_a_recent_auth_time() {
    let bench = Bench::new(Algorithm::Es256);
    let max_age = Some(Duration::from_secs(100));
    let expected = Expected { max_age, ..bench.expected() };
    let with = |value| bench.verify(&claims_with("auth_time", value), &expected).map(drop);

    for (value, verdict) in [
        (Some(json!(NOW)), Ok(())),
        (Some(json!(NOW - 160)), Ok(())),
        (Some(json!(NOW as f64 - 159.5)), Ok(())),
        (Some(json!(NOW + 60)), Ok(())),
        (None, Err(IdTokenError::AuthenticationTimeInvalid)),
        (Some(json!(NOW - 161)), Err(IdTokenError::AuthenticationTooOld)),
        (Some(json!(0)), Err(IdTokenError::AuthenticationTooOld)),
        (Some(json!(NOW + 61)), Err(IdTokenError::AuthenticationTimeInFuture)),
    ] {
        assert_eq!(with(value.clone()), verdict, "{value:?}");
    }
    for nonsense in no_moments() {
        assert_eq!(with(Some(nonsense)), Err(IdTokenError::AuthenticationTimeInvalid));
    }
    let forever = Expected { max_age: Some(Duration::MAX), ..bench.expected() };
    assert!(bench.verify(&claims_with("auth_time", Some(json!(0))), &forever).is_ok());
}

#[test]
fn oc_14_an_essential_acr_is_one_of_those_asked_for() {
    let bench = Bench::new(Algorithm::Es256);
    let accepted = ["mfa".to_owned(), "phr".to_owned()];
    let expected = Expected { acr_values: &accepted, ..bench.expected() };
    let with = |value| bench.verify(&claims_with("acr", value), &expected).map(drop);

    assert_eq!(with(Some(json!("mfa"))), Ok(()));
    assert_eq!(with(Some(json!("phr"))), Ok(()));
    for other in [None, Some(json!("")), Some(json!("MFA")), Some(json!(["mfa"])), Some(json!(0))] {
        assert_eq!(with(other), Err(IdTokenError::ContextNotAccepted));
    }
}

/// OpenID Connect Core, appendix A.4 and A.6.
const ACCESS_TOKEN: &str = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
const AT_HASH: &str = "77QmUPtjPfzWtF2AnpK9RQ";
const CODE: &str = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk";
const C_HASH: &str = "LDktKdoQak3Pk0cnXxCltA";

#[test]
fn oc_15_at_hash_binds_the_access_token() {
    let bench = Bench::new(Algorithm::Rs256);
    let access_token = Secret::from(ACCESS_TOKEN);
    let back = Expected { access_token: Some(&access_token), ..bench.expected() };
    let front = Expected { delivery: Delivery::AuthorizationEndpoint, ..back };
    let with = |value, expected| bench.verify(&claims_with("at_hash", value), expected).map(drop);

    assert_eq!(with(Some(json!(AT_HASH)), &back), Ok(()));
    assert_eq!(with(Some(json!(AT_HASH)), &front), Ok(()));
    assert_eq!(with(None, &back), Ok(()));
    assert_eq!(with(None, &front), Err(IdTokenError::AccessTokenHashMissing));
    let whole =
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, ACCESS_TOKEN.as_bytes()));
    let sha_512 = digest::digest(&digest::SHA512, ACCESS_TOKEN.as_bytes());
    for wrong in [
        json!(""),
        json!(&AT_HASH[..21]),
        json!(format!("{AT_HASH}==")),
        json!(AT_HASH.to_lowercase()),
        json!(C_HASH),
        json!(whole),
        json!(BASE64_URL_SAFE_NO_PAD.encode(&sha_512.as_ref()[..32])),
        json!(null),
        json!([AT_HASH]),
    ] {
        for expected in [&back, &front] {
            let verdict = with(Some(wrong.clone()), expected);
            assert_eq!(verdict, Err(IdTokenError::AccessTokenHashMismatch), "{wrong}");
        }
    }
}

#[test]
fn oc_15_the_hash_is_the_one_of_the_signature() {
    for (algorithm, hash) in [
        (Algorithm::EdDsa, &digest::SHA512),
        (Algorithm::Es256, &digest::SHA256),
        (Algorithm::Es384, &digest::SHA384),
        (Algorithm::Hs512, &digest::SHA512),
        (Algorithm::Ps384, &digest::SHA384),
        (Algorithm::Rs512, &digest::SHA512),
    ] {
        let bench = Bench::new(algorithm);
        let access_token = Secret::from(ACCESS_TOKEN);
        let expected = Expected { access_token: Some(&access_token), ..bench.expected() };
        let digest = digest::digest(hash, ACCESS_TOKEN.as_bytes());
        let left = &digest.as_ref()[..digest.as_ref().len() / 2];
        let right = &digest.as_ref()[digest.as_ref().len() / 2..];
        let with = |half: &[u8]| {
            let half = json!(BASE64_URL_SAFE_NO_PAD.encode(half));
            bench.verify(&claims_with("at_hash", Some(half)), &expected).map(drop)
        };

        assert_eq!(with(left), Ok(()), "{algorithm:?}");
        assert_eq!(with(right), Err(IdTokenError::AccessTokenHashMismatch), "{algorithm:?}");
    }
}

#[test]
fn oc_16_c_hash_binds_the_code() {
    let bench = Bench::new(Algorithm::Rs256);
    let code = Secret::from(CODE);
    let back = Expected { code: Some(&code), ..bench.expected() };
    let front = Expected { delivery: Delivery::AuthorizationEndpoint, ..back };
    let with = |value, expected| bench.verify(&claims_with("c_hash", value), expected).map(drop);

    assert_eq!(with(Some(json!(C_HASH)), &front), Ok(()));
    assert_eq!(with(Some(json!(C_HASH)), &back), Ok(()));
    assert_eq!(with(None, &back), Ok(()));
    assert_eq!(with(None, &front), Err(IdTokenError::CodeHashMissing));
    for wrong in [json!(AT_HASH), json!(""), json!(&C_HASH[..10]), json!(7)] {
        for expected in [&back, &front] {
            assert_eq!(with(Some(wrong.clone()), expected), Err(IdTokenError::CodeHashMismatch));
        }
    }
}

#[test]
fn oc_20_a_refreshed_token_repeats_the_login() {
    let bench = Bench::new(Algorithm::Es256);
    let mut login = claims();
    login["auth_time"] = json!(NOW - 5000);
    let original = bench.verify(&login, &bench.expected()).unwrap().original();

    let mut minimal = login.clone();
    minimal.as_object_mut().unwrap().retain(|name, _| name != "nonce" && name != "auth_time");
    assert!(bench.refresh(&login, &original).is_ok());
    assert!(bench.refresh(&minimal, &original).is_ok());

    for (name, value, refusal) in [
        ("iss", json!("https://other.example"), IdTokenError::IssuerMismatch),
        ("sub", json!("Alice"), IdTokenError::SubjectChanged),
        ("sub", json!("mallory"), IdTokenError::SubjectChanged),
        ("aud", json!("other"), IdTokenError::AudienceMismatch),
        ("azp", json!("client"), IdTokenError::AuthorizedPartyChanged),
        ("azp", json!("other"), IdTokenError::AuthorizedPartyMismatch),
        ("auth_time", json!(NOW), IdTokenError::AuthenticationTimeChanged),
        ("auth_time", json!("1"), IdTokenError::AuthenticationTimeChanged),
        ("nonce", json!("other"), IdTokenError::NonceMismatch),
        ("nonce", json!(7), IdTokenError::NonceMismatch),
        ("iat", json!(NOW - 3600), IdTokenError::IssuedTooLongAgo),
        ("exp", json!(NOW - 3600), IdTokenError::Expired),
    ] {
        let mut mutated = login.clone();
        mutated[name] = value.clone();
        assert_eq!(bench.refresh(&mutated, &original).unwrap_err(), refusal, "{name} = {value}");
    }
    let stranger = TestKey::new(Algorithm::Es256).token("1", &login);
    let verdict = refreshed::verify(
        &stranger,
        bench.keys(),
        &[Algorithm::Es256],
        &bench.expected(),
        &original,
    );
    assert_eq!(verdict.unwrap_err(), IdTokenError::Signature(JwsError::BadSignature));
}

#[test]
fn oc_20_another_users_token_is_no_old_one_of_ours_however_old_it_is() {
    let bench = Bench::new(Algorithm::Es256);
    let original = bench.verify(&claims(), &bench.expected()).unwrap().original();

    for (name, moment) in [("exp", NOW - 5_000), ("iat", NOW - 5_000)] {
        let mut old = claims_with(name, Some(json!(moment)));
        assert!(bench.refresh(&old, &original).is_err_and(|e| e != IdTokenError::SubjectChanged));
        old["sub"] = json!("mallory");
        assert_eq!(bench.refresh(&old, &original).unwrap_err(), IdTokenError::SubjectChanged);
    }
}

#[test]
fn oc_20_a_refreshed_token_keeps_every_audience_and_the_party() {
    let bench = Bench::new(Algorithm::Es256);
    let trusted = ["api".to_owned()];
    let expected = Expected { trusted_audiences: &trusted, ..bench.expected() };
    let mut login = claims_with("aud", Some(json!(["api", "client"])));
    login["azp"] = json!("client");
    let original = bench.verify(&login, &expected).unwrap().original();

    let narrowed = claims_with("aud", Some(json!("client")));
    assert_eq!(bench.refresh(&narrowed, &original).unwrap_err(), IdTokenError::AudienceChanged);
    let only_us = Original { audiences: vec!["client".into()], ..original };
    let partyless = bench.refresh(&claims(), &only_us).unwrap_err();
    assert_eq!(partyless, IdTokenError::AuthorizedPartyChanged);
}

#[test]
fn oc_20_a_nonce_that_the_login_had_not_is_refused() {
    let bench = Bench::new(Algorithm::Es256);
    let expected = Expected { nonce: None, ..bench.expected() };
    let login = bench.verify(&claims_with("nonce", None), &expected).unwrap();

    let verdict = bench.refresh(&claims(), &login.original());

    assert_eq!(verdict.unwrap_err(), IdTokenError::NonceMismatch);
}

#[test]
fn oc_20_at_hash_binds_the_refreshed_access_token() {
    let bench = Bench::new(Algorithm::Es256);
    let original = bench.verify(&claims(), &bench.expected()).unwrap().original();
    let access_token = Secret::from(ACCESS_TOKEN);
    let expected = Expected { access_token: Some(&access_token), ..bench.expected() };
    let token = bench.key.token("1", &claims_with("at_hash", Some(json!(C_HASH))));

    let verdict =
        refreshed::verify(&token, bench.keys(), &[Algorithm::Es256], &expected, &original);

    assert_eq!(verdict.unwrap_err(), IdTokenError::AccessTokenHashMismatch);
}

#[test]
fn oc_21_users_of_an_issuer_are_told_apart_by_subject_alone() {
    let bench = Bench::new(Algorithm::Es256);
    let with_email = |sub: &str| {
        let mut claims = claims_with("sub", Some(json!(sub)));
        claims["email"] = json!("alice@example.com");
        claims
    };
    let user = |claims: &Json| bench.verify(claims, &bench.expected()).unwrap().subject().clone();

    let alice = user(&with_email("alice"));
    assert_eq!(user(&claims()), alice);
    assert_ne!(user(&with_email("Alice")), alice);
}

#[test]
fn oc_26_addresses_in_claims_stay_claims() {
    let bench = Bench::new(Algorithm::Es256);
    let source = json!({"s": {"endpoint": "http://169.254.169.254/", "access_token": "x"}});
    let mut claims = claims_with("_claim_sources", Some(source.clone()));
    claims["_claim_names"] = json!({"sub": "s", "email": "s"});

    let id_token = bench.verify(&claims, &bench.expected()).unwrap();

    assert_eq!(id_token.subject().as_str(), "alice");
    assert!(id_token.claims().get("email").is_none());
    let kept = id_token.claims().get("_claim_sources").unwrap().to_string();
    assert_eq!(serde_json::from_str::<Json>(&kept).unwrap(), source);
}

#[test]
fn every_refusal_names_the_claim_and_nothing_prints_one() {
    let bench = Bench::new(Algorithm::Es256);

    for (name, _, refusal) in refusals() {
        assert!(refusal.to_string().contains(&format!("`{name}`")), "{refusal}");
    }
    let id_token = bench.verify(&claims(), &bench.expected()).unwrap();
    assert!(!format!("{:?}", id_token.claims()).contains("alice"));
    assert!(!format!("{:?}", id_token.original().nonce).contains("n-0S6"));
}

proptest! {
    #[test]
    fn any_numbers_as_moments_never_wrap(
        exp in any::<f64>(), iat in any::<i64>(), now in any::<i64>(), skew in any::<u64>(),
    ) {
        let bench = Bench::new(Algorithm::Hs256);
        let mut claims = claims_with("exp", Some(json!(exp)));
        claims["iat"] = json!(iat);
        claims["auth_time"] = json!(iat);
        let expected = Expected {
            now: Timestamp::from_unix(now),
            skew: Duration::from_secs(skew),
            max_age: Some(Duration::from_secs(skew)),
            ..bench.expected()
        };
        if bench.verify(&claims, &expected).is_ok() {
            prop_assert!(i128::from(now) < exp as i128 + 300);
            prop_assert!(i128::from(iat) <= i128::from(now) + 300);
        }
    }
}

#[test]
fn an_issuer_may_have_one_other_spelling_and_no_third() {
    let bench = Bench::new(Algorithm::Es256);
    let alias = Issuer::new("idp.example");
    let expected = Expected { alias: Some(&alias), ..bench.expected() };
    let verify = |iss: &str| {
        let token = bench.key.token("1", &claims_with("iss", Some(json!(iss))));
        super::verify(&token, bench.keys(), &[bench.key.algorithm], &expected)
    };

    assert!(verify("idp.example").is_ok() && verify(ISSUER).is_ok());
    assert_eq!(verify("other.example").err(), Some(IdTokenError::IssuerMismatch));
}

#[test]
fn t_52_what_an_application_brings_is_held_to_everything_but_nonce_and_age() {
    let bench = Bench::new(Algorithm::Rs256);
    let expected = Expected { nonce: None, delivery: Delivery::Application, ..bench.expected() };
    for (claim, value, refusal) in refusals() {
        let accepted = bench.verify(&claims_with(claim, value.clone()), &expected);
        let passes =
            matches!(refusal, IdTokenError::NonceMismatch | IdTokenError::IssuedTooLongAgo);
        assert_eq!(accepted.err(), (!passes).then_some(refusal), "{claim} {value:?}");
    }
}

#[test]
fn t_52_an_application_brings_tokens_for_us_or_for_a_trusted_audience() {
    let bench = Bench::new(Algorithm::Rs256);
    let trusted = ["phone".to_owned()];
    let login = Expected { nonce: None, trusted_audiences: &trusted, ..bench.expected() };
    let brought = Expected { delivery: Delivery::Application, ..login };
    for (audience, party, at_login, by_application) in [
        (json!("client"), None, true, true),
        (json!("phone"), None, false, true),
        (json!("phone"), Some("phone"), false, true),
        (json!("client"), Some("phone"), false, true),
        (json!(["client", "phone"]), Some("client"), true, true),
        (json!(["client", "phone"]), None, false, false),
        (json!(["phone", "other"]), Some("phone"), false, false),
        (json!("phone"), Some("other"), false, false),
        (json!("other"), None, false, false),
    ] {
        let mut claims = claims_with("aud", Some(audience));
        if let Some(party) = party {
            claims["azp"] = json!(party);
        }
        assert_eq!(bench.verify(&claims, &login).is_ok(), at_login, "{claims}");
        assert_eq!(bench.verify(&claims, &brought).is_ok(), by_application, "{claims}");
    }
}

#[test]
fn t_52_a_logout_token_is_no_id_token_and_an_access_token_is_none_that_an_application_brings() {
    use IdTokenError as E;
    let bench = Bench::new(Algorithm::Es256);
    let login = Expected { nonce: None, ..bench.expected() };
    let brought = Expected { delivery: Delivery::Application, ..login };
    for (claim, value, at_login, by_application) in [
        ("events", json!({}), Some(E::Event), Some(E::Event)),
        ("events", json!(null), Some(E::Event), Some(E::Event)),
        ("cnf", json!({"jkt": "x"}), None, Some(E::SenderConstrained)),
        ("appid", json!("client"), None, None),
        ("appid", json!("other"), None, Some(E::AuthorizedPartyMismatch)),
        ("appid", json!(["client"]), None, Some(E::AuthorizedPartyMismatch)),
    ] {
        let claims = claims_with(claim, Some(value));
        assert_eq!(bench.verify(&claims, &login).err(), at_login, "{claims}");
        assert_eq!(bench.verify(&claims, &brought).err(), by_application, "{claims}");
    }
    let original = bench.verify(&claims(), &bench.expected()).unwrap().original();
    let refreshed = bench.refresh(&claims_with("events", Some(json!({}))), &original);
    assert_eq!(refreshed.unwrap_err(), E::Event);
}
