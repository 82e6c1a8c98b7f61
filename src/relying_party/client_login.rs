//! A login that an application did by itself: it brings the provider's token, and gets ours.

use http::HeaderMap;

use super::documents::Sender;
use super::sign_in::{Issued, Proof, SignIn};
use super::{Provider, RelyingParty};
use crate::clock::Timestamp;
use crate::error::{Error, Kind};
use crate::oauth::id_token::{self, Delivery, Expected, IdToken};
use crate::pending_login::HandOver;
use crate::token::TokenSet;
use crate::wire::login_result::LoginResult;

impl RelyingParty {
    /// Begins a session for the user of `tokens`, which an application got from `provider`, if they
    /// were issued to *our* application.
    pub(crate) async fn client_login(
        &self,
        provider: &Provider,
        mut tokens: TokenSet,
        request: &HeaderMap,
    ) -> Result<LoginResult, Error> {
        let metadata = self.metadata(provider).await?;
        let token = tokens.id_token.as_ref().ok_or(Kind::NoIdToken)?;
        let audiences = provider.settings.posted_audiences();
        let expected = Expected {
            trusted_audiences: &audiences,
            delivery: Delivery::Application,
            ..self.expected(provider, &metadata, &tokens)
        };
        let verified = self.verified(Sender::Anybody, provider, &metadata, |keys, algorithms| {
            id_token::verify(token.expose(), keys, algorithms, &expected)
        });
        let id_token = verified.await?;
        let userinfo = self.userinfo(&metadata, &tokens, id_token.subject()).await?;
        // Nothing shows then that both tokens are about the same user.
        if tokens.access_token.is_some() && userinfo.is_none() && !vouches(&id_token) {
            return Err(Kind::StrayAccessToken.into());
        }
        // Only who a refresh token was issued to can use it.
        tokens.refresh_token.take_if(|_| !id_token.is_own_of(&provider.settings.client_id));
        tokens.expires_at = end(&tokens, &id_token);
        let sign_in = SignIn {
            provider,
            issuer: &metadata.issuer,
            request,
            // As a token; how that gets to the application is its request's business.
            hand_over: &HandOver::Fragment,
            replaces: None,
        };
        match self.sign_in(&sign_in, Proof { tokens, id_token, userinfo }).await? {
            Issued::Token(result) => Ok(result),
            Issued::Cookies(_) | Issued::Code(_) => Err(Kind::NoSuchLogin.into()),
        }
    }
}

/// How long what was posted is good for. The application only says how long its access token is;
/// nobody has signed that, and it must not outlast what somebody has.
fn end(tokens: &TokenSet, id_token: &IdToken) -> Option<Timestamp> {
    let stated = tokens.expires_at.filter(|_| tokens.access_token.is_some());
    id_token.expires_at().map(|signed| stated.map_or(signed, |stated| stated.min(signed)))
}

/// Whether the token names the access token beside it, which has been compared then.
fn vouches(id_token: &IdToken) -> bool {
    id_token.claims().get("at_hash").is_some()
}
