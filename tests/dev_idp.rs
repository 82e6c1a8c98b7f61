//! The development provider, over HTTP: what it grants, and what it refuses like a strict one.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that goes wrong says so by a panic"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use easyauth::clock::{Clock, Timestamp};
use easyauth::dev_idp::{DevIdp, DevIdpBuilder, DevUser};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use url::Url;

/// A browser and an application in one: it keeps cookies and follows nothing.
struct Visitor {
    idp: DevIdp,
    cookies: Vec<(String, String)>,
}

/// An answer, read.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Visitor {
    async fn of(builder: DevIdpBuilder) -> Self {
        Self { idp: builder.start().await.unwrap(), cookies: Vec::new() }
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; ")).body(Body::from(body));
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let response: Response<_> = client.request(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body: Bytes = body.collect().await.unwrap().to_bytes();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&mut self, path: &str, query: &[(&str, &str)]) -> Answer {
        let mut url = Url::parse(&format!("{}{path}", self.idp.issuer())).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        self.send(Request::get(url.as_str()), String::new()).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = Request::post(format!("{}{path}", self.idp.issuer()))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send(request, body).await
    }

    /// `/authorize` with a good request, changed by `changes`; an empty value removes.
    async fn authorize(&mut self, changes: &[(&str, &str)]) -> Answer {
        let challenge = challenge(VERIFIER);
        let mut query = vec![
            ("client_id", "quickstart"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile email offline_access"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in changes {
            query.retain(|(known, _)| known != name);
            query.push((name, value));
        }
        query.retain(|(_, value)| !value.is_empty());
        self.get("/authorize", &query).await
    }

    async fn token(&mut self, fields: &[(&str, &str)]) -> Answer {
        let mut form = vec![("client_id", "quickstart"), ("client_secret", "quickstart")];
        form.extend_from_slice(fields);
        self.post("/token", &form).await
    }

    async fn redeem(&mut self, code: &str) -> Answer {
        let (grant, verifier) = (("grant_type", "authorization_code"), ("code_verifier", VERIFIER));
        self.token(&[grant, ("code", code), ("redirect_uri", CALLBACK), verifier]).await
    }

    async fn refresh(&mut self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn userinfo(&mut self, access_token: &str) -> Answer {
        let request = Request::get(format!("{}/userinfo", self.idp.issuer()))
            .header(header::AUTHORIZATION, format!("Bearer {access_token}"));
        self.send(request, String::new()).await
    }

    /// The tokens of a new sign-in as `alice`.
    async fn tokens(&mut self) -> Value {
        let code = self.authorize(&[("login_hint", "alice")]).await.parameter("code");
        self.redeem(&code).await.json()
    }
}

impl Answer {
    fn location(&self) -> Url {
        let location = self.headers.get(header::LOCATION).unwrap_or_else(|| panic!("{self:?}"));
        Url::parse(location.to_str().unwrap()).unwrap()
    }

    fn parameter(&self, name: &str) -> String {
        let location = self.location();
        let found = location.query_pairs().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no {name} in {location}")).1.into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    fn error(&self) -> String {
        text(&self.json(), "error")
    }

    /// The value of the hidden field `name`.
    fn field(&self, name: &str) -> String {
        let (_, rest) = self.body.split_once(&format!(r#"name="{name}" value=""#)).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn a_user_signs_in_on_the_page_and_the_client_gets_verifiable_tokens() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let page = visitor.authorize(&[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Chloé Çelik") && page.body.contains("Development provider"));
    assert!(page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("'sha256-"));
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");

    let interaction = page.field("interaction");
    let back = visitor.post("/sign-in", &[("interaction", &interaction), ("user", "bob")]).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER);
    assert!(back.location().as_str().starts_with(CALLBACK));
    assert_eq!(back.parameter("state"), "a state");
    assert_eq!(back.parameter("iss"), visitor.idp.issuer());

    let answer = visitor.redeem(&back.parameter("code")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let tokens = answer.json();
    assert_eq!(tokens["expires_in"], 300);
    let claims = verified_claims(&mut visitor, &text(&tokens, "id_token")).await;
    let hash = digest(&SHA256, text(&tokens, "access_token").as_bytes());
    assert_eq!(text(&claims, "at_hash"), URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    assert_eq!(claims["iss"], visitor.idp.issuer());
    assert_eq!(claims["aud"], "quickstart");
    assert_eq!(claims["nonce"], "a nonce");
    assert_eq!(claims["name"], "Bob Builder");
    assert_eq!(claims["preferred_username"], "bob");
    assert_eq!(claims["groups"], serde_json::json!(["engineering"]));
    for name in ["sub", "exp", "iat", "auth_time", "sid", "amr", "acr", "given_name", "roles"] {
        assert!(!claims[name].is_null(), "{name}");
    }

    let told = visitor.userinfo(&text(&tokens, "access_token")).await.json();
    assert_eq!(told["sub"], claims["sub"]);
    assert_eq!(told["email"], "bob@example.com");
}

/// The claims of an ID token whose signature fits the published key.
async fn verified_claims(visitor: &mut Visitor, token: &str) -> Value {
    let keys = visitor.get("/jwks", &[]).await.json();
    let key = &keys["keys"][0];
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&key["alg"], &key["kid"]));
    let point = [vec![4], decode(&text(key, "x")), decode(&text(key, "y"))].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    serde_json::from_slice(&decode(claims)).unwrap()
}

#[tokio::test]
async fn the_metadata_names_endpoints_that_exist() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;

    let metadata = visitor.get("/.well-known/openid-configuration", &[]).await.json();

    assert_eq!(metadata["issuer"], visitor.idp.issuer());
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    for (name, value) in metadata.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path =
                value.as_str().unwrap().strip_prefix(visitor.idp.issuer()).unwrap().to_owned();
            assert_ne!(visitor.get(&path, &[]).await.status, StatusCode::NOT_FOUND, "{name}");
        }
    }
}

#[tokio::test]
async fn a_code_is_good_only_with_its_verifier_its_redirect_uri_and_in_time() {
    let clock = ManualClock::default();
    let mut visitor = Visitor::of(DevIdp::builder().clock(clock.clone())).await;
    let code = visitor.authorize(&[("login_hint", "alice")]).await.parameter("code");
    let good = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for (name, wrong) in [
        ("code", "guessed"),
        ("code_verifier", "another-verifier-that-is-long-enough-for-the-rfc"),
        ("code_verifier", ""),
        ("redirect_uri", "http://127.0.0.1:8080/.auth/login/other/callback"),
        ("redirect_uri", ""),
    ] {
        let fields = good.map(|(known, value)| (known, if known == name { wrong } else { value }));
        let answer = visitor.token(&fields).await;
        assert_eq!((answer.status, answer.error().as_str()), BAD_GRANT, "{name}={wrong}");
    }

    clock.advance(60);
    assert_eq!(visitor.redeem(&code).await.error(), "invalid_grant");
    clock.advance(-1);
    assert_eq!(visitor.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_that_is_used_twice_takes_its_tokens_with_it() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let code = visitor.authorize(&[("login_hint", "alice")]).await.parameter("code");
    let tokens = visitor.redeem(&code).await.json();

    let second = visitor.redeem(&code).await;

    assert_eq!((second.status, second.error().as_str()), BAD_GRANT);
    assert_eq!(visitor.refresh(&text(&tokens, "refresh_token")).await.error(), "invalid_grant");
    let told = visitor.userinfo(&text(&tokens, "access_token")).await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn refresh_tokens_rotate_and_an_old_one_ends_the_grant() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let first = text(&visitor.tokens().await, "refresh_token");

    let refreshed = visitor.refresh(&first).await.json();
    let second = text(&refreshed, "refresh_token");
    let claims = verified_claims(&mut visitor, &text(&refreshed, "id_token")).await;
    assert_ne!(first, second);
    assert!(claims["nonce"].is_null());

    let reused = visitor.refresh(&first).await;
    assert_eq!((reused.status, reused.error().as_str()), BAD_GRANT);
    assert_eq!(visitor.refresh(&second).await.error(), "invalid_grant");
}

#[tokio::test]
async fn refresh_tokens_are_given_only_for_offline_access() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let changes = [("login_hint", "alice"), ("scope", "openid")];
    let code = visitor.authorize(&changes).await.parameter("code");

    let tokens = visitor.redeem(&code).await.json();

    assert!(tokens["refresh_token"].is_null());
    let told = visitor.userinfo(&text(&tokens, "access_token")).await.json();
    assert!(told["name"].is_null() && told["email"].is_null() && !told["sub"].is_null());
}

#[tokio::test]
async fn an_access_token_lives_as_long_as_was_set() {
    let clock = ManualClock::default();
    let builder = DevIdp::builder().access_token_lifetime(Duration::from_secs(5));
    let mut visitor = Visitor::of(builder.clock(clock.clone())).await;
    let tokens = visitor.tokens().await;
    let access_token = text(&tokens, "access_token");
    assert_eq!(tokens["expires_in"], 5);

    clock.advance(4);
    assert_eq!(visitor.userinfo(&access_token).await.status, StatusCode::OK);
    clock.advance(1);
    let refused = visitor.userinfo(&access_token).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("invalid_token"));
}

