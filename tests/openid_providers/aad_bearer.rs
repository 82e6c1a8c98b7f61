//! Callers with tokens of Microsoft Entra ID in `Authorization: Bearer`.

use easyauth::provider::{AuthorizationPolicy, EntraId};
use easyauth::{ConfigBuilder, Unauthenticated};
use http::{Request, header};
use http_body_util::Full;

use super::configured::configured;
use super::*;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";
const LOGIN: &str = "https://login.microsoftonline.com";
const AUDIENCE: &str = "api://orders";
const USER: &str = "05833b6b-aa1d-42d4-9ec0-1b2bb9194438";
const PROGRAM: &str = "11111111-2222-3333-4444-555555555555";

/// A story with Entra ID itself, at `authority`, whose metadata call their issuer `issuer`.
fn story_with(
    authority: &str,
    issuer: &str,
    provider: impl FnOnce(EntraId) -> EntraId,
    config: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
) -> Story {
    let mut story = Story::at("aad", "", |provider| provider.settings());
    story.provider.issuer = format!("{LOGIN}/{authority}");
    story.provider.set(Metadata, "issuer", issuer);
    story.provider.remove(Metadata, "authorization_response_iss_parameter_supported");
    let entra = EntraId::new(&story.provider.issuer, CLIENT_ID, CLIENT_SECRET);
    let built = config(support::config(&[], &story.store, &story.clock))
        .http_client(network(std::slice::from_ref(&story.provider)))
        .provider(provider(entra.accept_bearer_tokens([AUDIENCE])));
    story.app = App::new(built.build().unwrap(), &story.clock);
    story.browser = Browser::new(&story.app);
    story
}

fn story(authority: &str, issuer: &str, provider: impl FnOnce(EntraId) -> EntraId) -> Story {
    story_with(authority, issuer, provider, |config| config)
}

fn v1(tenant: &str) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn v2(tenant: &str) -> String {
    format!("{LOGIN}/{tenant}/v2.0")
}

/// A story with one tenant, and tokens of version 2.
fn of_one(provider: impl FnOnce(EntraId) -> EntraId) -> Story {
    story(&format!("{TENANT}/v2.0"), &v2(TENANT), provider)
}

/// A story with all tenants, of which one is allowed.
fn of_all() -> Story {
    story("common/v2.0", &v2("{tenantid}"), |provider| provider.allowed_tenants([TENANT]))
}

/// A user's token as Entra ID makes them.
fn user(story: &Story, issuer: &str, tenant: &str, change: impl FnOnce(&mut Value)) -> String {
    story.provider.access_token("pairwise-subject", AUDIENCE, |claims| {
        claims["iss"] = issuer.into();
        claims["tid"] = tenant.into();
        claims["oid"] = USER.into();
        let caller = if issuer.ends_with("/v2.0") { "azp" } else { "appid" };
        claims.as_object_mut().unwrap().remove("azp");
        claims[caller] = "cli".into();
        change(claims);
    })
}

/// A program's token for itself.
fn program(story: &Story, issuer: &str, tenant: &str) -> String {
    user(story, issuer, tenant, |claims| {
        claims["sub"] = PROGRAM.into();
        claims["oid"] = PROGRAM.into();
        claims["idtyp"] = "app".into();
        claims["roles"] = json!(["Orders.Read"]);
        for member in ["name", "scp"] {
            claims.as_object_mut().unwrap().remove(member);
        }
    })
}

async fn ask_at(story: &Story, path: &str, token: &str) -> Answer {
    let request = Request::get(path)
        .header(header::HOST, "app.example")
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    story.app.send(request.body(Full::default()).unwrap()).await
}

async fn ask(story: &Story, token: &str) -> Answer {
    ask_at(story, "/", token).await
}

