//! The token and revocation endpoints (RFC 6749 §4.1.3, §6; RFC 7636 §4.6; RFC 7009).

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::memory::{AccessToken, Code, Grant, Memory};
use super::parameters::Parameters;
use super::provider::{Provider, Unavailable, random};
use super::signer::{access_token_hash, encode};
use crate::secret::Secret;

/// `POST /token`.
pub(super) async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let parameters = Parameters::parse(&form);
    match provider.grant_tokens(&headers, &parameters) {
        Ok(tokens) => Json(tokens).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `POST /revoke`: ends the grant that a token belongs to. Unknown tokens are none, so all is well.
pub(super) async fn revoke(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    let parameters = Parameters::parse(&form);
    if let Err(error) = provider.authenticate(&headers, &parameters) {
        return error.into_response();
    }
    let Some(token) = parameters.get("token") else {
        return TokenError::InvalidRequest("token is required").into_response();
    };
    let mut memory = provider.memory();
    if let Some(grant) = grant_of(&memory, token) {
        memory.grants.remove(&grant);
    }
    StatusCode::OK.into_response()
}

/// Why no tokens are given (RFC 6749 §5.2).
enum TokenError {
    InvalidClient,
    InvalidGrant(&'static str),
    InvalidRequest(&'static str),
    Unavailable(Unavailable),
    UnsupportedGrantType,
}

impl Provider {
    fn grant_tokens(
        &self,
        headers: &HeaderMap,
        parameters: &Parameters,
    ) -> Result<Value, TokenError> {
        self.authenticate(headers, parameters)?;
        if parameters.any_repeats() {
            return Err(TokenError::InvalidRequest("a parameter was given more than once"));
        }
        match parameters.get("grant_type") {
            Some("authorization_code") => self.redeem_code(parameters),
            Some("refresh_token") => self.refresh(parameters),
            _ => Err(TokenError::UnsupportedGrantType),
        }
    }

    /// Lets the one client in, by header or by form, and never by both (RFC 6749 §2.3).
    fn authenticate(&self, headers: &HeaderMap, parameters: &Parameters) -> Result<(), TokenError> {
        let (client_id, client_secret) = match headers.get(header::AUTHORIZATION) {
            Some(_) if parameters.get("client_secret").is_some() => {
                return Err(TokenError::InvalidRequest(
                    "client credentials were sent both in the header and in the form",
                ));
            }
            Some(authorization) => basic(authorization).ok_or(TokenError::InvalidClient)?,
            None => {
                let field = |name| parameters.get(name).unwrap_or_default().to_owned();
                (field("client_id"), field("client_secret"))
            }
        };
        let known = client_id == self.client_id && self.client_secret.matches(client_secret);
        known.then_some(()).ok_or(TokenError::InvalidClient)
    }

    fn redeem_code(&self, parameters: &Parameters) -> Result<Value, TokenError> {
        let given = parameters.get("code").ok_or(TokenError::InvalidRequest("code is required"))?;
        let mut memory = self.memory();
        let code = memory.codes.get_mut(given).ok_or(TokenError::InvalidGrant("unknown code"))?;
        if let Some(grant) = code.used_for.take() {
            // Two parties have this code, and one of them stole it (RFC 6749 §4.1.2).
            memory.codes.remove(given);
            memory.grants.remove(&grant);
            return Err(TokenError::InvalidGrant("the code was redeemed before: it is revoked"));
        }
        self.check_code(code, parameters)?;
        let id = random()?;
        code.used_for = Some(id.clone());
        let nonce = code.request.nonce.clone();
        let offline = code.request.is_for_offline_access();
        let grant = Grant {
            session: code.session.clone(),
            scopes: code.request.scopes.clone(),
            refresh_token: offline.then(|| refresh_token(&id)).transpose()?,
        };
        memory.grants.insert(id.clone(), grant.clone());
        self.tokens(&mut memory, &id, &grant, nonce)
    }

    /// Whether who redeems the code is who asked for it.
    fn check_code(&self, code: &Code, parameters: &Parameters) -> Result<(), TokenError> {
        let verifier = parameters.get("code_verifier").unwrap_or_default();
        if self.now() >= code.expires_at {
            return Err(TokenError::InvalidGrant("the code has expired"));
        }
        if parameters.get("redirect_uri") != Some(&code.request.answer_to.redirect_uri) {
            return Err(TokenError::InvalidGrant("redirect_uri differs from the one asked with"));
        }
        if encode(digest(&SHA256, verifier.as_bytes())) != code.request.code_challenge {
            return Err(TokenError::InvalidGrant("code_verifier does not fit the code_challenge"));
        }
        Ok(())
    }

    fn refresh(&self, parameters: &Parameters) -> Result<Value, TokenError> {
        let given = parameters
            .get("refresh_token")
            .ok_or(TokenError::InvalidRequest("refresh_token is required"))?;
        let id = given.split('.').next().unwrap_or_default();
        let mut memory = self.memory();
        let grant = memory.grants.get_mut(id).ok_or(TokenError::InvalidGrant("unknown token"))?;
        if !grant.refresh_token.as_ref().is_some_and(|current| current.matches(given)) {
            // Two parties have this token, and one of them stole it (RFC 9700 §4.14.2).
            memory.grants.remove(id);
            return Err(TokenError::InvalidGrant("the token was used before: it is revoked"));
        }
        grant.refresh_token = Some(refresh_token(id)?);
        let grant = grant.clone();
        self.tokens(&mut memory, id, &grant, None)
    }

    fn tokens(
        &self,
        memory: &mut Memory,
        id: &str,
        grant: &Grant,
        nonce: Option<String>,
    ) -> Result<Value, TokenError> {
        let access_token = random()?;
        let expires_at = self.now().after(self.access_token_lifetime);
        let issued = AccessToken { grant: id.to_owned(), expires_at };
        memory.access_tokens.insert(access_token.clone(), issued);
        let claims = self.id_token_claims(grant, &access_token, nonce);
        let mut answer = json!({
            "token_type": "Bearer",
            "expires_in": self.access_token_lifetime.as_secs(),
            "scope": grant.scopes,
            "id_token": self.signer.sign(&claims).map_err(Unavailable::from)?,
            "access_token": access_token,
        });
        if let (Some(answer), Some(token)) = (answer.as_object_mut(), &grant.refresh_token) {
            answer.insert("refresh_token".into(), json!(token.expose()));
        }
        Ok(answer)
    }

    fn id_token_claims(
        &self,
        grant: &Grant,
        access_token: &str,
        nonce: Option<String>,
    ) -> Map<String, Value> {
        let session = &grant.session;
        let mut claims = session.user.claims_for(&grant.scopes);
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", json!(self.issuer));
        set("aud", json!(self.client_id));
        set("iat", json!(self.now().as_unix()));
        set("exp", json!(self.now().after(self.access_token_lifetime).as_unix()));
        set("auth_time", json!(session.auth_time.as_unix()));
        set("at_hash", json!(access_token_hash(access_token)));
        set("sid", json!(session.sid));
        // Nobody was asked for a password: the lowest class, and somebody was there (RFC 8176).
        set("acr", json!("0"));
        set("amr", json!(["user"]));
        claims.remove("nonce");
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
        claims
    }
}

/// The grant that a token belongs to, if it is a good one.
fn grant_of(memory: &Memory, token: &str) -> Option<String> {
    if let Some(access_token) = memory.access_tokens.get(token) {
        return Some(access_token.grant.clone());
    }
    let (id, _) = token.split_once('.')?;
    let current = memory.grants.get(id)?.refresh_token.as_ref()?;
    current.matches(token).then(|| id.to_owned())
}

fn refresh_token(grant: &str) -> Result<Secret<String>, Unavailable> {
    Ok(Secret::new(format!("{grant}.{}", random()?)))
}

/// Credentials in a header: form-encoded, then in Base64 (RFC 6749 §2.3.1).
fn basic(authorization: &HeaderValue) -> Option<(String, String)> {
    let (scheme, credentials) = authorization.to_str().ok()?.split_once(' ')?;
    let credentials = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(credentials))?;
    let credentials = String::from_utf8(credentials.ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().ok().map(|text| text.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

impl From<Unavailable> for TokenError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "client_id or client_secret is wrong")
            }
            Self::InvalidGrant(why) => (StatusCode::BAD_REQUEST, "invalid_grant", why),
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, "invalid_request", why),
            Self::Unavailable(unavailable) => return unavailable.into_response(),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "grant_type must be authorization_code or refresh_token",
            ),
        };
        let body = Json(json!({"error": error, "error_description": description}));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Basic realm="dev-idp""#);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
