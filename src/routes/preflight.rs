//! CORS preflights ([Fetch]): a browser asks whether a page of another origin may send a request.
//! It asks without credentials and follows no redirect, so the application has to be asked.
//!
//! [Fetch]: https://fetch.spec.whatwg.org/#cors-preflight-fetch

use http::request::Parts;
use http::{Method, header};

/// Whether the request is a preflight, and can be nothing else.
///
/// Anybody can send one, and it reaches the application as nobody's. So one that would have some
/// frameworks take it for another method, or open a connection, is none: no browser sends it.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    let headers = &parts.headers;
    parts.method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && !headers.contains_key(header::UPGRADE)
        && !headers.keys().any(|name| overrides_method(name.as_str()))
}

fn overrides_method(name: &str) -> bool {
    // Gateways in the CGI tradition take all punctuation for the same.
    let folded = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    matches!(folded.as_str(), "x-http-method" | "x-http-method-override" | "x-method-override")
}
