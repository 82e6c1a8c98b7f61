//! The future of a request and the body of its response: the inner service's, or ours.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::routes::{self, Verdict};
use crate::store::BoxFuture;
use crate::wire;

pin_project! {
    /// The response that [`EasyAuth`](crate::EasyAuth) is about to give.
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, S::Future>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, ReqBody, F> {
        /// The application answers. The way of every signed-in request: nothing is boxed.
        Inner {
            #[pin]
            future: F,
            // The header that vouched for the request: its answer is for one pair of eyes.
            vouched: Option<&'static str>,
        },
        /// We have answered.
        Answer { response: Option<Response<Bytes>> },
        /// One of our routes answers.
        Route { future: BoxFuture<'static, Response<Bytes>> },
        /// Who asks is being found out; the service that is ready waits, and so does the request.
        Settle {
            future: BoxFuture<'static, Verdict>,
            waiting: Option<Waiting<S, ReqBody>>,
        },
    }
}

/// A ready service and the request that it may get.
pub(crate) struct Waiting<S, ReqBody> {
    pub(crate) service: S,
    pub(crate) request: Request<ReqBody>,
    /// Whether its `Authorization` is not for the application to see unless it is proved.
    pub(crate) unproven: bool,
}

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    /// The application's answer to anybody.
    pub(crate) const fn inner(future: S::Future) -> Self {
        Self { state: State::Inner { future, vouched: None } }
    }

    /// The application's answer to somebody whom the request's header `by` vouches for.
    pub(crate) const fn vouched(future: S::Future, by: &'static str) -> Self {
        Self { state: State::Inner { future, vouched: Some(by) } }
    }

    pub(crate) const fn answer(response: Response<Bytes>) -> Self {
        Self { state: State::Answer { response: Some(response) } }
    }

    /// Our answer to a request that goes no further.
    pub(crate) fn refuse(response: Response<Bytes>, request: Request<ReqBody>) -> Self
    where
        ReqBody: Body + Send + 'static,
        ReqBody::Data: Send,
    {
        Self { state: refusal(response, request) }
    }

    pub(crate) const fn route(future: BoxFuture<'static, Response<Bytes>>) -> Self {
        Self { state: State::Route { future } }
    }

    pub(crate) const fn settle(
        future: BoxFuture<'static, Verdict>,
        waiting: Waiting<S, ReqBody>,
    ) -> Self {
        Self { state: State::Settle { future, waiting: Some(waiting) } }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Inner { future, vouched } => {
                    let mut response = ready!(future.poll(context))?;
                    if let Some(by) = *vouched {
                        wire::header::keep_private(response.headers_mut(), by);
                    }
                    return Poll::Ready(Ok(response.map(ResponseBody::inner)));
                }
                // Polled again after it was ready, it has nothing more to say; a future may.
                StateProjection::Answer { response } => match response.take() {
                    Some(response) => return Poll::Ready(Ok(response.map(ResponseBody::ours))),
                    None => return Poll::Pending,
                },
                StateProjection::Route { future } => {
                    let response = ready!(future.as_mut().poll(context));
                    State::Answer { response: Some(response) }
                }
                StateProjection::Settle { future, waiting } => {
                    let verdict = ready!(future.as_mut().poll(context));
                    proceed(verdict, waiting.take())
                }
            };
            state.set(next);
        }
    }
}

fn proceed<S, ReqBody>(
    verdict: Verdict,
    waiting: Option<Waiting<S, ReqBody>>,
) -> State<S, ReqBody, S::Future>
where
    S: Service<Request<ReqBody>>,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
{
    match (verdict, waiting) {
        (Verdict::Admit(known), Some(Waiting { mut service, mut request, unproven })) => {
            match &known {
                Some(known) => known.introduce(&mut request),
                None => {
                    wire::session_token::strip(request.headers_mut());
                    if unproven {
                        request.headers_mut().remove(header::AUTHORIZATION);
                    }
                }
            }
            State::Inner {
                future: service.call(request),
                vouched: known.map(|known| known.vouched_by()),
            }
        }
        (Verdict::Answer(response), Some(Waiting { service, request, .. })) => {
            // Somebody else may need the place while a body arrives.
            drop(service);
            refusal(response, request)
        }
        (Verdict::Answer(response), None) => State::Answer { response: Some(response) },
        (Verdict::Admit(_) | Verdict::SignIn, _) => State::Answer { response: None },
    }
}

fn refusal<S, ReqBody, F>(
    response: Response<Bytes>,
    request: Request<ReqBody>,
) -> State<S, ReqBody, F>
where
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
{
    match routes::after_body(response, request) {
        Ok(response) => State::Answer { response: Some(response) },
        Err(future) => State::Route { future },
    }
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The application's body, untouched, or one of ours.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Ours { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    const fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    fn ours(body: Bytes) -> Self {
        Self { kind: Kind::Ours { body: Full::new(body) } }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(context),
            KindProjection::Ours { body } => {
                body.poll_frame(context).map_err(|never| match never {})
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Ours { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Ours { body } => body.size_hint(),
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::inner(B::default())
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Inner { .. } => "Inner",
            Kind::Ours { .. } => "Ours",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}

/// Puts a fresh clone in the place of `service` and hands out the one that is ready
/// ([tower's contract](https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services)).
pub(crate) fn take_ready<S: Clone>(service: &mut S) -> S {
    let fresh = service.clone();
    mem::replace(service, fresh)
}
