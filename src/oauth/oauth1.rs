//! OAuth 1.0a: requests signed by HMAC-SHA1, and their answers
//! ([RFC 5849](https://www.rfc-editor.org/rfc/rfc5849)).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use url::{Url, form_urlencoded};

use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::token::SigningToken;

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consumer<'a> {
    pub(crate) key: &'a str,
    pub(crate) secret: &'a Secret<String>,
}

/// What makes a request differ from every other (§3.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) nonce: &'a str,
    pub(crate) timestamp: Timestamp,
}

/// Asks for a request token, for a login that comes back to `callback` (§2.1).
pub(crate) fn request_token(
    endpoint: &Url,
    consumer: Consumer<'_>,
    callback: &str,
    stamp: Stamp<'_>,
) -> Result<Request<Bytes>, OAuth1Error> {
    signed(&Method::POST, endpoint, consumer, None, &[("oauth_callback", callback)], stamp)
}

/// Where a browser is sent with a request token (§2.2). Of two parameters with one name the first
/// counts.
pub(crate) fn authorization_url(
    endpoint: &Url,
    request_token: &SigningToken,
    further: &[(String, String)],
) -> Url {
    let mut url = endpoint.clone();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(endpoint.query_pairs().filter(|(name, _)| !name.starts_with("oauth_")));
    query.append_pair("oauth_token", request_token.token.expose());
    let mut set: Vec<&str> = Vec::new();
    for (name, value) in further {
        if !name.starts_with("oauth_") && !set.contains(&name.as_str()) {
            query.append_pair(name, value);
            set.push(name);
        }
    }
    url.set_query(Some(&query.finish()));
    url
}

/// Asks for an access token in the place of a request token that a user has approved (§2.3).
pub(crate) fn access_token(
    endpoint: &Url,
    consumer: Consumer<'_>,
    request_token: &SigningToken,
    verifier: &Secret<String>,
    stamp: Stamp<'_>,
) -> Result<Request<Bytes>, OAuth1Error> {
    let verifier = [("oauth_verifier", verifier.expose().as_str())];
    signed(&Method::POST, endpoint, consumer, Some(request_token), &verifier, stamp)
}

/// Asks at `address` in the name of a user (§3).
pub(crate) fn resource(
    address: &Url,
    consumer: Consumer<'_>,
    access_token: &SigningToken,
    stamp: Stamp<'_>,
) -> Result<Request<Bytes>, OAuth1Error> {
    signed(&Method::GET, address, consumer, Some(access_token), &[], stamp)
}

/// A request with its `Authorization` header (§3.5.1).
fn signed(
    method: &Method,
    url: &Url,
    consumer: Consumer<'_>,
    token: Option<&SigningToken>,
    further: &[(&str, &str)],
    stamp: Stamp<'_>,
) -> Result<Request<Bytes>, OAuth1Error> {
    let timestamp = stamp.timestamp.as_unix().to_string();
    let mut parameters = further.to_vec();
    parameters.extend([
        ("oauth_consumer_key", consumer.key),
        ("oauth_nonce", stamp.nonce),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", &timestamp),
    ]);
    parameters.extend(token.map(|token| ("oauth_token", token.token.expose().as_str())));
    parameters.push(("oauth_version", "1.0"));
    let signature = signature(method, url, consumer, token, &parameters);
    parameters.push(("oauth_signature", &signature));
    parameters.sort_unstable();
    let pairs = parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", encode(value)));
    let credentials = Secret::new(format!("OAuth {}", pairs.collect::<Vec<_>>().join(", ")));
    let mut authorization =
        HeaderValue::from_str(credentials.expose()).map_err(|_| OAuth1Error::Unfit)?;
    authorization.set_sensitive(true);
    Request::builder()
        .method(method)
        .uri(url.as_str())
        .header(header::AUTHORIZATION, authorization)
        .header(header::ACCEPT, "application/json, application/x-www-form-urlencoded")
        .body(Bytes::new())
        .map_err(|_| OAuth1Error::Unfit)
}

/// HMAC-SHA1 of the signature base string, under both secrets (§3.4.2).
fn signature(
    method: &Method,
    url: &Url,
    consumer: Consumer<'_>,
    token: Option<&SigningToken>,
    parameters: &[(&str, &str)],
) -> String {
    let token_secret = token.map_or("", |token| token.secret.expose().as_str());
    let key = Secret::new(format!("{}&{}", encode(consumer.secret.expose()), encode(token_secret)));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.expose().as_bytes());
    let base = base_string(method, url, parameters);
    BASE64_STANDARD.encode(hmac::sign(&key, base.as_bytes()))
}

