//! The future of a response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::BoxError;
use tower_service::Service;

use super::request_body::RequestBody;
use super::response_body::ResponseBody;
use super::sent::Sent;

pin_project! {
    /// The response to a request that was sent through [`SignedIn`](super::SignedIn).
    ///
    /// Dropped, it ends the request, but not a renewal of the token that others may be waiting for.
    pub struct ResponseFuture<S, B, R>
    where
        S: Service<Request<RequestBody<B>>>,
        R: Body,
    {
        #[pin]
        state: State<S, B, R>,
    }
}

pin_project! {
    #[project = StateProjected]
    enum State<S, B, R>
    where
        S: Service<Request<RequestBody<B>>>,
        R: Body,
    {
        /// The answer is taken as it comes, or judged by what was `sent`.
        Sent { #[pin] future: S::Future, sent: Option<Sent<S, B>> },
        /// The rare ways: the token is not known yet, or was refused.
        Boxed { future: Boxed<S, B, R> },
    }
}

type Boxed<S, B, R> = Pin<
    Box<
        dyn Future<
                Output = Result<
                    Response<ResponseBody<R>>,
                    <S as Service<Request<RequestBody<B>>>>::Error,
                >,
            > + Send,
    >,
>;

impl<S, B, R> ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    R: Body,
{
    /// Whatever comes.
    pub(super) const fn passing(future: S::Future) -> Self {
        Self { state: State::Sent { future, sent: None } }
    }

    /// What comes, unless that is a refusal which can be healed.
    pub(super) const fn sent(future: S::Future, sent: Sent<S, B>) -> Self {
        Self { state: State::Sent { future, sent: Some(sent) } }
    }

    pub(super) fn later(
        future: impl Future<Output = Result<Response<ResponseBody<R>>, S::Error>> + Send + 'static,
    ) -> Self {
        Self { state: State::Boxed { future: Box::pin(future) } }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body + Send + Unpin + 'static,
    R::Data: Send,
    R::Error: Send,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let settling = match state.as_mut().project() {
                StateProjected::Boxed { future } => return future.as_mut().poll(cx),
                StateProjected::Sent { future, sent } => {
                    let response = ready!(future.poll(cx))?;
                    match sent.take_if(|sent| sent.challenge(&response).is_some()) {
                        Some(sent) => sent.settle(response),
                        None => return Poll::Ready(Ok(response.map(ResponseBody::new))),
                    }
                }
            };
            // The first answer's future ends here, and gives back what it holds.
            state.set(State::Boxed { future: Box::pin(settling) });
        }
    }
}

impl<S, B, R> fmt::Debug for ResponseFuture<S, B, R>
where
    S: Service<Request<RequestBody<B>>>,
    R: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
