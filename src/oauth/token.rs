//! The token endpoint: the request that redeems a code, and the answer with the tokens
//! (RFC 6749 §4.1.3–5.2).
//!
//! The requests are written by the `oauth2` crate. Its reading of answers is too strict for the
//! providers people use: the answer is [normalised](TokenResponse::parse) here.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, SyncHttpClient, TokenUrl,
};
use url::{Url, form_urlencoded};

use super::authorization::{VerifiedCode, error_code};
use super::client_assertion::ASSERTION_TYPE;
use super::json::{self, Object, Value};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::TokenSet;

/// How we prove to the token endpoint who we are (RFC 6749 §2.3.1, OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Id and secret in the `Authorization` header.
    ClientSecretBasic,
    /// Id and secret in the form.
    ClientSecretPost,
    /// A short-lived statement in the form, signed with the secret (`HS256`), which itself stays
    /// here. The secret needs at least 32 random bytes.
    ClientSecretJwt,
    /// A short-lived statement in the form, signed with a private key of ours.
    PrivateKeyJwt,
}

/// Whom the token endpoint is to deal with.
#[derive(Clone, Debug)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    pub(crate) credential: Credential,
}

/// What proves it.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// Nothing: a public client.
    None,
    Basic(Secret<String>),
    Post(Secret<String>),
    /// A signed statement (RFC 7523 §2.2).
    Assertion(Secret<String>),
}

/// The request that redeems `code` at `endpoint`.
///
/// `redirect_uri` is the one that the authorization request had (RFC 6749 §4.1.3), and `pkce` says
/// whether it had a code challenge.
pub(crate) fn redeem(
    endpoint: &Url,
    client: &Client<'_>,
    redirect_uri: &str,
    code: &VerifiedCode,
    pkce: bool,
) -> Option<Request<Bytes>> {
    let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).ok()?;
    let verifier = PkceCodeVerifier::new(code.pending().code_verifier.expose().clone());
    let writer = client.writer(endpoint).set_redirect_uri(redirect_uri);
    let code = AuthorizationCode::new(code.code().expose().clone());
    let keeper = Keeper::default();
    let request = writer.exchange_code(code);
    let mut request = if pkce { request.set_pkce_verifier(verifier) } else { request };
    for (name, value) in client.statement() {
        request = request.add_extra_param(name, value);
    }
    drop(request.request(&keeper));
    keeper.into_request()
}

/// The request that asks `endpoint` for fresh tokens (RFC 6749 §6). It names no scopes: what was
/// granted is to be granted again.
pub(crate) fn refresh(
    endpoint: &Url,
    client: &Client<'_>,
    refresh_token: &Secret<String>,
) -> Option<Request<Bytes>> {
    let refresh_token = RefreshToken::new(refresh_token.expose().clone());
    let keeper = Keeper::default();
    let writer = client.writer(endpoint);
    let mut request = writer.exchange_refresh_token(&refresh_token);
    for (name, value) in client.statement() {
        request = request.add_extra_param(name, value);
    }
    drop(request.request(&keeper));
    keeper.into_request()
}

/// The request that has `endpoint` exchange an access token for another, by an extension grant whose
/// parameter has the same name (RFC 6749 §4.5).
pub(crate) fn exchange(
    endpoint: &Url,
    client: &Client<'_>,
    grant: &str,
    access_token: &Secret<String>,
) -> Option<Request<Bytes>> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", grant).append_pair("client_id", client.id);
    if let Credential::Post(secret) = &client.credential {
        form.append_pair("client_secret", secret.expose());
    }
    form.append_pair(grant, access_token.expose());
    Request::post(endpoint.as_str())
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form.finish()))
        .ok()
}

/// Keeps the request that `oauth2` writes and would have it send.
#[derive(Default)]
struct Keeper(RefCell<Option<HttpRequest>>);

impl SyncHttpClient for Keeper {
    type Error = Infallible;

    fn call(&self, request: HttpRequest) -> Result<HttpResponse, Infallible> {
        self.0.replace(Some(request));
        Ok(Response::new(Vec::new()))
    }
}

impl Keeper {
    fn into_request(self) -> Option<Request<Bytes>> {
        self.0.into_inner().map(|request| request.map(Bytes::from))
    }
}

impl Client<'_> {
    fn writer(
        &self,
        endpoint: &Url,
    ) -> BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>
    {
        let (kind, secret) = match &self.credential {
            Credential::Basic(secret) => (AuthType::BasicAuth, Some(secret)),
            Credential::Post(secret) => (AuthType::RequestBody, Some(secret)),
            Credential::None | Credential::Assertion(_) => (AuthType::RequestBody, None),
        };
        let writer = BasicClient::new(ClientId::new(self.id.to_owned()))
            .set_token_uri(TokenUrl::from_url(endpoint.clone()))
            .set_auth_type(kind);
        match secret {
            Some(secret) => writer.set_client_secret(ClientSecret::new(secret.expose().clone())),
            None => writer,
        }
    }

    /// What the form has beside the id if we prove ourselves by a statement.
    fn statement(&self) -> Vec<(&'static str, &str)> {
        match &self.credential {
            Credential::Assertion(assertion) => vec![
                ("client_assertion_type", ASSERTION_TYPE),
                ("client_assertion", assertion.expose()),
            ],
            _ => Vec::new(),
        }
    }
}

/// What the token endpoint granted.
#[derive(Debug)]
pub(crate) struct TokenResponse {
    pub(crate) tokens: TokenSet,
}

