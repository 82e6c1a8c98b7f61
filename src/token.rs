//! What a user holds at a provider.

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// The tokens that a provider issued for one user, as they rest in the token store and as they
/// reach the application in `X-MS-TOKEN-<PROVIDER>-*` headers.
///
/// Which of them are present depends on the provider and on the scopes asked for.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TokenSet {
    /// What the provider's APIs accept.
    pub access_token: Option<Secret<String>>,
    /// The second half of an OAuth 1.0a token (X/Twitter).
    pub access_token_secret: Option<Secret<String>>,
    /// Microsoft account's own token for signing in to applications. No provider of this version has
    /// one.
    pub authentication_token: Option<Secret<String>>,
    /// The signed statement about the sign-in (OpenID Connect).
    pub id_token: Option<Secret<String>>,
    /// What a fresh access token is obtained with, without the user.
    pub refresh_token: Option<Secret<String>>,
    /// When the access token expires; absent if the provider did not say. What an application posted
    /// expires with its ID token at the latest, or with that if it came without an access token.
    pub expires_at: Option<Timestamp>,
    /// What the access token was granted for; absent if the provider did not say.
    pub scope: Option<String>,
}

impl TokenSet {
    /// Whether the access token is past its expiry. One without an expiry never is.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}

/// An OAuth 1.0a token, and the secret that signs in its name (RFC 5849 §1.1).
#[derive(Clone, Debug)]
pub(crate) struct SigningToken {
    pub(crate) token: Secret<String>,
    pub(crate) secret: Secret<String>,
}

/// A copy of a secret that is about to be written out, wiped when dropped.
pub(crate) type Plaintext = Zeroizing<Vec<u8>>;
