//! The pages that people see under `/.auth/*`: one shape, no outside resource, nothing unescaped.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use ring::digest::{SHA256, digest};

/// What a page says. Every text may come from outside: [`render`](Self::render) escapes it.
#[derive(Debug, Default)]
pub(crate) struct Page<'a> {
    /// The document's title, which names tabs and is read out first.
    pub(crate) title: &'a str,
    /// The one heading: what has happened.
    pub(crate) heading: &'a str,
    /// What it means for the reader, and what they can do. Plain text.
    pub(crate) paragraphs: &'a [&'a str],
    /// Where to go on; the first is the most likely.
    pub(crate) links: &'a [Link<'a>],
    /// A reference that people can quote to whoever reads the log: sub-status and decision id.
    pub(crate) code: Option<&'a str>,
    /// What `script` reads, from `JSON.parse(document.getElementById("data").textContent)`.
    pub(crate) data: Option<serde_json::Value>,
    /// A constant script, as a module. It is allowed by its hash and runs after everything else is
    /// there.
    pub(crate) script: Option<&'static str>,
}

/// A link to a path of this site or to an `http` or `https` address. Others are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link<'a> {
    pub(crate) label: &'a str,
    pub(crate) href: &'a str,
}

impl Page<'_> {
    /// The document and the `Content-Security-Policy` that it must be sent with.
    ///
    /// # Security
    ///
    /// The policy allows the style sheet, the script and nothing else: a mistake in escaping would
    /// show text and run nothing. It does not ask for `Cross-Origin-Opener-Policy`, and no one
    /// should: it would cut a sign-in popup off from the page that waits for it.
    pub(crate) fn render(&self) -> (String, HeaderValue) {
        let mut html = String::with_capacity(4096);
        html.push_str(r#"<!doctype html><html lang="en"><head><meta charset="utf-8">"#);
        html.push_str(r#"<meta name="viewport" content="width=device-width,initial-scale=1">"#);
        html.push_str(r#"<meta name="robots" content="noindex">"#);
        push_element(&mut html, "title", self.title);
        html.push_str("<style>");
        html.push_str(STYLE);
        html.push_str("</style></head><body><main>");
        self.push_content(&mut html);
        html.push_str("</main>");
        self.push_script(&mut html);
        html.push_str("</body></html>");
        (html, self.content_security_policy())
    }

    fn push_content(&self, html: &mut String) {
        push_element(html, "h1", self.heading);
        for paragraph in self.paragraphs {
            push_element(html, "p", paragraph);
        }
        push_links(html, self.links);
        if let Some(code) = self.code {
            html.push_str("<small>Reference: ");
            push_element(html, "code", code);
            html.push_str("</small>");
        }
    }

    fn push_script(&self, html: &mut String) {
        if let Some(data) = &self.data {
            html.push_str(r#"<script type="application/json" id="data">"#);
            push_json(html, data);
            html.push_str("</script>");
        }
        if let Some(script) = self.script {
            html.push_str(r#"<script type="module">"#);
            html.push_str(script);
            html.push_str("</script>");
        }
    }

    fn content_security_policy(&self) -> HeaderValue {
        let script = self.script.map_or_else(|| "'none'".to_owned(), hash_source);
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {script}; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'none'",
            *STYLE_SOURCE
        );
        // Base64 is always a header value; were it not, the strictest policy would be in place.
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    }
}

fn push_links(html: &mut String, links: &[Link<'_>]) {
    let mut links = links.iter().filter(|link| leads_to_a_site(link.href)).peekable();
    if links.peek().is_none() {
        return;
    }
    html.push_str("<nav>");
    for link in links {
        html.push_str("<a href=\"");
        push_escaped(html, link.href);
        html.push_str("\">");
        push_escaped(html, link.label);
        html.push_str("</a>");
    }
    html.push_str("</nav>");
}

fn push_element(html: &mut String, name: &str, text: &str) {
    // Writing to a string does not fail.
    let _ = write!(html, "<{name}>");
    push_escaped(html, text);
    let _ = write!(html, "</{name}>");
}

fn push_escaped(html: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ if disguises(character) => html.push(char::REPLACEMENT_CHARACTER),
            _ => html.push(character),
        }
    }
}

/// Writes JSON that no HTML parser takes for markup, whatever strings are in it.
fn push_json(html: &mut String, data: &serde_json::Value) {
    // In JSON these characters stand only inside strings, where the escape means the same.
    for character in data.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(html, "\\u{:04x}", u32::from(character));
            }
            _ => html.push(character),
        }
    }
}

