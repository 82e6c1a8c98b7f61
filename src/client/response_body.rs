//! The body of a response: as it comes, or as it came while the request was being healed.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Buf as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use tokio::time::timeout;

pin_project! {
    /// The body of a response that came through [`SignedIn`](super::SignedIn): that of the service
    /// inside, whole and in order.
    pub struct ResponseBody<B: Body> {
        read: VecDeque<Result<Frame<B::Data>, B::Error>>,
        size: u64,
        #[pin]
        rest: Option<B>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) const fn new(body: B) -> Self {
        Self { read: VecDeque::new(), size: 0, rest: Some(body) }
    }
}

impl<B: Body + Unpin> ResponseBody<B> {
    /// `body`, with its beginning off the connection: all of it if it is short and comes soon, as
    /// refusals do. Then nothing that happens to the connection harms it, and the connection is free.
    pub(super) async fn take_in(body: B) -> Self {
        let mut taken = Self::new(body);
        // What had come by then is there all the same.
        let _ = timeout(PATIENCE, taken.read_on()).await;
        taken
    }

    async fn read_on(&mut self) {
        while self.size < MAX_READ
            && let Some(rest) = &mut self.rest
        {
            let frame = rest.frame().await;
            if !matches!(frame, Some(Ok(_))) {
                self.rest = None;
            }
            let Some(frame) = frame else { return };
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                self.size += data.remaining() as u64;
            }
            self.read.push_back(frame);
        }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let body = self.project();
        if let Some(frame) = body.read.pop_front() {
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                *body.size = body.size.saturating_sub(data.remaining() as u64);
            }
            return Poll::Ready(Some(frame));
        }
        body.rest.as_pin_mut().map_or(Poll::Ready(None), |rest| rest.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(self.size));
        }
        hint.set_lower(rest.lower().saturating_add(self.size));
        hint
    }
}

impl<B: Body> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

/// How much of a refusal is read ahead, in bytes; whole frames.
const MAX_READ: u64 = 64 * 1024;
/// How long its end is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
