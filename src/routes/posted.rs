//! Bodies that are posted to our routes: bounded in length and time, and of the type they must be.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tower::BoxError;

/// Why a body is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unread {
    /// It is of another type.
    OtherType,
    TooSlow,
    TooLong,
    BrokenOff,
}

impl Unread {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::OtherType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body whose media type must be `essence`, whatever its parameters.
pub(super) async fn read<B>(parts: &Parts, body: B, essence: &str) -> Result<Bytes, Unread>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    if !is_of(parts, essence) {
        return Err(Unread::OtherType);
    }
    match tokio::time::timeout(TIMEOUT, Limited::new(body, MAX_LENGTH).collect()).await {
        Err(_) => Err(Unread::TooSlow),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Unread::TooLong),
        Ok(Err(_)) => Err(Unread::BrokenOff),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

fn is_of(parts: &Parts, essence: &str) -> bool {
    let mut kinds = parts.headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let found = kind.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    found.trim_ascii().eq_ignore_ascii_case(essence.as_bytes())
}

const MAX_LENGTH: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(10);
