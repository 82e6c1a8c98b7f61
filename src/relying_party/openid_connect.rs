//! OpenID Connect: who has signed in is what an ID token states.

use std::time::Duration;

use url::Url;

use super::callback::Callback;
use super::documents::Sender;
use super::sign_in::Proof;
use super::{Provider, RelyingParty};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::oauth::authorization::ResponseType;
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::{self, Delivery, Expected, IdToken, IdTokenError, refreshed};
use crate::oauth::jwa::Algorithm;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, Keys};
use crate::principal::Issuer;
use crate::provider::{OpenIdConnect, Stated};
use crate::record::Record;
use crate::secret::Secret;
use crate::session::Authentication;
use crate::token::TokenSet;

/// An OpenID provider that is to be believed or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenIdProvider<'a> {
    pub(super) provider: &'a Provider,
    pub(super) settings: &'a OpenIdConnect,
    pub(super) metadata: &'a Metadata,
}

impl<'a> OpenIdProvider<'a> {
    /// Where the provider is asked about users.
    pub(super) fn userinfo(&self) -> Option<&'a Url> {
        let endpoint = self.metadata.endpoints.userinfo.as_ref();
        endpoint.filter(|_| self.settings.habits.asks_userinfo)
    }
}

/// Whose ID tokens are accepted.
struct Authors {
    issuer: Issuer,
    alias: Option<Issuer>,
}

impl RelyingParty {
    /// The ID token that came beside the code, through the browser, where one was asked for. It must
    /// vouch for the code (OpenID Connect Core §3.3.2.11).
    pub(super) async fn verify_beside_code(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
    ) -> Result<Option<IdToken>, Error> {
        if op.settings.response_type != ResponseType::CodeIdToken {
            return Ok(None);
        }
        let token = callback.code.id_token().ok_or(Kind::NoIdToken)?;
        let nothing = TokenSet::default();
        let delivery = Delivery::AuthorizationEndpoint;
        self.verify_id_token(op, callback, token, &nothing, delivery).await.map(Some)
    }

    /// Who has signed in, by the ID token among `tokens`, which a code was redeemed for, and by
    /// what the provider tells beside. The one that `vouched` for the code must be about the same.
    pub(super) async fn prove_by_id_token(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
        vouched: Option<IdToken>,
        mut tokens: TokenSet,
    ) -> Result<Proof, Error> {
        let settings = op.settings;
        let id_token = match (self.verify_redeemed(op, callback, &tokens).await, vouched) {
            (Err(error), Some(vouched)) if settings.leaves_unsigned() && is_unsigned(&error) => {
                tokens.id_token = callback.code.id_token().cloned();
                vouched
            }
            (Ok(id_token), Some(vouched)) if !settings.is_one_user(&vouched, &id_token) => {
                return Err(IdTokenError::SubjectChanged.into());
            }
            (verified, _) => verified?,
        };
        self.proof(op, &id_token, callback.code.user(), tokens).await
    }

    /// Who has signed in, by an ID token that an application brings among `tokens`, if it was issued
    /// to *our* application.
    pub(super) async fn prove_by_brought(
        &self,
        op: OpenIdProvider<'_>,
        mut tokens: TokenSet,
    ) -> Result<Proof, Error> {
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let authors = self.authors(op, token)?;
        let audiences = op.settings.posted_audiences();
        let expected = Expected {
            trusted_audiences: &audiences,
            delivery: Delivery::Application,
            ..self.expected(op, &authors, &tokens)
        };
        let verified = self.verified(Sender::Anybody, op, &authors.issuer, |keys, algorithms| {
            id_token::verify(token.expose(), keys, algorithms, &expected)
        });
        let id_token = verified.await?;
        op.settings.admission.check(id_token.claims())?;
        // Nothing shows then that both tokens are about the same user.
        let vouches = id_token.claims().get("at_hash").is_some() || op.userinfo().is_some();
        if tokens.access_token.is_some() && !vouches {
            return Err(Kind::StrayAccessToken.into());
        }
        // Only who a refresh token was issued to can use it.
        let client_id = &op.settings.registration.client_id;
        tokens.refresh_token.take_if(|_| !id_token.is_own_of(client_id));
        tokens.expires_at = brought_until(&tokens, &id_token);
        self.proof(op, &id_token, None, tokens).await
    }

