//! What a bearer token gets that does not do.

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode, header};

use super::challenge::{self, INVALID_REQUEST, INVALID_TOKEN};
use super::refuse::{self, Explanation, NOT_ADMITTED};
use super::reply;
use crate::error::SubStatus;
use crate::relying_party::{NoBearer, RelyingParty};

pub(super) fn refuse(
    relying_party: &RelyingParty,
    parts: &Parts,
    why: NoBearer,
) -> Response<Bytes> {
    let (status, sub_status, explanation) = match why {
        NoBearer::Foreign => (StatusCode::UNAUTHORIZED, SubStatus::InvalidToken, FOREIGN),
        NoBearer::Refused => (StatusCode::UNAUTHORIZED, SubStatus::InvalidToken, REFUSED),
        NoBearer::OtherUser => (StatusCode::UNAUTHORIZED, SubStatus::InvalidToken, OTHER_USER),
        NoBearer::NotAdmitted => {
            (StatusCode::FORBIDDEN, SubStatus::AuthorizationCheckFailed, NOT_ADMITTED)
        }
        NoBearer::Several => (StatusCode::BAD_REQUEST, SubStatus::LoginProtocolError, SEVERAL),
    };
    let mut refused = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    let challenge = challenge::of(relying_party, parts, &explanation);
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    reply::secure(refused, &parts.method)
}

const FOREIGN: Explanation = Explanation {
    reason: "the bearer token is of no provider whose tokens are taken",
    error: INVALID_TOKEN,
    heading: "You need to sign in",
    description: "The access token is not of a sign-in service whose tokens this site accepts.",
};
const REFUSED: Explanation = Explanation {
    reason: "the bearer token is not valid",
    error: INVALID_TOKEN,
    heading: "You need to sign in",
    description: "The access token has expired, or is not for this application. Get a new one and \
                  try again.",
};
const OTHER_USER: Explanation = Explanation {
    reason: "the session token and the bearer token are two users'",
    error: INVALID_TOKEN,
    heading: "You need to sign in",
    description: "X-ZUMO-AUTH and Authorization are of two different users. Send one of them.",
};
const SEVERAL: Explanation = Explanation {
    reason: "there are several credentials in Authorization",
    error: INVALID_REQUEST,
    heading: "This request cannot be understood",
    description: "Authorization is there more than once. Send one access token.",
};
