//! Back from the provider: a login has its answer, and everything about it is checked.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::documents::Sender;
use super::sign_in::{Issued, Proof, SignIn};
use super::{Provider, RelyingParty};
use crate::config::Opened;
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::authorization::{
    AuthorizationError, AuthorizationResponse, VerifiedCode, VerifiedResponse,
};
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::{self, Delivery, Expected, IdToken, IdTokenError};
use crate::oauth::json::Object;
use crate::oauth::jwa::Algorithm;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, Keys};
use crate::oauth::token::{self, TokenResponse};
use crate::oauth::userinfo;
use crate::pending_login::{HandOver, Landing, PendingLogin};
use crate::principal::Subject;
use crate::token::TokenSet;
use crate::wire;

/// A login that has had its answer.
#[derive(Debug)]
pub(crate) enum Finished {
    SignedIn {
        landing: Landing,
        issued: Issued,
        cookies: Vec<HeaderValue>,
    },
    /// The provider did not sign the user in, or the user did not want it to.
    Refused {
        error: AuthorizationError,
        landing: Landing,
        cookies: Vec<HeaderValue>,
    },
}

/// A login that came to nothing.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) error: Error,
    /// Where it was to end; unknown if the login was not this browser's own.
    pub(crate) landing: Option<Landing>,
    /// What to delete in the browser; nothing if the login was not its own.
    pub(crate) cookies: Vec<HeaderValue>,
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self { error, landing: None, cookies: Vec::new() }
    }
}

impl RelyingParty {
    /// Finishes the login that `response` answers: checks everything, and signs in. Whatever comes
    /// of it, the login has had its answer.
    pub(crate) async fn finish_login(
        &self,
        provider: &Provider,
        response: AuthorizationResponse,
        request: &HeaderMap,
    ) -> Result<Finished, Unfinished> {
        let opened = self.config.opened().await.map_err(Error::from)?;
        let pending = self.spend_login(provider, &response, request, opened)?;
        let forget = self.cookies.delete_login(&pending.id);
        let landing = pending.landing.clone();
        let finished = self.answer_login(provider, pending, response, request).await;
        finished.map_err(|error| Unfinished {
            error,
            landing: Some(landing),
            cookies: forget.into_iter().collect(),
        })
    }

    async fn answer_login(
        &self,
        provider: &Provider,
        pending: PendingLogin,
        response: AuthorizationResponse,
        request: &HeaderMap,
    ) -> Result<Finished, Error> {
        let metadata = self.metadata(provider).await?;
        // Begun under an earlier configuration: another issuer's code is not for this one's eyes.
        if pending.issuer != metadata.issuer {
            return Err(Kind::NoSuchLogin.into());
        }
        let forget = self.cookies.delete_login(&pending.id);
        let landing = pending.landing.clone();
        let promised = metadata.capabilities.authorization_response_iss;
        let code = match response.verify(pending, promised)? {
            VerifiedResponse::Code(code) => code,
            VerifiedResponse::Refused(error) => {
                let cookies = forget.into_iter().collect();
                return Ok(Finished::Refused { error, landing, cookies });
            }
        };
        let callback = Callback { provider, metadata: &metadata, code: &code, request };
        self.check_same_user(&callback).await?;
        let proof = self.redeem(&callback).await?;
        let sign_in = SignIn {
            provider,
            issuer: &metadata.issuer,
            request,
            hand_over: &landing.hand_over,
            // Who gets no cookie keeps the one they have.
            replaces: callback.pending().replaces.filter(|_| hands_over_cookie(&landing)),
        };
        let issued = self.sign_in(&sign_in, proof).await?;
        let back = self.cookies.set_returned(self.now().after(RETURNED));
        let back = back.filter(|_| hands_over_cookie(&landing));
        let cookies = forget.into_iter().chain(back).collect();
        Ok(Finished::SignedIn { landing, issued, cookies })
    }

    /// The login that `response` claims to answer, if this browser began it at `provider`, not too
    /// long ago, and it has had no answer yet.
    fn spend_login(
        &self,
        provider: &Provider,
        response: &AuthorizationResponse,
        request: &HeaderMap,
        opened: &Opened,
    ) -> Result<PendingLogin, Error> {
        let now = self.now();
        let oldest = now.before(self.settings().login_timeout);
        let id = response.login_id().ok_or(Kind::NoSuchLogin)?;
        let value = wire::cookie::value(request, &self.cookies.login_name(&id));
        let pending = value
            .and_then(|value| wire::login::decode(&id, value, &opened.keys, now))
            .filter(|pending| pending.provider == provider.id && pending.started_at >= oldest)
            .ok_or(Kind::NoSuchLogin)?;
        if !self.spent.spend(&id, oldest) {
            return Err(Kind::SpentLogin.into());
        }
        Ok(pending)
    }

