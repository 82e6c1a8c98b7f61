//! Off to the provider: a login begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::{Provider, RelyingParty};
use crate::config::Opened;
use crate::error::Error;
use crate::oauth::authorization::{AuthorizationRequest, ResponseMode};
use crate::oauth::discovery::Metadata;
use crate::pending_login::{Landing, LoginId, PendingLogin};
use crate::provider::max_age;
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
        let metadata = self.metadata(provider).await?;
        let further = provider.settings.further_parameters(&beginning.parameters);
        let pending = self.pending(provider, &metadata, &beginning, &further).await?;
        let request = AuthorizationRequest {
            endpoint: &metadata.endpoints.authorization,
            client_id: &provider.settings.client_id,
            redirect_uri: &self.redirect_uri(&provider.id),
            scope: &provider.settings.scope(),
            response_mode: provider.settings.response_mode,
            pending: &pending,
            further: &further,
        };
        let location = request.url();
        let cookies = self.login_cookies(provider, &pending, opened, beginning.request)?;
        Ok(Begun { location, cookies })
    }

    async fn pending(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        beginning: &Beginning<'_>,
        further: &[(String, String)],
    ) -> Result<PendingLogin, Error> {
        let now = self.now();
        let id = LoginId::new(now, random()?);
        let state = format!("{}.{}", id.as_str(), random_text()?.expose());
        Ok(PendingLogin {
            id,
            provider: provider.id.clone(),
            issuer: metadata.issuer.clone(),
            state: state.into(),
            nonce: random_text()?,
            code_verifier: random_text()?,
            landing: beginning.landing.clone(),
            started_at: now,
            max_age: max_age(further).flatten(),
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
        let posted = provider.settings.response_mode == ResponseMode::FormPost;
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
fn random_text() -> Result<Secret<String>, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?).into())
}
