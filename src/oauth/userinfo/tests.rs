use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::oauth::test_keys::{TestKey, key_set};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://idp.example";

fn answer(content_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
}

fn parse_plain(response: &Response<Bytes>) -> Result<Object, UserinfoError> {
    parse(response, &Expected { subject: &Subject::new("alice"), signed: None })
}

/// Reads an answer where signed ones are agreed; its key signs.
fn parse_signed(response: &Response<Bytes>, key: &TestKey) -> Result<Object, UserinfoError> {
    let (keys, issuer) = (key_set(&[key.jwk("1")]), Issuer::new(ISSUER));
    let signed = Signed {
        keys: Keys::Published(&keys),
        algorithms: &[Algorithm::Es256],
        issuer: &issuer,
        client_id: "client",
        now: Timestamp::from_unix(NOW),
        skew: Duration::from_secs(60),
    };
    parse(response, &Expected { subject: &Subject::new("alice"), signed: Some(signed) })
}

fn claims_with(name: &str, value: Option<Json>) -> Json {
    let mut claims = json!({"sub": "alice", "iss": ISSUER, "aud": "client"});
    match value {
        Some(value) => claims[name] = value,
        None => drop(claims.as_object_mut().unwrap().remove(name)),
    }
    claims
}

#[test]
fn the_access_token_travels_in_a_header_that_is_not_printed() {
    let endpoint = Url::parse("https://idp.example/me?a=b").unwrap();

    let request = request(&endpoint, &Secret::from("opaque-token")).unwrap();

    assert_eq!(request.method(), "GET");
    assert_eq!(request.uri(), "https://idp.example/me?a=b");
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer opaque-token");
    assert!(!format!("{request:?}").contains("opaque-token"));
    assert!(request.body().is_empty());
}

#[test]
fn an_access_token_cannot_bring_headers_of_its_own() {
    let endpoint = Url::parse("https://idp.example/me").unwrap();
    for token in ["a\r\nHost: evil.example", "a\nb", "a\0"] {
        let refused = request(&endpoint, &Secret::from(token)).unwrap_err();
        assert_eq!(refused, UserinfoError::AccessTokenUnfit);
    }
}

#[test]
fn claims_are_read_in_the_answers_order() {
    let text = r#"{"zoneinfo":"UTC","sub":"alice","address":{"b":1,"a":2}}"#;

    for content_type in ["application/json", "Application/JSON ; charset=UTF-8"] {
        let claims = parse_plain(&answer(content_type, text)).unwrap();
        assert_eq!(serde_json::to_string(&claims).unwrap(), text);
    }
}

#[test]
fn oc_18_an_answer_about_another_user_is_not_used() {
    for sub in [
        json!("mallory"),
        json!("Alice"),
        json!("alice "),
        json!(""),
        json!(1),
        json!(null),
        json!(["alice"]),
    ] {
        let body = json!({"sub": sub, "email": "alice@example.com"}).to_string();
        let refused = parse_plain(&answer("application/json", body)).unwrap_err();
        assert_eq!(refused, UserinfoError::SubjectMismatch, "{sub}");
    }
    let refused = parse_plain(&answer("application/json", "{}")).unwrap_err();
    assert_eq!(refused, UserinfoError::SubjectMismatch);
}

