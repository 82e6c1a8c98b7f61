//! What files and environments come to.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::{Clock, Timestamp};
use crate::config::{ConfigBuilder, ConfigError, SessionLifetime, StoreChoice, Unauthenticated};
use crate::provider::{
    AuthorizationPolicy, ClientAuthentication, IssuerSource, OpenIdConnect, Protocol, Provider,
    ResponseMode,
};
use crate::store::Scope;

fn read(json: &str, environment: &[(&str, &str)]) -> ConfigBuilder {
    let environment: HashMap<_, _> = environment.iter().copied().collect();
    let read = ConfigBuilder::from_auth_json_in(json, |name| {
        environment.get(name).map(|value| (*value).to_owned())
    });
    read.unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// Everything that `builder` holds but for the clock, which no two have in common.
fn shown(builder: ConfigBuilder) -> String {
    format!("{:?}", builder.clock(StoppedClock))
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(0)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn hex_key(first: u8) -> String {
    (0..32_u8).map(|byte| format!("{:02x}", byte.wrapping_mul(37).wrapping_add(first))).collect()
}

fn provider(json: &str) -> OpenIdConnect {
    let file =
        format!(r#"{{"identityProviders": {{"openIdConnectProviders": {{"op": {json}}}}}}}"#);
    only(read(&file, &[("OP_AUTHENTICATION_SECRET", "s")]))
}

/// The one OpenID provider that `builder` has.
fn only(builder: ConfigBuilder) -> OpenIdConnect {
    let [Provider(protocol)] = <[_; 1]>::try_from(builder.providers).unwrap();
    let Protocol::OpenIdConnect(provider) = protocol else { panic!("no OpenID provider") };
    provider
}

const REGISTRATION: &str = r#""registration": {"clientId": "id", "openIdConnectConfiguration": {"issuer": "https://op.example"}}"#;

#[test]
fn an_empty_file_is_the_default_configuration() {
    let default = shown(ConfigBuilder::default());

    for json in [
        "{}",
        "\u{feff}{}",
        r#"{"platform": null, "globalValidation": {}, "identityProviders": {}, "login": {}}"#,
        r#"{"properties": {}, "id": "/subscriptions/0", "name": "authsettingsV2", "type": "t", "kind": "app"}"#,
        r#"{"platform": {"runtimeVersion": "~1", "configFilePath": "auth.json"}, "legacyProperties": {"configVersion": "v1"}}"#,
    ] {
        assert_eq!(shown(read(json, &[])), default, "{json}");
    }
}

#[test]
fn a_file_from_azures_documentation_is_read_unchanged() {
    let builder = read(include_str!("documented.json"), &[("AUTH0_SECRET", "s3cr3t")]);
    let config = builder.public_origin("https://app.example").build().unwrap();
    let settings = config.settings();

    assert!(settings.enabled && settings.require_https && settings.validate_nonce);
    assert_eq!(settings.unauthenticated, Unauthenticated::RedirectToLogin);
    assert_eq!(settings.redirect_to.as_ref().unwrap().as_str(), "auth0");
    assert!(settings.excluded.matches("/path1") && !settings.excluded.matches("/path3"));
    assert_eq!(settings.api_prefix.as_str(), "/.auth");
    assert_eq!(settings.logout_path.as_deref(), Some("/signout"));
    assert_eq!(settings.session.window, secs(72 * 3_600));
    assert_eq!(settings.session.lifetime, SessionLifetime::Fixed(secs(8 * 3_600)));
    assert_eq!(settings.login_timeout, secs(300));
    let StoreChoice::File(Some(directory)) = &settings.token_store else { panic!("no directory") };
    assert_eq!(directory, Path::new("/home/data/.auth/tokens"));
    let [(_, provider)] = settings.providers.as_slice() else { panic!("not one provider") };
    let Protocol::OpenIdConnect(auth0) = &provider.0 else { panic!("no OpenID provider") };
    let registration = &auth0.registration;
    assert_eq!(registration.client_id, "a1B2c3");
    assert!(registration.client_secret.as_ref().unwrap().matches("s3cr3t"));
    assert_eq!(registration.client_authentication, Some(ClientAuthentication::ClientSecretPost));
    let url = "https://example.eu.auth0.com/.well-known/openid-configuration";
    assert_eq!(auth0.source, IssuerSource::MetadataUrl(url.to_owned(), None));
    assert_eq!(registration.scope(), "openid profile email offline_access");
    let parameter = ("audience".to_owned(), "https://api.example/?a=b".to_owned());
    assert_eq!(registration.login_parameters, [parameter]);
    assert!(auth0.name_claim.as_ref().unwrap().ends_with("/claims/name"));
}

#[test]
fn our_own_part_is_read_beside_azures_and_inside() {
    let ours = r#""easyauth": {
        "publicOrigin": "https://app.example",
        "stateDirectory": "/var/lib/app/.auth", "appId": "shop",
        "keys": {"encryptionSettingNames": ["NEW", "OLD"], "signingSettingNames": ["SIGN"], "userIdKeySettingName": "USER"},
        "tokenStore": {"kind": "file", "revalidateSeconds": 7, "cacheMebibytes": 2},
        "session": {"absoluteLifetime": "30.00:00:00", "maxPerUser": 5, "refreshAhead": true, "strictRotation": true}
    }"#;
    let keys = [1, 2, 3, 4].map(hex_key);
    let environment =
        [("NEW", &*keys[0]), ("OLD", &*keys[1]), ("SIGN", &*keys[2]), ("USER", &*keys[3])];

    for json in [
        format!("{{{ours}}}"),
        format!(r#"{{"properties": {{}}, {ours}}}"#),
        format!(r#"{{"properties": {{{ours}}}}}"#),
    ] {
        let config = read(&json, &environment).build().unwrap();
        let settings = config.settings();
        assert_eq!(settings.origin.as_str(), "https://app.example");
        assert_eq!(settings.state_directory.as_deref(), Some(Path::new("/var/lib/app/.auth")));
        assert_eq!(settings.app_id, "shop");
        assert!(settings.session.strict_rotation);
        assert_eq!(settings.keys.encryption.len(), 2);
        assert_eq!(settings.keys.encryption[0].bytes()[0], 1);
        assert_eq!(settings.keys.signing[0].bytes()[0], 3);
        assert_eq!(settings.keys.user_id.as_ref().unwrap().bytes()[0], 4);
        assert_eq!(settings.session.revalidate, secs(7));
        assert_eq!(settings.session.cache_capacity, 2 << 20);
        assert_eq!(settings.session.absolute, secs(30 * 86_400));
        assert_eq!(settings.session.most_per_user, 5);
    }
}

#[test]
fn every_spelling_of_an_action_means_the_same() {
    use Unauthenticated::{Allow, RedirectToLogin, Reject401, Reject403, Reject404};
    for (action, expected) in [
        (r#""RedirectToLoginPage""#, RedirectToLogin),
        (r#""AllowAnonymous""#, Allow),
        (r#""Return401""#, Reject401),
        (r#""Return403""#, Reject403),
        (r#""Return404""#, Reject404),
        (r#""RejectWith401""#, Reject401),
        (r#""RejectWith403""#, Reject403),
        (r#""RejectWith404""#, Reject404),
        ("0", RedirectToLogin),
        ("1", Allow),
        ("2", Reject401),
        ("3", Reject403),
        ("4", Reject404),
    ] {
        let json =
            format!(r#"{{"globalValidation": {{"unauthenticatedClientAction": {action}}}}}"#);
        assert_eq!(read(&json, &[]).unauthenticated, Some(expected), "{action}");
    }
}

#[test]
fn authentication_is_required_unless_the_file_says_otherwise() {
    let provider = format!(
        r#""identityProviders": {{"openIdConnectProviders": {{"op": {{{REGISTRATION}}}}}}}"#
    );
    let unauthenticated = |validation: &str, providers: &str| {
        let json = format!(
            r#"{{"easyauth": {{"publicOrigin": "https://a.example"}}, "globalValidation": {validation}{providers}}}"#
        );
        let built = read(&json, &[("OP_AUTHENTICATION_SECRET", "s")]).build();
        built.map(|config| config.settings().unauthenticated)
    };
    let with = format!(", {provider}");

    for (validation, expected) in [
        ("{}", Unauthenticated::RedirectToLogin),
        (r#"{"requireAuthentication": true}"#, Unauthenticated::RedirectToLogin),
        (r#"{"requireAuthentication": false}"#, Unauthenticated::Allow),
        (
            r#"{"requireAuthentication": false, "unauthenticatedClientAction": "Return401"}"#,
            Unauthenticated::Allow,
        ),
        (
            r#"{"requireAuthentication": true, "unauthenticatedClientAction": 3}"#,
            Unauthenticated::Reject403,
        ),
    ] {
        assert_eq!(unauthenticated(validation, &with).unwrap(), expected, "{validation}");
    }
    assert_eq!(unauthenticated("{}", "").unwrap(), Unauthenticated::Allow);
    // Fails closed: what is asked for by name does not depend on there being a provider.
    let refused = unauthenticated(r#"{"unauthenticatedClientAction": "Return401"}"#, "");
    assert_eq!(refused.unwrap(), Unauthenticated::Reject401);
    assert!(unauthenticated(r#"{"requireAuthentication": true}"#, "").is_err());
}

#[test]
fn a_session_lasts_as_the_file_says() {
    let lifetime = |expiration: &str| {
        read(&format!(r#"{{"login": {{"cookieExpiration": {expiration}}}}}"#), &[]).session.lifetime
    };
    let derived = SessionLifetime::IdentityProviderDerived;

    for (expiration, expected) in [
        ("{}", SessionLifetime::Fixed(secs(28_800))),
        (r#"{"timeToExpiration": "1.00:00:30"}"#, SessionLifetime::Fixed(secs(86_430))),
        (
            r#"{"convention": 0, "timeToExpiration": "00:30:00"}"#,
            SessionLifetime::Fixed(secs(1_800)),
        ),
        (r#"{"convention": "FixedTime"}"#, SessionLifetime::Fixed(secs(28_800))),
        (r#"{"convention": "IdentityProviderDerived", "timeToExpiration": "08:00:00"}"#, derived),
        (r#"{"convention": "IdentityDerived"}"#, derived),
        (r#"{"convention": 1}"#, derived),
    ] {
        assert_eq!(lifetime(expiration), expected, "{expiration}");
    }
}

#[test]
fn a_refresh_window_is_a_number_with_or_without_quotes() {
    for (hours, seconds) in
        [("72", 259_200), ("0", 0), ("0.5", 1_800), ("72.25", 260_100), (r#""24""#, 86_400)]
    {
        let json =
            format!(r#"{{"login": {{"tokenStore": {{"tokenRefreshExtensionHours": {hours}}}}}}}"#);
        assert_eq!(read(&json, &[]).session.window, secs(seconds), "{hours}");
    }
}

#[test]
fn the_token_store_is_on_and_in_files_unless_the_file_says_otherwise() {
    let sas = [("WEBSITE_AUTH_TOKEN_CONTAINER_SASURL", "https://blob.example/?sig=x")];
    let choice =
        |json: &str, environment: &[(&str, &str)]| match read(json, environment).token_store {
            StoreChoice::Off => "off".to_owned(),
            StoreChoice::File(directory) => format!("{directory:?}"),
            StoreChoice::Given(store) if store.scope() == Scope::Process => "memory".to_owned(),
            StoreChoice::Given(_) => panic!("nobody gave a store"),
        };

    assert_eq!(choice("{}", &[]), "None");
    let off = r#"{"login": {"tokenStore": {"enabled": false, "azureBlobStorage": {"sasUrlSettingName": "X"}}}}"#;
    assert_eq!(choice(off, &sas), "off");
    let directory =
        r#"{"login": {"tokenStore": {"fileSystem": {"directory": "/t"}, "azureBlobStorage": {}}}}"#;
    assert_eq!(choice(directory, &sas), r#"Some("/t")"#);
    let kind = r#"{"easyauth": {"tokenStore": {"kind": "file"}}}"#;
    assert_eq!(choice(kind, &sas), "None");
    let memory = r#"{"easyauth": {"tokenStore": {"kind": "memory"}}}"#;
    assert_eq!(choice(memory, &sas), "memory");
}

#[test]
fn the_environment_counts_where_the_file_is_silent() {
    let [encryption, signing, user_id] = [1, 2, 3].map(hex_key);
    let environment = [
        ("WEBSITE_HOSTNAME", "app.azurewebsites.net"),
        ("WEBSITE_AUTH_STATE_DIRECTORY", "/env"),
        ("WEBSITE_AUTH_TOKEN_REFRESH_HOURS", "1.5"),
        ("WEBSITE_AUTH_NONCE_DURATION", "00:10:00"),
        ("WEBSITE_AUTH_VALIDATE_NONCE", "False"),
        ("WEBSITE_AUTH_LOGOUT_PATH", "/bye"),
        ("WEBSITE_AUTH_ENCRYPTION_KEY", &encryption),
        ("WEBSITE_AUTH_SIGNING_KEY", &signing),
        ("EASYAUTH_USER_ID_KEY", &user_id),
    ];

    let silent = read("{}", &environment);
    assert_eq!(silent.public_origin.as_deref(), Some("https://app.azurewebsites.net"));
    assert_eq!(silent.state_directory.as_deref(), Some(Path::new("/env")));
    assert_eq!(silent.session.window, secs(5_400));
    assert_eq!(silent.login_timeout, secs(600));
    assert!(!silent.validate_nonce);
    assert_eq!(silent.logout_path.as_deref(), Some("/bye"));
    let keys = &silent.keys;
    assert_eq!((keys.encryption.len(), keys.signing.len(), keys.user_id.is_some()), (1, 1, true));

    let json = r#"{"login": {"routes": {"logoutEndpoint": "/file"}, "tokenStore": {"tokenRefreshExtensionHours": 2},
        "nonce": {"validateNonce": true, "nonceExpirationInterval": "00:01:00"}},
        "easyauth": {"publicOrigin": "https://file.example", "stateDirectory": "/file"}}"#;
    let file = read(json, &environment);
    assert_eq!(file.public_origin.as_deref(), Some("https://file.example"));
    assert_eq!(file.state_directory.as_deref(), Some(Path::new("/file")));
    assert_eq!(file.session.window, secs(7_200));
    assert_eq!(file.login_timeout, secs(60));
    assert!(file.validate_nonce);
    assert_eq!(file.logout_path.as_deref(), Some("/file"));

    let code = read(json, &environment).public_origin("https://code.example");
    assert_eq!(code.public_origin.as_deref(), Some("https://code.example"));
}

#[test]
fn an_environment_of_empty_variables_is_an_empty_environment() {
    let read = ConfigBuilder::from_auth_json_in("{}", |_| Some(String::new())).unwrap();

    assert_eq!(shown(read), shown(ConfigBuilder::default()));
}

#[test]
fn a_provider_is_found_by_metadata_before_issuer_and_by_our_issuer_before_both() {
    let source = |addresses: &str, ours: &str| {
        let json = format!(
            r#"{{"identityProviders": {{"openIdConnectProviders": {{"op": {{"registration": {{"clientId": "id", "openIdConnectConfiguration": {addresses}}}}}}}}},
                "easyauth": {{"providers": {{"op": {ours}}}}}}}"#
        );
        only(read(&json, &[("OP_AUTHENTICATION_SECRET", "s")])).source
    };
    let issuer = |issuer: &str| IssuerSource::Issuer(issuer.to_owned());
    let all = r#"{"wellKnownOpenIdConfiguration": "https://m.example", "issuer": "https://i.example",
        "authorizationEndpoint": "https://a.example", "tokenEndpoint": "", "certificationUri": null}"#;

    assert_eq!(source(all, "{}"), IssuerSource::MetadataUrl("https://m.example".to_owned(), None));
    assert_eq!(source(r#"{"issuer": "https://i.example"}"#, "{}"), issuer("https://i.example"));
    assert_eq!(source("{}", r#"{"issuer": "https://o.example"}"#), issuer("https://o.example"));
    let both = source(all, r#"{"issuer": "https://o.example"}"#);
    let issuer = Some("https://o.example".to_owned());
    assert_eq!(both, IssuerSource::MetadataUrl("https://m.example".to_owned(), issuer));
}

#[test]
fn what_azure_cannot_say_of_a_provider_stands_in_our_part() {
    let json = format!(
        r#"{{"identityProviders": {{"customOpenIdConnectProviders": {{"op": {{{REGISTRATION}}}}}}},
            "easyauth": {{"providers": {{"op": {{"responseMode": "form_post", "publicClient": true}}}}}}}}"#
    );
    let provider = only(read(&json, &[]));

    assert_eq!(provider.response_mode, ResponseMode::FormPost);
    assert!(provider.registration.client_secret.is_none());
}

#[test]
fn whose_bearer_tokens_are_taken_and_who_may_come_in_stands_in_our_part() {
    let read_op = |ours: &str, environment: &[(&str, &str)]| {
        let json = format!(
            r#"{{"identityProviders": {{"customOpenIdConnectProviders": {{"op": {{{REGISTRATION}}}}}}},
                "easyauth": {{"publicOrigin": "https://a.example", "providers": {{"op": {ours}}}}}}}"#
        );
        read(&json, &[environment, &[("OP_AUTHENTICATION_SECRET", "s")]].concat())
    };
    let validation = r#"{"validation": {
        "allowedAudiences": ["api://orders"],
        "defaultAuthorizationPolicy": {
            "allowedApplications": ["cli"],
            "allowedPrincipals": {"identities": ["0001"], "groups": ["staff"]}
        }
    }}"#;
    let scopes =
        [("WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES", "api://orders/read, api://orders/write")];
    let builder = read_op(validation, &scopes);
    let policy = AuthorizationPolicy::new()
        .allowed_applications(["cli"])
        .allowed_identities(["0001"])
        .allowed_groups(["staff"]);

    assert_eq!(
        builder.resource_scopes.as_deref().unwrap(),
        ["api://orders/read", "api://orders/write"]
    );
    let provider = only(builder);
    assert_eq!(provider.bearer_audiences.as_deref().unwrap(), ["api://orders"]);
    assert_eq!(provider.policy, policy);

    assert!(read_op(validation, &scopes).build().is_ok());

    let silent = read_op("{}", &[]);
    assert_eq!(silent.resource_scopes, None);
    let silent = only(silent);
    assert_eq!(silent.bearer_audiences, None);
    assert_eq!(silent.policy, AuthorizationPolicy::new());
}

#[test]
fn scopes_and_parameters_have_two_spellings() {
    let scope = |login: &str| {
        provider(&format!(r#"{{{REGISTRATION}, "login": {login}}}"#)).registration.scope()
    };

    assert_eq!(scope("{}"), "openid profile email");
    assert_eq!(scope(r#"{"scopes": []}"#), "openid profile email");
    assert_eq!(scope(r#"{"scopes": ["email"]}"#), "openid email");
    assert_eq!(scope(r#"{"scope": ["openid", "x"]}"#), "openid x");
    for spelling in ["loginParameterNames", "loginParameters"] {
        let login = format!(r#"{{{REGISTRATION}, "login": {{"{spelling}": ["a=b=c", "d="]}}}}"#);
        let expected = [("a", "b=c"), ("d", "")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(provider(&login).registration.login_parameters, expected);
    }
}

#[test]
fn the_method_of_authentication_is_the_files_or_left_to_the_metadata() {
    let method = |credential: &str| {
        let json = format!(
            r#"{{"registration": {{"clientId": "id", "clientCredential": {credential}, "openIdConnectConfiguration": {{"issuer": "https://op.example"}}}}}}"#
        );
        provider(&json).registration.client_authentication
    };

    assert_eq!(method("{}"), None);
    assert_eq!(method(r#"{"method": 0}"#), Some(ClientAuthentication::ClientSecretPost));
    let basic = r#"{"method": "ClientSecretBasic"}"#;
    assert_eq!(method(basic), Some(ClientAuthentication::ClientSecretBasic));
}

#[test]
fn a_provider_that_is_switched_off_or_not_registered_is_left_out() {
    for providers in [
        r#""customOpenIdConnectProviders": {"op": {"enabled": false, "registration": {"whatever": 1}}}"#,
        r#""customOpenIdConnectProviders": {"op": null}"#,
        r#""google": null"#,
        r#""google": {}"#,
        r#""google": {"enabled": false, "registration": {"clientId": "id"}}"#,
        r#""google": {"enabled": true, "registration": {}, "login": {}, "validation": {}}"#,
        r#""azureActiveDirectory": {"enabled": true, "registration": {"clientId": "", "openIdIssuer": null}, "login": {"disableWWWAuthenticate": false}}"#,
    ] {
        let json = format!(r#"{{"identityProviders": {{{providers}}}}}"#);
        assert!(read(&json, &[]).providers.is_empty(), "{providers}");
    }
}

#[test]
fn every_documented_setting_is_known() {
    let mut known_here: fn(&str) -> bool = is_known;
    let mut count = 0;
    for line in include_str!("settings.md").lines() {
        match line.split('|').nth(1).map(str::trim) {
            Some("Setting") => known_here = is_known,
            Some("Setting of a provider") => known_here = is_known_of_provider,
            Some("Setting of Azure's OpenID providers") => known_here = is_known_of_azures,
            Some("Setting of GitHub, Facebook or X") => known_here = is_known_of_social,
            Some("Setting of a plain OAuth 2.0 provider") => known_here = is_known_of_plain,
            _ => {}
        }
        let names = line.strip_prefix("| `").and_then(|row| row.split('|').next());
        for name in names.into_iter().flat_map(|names| names.split(',')) {
            let name = name.trim().trim_matches('`').replace("<name>", "op");
            assert!(known_here(&name), "{name}");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// Whether the setting `name` is known, by giving it a value that nothing may have.
fn is_known(name: &str) -> bool {
    let problem = |error: ConfigError| error.to_string().replace(name, "");
    let read = ConfigBuilder::from_auth_json_in(&wrong(name), |_| None);
    read.is_err_and(|error| error.setting() == name && !problem(error).starts_with(": unknown"))
}

fn is_known_of_provider(name: &str) -> bool {
    let setting = wrong(name);
    let members = setting.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    let provider = match members.strip_prefix(r#""registration": {"#) {
        Some(_) if name.ends_with("clientId") => members.to_owned(),
        Some(rest) => format!(r#""registration": {{"clientId": "id", {rest}"#),
        None => format!("{REGISTRATION}, {members}"),
    };
    let json = format!(
        r#"{{"identityProviders": {{"openIdConnectProviders": {{"op": {{{provider}}}}}}}}}"#
    );
    let path = format!("identityProviders.openIdConnectProviders.op.{name}");
    let read = ConfigBuilder::from_auth_json_in(&json, |name| {
        (name == "OP_AUTHENTICATION_SECRET").then(|| "s".to_owned())
    });
    read.is_err_and(|error| error.setting() == path && !error.to_string().contains(": unknown"))
}

/// Azure's own providers each have a registration that other members stand beside.
fn is_known_of_azures(name: &str) -> bool {
    let (provider, member) = name.split_once('.').unwrap();
    let issuer = provider == "azureActiveDirectory" && !member.ends_with("openIdIssuer");
    let issuer = if issuer { r#""openIdIssuer": "https://sts.windows.net/x/","# } else { "" };
    let setting = wrong(member).replace("[[]]", "[[0]]");
    let members = setting.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    let all = match members.strip_prefix(r#""registration": {"#) {
        Some(inner) if member.ends_with("clientId") => {
            format!(r#""registration": {{{issuer} {inner}"#)
        }
        Some(inner) => format!(r#""registration": {{{issuer} "clientId": "id", {inner}"#),
        None => format!(r#""registration": {{{issuer} "clientId": "id"}}, {members}"#),
    };
    let json = format!(r#"{{"identityProviders": {{"{provider}": {{{all}}}}}}}"#);
    let path = format!("identityProviders.{provider}.{member}");
    let read = ConfigBuilder::from_auth_json_in(&json, |name| {
        name.ends_with("SECRET").then(|| "s".to_owned())
    });
    read.is_err_and(|error| error.setting() == path && !error.to_string().contains(": unknown"))
}

/// GitHub, Facebook and X each have a registration that other members stand beside.
fn is_known_of_social(name: &str) -> bool {
    let (provider, member) = name.split_once('.').unwrap();
    let id = match provider {
        "gitHub" => "clientId",
        "facebook" => "appId",
        _ => "consumerKey",
    };
    known_beside(&format!("identityProviders.{provider}"), member, id, "")
}

fn is_known_of_plain(name: &str) -> bool {
    let endpoints = r#""protocol": "oauth2", "endpoints": {"authorization": "https://a.example",
        "token": "https://t.example", "userInfo": "https://u.example"},"#;
    let rest = if name.starts_with("endpoints") { r#""protocol": "oauth2","# } else { endpoints };
    let rest = if name == "protocol" { "" } else { rest };
    known_beside("easyauth.providers.op", name, "clientId", rest)
}

/// Whether `member` of `provider` is known, beside a registration under `id` and `rest`.
fn known_beside(provider: &str, member: &str, id: &str, rest: &str) -> bool {
    let setting = wrong(member);
    let members = setting.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
    let all = match members.strip_prefix(r#""registration": {"#) {
        // A registration without any value would count as none.
        Some(inner) if member.ends_with(id) => {
            format!(r#"{rest} "registration": {{"other": true, {inner}"#)
        }
        Some(inner) => format!(r#"{rest} "registration": {{"{id}": "id", {inner}"#),
        None => format!(r#"{rest} "registration": {{"{id}": "id"}}, {members}"#),
    };
    let json = provider
        .rsplit('.')
        .fold(format!("{{{all}}}"), |value, name| format!(r#"{{"{name}": {value}}}"#));
    let path = format!("{provider}.{member}");
    let read = ConfigBuilder::from_auth_json_in(&json, |name| {
        name.ends_with("_SECRET").then(|| "s".to_owned())
    });
    read.is_err_and(|error| {
        let inside = error.setting() == path || error.setting().starts_with(&format!("{path}."));
        inside && !error.to_string().contains(": unknown")
    })
}

/// The file in which the setting `name` has a value that nothing may have.
fn wrong(name: &str) -> String {
    name.rsplit('.').fold("[[]]".to_owned(), |value, member| format!(r#"{{"{member}": {value}}}"#))
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        "-?[1-9][0-9]{0,20}(\\.[0-9]{1,3})?(e[0-9]{1,3})?",
        prop_oneof!["[a-zA-Z0-9:./=]{0,12}", "[0-9]{1,9}[.:][0-9]{2}:[0-9]{2}:[0-9]{2}"]
            .prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let name = prop::sample::select(NAMES.to_vec());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

const NAMES: [&str; 24] = [
    "properties",
    "easyauth",
    "platform",
    "enabled",
    "globalValidation",
    "excludedPaths",
    "identityProviders",
    "customOpenIdConnectProviders",
    "google",
    "registration",
    "clientId",
    "clientCredential",
    "openIdConnectConfiguration",
    "issuer",
    "login",
    "scopes",
    "tokenStore",
    "tokenRefreshExtensionHours",
    "cookieExpiration",
    "timeToExpiration",
    "convention",
    "session",
    "providers",
    "öther\\n",
];

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,64}") {
        let _ = ConfigBuilder::from_auth_json_in(&text, |_| None);
    }

    #[test]
    fn no_json_panics(json in any_value(), set in ".{0,12}") {
        let read = ConfigBuilder::from_auth_json_in(&json, |_| Some(set.clone()));
        let _ = read.and_then(ConfigBuilder::build);
        let read = ConfigBuilder::from_auth_json_in(&json, |_| None);
        let _ = read.and_then(ConfigBuilder::build);
    }
}
