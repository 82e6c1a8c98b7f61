//! What some software would take for a JSON Web Token in `Authorization`, and believe.
//!
//! There are applications, those of Azure Mobile Apps' SDK for Node.js among them, that look for a
//! session token there as well and only decode it, since whoever is in front of them has verified
//! it. Decoders are lenient, each in its own way; so what is looked for here is what any of them
//! could read: by any scheme or none, in either alphabet, with characters between that are none of
//! it, with members given twice.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, header};

/// Whether anything in `Authorization` looks like a token, signed or encrypted.
pub(crate) fn is_sent(request: &HeaderMap) -> bool {
    let mut found = false;
    readings(request, |text| {
        let rest = text.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
        found |= matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]);
    });
    found
}

/// Whether anything in `Authorization` could be taken for a session token of `origin`: it names the
/// origin as its issuer, or a user as only session tokens do.
pub(crate) fn claims_session(request: &HeaderMap, origin: &str) -> bool {
    let mut found = false;
    readings(request, |text| {
        found = found
            || values(text, b"\"iss\"").any(|value| {
                let rest = value.split_at_checked(origin.len());
                rest.is_some_and(|(named, rest)| {
                    named.eq_ignore_ascii_case(origin.as_bytes())
                        && matches!(rest, [b'"', ..] | [b'/', b'"', ..])
                })
            })
            || [&b"\"sub\""[..], b"\"stable_sid\""]
                .iter()
                .any(|member| values(text, member).any(|value| value.starts_with(b"sid:")));
    });
    found
}

/// Hands on all that the parts of a token could be read as, their JSON escapes resolved.
fn readings(request: &HeaderMap, mut read: impl FnMut(&[u8])) {
    let lines = || request.get_all(header::AUTHORIZATION).iter().map(|line| line.as_bytes());
    // All that is no token, mostly.
    if !lines().any(|line| line.contains(&b'.')) {
        return;
    }
    for segment in lines().flat_map(|line| line.split(|byte| *byte == b'.')) {
        // In front of a token's first part there may be a scheme, or another credential.
        let word = segment.rsplit(|byte| !is_base64(*byte)).find(|word| !word.is_empty());
        for part in [Some(segment), word.filter(|word| word.len() < segment.len())] {
            let Some(part) = part else { continue };
            read(&unescape(&decode(part)));
            // Some begin anew behind padding.
            if part.contains(&b'=') {
                let pieces = part.split(|byte| *byte == b'=').map(decode);
                read(&unescape(&pieces.collect::<Vec<_>>().concat()));
            }
        }
    }
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/')
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = text
        .iter()
        .filter(|byte| is_base64(**byte))
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    // A digit alone is less than a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).unwrap_or_default()
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'\\', [b'u', a, b, c, d, after @ ..]) => {
                let digits = [*a, *b, *c, *d];
                let digits = std::str::from_utf8(&digits).unwrap_or_default();
                // Whatever is no ASCII is in nothing that is looked for.
                let code = u16::from_str_radix(digits, 16).unwrap_or_default();
                plain.push(u8::try_from(code).unwrap_or_default());
                rest = after;
            }
            (b'\\', [escaped, after @ ..]) => {
                plain.push(*escaped);
                rest = after;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

/// What stands behind the opening quotes of the values of `member`, wherever and however often it
/// is there; of an array, the first.
fn values<'a>(text: &'a [u8], member: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memchr::memmem::find_iter(text, member).filter_map(move |at| {
        let rest = text.get(at + member.len()..)?.trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        let rest = rest.strip_prefix(b"[").unwrap_or(rest).trim_ascii_start();
        rest.strip_prefix(b"\"")
    })
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const ORIGIN: &str = "https://app.example";

    fn request(lines: &[&[u8]]) -> HeaderMap {
        let line = |line: &&[u8]| (header::AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        lines.iter().map(line).collect()
    }

    fn token(claims: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.AAAA", encode(r#"{"typ":"JWT","alg":"HS256"}"#), encode(claims))
    }

    #[test]
    fn t_01_a_claim_to_be_ours_is_seen_however_it_is_written() {
        for claims in [
            r#"{"sub":"x","iss":"https://app.example/"}"#,
            r#"{"iss":"https://app.example"}"#,
            r#"{"iss":"HTTPS://APP.example/"}"#,
            "\n{ \"iss\" :\t\"https://app.example/\" }",
            r#"{"iss":"https://evil.example/","iss":"https://app.example/"}"#,
            r#"{"iss":["https://app.example/"]}"#,
            r#"{"\u0069ss":"https:\/\/app.example\u002F"}"#,
            r#"{"sub":"sid:0123"}"#,
            r#"{"stable_sid":"sid:0123","iss":"https://evil.example/"}"#,
        ] {
            assert!(claims_session(&request(&[token(claims).as_bytes()]), ORIGIN), "{claims}");
        }
        let honest = token(r#"{"iss":"https://app.example/"}"#);
        let payload = honest.split('.').nth(1).unwrap();
        let padded = BASE64_STANDARD.encode(r#"{"iss":"https://app.example/"} ??>"#);
        for line in [
            format!("Bearer {honest}"),
            format!("bearer\t{honest}"),
            format!("Basic eDp5, Bearer {honest}"),
            format!("x.{padded}.y"),
            format!("x.{}=.y", payload.replace('c', " c,")),
            format!("x.eyJhIjox=LCJhIjox=={payload}.y"),
            format!("v1.0 {honest}.more.and.more"),
        ] {
            assert!(claims_session(&request(&[line.as_bytes()]), ORIGIN), "{line}");
            assert!(claims_session(&request(&[b"Basic eDp5", line.as_bytes()]), ORIGIN), "{line}");
        }
    }

    #[test]
    fn what_others_put_there_claims_nothing_of_ours() {
        for line in [
            "Basic dTpw".to_owned(),
            "Bearer of.the.application".to_owned(),
            token(r#"{"iss":"https://app.example.evil.example/","sub":"alice"}"#),
            token(r#"{"user":"alice","side":"sid:"}"#),
            token(r#"{"sub":"iss","aud":"https://app.example/"}"#),
            r#"Digest username="iss", uri="https://app.example/""#.to_owned(),
        ] {
            assert!(!claims_session(&request(&[line.as_bytes()]), ORIGIN), "{line}");
        }
    }

    #[test]
    fn a_token_is_told_from_an_opaque_one() {
        let jwe = format!("Bearer {}..b.c.d", BASE64_URL_SAFE_NO_PAD.encode(r#"{"enc":"x"}"#));
        for line in [token("{}"), token(" {\n\"a\":1}"), format!("x.{}", &token("{}")), jwe] {
            assert!(is_sent(&request(&[line.as_bytes()])), "{line}");
        }
        for line in ["", "Basic dTpw", "Bearer a.b.c", "SG.abcdefgh.ijklmnop", "Bearer e30", "..."]
        {
            assert!(!is_sent(&request(&[line.as_bytes()])), "{line}");
        }
        assert!(!is_sent(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn nothing_panics_on_it(line in "[\\x20-\\x7e]{0,80}", claims in "[\\x00-\\x7f]{0,80}") {
            let token = format!("{line}.{}", BASE64_URL_SAFE_NO_PAD.encode(&claims));
            for line in [line.as_str(), &token] {
                let request = request(&[line.as_bytes()]);
                let _ = (is_sent(&request), claims_session(&request, ORIGIN));
            }
        }
    }
}