    /// A login begun by one user must not be finished in the session of another. (A callback by
    /// cross-site POST comes without the session cookie; then there is nothing to compare.)
    async fn check_same_user(&self, callback: &Callback<'_>) -> Result<(), Error> {
        let Some((then, _)) = callback.pending().replaces else { return Ok(()) };
        match self.present_session(callback.request).await? {
            Some((now, _)) if now != then => Err(Kind::OtherUser.into()),
            _ => Ok(()),
        }
    }

    /// Redeems the code, and checks everything that comes for it. Until it has passed, nothing of
    /// it is used or stored.
    async fn redeem(&self, callback: &Callback<'_>) -> Result<Proof, Error> {
        let Callback { provider, metadata, code, .. } = callback;
        let client = provider.client(metadata);
        let redirect_uri = self.redirect_uri(&provider.id);
        let request = token::redeem(&metadata.endpoints.token, client, &redirect_uri, code)
            .ok_or(Kind::NoSuchLogin)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let TokenResponse { tokens } = TokenResponse::parse(&answer, self.now())?;
        let id_token = self.verify_id_token(callback, &tokens).await?;
        let userinfo = self.userinfo(metadata, &tokens, id_token.subject()).await?;
        Ok(Proof { tokens, id_token, userinfo })
    }

    async fn verify_id_token(
        &self,
        callback: &Callback<'_>,
        tokens: &TokenSet,
    ) -> Result<IdToken, Error> {
        let Callback { provider, metadata, code, .. } = callback;
        let pending = callback.pending();
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let expected = Expected {
            nonce: self.settings().validate_nonce.then_some(&pending.nonce),
            code: Some(code.code()),
            max_age: pending.max_age.map(Duration::from_secs),
            ..self.expected(provider, metadata, tokens)
        };
        self.verified(Sender::Provider, provider, metadata, |keys, algorithms| {
            id_token::verify(token.expose(), keys, algorithms, &expected)
        })
        .await
    }

    /// What any ID token of `provider` must say that comes from its token endpoint with `tokens`.
    pub(super) fn expected<'a>(
        &self,
        provider: &'a Provider,
        metadata: &'a Metadata,
        tokens: &'a TokenSet,
    ) -> Expected<'a> {
        Expected {
            issuer: &metadata.issuer,
            client_id: &provider.settings.client_id,
            trusted_audiences: &provider.settings.trusted_audiences,
            nonce: None,
            access_token: tokens.access_token.as_ref(),
            code: None,
            delivery: Delivery::TokenEndpoint,
            max_age: None,
            acr_values: &[],
            now: self.now(),
            skew: provider.settings.clock_skew,
        }
    }

    /// Verifies with the secret that the provider signs with, if it is configured so. Else with its
    /// keys, and once again with newly fetched ones if the one wanted is not among them: the
    /// provider may have changed its keys since. What is to be verified came from `sender`.
    pub(super) async fn verified(
        &self,
        sender: Sender,
        provider: &Provider,
        metadata: &Metadata,
        verify: impl Fn(Keys<'_>, &[Algorithm]) -> Result<IdToken, IdTokenError>,
    ) -> Result<IdToken, Error> {
        let capabilities = &metadata.capabilities;
        if let Some(secret) = provider.settings.id_token_secret().map_err(IdTokenError::from)? {
            let algorithms = capabilities.symmetric_signing_algorithms();
            return Ok(verify(Keys::Shared(&secret), &algorithms)?);
        }
        let algorithms = capabilities.public_signing_algorithms();
        let verify = |keys: Arc<KeySet>| verify(Keys::Published(&keys), &algorithms);
        match verify(self.keys(provider, metadata).await?) {
            Err(IdTokenError::Signature(JwsError::NoMatchingKey)) => {
                Ok(verify(self.keys_again(sender, provider, metadata).await?)?)
            }
            verified => Ok(verified?),
        }
    }

    pub(super) async fn userinfo(
        &self,
        metadata: &Metadata,
        tokens: &TokenSet,
        subject: &Subject,
    ) -> Result<Option<Object>, Error> {
        let (Some(endpoint), Some(access_token)) =
            (&metadata.endpoints.userinfo, &tokens.access_token)
        else {
            return Ok(None);
        };
        let request = userinfo::request(endpoint, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let expected = userinfo::Expected { subject, signed: None };
        Ok(Some(userinfo::parse(&answer, &expected)?))
    }
}

/// A verified answer, with all that it has to be seen against.
#[derive(Debug)]
pub(super) struct Callback<'a> {
    pub(super) provider: &'a Provider,
    pub(super) metadata: &'a Metadata,
    pub(super) code: &'a VerifiedCode,
    pub(super) request: &'a HeaderMap,
}

impl Callback<'_> {
    pub(super) fn pending(&self) -> &PendingLogin {
        self.code.pending()
    }
}

fn hands_over_cookie(landing: &Landing) -> bool {
    landing.hand_over == HandOver::Cookie
}

/// How long a browser counts as one that has just come back.
const RETURNED: Duration = Duration::from_secs(30);