#[tokio::test]
async fn users_and_programs_come_in_by_tokens_of_both_versions() {
    let authorities = [
        (format!("{TENANT}/v2.0"), v2(TENANT)),
        (TENANT.to_owned(), v1(TENANT)),
        ("contoso.onmicrosoft.com/v2.0".to_owned(), v2(TENANT)),
        ("contoso.onmicrosoft.com".to_owned(), v1(TENANT)),
    ];
    for (authority, issuer) in authorities {
        let story = story(&authority, &issuer, |provider| provider);

        let answer = ask(&story, &user(&story, &issuer, TENANT, |_| {})).await;
        assert_eq!(answer.seen("x-ms-client-principal-id"), [USER], "{authority}");
        assert_eq!(answer.seen("x-ms-client-principal-name"), ["Pairwise-subject"]);
        assert_eq!(answer.seen("x-ms-client-principal-idp"), ["aad"]);
        assert!(answer.set_cookies().is_empty());

        let answer = ask(&story, &program(&story, &issuer, TENANT)).await;
        assert_eq!(answer.seen("x-ms-client-principal-id"), [PROGRAM], "{authority}");
        let role = json!({"typ": "roles", "val": "Orders.Read"});
        assert!(answer.principal()["claims"].as_array().unwrap().contains(&role));
        assert_eq!(story.provider.take_asked(), [Metadata, Keys]);
    }
}

#[tokio::test]
async fn of_an_issuer_for_all_tenants_tokens_of_the_allowed_are_taken() {
    let first = story("common", &v1("{tenantid}"), |provider| {
        provider.allowed_tenants([TENANT, "CCCCDDDD-1111-DDDD-2222-EEEE3333FFFF"])
    });
    for tenant in [TENANT, "ccccdddd-1111-dddd-2222-eeee3333ffff"] {
        let token = user(&first, &v1(tenant), tenant, |_| {});
        assert_eq!(ask(&first, &token).await.user().as_deref(), Some(USER), "{tenant}");
    }
    let second = of_all();
    for token in [user(&second, &v2(TENANT), TENANT, |_| {}), program(&second, &v2(TENANT), TENANT)]
    {
        assert_eq!(ask(&second, &token).await.status, 200);
        // And again, by what was found out about it.
        assert_eq!(ask(&second, &token).await.status, 200);
    }
    assert_eq!(second.provider.take_asked(), [Metadata, Keys]);
}

#[tokio::test]
async fn a_holder_is_the_user_who_signs_in_and_an_id_token_shows_it_too() {
    let mut story = of_one(|provider| provider);
    for token in [IdToken, IdTokenBesideCode] {
        for (member, value) in [("tid", TENANT), ("oid", USER), ("iss", &v2(TENANT))] {
            story.provider.set(token, member, value);
        }
    }
    story.sign_in("pairwise-subject").await;
    let me = story.browser.fetch("/.auth/me").await.json();
    let session = story.browser.fetch("/").await;

    let by_id_token = ask(&story, me[0]["id_token"].as_str().unwrap()).await;
    let by_access_token = ask(&story, &user(&story, &v2(TENANT), TENANT, |_| {})).await;
    for answer in [by_id_token, by_access_token] {
        for name in ["x-ms-client-principal-id", "x-ms-client-principal-idp"] {
            assert_eq!(answer.seen(name).len(), 1);
            assert_eq!(answer.seen(name), session.seen(name));
        }
    }
}

#[tokio::test]
async fn e_1_a_token_of_another_tenant_is_refused() {
    let all = of_all();
    for (issuer, tenant, sub_status) in [
        (v2(OTHER), OTHER, "403.76"),
        (v2(TENANT), OTHER, "403.76"),
        // Of the allowed tenant by its `tid` only.
        (v2(OTHER), TENANT, "401.83"),
        (v2("{tenantid}"), "{tenantid}", "403.76"),
        (v2("{tenantid}"), TENANT, "401.83"),
        (v1(TENANT), TENANT, "401.83"),
    ] {
        let token = user(&all, &issuer, tenant, |_| {});
        assert_eq!(ask(&all, &token).await.sub_status(), sub_status, "{issuer} {tenant}");
    }
    let no_tenant = user(&all, &v2(TENANT), TENANT, |claims| {
        claims.as_object_mut().unwrap().remove("tid");
    });
    assert_eq!(ask(&all, &no_tenant).await.sub_status(), "403.76");

    let one = of_one(|provider| provider);
    let named = story("contoso.onmicrosoft.com/v2.0", &v2(TENANT), |provider| provider);
    for story in [&one, &named] {
        for issuer in [v2(OTHER), v1(TENANT), v1(OTHER), v2("{tenantid}")] {
            let token = user(story, &issuer, TENANT, |_| {});
            assert_eq!(ask(story, &token).await.sub_status(), "401.83", "{issuer}");
        }
    }
    // Also where the issuer would do: whose users are meant is said once for all.
    let listed = of_one(|provider| provider.allowed_tenants([OTHER]));
    let token = user(&listed, &v2(TENANT), TENANT, |_| {});
    assert_eq!(ask(&listed, &token).await.sub_status(), "403.76");
}

