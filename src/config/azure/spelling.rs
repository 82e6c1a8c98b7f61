//! Which name somebody meant who wrote another.

/// The name in `known` that `written` differs little from.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    if written.len() > MAX_NAME {
        return None;
    }
    let written = written.to_ascii_lowercase();
    let distances =
        known.iter().map(|name| (distance(&written, &name.to_ascii_lowercase()), *name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 4 + 1).then_some(name)
}

/// How many characters must be put in, taken out or replaced to get from `one` to `other`.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, left) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(other.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = replaced.min(before + 1).min(diagonal + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_changes() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("excludepaths", "excludedpaths", 1),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn only_a_small_slip_has_a_meant_name() {
        let known = ["excludedPaths", "redirectToProvider", "enabled"];

        assert_eq!(nearest("excludePaths", &known), Some("excludedPaths"));
        assert_eq!(nearest("EXCLUDEDPATHS", &known), Some("excludedPaths"));
        assert_eq!(nearest("enable", &known), Some("enabled"));
        assert_eq!(nearest("rules", &known), None);
        assert_eq!(nearest("", &known), None);
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(nearest(&"enabled".repeat(10), &known), None);
    }
}
