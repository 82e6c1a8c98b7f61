//! The call to the provider, and the grant that follows from its answer.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::super::documents::Sender;
use super::super::{Provider, RelyingParty};
use super::{NotRefreshed, broken_off};
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::Metadata;
use crate::oauth::id_token::{IdToken, IdTokenError, refreshed};
use crate::oauth::token::{self, TokenError, TokenResponse};
use crate::principal::Subject;
use crate::provider::Stated;
use crate::record::{Grant, Record};
use crate::token::TokenSet;

impl RelyingParty {
    /// Asks the provider for a newer grant than that of `record`.
    pub(super) async fn ask(&self, record: &Record) -> Result<Grant, NotRefreshed> {
        let refresh_token =
            record.grant.tokens.refresh_token.as_ref().ok_or(NotRefreshed::NoRefreshToken)?;
        let name = record.grant.identity.provider.as_str();
        let provider = self.provider(name).ok_or(NotRefreshed::NoRefreshToken)?;
        let _turn = provider.refreshing.acquire().await.map_err(|_| broken_off())?;
        let metadata = self.metadata(provider).await?;
        if record.grant.original.is_some() {
            // The answer may spend the refresh token: what is needed to check it is fetched before.
            self.keys(provider, &metadata).await?;
        }
        let client = provider.client(&metadata);
        let request = token::refresh(&metadata.endpoints.token, client, refresh_token)
            .ok_or(NotRefreshed::NoRefreshToken)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let tokens = self.read_answer(&answer)?;
        self.next_grant(provider, &metadata, record, tokens).await
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
        let id_token = self.verify_refreshed(provider, metadata, record, &tokens).await?;
        let Provider { settings, .. } = provider;
        let admits = |id_token: &IdToken| {
            settings.policy.admits_sign_in(&settings.client_id, id_token.claims())
        };
        if !id_token.as_ref().is_none_or(admits) {
            return Err(NotRefreshed::NotAdmitted);
        }
        let mut original = earlier.original.clone();
        if let Some(original) = original.as_mut().filter(|original| original.posted) {
            if id_token.is_none() {
                self.check_owner(metadata, &tokens, &original.subject).await?;
            }
            original.posted = false;
        }
        let stated = id_token.as_ref().map(|id_token| {
            let told = earlier.identity.claims.get(earlier.told_from..).unwrap_or_default();
            let subject = id_token.subject().as_str();
            provider.settings.identity(&provider.id, subject, id_token.claims(), told)
        });
        if stated.is_none() {
            tokens.id_token = earlier.tokens.id_token.clone();
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
        metadata: &Metadata,
        tokens: &TokenSet,
        subject: &Subject,
    ) -> Result<(), NotRefreshed> {
        match self.userinfo(metadata, tokens, subject).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(NotRefreshed::Stray),
            Err(error) if error.is_about_a_token() => Err(NotRefreshed::Stray),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks an ID token that came with a refresh (OpenID Connect Core §12.2). None need come, and
    /// one that is only an old one again says nothing new.
    ///
    /// With one that is refused the whole answer goes, its refresh token too: a later answer may
    /// come without an ID token, and nothing would show then whose tokens they are. Where the
    /// provider spends refresh tokens, the next refresh is refused, and the user signs in anew.
    async fn verify_refreshed(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        record: &Record,
        tokens: &TokenSet,
    ) -> Result<Option<IdToken>, Error> {
        let (Some(token), Some(original)) = (&tokens.id_token, &record.grant.original) else {
            return Ok(None);
        };
        let expected = self.expected(provider, metadata, tokens);
        let verified = self.verified(Sender::Provider, provider, metadata, |keys, algorithms| {
            refreshed::verify(token.expose(), keys, algorithms, &expected, original)
        });
        match verified.await {
            Ok(id_token) => Ok(Some(id_token)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(error),
        }
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
    )
}

/// Whether an ID token is refused only because it is an earlier one, sent again.
fn is_old(error: &Error) -> bool {
    let Kind::IdToken(error) = error.kind() else { return false };
    matches!(error, IdTokenError::IssuedTooLongAgo | IdTokenError::Expired)
}