#[tokio::test]
async fn di_05_a_key_of_another_tenant_signs_no_bearer_token() {
    for (tenant, signs) in [(TENANT, true), ("{tenantid}", true), (OTHER, false)] {
        for story in [of_all(), of_one(|provider| provider)] {
            let mut key = SigningKey::rs256("k1").jwk();
            key["issuer"] = v2(tenant).into();
            story.provider.set(Keys, "keys", json!([key]));

            let answer = ask(&story, &user(&story, &v2(TENANT), TENANT, |_| {})).await;
            if signs {
                assert_eq!(answer.user().as_deref(), Some(USER), "{tenant}");
            } else {
                assert_eq!(answer.sub_status(), "401.83", "{tenant}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_must_be_for_the_application_and_in_force() {
    let story = of_one(|provider| provider);
    for audience in [AUDIENCE, CLIENT_ID] {
        let token = user(&story, &v2(TENANT), TENANT, |claims| claims["aud"] = audience.into());
        assert_eq!(ask(&story, &token).await.status, 200, "{audience}");
    }
    let changes: [(&str, Value); 4] = [
        ("aud", "https://graph.microsoft.com".into()),
        ("aud", "00000003-0000-0000-c000-000000000000".into()),
        ("exp", 1.into()),
        ("cnf", json!({"kid": "x"})),
    ];
    for (member, value) in changes {
        let token = user(&story, &v2(TENANT), TENANT, |claims| claims[member] = value);
        assert_eq!(ask(&story, &token).await.sub_status(), "401.83", "{member}");
    }
    let token = user(&story, &v2(TENANT), TENANT, |_| {});
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert_eq!(ask(&story, &forged).await.sub_status(), "401.83");
}

#[tokio::test]
async fn whom_the_policy_does_not_admit_gets_a_403() {
    let policy = AuthorizationPolicy::new()
        .allowed_applications(["cli", CLIENT_ID])
        .allowed_identities([PROGRAM])
        .allowed_groups(["staff"]);
    let mut story = of_one(|provider| provider.authorization_policy(policy));
    let issuer = v2(TENANT);

    assert_eq!(ask(&story, &program(&story, &issuer, TENANT)).await.status, 200);
    let staff =
        user(&story, &issuer, TENANT, |claims| claims["groups"] = json!(["guests", "staff"]));
    assert_eq!(ask(&story, &staff).await.status, 200);
    let guest = user(&story, &issuer, TENANT, |claims| claims["groups"] = json!(["guests"]));
    let many = user(&story, &issuer, TENANT, |claims| {
        claims["_claim_names"] = json!({"groups": "src1"});
    });
    let evil = user(&story, &issuer, TENANT, |claims| {
        claims["groups"] = json!(["staff"]);
        claims["azp"] = "evil".into();
    });
    for token in [guest, many, evil] {
        assert_eq!(ask(&story, &token).await.sub_status(), "403.76");
    }

    for token in [IdToken, IdTokenBesideCode] {
        story.provider.set(token, "iss", issuer.clone());
    }
    assert_eq!(story.try_sign_in("guest").await.sub_status(), "403.76");
    for token in [IdToken, IdTokenBesideCode] {
        story.provider.set(token, "groups", json!(["staff"]));
    }
    story.sign_in("staff").await;
}

#[tokio::test]
async fn without_it_and_of_foreigners_authorization_is_the_applications_business() {
    let allow = |config: ConfigBuilder| config.unauthenticated(Unauthenticated::Allow);
    let story = story_with(&format!("{TENANT}/v2.0"), &v2(TENANT), |p| p, allow);
    let foreign = user(&story, "https://op.example", TENANT, |_| {});
    for token in [foreign, user(&story, &v2(OTHER), OTHER, |_| {}), "opaque".to_owned()] {
        let answer = ask(&story, &token).await;
        assert_eq!(answer.user(), None);
        assert_eq!(answer.seen("authorization"), [format!("Bearer {token}")]);
    }
    // But nobody is to believe what says to be the tenant's, in whichever version.
    for issuer in [v1(TENANT), v2(TENANT)] {
        let token = user(&story, &issuer, TENANT, |claims| claims["aud"] = "another".into());
        let answer = ask(&story, &token).await;
        assert_eq!(answer.user(), None);
        assert!(answer.seen("authorization").is_empty(), "{issuer}");
    }

    let plain = Story::at("aad", &format!("/{TENANT}/v2.0"), |provider| {
        EntraId::new(&provider.issuer, CLIENT_ID, CLIENT_SECRET)
    });
    let token = plain.provider.access_token("alice", CLIENT_ID, |_| {});
    assert_eq!(ask(&plain, &token).await.sub_status(), "401.71");
    assert_eq!(plain.provider.take_asked(), []);
}

#[tokio::test]
async fn clients_are_told_which_tenants_give_tokens() {
    let told = async |authority: &str, issuer: &str, tenants: &[&str]| {
        let story = story_with(
            authority,
            issuer,
            |provider| provider.allowed_tenants(tenants.iter().copied()),
            |config| config.protected_resource_metadata(["api://orders/read"]),
        );
        let request = Request::get("/.well-known/oauth-protected-resource")
            .header(header::HOST, "app.example");
        let answer = story.app.send(request.body(Full::default()).unwrap()).await.json();
        answer["authorization_servers"].clone()
    };

    assert_eq!(told(&format!("{TENANT}/v2.0"), &v2(TENANT), &[]).await, json!([v2(TENANT)]));
    assert_eq!(told("contoso.com", &v1(TENANT), &[]).await, json!([v1(TENANT)]));
    let all = told("common/v2.0", &v2("{tenantid}"), &[TENANT, OTHER]).await;
    assert_eq!(all, json!([v2(TENANT), v2(OTHER)]));
}

#[tokio::test]
async fn in_azures_file_bearer_tokens_are_always_taken() {
    let path = format!("/{TENANT}/v2.0");
    let issuer = format!("https://aad.example{path}");
    let story = |validation: Value| {
        let providers = json!({"azureActiveDirectory": {
            "registration": {
                "openIdIssuer": issuer, "clientId": CLIENT_ID, "clientSecretSettingName": "SECRET",
            },
            "validation": validation,
        }});
        configured("aad", &path, &providers, &json!({}))
    };
    let ask_for = async |story: &Story, audience: &str, groups: Value, application: &str| {
        let token = user(story, &issuer, TENANT, |claims| {
            claims["aud"] = audience.into();
            claims["groups"] = groups;
            claims["azp"] = application.into();
        });
        ask(story, &token).await
    };

    for nothing in [Value::Null, json!({"allowedAudiences": [], "jwtClaimChecks": {}})] {
        let story = story(nothing);
        assert_eq!(ask_for(&story, CLIENT_ID, json!([]), "x").await.status, 200);
        assert_eq!(ask_for(&story, AUDIENCE, json!([]), "x").await.sub_status(), "401.83");
    }
    let story = story(json!({
        "allowedAudiences": [AUDIENCE],
        "defaultAuthorizationPolicy": {
            "allowedApplications": ["cli", "other"],
            "allowedPrincipals": {"identities": null, "groups": ["staff"]},
        },
        "jwtClaimChecks": {"allowedGroups": ["eu"], "allowedClientApplications": ["cli", "third"]},
    }));
    for audience in [AUDIENCE, CLIENT_ID] {
        let answer = ask_for(&story, audience, json!(["staff", "eu"]), "cli").await;
        assert_eq!(answer.status, 200, "{audience}");
    }
    for (groups, application) in [
        (json!(["staff"]), "cli"),
        (json!(["eu"]), "cli"),
        (json!(["staff", "eu"]), "other"),
        (json!(["staff", "eu"]), "third"),
    ] {
        let answer = ask_for(&story, AUDIENCE, groups, application).await;
        assert_eq!(answer.sub_status(), "403.76", "{application}");
    }
}
