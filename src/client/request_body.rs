//! A request body that is kept while it is sent, so that the same bytes can be sent once more.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::BoxError;

pin_project! {
    /// The body of a request, as it goes out through [`SignedIn`](super::SignedIn).
    ///
    /// Frame by frame what the program gave, at the pace at which the connection takes it. What has
    /// gone out is kept up to the limit, for it may have to go out again.
    pub struct RequestBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjected]
    enum Kind<B> {
        /// Goes out once.
        Once { #[pin] body: B },
        /// Goes out, and is kept.
        Kept { kept: Shared<B> },
        /// Goes out again: first what was kept, then what had not gone out yet.
        Again { kept: Shared<B> },
    }
}

/// A body and what was kept of it, for the one who sends it and the one who may send it again.
type Shared<B> = Arc<Mutex<Kept<B>>>;

/// The way to send a body once more.
pub(super) struct Replay<B>(
    /// None if there is nothing in it.
    Option<Shared<B>>,
);

impl<B> RequestBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// `body`, to be sent once.
    pub(super) const fn once(body: B) -> Self {
        Self { kind: Kind::Once { body } }
    }

    /// `body`, kept up to `limit` bytes, and the way to send it again; none if it is known to be
    /// longer.
    pub(super) fn kept(body: B, limit: usize) -> (Self, Option<Replay<B>>) {
        if body.is_end_stream() {
            return (Self::once(body), Some(Replay(None)));
        }
        if body.size_hint().lower() > limit as u64 {
            return (Self::once(body), None);
        }
        let kept = Arc::new(Mutex::new(Kept::new(body, limit)));
        (Self { kind: Kind::Kept { kept: Arc::clone(&kept) } }, Some(Replay(Some(kept))))
    }
}

impl<B> Replay<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// The body once more, and the end of its first sending if that is still going on; `None` if more
    /// of it has gone out than was kept.
    pub(super) fn again(self) -> Option<RequestBody<B>> {
        let kept = self.0.unwrap_or_else(|| Arc::new(Mutex::new(Kept::empty())));
        // Woken without the lock: whoever is may come at once.
        if let Some(first) = lock(&kept).take_over() {
            first.wake();
        }
        lock(&kept).read_ahead()?;
        Some(RequestBody { kind: Kind::Again { kept } })
    }
}

fn lock<B>(kept: &Shared<B>) -> MutexGuard<'_, Kept<B>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Kept<B> {
    /// What has not been read yet.
    rest: Option<Pin<Box<B>>>,
    /// What has been read, in order.
    pieces: VecDeque<Bytes>,
    trailers: Option<HeaderMap>,
    size: usize,
    limit: usize,
    /// Whether the body said how long it is.
    sized: bool,
    /// Whether something is missing among the pieces.
    lost: bool,
    /// Whether the body is being sent again.
    taken_over: bool,
    /// Who waits for the rest on behalf of the first sending.
    first: Option<Waker>,
}

impl<B: Body> Kept<B> {
    fn new(body: B, limit: usize) -> Self {
        let sized = body.size_hint().exact().is_some();
        Self { rest: Some(Box::pin(body)), limit, sized, ..Self::empty() }
    }

    const fn empty() -> Self {
        Self {
            rest: None,
            pieces: VecDeque::new(),
            trailers: None,
            size: 0,
            limit: 0,
            sized: true,
            lost: false,
            taken_over: false,
            first: None,
        }
    }
}

impl<B> Kept<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    /// The next frame of the rest.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        Poll::Ready(match ready!(rest.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                Some(Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))))
            }
            Some(Err(error)) => {
                self.rest = None;
                self.lose();
                Some(Err(error.into()))
            }
            None => {
                self.rest = None;
                None
            }
        })
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
        }
        let Some(data) = frame.data_ref().filter(|data| !data.is_empty() && !self.lost) else {
            return;
        };
        self.size = self.size.saturating_add(data.len());
        if self.size > self.limit {
            return self.lose();
        }
        // Where the frames were cut is nobody's business, and thousands of small ones take room.
        if self.pieces.len() == MAX_PIECES {
            let mut whole = BytesMut::with_capacity(self.size);
            self.pieces.drain(..).for_each(|piece| whole.extend_from_slice(&piece));
            self.pieces.push_back(whole.freeze());
        }
        self.pieces.push_back(data.clone());
    }

    fn lose(&mut self) {
        self.lost = true;
        self.pieces = VecDeque::new();
    }

    /// Ends the first sending, and says whom to tell.
    const fn take_over(&mut self) -> Option<Waker> {
        self.taken_over = true;
        self.first.take()
    }

    /// Reads a body that is there and only waits to be read, so that its length decides whether it
    /// goes out again, and not how much of it the connection had taken. None if it is too long.
    fn read_ahead(&mut self) -> Option<()> {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(frame)) = self.read(&mut cx) {
            self.keep(&frame.ok()?);
            if self.lost {
                break;
            }
        }
        (!self.lost).then_some(())
    }

    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.taken_over {
            return Poll::Ready(Some(Err("the request was answered, and is sent again".into())));
        }
        let Poll::Ready(frame) = self.read(cx) else {
            self.first = Some(cx.waker().clone());
            return Poll::Pending;
        };
        if let Some(Ok(frame)) = &frame {
            self.keep(frame);
        }
        Poll::Ready(frame)
    }

    fn poll_again(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match ready!(self.read(cx)) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
        }
    }

    fn is_over(&self) -> bool {
        let rest = self.rest.as_ref().is_none_or(|rest| rest.is_end_stream());
        rest && (!self.taken_over || (self.pieces.is_empty() && self.trailers.is_none()))
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.size_hint());
        let kept = if self.taken_over { self.pieces.iter().map(Bytes::len).sum() } else { 0 };
        let mut hint = SizeHint::new();
        // Sent in chunks the first time, it is so the second: trailers have no place elsewhere.
        if let Some(upper) = rest.upper().filter(|_| self.sized) {
            hint.set_upper(upper.saturating_add(kept as u64));
        }
        hint.set_lower(rest.lower().saturating_add(kept as u64));
        hint
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProjected::Once { body } => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| {
                    let frame = frame.map_err(Into::into)?;
                    Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
                }))
            }
            KindProjected::Kept { kept } => lock(kept).poll_first(cx),
            KindProjected::Again { kept } => lock(kept).poll_again(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Once { body } => body.is_end_stream(),
            Kind::Kept { kept } | Kind::Again { kept } => lock(kept).is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Once { body } => body.size_hint(),
            Kind::Kept { kept } | Kind::Again { kept } => lock(kept).size_hint(),
        }
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

/// Pieces that are kept apart.
const MAX_PIECES: usize = 1024;
