//! GitHub, Facebook, X and plain OAuth 2.0 providers as `auth.json` has them: where their browsers
//! are sent shows what was read.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "these are tests")]

mod support;

use easyauth::{ConfigBuilder, ConfigError};
use url::Url;

use support::{App, Browser, ManualClock, TestStore, Vendor, key};

fn read(providers: &str, ours: &str) -> Result<ConfigBuilder, ConfigError> {
    let json = format!(
        r#"{{"identityProviders": {{{providers}}},
            "easyauth": {{"publicOrigin": "https://app.example", "providers": {{{ours}}}}}}}"#
    );
    ConfigBuilder::from_auth_json_in(&json, |name| {
        name.ends_with("SECRET").then(|| format!("value-of-{name}"))
    })
}

/// The network of who answers X's first call, which nobody else gets.
fn vendor() -> Vendor {
    let vendor = Vendor::default();
    let token = "oauth_token=t&oauth_token_secret=s&oauth_callback_confirmed=true";
    vendor.answer("POST https://api.x.com/oauth/request_token", 200, "text/plain", token);
    vendor
}

/// Where a browser is sent that signs in at `name`.
async fn sent_to(name: &str, providers: &str, ours: &str) -> Url {
    let (clock, store) = (ManualClock::new(), TestStore::new());
    let config = read(providers, ours).unwrap_or_else(|error| panic!("{error}"));
    let config = config
        .encryption_keys([key(1)])
        .signing_keys([key(2)])
        .user_id_key(key(3))
        .token_store(store)
        .clock(clock.clone())
        .http_client(vendor().network());
    let mut browser = Browser::new(&App::new(config.build().unwrap(), &clock));
    let answer = browser.visit(&format!("/.auth/login/{name}")).await;
    Url::parse(answer.location()).unwrap()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn github_is_read_as_azure_has_it() {
    let section = r#""gitHub": {"enabled": true, "registration": {"clientId": "id",
        "clientSecretSettingName": "GITHUB_SECRET"},
        "login": {"scopes": ["user:email"], "loginParameters": ["allow_signup=false"]}}"#;
    let there = sent_to("github", section, "").await;

    assert!(there.as_str().starts_with("https://github.com/login/oauth/authorize?client_id=id&"));
    assert_eq!(parameter(&there, "scope").as_deref(), Some("user:email"));
    assert_eq!(parameter(&there, "allow_signup").as_deref(), Some("false"));
    let ours = r#""github": {"endpoints": {"web": "https://git.corp.example", "api": "https://git.corp.example/api/v3"}}"#;
    let there = sent_to("github", section, ours).await;
    assert_eq!(there.host_str(), Some("git.corp.example"));
    let ours = r#""github": {"endpoints": {"authorization": "https://g.example/authorize"}}"#;
    let there = sent_to("github", section, ours).await;
    assert_eq!(there.host_str(), Some("g.example"));
}

#[tokio::test]
async fn facebook_is_read_as_azure_has_it() {
    let section = r#""facebook": {"registration": {"appId": "id", "appSecretSettingName":
        "FACEBOOK_SECRET"}, "graphApiVersion": "v22.0", "login": {"scopes": []}}"#;
    let there = sent_to("facebook", section, "").await;

    assert!(there.as_str().starts_with("https://www.facebook.com/v22.0/dialog/oauth?"));
    assert_eq!(parameter(&there, "client_id").as_deref(), Some("id"));
    assert_eq!(parameter(&there, "scope").as_deref(), Some("public_profile"));
}

#[tokio::test]
async fn x_is_spoken_with_as_the_configuration_chooses() {
    let section = r#""twitter": {"registration": {"consumerKey": "id",
        "consumerSecretSettingName": "TWITTER_SECRET"}}"#;
    for (ours, page) in [
        ("", "https://api.x.com/oauth/authenticate"),
        (r#""twitter": {"protocol": "oauth1"}"#, "https://api.x.com/oauth/authenticate"),
        (r#""twitter": {"protocol": "oauth2"}"#, "https://x.com/i/oauth2/authorize"),
        (
            r#""twitter": {"endpoints": {"authorization": "https://x.example/a",
                "requestToken": "https://api.x.com/oauth/request_token"}}"#,
            "https://x.example/a",
        ),
    ] {
        for name in ["twitter", "x"] {
            let there = sent_to(name, section, ours).await;
            assert!(there.as_str().starts_with(&format!("{page}?")), "{there}");
        }
    }
}

