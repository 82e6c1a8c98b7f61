//! Signing in: away to the provider, and back.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use url::Url;

use super::records::Change;
use super::{Provider, RelyingParty, Unknown};
use crate::config::Opened;
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::authorization::{
    AuthorizationError, AuthorizationRequest, AuthorizationResponse, ResponseMode, VerifiedCode,
    VerifiedResponse,
};
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::IdTokenError;
use crate::oauth::id_token::{self, Delivery, Expected, IdToken};
use crate::oauth::json::Object;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, Keys};
use crate::oauth::token::{self, Client, ClientAuthentication, TokenResponse};
use crate::oauth::userinfo;
use crate::pending_login::{LoginId, PendingLogin};
use crate::principal::{Identity, Principal};
use crate::record::{Grant, Record};
use crate::return_to::ReturnTo;
use crate::seal::{RandomError, random};
use crate::secret::Secret;
use crate::session::{Authentication, Session, SessionHandle, SessionId, UserKey};
use crate::token::TokenSet;
use crate::wire;
use crate::wire::cookie::MAX_LOGINS;
use crate::wire::session::SessionCookie;

/// What a visitor wants who begins to sign in.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) return_to: ReturnTo,
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

/// A login that has had its answer.
#[derive(Debug)]
pub(crate) enum Finished {
    SignedIn {
        principal: Principal,
        return_to: ReturnTo,
        cookies: Vec<HeaderValue>,
    },
    /// The provider did not sign the user in, or the user did not want it to.
    Refused {
        error: AuthorizationError,
        return_to: ReturnTo,
        cookies: Vec<HeaderValue>,
    },
}

