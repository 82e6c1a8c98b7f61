//! Azure's configuration files: what is refused, and in which words.

use easyauth::provider::OpenIdConnect;
use easyauth::{Config, ConfigBuilder, ConfigError};

/// Reads and builds, with nothing but two secrets in the environment.
fn read(json: &str) -> Result<Config, ConfigError> {
    ConfigBuilder::from_auth_json_in(json, |name| match name {
        "OP_AUTHENTICATION_SECRET" | "OP_SECRET" => Some("s3cr3t".to_owned()),
        "PLACEHOLDER" => Some("00".repeat(32)),
        "SHORT" => Some("c0ffee".to_owned()),
        "WEBSITE_HOSTNAME" => Some("app.example".to_owned()),
        _ => None,
    })?
    .build()
}

/// The file that has only the setting `name`.
fn file(name: &str, value: &str) -> String {
    name.rsplit('.').fold(value.to_owned(), |value, member| format!(r#"{{"{member}": {value}}}"#))
}

/// The file that has only the provider `op`, with this registration.
fn registration(json: &str) -> String {
    file("identityProviders.customOpenIdConnectProviders.op.registration", json)
}

#[track_caller]
fn refused(json: &str, expected: &str) {
    let error = read(json).expect_err(json).to_string();
    assert_eq!(error, expected, "{json}");
    assert!(!error.contains("s3cr3t"), "{error}");
}

#[test]
fn a_realistic_file_is_accepted() {
    let json = r#"{
        "globalValidation": {"requireAuthentication": true, "unauthenticatedClientAction": "RedirectToLoginPage"},
        "identityProviders": {"customOpenIdConnectProviders": {"op": {
            "registration": {
                "clientId": "web",
                "clientCredential": {"method": "ClientSecretPost", "clientSecretSettingName": "OP_SECRET"},
                "openIdConnectConfiguration": {"wellKnownOpenIdConfiguration": "https://op.example/.well-known/openid-configuration"}
            },
            "login": {"nameClaimType": "email", "scopes": ["openid", "offline_access"]}
        }}},
        "login": {"tokenStore": {"enabled": true, "tokenRefreshExtensionHours": 72.5}}
    }"#;

    assert!(read(json).is_ok());
}

#[tokio::test]
async fn what_is_set_in_code_counts_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let json = file("easyauth.stateDirectory", r#""/nowhere/and/not/ours""#);

    let builder = ConfigBuilder::from_auth_json_in(&json, |_| None).unwrap();
    let config = builder
        .public_origin("https://app.example")
        .state_directory(directory.path())
        .build()
        .unwrap();

    config.open().await.unwrap();
    assert!(directory.path().join("keys").is_dir());
}

#[test]
fn an_unknown_setting_is_named_with_the_one_that_was_meant() {
    for (name, problem) in [
        ("globalValidation.excludePaths", "did you mean excludedPaths?"),
        ("globalvalidation", "did you mean globalValidation?"),
        ("login.tokenStore.Enabled", "did you mean enabled?"),
        ("login.cookieExpiration.timeToExpire", "did you mean timeToExpiration?"),
        ("easyauth.session.maxPerUsers", "did you mean maxPerUser?"),
        (
            "httpSettings.forwardProxy.hosts",
            "known here are customHostHeaderName, customProtoHeaderName, convention",
        ),
        ("platform.rules", "known here are enabled, runtimeVersion, configFilePath"),
    ] {
        refused(&file(name, "1"), &format!("{name}: unknown; {problem}"));
    }
    refused(
        r#"{"properties": {}, "globalValidation": {}}"#,
        "globalValidation: unknown; known here are properties, id, name, type, kind, location, tags, systemData, easyauth",
    );
    refused(
        r#"{"login": {"a\n\u001b[31m": 1}}"#,
        "login.a\\n\\u{1b}[31m: unknown; known here are routes, tokenStore, \
         preserveUrlFragmentsForLogins, allowedExternalRedirectUrls, cookieExpiration, nonce",
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    let truth = "must be true or false, without quotes";
    let text = "must be a text in quotes";
    let span =
        "must be a time span such as \"08:00:00\" or \"90.00:00:00\" (days.hours:minutes:seconds)";
    let hours = "must be a number of hours, 0 or more, such as 72 or 0.5";
    let whole = "must be a whole number, 0 or more, without quotes";
    let texts = "must be a list of texts in quotes";
    let actions = "must be one of RedirectToLoginPage, AllowAnonymous, Return401, Return403, \
                   Return404, RejectWith401, RejectWith403, RejectWith404";
    for (name, value, problem) in [
        ("platform", "[]", "must be an object in braces"),
        ("properties", "1", "must be an object in braces"),
        ("identityProviders.openIdConnectProviders.op", "[]", "must be an object in braces"),
        ("legacyProperties", "true", "must be an object in braces"),
        ("platform.enabled", r#""true""#, truth),
        ("httpSettings.requireHttps", "1", truth),
        ("globalValidation.redirectToProvider", "{}", text),
        ("easyauth.publicOrigin", "5", text),
        ("globalValidation.excludedPaths", r#""/a""#, texts),
        ("login.allowedExternalRedirectUrls", "[1]", texts),
        ("login.cookieExpiration.timeToExpiration", "8", span),
        ("login.cookieExpiration.timeToExpiration", r#""24:00:00""#, span),
        ("login.nonce.nonceExpirationInterval", r#""5 minutes""#, span),
        ("login.tokenStore.tokenRefreshExtensionHours", "true", hours),
        ("login.tokenStore.tokenRefreshExtensionHours", "-1", hours),
        ("login.tokenStore.tokenRefreshExtensionHours", "1e300", hours),
        ("login.tokenStore.tokenRefreshExtensionHours", r#""NaN""#, hours),
        ("easyauth.session.maxPerUser", "1.5", whole),
        ("easyauth.session.maxPerUser", "-1", whole),
        ("easyauth.session.maxPerUser", "5000000000", whole),
        ("easyauth.tokenStore.revalidateSeconds", r#""5""#, whole),
        ("easyauth.tokenStore.cacheMebibytes", r#""256 MiB""#, whole),
        ("globalValidation.unauthenticatedClientAction", "5", actions),
        ("globalValidation.unauthenticatedClientAction", "-1", actions),
        ("globalValidation.unauthenticatedClientAction", "0.5", actions),
        ("globalValidation.unauthenticatedClientAction", r#""redirecttologinpage""#, actions),
        (
            "login.cookieExpiration.convention",
            r#""Sliding""#,
            "must be one of FixedTime, IdentityProviderDerived, IdentityDerived",
        ),
    ] {
        refused(&file(name, value), &format!("{name}: {problem}"));
    }
}

#[test]
fn t_82_a_window_beyond_all_bounds_is_refused() {
    refused(
        &file("login.tokenStore.tokenRefreshExtensionHours", "1000000"),
        "login.tokenStore.tokenRefreshExtensionHours: must be at most 87600 hours",
    );
}

#[test]
fn what_is_remembered_is_bounded_in_time_and_has_room() {
    refused(
        &file("easyauth.tokenStore.revalidateSeconds", "3601"),
        "easyauth.tokenStore.revalidateSeconds: must be at most 3600: so long may a session live \
         that has ended elsewhere",
    );
    refused(
        &file("easyauth.tokenStore.cacheMebibytes", "0"),
        "easyauth.tokenStore.cacheMebibytes: must be at least 1: what is not remembered is loaded \
         on every request",
    );
}

#[test]
fn what_is_not_in_this_version_says_so() {
    let blob = "the blob store is not in this version; leave it out, or set easyauth.tokenStore.kind \
                to file and name no blob storage";
    let provider = "this provider is not in this version; set its enabled to false, or use \
                    customOpenIdConnectProviders if it speaks OpenID Connect";
    let kind = "this store is not in this version; use file or memory";
    let proxy = "only NoProxy is in this version; set easyauth.publicOrigin instead, from which \
                 everything follows that headers would tell";
    for (name, value, problem) in [
        (
            "login.preserveUrlFragmentsForLogins",
            "true",
            "only false is in this version; leave it out",
        ),
        ("login.tokenStore.azureBlobStorage.sasUrlSettingName", r#""SAS""#, blob),
        ("httpSettings.forwardProxy.convention", r#""Standard""#, proxy),
        ("httpSettings.forwardProxy.convention", "2", proxy),
        ("easyauth.tokenStore.kind", r#""redis""#, kind),
        (
            "easyauth.tokenStore.urlSettingName",
            r#""URL""#,
            "is for stores that are not in this version; leave it out",
        ),
        ("easyauth.session.idleTimeout", r#""01:00:00""#, "is not in this version; leave it out"),
        (
            "identityProviders.azureStaticWebApps",
            r#"{"enabled": true, "registration": {"clientId": "id"}}"#,
            provider,
        ),
    ] {
        refused(&file(name, value), &format!("{name}: {problem}"));
    }
}

#[test]
fn contradictions_are_refused() {
    refused(
        r#"{"globalValidation": {"requireAuthentication": true, "unauthenticatedClientAction": 1}}"#,
        "globalValidation.unauthenticatedClientAction: AllowAnonymous contradicts \
         requireAuthentication: true; change one",
    );
    refused(
        r#"{"login": {"tokenStore": {"fileSystem": {"directory": "/t"}}}, "easyauth": {"tokenStore": {"kind": "memory"}}}"#,
        "easyauth.tokenStore.kind: memory contradicts login.tokenStore.fileSystem.directory; leave one out",
    );
    refused(
        r#"{"properties": {"easyauth": {}}, "easyauth": {}}"#,
        "easyauth: stands in properties and beside them; leave one out",
    );
    refused(
        &file("easyauth.providers.op.issuer", r#""https://op.example""#),
        "easyauth.providers.op: there is no provider of this name in identityProviders",
    );
    refused(
        &file("globalValidation.redirectToProvider", r#""google""#),
        "globalValidation.redirectToProvider: names no configured provider; without one nobody \
         could sign in",
    );
}

#[test]
fn a_provider_without_what_it_needs_is_refused() {
    let op = "identityProviders.customOpenIdConnectProviders.op";
    let issuer = r#""openIdConnectConfiguration": {"issuer": "https://op.example"}"#;
    for (json, member, problem) in [
        (
            "{}".to_owned(),
            "registration.clientId",
            "is not set; set it to the id that the provider gave you",
        ),
        (
            r#"{"clientId": "id"}"#.to_owned(),
            "registration.openIdConnectConfiguration.wellKnownOpenIdConfiguration",
            "is not set, and neither is issuer; set the one that the provider names",
        ),
        (
            r#"{"clientId": "id", "openIdConnectConfiguration": {"issuer": "https://op.example", "tokenEndpoint": "https://op.example/token"}}"#.to_owned(),
            "registration.openIdConnectConfiguration",
            "without the address of the metadata the endpoints for authorization, tokens and keys \
             must be set, each https; set all three, or wellKnownOpenIdConfiguration",
        ),
        (
            format!(r#"{{"clientId": "id", {issuer}, "clientCredential": {{"method": "MutualTls"}}}}"#),
            "registration.clientCredential.method",
            "must be one of ClientSecretPost, ClientSecretBasic, ClientSecretJwt, PrivateKeyJwt",
        ),
        (
            r#"{"clientId": "id", "openIdConnectConfiguration": {"issuer": "http://op.example"}}"#.to_owned(),
            "registration.openIdConnectConfiguration.issuer",
            "must be an https address (or http on loopback), written as the provider writes it",
        ),
        (
            r#"{"clientId": "id", "openIdConnectConfiguration": {"wellKnownOpenIdConfiguration": "http://op.example/.well-known/openid-configuration"}}"#.to_owned(),
            "registration.openIdConnectConfiguration.wellKnownOpenIdConfiguration",
            "must be an https address (or http on loopback) that ends in \
             /.well-known/openid-configuration",
        ),
        (
            r#"{"clientId": "id", "openIdConnectConfiguration": {"wellKnownOpenIdConfiguration": "https://op.example/"}}"#.to_owned(),
            "registration.openIdConnectConfiguration.wellKnownOpenIdConfiguration",
            "must be an https address (or http on loopback) that ends in \
             /.well-known/openid-configuration",
        ),
    ] {
        refused(&registration(&json), &format!("{op}.{member}: {problem}"));
    }
    refused(
        r#"{"identityProviders": {"openIdConnectProviders": {"my-op": {"registration": {"clientId": "id"}}}}}"#,
        "identityProviders.openIdConnectProviders.my-op: a provider's name has 1 to 64 \
         letters, digits or _; choose another",
    );
    for (parameter, problem) in [
        ("prompt", "each must be written name=value, such as prompt=consent"),
        ("max_age=an hour", "max_age must be a number of seconds"),
    ] {
        let parameters = format!(
            r#"{{"registration": {{"clientId": "id", {issuer}}}, "login": {{"loginParameterNames": ["{parameter}"]}}}}"#
        );
        refused(&file(op, &parameters), &format!("{op}.login.loginParameterNames: {problem}"));
    }
    let scopes = format!(
        r#"{{"registration": {{"clientId": "id", {issuer}}}, "login": {{"scope": [], "scopes": []}}}}"#
    );
    refused(
        &file(op, &scopes),
        &format!("{op}.login.scope: means the same as scopes, which is there too; leave one out"),
    );
}

#[test]
fn two_providers_whose_names_differ_only_in_case_are_one_too_many() {
    let provider = |name| OpenIdConnect::new(name, "https://op.example", "web", "s3cr3t");
    for (first, second) in [("op", "OP"), ("Op", "Op")] {
        let config = Config::builder().public_origin("https://app.example");
        let config = config.provider(provider(first)).provider(provider(second));
        assert_eq!(
            config.build().unwrap_err().to_string(),
            format!(
                "identityProviders.customOpenIdConnectProviders.{second}: {first} and {second} are \
                 one name, whose case does not count in addresses; choose another for one of them"
            )
        );
    }
}

#[test]
fn oc_09_a_secret_that_signs_is_a_strong_one() {
    let setting =
        "identityProviders.customOpenIdConnectProviders.op.registration.clientCredential: ";
    let strong = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for (provider, accepted) in [
        (OpenIdConnect::new("op", "https://op.example", "web", strong), true),
        (OpenIdConnect::new("op", "https://op.example", "web", &strong[1..]), false),
        (OpenIdConnect::new("op", "https://op.example", "web", "a".repeat(64)), false),
        (OpenIdConnect::public_client("op", "https://op.example", "web"), false),
    ] {
        let provider = provider.id_tokens_signed_with_client_secret();
        let built =
            Config::builder().public_origin("https://app.example").provider(provider).build();

        match built {
            Ok(_) => assert!(accepted),
            Err(error) => assert!(!accepted && error.to_string().starts_with(setting), "{error}"),
        }
    }
}

#[test]
fn bearer_tokens_are_taken_only_for_somebody_and_told_of_only_if_they_are() {
    let build = |provider: OpenIdConnect, scopes: Option<&str>| {
        let config = Config::builder().public_origin("https://app.example").provider(provider);
        let told = match scopes {
            Some(scope) => config.protected_resource_metadata([scope]),
            None => config,
        };
        told.build().map(drop).map_err(|error| error.to_string())
    };
    let strong = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let op = || OpenIdConnect::new("op", "https://op.example", "web", strong);
    let audiences = "easyauth.providers.op.validation.allowedAudiences: ";
    let scopes = "easyauth.protectedResource.scopes: ";
    let nobody = format!(
        "{audiences}must name whom tokens are for, such as api://my-app, or our client id for ID tokens"
    );

    assert_eq!(build(op().accept_bearer_tokens(["web"]), Some("api://orders/read")), Ok(()));
    assert_eq!(build(op().accept_bearer_tokens([""; 0]), None), Err(nobody.clone()));
    assert_eq!(build(op().accept_bearer_tokens([""]), None), Err(nobody));
    let shared = op().accept_bearer_tokens(["web"]).id_tokens_signed_with_client_secret();
    assert!(build(shared, None).unwrap_err().starts_with(audiences));
    let refused = build(op(), Some("read")).unwrap_err();
    assert!(refused.starts_with(&format!("{scopes}there is no provider")), "{refused}");
    for scope in ["", "two scopes", "a\"quote", "a\\slash", "zoë", "a\r\nb"] {
        let refused = build(op().accept_bearer_tokens(["web"]), Some(scope)).unwrap_err();
        assert_eq!(refused, format!("{scopes}each must be one scope, such as api://my-app/read"));
    }
}

#[test]
fn secrets_come_from_the_environment_and_never_into_a_message() {
    let credential =
        "identityProviders.customOpenIdConnectProviders.op.registration.clientCredential";
    let issuer = r#""openIdConnectConfiguration": {"issuer": "https://op.example"}"#;
    let literal = "a secret does not belong into this file; put it into an environment variable and \
                   name that in clientCredential.clientSecretSettingName";
    for (member, value, problem) in [
        ("clientSecret", "s3cr3t", literal),
        ("clientSecretSettingName", "ELSEWHERE", "ELSEWHERE is not set in the environment; set it"),
        (
            "clientSecretSettingName",
            "s3cr3t",
            "is not the name of a variable in the environment; set one to the secret and name it here",
        ),
    ] {
        let json = format!(
            r#"{{"clientId": "id", {issuer}, "clientCredential": {{"{member}": "{value}"}}}}"#
        );
        refused(&registration(&json), &format!("{credential}.{member}: {problem}"));
    }
    refused(
        &file(
            "identityProviders.openIdConnectProviders.other.registration",
            &format!(r#"{{"clientId": "id", {issuer}}}"#),
        ),
        "identityProviders.openIdConnectProviders.other.registration.clientCredential\
         .clientSecretSettingName: OTHER_AUTHENTICATION_SECRET is not set in the environment; set it",
    );
    let keys = "easyauth.keys.encryptionSettingNames";
    refused(
        &file(keys, "[]"),
        &format!("{keys}: is empty; name an environment variable, or leave it out"),
    );
    refused(
        &file(keys, r#"["NOWHERE"]"#),
        &format!("{keys}: NOWHERE is not set in the environment; set it"),
    );
    let hint = "make one with `openssl rand -hex 32`";
    refused(
        &file(keys, r#"["PLACEHOLDER"]"#),
        &format!("PLACEHOLDER: a key must be random, this one is a placeholder; {hint}"),
    );
    refused(
        &file(keys, r#"["SHORT"]"#),
        &format!("SHORT: a key must have at least 32 bytes, this one has 3; {hint}"),
    );
}

#[test]
fn a_text_that_is_not_strict_json_is_refused() {
    let json = |place: &str| {
        format!(
            "auth.json: is not JSON in {place}; comments and commas before a closing bracket are not JSON either"
        )
    };
    refused("", &json("line 1, column 0"));
    refused("{\"platform\": {},}", &json("line 1, column 17"));
    refused("{\n  // a comment\n}", &json("line 2, column 3"));
    refused("[]", "auth.json: the document is not a json object");
    refused(
        r#"{"login": {}, "platform": {"enabled": true, "enabled": false}}"#,
        "auth.json: a json object has two members of the same name",
    );
    refused(&"[".repeat(100), "auth.json: the document is nested more than 32 levels deep");
}

#[test]
fn a_bad_variable_is_named() {
    for (name, value, problem) in [
        ("WEBSITE_HOSTNAME", "app.example/path", "must be a host name such as app.example"),
        (
            "WEBSITE_AUTH_TOKEN_REFRESH_HOURS",
            "-1",
            "must be a number of hours, 0 or more, such as 72 or 0.5",
        ),
        (
            "WEBSITE_AUTH_TOKEN_REFRESH_HOURS",
            "NaN",
            "must be a number of hours, 0 or more, such as 72 or 0.5",
        ),
        (
            "WEBSITE_AUTH_NONCE_DURATION",
            "5",
            "must be a time span such as \"08:00:00\" or \"90.00:00:00\" (days.hours:minutes:seconds)",
        ),
        ("WEBSITE_AUTH_VALIDATE_NONCE", "no", "must be true or false"),
        (
            "WEBSITE_AUTH_SIGNING_KEY",
            "not a key",
            "a key must be hexadecimal or base64; make one with `openssl rand -hex 32`",
        ),
        (
            "WEBSITE_AUTH_TOKEN_CONTAINER_SASURL",
            "https://blob.example/?sig=s3cr3t",
            "the blob store is not in this version; leave it out, or set easyauth.tokenStore.kind \
             to file and name no blob storage",
        ),
    ] {
        let error = ConfigBuilder::from_auth_json_in("{}", |asked| {
            (asked == name).then(|| value.to_owned())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), format!("{name}: {problem}"));
        assert_eq!(error.setting(), name);
    }
}
