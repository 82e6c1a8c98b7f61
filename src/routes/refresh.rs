//! `GET /.auth/refresh`: fresh tokens, and the session renewed.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};

use super::refuse::{self, Explanation, NOT_ADMITTED};
use super::{gate, reply};
use crate::config::StoreChoice;
use crate::error::SubStatus;
use crate::relying_party::{NotRefreshed, Refused, RelyingParty, Renewed, Unknown};

pub(super) async fn answer(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    if matches!(relying_party.settings().token_store, StoreChoice::Off) {
        let sub_status = SubStatus::RefreshTokenNotSupported;
        return refuse::refuse(
            relying_party,
            parts,
            StatusCode::BAD_REQUEST,
            sub_status,
            &NO_STORE,
        );
    }
    match relying_party.refresh(&parts.headers).await {
        Ok(Ok(Renewed::Token(result))) => reply::json(StatusCode::OK, result.json()),
        Ok(Ok(Renewed::Cookies(cookies))) => {
            let mut response = reply::json(StatusCode::OK, "{}");
            reply::set_cookies(&mut response, cookies);
            response
        }
        Ok(Err(failure)) => refuse_refresh(relying_party, parts, &failure),
        // Never a redirect: who asks here is a program, and wants to know.
        Err(unknown) => gate::unauthorized(relying_party, parts, unknown),
    }
}

fn refuse_refresh(
    relying_party: &RelyingParty,
    parts: &Parts,
    failure: &NotRefreshed,
) -> Response<Bytes> {
    let (status, sub_status, explanation) = match failure {
        NotRefreshed::Failed(error) => return refuse::fail(relying_party, parts, error),
        NotRefreshed::Ended => {
            let ended = Unknown::Cookie(Refused::Ended);
            return gate::unauthorized(relying_party, parts, ended);
        }
        NotRefreshed::NoRefreshToken(description) => {
            let explanation = Explanation { description, ..NO_REFRESH_TOKEN };
            (StatusCode::BAD_REQUEST, SubStatus::RefreshTokenUnavailable, explanation)
        }
        NotRefreshed::NotSupported(description) => {
            let explanation = Explanation { description, ..NOT_SUPPORTED };
            (StatusCode::BAD_REQUEST, SubStatus::RefreshTokenNotSupported, explanation)
        }
        NotRefreshed::NoProvider => {
            (StatusCode::BAD_REQUEST, SubStatus::RefreshTokenUnavailable, NO_PROVIDER)
        }
        NotRefreshed::NotAdmitted(_) => {
            let sub_status = SubStatus::AuthorizationCheckFailed;
            (StatusCode::FORBIDDEN, sub_status, NOT_ADMITTED)
        }
        NotRefreshed::Refused(_) | NotRefreshed::Stray => {
            (StatusCode::FORBIDDEN, SubStatus::RefreshTokenInvalid, REFUSED)
        }
    };
    refuse::refuse(relying_party, parts, status, sub_status, &explanation)
}

const NO_STORE: Explanation = Explanation {
    reason: "the token store is off",
    error: "refresh_not_supported",
    heading: "Tokens cannot be refreshed here",
    description: "This site keeps no tokens (login.tokenStore.enabled is false), so there are none \
                  to refresh.",
};
const NO_REFRESH_TOKEN: Explanation = Explanation {
    reason: "there is no refresh token",
    error: "refresh_token_unavailable",
    heading: "Tokens cannot be refreshed here",
    description: "The sign-in service issued no refresh token.",
};
const NOT_SUPPORTED: Explanation = Explanation {
    reason: "the provider has no refresh tokens",
    error: "refresh_not_supported",
    ..NO_REFRESH_TOKEN
};
const NO_PROVIDER: Explanation = Explanation {
    reason: "the provider is no longer configured",
    description: "The sign-in service that you signed in with is not used any more. Sign in again.",
    ..NO_REFRESH_TOKEN
};
const REFUSED: Explanation = Explanation {
    reason: "the provider refuses the refresh token",
    error: "refresh_token_invalid",
    heading: "Your access could not be renewed",
    description: "The sign-in service refuses to renew it: access was withdrawn, or it is too long \
                  ago. Sign in again.",
};
