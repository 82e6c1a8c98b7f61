//! CORS preflights ([Fetch]): a browser asks whether a page of another origin may send a request.
//! It asks without credentials and follows no redirect, so the application has to be asked.
//!
//! [Fetch]: https://fetch.spec.whatwg.org/#cors-preflight-fetch

use http::request::Parts;
use http::{Method, header};
use http_body::Body;

use crate::wire;

/// Whether the request is a preflight, and can be nothing else.
///
/// Anybody can send one, and it reaches the application as nobody's, on every path. So one that
/// brings what no browser sends with it is none: a body, a credential, an upgrade, or what has some
/// frameworks take it for another method.
pub(crate) fn is_preflight<B: Body>(parts: &Parts, body: &B) -> bool {
    let headers = &parts.headers;
    parts.method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && (body.is_end_stream() || body.size_hint().exact() == Some(0))
        && headers.get_all(header::CONTENT_LENGTH).iter().all(|length| length == "0")
        && !headers.keys().any(|name| NEVER_SENT.contains(&name.as_str()))
        && !headers.keys().any(|name| overrides_method(name.as_str()))
}

fn overrides_method(name: &str) -> bool {
    // Gateways in the CGI tradition take all punctuation for the same.
    let folded = name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    matches!(folded.as_str(), "x-http-method" | "x-http-method-override" | "x-method-override")
}

/// What no preflight has (Fetch §4.8): it asks without credentials, and sends nothing.
const NEVER_SENT: [&str; 6] = [
    "authorization",
    "content-type",
    "cookie",
    "transfer-encoding",
    "upgrade",
    wire::session_token::HEADER,
];
