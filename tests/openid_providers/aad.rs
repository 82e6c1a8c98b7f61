//! Microsoft Entra ID.

use easyauth::provider::{EntraId, PrivateKey, ResponseType};

use super::*;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const PATH: &str = "/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0";

fn new(provider: &FakeProvider) -> EntraId {
    EntraId::new(&provider.issuer, CLIENT_ID, CLIENT_SECRET)
}

fn story(change: impl FnOnce(EntraId) -> EntraId) -> Story {
    Story::at("aad", PATH, |provider| change(new(provider)))
}

/// A story with a provider for all tenants, of which those of `allowed` may sign in.
fn story_of_tenants(allowed: &[&str]) -> Story {
    let story = Story::at("aad", "/common/v2.0", |provider| {
        new(provider).allowed_tenants(allowed.iter().copied())
    });
    story.provider.set(Metadata, "issuer", "https://aad.example/{tenantid}/v2.0");
    story.provider.remove(Metadata, "authorization_response_iss_parameter_supported");
    story
}

fn be_tenant(provider: &FakeProvider, tenant: &str) {
    for token in [IdToken, IdTokenBesideCode] {
        provider.set(token, "iss", format!("https://aad.example/{tenant}/v2.0"));
        provider.set(token, "tid", tenant);
    }
}

#[tokio::test]
async fn the_authorization_request_is_the_originals() {
    let mut story = story(|provider| provider.login_parameter("domain_hint", "contoso.com"));
    let login = "/.auth/login/aad?login_hint=abe@contoso.com&scope=evil&p=other&resource=x";

    assert_eq!(
        authorization_query(&mut story, login).await,
        "response_type=code id_token&redirect_uri=https://app.example/.auth/login/aad/callback\
         &client_id=web&scope=openid profile email&response_mode=form_post\
         &login_hint=abe@contoso.com&domain_hint=contoso.com\
         &code_challenge=…&code_challenge_method=S256&nonce=…&state=…"
    );
}

#[tokio::test]
async fn a_user_signs_in_with_the_claims_and_headers_of_the_original() {
    let mut story = story(|provider| provider);
    story.provider.state_claims(include_str!("../data/aad/id-token-v1.json"));

    story.sign_in("alice").await;

    let answer = story.browser.fetch("/").await;
    assert_eq!(answer.seen("x-ms-client-principal-idp"), ["aad"]);
    assert_eq!(answer.seen("x-ms-client-principal-id"), ["05833b6b-aa1d-42d4-9ec0-1b2bb9194438"]);
    assert_eq!(answer.seen("x-ms-client-principal-name"), ["abeli@microsoft.com"]);
    assert_eq!(
        token_headers(&mut story).await,
        [
            "x-ms-token-aad-access-token",
            "x-ms-token-aad-expires-on",
            "x-ms-token-aad-id-token",
            "x-ms-token-aad-refresh-token",
        ]
    );
    let claims = claims(&mut story).await;
    let microsoft = "http://schemas.microsoft.com/identity/claims";
    for claim in [
        format!("{microsoft}/objectidentifier=05833b6b-aa1d-42d4-9ec0-1b2bb9194438"),
        format!("{microsoft}/tenantid=fa15d692-e9c7-4460-a743-29f2956fd429"),
        format!("{IDENTITY}/emailaddress=abeli@microsoft.com"),
        "ver=1.0".to_owned(),
    ] {
        assert!(claims.contains(&claim), "{claim}: {claims:?}");
    }
    let me = story.browser.fetch("/.auth/me").await.json();
    assert_eq!(me[0]["user_id"], "abeli@microsoft.com");
    // Its userinfo is Microsoft Graph's, and nobody asked for a token for that.
    assert!(!story.provider.take_asked().contains(&Userinfo));
    assert_refreshes_until(&mut story, include_str!("../data/aad/expired.json")).await;
    assert_signs_out(&mut story).await;
}

