//! The pages, as functions from what is known to HTML.

/// Who is signed in.
pub(crate) struct Person<'a> {
    pub(crate) provider: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) name: &'a str,
    /// Types and values.
    pub(crate) claims: Vec<(&'a str, &'a str)>,
}

/// What a stranger sees.
pub(crate) fn signed_out() -> String {
    page("Welcome", include_str!("signed_out.html"))
}

/// What a user sees: who they are, and what the application was told.
pub(crate) fn signed_in(person: &Person<'_>, headers: &[(&str, String)]) -> String {
    let name = if person.name.is_empty() { person.user_id } else { person.name };
    let initial: String = name.chars().take(1).flat_map(char::to_uppercase).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, shortened(value))).collect();
    let content = fill(
        include_str!("signed_in.html"),
        &[
            ("initial", &escape(&initial)),
            ("name", &escape(name)),
            ("provider", &escape(person.provider)),
            ("user_id", &escape(person.user_id)),
            ("claims", &rows(&person.claims)),
            ("headers", &rows(&headers)),
        ],
    );
    page("You are signed in", &content)
}

/// The page behind the door.
pub(crate) fn private(name: &str) -> String {
    page("Private", &fill(include_str!("private.html"), &[("name", &escape(name))]))
}

fn page(title: &str, content: &str) -> String {
    fill(include_str!("page.html"), &[("title", title), ("content", content)])
}

/// Puts values in the places that a template names, in one pass: what looks like a place within a
/// value is text.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = template.split("{{");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        filled.push_str(rest);
    }
    filled
}

fn rows<V: AsRef<str>>(pairs: &[(&str, V)]) -> String {
    let row = |(name, value): &(&str, V)| {
        let (name, value) = (breakable(&escape(name)), escape(value.as_ref()));
        format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n")
    };
    pairs.iter().map(row).collect()
}

/// Lets long names such as `http://schemas.…/claims/name` break where people would break them.
fn breakable(escaped: &str) -> String {
    escaped.replace('/', "/<wbr>").replace('-', "-<wbr>")
}

/// The beginning of a long value: tokens are not for reading.
fn shortened(value: &str) -> String {
    let length = value.chars().count();
    if length <= SHORT {
        return value.to_owned();
    }
    let beginning: String = value.chars().take(SHORT - 12).collect();
    format!("{beginning}… ({length} characters)")
}

/// Text as HTML, safe between tags and within quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

const SHORT: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_call_themselves_is_text() {
        let hostile = "<script>alert('1')</script>{{claims}}\"";
        let person = Person {
            provider: hostile,
            user_id: hostile,
            name: hostile,
            claims: vec![(hostile, hostile)],
        };

        let html = signed_in(&person, &[(hostile, hostile.to_owned())]) + &private(hostile);

        assert_eq!(html.matches("<script").count(), 2, "the page's own");
        assert!(html.contains("{{claims}}"));
        assert!(!html.contains("alert('"));
    }

    #[test]
    fn long_values_are_shortened_and_short_ones_are_not() {
        assert_eq!(shortened(&"x".repeat(48)), "x".repeat(48));
        assert_eq!(shortened(&"é".repeat(49)), "é".repeat(36) + "… (49 characters)");
    }
}
