//! The shapes of our answers: pages, JSON, redirects.

use std::mem;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::page::Page;

/// A page.
pub(super) fn page(status: StatusCode, page: &Page<'_>) -> Response<Bytes> {
    let (html, policy) = page.render();
    let mut response = of(status, "text/html; charset=utf-8", Bytes::from(html));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// A JSON document.
pub(super) fn json(status: StatusCode, document: impl Into<Bytes>) -> Response<Bytes> {
    of(status, "application/json", document.into())
}

/// A redirect to `location`, with `cookies`. The body is there for those who do not follow it.
pub(super) fn redirect(
    location: &str,
    cookies: impl IntoIterator<Item = HeaderValue>,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    // Locations are addresses that were parsed and written out again: always header values.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    set_cookies(&mut response, cookies);
    response
}

/// Adds `cookies` to an answer.
pub(super) fn set_cookies(
    response: &mut Response<Bytes>,
    cookies: impl IntoIterator<Item = HeaderValue>,
) {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// `response` with what every answer of ours carries: nobody keeps it, frames it, guesses its type
/// or learns from it where the browser came from.
pub(super) fn secure(mut response: Response<Bytes>, method: &Method) -> Response<Bytes> {
    for (name, value) in SECURITY {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if *method == Method::HEAD {
        // Said before the body goes: axum and others would say that a GET gets an empty one.
        let length = mem::take(response.body_mut()).len();
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

fn of(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

const SECURITY: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