    /// What `id_token` states, and what the provider tells beside it; `user` came with the answer.
    async fn proof(
        &self,
        op: OpenIdProvider<'_>,
        id_token: &IdToken,
        user: Option<&str>,
        tokens: TokenSet,
    ) -> Result<Proof, Error> {
        let OpenIdProvider { provider, settings, .. } = op;
        settings.check_policy(id_token)?;
        let subject = settings.subject(id_token.claims()).ok_or(IdTokenError::SubjectInvalid)?;
        let told = self.told(op, user, &tokens, id_token).await?;
        let stated = settings.identity(&provider.id, &subject, id_token.claims(), &told);
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let issuer = self.authors(op, token)?.issuer;
        Ok(Proof {
            original: Some(id_token.original()),
            provider_sid: id_token.sid().map(str::to_owned),
            authentication: authentication(id_token),
            tokens: settings.keep(tokens),
            issuer,
            subject,
            stated,
        })
    }

    async fn verify_redeemed(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
        tokens: &TokenSet,
    ) -> Result<IdToken, Error> {
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        self.verify_id_token(op, callback, token, tokens, Delivery::TokenEndpoint).await
    }

    async fn verify_id_token(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
        token: &Secret<String>,
        beside: &TokenSet,
        delivery: Delivery,
    ) -> Result<IdToken, Error> {
        let pending = callback.pending();
        let authors = self.authors(op, token)?;
        let expected = Expected {
            nonce: self.settings().validate_nonce.then_some(&pending.nonce),
            code: Some(callback.code.code()),
            max_age: pending.max_age.map(Duration::from_secs),
            delivery,
            ..self.expected(op, &authors, beside)
        };
        let sender = match delivery {
            Delivery::TokenEndpoint => Sender::Provider,
            Delivery::Application | Delivery::AuthorizationEndpoint => Sender::Anybody,
        };
        let verified = self.verified(sender, op, &authors.issuer, |keys, algorithms| {
            id_token::verify(token.expose(), keys, algorithms, &expected)
        });
        let id_token = verified.await?;
        op.settings.admission.check(id_token.claims())?;
        Ok(id_token)
    }

    /// Whose `token` has to be, which is not believed yet.
    fn authors(&self, op: OpenIdProvider<'_>, token: &Secret<String>) -> Result<Authors, Error> {
        let tenant = id_token::unchecked_tenant(token.expose());
        let issuer = op.settings.issuer_for(op.metadata, tenant.as_deref())?;
        Ok(Authors { issuer, alias: op.settings.alias() })
    }

