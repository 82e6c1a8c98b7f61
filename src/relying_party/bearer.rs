//! Callers with a token of a provider (`Authorization: Bearer`). There is no session: the token says
//! it all with every request, and is verified once.

use std::sync::Arc;

use http::{HeaderMap, header};

use super::authenticate::{Known, Prepared, Recognised};
use super::credential::{NoBearer, Unknown};
use super::documents::Sender;
use super::verified_tokens::VerifiedToken;
use super::{Provider, RelyingParty};
use crate::error::Error;
use crate::oauth::bearer::{self, Accepted, BearerError, Expected, Presented};
use crate::oauth::id_token;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{self, JwsError};
use crate::principal::{Principal, Subject};
use crate::provider::{self, Issuers, NotAdmitted, OpenIdConnect, Protocol};
use crate::secret::Secret;
use crate::wire;

/// How a provider's tokens are taken.
#[derive(Debug)]
pub(super) struct BearerTokens {
    /// Whose tokens are worth a look.
    issuers: Issuers,
    /// Whom a token may be for.
    audiences: Vec<String>,
}

impl BearerTokens {
    /// `None` if no token of the provider is taken.
    pub(super) fn of(provider: &provider::Provider) -> Option<Self> {
        let Protocol::OpenIdConnect(settings) = &provider.0 else { return None };
        let mut audiences = settings.bearer_audiences.clone()?;
        audiences.push(settings.registration.client_id.clone());
        Some(Self { issuers: settings.source.issuers(), audiences })
    }
}

/// What a request brings in `Authorization`, as far as it is our business.
#[derive(Debug)]
enum Brought<'a> {
    Nothing,
    /// A token of nobody whom we believe: the application may know what it is.
    Foreign,
    /// What somebody more lenient than we are could take for a token, of ours or of our providers.
    Unclear,
    /// A token of one of our providers, or so it says.
    Ours(&'a str),
    Several,
}

impl RelyingParty {
    /// Looks at the credentials of a request, a bearer token among them, without waiting.
    pub(super) fn recognise_with_bearer(&self, request: &HeaderMap) -> Recognised {
        // The way of every request of a program: nothing is decoded that was decoded before.
        if let Presented::Token(token) = bearer::presented(request)
            && wire::session_token::find(request).is_none()
            && let Some(known) = self.recall_bearer(token)
        {
            return Recognised::Known(known);
        }
        match self.brought(request) {
            Brought::Nothing => self.recognise_session(request),
            Brought::Several => Recognised::Unknown(Unknown::Bearer(NoBearer::Several)),
            Brought::Ours(_) => Recognised::Unsettled,
            Brought::Foreign => self.recognise_session_or(request, NoBearer::Foreign),
            Brought::Unclear => self.recognise_session_or(request, NoBearer::Refused),
        }
    }

    /// Looks at the credentials of a request, a bearer token among them.
    pub(super) async fn authenticate_with_bearer(
        &self,
        request: &HeaderMap,
    ) -> Result<Result<Known, Unknown>, Error> {
        let token = match self.brought(request) {
            Brought::Nothing => return self.authenticate_session(request).await,
            Brought::Several => return Ok(Err(Unknown::Bearer(NoBearer::Several))),
            Brought::Foreign => {
                return self.authenticate_session_or(request, NoBearer::Foreign).await;
            }
            Brought::Unclear => {
                return self.authenticate_session_or(request, NoBearer::Refused).await;
            }
            Brought::Ours(token) => token,
        };
        let holder = match self.authenticate_bearer(token).await? {
            Ok(holder) => holder,
            Err(why) => return Ok(Err(Unknown::Bearer(why))),
        };
        if wire::session_token::find(request).is_none() {
            return Ok(Ok(holder));
        }
        // The session token counts first, and has the user's tokens; but both must mean one user.
        let user = self.authenticate_session(request).await?;
        Ok(user.and_then(|user| {
            let one = user.is_same_user(&holder);
            if one { Ok(user) } else { Err(Unknown::Bearer(NoBearer::OtherUser)) }
        }))
    }