#[tokio::test]
async fn only_the_client_with_its_secret_gets_tokens() {
    let client = "a client+:%";
    let mut visitor = Visitor::of(DevIdp::builder().client(client, "s&cret:%")).await;
    let url = format!("{}/token", visitor.idp.issuer());
    for (credentials, expected) in [
        ("a+client%2B%3A%25:s%26cret%3A%25", "unsupported_grant_type"),
        ("a+client%2B%3A%25:wrong", "invalid_client"),
        ("quickstart:quickstart", "invalid_client"),
    ] {
        let basic = base64::engine::general_purpose::STANDARD.encode(credentials);
        let request = Request::post(&url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, format!("Basic {basic}"));
        let answer = visitor.send(request, "grant_type=password".to_owned()).await;
        assert_eq!(answer.error(), expected, "{credentials}");
    }

    let wrong = visitor.post("/token", &[("client_id", client), ("client_secret", "x")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.headers.contains_key(header::WWW_AUTHENTICATE));
}

#[tokio::test]
async fn faulty_requests_go_back_to_the_application_with_their_error() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    for (changes, error) in [
        (&[("prompt", "none")][..], "login_required"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "dance")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("scope", "profile")], "invalid_scope"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("request", "e30.e30.")], "request_not_supported"),
        (&[("request_uri", "https://evil.example")], "request_uri_not_supported"),
    ] {
        let answer = visitor.authorize(changes).await;
        assert_eq!(answer.parameter("error"), error, "{changes:?}");
        assert_eq!(answer.parameter("state"), "a state");
        assert_eq!(answer.parameter("iss"), visitor.idp.issuer());
    }
}

