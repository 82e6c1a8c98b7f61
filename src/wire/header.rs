//! The request headers by which the application learns who is signed in: whatever the client sent
//! under their names is scrubbed, then ours are set.

use bytes::{Bytes, BytesMut};
use http::header::Entry;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{principal, session_token};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::token::TokenSet;

/// Removes every header by which an application could take the client for somebody.
///
/// Runs first and on every request, also anonymous ones: what a client sends under these names is
/// forged. The names are also taken out of `Connection`, by which a client could have a proxy
/// behind us delete ours.
pub(crate) fn scrub(headers: &mut HeaderMap) {
    if headers.keys().any(|name| is_forged(name.as_str())) {
        let forged = headers.keys().filter(|name| is_forged(name.as_str()));
        for forged in forged.cloned().collect::<Vec<_>>() {
            headers.remove(forged);
        }
    }
    scrub_connection(headers);
}

/// Whether `name` is one that only we may set, or that of the session token as some software would
/// read it and we do not.
fn is_forged(name: &str) -> bool {
    begins_as_ours(name) && (is_reserved(name) || is_alias_of_token(name))
}

fn is_alias_of_token(name: &str) -> bool {
    name.len() == session_token::HEADER.len()
        && name != session_token::HEADER
        && name.bytes().map(fold).eq(session_token::HEADER.bytes())
}

fn scrub_connection(headers: &mut HeaderMap) {
    // Most lines need no closer look: they are one of two words, or have no x to begin our names.
    let names_ours = |line: &HeaderValue| {
        !matches!(line.as_bytes(), b"keep-alive" | b"close")
            && memchr::memchr2(b'x', b'X', line.as_bytes()).is_some()
            && tokens(line.as_bytes()).any(reserved_token)
    };
    if !headers.get_all(header::CONNECTION).iter().any(names_ours) {
        return;
    }
    let lines: Vec<_> = headers.get_all(header::CONNECTION).iter().cloned().collect();
    headers.remove(header::CONNECTION);
    for line in lines {
        let kept: Vec<_> = tokens(line.as_bytes()).filter(|token| !reserved_token(token)).collect();
        if let Ok(line) = HeaderValue::from_bytes(&kept.join(&b", "[..])) {
            headers.append(header::CONNECTION, line);
        }
    }
}

fn tokens(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

fn reserved_token(token: &[u8]) -> bool {
    std::str::from_utf8(token).is_ok_and(reserved)
}

/// Whether an application could take `name` for one of ours.
///
/// Gateways in the CGI tradition, and some frameworks, turn `-`, `.` and other punctuation into
/// `_`, and back; so letters count without their case and all else counts as `-`.
pub(crate) fn reserved(name: &str) -> bool {
    begins_as_ours(name) && is_reserved(name)
}

/// All of ours begin so; most others do not, and need no closer look.
const fn begins_as_ours(name: &str) -> bool {
    matches!(name.as_bytes(), [b'x' | b'X', ..])
}

fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| {
        name.len() >= prefix.len()
            && name.bytes().map(fold).zip(prefix.bytes()).all(|(a, b)| a == b)
    })
}

const fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

/// The headers of one session, made once and set on each of its requests.
#[derive(Clone, Debug)]
pub(crate) struct IdentityHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Names of headers that the application does not get, because their values cannot stand in one.
    pub(crate) left_out: Vec<String>,
}

impl IdentityHeaders {
    /// The headers for `principal`, and for their tokens where a token store keeps them.
    pub(crate) fn new(principal: &Principal) -> Self {
        let document = principal::encode(principal, MAX_PRINCIPAL);
        let mut lines = vec![
            (PRINCIPAL, Line::Plain(document.value)),
            (PRINCIPAL_ID, Line::Plain(readable(principal.user_id()))),
            (PRINCIPAL_NAME, Line::Plain(readable(principal.name()))),
            (PRINCIPAL_IDP, Line::Plain(principal.provider().as_str().to_owned())),
        ];
        if let Some(tokens) = principal.tokens() {
            lines.extend(token_lines(principal, tokens));
        }
        let mut headers = assemble(lines);
        if document.left_out > 0 {
            headers.left_out.push(format!("{PRINCIPAL} ({} claim types)", document.left_out));
        }
        headers
    }

