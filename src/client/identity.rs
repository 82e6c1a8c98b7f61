//! Who the application takes somebody for: an entry of `/.auth/me`.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::principal::Claim;
use crate::secret::Secret;

/// What the application knows of somebody signed in, at one provider. `Debug` shows no token.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct Identity {
    /// The provider, as in `/.auth/login/<provider>`.
    pub provider_name: String,
    /// A name to show to people, such as an e-mail address.
    #[serde(default)]
    pub user_id: String,
    /// What the provider says of the user, under Easy Auth's names.
    #[serde(default)]
    pub user_claims: Vec<Claim>,
    /// The provider's access token.
    #[serde(default, deserialize_with = "secret")]
    pub access_token: Option<Secret<String>>,
    /// What goes with an access token of OAuth 1.
    #[serde(default, deserialize_with = "secret")]
    pub access_token_secret: Option<Secret<String>>,
    /// A Microsoft account's authentication token.
    #[serde(default, deserialize_with = "secret")]
    pub authentication_token: Option<Secret<String>>,
    /// The provider's ID token.
    #[serde(default, deserialize_with = "secret")]
    pub id_token: Option<Secret<String>>,
    /// The provider's refresh token.
    #[serde(default, deserialize_with = "secret")]
    pub refresh_token: Option<Secret<String>>,
    /// When the access token expires, as the application writes it: ISO 8601 in UTC.
    #[serde(default)]
    pub expires_on: Option<String>,
}

impl Identity {
    /// The first claim of the type `typ`.
    #[must_use]
    pub fn claim(&self, typ: &str) -> Option<&str> {
        self.user_claims.iter().find(|claim| claim.typ == typ).map(|claim| claim.val.as_str())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("provider_name", &self.provider_name)
            .field("user_id", &self.user_id)
            .field("expires_on", &self.expires_on)
            .finish_non_exhaustive()
    }
}

fn secret<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(source)?.map(Secret::new))
}