/// A login that came to nothing.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) error: Error,
    /// What to delete in the browser; nothing if the login was not its own.
    pub(crate) cookies: Vec<HeaderValue>,
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self { error, cookies: Vec::new() }
    }
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
        let max_age = further.iter().find(|(name, _)| name == "max_age");
        Ok(PendingLogin {
            id,
            provider: provider.id.clone(),
            issuer: metadata.issuer.clone(),
            state: state.into(),
            nonce: random_text()?,
            code_verifier: random_text()?,
            return_to: beginning.return_to.clone(),
            started_at: now,
            max_age: max_age.and_then(|(_, seconds)| seconds.parse().ok()),
            replaces: self.present_session(beginning.request).await?,
        })
    }

    /// The session that the browser has now, if any.
    async fn present_session(
        &self,
        request: &HeaderMap,
    ) -> Result<Option<(UserKey, SessionId)>, Error> {
        let known = self.authenticate(request).await?;
        Ok(known.ok().map(|known| (known.handle.user, known.handle.session)))
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

    /// Finishes the login that `response` answers: checks everything, and signs in. Whatever comes of
    /// it, the login has had its answer.
    pub(crate) async fn finish_login(
        &self,
        provider: &Provider,
        response: AuthorizationResponse,
        request: &HeaderMap,
    ) -> Result<Finished, Unfinished> {
        let opened = self.config.opened().await.map_err(Error::from)?;
        let pending = self.spend_login(provider, &response, request, opened)?;
        let forget = self.cookies.delete_login(&pending.id);
        let finished = self.answer_login(provider, pending, response, request, opened).await;
        finished.map_err(|error| Unfinished { error, cookies: forget.into_iter().collect() })
    }

    async fn answer_login(
        &self,
        provider: &Provider,
        pending: PendingLogin,
        response: AuthorizationResponse,
        request: &HeaderMap,
        opened: &Opened,
    ) -> Result<Finished, Error> {
        let metadata = self.metadata(provider).await?;
        let forget = self.cookies.delete_login(&pending.id);
        let return_to = pending.return_to.clone();
        let promised = metadata.capabilities.authorization_response_iss;
        let code = match response.verify(pending, promised)? {
            VerifiedResponse::Code(code) => code,
            VerifiedResponse::Refused(error) => {
                let cookies = forget.into_iter().collect();
                return Ok(Finished::Refused { error, return_to, cookies });
            }
        };
        self.check_same_user(code.pending(), request).await?;
        let proof = self.redeem(provider, &metadata, &code).await?;
        let signed_in = self.sign_in(provider, &metadata, &code, proof, request, opened).await?;
        let (principal, session_cookies) = signed_in;
        let returned = self.cookies.set_returned(self.now().after(RETURNED));
        let cookies = forget.into_iter().chain(session_cookies).chain(returned).collect();
        Ok(Finished::SignedIn { principal, return_to, cookies })
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
    async fn check_same_user(
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

    /// Redeems `code`, and checks everything that comes for it. Until it has passed, nothing of it
    /// is used or stored.
    async fn redeem(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        code: &VerifiedCode,
    ) -> Result<Proof, Error> {
        let client = client(provider, metadata);
        let redirect_uri = self.redirect_uri(&provider.id);
        let request = token::redeem(&metadata.endpoints.token, client, &redirect_uri, code)
            .ok_or(Kind::NoSuchLogin)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let TokenResponse { tokens } = TokenResponse::parse(&answer, self.now())?;
        let id_token = self.verify_id_token(provider, metadata, code.pending(), &tokens).await?;
        let userinfo = self.userinfo(metadata, &tokens, &id_token).await?;
        Ok(Proof { tokens, id_token, userinfo })
    }

    async fn verify_id_token(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        pending: &PendingLogin,
        tokens: &TokenSet,
    ) -> Result<IdToken, Error> {
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: &provider.settings.client_id,
            trusted_audiences: &provider.settings.trusted_audiences,
            nonce: self.settings().validate_nonce.then_some(&pending.nonce),
            access_token: tokens.access_token.as_ref(),
            code: None,
            delivery: Delivery::TokenEndpoint,
            max_age: pending.max_age.map(std::time::Duration::from_secs),
            acr_values: &[],
            now: self.now(),
            skew: provider.settings.clock_skew,
        };
        let algorithms = metadata.capabilities.public_signing_algorithms();
        let verify = |keys: Arc<KeySet>| {
            id_token::verify(token.expose(), Keys::Published(&keys), &algorithms, &expected)
        };
        match verify(self.keys(provider, metadata).await?) {
            // The provider may have changed its keys since we fetched them.
            Err(IdTokenError::Signature(JwsError::NoMatchingKey)) => {
                Ok(verify(self.keys_again(provider, metadata).await?)?)
            }
            verified => Ok(verified?),
        }
    }

    async fn userinfo(
        &self,
        metadata: &Metadata,
        tokens: &TokenSet,
        id_token: &IdToken,
    ) -> Result<Option<Object>, Error> {
        let (Some(endpoint), Some(access_token)) =
            (&metadata.endpoints.userinfo, &tokens.access_token)
        else {
            return Ok(None);
        };
        let request: Request<Bytes> = userinfo::request(endpoint, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let expected = userinfo::Expected { subject: id_token.subject(), signed: None };
        Ok(Some(userinfo::parse(&answer, &expected)?))
    }

    /// Begins a session for the user whom `proof` is about.
    async fn sign_in(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        code: &VerifiedCode,
        proof: Proof,
        request: &HeaderMap,
        opened: &Opened,
    ) -> Result<(Principal, Vec<HeaderValue>), Error> {
        let now = self.now();
        let Proof { tokens, id_token, userinfo } = proof;
        let subject = id_token.subject();
        let user = opened.user_ids.user_key(&provider.id, &metadata.issuer, subject);
        let identity = provider.settings.identity(
            &provider.id,
            subject.as_str(),
            id_token.claims(),
            userinfo.as_ref(),
        );
        let settings = &self.settings().session;
        let session = Session {
            id: SessionId::new(random()?),
            created_at: now,
            renewed_at: now,
            expires_at: settings.expiry(now, tokens.expires_at),
            device: device(request),
            provider_sid: id_token.sid().map(str::to_owned),
            authentication: authentication(&id_token),
        };
        let signed_in = SignIn { user, identity, tokens, session };
        let content = self.keep(metadata, subject, signed_in, code.pending()).await?;
        let value = wire::session::encode(&content.cookie, &opened.keys, now)?;
        let until = content.cookie.handle.expires_at.after(settings.window);
        let cookies = self.cookies.set_session(&value, Some(until), request);
        Ok((content.principal, cookies))
    }

    /// Keeps what a sign-in brought: in the token store, or where there is none, in the cookie.
    async fn keep(
        &self,
        metadata: &Metadata,
        subject: &crate::principal::Subject,
        signed_in: SignIn,
        pending: &PendingLogin,
    ) -> Result<Kept, Error> {
        let SignIn { user, identity, tokens, session } = signed_in;
        let mut handle = SessionHandle {
            user,
            session: session.id,
            generation: 0,
            created_at: session.created_at,
            expires_at: session.expires_at,
        };
        let Some(records) = self.records().await? else {
            let principal = Principal::new(session.identify(&identity), None);
            let cookie = SessionCookie { handle, identity: Some(session.identify(&identity)) };
            return Ok(Kept { principal, cookie });
        };
        let now = self.now();
        let most = self.settings().session.most_per_user;
        let grant = Grant { generation: 0, tokens: Arc::new(tokens), identity };
        let kept = records
            .update(&user, |record| {
                let mut record = match record {
                    Some(mut record) => {
                        record.renew(grant.clone());
                        record
                    }
                    None => Record {
                        issuer: metadata.issuer.clone(),
                        subject: subject.clone(),
                        grant: grant.clone(),
                        sessions: Vec::new(),
                        lease: None,
                    },
                };
                if let Some((_, replaced)) = pending.replaces.filter(|(then, _)| *then == user) {
                    record.end(replaced);
                }
                record.admit(session.clone(), most, now);
                Change::Put(record)
            })
            .await?;
        if let Some((other, replaced)) = pending.replaces.filter(|(then, _)| *then != user) {
            self.end(&other, replaced).await?;
        }
        let generation = kept.record().map_or(0, |record| record.grant.generation);
        handle.generation = generation;
        let principal = kept
            .record()
            .map(|record| record.principal(&session))
            .ok_or(Kind::Store(crate::store::StoreError::Conflict))?;
        Ok(Kept { principal, cookie: SessionCookie { handle, identity: None } })
    }
}

/// What a code was redeemed for, checked.
struct Proof {
    tokens: TokenSet,
    id_token: IdToken,
    userinfo: Option<Object>,
}

/// A user, and the session that is to begin.
struct SignIn {
    user: UserKey,
    identity: Identity,
    tokens: TokenSet,
    session: Session,
}

struct Kept {
    principal: Principal,
    cookie: SessionCookie,
}

fn client<'a>(provider: &'a Provider, metadata: &Metadata) -> Client<'a> {
    let settings = &provider.settings;
    let supported = metadata.capabilities.token_endpoint_auth_methods.as_deref();
    // Without a list the provider takes `client_secret_basic` (OpenID Connect Discovery §3).
    let post_only = supported.is_some_and(|methods| {
        let has = |method: &str| methods.iter().any(|supported| supported == method);
        has("client_secret_post") && !has("client_secret_basic")
    });
    let discovered = if post_only {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    };
    Client {
        id: &settings.client_id,
        secret: settings.client_secret.as_ref(),
        authentication: settings.client_authentication.unwrap_or(discovered),
    }
}

fn authentication(id_token: &IdToken) -> Authentication {
    Authentication {
        time: id_token.auth_time().map(crate::clock::Timestamp::as_unix),
        context: id_token.acr().map(str::to_owned),
        methods: id_token.amr().into_iter().map(str::to_owned).collect(),
    }
}

/// What the browser says of itself, for the user's list of sessions.
fn device(request: &HeaderMap) -> Option<String> {
    let agent = request.get(header::USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(MAX_DEVICE).collect())
}

/// 256 random bits as text: fit for `state`, `nonce` and a code verifier (RFC 7636 §4.1).
fn random_text() -> Result<Secret<String>, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?).into())
}

/// How long a browser counts as one that has just come back.
const RETURNED: std::time::Duration = std::time::Duration::from_secs(30);
const MAX_DEVICE: usize = 200;
