//! The registered claims that signed documents share ([RFC 7519 §4.1]).
//!
//! [RFC 7519 §4.1]: https://www.rfc-editor.org/rfc/rfc7519#section-4.1

use super::json::{Object, Value};
use crate::clock::Timestamp;
use crate::principal::{Issuer, Subject};

/// Whether the document comes from `issuer`: `iss` equal byte for byte.
pub(super) fn is_issued_by(claims: &Object, issuer: &Issuer) -> bool {
    claims.text("iss") == Some(issuer.as_str())
}

/// Whom the document is for: one string, or an array of nothing but strings. `None` for anything
/// else.
pub(super) fn audiences(claims: &Object) -> Option<Vec<&str>> {
    let audience = claims.get("aud")?;
    audience.as_str().map(|only| vec![only]).or_else(|| audience.as_strings())
}

/// Whom the document is about: 1 to 255 printable ASCII characters (OpenID Connect Core §2).
pub(super) fn subject(claims: &Object) -> Option<Subject> {
    claims.text("sub").and_then(Subject::parse)
}

/// A moment (`NumericDate`), a fraction of a second dropped.
///
/// `None` unless it is a number from 1970 up to the year 9999: what cannot be a moment is a
/// mistake or an attack, and must never pass for "not given".
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let Value::Number(number) = value else { return None };
    let seconds = match number.as_i64() {
        Some(seconds) => seconds,
        // In range, the cast is exact but for the fraction.
        None => {
            number.as_f64().filter(|seconds| (0.0..=LAST_SECOND as f64).contains(seconds))? as i64
        }
    };
    (0..=LAST_SECOND).contains(&seconds).then(|| Timestamp::from_unix(seconds))
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json;

    #[test]
    fn a_moment_is_a_number_within_the_calendar() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1700000000", Some(1_700_000_000)),
            ("1700000000.9", Some(1_700_000_000)),
            ("1.7e9", Some(1_700_000_000)),
            ("253402300799", Some(LAST_SECOND)),
            ("253402300800", None),
            ("-1", None),
            ("-0.5", None),
            ("1e300", None),
            ("9223372036854775807", None),
            ("9223372036854775808", None),
            ("18446744073709551616", None),
            (r#""1700000000""#, None),
            ("null", None),
            ("true", None),
            ("[1700000000]", None),
        ] {
            let claims = json::object(format!(r#"{{"exp":{text}}}"#).as_bytes()).unwrap();
            let moment = claims.get("exp").and_then(moment);
            assert_eq!(moment, expected.map(Timestamp::from_unix), "{text}");
        }
    }
}