/// What is signed (§3.4.1): the method, the address, and all parameters in one order.
fn base_string(method: &Method, url: &Url, parameters: &[(&str, &str)]) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (encode(&name), encode(&value)))
        .chain(parameters.iter().map(|(name, value)| (encode(name), encode(value))))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut address = url.clone();
    address.set_query(None);
    address.set_fragment(None);
    format!("{method}&{}&{}", encode(address.as_str()), encode(&pairs.join("&")))
}

/// All but the unreserved characters, as bytes (§3.6).
fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Reads the answer to [`request_token`].
pub(crate) fn read_request_token(response: &Response<Bytes>) -> Result<SigningToken, OAuth1Error> {
    if !response.status().is_success() {
        return Err(OAuth1Error::NoRequestToken(response.status()));
    }
    let members = form(response.body());
    // Without it, the server may be one of before 1.0a, and the login could be somebody else's.
    match member(&members, "oauth_callback_confirmed") {
        Some("true") => token(&members),
        _ => Err(OAuth1Error::Unconfirmed),
    }
}

/// Reads the answer to [`access_token`]: the token, and what else came with it.
pub(crate) fn read_access_token(
    response: &Response<Bytes>,
) -> Result<(SigningToken, Vec<(String, String)>), OAuth1Error> {
    if !response.status().is_success() {
        return Err(OAuth1Error::NoAccessToken(response.status()));
    }
    let mut members = form(response.body());
    let token = token(&members)?;
    members.retain(|(name, _)| !name.starts_with("oauth_"));
    Ok((token, members))
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// The one value of `name`; none if there are several.
pub(crate) fn member<'a>(members: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = members.iter().filter(|(found, _)| found == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Some(value),
        _ => None,
    }
}

fn token(members: &[(String, String)]) -> Result<SigningToken, OAuth1Error> {
    let secret = |name| member(members, name).map(|value| Secret::new(value.to_owned()));
    match (secret("oauth_token"), secret("oauth_token_secret")) {
        (Some(token), Some(secret)) => Ok(SigningToken { token, secret }),
        _ => Err(OAuth1Error::Malformed),
    }
}

/// What the browser brings back (§2.2). Nothing in it is trusted yet.
#[derive(Debug)]
pub(crate) struct CallbackResponse {
    request_token: Secret<String>,
    /// `None` if the user said no.
    pub(crate) verifier: Option<Secret<String>>,
}

impl CallbackResponse {
    /// Reads a query. A refusal is told in X's way, by `denied`.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, OAuth1Error> {
        let members = form(encoded);
        let text = |name| member(&members, name).map(str::to_owned);
        match (text("oauth_token"), text("oauth_verifier"), text("denied")) {
            (None, None, Some(request_token)) => {
                Ok(Self { request_token: request_token.into(), verifier: None })
            }
            (Some(request_token), Some(verifier), None) => {
                Ok(Self { request_token: request_token.into(), verifier: Some(verifier.into()) })
            }
            _ => Err(OAuth1Error::NoVerifier),
        }
    }

    /// Whether this answers the login that was begun with `request_token`.
    pub(crate) fn answers(&self, request_token: &SigningToken) -> bool {
        request_token.token.matches(self.request_token.expose())
    }
}

/// Why a login by OAuth 1.0a goes no further.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum OAuth1Error {
    #[error("the answer has no oauth_token or no oauth_token_secret")]
    Malformed,
    #[error("the provider gave no access token, with status {0}")]
    NoAccessToken(StatusCode),
    #[error(
        "the provider gave no request token, with status {0}; check consumerKey, the secret in the \
         variable that consumerSecretSettingName names, and that the redirect URI is registered"
    )]
    NoRequestToken(StatusCode),
    #[error("the response to the callback has no oauth_token, or no oauth_verifier")]
    NoVerifier,
    #[error("the provider did not confirm the callback: it speaks OAuth 1.0, not 1.0a")]
    Unconfirmed,
    #[error("a parameter cannot stand in a header")]
    Unfit,
}

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests;
