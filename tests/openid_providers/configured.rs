//! The same providers, read from Azure's file, and what a configuration cannot have.

use easyauth::provider::{
    Apple, EntraId, Google, MicrosoftAccount, OpenIdConnect, PrivateKey, Provider,
};
use easyauth::{Config, ConfigBuilder, ConfigError};
use serde_json::json;

use super::*;

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const RSA: &str = include_str!("../data/throwaway-test-key-rsa-2048-a.pem");
const EC: &str = include_str!("../data/throwaway-test-key-p256.p8");

fn read(providers: &Value, ours: &Value) -> Result<ConfigBuilder, ConfigError> {
    let file = json!({"identityProviders": providers, "easyauth": {"providers": ours}});
    ConfigBuilder::from_auth_json_in(&file.to_string(), |name| match name {
        "SECRET" | "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET" => Some(CLIENT_SECRET.to_owned()),
        "RSA_KEY" => Some(RSA.replace('\n', "\\n")),
        "EC_KEY" => Some(EC.to_owned()),
        _ => None,
    })
}

/// A story with the one provider of such a file.
pub(super) fn configured(name: &'static str, path: &str, providers: &Value, ours: &Value) -> Story {
    let clock = ManualClock::new();
    let store = TestStore::new();
    let provider = FakeProvider::below(name, path, &clock);
    let config = read(providers, ours).unwrap_or_else(|error| panic!("{error}"));
    let config = config
        .public_origin("https://app.example")
        .encryption_keys([key(1)])
        .signing_keys([key(2)])
        .user_id_key(key(3))
        .token_store(store.clone())
        .clock(clock.clone())
        .http_client(network(std::slice::from_ref(&provider)));
    let app = App::new(config.build().unwrap(), &clock);
    let browser = Browser::new(&app);
    Story { clock, store, provider, app, browser }
}

fn registration() -> Value {
    json!({"clientId": CLIENT_ID, "clientSecretSettingName": "SECRET"})
}

#[tokio::test]
async fn entra_id_is_read_as_azure_exports_it() {
    let path = format!("/{TENANT}/v2.0");
    let providers = json!({"azureActiveDirectory": {
        "enabled": true,
        "isAutoProvisioned": false,
        "registration": {
            "openIdIssuer": format!("https://aad.example{path}"),
            "clientId": CLIENT_ID,
            "clientSecretSettingName": "MICROSOFT_PROVIDER_AUTHENTICATION_SECRET",
            "clientSecretCertificateThumbprint": null,
        },
        "login": {
            "loginParameters": ["scope=openid profile offline_access", "prompt=select_account"],
            "disableWWWAuthenticate": false,
        },
        "validation": {
            "allowedAudiences": ["api://web"],
            "jwtClaimChecks": {},
            "defaultAuthorizationPolicy": {"allowedPrincipals": {}},
        },
    }});
    let mut story =
        configured("aad", &path, &providers, &json!({"aad": {"allowedTenants": [TENANT]}}));
    for token in [IdToken, IdTokenBesideCode] {
        story.provider.set(token, "tid", TENANT);
        story.provider.set(token, "aud", json!([CLIENT_ID, "api://web"]));
        story.provider.set(token, "azp", CLIENT_ID);
    }

    let query = authorization_query(&mut story, "/.auth/login/aad").await;
    assert!(query.contains("&scope=openid profile offline_access&"), "{query}");
    assert!(query.contains("&prompt=select_account&"), "{query}");
    story.sign_in("alice").await;
    assert_refreshes(&mut story).await;
}

#[tokio::test]
async fn entra_ids_certificate_is_in_our_part_of_the_file() {
    let path = format!("/{TENANT}/v2.0");
    let providers = json!({"azureActiveDirectory": {
        "registration": {
            "openIdIssuer": format!("https://aad.example{path}"),
            "clientId": CLIENT_ID,
            "clientSecretCertificateThumbprint": "9026F3757873C9A40B6DB486360FB531B25EA582",
        },
        "login": {"loginParameters": ["response_type=code"]},
    }});
    let ours = json!({"aad": {"privateKeySettingName": "RSA_KEY"}});
    let mut story = configured("aad", &path, &providers, &ours);

    let query = authorization_query(&mut story, "/.auth/login/aad").await;
    assert!(query.starts_with("response_type=code&"), "{query}");
    story.sign_in("alice").await;
    assert!(story.provider.requests(Token)[0].parameter("client_assertion").is_some());
}

