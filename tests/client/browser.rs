//! Signing in in a browser: what it is sent to, and what it may bring back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use easyauth::client::{ClientError, EasyAuthClient, User};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::fake::{Fake, get, send};

/// Of a verifier, as the SDKs compute it.
pub fn challenge(verifier: &str) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()))
}

/// A sign-in that waits for its browser.
pub struct Waiting {
    pub login: JoinHandle<Result<User, ClientError>>,
    query: BTreeMap<String, String>,
    pub address: String,
}

impl Waiting {
    async fn begin(client: &EasyAuthClient) -> Self {
        Self::begin_at(client, "AAD").await
    }

    pub async fn begin_at(client: &EasyAuthClient, provider: &'static str) -> Self {
        let (opened, shown) = oneshot::channel();
        let client = client.clone();
        let login = tokio::spawn(async move {
            client
                .login_in_browser(provider, |address| opened.send(address.to_owned()).unwrap())
                .await
        });
        let address = shown.await.unwrap();
        let url = url::Url::parse(&address).unwrap();
        Self { login, query: url.query_pairs().into_owned().collect(), address }
    }

    pub fn callback(&self) -> &str {
        &self.query["post_login_redirect_url"]
    }

    /// The page at the callback, as the user's browser asks for it.
    async fn visit(&self) -> Response<Bytes> {
        browse(Request::get(self.callback()).body(Full::default()).unwrap()).await
    }

    /// What the page's script does with the address's fragment.
    pub async fn bring(&self, fragment: &str) -> Response<Bytes> {
        let origin = self.callback().strip_suffix("/easyauth.callback").unwrap();
        let request = Request::post(self.callback()).header("origin", origin);
        browse(request.body(Full::from(fragment.to_owned())).unwrap()).await
    }
}

async fn browse(request: Request<Full<Bytes>>) -> Response<Bytes> {
    let browser: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (parts, body) = browser.request(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_browser_comes_back_with_a_code_for_us_alone() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let waiting = Waiting::begin(&client).await;
    assert!(waiting.address.starts_with("https://app.example/.auth/login/aad?"));
    assert_eq!(waiting.query["session_mode"], "token");
    assert_eq!(waiting.query["code_challenge_method"], "S256");
    assert!(waiting.callback().starts_with("http://127.0.0.1:"), "{}", waiting.callback());
    let page = waiting.visit().await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["cache-control"], "no-store");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    let html = String::from_utf8(page.into_body().to_vec()).unwrap();
    let script = html.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    assert!(policy_of(&html).contains(&challenge(script)));

    let code_challenge = waiting.query["code_challenge"].clone();
    fake.tell(|state| state.code = Some(("code-1".into(), code_challenge)));
    let told = waiting.bring("authorization_code=code-1").await;

    assert_eq!(told.body(), "You are signed in. You can close this window.");
    let user = waiting.login.await.unwrap().unwrap();
    assert_eq!(client.user().await, Some(user));
    assert_eq!(send(&client, &fake, get("/")).await.status, 200);
}

fn policy_of(html: &str) -> String {
    // The policy is by hash: it has to be that of the script in the page, whatever it is.
    let script = html.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    format!("'sha256-{}'", challenge(script))
}

#[tokio::test]
async fn a_code_of_somebody_else_is_shrugged_off() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let waiting = Waiting::begin(&client).await;

    // A hostile page leads the browser here with a code of its own login.
    fake.tell(|state| state.code = Some(("theirs".into(), challenge("their verifier"))));
    assert_eq!(waiting.bring("authorization_code=theirs").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(waiting.bring("nothing=at+all").await.status(), StatusCode::BAD_REQUEST);
    assert!(!waiting.login.is_finished());

    let code_challenge = waiting.query["code_challenge"].clone();
    fake.tell(|state| state.code = Some(("ours".into(), code_challenge)));
    waiting.bring("authorization_code=ours").await;
    waiting.login.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_our_own_page_may_bring_an_answer() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let waiting = Waiting::begin(&client).await;
    let origin = waiting.callback().strip_suffix("/easyauth.callback").unwrap().to_owned();
    let request = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method(method).uri(format!("{origin}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::from("authorization_code=x")).unwrap()
    };

    for (method, path, headers, status) in [
        ("POST", "/easyauth.callback", &[][..], 403),
        ("POST", "/easyauth.callback", &[("origin", "https://evil.example")], 403),
        ("POST", "/easyauth.callback", &[("origin", "null")], 403),
        ("PUT", "/easyauth.callback", &[("origin", &origin)], 403),
        ("GET", "/", &[], 404),
        ("GET", "/easyauth.callback", &[("host", "evil.example")], 404),
        ("POST", "/easyauth.callback", &[("host", "evil.example"), ("origin", &origin)], 404),
    ] {
        let answer = browse(request(method, path, headers)).await;
        assert_eq!(answer.status().as_u16(), status, "{method} {path} {headers:?}");
    }
    assert_eq!(fake.asked("/.auth/login/aad/token"), 0);
    waiting.login.abort();
}

#[tokio::test]
async fn an_error_at_the_provider_ends_the_sign_in() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let waiting = Waiting::begin(&client).await;

    waiting.bring("error=The%20user%20cancelled.").await;

    let error = waiting.login.await.unwrap().unwrap_err();
    assert!(matches!(&error, ClientError::Login(_)), "{error:?}");
    assert!(format!("{error:?}").contains("The user cancelled."));
    assert!(client.user().await.is_none());
}

#[tokio::test]
async fn a_browser_that_never_comes_back_is_not_waited_for_for_ever() {
    let fake = Fake::new();
    let client = fake.builder().login_limit(Duration::from_millis(50)).build().unwrap();
    let shown = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&shown);

    let outcome = client
        .login_in_browser("aad", |address| address.clone_into(&mut seen.lock().unwrap()))
        .await;

    assert!(matches!(outcome, Err(ClientError::TimedOut(_))), "{outcome:?}");
    // Nobody listens there any more.
    let url = url::Url::parse(&shown.lock().unwrap()).unwrap();
    let (_, callback) =
        url.query_pairs().find(|(name, _)| name == "post_login_redirect_url").unwrap();
    let browser: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(&*callback).body(Full::default()).unwrap();
    assert!(browser.request(request).await.is_err());
}