/// The token endpoint of version 1 does not sign its ID tokens.
#[tokio::test]
async fn an_id_token_of_version_1_counts_by_the_signed_one_beside_the_code() {
    let mut story = story(|provider| provider);
    story.provider.state_claims(include_str!("../data/aad/id-token-v1.json"));
    let published: Value = serde_json::from_str(include_str!("../data/aad/token-v1.json")).unwrap();
    let members = published.as_object().unwrap().iter();
    // Its refresh token is one that nobody knows.
    for (member, value) in members.filter(|(member, _)| *member != "refresh_token") {
        story.provider.set(Token, member, value.clone());
    }

    story.sign_in("alice").await;

    let me = story.browser.fetch("/.auth/me").await.json();
    assert_eq!(me[0]["user_id"], "abeli@microsoft.com");
    assert_eq!(me[0]["access_token"], published["access_token"]);
    // The application gets the signed one, too, and keeps it through a refresh.
    let signed = me[0]["id_token"].clone();
    assert_ne!(signed, published["id_token"]);
    story.clock.advance(HOUR / 2);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 200);
    let me = story.browser.fetch("/.auth/me").await.json();
    assert_eq!(me[0]["id_token"], signed);
    assert_eq!(me[0]["user_id"], "abeli@microsoft.com");
}

#[tokio::test]
async fn an_unsigned_id_token_proves_nothing_by_itself() {
    let unsigned: Value = serde_json::from_str(include_str!("../data/aad/token-v1.json")).unwrap();
    let mut story = story(|provider| provider.response_type(ResponseType::Code));
    story.provider.set(Token, "id_token", unsigned["id_token"].clone());
    let answer = story.try_sign_in("alice").await;

    story.assert_refused(&answer, 502, &[Metadata, Token, Keys]);
}

