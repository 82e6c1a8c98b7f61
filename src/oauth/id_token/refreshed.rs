//! ID tokens that come with refreshed tokens ([OpenID Connect Core §12.2]).
//!
//! [OpenID Connect Core §12.2]: https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse

use super::{Checked, Expected, IdToken, IdTokenError, TYPES};
use super::{check_access_token_hash, check_subject, matches_secret};
use crate::oauth::json::{Object, Value};
use crate::oauth::jwa::Algorithm;
use crate::oauth::jws::{self, Keys};
use crate::oauth::jwt;
use crate::record::Original;

/// Checks an ID token that came with refreshed tokens against the one of the login.
///
/// Of `expected`, what a user's presence would prove is passed over: nonce, `max_age`, `acr` and
/// code.
///
/// # Errors
///
/// As [`verify`](super::verify); and if the token speaks of another user or sign-in.
pub(crate) fn verify(
    token: &str,
    keys: Keys<'_>,
    algorithms: &[Algorithm],
    expected: &Expected<'_>,
    original: &Original,
) -> Result<IdToken, IdTokenError> {
    let verified = jws::verify(token, keys, algorithms, &TYPES)?;
    check_user(verified.claims(), expected, original)?;
    let checked = Checked::read(verified.claims(), expected)?;

    check(original, &checked, verified.claims())?;
    check_access_token_hash(&verified, expected)?;
    Ok(IdToken { checked, claims: verified.into_claims() })
}

/// Comes first: a token of another user must not pass for an earlier one of this user, which is
/// harmless, only because it is old.
fn check_user(
    claims: &Object,
    expected: &Expected<'_>,
    original: &Original,
) -> Result<(), IdTokenError> {
    expected.check_issuer(claims)?;
    if check_subject(claims)? != original.subject {
        return Err(IdTokenError::SubjectChanged);
    }
    Ok(())
}

fn check(original: &Original, refreshed: &Checked, claims: &Object) -> Result<(), IdTokenError> {
    if !original.audiences.iter().all(|audience| refreshed.audiences.contains(audience)) {
        return Err(IdTokenError::AudienceChanged);
    }
    if refreshed.authorized_party != original.authorized_party {
        return Err(IdTokenError::AuthorizedPartyChanged);
    }
    let changed =
        |time: &Value| original.auth_time.is_some() && jwt::moment(time) != original.auth_time;
    if claims.get("auth_time").is_some_and(changed) {
        return Err(IdTokenError::AuthenticationTimeChanged);
    }
    let foreign = |nonce: &Value| !matches_secret(nonce, original.nonce.as_ref());
    if claims.get("nonce").is_some_and(foreign) {
        return Err(IdTokenError::NonceMismatch);
    }
    Ok(())
}
