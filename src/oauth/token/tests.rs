use super::super::authorization::{AuthorizationResponse, VerifiedResponse};
use super::super::discovery::IssParameter;
use super::*;
use crate::pending_login::{Landing, LoginId, PendingLogin};
use crate::principal::{Issuer, ProviderId};

const NOW: Timestamp = Timestamp::from_unix(1_000);

fn parse(status: u16, kind: &str, body: &str) -> Result<TokenSet, TokenError> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    TokenResponse::parse(&response, NOW).map(|response| response.tokens)
}

fn json(body: &str) -> Result<TokenSet, TokenError> {
    parse(200, "application/json", body)
}

#[test]
fn the_odd_answers_of_real_providers_are_read_as_they_are_meant() {
    for (kind, body) in [
        ("application/json", r#"{"access_token":"a","token_type":"Bearer","expires_in":3600}"#),
        ("application/json", r#"{"access_token":"a","token_type":"BEARER","expires_in":"3600"}"#),
        ("application/json", r#"{"access_token":"a","expires_in":3600.0}"#),
        ("text/javascript", r#"{"access_token":"a","token_type":"bearer","expires_in":3600}"#),
        ("application/x-www-form-urlencoded", "access_token=a&expires_in=3600&token_type=bearer"),
        ("text/plain; charset=utf-8", "access_token=a&expires_in=3600"),
    ] {
        let tokens = parse(200, kind, body).unwrap();
        assert!(tokens.access_token.unwrap().matches("a"), "{body}");
        assert_eq!(tokens.expires_at, Some(Timestamp::from_unix(4_600)), "{body}");
    }
    let created = parse(201, "application/json", r#"{"access_token":"a"}"#).unwrap();
    assert_eq!(created.expires_at, None);
    let scoped = json(r#"{"access_token":"a","scope":"repo,gist user","refresh_token":""}"#);
    let scoped = scoped.unwrap();
    assert_eq!(scoped.scope.as_deref(), Some("repo gist user"));
    assert!(scoped.refresh_token.is_none());
}

#[test]
fn an_error_is_an_error_under_any_status() {
    let refused = Some(TokenError::Refused("bad_verification_code".to_owned()));
    let error = r#"{"error":"bad_verification_code","access_token":"a"}"#;

    assert_eq!(parse(200, "application/json", error).err(), refused);
    assert_eq!(parse(400, "application/json", error).err(), refused);
    let form = "error=bad_verification_code&error_description=x";
    assert_eq!(parse(200, "application/x-www-form-urlencoded", form).err(), refused);
    for (body, status) in [("", 503), ("<html>", 500), ("{}", 401), ("{", 302)] {
        let expected = TokenError::Status(StatusCode::from_u16(status).unwrap());
        assert_eq!(parse(status, "text/html", body).err(), Some(expected), "{status}");
    }
    let hostile = json(r#"{"error":"<script>alert(1)</script>\r\n"}"#).err();
    assert_eq!(hostile, Some(TokenError::Refused("scriptalert1script".to_owned())));
}

#[test]
fn oa_03_wrong_types_and_impossible_lifetimes_are_refused() {
    for (body, expected) in [
        ("{}", TokenError::Member("access_token")),
        (r#"{"access_token":""}"#, TokenError::Member("access_token")),
        (r#"{"access_token":1}"#, TokenError::Member("access_token")),
        (r#"{"access_token":["a"]}"#, TokenError::Member("access_token")),
        (r#"{"access_token":"a","refresh_token":{}}"#, TokenError::Member("refresh_token")),
        (r#"{"access_token":"a","id_token":true}"#, TokenError::Member("id_token")),
        (r#"{"access_token":"a","expires_in":-1}"#, TokenError::Member("expires_in")),
        (r#"{"access_token":"a","expires_in":1e300}"#, TokenError::Member("expires_in")),
        (r#"{"access_token":"a","expires_in":"soon"}"#, TokenError::Member("expires_in")),
        (r#"{"access_token":"a","expires_in":"NaN"}"#, TokenError::Member("expires_in")),
        (r#"{"access_token":"a","expires_in":[]}"#, TokenError::Member("expires_in")),
        ("[]", TokenError::Malformed),
        ("<html>", TokenError::Malformed),
        (r#"{"access_token":"a""#, TokenError::Malformed),
        (r#"{"access_token":"a","access_token":"b"}"#, TokenError::Malformed),
    ] {
        assert_eq!(json(body).err(), Some(expected), "{body}");
    }
    let doubled = parse(200, "text/plain", "access_token=a&access_token=b");
    assert_eq!(doubled.err(), Some(TokenError::Malformed));
}

#[test]
fn oc_17_a_token_that_is_no_bearer_token_is_refused() {
    for kind in [r#""mac""#, r#""DPoP""#, r#""""#, "1", "[]"] {
        let body = format!(r#"{{"access_token":"a","token_type":{kind}}}"#);
        assert_eq!(json(&body).err(), Some(TokenError::TokenType), "{kind}");
    }
}

fn code() -> Box<VerifiedCode> {
    let pending = PendingLogin {
        id: LoginId::new(NOW, [0; 8]),
        provider: ProviderId::parse("op").unwrap(),
        issuer: Issuer::new("https://op.example"),
        state: "state".into(),
        nonce: "nonce".into(),
        code_verifier: "verifier-of-at-least-forty-three-characters-ok".into(),
        landing: Landing::default(),
        started_at: NOW,
        max_age: None,
        request_token: None,
        replaces: None,
    };
    let response = AuthorizationResponse::parse(b"code=c%26d&state=state").unwrap();
    let Ok(VerifiedResponse::Code(code)) = response.verify(pending, IssParameter::Possible) else {
        panic!()
    };
    code
}

fn redeem_as(credential: Credential) -> Request<Bytes> {
    let client = Client { id: "web app", credential };
    let endpoint = Url::parse("https://op.example/token?p=policy").unwrap();
    redeem(&endpoint, &client, "https://app.example/.auth/login/op/callback", &code(), true)
        .unwrap()
}

#[test]
fn oa_01_the_client_proves_itself_in_one_way_and_its_secret_is_encoded() {
    let basic = redeem_as(Credential::Basic("p:%+ é".into()));
    let post = redeem_as(Credential::Post("p:%+ é".into()));
    let body = |request: &Request<Bytes>| String::from_utf8(request.body().to_vec()).unwrap();

    // base64 of `web+app:p%3A%25%2B+%C3%A9`
    assert_eq!(
        basic.headers()[header::AUTHORIZATION],
        "Basic d2ViK2FwcDpwJTNBJTI1JTJCKyVDMyVBOQ=="
    );
    assert!(!body(&basic).contains("secret"));
    assert!(!post.headers().contains_key(header::AUTHORIZATION));
    assert!(body(&post).contains("client_id=web+app&client_secret=p%3A%25%2B+%C3%A9"));
    assert_eq!(post.uri(), "https://op.example/token?p=policy");
}

#[test]
fn oa_02_the_code_is_redeemed_with_its_verifier_and_the_same_redirect_uri() {
    let request = redeem_as(Credential::Post("p:%+ é".into()));
    let sent: Vec<_> = form_urlencoded::parse(request.body()).into_owned().collect();
    let value = |name: &str| sent.iter().find(|(sent, _)| sent == name).unwrap().1.as_str();

    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(value("grant_type"), "authorization_code");
    assert_eq!(value("code"), "c&d");
    assert_eq!(value("code_verifier"), "verifier-of-at-least-forty-three-characters-ok");
    assert_eq!(value("redirect_uri"), "https://app.example/.auth/login/op/callback");
}

#[test]
fn a_refresh_names_the_refresh_token_and_no_scopes() {
    let client = Client { id: "web", credential: Credential::Post("secret".into()) };
    let endpoint = Url::parse("https://op.example/token").unwrap();
    let request = refresh(&endpoint, &client, &"r+t".into()).unwrap();

    assert_eq!(
        request.body(),
        "grant_type=refresh_token&refresh_token=r%2Bt&client_id=web&client_secret=secret"
    );
}

#[test]
fn a_statement_of_who_we_are_goes_beside_the_id_and_no_secret_does() {
    let client = Client { id: "web", credential: Credential::Assertion("a.b.c".into()) };
    let endpoint = Url::parse("https://op.example/token").unwrap();
    let statement = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
                     client-assertion-type%3Ajwt-bearer&client_assertion=a.b.c";
    let refreshed = refresh(&endpoint, &client, &"r".into()).unwrap();
    let redeemed = redeem(&endpoint, &client, "https://app.example/cb", &code(), true).unwrap();

    for request in [refreshed, redeemed] {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(body.contains("client_id=web") && body.contains(statement), "{body}");
        assert!(!body.contains("client_secret"), "{body}");
        assert!(!request.headers().contains_key(header::AUTHORIZATION));
    }
}