    /// What any ID token of the provider must say that comes from its token endpoint with `tokens`.
    fn expected<'a>(
        &self,
        op: OpenIdProvider<'a>,
        authors: &'a Authors,
        tokens: &'a TokenSet,
    ) -> Expected<'a> {
        Expected {
            issuer: &authors.issuer,
            alias: authors.alias.as_ref(),
            client_id: &op.settings.registration.client_id,
            trusted_audiences: &op.settings.trusted_audiences,
            nonce: None,
            access_token: tokens.access_token.as_ref(),
            code: None,
            delivery: Delivery::TokenEndpoint,
            max_age: None,
            acr_values: &[],
            now: self.now(),
            skew: op.settings.clock_skew,
        }
    }

    /// Verifies with the secret that the provider signs with, if it is configured so. Else with its
    /// keys for `issuer`. What is to be verified came from `sender`.
    async fn verified(
        &self,
        sender: Sender,
        op: OpenIdProvider<'_>,
        issuer: &Issuer,
        verify: impl Fn(Keys<'_>, &[Algorithm]) -> Result<IdToken, IdTokenError>,
    ) -> Result<IdToken, Error> {
        let capabilities = &op.metadata.capabilities;
        if let Some(secret) = op.settings.id_token_secret().map_err(IdTokenError::from)? {
            let algorithms = capabilities.symmetric_signing_algorithms();
            return Ok(verify(Keys::Shared(&secret), &algorithms)?);
        }
        let algorithms = capabilities.public_signing_algorithms();
        let verify = |keys: &KeySet| {
            let keys = op.settings.keys_of(issuer, keys);
            verify(Keys::Published(&keys), &algorithms)
        };
        let stale = |error: &IdTokenError| *error == JwsError::NoMatchingKey.into();
        Ok(self.with_keys(sender, op, verify, stale).await??)
    }

    /// What `verify` says with the provider's keys, and with newly fetched ones if it is a `stale`
    /// failure: the one wanted is not among them, for the provider may have changed its keys since.
    pub(super) async fn with_keys<T, E>(
        &self,
        sender: Sender,
        op: OpenIdProvider<'_>,
        verify: impl Fn(&KeySet) -> Result<T, E>,
        stale: impl Fn(&E) -> bool,
    ) -> Result<Result<T, E>, Error> {
        let OpenIdProvider { provider, metadata, .. } = op;
        match verify(&*self.keys(provider, metadata).await?) {
            Err(error) if stale(&error) => {
                Ok(verify(&*self.keys_again(sender, provider, metadata).await?))
            }
            verified => Ok(verified),
        }
    }

    /// What the ID token states that came with a refresh of `record`'s grant; `None` if it states
    /// nothing new.
    pub(super) async fn restate(
        &self,
        op: OpenIdProvider<'_>,
        record: &Record,
        tokens: &TokenSet,
    ) -> Result<Option<Stated>, Error> {
        let Some(id_token) = self.verify_refreshed(op, record, tokens).await? else {
            return Ok(None);
        };
        op.settings.admission.check(id_token.claims())?;
        op.settings.check_policy(&id_token)?;
        if op.settings.subject(id_token.claims()).as_ref() != Some(&record.subject) {
            return Err(IdTokenError::SubjectChanged.into());
        }
        let earlier = &record.grant;
        let told = earlier.identity.claims.get(earlier.told_from..).unwrap_or_default();
        let claims = id_token.claims();
        Ok(Some(op.settings.identity(&op.provider.id, &record.subject, claims, told)))
    }

    /// Checks an ID token that came with a refresh (OpenID Connect Core §12.2). None need come, and
    /// one that is only an old one again says nothing new.
    ///
    /// With one that is refused the whole answer goes, its refresh token too: a later answer may
    /// come without an ID token, and nothing would show then whose tokens they are. Where the
    /// provider spends refresh tokens, the next refresh is refused, and the user signs in anew.
    async fn verify_refreshed(
        &self,
        op: OpenIdProvider<'_>,
        record: &Record,
        tokens: &TokenSet,
    ) -> Result<Option<IdToken>, Error> {
        let Some(token) = &tokens.id_token else { return Ok(None) };
        let original = record.grant.original.as_ref().ok_or(Kind::NoIdToken)?;
        let issuer = op.settings.issuer_again(op.metadata, &record.issuer);
        let authors = Authors { issuer, alias: op.settings.alias() };
        let expected = self.expected(op, &authors, tokens);
        let verified = self.verified(Sender::Provider, op, &authors.issuer, |keys, algorithms| {
            refreshed::verify(token.expose(), keys, algorithms, &expected, original)
        });
        match verified.await {
            Ok(id_token) => Ok(Some(id_token)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) if op.settings.leaves_unsigned() && is_unsigned(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How long what an application brings is good for. It only says how long its access token is; nobody
/// has signed that, and it must not outlast what somebody has.
fn brought_until(tokens: &TokenSet, id_token: &IdToken) -> Option<Timestamp> {
    let stated = tokens.expires_at.filter(|_| tokens.access_token.is_some());
    id_token.expires_at().map(|signed| stated.map_or(signed, |stated| stated.min(signed)))
}

fn authentication(id_token: &IdToken) -> Authentication {
    Authentication {
        time: id_token.auth_time().map(Timestamp::as_unix),
        context: id_token.acr().map(str::to_owned),
        methods: id_token.amr().into_iter().map(str::to_owned).collect(),
    }
}

/// Whether an ID token is refused because nobody signed it.
fn is_unsigned(error: &Error) -> bool {
    let Kind::IdToken(error) = error.kind() else { return false };
    matches!(error, IdTokenError::Signature(JwsError::Unsigned))
}

/// Whether an ID token is refused only because it is an earlier one, sent again.
fn is_old(error: &Error) -> bool {
    let Kind::IdToken(error) = error.kind() else { return false };
    matches!(error, IdTokenError::IssuedTooLongAgo | IdTokenError::Expired)
}
