//! OpenID Connect: who has signed in is what an ID token states.

use std::sync::Arc;
use std::time::Duration;

use super::callback::{Callback, Proof};
use super::{Provider, RelyingParty};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::{self, Delivery, Expected, IdToken, IdTokenError, refreshed};
use crate::oauth::json::Object;
use crate::oauth::jwa::Algorithm;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, Keys};
use crate::oauth::userinfo;
use crate::provider::{OpenIdConnect, Stated};
use crate::record::Record;
use crate::session::Authentication;
use crate::token::TokenSet;

/// An OpenID provider that is to be believed or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenIdProvider<'a> {
    pub(super) provider: &'a Provider,
    pub(super) settings: &'a OpenIdConnect,
    pub(super) metadata: &'a Metadata,
}

impl RelyingParty {
    /// Who has signed in, by the ID token among `tokens`, which a code was redeemed for, and by
    /// what the provider tells beside.
    pub(super) async fn prove_by_id_token(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
        tokens: TokenSet,
    ) -> Result<Proof, Error> {
        let id_token = self.verify_id_token(op, callback, &tokens).await?;
        let userinfo = self.userinfo(op.metadata, &tokens, &id_token).await?;
        let told = userinfo.as_ref().map(OpenIdConnect::told).unwrap_or_default();
        let subject = id_token.subject();
        let stated =
            op.settings.identity(&op.provider.id, subject.as_str(), id_token.claims(), &told);
        Ok(Proof {
            tokens,
            subject: subject.clone(),
            stated,
            original: Some(id_token.original()),
            provider_sid: id_token.sid().map(str::to_owned),
            authentication: authentication(&id_token),
        })
    }

    async fn verify_id_token(
        &self,
        op: OpenIdProvider<'_>,
        callback: &Callback<'_>,
        tokens: &TokenSet,
    ) -> Result<IdToken, Error> {
        let pending = callback.pending();
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let expected = Expected {
            nonce: self.settings().validate_nonce.then_some(&pending.nonce),
            code: Some(callback.code.code()),
            max_age: pending.max_age.map(Duration::from_secs),
            ..self.expected(op, tokens)
        };
        self.verified(op, |keys, algorithms| {
            id_token::verify(token.expose(), keys, algorithms, &expected)
        })
        .await
    }

    /// What any ID token of the provider must say that comes from its token endpoint with `tokens`.
    fn expected<'a>(&self, op: OpenIdProvider<'a>, tokens: &'a TokenSet) -> Expected<'a> {
        Expected {
            issuer: &op.metadata.issuer,
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
    /// keys, and once again with newly fetched ones if the one wanted is not among them: the
    /// provider may have changed its keys since.
    async fn verified(
        &self,
        op: OpenIdProvider<'_>,
        verify: impl Fn(Keys<'_>, &[Algorithm]) -> Result<IdToken, IdTokenError>,
    ) -> Result<IdToken, Error> {
        let OpenIdProvider { provider, settings, metadata } = op;
        let capabilities = &metadata.capabilities;
        if let Some(secret) = settings.id_token_secret().map_err(IdTokenError::from)? {
            let algorithms = capabilities.symmetric_signing_algorithms();
            return Ok(verify(Keys::Shared(&secret), &algorithms)?);
        }
        let algorithms = capabilities.public_signing_algorithms();
        let verify = |keys: Arc<KeySet>| verify(Keys::Published(&keys), &algorithms);
        match verify(self.keys(provider, metadata).await?) {
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
        let request = userinfo::request(endpoint, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let expected = userinfo::Expected { subject: id_token.subject(), signed: None };
        Ok(Some(userinfo::parse(&answer, &expected)?))
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
        let earlier = &record.grant;
        let told = earlier.identity.claims.get(earlier.told_from..).unwrap_or_default();
        let subject = id_token.subject().as_str();
        Ok(Some(op.settings.identity(&op.provider.id, subject, id_token.claims(), told)))
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
        let (Some(token), Some(original)) = (&tokens.id_token, &record.grant.original) else {
            return Ok(None);
        };
        let expected = self.expected(op, tokens);
        let verified = self.verified(op, |keys, algorithms| {
            refreshed::verify(token.expose(), keys, algorithms, &expected, original)
        });
        match verified.await {
            Ok(id_token) => Ok(Some(id_token)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn authentication(id_token: &IdToken) -> Authentication {
    Authentication {
        time: id_token.auth_time().map(Timestamp::as_unix),
        context: id_token.acr().map(str::to_owned),
        methods: id_token.amr().into_iter().map(str::to_owned).collect(),
    }
}

/// Whether an ID token is refused only because it is an earlier one, sent again.
fn is_old(error: &Error) -> bool {
    let Kind::IdToken(error) = error.kind() else { return false };
    matches!(error, IdTokenError::IssuedTooLongAgo | IdTokenError::Expired)
}