#[tokio::test]
async fn an_untrusted_address_is_shown_a_page_and_never_redirected_to() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    for change in [
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1.evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1@evil.example/callback"),
        ("redirect_uri", "http://me@127.0.0.1/callback"),
        ("redirect_uri", "http://127.0.0.1/callback#fragment"),
        ("redirect_uri", "http://127.0.0.1/elsewhere"),
        ("redirect_uri", "javascript://127.0.0.1/callback"),
        ("redirect_uri", "/callback"),
        ("redirect_uri", ""),
        ("client_id", "another"),
        ("client_id", ""),
    ] {
        let answer = visitor.authorize(&[("login_hint", "alice"), change]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change:?}");
        assert!(!answer.headers.contains_key(header::LOCATION), "{change:?}");
        assert!(!answer.headers.contains_key(header::SET_COOKIE), "{change:?}");
        assert!(answer.body.contains("<h1>This does not work</h1>"));
    }
}

#[tokio::test]
async fn an_answer_by_form_post_is_an_escaped_form() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let state = r#""><script>alert(1)</script>"#;
    let changes = [("login_hint", "alice"), ("response_mode", "form_post"), ("state", state)];

    let answer = visitor.authorize(&changes).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains(&format!(r#"<form method="post" action="{CALLBACK}">"#)));
    assert!(!answer.body.contains("<script>alert"));
    assert_eq!(answer.field("iss"), visitor.idp.issuer());
    let code = answer.field("code");
    assert_eq!(visitor.redeem(&code).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_page_remembers_who_signed_in_until_asked_to_forget() {
    let clock = ManualClock::default();
    let mut visitor = Visitor::of(DevIdp::builder().clock(clock.clone())).await;
    visitor.authorize(&[("login_hint", "BOB@example.com")]).await.parameter("code");

    clock.advance(100);
    for (changes, asks) in [
        (&[][..], false),
        (&[("prompt", "none")], false),
        (&[("max_age", "101")], false),
        (&[("max_age", "100")], true),
        (&[("prompt", "login")], true),
        (&[("prompt", "select_account")], true),
        (&[("prompt", "select_account"), ("login_hint", "bob")], true),
        (&[("login_hint", "nobody")], false),
    ] {
        let answer = visitor.authorize(changes).await;
        assert_eq!(answer.status == StatusCode::OK, asks, "{changes:?}");
    }
    let other = visitor.authorize(&[("prompt", "none"), ("login_hint", "alice")]).await;
    assert_eq!(other.parameter("error"), "login_required");

    let target = [("post_logout_redirect_uri", "http://localhost:8080/bye?a=b"), ("state", "s")];
    let bye = visitor.get("/end_session", &target).await;
    assert_eq!(bye.location().as_str(), "http://localhost:8080/bye?a=b&state=s");
    assert_eq!(visitor.authorize(&[]).await.status, StatusCode::OK);
    let foreign = [("post_logout_redirect_uri", "https://evil.example/")];
    assert_eq!(visitor.get("/end_session", &foreign).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(visitor.get("/end_session", &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_sign_in_form_is_good_once_and_only_in_the_browser_that_got_it() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let interaction = visitor.authorize(&[]).await.field("interaction");
    let form = [("interaction", interaction.as_str()), ("user", "alice")];

    let own_cookies = std::mem::take(&mut visitor.cookies);
    assert_eq!(visitor.post("/sign-in", &form).await.status, StatusCode::BAD_REQUEST);
    assert!(visitor.cookies.is_empty());

    visitor.cookies = own_cookies;
    assert_eq!(visitor.post("/sign-in", &form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(visitor.post("/sign-in", &form).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_user_can_decline() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let interaction = visitor.authorize(&[]).await.field("interaction");

    let back = visitor.post("/sign-in", &[("interaction", &interaction), ("cancel", "yes")]).await;

    assert_eq!(back.parameter("error"), "access_denied");
}

#[tokio::test]
async fn a_revoked_token_ends_its_grant() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let tokens = visitor.tokens().await;
    let refresh_token = text(&tokens, "refresh_token");
    let client = [("client_id", "quickstart"), ("client_secret", "quickstart")];

    let unknown = visitor.post("/revoke", &[client[0], client[1], ("token", "unknown")]).await;
    assert_eq!(unknown.status, StatusCode::OK);
    let stranger = visitor.post("/revoke", &[("token", &refresh_token)]).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let revoked = visitor.post("/revoke", &[client[0], client[1], ("token", &refresh_token)]).await;
    assert_eq!(revoked.status, StatusCode::OK);

    assert_eq!(visitor.refresh(&refresh_token).await.error(), "invalid_grant");
}

#[tokio::test]
async fn headless_tests_see_no_page_and_bring_their_own_users() {
    let mallory = DevUser::new("mallory", "<script>alert(1)</script>")
        .claim("email", "m@evil.example")
        .claim("sub", "forged");
    let builder = DevIdp::builder().user(mallory.clone()).sign_in_automatically_as("mallory");
    let mut visitor = Visitor::of(builder).await;

    let code = visitor.authorize(&[("prompt", "none")]).await.parameter("code");
    let tokens = visitor.redeem(&code).await.json();
    let told = visitor.userinfo(&text(&tokens, "access_token")).await.json();
    assert_eq!(told["email"], "m@evil.example");
    assert_ne!(told["sub"], "forged");

    let mut visitor = Visitor::of(DevIdp::builder().user(mallory)).await;
    let page = visitor.authorize(&[]).await.body;
    assert!(!page.contains("<script>") && !page.contains("Alice"));
}

#[tokio::test]
async fn it_starts_nowhere_but_on_loopback_and_says_why() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let address: SocketAddr = address.parse().unwrap();
        let error = DevIdp::builder().address(address).start().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("loopback only"), "{error}");
    }
    let error = DevIdp::builder().sign_in_automatically_as("nobody").start().await.unwrap_err();
    assert!(error.to_string().starts_with("sign_in_automatically_as"), "{error}");
}

#[tokio::test]
async fn a_foreign_name_for_this_computer_gets_no_answer() {
    let mut visitor = Visitor::of(DevIdp::builder()).await;
    let url = format!("{}/jwks", visitor.idp.issuer());
    for (host, status) in [
        ("localhost:1234", StatusCode::OK),
        ("[::1]", StatusCode::OK),
        ("rebound.evil.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let request = Request::get(&url).header(header::HOST, host);
        assert_eq!(visitor.send(request, String::new()).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn it_stops_when_dropped_and_tells_only_its_issuer() {
    let idp = DevIdp::builder().client("id", "hunter2").start().await.unwrap();
    let issuer = idp.issuer().to_owned();
    assert_eq!(format!("{idp:?}"), format!("DevIdp {{ issuer: {issuer:?}, .. }}"));
    let address = issuer.strip_prefix("http://").unwrap().to_owned();
    tokio::net::TcpStream::connect(&address).await.unwrap();

    drop(idp);

    let refused = async { while tokio::net::TcpStream::connect(&address).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("it still listens");
}

/// A clock that stands still until it is told to go.
#[derive(Clone, Debug, Default)]
struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_700_000_000 + self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

const CALLBACK: &str = "http://127.0.0.1:8080/.auth/login/dev/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-standard";
const BAD_GRANT: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "invalid_grant");
