//! Signing in in the user's browser, for a program that has none: the way of native apps.
//!
//! The browser comes back to a loopback address ([RFC 8252 §7.3]) with a code in the fragment, which
//! only a page can read. So that address serves a page, which hands the code over. Whoever else puts
//! a code there gains nothing: only the one that answers our challenge can be redeemed by us, and
//! only by us ([RFC 7636]).
//!
//! [RFC 8252 §7.3]: https://www.rfc-editor.org/rfc/rfc8252#section-7.3
//! [RFC 7636]: https://www.rfc-editor.org/rfc/rfc7636

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ring::digest::{SHA256, digest};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use url::form_urlencoded;

use super::calls::{Calls, segment};
use super::error::ClientError;
use super::user::User;
use crate::seal::random;
use crate::secret::Secret;

/// Sends a browser to sign in at `provider`, and waits until it comes back.
pub(super) async fn sign_in(
    calls: &Calls,
    provider: &str,
    port: u16,
    open: impl FnOnce(&str),
) -> Result<User, ClientError> {
    let loopback = |error| ClientError::Loopback(Arc::new(error));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(loopback)?;
    let address = listener.local_addr().map_err(loopback)?;
    let verifier = Verifier::random()?;
    open(&login_address(calls, provider, address, &verifier));

    let (arrivals, mut arrived) = mpsc::channel(1);
    let mut visits = JoinSet::new();
    let outcome = loop {
        tokio::select! {
            // A browser makes two or three; more are somebody's attempt to keep it out.
            accepted = listener.accept(), if visits.len() < MAX_VISITS => {
                let Ok((stream, _)) = accepted else { continue };
                let visit = Visit { address, arrivals: arrivals.clone() };
                visits.spawn(async move {
                    let service = service_fn(|request| visit.answer(request));
                    let mut http = http1::Builder::new();
                    let connection = http.keep_alive(false).serve_connection(TokioIo::new(stream), service);
                    let _ = tokio::time::timeout(VISIT_LIMIT, connection).await;
                });
            }
            Some(_) = visits.join_next() => {}
            Some(Arrival { answer, reply }) = arrived.recv() => {
                let outcome = redeem(calls, provider, &verifier, answer).await;
                let _ = reply.send(Told::of(&outcome));
                match outcome {
                    // Not the answer to our challenge: somebody else's doing. Ours may yet come.
                    Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) => {}
                    outcome => break outcome,
                }
            }
        }
    };
    // So that the user is told.
    let told = async { while visits.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FAREWELL, told).await;
    outcome
}

fn login_address(
    calls: &Calls,
    provider: &str,
    address: SocketAddr,
    verifier: &Verifier,
) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("post_login_redirect_url", &format!("http://{address}{CALLBACK}"))
        .append_pair("code_challenge", &verifier.challenge())
        .append_pair("code_challenge_method", "S256")
        .append_pair("session_mode", "token")
        .finish();
    format!("{}/.auth/login/{}?{query}", calls.origin, segment(provider))
}

async fn redeem(
    calls: &Calls,
    provider: &str,
    verifier: &Verifier,
    answer: Answer,
) -> Result<User, ClientError> {
    match answer {
        Answer::Code(code) => calls.redeem(provider, code.expose(), verifier.0.expose()).await,
        Answer::Error(error) => Err(ClientError::Login(Arc::new(error.into()))),
    }
}

/// The secret that a code is bound to. Base64 with `+`, `/` and `=`, as the SDKs send it.
struct Verifier(Secret<String>);

impl Verifier {
    fn random() -> Result<Self, ClientError> {
        let bytes = random::<32>().map_err(|_| ClientError::Random)?;
        Ok(Self(Secret::new(STANDARD.encode(bytes))))
    }

    fn challenge(&self) -> String {
        STANDARD.encode(digest(&SHA256, self.0.expose().as_bytes()))
    }
}

/// What the application sent the browser back with.
enum Answer {
    Code(Secret<String>),
    Error(String),
}

impl Answer {
    fn parse(form: &[u8]) -> Option<Self> {
        let mut pairs = form_urlencoded::parse(form);
        pairs.find_map(|(name, value)| match &*name {
            "authorization_code" => Some(Self::Code(Secret::new(value.into_owned()))),
            "error" => Some(Self::Error(value.chars().filter(|c| !c.is_control()).collect())),
            _ => None,
        })
    }
}

