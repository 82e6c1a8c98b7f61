//! Who is signed in, as a program that calls the application keeps them.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::origin::PublicOrigin;
use crate::secret::Secret;

/// A user and the session token with which the application knows them. Cheap to clone.
///
/// It belongs to one application and is sent to no other. `Debug` does not show the token.
#[derive(Clone)]
pub struct User {
    origin: PublicOrigin,
    user_id: String,
    token: HeaderValue,
    expires_at: Option<Timestamp>,
}

impl User {
    /// The user `user_id` of the application at `origin`, with the token that it issued.
    ///
    /// # Errors
    ///
    /// If the token is empty or no header could carry it.
    pub fn new(
        origin: PublicOrigin,
        user_id: impl Into<String>,
        authentication_token: &str,
    ) -> Result<Self, NotAUser> {
        let token = HeaderValue::from_str(authentication_token).ok();
        let Some(mut token) = token.filter(|token| !token.is_empty()) else {
            return Err(NotAUser("its token is none that a header can carry"));
        };
        // Neither logs nor HPACK's index should have it.
        token.set_sensitive(true);
        let expires_at = expiry(authentication_token);
        Ok(Self { origin, user_id: user_id.into(), token, expires_at })
    }

    /// The application that the user is signed in to.
    #[must_use]
    pub const fn origin(&self) -> &PublicOrigin {
        &self.origin
    }

    /// The application's lasting identifier of the user: `sid:` and 32 hexadecimal digits. Empty if
    /// the application gave none.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The token, as it stands in `X-ZUMO-AUTH`.
    #[must_use]
    pub fn authentication_token(&self) -> Secret<String> {
        self.token.to_str().unwrap_or_default().into()
    }

    /// When the token says that it expires; `None` if it does not say.
    ///
    /// Read without checking any signature: good for planning, not for trusting.
    #[must_use]
    pub const fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// As JSON, for a [`UserStore`](super::UserStore) to keep. It contains the token.
    #[must_use]
    pub fn to_json(&self) -> Secret<String> {
        let written = Written {
            version: FORMAT,
            origin: self.origin.as_str().into(),
            result: LoginResult {
                authentication_token: self.token.to_str().unwrap_or_default().to_owned(),
                user: Some(UserPart { user_id: Some(self.user_id.clone()) }),
            },
        };
        // Writing strings cannot fail.
        Secret::new(serde_json::to_string(&written).unwrap_or_default())
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    ///
    /// If it is something else, or was written by a later version of this library.
    pub fn from_json(json: &[u8]) -> Result<Self, NotAUser> {
        let written: Written = serde_json::from_slice(json)
            .map_err(|_| NotAUser("it is not the JSON of a signed-in user"))?;
        if written.version != FORMAT {
            return Err(NotAUser("it was written by another version of this library"));
        }
        let origin = PublicOrigin::parse(&written.origin)
            .map_err(|_| NotAUser("its origin is not one of an application"))?;
        written.result.into_user(&origin, None)
    }

    /// What `X-ZUMO-AUTH` gets.
    pub(super) const fn header(&self) -> &HeaderValue {
        &self.token
    }

    /// Whether the token is past the moment it names.
    pub(super) fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// Equal if application and token are: what names the user may be written differently.
impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        self.token == other.token && self.origin == other.origin
    }
}

impl Eq for User {}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("origin", &self.origin)
            .field("user_id", &self.user_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Why something is no signed-in user. Never contains a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a signed-in user: {0}")]
pub struct NotAUser(pub(super) &'static str);

/// The JSON with which the application answers a sign-in or a refresh.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginResult {
    authentication_token: String,
    user: Option<UserPart>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserPart {
    user_id: Option<String>,
}

impl LoginResult {
    /// The user it tells of. An answer to a refresh may leave out who that is, since it is who it
    /// was `before`.
    pub(super) fn into_user(
        self,
        origin: &PublicOrigin,
        before: Option<&User>,
    ) -> Result<User, NotAUser> {
        let named = self.user.and_then(|user| user.user_id).filter(|id| !id.is_empty());
        let user_id = named.or_else(|| before.map(|before| before.user_id.clone()));
        User::new(origin.clone(), user_id.unwrap_or_default(), &self.authentication_token)
    }
}

#[derive(Deserialize, Serialize)]
struct Written {
    version: u32,
    origin: String,
    #[serde(flatten)]
    result: LoginResult,
}

/// `exp` of a JWT, a fraction of a second dropped.
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: f64,
    }
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = LENIENT.decode(payload).ok()?;
    let Claims { exp } = serde_json::from_slice(&payload).ok()?;
    // In range, the cast is exact but for the fraction.
    (0.0..=LAST_SECOND).contains(&exp).then(|| Timestamp::from_unix(exp as i64))
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const FORMAT: u32 = 1;
/// 9999-12-31T23:59:59Z.
const LAST_SECOND: f64 = 253_402_300_799.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> PublicOrigin {
        PublicOrigin::parse("https://app.example").unwrap()
    }

    fn jwt(payload: &str) -> String {
        format!("e30.{}.c2ln", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn a_user_is_read_as_it_was_written_and_does_not_talk() {
        let user = User::new(origin(), "sid:1", "a.secret.token").unwrap();

        let json = user.to_json();

        assert_eq!(
            json.expose(),
            r#"{"version":1,"origin":"https://app.example","authenticationToken":"a.secret.token","user":{"userId":"sid:1"}}"#
        );
        let read = User::from_json(json.expose().as_bytes()).unwrap();
        assert_eq!(read, user);
        assert_eq!(read.user_id(), "sid:1");
        assert!(!format!("{user:?}").contains("secret"), "{user:?}");
        assert!(user.header().is_sensitive());
    }

    #[test]
    fn what_is_no_user_is_refused() {
        for json in [
            "",
            "null",
            "[]",
            r#"{"version":1}"#,
            r#"{"version":2,"origin":"https://a.example","authenticationToken":"t","user":{}}"#,
            r#"{"version":1,"origin":"http://a.example","authenticationToken":"t","user":{}}"#,
            r#"{"version":1,"origin":"https://a.example","authenticationToken":"","user":{}}"#,
            r#"{"version":1,"origin":"https://a.example","authenticationToken":"t\r\nx: y"}"#,
        ] {
            assert!(User::from_json(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn an_expiry_is_read_without_trusting_the_rest() {
        for (payload, expected) in [
            (r#"{"exp":1700000000}"#, Some(1_700_000_000)),
            (r#"{"exp":1700000000.9,"x":1}"#, Some(1_700_000_000)),
            (r#"{"exp":"1700000000"}"#, None),
            (r#"{"exp":-1}"#, None),
            (r#"{"exp":1e300}"#, None),
            (r#"{"iat":1}"#, None),
            ("[]", None),
        ] {
            let user = User::new(origin(), "", &jwt(payload)).unwrap();
            assert_eq!(user.expires_at(), expected.map(Timestamp::from_unix), "{payload}");
        }
        assert_eq!(User::new(origin(), "", "opaque").unwrap().expires_at(), None);
    }
}