/// Whether a character can make a text look like another one: controls, and those that turn the
/// direction of writing, with which `exe.moc` reads as `moc.exe`.
fn disguises(character: char) -> bool {
    let turns_direction = matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns_direction || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// Whether a link neither runs a script nor opens another program.
fn leads_to_a_site(href: &str) -> bool {
    let begins_with = |scheme: &str| {
        href.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    href.starts_with('/') || begins_with("https://") || begins_with("http://")
}

/// A script or style sheet as Content Security Policy names it (CSP 3, §2.3.1).
fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

const STYLE: &str = include_str!("page.css");
static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| hash_source(STYLE));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn html(page: &Page<'_>) -> String {
        page.render().0
    }

    #[test]
    fn t_22_no_text_becomes_markup() {
        let hostile = r#"</title></style><script>alert("1")</script>'"#;
        let page = html(&Page {
            title: hostile,
            heading: hostile,
            paragraphs: &[hostile],
            links: &[Link { label: hostile, href: "/\"><script>alert(1)</script>" }],
            code: Some(hostile),
            ..Page::default()
        });

        assert!(!page.contains("<script"), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(page.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;"));
        assert!(page.contains(r#"href="/&quot;&gt;&lt;script&gt;"#));
    }

    #[test]
    fn t_22_data_cannot_end_its_element() {
        let data = json!({"name": "</script><script>alert(1)</script><!--\u{2028}&amp;"});
        let page = html(&Page { data: Some(data.clone()), ..Page::default() });

        let (_, rest) = page.split_once(r#"id="data">"#).unwrap();
        let (text, rest) = rest.split_once("</script>").unwrap();
        assert_eq!(rest, "</body></html>");
        assert!(!text.contains(['<', '>', '&', '\u{2028}']));
        assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), data);
    }

    #[test]
    fn characters_that_disguise_a_text_are_shown_as_what_they_are() {
        let page = html(&Page { heading: "a\u{202e}b\u{2066}c\u{0}d é 名", ..Page::default() });

        assert!(page.contains("<h1>a\u{fffd}b\u{fffd}c\u{fffd}d é 名</h1>"), "{page}");
    }

    #[test]
    fn only_links_to_sites_are_shown() {
        for (href, shown) in [
            ("/", true),
            ("/a?b=c#d", true),
            ("https://app.example/", true),
            ("HTTP://127.0.0.1:8080", true),
            ("javascript:alert(1)", false),
            ("JavaScript://%0aalert(1)", false),
            (" javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("", false),
        ] {
            let page = html(&Page { links: &[Link { label: "go", href }], ..Page::default() });
            assert_eq!(page.contains("<a href"), shown, "{href}");
            assert_eq!(page.contains("<nav>"), shown, "{href}");
        }
    }

    #[test]
    fn t_21_the_policy_allows_the_style_the_script_and_nothing_else() {
        let (_, policy) = Page::default().render();
        let style = hash_source(include_str!("page.css"));

        assert_eq!(
            policy,
            format!(
                "default-src 'none'; style-src {style}; script-src 'none'; \
                 frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
            )
        );

        let (html, policy) = Page { script: Some("alert(1)"), ..Page::default() }.render();
        assert!(html.ends_with(r#"</main><script type="module">alert(1)</script></body></html>"#));
        // `printf %s 'alert(1)' | openssl dgst -sha256 -binary | base64`
        let known = "script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=';";
        assert!(policy.to_str().unwrap().contains(known), "{policy:?}");
    }

    #[test]
    fn a_page_is_small_and_asks_for_nothing() {
        let page = html(&Page {
            title: "You have successfully signed in",
            heading: "You have successfully signed in",
            paragraphs: &["You can close this page."],
            links: &[Link { label: "Return to the website", href: "/" }],
            code: Some("401.83 · 4bf92f3577b34da6"),
            ..Page::default()
        });

        assert!(page.len() < 4096, "{} bytes", page.len());
        assert!(!page.contains("url(") && !page.contains("src=") && !page.contains("<link"));
        assert!(page.contains(r#"<html lang="en">"#) && page.contains(r#"name="viewport""#));
    }
}
