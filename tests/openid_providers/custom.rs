//! Any OpenID provider, in full.

use easyauth::provider::{ClientAuthentication, Endpoint, OpenIdConnect, PrivateKey, ResponseType};
use serde_json::json;

use super::*;

const RSA: &str = include_str!("../data/throwaway-test-key-rsa-2048-a.pem");
const EC: &str = include_str!("../data/throwaway-test-key-p256.p8");

fn keyed(provider: &FakeProvider, pem: &str) -> OpenIdConnect {
    let key = PrivateKey::from_pem(pem).unwrap().key_id("our-key");
    OpenIdConnect::public_client("op", &provider.issuer, CLIENT_ID).private_key(key)
}

#[tokio::test]
async fn ex_07_a_private_key_proves_the_client_to_the_issuer_alone() {
    for (pem, algorithm, supported) in
        [(RSA, "RS256", None), (RSA, "PS256", Some(json!(["RS256", "PS256"]))), (EC, "ES256", None)]
    {
        let mut story = Story::at("op", "", |provider| keyed(provider, pem));
        if let Some(supported) = supported {
            let member = "token_endpoint_auth_signing_alg_values_supported";
            story.provider.set(Metadata, member, supported);
        }
        story.sign_in("alice").await;

        let request = story.provider.requests(Token).remove(0);
        let assertion = request.parameter("client_assertion").unwrap();
        let header = base64_url(assertion.split('.').next().unwrap());
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(
            (header["alg"].as_str(), header["kid"].as_str()),
            (Some(algorithm), Some("our-key"))
        );
        let claims = verify_statement(&assertion).unwrap();
        // oa_16: the issuer, as text.
        assert_eq!(claims["aud"], "https://op.example");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        assert!(!request.headers.contains_key("authorization"));
        assert_refreshes(&mut story).await;
    }
}

#[tokio::test]
async fn a_key_that_the_provider_takes_no_signature_of_is_a_mistake_in_the_set_up() {
    let mut story = Story::at("op", "", |provider| keyed(provider, EC));
    let member = "token_endpoint_auth_signing_alg_values_supported";
    story.provider.set(Metadata, member, json!(["RS256"]));
    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.sub_status(), "500.74");
    story.assert_refused(&answer, 500, &[Metadata]);
}

#[tokio::test]
async fn a_secret_can_sign_and_stay_at_home() {
    let method = ClientAuthentication::ClientSecretJwt;
    let mut story = Story::with_provider(|provider| provider.client_authentication(method));
    story.sign_in("alice").await;
    assert_refreshes(&mut story).await;

    for request in story.provider.requests(Token) {
        let sent = format!("{:?}", request);
        assert!(!sent.contains(CLIENT_SECRET), "{sent}");
        assert!(request.parameter("client_assertion").is_some());
    }
}

