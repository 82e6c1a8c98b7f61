//! By what somebody proves who they are, and why it may not do.

use http::HeaderMap;

use crate::session::SessionHandle;
use crate::wire;

/// What a request is vouched for by. The first in this order that a request brings decides about
/// it, good or bad.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Credential {
    /// `X-ZUMO-AUTH`.
    SessionToken(SessionHandle),
    /// `AppServiceAuthSession`.
    Cookie(SessionHandle),
}

impl Credential {
    /// Whether the request brought any, good or bad.
    pub(super) fn is_sent(request: &HeaderMap) -> bool {
        wire::session_token::find(request).is_some() || wire::cookie::has_session(request)
    }

    /// The session that it names.
    pub(crate) const fn session(&self) -> &SessionHandle {
        match self {
            Self::SessionToken(handle) | Self::Cookie(handle) => handle,
        }
    }

    /// The name of the request header that it comes in.
    pub(crate) const fn header(&self) -> &'static str {
        match self {
            Self::SessionToken(_) => wire::session_token::HEADER,
            Self::Cookie(_) => "cookie",
        }
    }

    /// Why a request with it has no session.
    pub(super) const fn refused(&self, why: Refused) -> Unknown {
        match self {
            Self::SessionToken(_) => Unknown::SessionToken(why),
            Self::Cookie(_) => Unknown::Cookie(why),
        }
    }

    /// Whether browsers send it by themselves, whichever site has them make the request.
    pub(crate) const fn is_ambient(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }
}

/// Why a request has no session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    /// It brought no credential.
    Nobody,
    /// It brought a session token that does not do, and nothing else counts.
    SessionToken(Refused),
    /// It brought a session cookie that does not do.
    Cookie(Refused),
    /// It brought a bearer token that does not do, and nothing else counts.
    Bearer(NoBearer),
}

/// Why a bearer token does not do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NoBearer {
    /// It is of none of the providers whose tokens are taken, and no cookie came with it.
    Foreign,
    /// Forged, expired, or for somebody else.
    Refused,
    /// It is good, and the provider's policy does not admit who holds it.
    NotAdmitted,
    /// The session token beside it is another user's.
    OtherUser,
    /// There are several.
    Several,
}

/// Why a credential does not do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    /// Damaged, forged, made for somebody else, or with another key.
    Unreadable,
    /// Its session is past its end.
    Expired,
    /// Its session was ended, here or elsewhere.
    Ended,
    /// Its session has a newer one.
    Superseded,
}