impl TokenResponse {
    /// Reads an answer received at `now`.
    ///
    /// Read as if they were by the book: numbers sent as strings or with a fraction, a missing
    /// `token_type`, JSON under another content type or as a form, scopes with commas, an error
    /// under status 200, or as the object that Facebook makes of it. Everything else is by the book: unknown members are ignored, wrong types
    /// are refused.
    pub(crate) fn parse(response: &Response<Bytes>, now: Timestamp) -> Result<Self, TokenError> {
        let status = response.status();
        let answer = read(response);
        if let Some(error) = answer.as_ref().ok().and_then(error_of) {
            return Err(TokenError::Refused(error_code(&error)));
        }
        if !status.is_success() {
            return Err(TokenError::Status(status));
        }
        Ok(Self { tokens: tokens(&answer?, now)? })
    }
}

/// The error code of an answer; Facebook's, a type and a number, as `OAuthException.190`.
fn error_of(answer: &Object) -> Option<String> {
    match answer.get("error")? {
        Value::String(code) => Some(code.clone()),
        Value::Object(error) => {
            let kind = error.text("type").unwrap_or("error");
            Some(format!("{kind}.{}", error.get("code").unwrap_or(&Value::Null)))
        }
        _ => None,
    }
}

/// Reads the tokens that an application posts, received at `now`: an ID token, and what it got with
/// it.
///
/// # Errors
///
/// If it is no JSON object, or has no ID token, or a member of another type.
pub(crate) fn posted(body: &[u8], now: Timestamp) -> Result<TokenSet, PostedError> {
    let posted = json::object(body).map_err(|_| PostedError::Malformed)?;
    let tokens = token_set(&posted, now).map_err(|_| PostedError::Shape)?;
    if tokens.id_token.is_some() { Ok(tokens) } else { Err(PostedError::Shape) }
}

/// Why what an application posts is not taken for tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PostedError {
    Malformed,
    Shape,
}

/// Why there are no tokens.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TokenError {
    /// RFC 6749 §5.2; the code only, for descriptions are the provider's business.
    #[error("the token endpoint answered the error {0}{hint}", hint = hint(.0))]
    Refused(String),
    #[error("the token endpoint answered with status {0}")]
    Status(StatusCode),
    #[error("the token endpoint's answer is neither a JSON object nor a form")]
    Malformed,
    #[error("the token endpoint's answer has no usable {0}")]
    Member(&'static str),
    #[error("the token endpoint's answer has a token_type other than Bearer")]
    TokenType,
}

/// What to do about the commonest mistake in a set-up.
fn hint(code: &str) -> &'static str {
    match code {
        "invalid_client" => {
            "; check registration.clientId, and the secret in the variable that \
             clientCredential.clientSecretSettingName names"
        }
        // GitHub's own, and Facebook's.
        "incorrect_client_credentials" | "OAuthException.1" | "OAuthException.101" => {
            "; check the id in registration, and the secret in the variable that it names"
        }
        "redirect_uri_mismatch" => "; register the redirect URI at the provider",
        _ => "",
    }
}

fn tokens(answer: &Object, now: Timestamp) -> Result<TokenSet, TokenError> {
    let tokens = token_set(answer, now)?;
    if tokens.access_token.is_none() {
        return Err(TokenError::Member("access_token"));
    }
    if let Some(kind) = answer.get("token_type").filter(|kind| **kind != Value::Null) {
        let bearer = kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        if !bearer {
            return Err(TokenError::TokenType);
        }
    }
    Ok(tokens)
}

/// The tokens that there are.
fn token_set(answer: &Object, now: Timestamp) -> Result<TokenSet, TokenError> {
    Ok(TokenSet {
        access_token: token(answer, "access_token")?,
        refresh_token: token(answer, "refresh_token")?,
        id_token: token(answer, "id_token")?,
        expires_at: lifetime(answer)?.map(|lifetime| now.after(lifetime)),
        scope: answer.text("scope").map(spaced),
        ..TokenSet::default()
    })
}

fn token(answer: &Object, name: &'static str) -> Result<Option<Secret<String>>, TokenError> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.is_empty() => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.clone().into())),
        Some(_) => Err(TokenError::Member(name)),
    }
}

fn lifetime(answer: &Object) -> Result<Option<Duration>, TokenError> {
    const NAME: &str = "expires_in";
    let seconds = match answer.get(NAME) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let plausible = seconds.filter(|seconds| (0.0..=MAX_LIFETIME).contains(seconds));
    plausible.map(|seconds| Some(Duration::from_secs_f64(seconds))).ok_or(TokenError::Member(NAME))
}

fn read(response: &Response<Bytes>) -> Result<Object, TokenError> {
    let body = response.body();
    if let Ok(answer) = json::object(body) {
        return Ok(answer);
    }
    let form = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes().to_ascii_lowercase();
        kind.starts_with(b"application/x-www-form-urlencoded") || kind.starts_with(b"text/plain")
    });
    if form { read_form(body) } else { Err(TokenError::Malformed) }
}

fn read_form(body: &[u8]) -> Result<Object, TokenError> {
    let members = form_urlencoded::parse(body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    Object::new(members).ok_or(TokenError::Malformed)
}

fn spaced(scope: &str) -> String {
    scope.split([' ', ',']).filter(|scope| !scope.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A century, in seconds: no access token lives longer, and sums with it stay small.
const MAX_LIFETIME: f64 = 3_155_760_000.0;

#[cfg(test)]
mod tests;