#[tokio::test]
async fn google_is_read_as_azure_exports_it() {
    let providers = json!({"google": {
        "registration": registration(),
        "login": {"scopes": ["openid", "email"], "loginParameters": ["access_type=offline", "hd=example.com"]},
        "validation": {"allowedAudiences": []},
    }});
    let ours = json!({"google": {"issuer": "https://google.example"}});
    let mut story = configured("google", "", &providers, &ours);
    let query = authorization_query(&mut story, "/.auth/login/google").await;
    assert!(query.contains("&scope=openid email&access_type=offline&hd=example.com&"), "{query}");

    assert_eq!(story.try_sign_in("mallory").await.sub_status(), "403.76");
    story.provider.set(IdToken, "hd", "example.com");
    story.sign_in("alice").await;
}

#[tokio::test]
async fn microsoft_accounts_are_read_as_azure_exports_them() {
    let providers = json!({"legacyMicrosoftAccount": {
        "registration": registration(),
        "login": {"scopes": ["wl.basic", "wl.emails"]},
    }});
    let ours = json!({"microsoftaccount": {"issuer": "https://microsoftaccount.example"}});
    let mut story = configured("microsoftaccount", "", &providers, &ours);
    let query = authorization_query(&mut story, "/.auth/login/microsoftaccount").await;

    assert!(query.contains("&scope=openid profile email&"), "{query}");
    story.sign_in("alice").await;
}

#[tokio::test]
async fn apple_is_read_with_its_key() {
    let providers =
        json!({"apple": {"registration": {"clientId": CLIENT_ID}, "login": {"scopes": []}}});
    let ours = json!({"apple": {
        "issuer": "https://apple.example", "teamId": TEAM_ID, "keyId": "ABC123DEFG",
        "privateKeySettingName": "EC_KEY"}});
    let mut story = configured("apple", "", &providers, &ours);
    story.sign_in("alice").await;

    assert_refreshes(&mut story).await;
}

#[tokio::test]
async fn a_custom_provider_is_read_without_discovery_and_with_a_key() {
    let providers = json!({"customOpenIdConnectProviders": {"op": {"registration": {
        "clientId": CLIENT_ID,
        "clientCredential": {"method": "PrivateKeyJwt"},
        "openIdConnectConfiguration": {
            "issuer": "https://op.example",
            "authorizationEndpoint": "https://op.example/authorize",
            "tokenEndpoint": "https://op.example/token",
            "certificationUri": "https://op.example/keys",
        },
    }}}});
    let ours = json!({"op": {"privateKeySettingName": "RSA_KEY", "keyId": "our-key",
        "endpoints": {"userInfo": "https://op.example/userinfo"}}});
    let mut story = configured("op", "", &providers, &ours);
    story.sign_in("alice").await;

    assert_eq!(story.provider.take_asked(), [Token, Keys, Userinfo]);
}

