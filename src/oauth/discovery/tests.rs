use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

const ISSUER: &str = "https://idp.example/tenant";

fn document() -> Json {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://idp.example/authorize?p=signin",
        "token_endpoint": "https://idp.example/token",
        "jwks_uri": "https://keys.idp.example/keys",
    })
}

fn document_with(name: &str, value: Json) -> Json {
    let mut document = document();
    document[name] = value;
    document
}

fn parse_bytes(document: &[u8]) -> Result<Metadata, DiscoveryError> {
    Metadata::parse(document, |issuer| issuer.as_str() == ISSUER)
}

fn parse(document: &Json) -> Result<Metadata, DiscoveryError> {
    parse_bytes(document.to_string().as_bytes())
}

#[test]
fn di_01_the_well_known_path_follows_the_issuer() {
    for (issuer, expected) in [
        ("https://idp.example", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/", "https://idp.example/.well-known/openid-configuration"),
        ("https://idp.example/a/b", "https://idp.example/a/b/.well-known/openid-configuration"),
        ("https://idp.example/a/", "https://idp.example/a/.well-known/openid-configuration"),
        (
            "https://idp.example:8443/a",
            "https://idp.example:8443/a/.well-known/openid-configuration",
        ),
        ("http://localhost:9/a", "http://localhost:9/a/.well-known/openid-configuration"),
        ("http://127.0.0.1", "http://127.0.0.1/.well-known/openid-configuration"),
        ("http://[::1]:80/", "http://[::1]/.well-known/openid-configuration"),
    ] {
        assert_eq!(metadata_url(&Issuer::new(issuer)).unwrap().as_str(), expected);
    }
}

#[test]
fn di_01_what_is_no_issuer_has_no_metadata() {
    for issuer in [
        "",
        "idp.example",
        "/tenant",
        "https://",
        "https:idp.example",
        "https:///idp.example",
        "http://idp.example",
        "http://localhost.evil.example",
        "http://128.0.0.1",
        "http://10.0.0.1",
        "ftp://idp.example",
        "file:///etc/passwd",
        "https://user@idp.example",
        "https://user:password@idp.example",
        "https://@idp.example",
        "https://idp.example?a=b",
        "https://idp.example?",
        "https://idp.example#a",
        "https://idp.example#",
        " https://idp.example",
        "https://idp.example\n",
        "https://idp\t.example",
        "https:\\\\idp.example",
        "https://idp.example\\tenant",
    ] {
        assert_eq!(metadata_url(&Issuer::new(issuer)), Err(DiscoveryError::Issuer), "{issuer:?}");
    }
}

#[test]
fn di_02_a_document_of_another_issuer_is_refused_whole() {
    for other in [
        json!("https://idp.example/tenant/"),
        json!("https://idp.example/Tenant"),
        json!("https://IDP.example/tenant"),
        json!("https://idp.example:443/tenant"),
        json!("http://idp.example/tenant"),
        json!("https://idp.example/other"),
        json!("https://idp.example/{tenantid}"),
        json!([ISSUER]),
        Json::Null,
    ] {
        let verdict = parse(&document_with("issuer", other.clone()));
        assert_eq!(verdict.unwrap_err(), DiscoveryError::IssuerMismatch, "{other}");
    }
}

#[test]
fn di_04_every_address_is_https() {
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "userinfo_endpoint",
        "end_session_endpoint",
        "revocation_endpoint",
    ] {
        for address in [
            json!("http://idp.example/x"),
            json!("http://localhost/x"),
            json!("http://169.254.169.254/latest/meta-data"),
            json!("ftp://idp.example/x"),
            json!("javascript:alert(1)"),
            json!("data:text/html,x"),
            json!("/relative"),
            json!("//idp.example/x"),
            json!("https://user@idp.example/x"),
            json!("https://:password@idp.example/x"),
            json!("https://@idp.example/x"),
            json!("https://idp.example/x#fragment"),
            json!("https://idp.example/x#"),
            json!("https://idp.example/\nx"),
            json!("https:\\\\idp.example/x"),
            json!("https://idp.example\\x"),
            json!("https://idp.example:99999/x"),
            json!("https://idp.exämple/x"),
            json!(""),
            json!(7),
            json!(["https://idp.example/x"]),
        ] {
            let verdict = parse(&document_with(name, address.clone()));
            assert_eq!(verdict.unwrap_err(), DiscoveryError::Endpoint(name), "{address}");
        }
        assert!(parse(&document_with(name, json!("https://other.example:8443/x?a=b"))).is_ok());
    }
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let verdict = parse(&document_with(name, Json::Null));
        assert_eq!(verdict.unwrap_err(), DiscoveryError::Endpoint(name));
    }
}

#[test]
fn an_issuer_on_loopback_may_use_plain_http_there_and_nowhere_else() {
    let issuer = Issuer::new("http://127.0.0.1:9000");
    let with_token = |endpoint: &str| {
        let mut document = document_with("issuer", json!("http://127.0.0.1:9000"));
        document["token_endpoint"] = json!(endpoint);
        Metadata::parse(document.to_string().as_bytes(), |named| *named == issuer)
    };

    assert!(with_token("http://127.0.0.1:9000/token").is_ok());
    assert!(with_token("http://[::1]:9000/token").is_ok());
    assert!(with_token("http://localhost:9000/token").is_ok());
    let verdict = with_token("http://idp.example/token");
    assert_eq!(verdict.unwrap_err(), DiscoveryError::Endpoint("token_endpoint"));
}