    /// Sets the headers on a request that has been [scrubbed](scrub).
    pub(crate) fn set(&self, request: &mut HeaderMap) {
        request.reserve(self.headers.len());
        for (name, value) in &self.headers {
            request.insert(name.clone(), value.clone());
        }
    }
}

/// Sees to it that no shared cache keeps the answer to a request that its header `by` vouched for,
/// and that a browser's does not show it to who signs in next.
///
/// `private` is put in the place of `public` and `s-maxage`; what is stricter stays.
pub(crate) fn keep_private(response: &mut HeaderMap, by: &'static str) {
    response.append(header::VARY, HeaderValue::from_static(by));
    if let Entry::Vacant(entry) = response.entry(header::CACHE_CONTROL) {
        entry.insert(HeaderValue::from_static("private"));
        return;
    }
    let lines = response.get_all(header::CACHE_CONTROL).iter();
    let directives: Vec<&[u8]> = lines.flat_map(|line| tokens(line.as_bytes())).collect();
    let is = |directive: &[u8], name: &[u8]| {
        let named = directive.split(|byte| *byte == b'=').next().unwrap_or_default();
        named.trim_ascii().eq_ignore_ascii_case(name)
    };
    if directives.iter().any(|directive| is(directive, b"no-store") || is(directive, b"private")) {
        return;
    }
    let shared = |directive: &&&[u8]| is(directive, b"public") || is(directive, b"s-maxage");
    let mut kept: Vec<&[u8]> = directives.iter().filter(|d| !shared(d)).copied().collect();
    kept.push(b"private");
    if let Ok(line) = HeaderValue::from_bytes(&kept.join(&b", "[..])) {
        response.insert(header::CACHE_CONTROL, line);
    }
}

enum Line {
    Plain(String),
    Token(Secret<String>),
}

impl Line {
    fn len(&self) -> usize {
        match self {
            Self::Plain(value) => value.len(),
            Self::Token(token) => token.expose().len(),
        }
    }
}

fn token_lines(principal: &Principal, tokens: &TokenSet) -> Vec<(HeaderName, Line)> {
    let provider = principal.provider().as_str().to_ascii_lowercase();
    let named = |kind: &str| {
        HeaderName::try_from(format!("x-ms-token-{provider}-{kind}")).unwrap_or(PRINCIPAL)
    };
    let secrets = [
        ("id-token", &tokens.id_token),
        ("access-token", &tokens.access_token),
        ("access-token-secret", &tokens.access_token_secret),
        ("authentication-token", &tokens.authentication_token),
        ("refresh-token", &tokens.refresh_token),
    ];
    let mut lines: Vec<_> = secrets
        .into_iter()
        .filter_map(|(kind, token)| Some((named(kind), Line::Token(token.clone()?))))
        .collect();
    if let Some(expires_at) = tokens.expires_at {
        lines.push((named("expires-on"), Line::Plain(expires_at.to_iso8601())));
    }
    lines
}

/// Puts all values into one buffer that the headers share.
fn assemble(lines: Vec<(HeaderName, Line)>) -> IdentityHeaders {
    let mut buffer = BytesMut::with_capacity(lines.iter().map(|(_, line)| line.len()).sum());
    let mut spans = Vec::with_capacity(lines.len());
    for (name, line) in lines {
        let (value, sensitive) = match &line {
            Line::Plain(value) => (value, false),
            Line::Token(token) => (token.expose(), true),
        };
        buffer.extend_from_slice(value.as_bytes());
        spans.push((name, value.len(), sensitive));
    }
    let mut rest: Bytes = buffer.freeze();
    let mut made = IdentityHeaders { headers: Vec::with_capacity(spans.len()), left_out: vec![] };
    for (name, length, sensitive) in spans {
        match HeaderValue::from_maybe_shared(rest.split_to(length)) {
            Ok(mut value) => {
                value.set_sensitive(sensitive);
                made.headers.push((name, value));
            }
            Err(_) => made.left_out.push(name.to_string()),
        }
    }
    made
}

