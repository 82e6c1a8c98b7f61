//! Plain OAuth 2.0: who has signed in is what the provider tells the holder of the access token.
//!
//! The access token came for a code that answers our own login, from the provider's own token
//! endpoint; that makes its user the one who has signed in. (A token that somebody merely brings
//! proves no such thing: it may be another application's.)

use http::StatusCode;

use super::sign_in::Proof;
use super::{Provider, RelyingParty};
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::Metadata;
use crate::oauth::json::Value;
use crate::oauth::token::{self, TokenResponse};
use crate::oauth::userinfo::{self, UserinfoError};
use crate::principal::Subject;
use crate::provider::{OAuth2, Question};
use crate::secret::Secret;
use crate::session::Authentication;
use crate::token::TokenSet;

impl RelyingParty {
    /// Who has signed in, by what the provider answers to the holder of `tokens`.
    pub(super) async fn prove_by_profile(
        &self,
        provider: &Provider,
        settings: &OAuth2,
        metadata: &Metadata,
        mut tokens: TokenSet,
    ) -> Result<Proof, Error> {
        if let Some(grant) = settings.exchange {
            self.exchange(provider, metadata, grant, &mut tokens).await?;
        }
        let access_token = tokens.access_token.as_ref().ok_or(Kind::NoUser)?;
        let mut answers = Vec::with_capacity(settings.questions.len());
        for question in &settings.questions {
            answers.push(self.ask_about_user(settings, question, access_token).await?);
        }
        let profile = (settings.mapping)(settings, &answers).ok_or(Kind::NoUser)?;
        let subject = Subject::new(&profile.subject);
        // Tokens of another kind prove nothing here, and are not handed on as if they did.
        tokens.id_token = None;
        Ok(Proof {
            tokens,
            issuer: metadata.issuer.clone(),
            subject,
            stated: profile.stated(&provider.id),
            original: None,
            provider_sid: None,
            authentication: Authentication::default(),
        })
    }

    /// Exchanges the access token for one that lives longer.
    async fn exchange(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        grant: &str,
        tokens: &mut TokenSet,
    ) -> Result<(), Error> {
        let access_token = tokens.access_token.as_ref().ok_or(Kind::NoUser)?;
        let client = self.client(provider, metadata)?;
        let request = token::exchange(&metadata.endpoints.token, &client, grant, access_token)
            .ok_or(Kind::NoUser)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        let TokenResponse { tokens: longer } = TokenResponse::parse(&answer, self.now())?;
        tokens.access_token = longer.access_token;
        tokens.expires_at = longer.expires_at;
        Ok(())
    }

    async fn ask_about_user(
        &self,
        settings: &OAuth2,
        question: &Question,
        access_token: &Secret<String>,
    ) -> Result<Option<Value>, Error> {
        let address = settings.address(question, access_token);
        let address = address.ok_or(UserinfoError::EndpointUnfit)?;
        let request = userinfo::plain_request(&address, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        match userinfo::plain_answer(&answer) {
            Ok(value) => Ok(Some(value)),
            Err(UserinfoError::Refused(StatusCode::FORBIDDEN | StatusCode::NOT_FOUND))
                if !question.required =>
            {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
