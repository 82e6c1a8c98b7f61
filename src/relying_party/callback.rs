//! Back from the provider: a login has its answer, and everything about it is checked.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

use super::openid_connect::OpenIdProvider;
use super::sign_in::{Issued, Proof, SignIn};
use super::{Provider, RelyingParty};
use crate::config::Opened;
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::authorization::{
    AuthorizationError, AuthorizationResponse, VerifiedCode, VerifiedResponse,
};
use crate::oauth::discovery::Metadata;
use crate::oauth::oauth1::CallbackResponse;
use crate::oauth::token::{self, TokenResponse};
use crate::pending_login::{HandOver, Landing, LoginId, PendingLogin};
use crate::provider::Protocol;
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
    /// Finishes the login that `answer`, a query or a form, comes from: checks everything, and signs
    /// in. Whatever comes of it, the login has had its answer.
    pub(crate) async fn finish_login(
        &self,
        provider: &Provider,
        answer: &[u8],
        request: &HeaderMap,
    ) -> Result<Finished, Unfinished> {
        let opened = self.config.opened().await.map_err(Error::from)?;
        let answer = Answer::parse(provider, answer)?;
        let pending = self.spend_login(provider, &answer, request, opened)?;
        let forget = self.cookies.delete_login(&pending.id);
        let landing = pending.landing.clone();
        let finished = self.conclude(provider, pending, answer, request).await;
        finished.map_err(|error| Unfinished {
            error,
            landing: Some(landing),
            cookies: forget.into_iter().collect(),
        })
    }

    async fn conclude(
        &self,
        provider: &Provider,
        pending: PendingLogin,
        answer: Answer,
        request: &HeaderMap,
    ) -> Result<Finished, Error> {
        let forget = self.cookies.delete_login(&pending.id);
        let landing = pending.landing.clone();
        let settled = match (answer, &provider.settings.0) {
            (Answer::OAuth2(response), _) => {
                self.settle_code(provider, pending, response, request).await?
            }
            (Answer::OAuth1(response), Protocol::OAuth1(settings)) => {
                self.settle_request_token(provider, settings, pending, response, request).await?
            }
            (Answer::OAuth1(_), _) => return Err(Kind::NoSuchLogin.into()),
        };
        let (pending, proof) = match settled {
            Settled::Proved(proved) => *proved,
            Settled::Refused(error) => {
                let cookies = forget.into_iter().collect();
                return Ok(Finished::Refused { error, landing, cookies });
            }
        };
        let sign_in = SignIn {
            provider,
            request,
            hand_over: &landing.hand_over,
            // Who gets no cookie keeps the one they have.
            replaces: pending.replaces.filter(|_| hands_over_cookie(&landing)),
        };
        let issued = self.sign_in(&sign_in, proof).await?;
        let back = self.cookies.set_returned(self.now().after(RETURNED));
        let back = back.filter(|_| hands_over_cookie(&landing));
        let cookies = forget.into_iter().chain(back).collect();
        Ok(Finished::SignedIn { landing, issued, cookies })
    }

    async fn settle_code(
        &self,
        provider: &Provider,
        pending: PendingLogin,
        response: AuthorizationResponse,
        request: &HeaderMap,
    ) -> Result<Settled, Error> {
        let metadata = self.metadata(provider).await?;
        // Begun under an earlier configuration: another issuer's code is not for this one's eyes.
        if pending.issuer != metadata.issuer {
            return Err(Kind::NoSuchLogin.into());
        }
        let iss = provider.settings.iss(metadata.capabilities.authorization_response_iss);
        let code = match response.verify(pending, iss)? {
            VerifiedResponse::Code(code) => code,
            VerifiedResponse::Refused(error) => return Ok(Settled::Refused(error)),
        };
        self.check_same_user(code.pending(), request).await?;
        let callback = Callback { provider, metadata: &metadata, code: &code };
        let proof = self.redeem(&callback).await?;
        Ok(Settled::Proved(Box::new((code.into_pending(), proof))))
    }

    /// The login that `answer` claims to answer, if this browser began it at `provider`, not too
    /// long ago, and it has had no answer yet.
    fn spend_login(
        &self,
        provider: &Provider,
        answer: &Answer,
        request: &HeaderMap,
        opened: &Opened,
    ) -> Result<PendingLogin, Error> {
        let now = self.now();
        let oldest = now.before(self.settings().login_timeout);
        let open = |id: &LoginId| {
            let value = wire::cookie::value(request, &self.cookies.login_name(id));
            value
                .and_then(|value| wire::login::decode(id, value, &opened.keys, now))
                .filter(|pending| pending.provider == provider.id && pending.started_at >= oldest)
        };
        let pending = match answer {
            Answer::OAuth2(response) => response.login_id().and_then(|id| open(&id)),
            Answer::OAuth1(response) => {
                let mut begun = self.cookies.logins(request).into_iter().filter_map(|id| open(&id));
                begun.find(|pending| {
                    pending.request_token.as_ref().is_some_and(|token| response.answers(token))
                })
            }
        };
        let pending = pending.ok_or(Kind::NoSuchLogin)?;
        if !self.spent.spend(&pending.id, oldest) {
            return Err(Kind::SpentLogin.into());
        }
        Ok(pending)
    }

    /// A login begun by one user must not be finished in the session of another. (A callback by
    /// cross-site POST comes without the session cookie; then there is nothing to compare.)
    pub(super) async fn check_same_user(
        &self,
        pending: &PendingLogin,
        request: &HeaderMap,
    ) -> Result<(), Error> {
        let Some((then, _)) = pending.replaces else { return Ok(()) };
        match self.present_session(request).await? {
            Some((now, _)) if now != then => Err(Kind::OtherUser.into()),
            _ => Ok(()),
        }
    }

    /// Redeems the code, and checks everything that comes for it. Until it has passed, nothing of
    /// it is used or stored.
    async fn redeem(&self, callback: &Callback<'_>) -> Result<Proof, Error> {
        let Callback { provider, metadata, code } = callback;
        // What came beside the code has to vouch for it before anybody is shown it.
        let vouched = match &provider.settings.0 {
            Protocol::OpenIdConnect(settings) => {
                let op = OpenIdProvider { provider, settings, metadata };
                self.verify_beside_code(op, callback).await?
            }
            Protocol::OAuth1(_) | Protocol::OAuth2(_) => None,
        };
        let client = self.client(provider, metadata)?;
        let redirect_uri = self.redirect_uri(&provider.id);
        let pkce = provider.settings.style().pkce;
        let request = token::redeem(&metadata.endpoints.token, &client, &redirect_uri, code, pkce)
            .ok_or(Kind::NoSuchLogin)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let TokenResponse { tokens } = TokenResponse::parse(&answer, self.now())?;
        match &provider.settings.0 {
            Protocol::OpenIdConnect(settings) => {
                let op = OpenIdProvider { provider, settings, metadata };
                self.prove_by_id_token(op, callback, vouched, tokens).await
            }
            // Speaks of no codes.
            Protocol::OAuth1(_) => Err(Kind::NoSuchLogin.into()),
            Protocol::OAuth2(settings) => {
                self.prove_by_profile(provider, settings, metadata, tokens).await
            }
        }
    }
}

/// What a browser brings back from a provider, by what is spoken with it. Nothing in it is trusted
/// yet.
#[derive(Debug)]
enum Answer {
    OAuth1(CallbackResponse),
    OAuth2(AuthorizationResponse),
}

impl Answer {
    fn parse(provider: &Provider, encoded: &[u8]) -> Result<Self, Error> {
        Ok(match &provider.settings.0 {
            Protocol::OAuth1(_) => Self::OAuth1(CallbackResponse::parse(encoded)?),
            Protocol::OAuth2(_) | Protocol::OpenIdConnect(_) => {
                Self::OAuth2(AuthorizationResponse::parse(encoded)?)
            }
        })
    }
}

/// What an answer that is ours comes to.
#[derive(Debug)]
pub(super) enum Settled {
    /// Who has signed in, by the login that it ends.
    Proved(Box<(PendingLogin, Proof)>),
    Refused(AuthorizationError),
}

/// A verified answer, with all that it has to be seen against.
#[derive(Debug)]
pub(super) struct Callback<'a> {
    pub(super) provider: &'a Provider,
    pub(super) metadata: &'a Metadata,
    pub(super) code: &'a VerifiedCode,
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
