//! A login that an application did by itself: it brings the provider's token, and gets ours.

use http::HeaderMap;

use super::openid_connect::OpenIdProvider;
use super::sign_in::{Issued, SignIn};
use super::{Provider, RelyingParty};
use crate::error::{Error, Kind};
use crate::pending_login::HandOver;
use crate::provider::Protocol;
use crate::token::TokenSet;
use crate::wire::login_result::LoginResult;

impl RelyingParty {
    /// Begins a session for the user of `tokens`, which an application got from `provider`, if they
    /// were issued to *our* application.
    pub(crate) async fn client_login(
        &self,
        provider: &Provider,
        tokens: TokenSet,
        request: &HeaderMap,
    ) -> Result<LoginResult, Error> {
        let Protocol::OpenIdConnect(settings) = &provider.settings.0 else {
            return Err(Kind::NotByToken.into());
        };
        let metadata = self.metadata(provider).await?;
        let op = OpenIdProvider { provider, settings, metadata: &metadata };
        let proof = self.prove_by_brought(op, tokens).await?;
        let sign_in = SignIn {
            provider,
            request,
            // As a token; how that gets to the application is its request's business.
            hand_over: &HandOver::Fragment,
            replaces: None,
        };
        match self.sign_in(&sign_in, proof).await? {
            Issued::Token(result) => Ok(result),
            Issued::Cookies(_) | Issued::Code(_) => Err(Kind::NoSuchLogin.into()),
        }
    }
}
