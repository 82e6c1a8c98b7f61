//! `WWW-Authenticate`: what a refusal says of how to do better ([RFC 6750 §3], [RFC 9728 §5.1]).
//!
//! [RFC 6750 §3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
//! [RFC 9728 §5.1]: https://www.rfc-editor.org/rfc/rfc9728#section-5.1

use http::HeaderValue;
use http::request::Parts;

use super::refuse::Explanation;
use super::resource_metadata;
use crate::relying_party::RelyingParty;

/// The challenge of a 401, and of every refusal of a bearer token.
pub(super) fn of(
    relying_party: &RelyingParty,
    parts: &Parts,
    explanation: &Explanation,
) -> HeaderValue {
    // A host is made of letters, digits, dots, dashes and, in an IPv6 address, brackets and colons.
    let mut challenge = format!("Bearer realm=\"{}\"", relying_party.settings().origin.host());
    let mut add = |name: &str, value: &str| {
        if value.bytes().all(is_plain) {
            challenge.push_str(&format!(", {name}=\"{value}\""));
        }
    };
    // An error is told of to whom sent a token, and not to whom sent none.
    if matches!(explanation.error, INVALID_TOKEN | INVALID_REQUEST) {
        add("error", explanation.error);
        add("error_description", explanation.description);
    }
    if let Some(scopes) = &relying_party.settings().resource_scopes {
        if !scopes.is_empty() {
            add("scope", &scopes.join(" "));
        }
        add("resource_metadata", &resource_metadata::address(relying_party, parts.uri.path()));
    }
    HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// Whether `byte` stands for itself in a quoted string.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// The error code of a token that does not do.
pub(super) const INVALID_TOKEN: &str = "invalid_token";
/// The error code of a request that cannot be understood.
pub(super) const INVALID_REQUEST: &str = "invalid_request";
