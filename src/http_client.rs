//! The port to providers: a tower service that sends a request and brings back a whole answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

/// Sends requests to providers: any tower service of this shape, such as one over `reqwest`, or a
/// fake in tests.
///
/// # Contract
///
/// One request, one answer, whatever its status. **A redirect is an answer like any other and is
/// never followed**: what stands in `Location` is not ours to call (SSRF). TLS certificates are
/// verified. An answer is bounded in size and time by the relying party, but a client that reads it
/// whole before handing it over should bound it too. Errors must not contain the request's headers
/// or body.
pub type HttpClient = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, BoxError>;

/// Why there is no answer from a provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The answer is longer than [`MAX_ANSWER`].
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    /// There was no whole answer within [`TIMEOUT`].
    #[error("there was no answer within {} s", TIMEOUT.as_secs())]
    TimedOut,
    /// The connection could not be made, or broke.
    #[error("the provider could not be reached")]
    Unreachable(#[source] BoxError),
    /// The machine's certificates could not be loaded, or none is there.
    #[error("no trust in any certificate authority could be established")]
    NoTrust(#[source] BoxError),
}

/// `client` with what every call to a provider needs: credentials that no layer below prints, and
/// an end to waiting.
pub(crate) fn bounded(client: HttpClient) -> HttpClient {
    let stack = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION]))
        .timeout(TIMEOUT)
        .service(client);
    BoxCloneSyncService::new(stack)
}

/// Sends `request` through a [bounded] client.
pub(crate) async fn send(
    client: &HttpClient,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpClientError> {
    // GitHub refuses whoever does not say who they are.
    request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
    let answer = client.clone().oneshot(request).await.map_err(own_error)?;
    if answer.body().len() > MAX_ANSWER {
        return Err(HttpClientError::TooLong);
    }
    Ok(answer)
}

fn own_error(error: BoxError) -> HttpClientError {
    if error.is::<Elapsed>() {
        return HttpClientError::TimedOut;
    }
    match error.downcast::<HttpClientError>() {
        Ok(error) => *error,
        Err(error) => HttpClientError::Unreachable(error),
    }
}

/// The client that is used unless another is configured: hyper with rustls on ring, trusting what
/// the machine trusts.
pub(crate) fn default_client() -> Result<HttpClient, HttpClientError> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(60))
        .build(connector()?);
    Ok(BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let client = client.clone();
        async move { fetch(&client, request).await.map_err(BoxError::from) }
    })))
}

async fn fetch(
    client: &Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpClientError> {
    // GitHub refuses whoever does not say who they are.
    request.headers_mut().entry(header::USER_AGENT).or_insert(USER_AGENT);
    let answer = client
        .request(request.map(Full::new))
        .await
        .map_err(|error| HttpClientError::Unreachable(error.into()))?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            HttpClientError::TooLong
        } else {
            HttpClientError::Unreachable(error)
        }
    })?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

fn connector() -> Result<HttpsConnector<HttpConnector>, HttpClientError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    // The provider is named: the process-wide default may be missing, or another crate's choice.
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(rustls::crypto::ring::default_provider())
        .map_err(|error| HttpClientError::NoTrust(error.into()))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Ok(connector)
}

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("easyauth/", env!("CARGO_PKG_VERSION")));
/// Longest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 1 << 20;
/// Longest wait for a whole answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);