#[test]
fn oc_19_only_one_json_object_is_a_set_of_claims() {
    for (body, expected) in [
        ("[]", JsonError::NotAnObject),
        (r#"[{"sub":"alice"}]"#, JsonError::NotAnObject),
        (r#""x""#, JsonError::NotAnObject),
        ("null", JsonError::NotAnObject),
        ("", JsonError::Malformed),
        ("sub=alice", JsonError::Malformed),
        (r#"{"sub":"mallory","sub":"alice"}"#, JsonError::DuplicateMember),
    ] {
        let refused = parse_plain(&answer("application/json", body)).unwrap_err();
        assert_eq!(refused, UserinfoError::Json(expected), "{body}");
    }
}

#[test]
fn oc_19_a_signed_answer_is_used_only_where_agreed_and_only_whole() {
    let key = TestKey::new(Algorithm::Es256);
    let good = key.token("1", &claims_with("name", Some(json!("Alice"))));

    let claims = parse_signed(&answer("application/jwt", good.clone()), &key).unwrap();
    assert_eq!(claims.text("name"), Some("Alice"));

    let unagreed = parse_plain(&answer("application/jwt", good.clone())).unwrap_err();
    assert_eq!(unagreed, UserinfoError::UnexpectedMediaType);
    let plain = answer("application/json", claims_with("x", None).to_string());
    assert_eq!(parse_signed(&plain, &key).unwrap_err(), UserinfoError::Unsigned);
    let quoted = parse_plain(&answer("application/json", format!("\"{good}\""))).unwrap_err();
    assert_eq!(quoted, UserinfoError::Json(JsonError::NotAnObject));
}

#[test]
fn oc_19_a_signed_answer_needs_signature_issuer_audience_and_subject() {
    let key = TestKey::new(Algorithm::Es256);
    let verdict = |token: String| parse_signed(&answer("application/jwt", token), &key).map(drop);

    for (name, value, expected) in [
        ("iss", None, Err(UserinfoError::IssuerMismatch)),
        ("iss", Some(json!("https://idp.example/")), Err(UserinfoError::IssuerMismatch)),
        ("aud", None, Err(UserinfoError::AudienceMismatch)),
        ("aud", Some(json!("other")), Err(UserinfoError::AudienceMismatch)),
        ("aud", Some(json!([])), Err(UserinfoError::AudienceMismatch)),
        ("aud", Some(json!(["other", "client"])), Ok(())),
        ("sub", None, Err(UserinfoError::SubjectMismatch)),
        ("sub", Some(json!("mallory")), Err(UserinfoError::SubjectMismatch)),
        ("exp", Some(json!(NOW - 59)), Ok(())),
        ("exp", Some(json!(NOW - 60)), Err(UserinfoError::Expired)),
        ("exp", Some(json!("tomorrow")), Err(UserinfoError::Expired)),
    ] {
        let token = key.token("1", &claims_with(name, value.clone()));
        assert_eq!(verdict(token), expected, "{name} = {value:?}");
    }
    let claims = claims_with("x", None);
    for (token, expected) in [
        (TestKey::new(Algorithm::Es256).token("1", &claims), JwsError::BadSignature),
        (key.token_of(r#"{"alg":"none"}"#, &claims.to_string()), JwsError::Unsigned),
        (
            key.token_of(r#"{"alg":"ES256","typ":"at+jwt"}"#, &claims.to_string()),
            JwsError::ForeignType,
        ),
        (
            key.token_of(r#"{"alg":"ES256"}"#, &key.token("1", &claims)),
            JwsError::ClaimsUnreadable(JsonError::Malformed),
        ),
        (claims.to_string(), JwsError::Malformed),
    ] {
        assert_eq!(verdict(token), Err(UserinfoError::Signature(expected)));
    }
}

#[test]
fn other_media_types_and_statuses_are_refused() {
    let body = r#"{"sub":"alice"}"#;
    for content_type in
        ["text/html", "text/plain", "application/jsonp", "application/json-seq", "", "json"]
    {
        let refused = parse_plain(&answer(content_type, body)).unwrap_err();
        assert_eq!(refused, UserinfoError::UnexpectedMediaType, "{content_type}");
    }
    let untyped = parse_plain(&Response::new(Bytes::from_static(body.as_bytes()))).unwrap_err();
    assert_eq!(untyped, UserinfoError::UnexpectedMediaType);
    let mut twice = answer("application/json", body);
    twice.headers_mut().append(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    assert_eq!(parse_plain(&twice).unwrap_err(), UserinfoError::UnexpectedMediaType);

    for status in [201, 204, 302, 401, 403, 500] {
        let mut response = answer("application/json", body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let refused = parse_plain(&response).unwrap_err();
        assert_eq!(refused, UserinfoError::Refused(response.status()));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let key = TestKey::new(Algorithm::Hs256);
        prop_assert!(parse_plain(&answer("application/json", body.clone())).is_err());
        prop_assert!(parse_signed(&answer("application/jwt", body), &key).is_err());
    }
}