#[tokio::test]
async fn without_discovery_nothing_is_fetched_but_what_is_named() {
    let mut story = Story::with_provider(|provider| {
        let at = |endpoint: &str| format!("https://op.example/{endpoint}");
        provider
            .endpoint(Endpoint::Authorization, at("authorize"))
            .endpoint(Endpoint::Token, at("token"))
            .endpoint(Endpoint::Jwks, at("keys"))
            .without_discovery()
    });
    story.sign_in("alice").await;

    assert_eq!(story.provider.take_asked(), [Token, Keys]);
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_endpoint_can_be_another_than_the_metadatas() {
    let mut story = Story::with_provider(|provider| {
        provider.endpoint(Endpoint::UserInfo, "https://op.example/userinfo?v=2")
    });
    story.provider.set(Metadata, "userinfo_endpoint", "https://elsewhere.example/userinfo");
    story.sign_in("alice").await;

    assert_eq!(story.provider.requests(Userinfo)[0].uri, "https://op.example/userinfo?v=2");
    assert_eq!(story.provider.strays(), [""; 0]);
}

fn signed_userinfo(key: &SigningKey, claims: &Value) -> Reply {
    let header = json!({"alg": key.algorithm, "kid": key.kid});
    Reply::Raw(200, "application/jwt", key.token(&header, claims).into())
}

#[tokio::test]
async fn signed_userinfo_counts_if_the_provider_signed_it_for_us() {
    let honest =
        json!({"iss": "https://op.example", "aud": CLIENT_ID, "sub": "alice", "locale": "mi-NZ"});
    let mut story = Story::with_provider(OpenIdConnect::signed_userinfo);
    story.provider.reply(Userinfo, signed_userinfo(&SigningKey::rs256("k1"), &honest));
    story.sign_in("alice").await;
    assert!(claims(&mut story).await.contains(&"locale=mi-NZ".to_owned()));

    let with = |member: &str, value: &str| {
        let mut claims = honest.clone();
        claims[member] = json!(value);
        signed_userinfo(&SigningKey::rs256("k1"), &claims)
    };
    for reply in [
        with("sub", "mallory"),
        with("aud", "another"),
        with("iss", "https://evil.example"),
        signed_userinfo(&SigningKey::other_rs256("k1"), &honest),
        signed_userinfo(&SigningKey::hs256("k1", CLIENT_SECRET.as_bytes()), &honest),
        Reply::json(honest.to_string()),
    ] {
        let mut story = Story::with_provider(OpenIdConnect::signed_userinfo);
        story.provider.reply(Userinfo, reply);
        let answer = story.try_sign_in("alice").await;

        story.assert_refused(&answer, 502, &answer_documents(&story));
    }
}

/// Everything that was asked for: a key that is not there is looked for once more.
fn answer_documents(story: &Story) -> Vec<Document> {
    let asked = [Metadata, Token, Keys, Userinfo];
    let again = story.provider.requests(Keys).len() > 1;
    asked.into_iter().chain(again.then_some(Keys)).collect()
}

#[tokio::test]
async fn unsigned_answers_only_count_where_none_signed_are_agreed() {
    let key = SigningKey::rs256("k1");
    let honest = json!({"iss": "https://op.example", "aud": CLIENT_ID, "sub": "alice"});
    let mut story = Story::new();
    story.provider.reply(Userinfo, signed_userinfo(&key, &honest));

    assert_eq!(story.try_sign_in("alice").await.status, 502);
}

#[tokio::test]
async fn an_id_token_can_come_beside_the_code_of_any_provider() {
    let settings = |provider: OpenIdConnect| provider.response_type(ResponseType::CodeIdToken);
    let mut story = Story::with_provider(settings);
    story.sign_in("alice").await;

    let mut story = Story::with_provider(settings);
    story.provider.set(IdTokenBesideCode, "c_hash", "LDktKdoQak3Pk0cnXxCltA");
    let answer = story.try_sign_in("alice").await;
    story.assert_refused(&answer, 502, &[Metadata, Keys]);
}

#[tokio::test]
async fn t_44_an_id_token_that_nobody_asked_for_does_not_stand_for_the_issuer() {
    let mut story = Story::new();
    let there = story.browser.begin(&story.provider).await;
    let callback = story.provider.authorize(&there, "alice").without("iss");
    let answer = story.browser.come_back(&callback.and("id_token", "a.b.c")).await;

    story.assert_refused(&answer, 502, &[Metadata]);
}

#[tokio::test]
async fn an_id_token_that_nobody_asked_for_is_not_looked_at() {
    let mut story = Story::new();
    let there = story.browser.begin(&story.provider).await;
    let callback = story.provider.authorize(&there, "alice").and("id_token", "not.a.token");
    let answer = story.browser.come_back(&callback).await;

    assert_eq!(answer.status, 302, "{answer:?}");
}

#[tokio::test]
async fn the_configured_claim_names_the_user_and_is_the_user_id_of_me() {
    let mut story = Story::with_provider(|provider| provider.name_claim("preferred_username"));
    story.provider.set(IdToken, "preferred_username", "al");
    story.sign_in("alice").await;

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["al"]);
    assert_eq!(story.browser.fetch("/.auth/me").await.json()[0]["user_id"], "al");
    assert_signs_out(&mut story).await;
}
