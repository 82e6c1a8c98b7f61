//! Spans of time as Azure writes them: `[days.]hours:minutes:seconds`, and hours as a number.

use std::time::Duration;

/// Reads `08:00:00` or `90.00:00:00`.
///
/// Hours end at 23: .NET takes `24:00:00` for 24 days, so it is refused rather than guessed.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (days, clock) = text.split_once('.').unwrap_or(("0", text));
    let mut parts = clock.split(':');
    let hours = number(parts.next()?, 2, 23)?;
    let minutes = number(parts.next()?, 2, 59)?;
    let seconds = number(parts.next()?, 2, 59)?;
    if parts.next().is_some() {
        return None;
    }
    let days = number(days, 8, 99_999_999)?;
    Some(Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
}

/// Reads a number of hours, such as `72` or `0.5`.
pub(super) fn parse_hours(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(hours)
}

/// `hours` hours; `None` if they are negative, or more than a span can be.
pub(super) fn hours(hours: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(hours * 3_600.0).ok()
}

fn number(digits: &str, most_digits: usize, most: u64) -> Option<u64> {
    let plain = digits.len() <= most_digits && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain)?;
    (number <= most).then_some(number)
}

pub(super) const TIME_SPAN: &str =
    "must be a time span such as \"08:00:00\" or \"90.00:00:00\" (days.hours:minutes:seconds)";
pub(super) const HOURS: &str = "must be a number of hours, 0 or more, such as 72 or 0.5";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_spans_are_read_as_azure_writes_them() {
        for (text, seconds) in [
            ("08:00:00", 28_800),
            ("8:00:00", 28_800),
            ("00:05:00", 300),
            ("00:00:00", 0),
            ("23:59:59", 86_399),
            ("1.00:00:00", 86_400),
            ("90.00:00:01", 7_776_001),
            ("99999999.00:00:00", 8_639_999_913_600),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time_span() {
        for text in [
            "",
            "8",
            "08:00",
            "24:00:00",
            "08:60:00",
            "08:00:60",
            "-08:00:00",
            "+8:00:00",
            "008:00:00",
            "08:00:00:00",
            "1.",
            "1.08",
            ".08:00:00",
            "1.2.08:00:00",
            " 08:00:00",
            "08:00:00.5",
            "08::00",
            "٠٨:00:00",
            "100000000.00:00:00",
            "PT8H",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn t_82_hours_may_be_fractional_but_neither_negative_nor_endless() {
        for (text, seconds) in
            [("0", 0), ("72", 259_200), ("0.5", 1_800), ("72.25", 260_100), ("1e3", 3_600_000)]
        {
            assert_eq!(parse_hours(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["-1", "-0.5", "NaN", "nan", "inf", "-inf", "1e300", "1e400", "", "72h", "72,5"]
        {
            assert_eq!(parse_hours(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_number_panics(text in ".{0,24}", number in any::<f64>()) {
            let _ = (parse(&text), parse_hours(&text), hours(number));
        }
    }
}