/// An answer, and how to tell the page what became of it.
struct Arrival {
    answer: Answer,
    reply: oneshot::Sender<Told>,
}

/// What the page tells the user.
struct Told(StatusCode, &'static str);

impl Told {
    const fn of(outcome: &Result<User, ClientError>) -> Self {
        match outcome {
            Ok(_) => Self(StatusCode::OK, "You are signed in. You can close this window."),
            Err(_) => {
                Self(StatusCode::FORBIDDEN, "Signing in did not work. Go back to the program.")
            }
        }
    }
}

/// One connection to the loopback address, from the browser or from anybody on this machine.
struct Visit {
    address: SocketAddr,
    arrivals: mpsc::Sender<Arrival>,
}

impl Visit {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let host = self.address.to_string();
        let is = |name, value: &str| {
            request.headers().get(name).is_some_and(|found| found.as_bytes() == value.as_bytes())
        };
        // Under any other name, it is a page elsewhere that has this machine take us for its server.
        if !is(header::HOST, &host) || request.uri().path() != CALLBACK {
            return Ok(told(&Told(StatusCode::NOT_FOUND, "Nothing is here.")));
        }
        Ok(match *request.method() {
            Method::GET => page(),
            Method::POST if is(header::ORIGIN, &format!("http://{host}")) => {
                told(&self.hand_over(request.into_body()).await)
            }
            _ => told(&Told(StatusCode::FORBIDDEN, "This page alone may do that.")),
        })
    }

    async fn hand_over(&self, body: Incoming) -> Told {
        let nothing =
            Told(StatusCode::BAD_REQUEST, "There is no answer to a sign-in in this address.");
        let Ok(form) = Limited::new(body, MAX_FORM).collect().await else { return nothing };
        let Some(answer) = Answer::parse(&form.to_bytes()) else { return nothing };
        let (reply, told) = oneshot::channel();
        let late = Told(StatusCode::GONE, "The program is not waiting any more.");
        if self.arrivals.send(Arrival { answer, reply }).await.is_err() {
            return late;
        }
        told.await.unwrap_or(late)
    }
}

fn told(told: &Told) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(told.1));
    *response.status_mut() = told.0;
    finish(response, "text/plain; charset=utf-8", "default-src 'none'")
}

fn page() -> Response<Full<Bytes>> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Signing in</title>\
         <p id=\"told\">Signing in …</p><script>{SCRIPT}</script></html>"
    );
    let hash = STANDARD.encode(digest(&SHA256, SCRIPT.as_bytes()));
    let policy = format!("default-src 'none'; script-src 'sha256-{hash}'; connect-src 'self'");
    finish(Response::new(Full::from(html)), "text/html; charset=utf-8", &policy)
}

fn finish(
    mut response: Response<Full<Bytes>>,
    content_type: &'static str,
    policy: &str,
) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Hands over what only a page can see. The address is cleaned first, so that the code is in nobody's
/// history.
const SCRIPT: &str = "\
const answer = location.hash.slice(1) || location.search.slice(1);\
history.replaceState(null, '', location.pathname);\
const tell = (text) => { document.getElementById('told').textContent = text; };\
fetch(location.pathname, { method: 'POST', body: answer })\
.then((response) => response.text())\
.then(tell, () => tell('The program is not waiting any more.'));";
const CALLBACK: &str = "/easyauth.callback";
/// Connections at once.
const MAX_VISITS: usize = 32;
const VISIT_LIMIT: Duration = Duration::from_secs(30);
const FAREWELL: Duration = Duration::from_secs(1);
/// Longest answer, in bytes.
const MAX_FORM: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_those_of_the_sdks() {
        let verifier = Verifier("4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8=".into());
        assert_eq!(verifier.challenge(), "2FWjqofz/ovDTAIGiTtymlyMREePmsY+m+V6AHaX2ac=");

        let random = Verifier::random().unwrap();
        assert_eq!(random.0.expose().len(), 44);
        assert!(!random.0.matches(Verifier::random().unwrap().0.expose()));
    }

    #[test]
    fn an_answer_is_a_code_or_an_error() {
        let parse = |form: &str| Answer::parse(form.as_bytes());
        assert!(
            matches!(parse("authorization_code=a-b_c"), Some(Answer::Code(code)) if code.matches("a-b_c"))
        );
        assert!(
            matches!(parse("error=no%20way%0A"), Some(Answer::Error(error)) if error == "no way")
        );
        assert!(parse("").is_none());
        assert!(parse("token=x").is_none());
    }
}
