//! The call to the provider, and the grant that follows from its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::super::openid_connect::OpenIdProvider;
use super::super::{Provider, RelyingParty};
use super::{NotRefreshed, broken_off};
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::Metadata;
use crate::oauth::token::{self, TokenError, TokenResponse};
use crate::provider::{Protocol, Refreshing, Stated};
use crate::record::{Grant, Original, Record};
use crate::token::TokenSet;

impl RelyingParty {
    /// Asks the provider for a newer grant than that of `record`.
    pub(super) async fn ask(&self, record: &Record) -> Result<Grant, NotRefreshed> {
        let refresh_token = record.grant.tokens.refresh_token.as_ref();
        let refresh_token = refresh_token.ok_or_else(|| self.for_good(record))?;
        let provider = self.provider_of(record).ok_or(NotRefreshed::NoProvider)?;
        let _turn = provider.refreshing.acquire().await.map_err(|_| broken_off())?;
        let metadata = self.metadata(provider).await?;
        if !is_grant_of(provider, &metadata, record) {
            return Err(NotRefreshed::NoProvider);
        }
        if record.grant.original.is_some() {
            // The answer may spend the refresh token: what is needed to check it is fetched before.
            self.keys(provider, &metadata).await?;
        }
        let client = self.client(provider, &metadata)?;
        let request = token::refresh(&metadata.endpoints.token, &client, refresh_token)
            .ok_or(NotRefreshed::NoProvider)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let tokens = self.read_answer(&answer)?;
        self.next_grant(provider, &metadata, record, tokens).await
    }

    /// Why `record`, which has no refresh token, will not be refreshed.
    pub(super) fn for_good(&self, record: &Record) -> NotRefreshed {
        match self.provider_of(record).map(|provider| provider.settings.refreshing()) {
            None => NotRefreshed::NoProvider,
            Some(Refreshing::Never(instead)) => NotRefreshed::NotSupported(instead),
            Some(Refreshing::IfGiven(why)) => NotRefreshed::NoRefreshToken(why),
        }
    }

    /// The provider that is configured under the very name that `record`'s had.
    fn provider_of(&self, record: &Record) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.id == record.grant.identity.provider)
    }

    fn read_answer(&self, answer: &Response<Bytes>) -> Result<TokenSet, NotRefreshed> {
        match TokenResponse::parse(answer, self.now()) {
            Ok(response) => Ok(response.tokens),
            Err(TokenError::Refused(code)) if is_about_the_token(&code) => {
                Err(NotRefreshed::Refused(code))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The grant that follows `record`'s: what came anew, and what did not come is kept.
    async fn next_grant(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        record: &Record,
        mut tokens: TokenSet,
    ) -> Result<Grant, NotRefreshed> {
        let earlier = &record.grant;
        let stated = match &provider.settings.0 {
            Protocol::OpenIdConnect(settings) => {
                let op = OpenIdProvider { provider, settings, metadata };
                let stated = self.restate(op, record, &tokens).await.map_err(not_admitted)?;
                if stated.is_none() {
                    self.check_owner(op, earlier, &tokens).await?;
                }
                stated
            }
            // Who the user is was asked when they signed in; tokens that follow are theirs.
            Protocol::OAuth2(_) | Protocol::OAuth1(_) => None,
        };
        let earlier_tokens = &earlier.tokens;
        let original = earlier.original.clone().map(|it| Original { posted: false, ..it });
        if stated.is_none() {
            tokens.id_token = earlier_tokens.id_token.clone();
            tokens.authentication_token = earlier_tokens.authentication_token.clone();
        } else {
            tokens = provider.settings.keep(tokens);
        }
        let Stated { identity, told_from } = stated.unwrap_or_else(|| Stated {
            identity: earlier.identity.clone(),
            told_from: earlier.told_from,
        });
        tokens.refresh_token =
            tokens.refresh_token.or_else(|| earlier.tokens.refresh_token.clone());
        tokens.scope = tokens.scope.or_else(|| earlier.tokens.scope.clone());
        Ok(Grant {
            generation: earlier.generation.saturating_add(1),
            issued_at: self.now(),
            tokens: Arc::new(tokens),
            identity,
            told_from,
            original,
        })
    }

    /// Asks the provider whose the tokens are that came for a refresh token of unknown origin, if no
    /// ID token says so: who posts somebody else's must not be told theirs for it.
    async fn check_owner(
        &self,
        op: OpenIdProvider<'_>,
        earlier: &Grant,
        tokens: &TokenSet,
    ) -> Result<(), NotRefreshed> {
        let Some(original) = earlier.original.as_ref().filter(|it| it.posted) else {
            return Ok(());
        };
        match self.userinfo(op, tokens, &original.subject).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(NotRefreshed::Stray),
            Err(error) if error.is_about_a_token() => Err(NotRefreshed::Stray),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether `record`'s grant is the provider's. Names are given anew: another issuer's refresh token
/// must not be shown to who has the name now, nor their answer be taken for the other's.
fn is_grant_of(provider: &Provider, metadata: &Metadata, record: &Record) -> bool {
    let original = record.grant.original.is_some();
    match &provider.settings.0 {
        Protocol::OpenIdConnect(settings) => {
            original && settings.issuers(metadata).contains(&record.issuer)
        }
        Protocol::OAuth2(_) | Protocol::OAuth1(_) => !original && metadata.issuer == record.issuer,
    }
}

/// A user who is not let in any more is no failure.
fn not_admitted(error: Error) -> NotRefreshed {
    match error.kind() {
        Kind::NotAdmitted(why) => NotRefreshed::NotAdmitted(*why),
        _ => error.into(),
    }
}

/// The error codes by which a provider refuses the refresh token itself; the others are about us
/// or about the provider.
fn is_about_the_token(code: &str) -> bool {
    matches!(
        code,
        "invalid_grant"
            | "access_denied"
            | "interaction_required"
            | "login_required"
            | "consent_required"
            // GitHub's own.
            | "bad_refresh_token"
    )
}