    fn recognise_session_or(&self, request: &HeaderMap, why: NoBearer) -> Recognised {
        match self.recognise_session(request) {
            Recognised::Unknown(unknown) => Recognised::Unknown(or_bearer(unknown, why)),
            recognised => recognised,
        }
    }

    async fn authenticate_session_or(
        &self,
        request: &HeaderMap,
        why: NoBearer,
    ) -> Result<Result<Known, Unknown>, Error> {
        let session = self.authenticate_session(request).await?;
        Ok(session.map_err(|unknown| or_bearer(unknown, why)))
    }

    /// Whether `Authorization` claims what nobody has proved, when the request goes on as nobody's.
    /// An application must not find it there and believe it.
    pub(crate) fn claims_by_bearer(&self, request: &HeaderMap) -> bool {
        request.contains_key(header::AUTHORIZATION)
            && matches!(
                self.brought(request),
                Brought::Ours(_) | Brought::Several | Brought::Unclear
            )
    }

    /// Takes out of a request whose sender is known, or may yet be, what of `Authorization` will
    /// prove nothing and could be taken for a proof.
    pub(crate) fn strip_unclear(&self, request: &mut HeaderMap) {
        // Most requests have none, and few headers: to look at them costs less than to hash a name.
        if request.keys().any(|name| *name == header::AUTHORIZATION)
            && matches!(self.brought(request), Brought::Unclear)
        {
            request.remove(header::AUTHORIZATION);
        }
    }

    /// The issuers of the providers whose tokens are taken, as they write themselves.
    pub(crate) async fn bearer_issuers(&self) -> Result<Vec<String>, Error> {
        let mut issuers = Vec::new();
        for provider in &self.providers {
            let Some(bearer) = &provider.bearer else { continue };
            let Protocol::OpenIdConnect(settings) = &provider.settings.0 else { continue };
            if let Some(only) = bearer.issuers.only() {
                issuers.push(only.as_str().to_owned());
                continue;
            }
            // Only its metadata say how it writes itself.
            let (metadata, _) = self.published(provider).await?;
            let named = settings.issuers(&metadata);
            issuers.extend(named.iter().map(|issuer| issuer.as_str().to_owned()));
        }
        Ok(issuers)
    }

