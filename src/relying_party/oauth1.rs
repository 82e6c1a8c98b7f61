//! OAuth 1.0a: who has signed in is whom the provider names beside the access token that a request
//! token of ours was exchanged for.
//!
//! The callback has no room for `state`. The request token takes its place: it is drawn by the
//! provider for this login alone, and sealed into the cookie of the browser that began it.

use http::{HeaderMap, StatusCode};
use url::Url;

use super::callback::Settled;
use super::login::random_text;
use super::sign_in::Proof;
use super::{Provider, RelyingParty};
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::authorization::AuthorizationError;
use crate::oauth::discovery::configured_url;
use crate::oauth::json::Value;
use crate::oauth::oauth1::{self, CallbackResponse, Consumer, OAuth1Error, Stamp};
use crate::oauth::userinfo::{self, UserinfoError};
use crate::pending_login::PendingLogin;
use crate::principal::Subject;
use crate::provider::OAuth1;
use crate::secret::Secret;
use crate::session::Authentication;
use crate::token::{SigningToken, TokenSet};

impl RelyingParty {
    /// Has the provider open a login, and says where the browser goes for it.
    pub(super) async fn ask_request_token(
        &self,
        provider: &Provider,
        settings: &OAuth1,
        mut pending: PendingLogin,
        further: &[(String, String)],
    ) -> Result<(Url, PendingLogin), Error> {
        let endpoint = address(&settings.request_token_endpoint)?;
        let callback = self.redirect_uri(&provider.id);
        let nonce = random_text()?;
        let stamp = Stamp { nonce: nonce.expose(), timestamp: self.now() };
        let request = oauth1::request_token(&endpoint, consumer(settings)?, &callback, stamp)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let token = oauth1::read_request_token(&answer)?;
        let page = address(&settings.authorization_endpoint)?;
        let location = oauth1::authorization_url(&page, &token, further);
        pending.request_token = Some(token);
        Ok((location, pending))
    }

    /// Exchanges the request token that the user has approved, and asks who they are.
    pub(super) async fn settle_request_token(
        &self,
        provider: &Provider,
        settings: &OAuth1,
        pending: PendingLogin,
        response: CallbackResponse,
        request: &HeaderMap,
    ) -> Result<Settled, Error> {
        // Begun under an earlier configuration.
        if pending.issuer != settings.issuer {
            return Err(Kind::NoSuchLogin.into());
        }
        let Some(verifier) = response.verifier else {
            let code = "access_denied".to_owned();
            return Ok(Settled::Refused(AuthorizationError { code, aadsts: None }));
        };
        self.check_same_user(&pending, request).await?;
        let request_token = pending.request_token.as_ref().ok_or(Kind::NoSuchLogin)?;
        let proof = self.redeem_request_token(provider, settings, request_token, &verifier).await?;
        Ok(Settled::Proved(Box::new((pending, proof))))
    }

    async fn redeem_request_token(
        &self,
        provider: &Provider,
        settings: &OAuth1,
        request_token: &SigningToken,
        verifier: &Secret<String>,
    ) -> Result<Proof, Error> {
        let endpoint = address(&settings.access_token_endpoint)?;
        let nonce = random_text()?;
        let stamp = Stamp { nonce: nonce.expose(), timestamp: self.now() };
        let consumer = consumer(settings)?;
        let request = oauth1::access_token(&endpoint, consumer, request_token, verifier, stamp)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let (token, told) = oauth1::read_access_token(&answer)?;
        let described = self.describe_user(settings, &token).await?;
        let profile = (settings.mapping)(&told, described.as_ref()).ok_or(Kind::NoUser)?;
        let tokens = TokenSet {
            access_token: Some(token.token),
            access_token_secret: Some(token.secret),
            ..TokenSet::default()
        };
        Ok(Proof {
            tokens,
            issuer: settings.issuer.clone(),
            subject: Subject::new(&profile.subject),
            stated: profile.stated(&provider.id),
            original: None,
            provider_sid: None,
            authentication: Authentication::default(),
        })
    }

    /// How the provider describes the user of `token`; `None` if our app may not know.
    async fn describe_user(
        &self,
        settings: &OAuth1,
        token: &SigningToken,
    ) -> Result<Option<Value>, Error> {
        let endpoint = address(&settings.profile_endpoint)?;
        let nonce = random_text()?;
        let stamp = Stamp { nonce: nonce.expose(), timestamp: self.now() };
        let request = oauth1::resource(&endpoint, consumer(settings)?, token, stamp)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        match userinfo::plain_answer(&answer) {
            Ok(value) => Ok(Some(value)),
            Err(UserinfoError::Refused(StatusCode::FORBIDDEN)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn consumer(settings: &OAuth1) -> Result<Consumer<'_>, Error> {
    let registration = &settings.registration;
    let secret = registration.client_secret.as_ref().ok_or(OAuth1Error::Unfit)?;
    Ok(Consumer { key: &registration.client_id, secret })
}

fn address(endpoint: &str) -> Result<Url, Error> {
    Ok(configured_url(endpoint)?)
}
