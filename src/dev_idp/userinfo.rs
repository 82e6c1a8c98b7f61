//! The UserInfo endpoint (OpenID Connect Core §5.3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::provider::Provider;

/// `GET` or `POST /userinfo`, with an access token.
pub(super) async fn userinfo(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
) -> Response {
    match bearer(&headers).and_then(|token| provider.claims_by(token)) {
        Some(claims) => Json(claims).into_response(),
        None => unauthorized(headers.contains_key(header::AUTHORIZATION)),
    }
}

impl Provider {
    fn claims_by(&self, access_token: &str) -> Option<Value> {
        let memory = self.memory();
        let token = memory.access_tokens.get(access_token)?;
        let grant = memory.grants.get(&token.grant)?;
        let good = self.now() < token.expires_at;
        good.then(|| Value::from(grant.session.user.claims_for(&grant.scopes)))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The refusal, with a reason only for those who brought something (RFC 6750 §3.1).
fn unauthorized(brought_a_token: bool) -> Response {
    let challenge = if brought_a_token {
        r#"Bearer realm="dev-idp", error="invalid_token""#
    } else {
        r#"Bearer realm="dev-idp""#
    };
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))];
    (StatusCode::UNAUTHORIZED, challenge).into_response()
}