    fn brought<'a>(&self, request: &'a HeaderMap) -> Brought<'a> {
        let claims_session =
            || wire::lookalike::claims_session(request, self.settings().origin.as_str());
        if !self.accepts_bearer {
            return if claims_session() { Brought::Unclear } else { Brought::Nothing };
        }
        let unclear = || {
            claims_session() || (wire::lookalike::is_sent(request) && !self.is_of_another(request))
        };
        match bearer::presented(request) {
            Presented::Several => Brought::Several,
            Presented::Token(token) if self.issuers_of(token).next().is_some() => {
                Brought::Ours(token)
            }
            _ if unclear() => Brought::Unclear,
            Presented::Token(_) => Brought::Foreign,
            Presented::Nothing => Brought::Nothing,
        }
    }

    /// Whether the request brings, by whatever scheme, one token that can be read in one way only,
    /// and is of nobody whose tokens are taken.
    fn is_of_another(&self, request: &HeaderMap) -> bool {
        let token = bearer::alone(request);
        token.is_some_and(|token| {
            jws::claimed_issuer(token).is_some() && self.issuers_of(token).next().is_none()
        })
    }

    /// Whose token it is, if it was verified lately and all that it rests on still stands.
    fn recall_bearer(&self, token: &str) -> Option<Known> {
        let verified = self.verified_tokens.get(token, self.now())?;
        let keys = self.keys_at_hand(&verified.provider)?;
        Arc::ptr_eq(&keys, &verified.keys).then(|| Known::by_bearer(&verified.prepared))
    }

    /// Verifies a token of one of our providers. Several may have one issuer, to whom we are several
    /// clients.
    async fn authenticate_bearer(&self, token: &str) -> Result<Result<Known, NoBearer>, Error> {
        if let Some(known) = self.recall_bearer(token) {
            return Ok(Ok(known));
        }
        let mut refused = NoBearer::Refused;
        for provider in self.issuers_of(token) {
            match self.verify_bearer(provider, token).await? {
                Ok(known) => return Ok(Ok(known)),
                // Good for one of them: then it is the holder who is refused.
                Err(NoBearer::NotAdmitted) => refused = NoBearer::NotAdmitted,
                Err(_) => {}
            }
        }
        Ok(Err(refused))
    }

    async fn verify_bearer(
        &self,
        provider: &Arc<Provider>,
        token: &str,
    ) -> Result<Result<Known, NoBearer>, Error> {
        let Protocol::OpenIdConnect(settings) = &provider.settings.0 else {
            return Ok(Err(NoBearer::Refused));
        };
        let (holder, keys) = match self.accept(provider, settings, token).await? {
            Ok(accepted) => accepted,
            Err(cause) => {
                let provider = &provider.id;
                tracing::debug!(%provider, %cause, "a bearer token is refused");
                return Ok(Err(cause.into()));
            }
        };
        let Holder { subject, accepted: Accepted { expires_at, claims } } = holder;
        let stated = settings.identity(&provider.id, &subject, &claims, &[]);
        let prepared = Arc::new(Prepared::new(Principal::new(stated.identity, None)));
        let known = Known::by_bearer(&prepared);
        let (value, provider) = (Secret::from(token), Arc::clone(provider));
        self.verified_tokens.keep(VerifiedToken { value, provider, keys, expires_at, prepared });
        Ok(Ok(known))
    }

    /// Whose a token is and what it says, and the keys that vouch for it.
    async fn accept(
        &self,
        provider: &Arc<Provider>,
        settings: &OpenIdConnect,
        token: &str,
    ) -> Result<Result<(Holder, Arc<KeySet>), Refusal>, Error> {
        let (metadata, keys) = self.published(provider).await?;
        let algorithms = metadata.capabilities.public_signing_algorithms();
        let tenant = id_token::unchecked_tenant(token);
        let issuer = match settings.issuer_for(&metadata, tenant.as_deref()) {
            Ok(issuer) => issuer,
            Err(refused) => return Ok(Err(refused.into())),
        };
        let expected = Expected {
            issuer: &issuer,
            audiences: provider.bearer.as_ref().map_or(&[], |bearer| &bearer.audiences),
            now: self.now(),
            skew: settings.clock_skew,
        };
        let verify = |keys: &KeySet| {
            bearer::verify(token, &settings.keys_of(&issuer, keys), &algorithms, &expected)
        };
        let (accepted, keys) = match verify(&keys) {
            Err(BearerError::Signature(JwsError::NoMatchingKey)) => {
                let keys = self.keys_again(Sender::Anybody, provider, &metadata).await?;
                (verify(&keys), keys)
            }
            verified => (verified, keys),
        };
        let holder = accepted.map_err(Refusal::from).and_then(|accepted| {
            settings.admit_holder(&accepted.claims)?;
            let subject = settings.subject(&accepted.claims).ok_or(BearerError::SubjectInvalid)?;
            Ok(Holder { subject, accepted })
        });
        Ok(holder.map(|holder| (holder, keys)))
    }

    /// The providers that the token may be of, by what it says itself.
    fn issuers_of(&self, token: &str) -> impl Iterator<Item = &Arc<Provider>> {
        let claimed = jws::claimed_issuer(token);
        self.providers.iter().filter(move |provider| {
            let bearer = provider.bearer.as_ref();
            bearer
                .zip(claimed.as_ref())
                .is_some_and(|(bearer, claimed)| bearer.issuers.may_be(claimed))
        })
    }
}

/// Who holds an accepted token.
struct Holder {
    subject: Subject,
    accepted: Accepted,
}

/// Why a token of one of our providers is refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Token(#[from] BearerError),
    #[error(transparent)]
    Holder(#[from] NotAdmitted),
}

impl From<Refusal> for NoBearer {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token(_) => Self::Refused,
            Refusal::Holder(_) => Self::NotAdmitted,
        }
    }
}

/// A token that may not be for us is no reason to refuse a cookie; without one it is what the request
/// came with.
fn or_bearer(unknown: Unknown, why: NoBearer) -> Unknown {
    if unknown == Unknown::Nobody { Unknown::Bearer(why) } else { unknown }
}
