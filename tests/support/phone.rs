//! A telephone: no cookies, and a session token that it sends as `X-ZUMO-AUTH`.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, header, request};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Answer, App, FakeProvider};

/// A telephone in front of one application. A clone is another one with the same token.
#[derive(Clone)]
pub struct Phone {
    app: App,
    pub token: Option<String>,
}

impl Phone {
    pub fn new(app: &App) -> Self {
        Self { app: app.clone(), token: None }
    }

    /// The same telephone in front of another node.
    pub fn at(mut self, app: &App) -> Self {
        self.app = app.clone();
        self
    }

    /// The same telephone with another token.
    pub fn holding(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header(header::ACCEPT, "application/json"), "").await
    }

    /// Sends a request of the story's own making, with the token.
    pub async fn send(&self, request: request::Builder, body: impl Into<Bytes>) -> Answer {
        let mut request = request.header(header::HOST, "app.example");
        if let Some(token) = &self.token {
            request = request.header("x-zumo-auth", token);
        }
        self.app.send(request.body(Full::new(body.into())).unwrap()).await
    }

    /// Posts the provider's tokens.
    pub async fn post(&self, provider: &FakeProvider, tokens: &Value) -> Answer {
        let path = format!("/.auth/login/{}", provider.name);
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request, tokens.to_string()).await
    }

    /// `user` signs in to the provider, and with its ID token here.
    pub async fn sign_in(&mut self, provider: &FakeProvider, user: &str) {
        let answer = self.post(provider, &provider.hand_out(user)).await;
        self.keep(&answer);
    }

    /// Asks for fresh tokens, and keeps the one that comes.
    pub async fn refresh(&mut self) -> Answer {
        let answer = self.get("/.auth/refresh").await;
        if answer.status == 200 {
            self.keep(&answer);
        }
        answer
    }

    /// Keeps the token that an answer brings, and insists on the shape that the SDKs want.
    pub fn keep(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.set_cookies().is_empty(), "{answer:?}");
        self.keep_document(&answer.json());
    }

    /// Keeps the token in the fragment of an address.
    pub fn keep_fragment(&mut self, location: &str) {
        let (_, value) = location.split_once("#token=").unwrap_or_else(|| panic!("{location}"));
        let document = percent_decode_str(value).decode_utf8().unwrap();
        self.keep_document(&serde_json::from_str(&document).unwrap());
    }

    pub fn keep_document(&mut self, document: &Value) {
        let token = document["authenticationToken"].as_str().unwrap();
        let claims = claims(token);
        assert_eq!(
            *document,
            json!({
                "authenticationToken": token,
                "user": {"userId": claims["sub"]},
            })
        );
        self.token = Some(token.to_owned());
    }

    /// Who the application takes this telephone's user for.
    pub async fn user(&self) -> Option<String> {
        let answer = self.get("/").await;
        if answer.status == 401 { None } else { answer.user() }
    }

    /// What the token says.
    pub fn claims(&self) -> Value {
        claims(self.token.as_ref().expect("a token"))
    }
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
