//! The inside of a pending login's cookie: sealed JSON behind a version byte.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::origin::PublicOrigin;
use crate::pending_login::{CodeChallenge, HandOver, Landing, LoginId, PendingLogin};
use crate::principal::{Issuer, ProviderId};
use crate::return_to::ReturnTo;
use crate::seal::{KeyRing, Purpose, RandomError};
use crate::session::{SessionId, UserKey};
use crate::token::SigningToken;

/// The value of the cookie that keeps `pending`.
pub(crate) fn encode(
    pending: &PendingLogin,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<String, RandomError> {
    let mut plain = vec![VERSION];
    plain.extend(serde_json::to_vec(&Stored::from(pending)).unwrap_or_default());
    let sealed = keys.seal(Purpose::PendingLogin, pending.id.as_str(), now, &plain)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Reads back what [`encode`] wrote for the login `id`.
pub(crate) fn decode(
    id: &LoginId,
    value: &[u8],
    keys: &KeyRing,
    now: Timestamp,
) -> Option<PendingLogin> {
    let mut sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let plain = keys.open(Purpose::PendingLogin, id.as_str(), now, MAX_DAYS, &mut sealed)?;
    let (version, json) = plain.split_first()?;
    if *version != VERSION {
        return None;
    }
    serde_json::from_slice::<Stored<'_>>(json).ok()?.restore(id)
}

#[derive(Deserialize, Serialize)]
struct Stored<'a> {
    provider: &'a str,
    issuer: &'a str,
    state: &'a str,
    nonce: &'a str,
    code_verifier: &'a str,
    #[serde(borrow)]
    return_to: std::borrow::Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "StoredHandOver::is_cookie")]
    hand_over: StoredHandOver<'a>,
    started_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_token: Option<(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<([u8; 16], [u8; 16])>,
}

impl<'a> From<&'a PendingLogin> for Stored<'a> {
    fn from(pending: &'a PendingLogin) -> Self {
        Self {
            provider: pending.provider.as_str(),
            issuer: pending.issuer.as_str(),
            state: pending.state.expose(),
            nonce: pending.nonce.expose(),
            code_verifier: pending.code_verifier.expose(),
            return_to: pending.landing.return_to.as_str().into(),
            hand_over: StoredHandOver::from(&pending.landing.hand_over),
            started_at: pending.started_at.as_unix(),
            max_age: pending.max_age,
            request_token: pending.request_token.as_ref().map(|SigningToken { token, secret }| {
                (token.expose().as_str().into(), secret.expose().as_str().into())
            }),
            replaces: pending
                .replaces
                .map(|(user, session)| (*user.as_bytes(), *session.as_bytes())),
        }
    }
}

impl Stored<'_> {
    fn restore(self, id: &LoginId) -> Option<PendingLogin> {
        Some(PendingLogin {
            id: id.clone(),
            provider: ProviderId::parse(self.provider)?,
            issuer: Issuer::new(self.issuer),
            state: self.state.into(),
            nonce: self.nonce.into(),
            code_verifier: self.code_verifier.into(),
            landing: Landing {
                return_to: ReturnTo::from_sealed(self.return_to.into_owned())?,
                hand_over: self.hand_over.restore()?,
            },
            started_at: Timestamp::from_unix(self.started_at),
            max_age: self.max_age,
            request_token: self.request_token.map(|(token, secret)| SigningToken {
                token: token.into_owned().into(),
                secret: secret.into_owned().into(),
            }),
            replaces: self
                .replaces
                .map(|(user, session)| (UserKey::new(user), SessionId::new(session))),
        })
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum StoredHandOver<'a> {
    #[default]
    Cookie,
    Fragment,
    Message(&'a str),
    Code([u8; 32]),
}

impl StoredHandOver<'_> {
    const fn is_cookie(&self) -> bool {
        matches!(self, Self::Cookie)
    }

    fn restore(self) -> Option<HandOver> {
        Some(match self {
            Self::Cookie => HandOver::Cookie,
            Self::Fragment => HandOver::Fragment,
            Self::Message(origin) => HandOver::Message(PublicOrigin::parse(origin).ok()?),
            Self::Code(challenge) => HandOver::Code(CodeChallenge::new(challenge)),
        })
    }
}

impl<'a> From<&'a HandOver> for StoredHandOver<'a> {
    fn from(hand_over: &'a HandOver) -> Self {
        match hand_over {
            HandOver::Cookie => Self::Cookie,
            HandOver::Fragment => Self::Fragment,
            HandOver::Message(origin) => Self::Message(origin.as_str()),
            HandOver::Code(challenge) => Self::Code(*challenge.as_bytes()),
        }
    }
}

const VERSION: u8 = 1;
/// A login that was begun before midnight ends after it.
const MAX_DAYS: u16 = 1;
