//! What the application is asked below `/.auth`, and what its answers mean.
//!
//! These calls go to the application by a client of their own: they carry the token that they are
//! given and nothing else, follow no redirect, and are never healed themselves.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::error::{Call, ClientError};
use super::identity::Identity;
use super::user::{LoginResult, User};
use crate::http_client::{self, HttpClient};
use crate::origin::PublicOrigin;

/// An application, and the way to its routes.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) origin: PublicOrigin,
    pub(super) http: HttpClient,
}

impl Calls {
    /// A fresh token for `user`, whose own may have expired.
    pub(super) async fn refresh(&self, user: &User) -> Result<User, ClientError> {
        let answer = self.send(Method::GET, "/.auth/refresh", Some(user), None).await?;
        self.user_of(Call::Refresh, &answer, Some(user))
    }

    /// Signs in with what a provider issued: client-directed sign-in.
    pub(super) async fn login(&self, provider: &str, body: Bytes) -> Result<User, ClientError> {
        let path = format!("/.auth/login/{}", segment(provider));
        let answer = self.send(Method::POST, &path, None, Some(body)).await?;
        self.user_of(Call::Login, &answer, None)
    }

    /// Redeems the code that a sign-in in the browser ended with.
    pub(super) async fn redeem(
        &self,
        provider: &str,
        code: &str,
        verifier: &str,
    ) -> Result<User, ClientError> {
        let query = Serializer::new(String::new())
            .append_pair("authorization_code", code)
            .append_pair("code_verifier", verifier)
            .finish();
        let path = format!("/.auth/login/{}/token?{query}", segment(provider));
        let answer = self.send(Method::GET, &path, None, None).await?;
        self.user_of(Call::Login, &answer, None)
    }

    /// Who the application takes `user` for.
    pub(super) async fn me(&self, user: &User) -> Result<Vec<Identity>, ClientError> {
        let answer = self.send(Method::GET, "/.auth/me", Some(user), None).await?;
        refuse_unless(Call::Me, &answer, StatusCode::OK)?;
        serde_json::from_slice(answer.body()).map_err(|_| ClientError::Malformed {
            call: Call::Me,
            reason: "it is not a list of identities",
        })
    }

    /// Ends the session of `user`.
    pub(super) async fn logout(&self, user: &User) -> Result<(), ClientError> {
        let answer = self.send(Method::GET, "/.auth/logout", Some(user), None).await?;
        // The page that a browser would be shown then is nothing to us.
        if answer.status().is_redirection() || answer.status() == StatusCode::UNAUTHORIZED {
            return Ok(());
        }
        refuse_unless(Call::Logout, &answer, StatusCode::OK)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        user: Option<&User>,
        json: Option<Bytes>,
    ) -> Result<Response<Bytes>, ClientError> {
        let mut request = Request::new(json.unwrap_or_default());
        let malformed = ClientError::Malformed { call: Call::Login, reason: "no such address" };
        *request.uri_mut() = format!("{}{path}", self.origin).parse().map_err(|_| malformed)?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, JSON);
        headers.insert(X_ZUMO_VERSION, version());
        if let Some(user) = user {
            headers.insert(X_ZUMO_AUTH, user.header().clone());
        }
        if method == Method::POST {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        *request.method_mut() = method;
        Ok(http_client::send(&self.http, request).await?)
    }

    fn user_of(
        &self,
        call: Call,
        answer: &Response<Bytes>,
        before: Option<&User>,
    ) -> Result<User, ClientError> {
        refuse_unless(call, answer, StatusCode::OK)?;
        let result: LoginResult = serde_json::from_slice(answer.body())
            .map_err(|_| ClientError::Malformed { call, reason: "it holds no session token" })?;
        result
            .into_user(&self.origin, before)
            .map_err(|error| ClientError::Malformed { call, reason: error.0 })
    }
}

fn refuse_unless(
    call: Call,
    answer: &Response<Bytes>,
    expected: StatusCode,
) -> Result<(), ClientError> {
    if answer.status() == expected {
        return Ok(());
    }
    let description = description(answer.body()).into();
    Err(ClientError::Refused { call, status: answer.status(), description })
}

/// What an answer says to people: in JSON, as the SDKs find it, or as plain text.
fn description(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Text(String),
        Members { description: Option<String>, error: Option<String> },
    }
    let text = match serde_json::from_slice(body) {
        Ok(Said::Text(text)) => text,
        Ok(Said::Members { description, error }) => description.or(error).unwrap_or_default(),
        Err(_) if body.starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(body.get(..MAX_DESCRIPTION).unwrap_or(body)).into_owned(),
    };
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(MAX_DESCRIPTION).collect::<String>().trim().to_owned()
}

/// `provider` as one segment of a path, whatever it is.
pub(super) fn segment(provider: &str) -> String {
    let provider = match provider.to_ascii_lowercase().as_str() {
        // As every SDK has it.
        "windowsazureactivedirectory" => "aad".to_owned(),
        other => other.to_owned(),
    };
    percent_encoding::utf8_percent_encode(&provider, SEGMENT).to_string()
}

/// Tells a server that this is no browser: it answers 401 where it would send one to sign in.
pub(super) fn version() -> HeaderValue {
    HeaderValue::from_static(concat!(
        "ZUMO/2.0 (lang=Rust; os=--; os_version=--; arch=--; version=",
        env!("CARGO_PKG_VERSION"),
        ")"
    ))
}

pub(super) const X_ZUMO_AUTH: HeaderName = HeaderName::from_static("x-zumo-auth");
pub(super) const X_ZUMO_VERSION: HeaderName = HeaderName::from_static("x-zumo-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// All but what RFC 3986 calls unreserved, without the dot: `..` is no provider.
const SEGMENT: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
/// In characters.
const MAX_DESCRIPTION: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_what_the_sdks_show_and_never_a_page() {
        for (body, expected) in [
            (r#""no""#, "no"),
            (r#"{"error":"no","description":"not today"}"#, "not today"),
            (r#"{"error":"no"}"#, "no"),
            (r#"{"code":1,"message":"no"}"#, ""),
            ("plain\r\ntext", "plain  text"),
            ("<html>a page</html>", ""),
            ("", ""),
        ] {
            assert_eq!(description(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(description(&[b'x'; 10_000]).len(), MAX_DESCRIPTION);
    }

    #[test]
    fn a_provider_is_one_segment() {
        assert_eq!(segment("Facebook"), "facebook");
        assert_eq!(segment("WindowsAzureActiveDirectory"), "aad");
        assert_eq!(segment("../me?x#y"), "%2E%2E%2Fme%3Fx%23y");
    }
}
