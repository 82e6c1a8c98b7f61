//! A request that has been sent, and what becomes of its answer.

use std::future::poll_fn;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use tower::BoxError;
use tower_service::Service;

use super::challenge::Challenge;
use super::easy_auth_client::EasyAuthClient;
use super::error::ClientError;
use super::request_body::{Replay, RequestBody};
use super::response_body::ResponseBody;
use super::service::authenticate;
use super::user::User;

/// What is needed to judge an answer, and to send its request once more.
pub(super) struct Sent<S, B> {
    client: EasyAuthClient,
    /// Whom it was sent as.
    user: Option<Arc<User>>,
    method: Method,
    /// None if it cannot be sent again.
    again: Option<Again<S, B>>,
}

struct Again<S, B> {
    /// Not ready yet: a service that is kept ready holds a place that others wait for.
    service: S,
    parts: Parts,
    body: Replay<B>,
}

impl<S: Clone, B> Sent<S, B> {
    pub(super) fn new(
        client: &EasyAuthClient,
        service: &S,
        user: Option<Arc<User>>,
        parts: &Parts,
        replay: Option<Replay<B>>,
    ) -> Self {
        let again =
            replay.map(|body| Again { service: service.clone(), parts: parts.clone(), body });
        Self { client: client.clone(), user, method: parts.method.clone(), again }
    }
}

impl<S, B> Sent<S, B> {
    pub(super) fn user(&self) -> Option<&User> {
        self.user.as_deref()
    }

    /// What `response` says against the token; `None` if nothing that another token would change, or
    /// if it is not certain that nothing has happened yet.
    pub(super) fn challenge<R>(&self, response: &Response<R>) -> Option<Challenge> {
        let challenge = Challenge::of(response, self.client.origin().host())?;
        challenge.permits_replay(&self.method).then_some(challenge)
    }
}

impl<S, B, R> Sent<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    B: Body,
    B::Error: Into<BoxError>,
    R: Body + Unpin,
{
    /// The answer to hand over: `response`, or that to the same request with a fresh token.
    pub(super) async fn settle(
        self,
        response: Response<R>,
    ) -> Result<Response<ResponseBody<R>>, S::Error> {
        let Some(challenge) = self.challenge(&response) else {
            return Ok(response.map(ResponseBody::new));
        };
        let (parts, body) = response.into_parts();
        let mut refusal = Response::from_parts(parts, ResponseBody::take_in(body).await);
        let sender = self.user.clone();
        let healed = self.client.heal(self.user, challenge).await;
        let user = match healed.and_then(|user| same_user(sender.as_deref(), user)) {
            Ok(user) => user,
            Err(error) => {
                refusal.extensions_mut().insert(NotHealed(error));
                return Ok(refusal);
            }
        };
        let Some(Again { mut service, parts, body }) = self.again else { return Ok(refusal) };
        let Some(body) = body.again() else { return Ok(refusal) };
        drop(refusal);

        let mut request = Request::from_parts(parts, body);
        authenticate(request.headers_mut(), Some(&user));
        poll_fn(|cx| service.poll_ready(cx)).await?;
        let response = service.call(request).await?;
        if let Some(challenge) = Challenge::of(&response, self.client.origin().host()) {
            self.client.refused_again(&user, challenge);
        }
        Ok(response.map(ResponseBody::new))
    }
}

/// `user`, unless the request is known to be somebody else's.
fn same_user(sender: Option<&User>, user: Arc<User>) -> Result<Arc<User>, ClientError> {
    let known = |user: &User| !user.user_id().is_empty();
    match sender {
        Some(sender) if known(sender) && known(&user) && sender.user_id() != user.user_id() => {
            Err(ClientError::AnotherUser)
        }
        _ => Ok(user),
    }
}

/// In the extensions of a 401 that came back although it was tried to heal it: why that failed.
#[derive(Clone, Debug)]
pub struct NotHealed(pub ClientError);
