//! A request's body that nobody will read, since the request is refused.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body;
use http_body_util::BodyExt as _;

use crate::store::BoxFuture;

/// `response`, when what is left of `request` has arrived; at once if nothing is.
///
/// Servers close a connection, or break off a stream, that is answered before its body has come. A
/// client may then lose the answer, or the next request that it sends there. So a short body is let
/// in, and thrown away. After a long one, HTTP/1 clients are told that the connection ends.
pub(crate) fn after_body<B>(
    mut response: Response<Bytes>,
    request: Request<B>,
) -> Result<Response<Bytes>, BoxFuture<'static, Response<Bytes>>>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    // A client that waits for our consent sends nothing without it.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return Ok(response);
    }
    Err(Box::pin(async move {
        let (parts, body) = request.into_parts();
        let arrived = tokio::time::timeout(PATIENCE, throw_away(body)).await;
        if !arrived.unwrap_or_default() && parts.version <= Version::HTTP_11 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }))
}

/// Whether `body` came to its end.
async fn throw_away<B: Body>(body: B) -> bool {
    let mut body = pin!(body);
    let mut length = 0;
    while length <= MAX_LENGTH {
        match body.frame().await {
            Some(Ok(frame)) => length += frame.data_ref().map_or(0, |data| data.remaining()),
            Some(Err(_)) => return false,
            None => return true,
        }
    }
    false
}

const MAX_LENGTH: usize = 256 << 10;
/// A body that is on its way comes in this time; one that its sender holds back is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
