//! Signing keys: a list that rotates, and what is not signed with one of them.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use easyauth::Key;

use super::*;

fn long_key() -> Key {
    let bytes: Vec<u8> = (0..64).map(|step: u8| step.wrapping_mul(37) ^ 77).collect();
    Key::from_bytes(&bytes).unwrap()
}

#[tokio::test]
async fn a_new_key_in_front_signs_nobody_out_and_a_key_taken_off_does_at_once() {
    let (story, phone) = signed_in().await;
    let rotated = another_node(&story, |config| config.signing_keys([long_key(), key(2)]));
    let retired = another_node(&story, |config| config.signing_keys([long_key()]));

    let mut phone = phone.at(&rotated);
    assert_eq!(phone.user().await.as_deref(), Some("alice"));
    assert_eq!(phone.clone().at(&retired).get("/").await.sub_status(), "401.83");
    assert_eq!(phone.clone().at(&retired).get("/.auth/refresh").await.sub_status(), "401.83");

    story.clock.advance(SECOND);
    assert_eq!(phone.refresh().await.status, 200);
    assert_eq!(phone.clone().at(&retired).user().await.as_deref(), Some("alice"));
    assert_eq!(phone.at(&story.app).get("/").await.sub_status(), "401.83", "it has only the old");
}

#[tokio::test]
async fn four_keys_are_tried() {
    let (story, phone) = signed_in().await;
    let four =
        another_node(&story, |config| config.signing_keys([long_key(), key(4), key(5), key(2)]));

    assert_eq!(phone.at(&four).user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn fw_02_a_token_is_for_one_origin_whatever_the_host_says() {
    let (story, phone) = signed_in().await;
    let elsewhere = another_node(&story, |config| config.public_origin("https://other.example"));

    let request = Request::get("/").header("host", "app.example");
    let answer = phone.clone().at(&elsewhere).send(request, "").await;

    assert_eq!(answer.sub_status(), "401.83");
}

#[tokio::test]
async fn t_80_who_changes_a_token_or_signs_it_otherwise_is_nobody() {
    let (_, phone) = signed_in().await;
    let token = phone.token.clone().unwrap();
    let mut parts = token.split('.');
    let (header, payload, signature) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let rsa = SigningKey::rs256("k1");
    let claims = phone.claims().to_string();
    for forged in [
        format!("{}.{payload}.", encode(r#"{"typ":"JWT","alg":"none"}"#)),
        format!("{}.{payload}.{signature}", encode(r#"{"typ":"JWT","alg":"None"}"#)),
        format!("{}.{payload}.{signature}", encode(r#"{"typ":"JWT","alg":"HS512"}"#)),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{}.{signature}", encode(&claims.replace("3600", "9999"))),
        rsa.token_of(r#"{"typ":"JWT","alg":"RS256"}"#, &claims),
        rsa.token_of(r#"{"typ":"JWT","alg":"HS256"}"#, &claims),
        SigningKey::hs256("", b"0000").token_of(r#"{"typ":"JWT","alg":"HS256"}"#, &claims),
        format!("Bearer {token}"),
        format!("{token},{token}"),
    ] {
        let phone = phone.clone().holding(&forged);
        assert_eq!(phone.get("/").await.sub_status(), "401.83", "{forged}");
        assert_eq!(phone.get("/.auth/refresh").await.sub_status(), "401.83", "{forged}");
    }
}

#[tokio::test]
async fn t_80_the_right_key_alone_makes_no_session() {
    let (_, phone) = signed_in().await;
    let bytes: Vec<u8> = (0..32).map(|step: u8| step.wrapping_mul(37) ^ 2).collect();
    let signer = SigningKey::hs256("", &bytes);
    let claims = phone.claims();
    let resigned = signer.token_of(r#"{"typ":"JWT","alg":"HS256"}"#, &claims.to_string());
    assert_eq!(phone.clone().holding(&resigned).user().await.as_deref(), Some("alice"));

    let with = |name: &str, value: serde_json::Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        signer.token_of(r#"{"typ":"JWT","alg":"HS256"}"#, &claims.to_string())
    };
    for (name, value) in [
        ("iss", json!("https://other.example/")),
        ("aud", json!("https://other.example/")),
        ("exp", json!("1760003600")),
        ("exp", json!(null)),
        ("ver", json!(3)),
        ("session_id", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        ("session_generation", json!(1_000)),
        ("session_start", json!(0)),
        ("stable_sid", json!("sid:00000000000000000000000000000000")),
    ] {
        let phone = phone.clone().holding(&with(name, value.clone()));
        assert_eq!(phone.get("/").await.status, 401, "{name} {value}");
        assert_eq!(phone.get("/.auth/refresh").await.status, 401, "{name} {value}");
    }
}
