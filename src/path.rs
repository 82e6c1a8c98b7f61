//! The paths of requests: as they are written, and as somebody behind us may read them.

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization;

/// Whether there is one way only to read `path`: it begins with `/`, and has no escapes, path
/// parameters, backslashes, dot segments or empty segments (but the last), and nothing outside
/// RFC 3986's `pchar`.
pub(crate) fn is_canonical(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let is_plain = |segment: &[u8]| {
        !matches!(segment, b"" | b"." | b"..") && segment.iter().all(|byte| is_literal(*byte))
    };
    let segments = rest.strip_suffix('/').unwrap_or(rest).as_bytes();
    rest.is_empty() || segments.split(|byte| *byte == b'/').all(is_plain)
}

/// `path` and what up to three percent-decodings make of it, until they change nothing.
///
/// Each decoding takes escapes that are malformed for text, and bytes that are not UTF-8 for
/// U+FFFD.
pub(crate) fn readings(path: &str) -> impl Iterator<Item = String> {
    std::iter::successors(Some(path.to_owned()), |reading| {
        let decoded = percent_decode_str(reading).decode_utf8_lossy();
        (decoded != reading.as_str()).then(|| decoded.into_owned())
    })
    .take(1 + FURTHER_DECODINGS)
}

/// The segments that a lenient reader could find in `path`: slashes merged and backslashes taken
/// for slashes, path parameters dropped, dot segments resolved, case and compatibility forms folded.
pub(crate) fn folded_segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        match before_parameters(segment) {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(fold(name)),
        }
    }
    segments
}

/// Whether `segment` is `.` or `..`, with or without path parameters.
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    matches!(before_parameters(segment), "." | "..")
}

fn before_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

fn fold(segment: &str) -> String {
    segment.nfkc().flat_map(char::to_lowercase).collect()
}

/// Whether `byte` is a `pchar` that stands for itself, or the slash.
const fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~' | b':' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=')
}

/// Proxies and frameworks decode once more than they should, rarely twice.
const FURTHER_DECODINGS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_path_has_one_reading() {
        for path in ["/", "/a", "/a/", "/a/b.c", "/.auth", "/..a", "/a:b@c", "/~x/(y)*"] {
            assert!(is_canonical(path), "{path}");
            assert_eq!(readings(path).count(), 1, "{path}");
        }
        for path in [
            "", "*", "a", "//", "//a", "/a//b", "/.", "/..", "/./a", "/a/..", "/a/../b", "/..;/a",
            "/a;b", "/%61", "/%", "/a\\b", "/a b", "/a\0", "/é", "/a?b", "/a#b", "/{a}", "/a\"",
            "/a|b",
        ] {
            assert!(!is_canonical(path), "{path:?}");
        }
    }

    #[test]
    fn a_path_is_decoded_until_nothing_changes_and_three_times_at_most() {
        let all = |path| readings(path).collect::<Vec<_>>();

        assert_eq!(all("/100%25"), ["/100%25", "/100%"]);
        assert_eq!(all("/%252f"), ["/%252f", "/%2f", "//"]);
        assert_eq!(all("/%2525252561"), ["/%2525252561", "/%25252561", "/%252561", "/%2561"]);
        assert_eq!(all("/%ff"), ["/%ff", "/\u{fffd}"]);
    }

    #[test]
    fn a_lenient_reader_is_understood() {
        for path in ["/a/b", "//A\\b/", "/./a;x/B;y", "/x/../a/b", "/../a/b", "/\u{ff41}/b"] {
            assert_eq!(folded_segments(path), ["a", "b"], "{path}");
        }
    }
}