/// `text` as it may stand in a header: visible ASCII as it is, all else percent-encoded as UTF-8,
/// and `%` as well, so that decoding always gives back the text.
fn readable(text: &str) -> String {
    let mut encoded = utf8_percent_encode(text, UNREADABLE).to_string();
    // Spaces at the ends would be trimmed by whoever parses the header.
    let lead = encoded.len() - encoded.trim_start_matches(' ').len();
    encoded.replace_range(..lead, &"%20".repeat(lead));
    let trail = encoded.len() - encoded.trim_end_matches(' ').len();
    encoded.replace_range(encoded.len() - trail.., &"%20".repeat(trail));
    // A name of many kilobytes is no name; headers that long are refused further on.
    if encoded.len() <= MAX_READABLE { encoded } else { String::new() }
}

const PRINCIPAL: HeaderName = HeaderName::from_static("x-ms-client-principal");
const PRINCIPAL_ID: HeaderName = HeaderName::from_static("x-ms-client-principal-id");
const PRINCIPAL_NAME: HeaderName = HeaderName::from_static("x-ms-client-principal-name");
const PRINCIPAL_IDP: HeaderName = HeaderName::from_static("x-ms-client-principal-idp");

/// Beginnings, folded, of the names that only we may set.
const RESERVED: [&str; 3] = ["x-ms-client-principal", "x-ms-token-", "x-ms-auth-"];
const UNREADABLE: &AsciiSet = &CONTROLS.add(b'%');
/// Servers refuse requests whose headers exceed 16 KiB or so; the rest is for everything else.
const MAX_PRINCIPAL: usize = 12 << 10;
const MAX_READABLE: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::principal::{Claim, Identity, ProviderId};

    fn principal(user_id: &str, name: &str, tokens: Option<TokenSet>) -> Principal {
        Principal::new(
            Identity {
                provider: ProviderId::parse("Auth0_eu").unwrap(),
                user_id: user_id.to_owned(),
                name: name.to_owned(),
                name_typ: "name".to_owned(),
                claims: vec![Claim::new("name", name)],
            },
            tokens.map(Arc::new),
        )
    }

    fn set(principal: &Principal) -> HeaderMap {
        let mut request = HeaderMap::new();
        IdentityHeaders::new(principal).set(&mut request);
        request
    }

    #[test]
    fn t_03_every_legal_spelling_of_our_names_is_scrubbed() {
        let names = [
            "x-ms-client-principal",
            "x-ms-client-principal-id",
            "x-ms-client-principal-name",
            "x-ms-client-principal-idp",
            "x-ms-token-aad-access-token",
            "x-ms-auth-token",
        ];
        let legal = (0..=255u8).filter_map(|byte| HeaderName::from_bytes(&[byte]).ok());
        let substitutes: Vec<HeaderName> =
            legal.filter(|name| !name.as_str().as_bytes()[0].is_ascii_alphanumeric()).collect();
        assert!(substitutes.len() > 14);

        for name in names {
            for substitute in &substitutes {
                for dash in name.match_indices('-').map(|(at, _)| at) {
                    let mut spelled = name.to_owned();
                    spelled.replace_range(dash..=dash, substitute.as_str());
                    assert!(reserved(&spelled), "{spelled}");
                    assert!(reserved(&spelled.to_uppercase()), "{spelled}");
                }
            }
        }
    }

    #[test]
    fn t_02_however_often_a_name_is_sent_only_what_is_not_ours_stays() {
        let mut headers = HeaderMap::new();
        for n in 0..100 {
            headers.append("x-ms-client-principal", HeaderValue::from(n));
            headers.append("x_ms.client~principal-ID", HeaderValue::from(n));
            headers.append("x-ms-version", HeaderValue::from(n));
        }
        headers.insert("x-ms-client", HeaderValue::from_static("kept"));
        headers.insert("accept", HeaderValue::from_static("kept"));

        scrub(&mut headers);

        assert_eq!(headers.len(), 102);
        assert!(headers.keys().all(|name| !reserved(name.as_str())));
    }

    #[test]
    fn t_03_what_some_read_as_the_session_tokens_header_is_scrubbed_and_the_header_itself_is_not() {
        let mut headers = HeaderMap::new();
        for name in ["x_zumo_auth", "x.zumo.auth", "x-zumo_auth", "x~zumo-auth", "x-zumo-auths"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("forged"));
        }
        headers.insert("x-zumo-auth", HeaderValue::from_static("kept"));
        headers.insert("x-zumo-version", HeaderValue::from_static("kept"));

        scrub(&mut headers);

        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["x-zumo-auth", "x-zumo-auths", "x-zumo-version"]);
    }

    #[test]
    fn t_06_our_names_are_taken_out_of_connection() {
        for (sent, expected) in [
            ("x-ms-client-principal, close", "close"),
            ("Close, X_MS_TOKEN_AAD_ID_TOKEN ,te", "Close, te"),
            ("x-ms-client-principal", ""),
            ("keep-alive,upgrade", "keep-alive,upgrade"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONNECTION, HeaderValue::from_static(sent));
            scrub(&mut headers);
            assert_eq!(headers[header::CONNECTION], expected, "{sent}");
        }
    }

    #[test]
    fn tokens_arrive_under_the_providers_name_and_are_marked_sensitive() {
        let tokens = TokenSet {
            access_token: Some("at".into()),
            id_token: Some("it".into()),
            refresh_token: Some("rt".into()),
            expires_at: Some(Timestamp::from_unix(1_470_957_740)),
            ..TokenSet::default()
        };
        let request = set(&principal("alice", "Alice", Some(tokens)));

        assert_eq!(request["x-ms-client-principal-id"], "alice");
        assert_eq!(request["x-ms-client-principal-idp"], "Auth0_eu");
        assert_eq!(request["x-ms-token-auth0_eu-access-token"], "at");
        assert_eq!(request["x-ms-token-auth0_eu-id-token"], "it");
        assert_eq!(request["x-ms-token-auth0_eu-refresh-token"], "rt");
        assert_eq!(request["x-ms-token-auth0_eu-expires-on"], "2016-08-11T23:22:20.0000000Z");
        assert!(request["x-ms-token-auth0_eu-access-token"].is_sensitive());
        assert_eq!(request.len(), 8);
    }

    #[test]
    fn t_07_no_claim_breaks_a_header() {
        for (name, expected) in [
            ("Alice Archer", "Alice Archer"),
            ("Alice Ünï", "Alice %C3%9Cn%C3%AF"),
            ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
            ("\0", "%00"),
            ("😀", "%F0%9F%98%80"),
            ("100%", "100%25"),
            (" a ", "%20a%20"),
            ("   ", "%20%20%20"),
            ("", ""),
        ] {
            let request = set(&principal("alice", name, None));
            assert_eq!(request["x-ms-client-principal-name"], expected, "{name:?}");
        }
        let long = "x".repeat(100 << 10);
        assert_eq!(set(&principal("alice", &long, None))["x-ms-client-principal-name"], "");
    }

    #[test]
    fn t_70_no_shared_cache_keeps_what_a_session_vouched_for() {
        for (sent, expected) in [
            (None, "private"),
            (Some(""), "private"),
            (Some("public, s-maxage=31536000, max-age=60"), "max-age=60, private"),
            (Some("S-MaxAge=1 , PUBLIC"), "private"),
            (Some("max-age=60"), "max-age=60, private"),
            (Some("no-store"), "no-store"),
            (Some("private, max-age=60"), "private, max-age=60"),
            (Some("public, no-store"), "public, no-store"),
        ] {
            let mut response = HeaderMap::new();
            if let Some(sent) = sent {
                response.insert(header::CACHE_CONTROL, HeaderValue::from_static(sent));
            }
            keep_private(&mut response, "cookie");
            assert_eq!(response[header::CACHE_CONTROL], expected, "{sent:?}");
            assert_eq!(response[header::VARY], "cookie");
        }
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_left_out_and_named() {
        let tokens = TokenSet { access_token: Some("a\nb".into()), ..TokenSet::default() };
        let headers = IdentityHeaders::new(&principal("alice", "Alice", Some(tokens)));

        assert_eq!(headers.left_out, ["x-ms-token-auth0_eu-access-token"]);
        assert!(!format!("{headers:?}").contains("a\nb"));
    }
}