#[tokio::test]
async fn a_plain_provider_stands_whole_in_our_part() {
    let ours = r#""git": {"protocol": "oauth2", "issuer": "https://git.example",
        "registration": {"clientId": "id", "clientSecretSettingName": "GIT_SECRET",
            "method": "ClientSecretPost", "pkce": true},
        "endpoints": {"authorization": "https://git.example/a", "token": "https://git.example/t",
            "userInfo": "https://git.example/u"},
        "login": {"scopes": ["read"], "idClaimType": "uuid", "nameClaimType": "nick"},
        "claims": {"nick": "urn:git:nick"}}"#;
    let there = sent_to("git", "", ours).await;

    assert!(there.as_str().starts_with("https://git.example/a?response_type=code&"));
    assert_eq!(parameter(&there, "scope").as_deref(), Some("read"));
    assert!(parameter(&there, "code_challenge").is_some());
}

#[test]
fn secrets_have_azures_variables_unless_others_are_named() {
    for (section, variable) in [
        (
            r#""gitHub": {"registration": {"clientId": "id"}}"#,
            "GITHUB_PROVIDER_AUTHENTICATION_SECRET",
        ),
        (
            r#""facebook": {"registration": {"appId": "id"}}"#,
            "FACEBOOK_PROVIDER_AUTHENTICATION_SECRET",
        ),
        (
            r#""twitter": {"registration": {"consumerKey": "id"}}"#,
            "TWITTER_PROVIDER_AUTHENTICATION_SECRET",
        ),
    ] {
        let json = format!(r#"{{"identityProviders": {{{section}}}}}"#);
        let error = ConfigBuilder::from_auth_json_in(&json, |_| None).unwrap_err().to_string();
        assert!(error.contains(&format!("{variable} is not set in the environment")), "{error}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    let git = |rest: &str| {
        format!(
            r#""git": {{"protocol": "oauth2", "endpoints": {{"authorization": "https://git.example/a",
                "token": "https://git.example/t", "userInfo": "https://git.example/u"}}, {rest}}}"#
        )
    };
    let registered = r#""registration": {"clientId": "id"}"#;
    for (providers, ours, setting) in [
        (
            r#""gitHub": {"registration": {"clientSecretSettingName": "S"}}"#,
            "",
            "identityProviders.gitHub.registration.clientId",
        ),
        (
            r#""gitHub": {"registration": {"clientId": "id", "clientSecret": "s3cr3t"}}"#,
            "",
            "identityProviders.gitHub.registration.clientSecret",
        ),
        (
            r#""facebook": {"registration": {"appId": "id", "appSecret": "s3cr3t"}}"#,
            "",
            "identityProviders.facebook.registration.appSecret",
        ),
        (
            r#""twitter": {"registration": {"consumerKey": "id", "consumerSecret": "s3cr3t"}}"#,
            "",
            "identityProviders.twitter.registration.consumerSecret",
        ),
        (
            r#""gitHub": {"registration": {"clientId": "id"}, "validation": {"allowedAudiences": ["a"]}}"#,
            "",
            "identityProviders.gitHub.validation",
        ),
        (
            r#""gitHub": {"registration": {"clientId": "id"}}"#,
            r#""github": {"endpoints": {"web": "https://g.example"}}"#,
            "easyauth.providers.github.endpoints",
        ),
        (
            r#""gitHub": {"registration": {"clientId": "id"}}"#,
            r#""github": {"protocol": "oauth2"}"#,
            "easyauth.providers.github.protocol",
        ),
        (
            r#""facebook": {"registration": {"appId": "id"}}"#,
            r#""facebook": {"publicClient": true}"#,
            "easyauth.providers.facebook.publicClient",
        ),
        (
            r#""facebook": {"registration": {"appId": "id"}}"#,
            r#""facebook": {"endpoints": {"jwks": "https://f.example"}}"#,
            "easyauth.providers.facebook.endpoints",
        ),
        (
            r#""gitHub": {"registration": {"clientId": "id"}}"#,
            r#""github": {"endpoints": {"requestToken": "https://g.example"}}"#,
            "easyauth.providers.github.endpoints",
        ),
        ("", r#""git": {"registration": {"clientId": "id"}}"#, "easyauth.providers.git.protocol"),
        (
            "",
            r#""git": {"protocol": "oauth2", "registration": {"clientId": "id"}}"#,
            "easyauth.providers.git.endpoints.authorization",
        ),
        ("", r#""git": {"protocol": "oauth2"}"#, "easyauth.providers.git"),
        ("", &git(r#""registration": {}"#), "easyauth.providers.git.registration.clientId"),
        (
            "",
            &git(&format!(r#"{registered}, "responseMode": "form_post""#)),
            "easyauth.providers.git.responseMode",
        ),
        (
            "",
            &git(&format!(r#"{registered}, "claims": {{"a": 1}}"#)),
            "easyauth.providers.git.claims.a",
        ),
        (
            "",
            &git(&format!(r#"{registered}, "publicClient": true, "login": {{"scopes": "read"}}"#)),
            "easyauth.providers.git.login.scopes",
        ),
        (
            r#""customOpenIdConnectProviders": {"git": {"registration": {"clientId": "id", "openIdConnectConfiguration": {"issuer": "https://git.example"}}}}"#,
            &git(registered),
            "easyauth.providers.git.registration",
        ),
    ] {
        let error = read(providers, ours).expect_err(ours);
        assert_eq!(error.setting(), setting, "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}

#[test]
fn what_is_read_is_checked_when_it_is_built() {
    let git = |registration: &str, authorization: &str, rest: &str| {
        format!(
            r#""git": {{"protocol": "oauth2", "registration": {{"clientId": "id"{registration}}},
                "endpoints": {{"authorization": "{authorization}", "token": "https://git.example/t",
                    "userInfo": "https://git.example/u"}}{rest}}}"#
        )
    };
    let page = "https://git.example/a";
    for (ours, setting) in [
        (git("", "http://git.example/a", ""), "easyauth.providers.git.endpoints.authorization"),
        (
            git("", "https://user@git.example/a", ""),
            "easyauth.providers.git.endpoints.authorization",
        ),
        (git("", page, r#", "issuer": "https://git.example?x""#), "easyauth.providers.git.issuer"),
        (
            git(r#", "pkce": false"#, page, r#", "publicClient": true"#),
            "easyauth.providers.git.registration.clientSecretSettingName",
        ),
    ] {
        let error = read("", &ours).unwrap().build().expect_err(&ours);
        assert_eq!(error.setting(), setting, "{error}");
    }
    let twitter = r#""twitter": {"registration": {"consumerKey": "id"}}"#;
    let ours =
        r#""twitter": {"endpoints": {"web": "https://x.example", "api": "http://x.example"}}"#;
    let error = read(twitter, ours).unwrap().build().expect_err(ours);
    assert_eq!(error.setting(), "identityProviders.twitter.endpoints.requestToken", "{error}");
    let both = r#""gitHub": {"registration": {"clientId": "id"}}, "customOpenIdConnectProviders":
        {"github": {"registration": {"clientId": "id", "openIdConnectConfiguration": {"issuer": "https://g.example"}}}}"#;
    assert!(read(both, "").unwrap().build().is_err());
}

#[test]
fn what_is_switched_off_or_not_registered_is_left_out() {
    for (providers, ours) in [
        (r#""gitHub": {"enabled": false, "registration": {"clientId": "id"}}"#, ""),
        (r#""facebook": {"enabled": true, "registration": {}, "login": {}}"#, ""),
        (r#""twitter": null"#, ""),
        ("", r#""git": {"enabled": false, "protocol": "oauth2", "whatever": 1}"#),
    ] {
        let config = read(providers, ours).unwrap_or_else(|error| panic!("{error}"));
        // Without a provider everybody gets through, so there is nothing to redirect to.
        let config = config.redirect_to_provider("github");
        assert_eq!(config.build().unwrap_err().setting(), "globalValidation.redirectToProvider");
    }
}
