//! Characters that look like what they are, to people and to every parser on the way.

use percent_encoding::{AsciiSet, CONTROLS};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether `character` may stand in a redirect target as it is.
pub(super) fn is_allowed(character: char) -> bool {
    if character.is_ascii() {
        character.is_ascii_graphic() && !UNWISE.contains(character)
    } else {
        is_harmless_when_decoded(character)
    }
}

/// Whether `character` may come out of an escape. In ASCII, controls may not.
pub(super) fn is_harmless_when_decoded(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    is_visible(character)
        && !SLASH_LOOK_ALIKES.contains(&character)
        && !hides_a_delimiter(character)
}

fn is_visible(character: char) -> bool {
    !matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

/// Whether a reader that folds compatibility forms would find a delimiter in `character`:
/// U+FF0F becomes a slash, U+2100 `a/c`.
fn hides_a_delimiter(character: char) -> bool {
    std::iter::once(character)
        .nfkc()
        .any(|folded| DELIMITERS.contains(folded) || folded.is_whitespace())
}

/// What a query must escape to consist of [allowed](is_allowed) characters.
pub(super) const REFUSED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What browsers escape, drop or read as something else.
const UNWISE: &str = "\"<>\\^`{}";

const DELIMITERS: &str = "/\\:@?#%.&=;";

/// Slashes to the eye without a compatibility form, and what is left of undecodable bytes.
const SLASH_LOOK_ALIKES: [char; 6] =
    ['\u{2044}', '\u{2215}', '\u{29f5}', '\u{29f8}', '\u{29f9}', '\u{fffd}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_escapes_is_what_is_not_allowed() {
        for byte in 0..0x80_u8 {
            let text = [byte];
            let escaped = percent_encoding::percent_encode(&text, REFUSED).to_string().len() == 3;
            assert_eq!(escaped, !is_allowed(char::from(byte)), "{byte:#x}");
        }
    }

    #[test]
    fn letters_of_all_scripts_are_allowed_and_disguises_are_not() {
        for character in "øåПи文档עبàñ★→😀𝒳\u{301}".chars() {
            assert!(is_allowed(character), "{character:?}");
        }
        for character in "\u{80}\u{85}\u{a0}\u{ad}\u{37e}\u{200b}\u{200d}\u{202e}\u{2028}\u{2029}\u{2024}\u{2026}\
                          \u{2048}\u{2100}\u{3000}\u{e000}\u{feff}\u{fe55}\u{ff0f}\u{ff3c}\u{ffff}\
                          \u{fffd}\u{2044}\u{2215}\u{29f5}\u{29f8}\u{29f9}\u{e0001}\u{10ffff}"
            .chars()
        {
            assert!(!is_allowed(character), "{character:?}");
        }
    }
}