#[tokio::test]
async fn what_entra_id_refuses_is_a_mistake_in_the_set_up() {
    let mut story = story(|provider| provider);
    let refusal = include_str!("../data/aad/error.json");
    story.provider.reply(Token, Reply::Raw(400, "application/json; charset=utf-8", refusal.into()));
    let answer = story.try_sign_in("alice").await;

    assert_eq!(answer.sub_status(), "500.74");
    assert!(!answer.text().contains("AADSTS"));
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_and_the_answer_says_so() {
    let mut story = story(|provider| provider);
    story.provider.remove(Token, "refresh_token");
    story.sign_in("alice").await;

    assert_asks_for(&mut story, "offline_access").await;
}

#[tokio::test]
async fn oc_16_the_id_token_beside_the_code_vouches_for_it_before_anybody_sees_it() {
    for (member, value) in [
        ("c_hash", Some("LDktKdoQak3Pk0cnXxCltA")),
        ("c_hash", None),
        ("nonce", Some("another")),
        ("aud", Some("another")),
        ("iss", Some("https://aad.example/another/v2.0")),
    ] {
        let mut story = story(|provider| provider);
        match value {
            Some(value) => story.provider.set(IdTokenBesideCode, member, value),
            None => story.provider.remove(IdTokenBesideCode, member),
        }
        let answer = story.try_sign_in("alice").await;

        story.assert_refused(&answer, 502, &[Metadata, Keys]);
    }
}

#[tokio::test]
async fn oc_16_an_answer_without_the_id_token_that_was_asked_for_is_refused() {
    let mut story = story(|provider| provider);
    let there = story.browser.begin(&story.provider).await;
    let callback = story.provider.authorize(&there, "alice").without("id_token");
    let answer = story.browser.come_back(&callback).await;

    story.assert_refused(&answer, 502, &[Metadata]);
}

#[tokio::test]
async fn t_47_an_id_token_of_an_earlier_login_vouches_for_no_later_code() {
    let mut story = story(|provider| provider);
    let there = story.browser.begin(&story.provider).await;
    let earlier = story.provider.authorize(&there, "mallory").get("id_token").to_owned();
    let there = story.browser.begin(&story.provider).await;
    let callback = story.provider.authorize(&there, "alice").with("id_token", &earlier);
    let answer = story.browser.come_back(&callback).await;

    story.assert_refused(&answer, 502, &[Metadata, Keys]);
}

#[tokio::test]
async fn both_id_tokens_must_be_about_one_user() {
    let mut story = story(|provider| provider);
    story.provider.set(IdTokenBesideCode, "sub", "mallory");
    let answer = story.try_sign_in("alice").await;

    story.assert_refused(&answer, 502, &[Metadata, Keys, Token]);
}

/// All users of an Azure AD B2C policy have had the same `sub`.
#[tokio::test]
async fn users_with_one_subject_are_told_apart_by_their_object_ids() {
    let mut story = story(|provider| provider);
    let shared = r#"{"sub": "Not supported currently. Use oid claim.", "oid": "alice"}"#;
    story.provider.state_claims(shared);
    story.sign_in("alice").await;
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    story.provider.set(IdToken, "oid", "mallory");
    story.clock.advance(HOUR / 2);
    assert_eq!(story.browser.fetch("/.auth/refresh").await.sub_status(), "502.83");
    // Whose tokens these are is not known any more.
    assert_eq!(story.browser.user().await, None);

    let answer = story.try_sign_in("alice").await;
    assert_eq!(answer.sub_status(), "502.83");
    for token in [IdToken, IdTokenBesideCode] {
        story.provider.remove(token, "oid");
    }
    assert_eq!(story.try_sign_in("alice").await.sub_status(), "502.83");
}

#[tokio::test]
async fn a_plain_code_comes_in_the_query_where_it_is_configured() {
    let mut story = story(|provider| provider.response_type(ResponseType::Code));
    let query = authorization_query(&mut story, "/.auth/login/aad").await;

    assert!(
        query.starts_with("response_type=code&") && !query.contains("response_mode"),
        "{query}"
    );
    story.sign_in("alice").await;
}

#[tokio::test]
async fn e_1_of_an_issuer_for_all_tenants_only_the_allowed_sign_in() {
    let mut story = story_of_tenants(&[TENANT]);
    be_tenant(&story.provider, TENANT);
    story.sign_in("alice").await;
    assert_eq!(story.browser.user().await.as_deref(), Some("alice"));
    assert_refreshes(&mut story).await;
    story.browser.lose_all();

    let mut story = story_of_tenants(&[TENANT]);
    be_tenant(&story.provider, OTHER);
    let answer = story.try_sign_in("mallory").await;
    assert_eq!(answer.sub_status(), "403.76");
    story.assert_refused(&answer, 403, &[Metadata]);
}

#[tokio::test]
async fn e_1_a_tenant_that_is_no_longer_allowed_has_nothing_refreshed() {
    for (allowed, status) in [(&[TENANT, OTHER][..], 200), (&[TENANT], 400)] {
        let mut story = story_of_tenants(&[TENANT, OTHER]);
        be_tenant(&story.provider, OTHER);
        story.sign_in("alice").await;
        story.provider.take_asked();
        let provider = new(&story.provider).allowed_tenants(allowed.iter().copied());
        let network = network(std::slice::from_ref(&story.provider));
        let config = config(&[], &story.store, &story.clock).provider(provider);
        let app = App::new(config.http_client(network).build().unwrap(), &story.clock);

        let answer = story.browser.at(&app).fetch("/.auth/refresh").await;

        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(story.provider.requests(Token).is_empty(), status == 400);
    }
}

#[tokio::test]
async fn e_1_a_tenant_cannot_speak_for_another() {
    // Of the allowed tenant by its `tid`, and of another by its issuer; and the other way round.
    for (issuer, tenant, status, asked) in [
        (OTHER, TENANT, 502, &[Metadata, Keys][..]),
        (TENANT, OTHER, 403, &[Metadata]),
        ("{tenantid}", "{tenantid}", 403, &[Metadata]),
    ] {
        let mut story = story_of_tenants(&[TENANT]);
        be_tenant(&story.provider, tenant);
        for token in [IdToken, IdTokenBesideCode] {
            story.provider.set(token, "iss", format!("https://aad.example/{issuer}/v2.0"));
        }
        let answer = story.try_sign_in("mallory").await;

        story.assert_refused(&answer, status, asked);
    }
}

#[tokio::test]
async fn di_05_a_key_of_one_tenant_does_not_sign_for_another() {
    for (tenant, signs) in [(TENANT, true), ("{tenantid}", true), (OTHER, false)] {
        let mut story = story_of_tenants(&[TENANT]);
        be_tenant(&story.provider, TENANT);
        let mut key = SigningKey::rs256("k1").jwk();
        key["issuer"] = format!("https://aad.example/{tenant}/v2.0").into();
        story.provider.set(Keys, "keys", serde_json::json!([key]));
        let answer = story.try_sign_in("alice").await;

        assert_eq!(answer.status == 302, signs, "{tenant}: {answer:?}");
    }
}

#[tokio::test]
async fn users_of_two_tenants_are_two_users() {
    let mut story = story_of_tenants(&[TENANT, OTHER]);
    be_tenant(&story.provider, TENANT);
    story.sign_in("alice").await;
    be_tenant(&story.provider, OTHER);
    let mut other = story.another_browser();
    other.sign_in(&story.provider, "alice").await;

    story.browser.visit("/.auth/logout").await;
    assert_eq!(other.user().await.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_refreshed_id_token_must_stay_with_its_tenant() {
    let mut story = story_of_tenants(&[TENANT, OTHER]);
    be_tenant(&story.provider, TENANT);
    story.sign_in("alice").await;
    be_tenant(&story.provider, OTHER);
    story.clock.advance(HOUR / 2);

    assert_eq!(story.browser.fetch("/.auth/refresh").await.status, 502);
}

#[tokio::test]
async fn metadata_of_one_tenant_cannot_turn_into_those_of_all() {
    let mut story = story(|provider| provider);
    story.provider.set(Metadata, "issuer", "https://aad.example/{tenantid}/v2.0");
    let answer = story.browser.visit("/.auth/login/aad").await;

    story.assert_refused(&answer, 502, &[Metadata]);
}

#[tokio::test]
async fn b2c_is_found_by_the_address_of_a_policys_metadata() {
    let path = "/contoso.onmicrosoft.com/v2.0";
    let mut story = Story::at("aad", path, |provider| {
        let metadata = format!("{}/.well-known/openid-configuration?p=B2C_1_in", provider.issuer);
        EntraId::new(metadata, CLIENT_ID, CLIENT_SECRET)
    });
    let at = |endpoint: &str| format!("https://aad.example{path}/{endpoint}?p=B2C_1_in");
    story.provider.set(Metadata, "authorization_endpoint", at("authorize"));
    story.provider.set(Metadata, "token_endpoint", at("token"));
    story.provider.remove(Metadata, "authorization_response_iss_parameter_supported");
    let issuer = format!("https://aad.example/{TENANT}/v2.0/");
    story.provider.set(Metadata, "issuer", issuer.clone());
    for token in [IdToken, IdTokenBesideCode] {
        story.provider.set(token, "iss", issuer.clone());
        story.provider.set(token, "sub", "Not supported currently. Use oid claim.");
        story.provider.set(token, "oid", "05833b6b-aa1d-42d4-9ec0-1b2bb9194438");
    }

    let query = authorization_query(&mut story, "/.auth/login/aad").await;
    assert!(query.starts_with("p=B2C_1_in&response_type="), "{query}");
    story.sign_in("alice").await;
    let user = story.browser.user().await;
    assert_eq!(user.as_deref(), Some("05833b6b-aa1d-42d4-9ec0-1b2bb9194438"));
    assert!(story.provider.requests(Metadata)[0].uri.ends_with("?p=B2C_1_in"));
    assert!(story.provider.requests(Token)[0].uri.ends_with("/token?p=B2C_1_in"));
}

#[tokio::test]
async fn a_certificate_stands_for_a_secret_each_time_anew() {
    let pem = include_str!("../data/throwaway-test-key-rsa-2048-a.pem");
    let mut story = Story::at("aad", PATH, |provider| {
        let key = PrivateKey::from_pem(pem).unwrap();
        EntraId::with_certificate(&provider.issuer, CLIENT_ID, key)
    });
    story.sign_in("alice").await;
    assert_refreshes(&mut story).await;

    let requests = story.provider.requests(Token);
    let assertion = requests[0].parameter("client_assertion").unwrap();
    let claims = verify_statement(&assertion).unwrap();
    assert_eq!(claims["aud"], format!("https://aad.example{PATH}/token"));
    assert_eq!(claims["nbf"], claims["iat"]);
    let header = assertion.split('.').next().unwrap().to_owned();
    let header = String::from_utf8(base64_url(&header)).unwrap();
    assert!(header.starts_with(r#"{"alg":"PS256","typ":"JWT","x5t#S256":""#), "{header}");
    assert!(requests.iter().all(|asked| asked.parameter("client_secret").is_none()));
}

#[tokio::test]
async fn too_many_groups_are_marked_and_asked_for_where_that_is_wanted() {
    let overage = include_str!("../data/aad/group-overage.json");
    let groups_of = async |resolve: bool, failing: bool| {
        let mut story = Story::at("aad", PATH, |provider| {
            let graph = format!("{}/v1.0/me/getMemberObjects", provider.issuer);
            let settings = new(provider);
            if resolve { settings.resolve_groups_at(graph) } else { settings }
        });
        story.provider.state_claims(overage);
        if failing {
            story.provider.reply(Groups, Reply::status(403));
        }
        story.sign_in("alice").await;
        let claims = claims(&mut story).await;
        let is_group = |claim: &String| claim.starts_with("groups=") || claim == "hasgroups=true";
        claims.into_iter().filter(is_group).collect::<Vec<_>>()
    };

    assert_eq!(groups_of(false, false).await, ["hasgroups=true"]);
    let resolved = ["hasgroups=true", "groups=group-1", "groups=group-2"];
    assert_eq!(groups_of(true, false).await, resolved);
    assert_eq!(groups_of(true, true).await, ["hasgroups=true"]);
}

#[tokio::test]
async fn resolved_groups_survive_a_refresh() {
    let mut story = Story::at("aad", PATH, |provider| {
        let graph = format!("{}/v1.0/me/getMemberObjects", provider.issuer);
        new(provider).resolve_groups_at(graph)
    });
    story.provider.state_claims(include_str!("../data/aad/group-overage.json"));
    story.sign_in("alice").await;
    let request = story.provider.requests(Groups).remove(0);
    assert!(request.headers["authorization"].to_str().unwrap().starts_with("Bearer ACCESS-"));
    assert_eq!(request.body, r#"{"securityEnabledOnly":true}"#);

    assert_refreshes(&mut story).await;
    assert!(claims(&mut story).await.contains(&"groups=group-2".to_owned()));
    let scope = "openid profile email https://graph.microsoft.com/User.Read";
    let query = authorization_query(&mut story, "/.auth/login/aad").await;
    assert!(query.contains(&format!("scope={scope}&")), "{query}");
}

#[tokio::test]
async fn t_52_a_posted_token_signs_in_who_is_of_an_allowed_tenant() {
    let mut story = story_of_tenants(&[TENANT]);
    for (issuer, tenant, status, asked) in [
        (OTHER, OTHER, 403, &[Metadata][..]),
        (TENANT, OTHER, 403, &[]),
        (OTHER, TENANT, 401, &[Keys]),
    ] {
        be_tenant(&story.provider, tenant);
        story.provider.set(IdToken, "iss", format!("https://aad.example/{issuer}/v2.0"));
        let answer = post_token(&story, &story.phone(), "mallory").await;
        story.assert_refused(&answer, status, asked);
    }
    be_tenant(&story.provider, TENANT);
    assert_signs_in_by_token(&mut story).await;
}