#[test]
fn di_04_size_depth_and_form_are_bounded() {
    let parse = |bytes: &[u8]| parse_bytes(bytes).unwrap_err();
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(40), "]".repeat(40));
    let twice = document().to_string().replacen('{', r#"{"issuer":"https://idp.example","#, 1);

    assert_eq!(parse(&vec![b' '; 256 * 1024 + 1]), DiscoveryError::TooLarge);
    assert_eq!(parse(deep.as_bytes()), DiscoveryError::Json(JsonError::TooDeep));
    assert_eq!(parse(twice.as_bytes()), DiscoveryError::Json(JsonError::DuplicateMember));
    assert_eq!(parse(b"<html>"), DiscoveryError::Json(JsonError::Malformed));
    assert_eq!(parse(b"[]"), DiscoveryError::Json(JsonError::NotAnObject));
}

#[test]
fn di_06_what_the_provider_does_not_promise_is_not_assumed() {
    let silent = parse(&document()).unwrap().capabilities;
    assert_eq!(silent.authorization_response_iss, IssParameter::Possible);
    assert_eq!(silent.public_signing_algorithms(), [Algorithm::Rs256]);
    assert_eq!(silent.symmetric_signing_algorithms(), [Algorithm::Hs256]);

    for (flag, iss) in [(true, IssParameter::Promised), (false, IssParameter::Possible)] {
        let document = document_with("authorization_response_iss_parameter_supported", json!(flag));
        assert_eq!(parse(&document).unwrap().capabilities.authorization_response_iss, iss);
    }
}

#[test]
fn oa_07_a_provider_that_wants_other_challenges_than_s256_is_refused() {
    for (methods, verdict) in [
        (json!(["S256"]), Ok(())),
        (json!(["plain", "S256"]), Ok(())),
        (json!([]), Ok(())),
        (Json::Null, Ok(())),
        (json!(["plain"]), Err(DiscoveryError::NoS256)),
        (json!(["s256"]), Err(DiscoveryError::NoS256)),
    ] {
        let document = document_with("code_challenge_methods_supported", methods);
        assert_eq!(parse(&document).map(drop), verdict, "{document}");
    }
}

#[test]
fn oc_09_algorithms_of_published_keys_and_of_shared_secrets_never_mix() {
    let names = json!(["none", "HS256", "ES256", "RS256", "ES512", "EdDSA"]);
    let document = document_with("id_token_signing_alg_values_supported", names);

    let capabilities = parse(&document).unwrap().capabilities;

    let public = [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];
    assert_eq!(capabilities.public_signing_algorithms(), public);
    assert_eq!(capabilities.symmetric_signing_algorithms(), [Algorithm::Hs256]);
}

#[test]
fn a_member_of_the_wrong_type_is_named() {
    for (name, value) in [
        ("code_challenge_methods_supported", json!("S256")),
        ("code_challenge_methods_supported", json!([1])),
        ("token_endpoint_auth_methods_supported", json!({})),
        ("id_token_signing_alg_values_supported", json!(true)),
        ("authorization_response_iss_parameter_supported", json!("true")),
        ("authorization_response_iss_parameter_supported", json!(1)),
    ] {
        let verdict = parse(&document_with(name, value));
        assert_eq!(verdict.unwrap_err(), DiscoveryError::Member(name));
    }
}

#[test]
fn optional_members_are_read() {
    let mut document = document_with("userinfo_endpoint", json!("https://idp.example/me"));
    document["end_session_endpoint"] = json!("https://idp.example/logout");
    document["revocation_endpoint"] = json!("https://idp.example/revoke");

    let Metadata { issuer, endpoints, .. } = parse(&document).unwrap();

    assert_eq!(issuer.as_str(), ISSUER);
    assert_eq!(endpoints.authorization.as_str(), "https://idp.example/authorize?p=signin");
    assert_eq!(endpoints.userinfo.unwrap().path(), "/me");
    assert_eq!(endpoints.end_session.unwrap().path(), "/logout");
    assert_eq!(endpoints.revocation.unwrap().path(), "/revoke");
}

#[test]
fn configured_endpoints_obey_the_same_rules() {
    let Metadata { issuer, endpoints, capabilities } = parse(&document()).unwrap();
    let assemble = |endpoints| Metadata::assemble(issuer.clone(), endpoints, capabilities.clone());

    assert!(assemble(endpoints.clone()).is_ok());
    let userinfo = Some(Url::parse("http://idp.example/me").unwrap());
    let verdict = assemble(Endpoints { userinfo, ..endpoints });
    assert_eq!(verdict.unwrap_err(), DiscoveryError::Endpoint("userinfo_endpoint"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(document in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse_bytes(&document).is_err());
    }

    #[test]
    fn arbitrary_issuers_and_addresses_never_panic(text in ".{0,60}", tail in "[ -~]{0,40}") {
        for text in [text, format!("https://{tail}"), format!("http://{tail}")] {
            if let Ok(url) = metadata_url(&Issuer::new(&text)) {
                prop_assert!(url.path().ends_with("/.well-known/openid-configuration"));
            }
            let _ = parse(&document_with("token_endpoint", json!(text)));
        }
    }
}
