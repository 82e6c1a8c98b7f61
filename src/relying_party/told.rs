//! What an OpenID provider tells of a user beside the ID token: at its userinfo endpoint, and about
//! groups that did not fit into the token.

use super::RelyingParty;
use super::documents::Sender;
use super::openid_connect::OpenIdProvider;
use crate::error::Error;
use crate::http_client;
use crate::oauth::id_token::IdToken;
use crate::oauth::json::Object;
use crate::oauth::jwk::KeySet;
use crate::oauth::jws::{JwsError, Keys};
use crate::oauth::userinfo::{self, UserinfoError};
use crate::principal::{Claim, Subject};
use crate::provider::Sources;
use crate::provider::aad::groups;
use crate::secret::Secret;
use crate::token::TokenSet;

impl RelyingParty {
    /// What is told of the user beside the ID token.
    pub(super) async fn told(
        &self,
        op: OpenIdProvider<'_>,
        user: Option<&str>,
        tokens: &TokenSet,
        id_token: &IdToken,
    ) -> Result<Vec<Claim>, Error> {
        let userinfo = self.userinfo(op, tokens, id_token.subject()).await?;
        let sources = Sources { id_token: id_token.claims(), userinfo: userinfo.as_ref(), user };
        let mut told = op.settings.told(&sources);
        told.extend(self.groups(op, tokens, id_token).await);
        Ok(told)
    }

    /// What the userinfo endpoint says of `subject`; `None` if it is not asked.
    pub(super) async fn userinfo(
        &self,
        op: OpenIdProvider<'_>,
        tokens: &TokenSet,
        subject: &Subject,
    ) -> Result<Option<Object>, Error> {
        let OpenIdProvider { settings, metadata, .. } = op;
        let (Some(endpoint), Some(access_token)) = (op.userinfo(), &tokens.access_token) else {
            return Ok(None);
        };
        let request = userinfo::request(endpoint, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        if !settings.signed_userinfo {
            let expected = userinfo::Expected { subject, signed: None };
            return Ok(Some(userinfo::parse(&answer, &expected)?));
        }
        let algorithms = metadata.capabilities.userinfo_algorithms();
        let parse = |keys: &KeySet| {
            let signed = userinfo::Signed {
                keys: Keys::Published(keys),
                algorithms: &algorithms,
                issuer: &metadata.issuer,
                client_id: &settings.registration.client_id,
                now: self.now(),
                skew: settings.clock_skew,
            };
            userinfo::parse(&answer, &userinfo::Expected { subject, signed: Some(signed) })
        };
        let stale = |error: &UserinfoError| *error == JwsError::NoMatchingKey.into();
        Ok(Some(self.with_keys(Sender::Provider, op, parse, stale).await??))
    }

    /// The groups that did not fit into the ID token, where they are to be asked for. Without them
    /// the user may do less, not more, so a failure is for the log.
    async fn groups(
        &self,
        op: OpenIdProvider<'_>,
        tokens: &TokenSet,
        id_token: &IdToken,
    ) -> Vec<Claim> {
        let (Some(endpoint), Some(access_token), true) =
            (&op.settings.groups, &tokens.access_token, groups::are_left_out(id_token.claims()))
        else {
            return Vec::new();
        };
        match self.ask_for_groups(endpoint, access_token).await {
            Ok(groups) => groups,
            Err(error) => {
                let provider = &op.provider.id;
                let reason = error.chain();
                tracing::error!(%provider, reason, "the user's groups could not be asked for");
                Vec::new()
            }
        }
    }

    async fn ask_for_groups(
        &self,
        endpoint: &str,
        access_token: &Secret<String>,
    ) -> Result<Vec<Claim>, Error> {
        let request = groups::request(endpoint, access_token)?;
        let answer = http_client::send(self.http_client()?, request).await?;
        Ok(groups::parse(&answer)?)
    }
}
