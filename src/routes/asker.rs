//! Who asks: a person's browser that can be sent elsewhere, or a program that wants an answer.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};

/// Whether the request is a navigation of a browser, which can be sent to sign in.
///
/// Browsers say so themselves (Fetch Metadata). Older ones are told from programs by what these
/// send: a body to change something, a script's `X-Requested-With`, a mobile client's `X-ZUMO-*`,
/// credentials, or no wish for HTML.
pub(super) fn navigates(parts: &Parts) -> bool {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return false;
    }
    let headers = &parts.headers;
    if let Some(mode) = headers.get("sec-fetch-mode") {
        return mode == "navigate";
    }
    let scripted = headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("sec-fetch-")
            || name.starts_with("x-zumo-")
            || name == "x-requested-with"
            || name == "authorization"
    });
    !scripted && (admits(headers, "text/html") || !headers.contains_key(header::ACCEPT))
}

/// Whether an answer is best a page.
pub(super) fn wants_page(parts: &Parts) -> bool {
    parts.headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate")
        || names(&parts.headers, |range| range == "text/html")
}

/// Whether `Accept` admits `kind`, by name or by `*/*`.
fn admits(headers: &HeaderMap, kind: &str) -> bool {
    names(headers, |range| range == kind || range == "*/*" || range == "text/*")
}

/// Whether `Accept` has a range that `is` the one, and does not refuse it (`q=0`).
fn names(headers: &HeaderMap, is: impl Fn(&str) -> bool) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    lines.filter_map(|line: &HeaderValue| line.to_str().ok()).any(|line| {
        line.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            is(&kind) && !parts.any(refuses)
        })
    })
}

fn refuses(parameter: &str) -> bool {
    parameter.strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok()) == Some(0.0)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asks(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request =
            headers.iter().fold(Request::builder().method(method), |request, (name, value)| {
                request.header(*name, *value)
            });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn browsers_are_told_from_programs() {
        for (method, headers, expected) in [
            ("GET", &[][..], true),
            ("HEAD", &[], true),
            ("GET", &[("accept", "*/*")], true),
            ("GET", &[("accept", "text/html,application/xhtml+xml;q=0.9")], true),
            ("GET", &[("accept", "application/json")], false),
            ("GET", &[("accept", "text/html;q=0")], false),
            ("GET", &[("accept", "application/json, text/plain, */*")], true),
            ("GET", &[("sec-fetch-mode", "navigate"), ("accept", "application/json")], true),
            ("GET", &[("sec-fetch-mode", "cors"), ("accept", "text/html")], false),
            ("GET", &[("sec-fetch-site", "same-origin"), ("accept", "text/html")], false),
            ("GET", &[("x-requested-with", "XMLHttpRequest")], false),
            ("GET", &[("x-zumo-auth", "x"), ("accept", "text/html")], false),
            ("GET", &[("authorization", "Bearer x"), ("accept", "text/html")], false),
            ("POST", &[("sec-fetch-mode", "navigate"), ("accept", "text/html")], false),
        ] {
            assert_eq!(navigates(&asks(method, headers)), expected, "{method} {headers:?}");
        }
    }
}