#[test]
fn what_cannot_work_is_an_error_that_names_the_setting_and_the_remedy() {
    let aad = |registration: Value| json!({"azureActiveDirectory": {"registration": registration}});
    let entra = |tenant: &str| {
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        json!({"openIdIssuer": issuer, "clientId": "id", "clientSecretSettingName": "SECRET"})
    };
    let custom = |credential: Value, addresses: Value| {
        json!({"customOpenIdConnectProviders": {"op": {"registration": {
            "clientId": "id", "clientCredential": credential, "openIdConnectConfiguration": addresses}}}})
    };
    let secret = json!({"clientSecretSettingName": "SECRET"});
    let issuer = json!({"issuer": "https://op.example"});
    for (providers, ours, setting, remedy) in [
        (aad(entra("common")), json!({}), "openIdIssuer", "allowedTenants"),
        (aad(entra("organizations")), json!({}), "openIdIssuer", "any tenant"),
        (aad(entra("{tenantid}")), json!({}), "openIdIssuer", "WEBSITE_AUTH_AAD_ALLOWED_TENANTS"),
        (
            aad(entra("common")),
            json!({"aad": {"allowedTenants": ["contoso.com"]}}),
            "allowedTenants",
            "written as its id",
        ),
        (aad(json!({"clientId": "id"})), json!({}), "openIdIssuer", "is not set"),
        (
            json!({"azureActiveDirectory": {
                "registration": entra(TENANT), "validation": {"allowedAudiences": [""]}}}),
            json!({}),
            "identityProviders.azureActiveDirectory.validation.allowedAudiences",
            "must name whom tokens are for",
        ),
        (
            aad(json!({"openIdIssuer": "login.microsoftonline.com", "clientId": "id",
                "clientSecretSettingName": "SECRET"})),
            json!({}),
            "openIdIssuer",
            "https address",
        ),
        (
            aad(json!({"openIdIssuer": "https://sts.windows.net/x/", "clientId": "id",
                "clientSecretCertificateThumbprint": "00"})),
            json!({}),
            "clientSecretCertificateThumbprint",
            "privateKeySettingName",
        ),
        (
            aad(json!({"openIdIssuer": "https://sts.windows.net/x/", "clientId": "id",
                "clientSecretCertificateThumbprint": "00"})),
            json!({"aad": {"privateKeySettingName": "RSA_KEY"}}),
            "clientSecretCertificateThumbprint",
            "is not the thumbprint",
        ),
        (
            aad(json!({"openIdIssuer": "https://sts.windows.net/x/", "clientId": "id"})),
            json!({"aad": {"privateKeySettingName": "EC_KEY"}}),
            "clientSecretCertificateThumbprint",
            "certificate",
        ),
        (aad(entra(TENANT)), json!({"aad": {"teamId": "T"}}), "teamId", "not for this provider"),
        (
            aad(entra(TENANT)),
            json!({"aad": {"groupsEndpoint": "https://graph.example"}}),
            "groupsEndpoint",
            "resolveGroups",
        ),
        (
            json!({"google": {"registration": registration()}}),
            json!({"google": {"endpoints": {"token": "http://google.example"}}}),
            "endpoints",
            "https",
        ),
        (
            json!({"legacyMicrosoftAccount": {"registration": registration(),
                "login": {"scopes": ["wl.applications"]}}}),
            json!({}),
            "login.scopes",
            "successor",
        ),
        (
            json!({"apple": {"registration": {"clientId": "id"}}}),
            json!({"apple": {"privateKeySettingName": "EC_KEY", "keyId": "K"}}),
            "teamId",
            "is not set",
        ),
        (
            json!({"apple": {"registration": {"clientId": "id"}}}),
            json!({"apple": {"privateKeySettingName": "RSA_KEY", "keyId": "K", "teamId": "T"}}),
            "privateKeySettingName",
            "P-256",
        ),
        (
            json!({"apple": {"registration": registration()}}),
            json!({"apple": {"keyId": "K"}}),
            "keyId",
            "privateKeySettingName",
        ),
        (
            custom(json!({"method": "PrivateKeyJwt"}), issuer.clone()),
            json!({}),
            "clientCredential",
            "private key",
        ),
        (
            custom(json!({"method": "ClientSecretPost"}), issuer.clone()),
            json!({"op": {"privateKeySettingName": "RSA_KEY"}}),
            "clientCredential",
            "PrivateKeyJwt",
        ),
        (
            custom(
                secret,
                json!({"issuer": "https://op.example", "tokenEndpoint": "https://op.example/t"}),
            ),
            json!({}),
            "openIdConnectConfiguration",
            "all three",
        ),
    ] {
        let built = read(&providers, &ours)
            .and_then(|config| config.public_origin("https://app.example").build());
        let error = built.unwrap_err();
        assert!(error.setting().contains(setting), "{setting}: {error}");
        assert!(error.to_string().contains(remedy), "{remedy}: {error}");
    }
}

#[test]
fn an_answer_that_is_posted_from_elsewhere_needs_https() {
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let build = |origin: &str, provider: Provider| {
        Config::builder().public_origin(origin).provider(provider).build()
    };
    let entra = || EntraId::new(&issuer, "id", "secret");
    let apple = Apple::new("id", "T", PrivateKey::from_pem(EC).unwrap().key_id("K"));

    assert!(build("https://app.example", entra().into()).is_ok());
    let error = build("http://localhost:8080", entra().into()).unwrap_err();
    assert!(error.setting().ends_with("azureActiveDirectory.responseType"), "{error}");
    let code = easyauth::provider::ResponseType::Code;
    assert!(build("http://localhost:8080", entra().response_type(code).into()).is_ok());
    assert!(build("http://localhost:8080", apple.into()).is_err());
    assert!(build("http://localhost:8080", Google::new("id", "secret").into()).is_ok());
    assert!(build("http://localhost:8080", MicrosoftAccount::new("id", "secret").into()).is_ok());
    let weak = OpenIdConnect::new("op", "https://op.example", "id", "short")
        .client_authentication(easyauth::provider::ClientAuthentication::ClientSecretJwt);
    assert!(
        build("https://app.example", weak.into()).unwrap_err().to_string().contains("32 random")
    );
}

#[test]
fn azures_name_for_entra_id_leads_to_its_route() {
    let file = json!({
        "globalValidation": {"redirectToProvider": "azureactivedirectory"},
        "identityProviders": {
            "azureActiveDirectory": {"registration": {
                "openIdIssuer": format!("https://sts.windows.net/{TENANT}/"), "clientId": "id",
                "clientSecretSettingName": "SECRET"}},
            "google": {"registration": registration()},
        },
    });
    let read = ConfigBuilder::from_auth_json_in(&file.to_string(), |name| {
        (name == "SECRET").then(|| "secret".to_owned())
    });

    assert!(read.unwrap().public_origin("https://app.example").build().is_ok());
}
