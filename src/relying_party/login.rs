//! Off to the provider: a login begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::{Provider, RelyingParty};
use crate::config::Opened;
use crate::error::Error;
use crate::oauth::authorization::{AuthorizationRequest, ResponseMode};
use crate::pending_login::{Landing, LoginId, PendingLogin};
use crate::principal::Issuer;
use crate::provider::{Protocol, max_age};
use crate::seal::{RandomError, random};
use crate::secret::Secret;
use crate::session::{SessionId, UserKey};
use crate::wire;
use crate::wire::cookie::MAX_LOGINS;

/// What a visitor wants who begins to sign in.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) landing: Landing,
    /// Parameters for the provider; those that are not allowed are dropped.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) request: &'a HeaderMap,
}

/// A login that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where to send the browser.
    pub(crate) location: Url,
    pub(crate) cookies: Vec<HeaderValue>,
}

impl RelyingParty {
    /// Begins a login at `provider`.
    pub(crate) async fn begin_login(
        &self,
        provider: &Provider,
        beginning: Beginning<'_>,
    ) -> Result<Begun, Error> {
        let opened = self.config.opened().await?;
        let registration = provider.settings.registration();
        let further = registration.further_parameters(&beginning.parameters);
        let (location, pending) = match &provider.settings.0 {
            Protocol::OAuth1(settings) => {
                let pending =
                    self.pending(provider, &settings.issuer, &beginning, &further).await?;
                self.ask_request_token(provider, settings, pending, &further).await?
            }
            Protocol::OpenIdConnect(_) | Protocol::OAuth2(_) => {
                let metadata = self.metadata(provider).await?;
                let pending =
                    self.pending(provider, &metadata.issuer, &beginning, &further).await?;
                let request = AuthorizationRequest {
                    endpoint: &metadata.endpoints.authorization,
                    client_id: &registration.client_id,
                    redirect_uri: &self.redirect_uri(&provider.id),
                    scope: &registration.scope(),
                    response_type: provider.settings.response_type(),
                    response_mode: provider.settings.response_mode(),
                    style: provider.settings.style(),
                    pending: &pending,
                    further: &further,
                };
                (request.url(), pending)
            }
        };
        let cookies = self.login_cookies(provider, &pending, opened, beginning.request)?;
        Ok(Begun { location, cookies })
    }

    async fn pending(
        &self,
        provider: &Provider,
        issuer: &Issuer,
        beginning: &Beginning<'_>,
        further: &[(String, String)],
    ) -> Result<PendingLogin, Error> {
        let now = self.now();
        let id = LoginId::new(now, random()?);
        let state = format!("{}.{}", id.as_str(), random_text()?.expose());
        Ok(PendingLogin {
            id,
            provider: provider.id.clone(),
            issuer: issuer.clone(),
            state: state.into(),
            nonce: random_text()?,
            code_verifier: random_text()?,
            landing: beginning.landing.clone(),
            started_at: now,
            max_age: max_age(further).flatten(),
            request_token: None,
            replaces: self.present_session(beginning.request).await?,
        })
    }

    /// The session that the browser has now, if any. A session token is none of the browser's, and
    /// who signs in may well send an old one.
    pub(super) async fn present_session(
        &self,
        request: &HeaderMap,
    ) -> Result<Option<(UserKey, SessionId)>, Error> {
        let known = self.authenticate_by_cookie(request).await?;
        let handle =
            known.ok().and_then(|known| known.session).map(|credential| *credential.session());
        Ok(handle.map(|handle| (handle.user, handle.session)))
    }

    fn login_cookies(
        &self,
        provider: &Provider,
        pending: &PendingLogin,
        opened: &Opened,
        request: &HeaderMap,
    ) -> Result<Vec<HeaderValue>, Error> {
        let value = wire::login::encode(pending, &opened.keys, pending.started_at)?;
        let until = pending.started_at.after(self.settings().login_timeout);
        let posted = provider.settings.response_mode() == ResponseMode::FormPost;
        let begun = self.cookies.logins(request);
        let surplus = (begun.len() + 1).saturating_sub(MAX_LOGINS);
        let dropped = begun.iter().take(surplus);
        Ok(dropped
            .filter_map(|login| self.cookies.delete_login(login))
            .chain(self.cookies.set_login(&pending.id, &value, until, posted))
            .collect())
    }
}

/// 256 random bits as text: fit for `state`, `nonce` and a code verifier (RFC 7636 §4.1).
pub(super) fn random_text() -> Result<Secret<String>, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?).into())
}
