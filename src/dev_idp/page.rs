//! The pages of the provider.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::user::DevUser;

/// The page on which people choose who they are.
pub(super) fn sign_in(interaction: &str, application: &str, users: &[DevUser]) -> Response {
    let mut choices = String::new();
    for user in users {
        push_choice(&mut choices, user);
    }
    let content = format!(
        r#"<h1>Sign in</h1>
<p>to continue to <strong>{application}</strong></p>
<form method="post" action="/sign-in">
<input type="hidden" name="interaction" value="{interaction}">
<ul aria-label="Users">{choices}</ul>
<button class="cancel" name="cancel" value="yes">Cancel</button>
</form>"#,
        application = escape(application),
        interaction = escape(interaction),
    );
    let footer = "No password is asked and anybody can be anyone here. This provider runs inside \
                  the program that you are developing, and answers on this computer only.";
    document(StatusCode::OK, "Sign in", &content, Some(footer))
}

/// An answer that the browser posts to the application (OAuth 2.0 Form Post Response Mode).
pub(super) fn form_post(action: &str, fields: &[(&str, &str)]) -> Response {
    let mut inputs = String::new();
    for (name, value) in fields {
        let (name, value) = (escape(name), escape(value));
        // Writing to a string does not fail.
        let _ = write!(inputs, r#"<input type="hidden" name="{name}" value="{value}">"#);
    }
    let content = format!(
        r#"<h1>One moment</h1><p>You are being returned to the application.</p>
<form method="post" action="{action}">{inputs}<button class="main">Continue</button></form>
<script>{SUBMIT}</script>"#,
        action = escape(action),
    );
    let mut response = document(StatusCode::OK, "One moment", &content, None);
    // The application may want to see where the form comes from, and needs no more than that.
    let origin = HeaderValue::from_static("origin");
    response.headers_mut().insert(header::REFERRER_POLICY, origin);
    response
}

/// A request that is answered to the user, because the application's address is not trusted.
pub(super) fn refusal(why: &str) -> Response {
    let content = format!("<h1>This does not work</h1><p>{}</p>", escape(why));
    document(StatusCode::BAD_REQUEST, "This does not work", &content, None)
}

/// The end of a logout that leads nowhere.
pub(super) fn signed_out() -> Response {
    let content = "<h1>You are signed out</h1><p>You can close this page.</p>";
    document(StatusCode::OK, "You are signed out", content, None)
}

fn push_choice(choices: &mut String, user: &DevUser) {
    let (name, email) = (escape(user.full_name()), escape(user.email_address()));
    let (user_name, initials) = (escape(user.user_name()), escape(&initials(user.full_name())));
    let _ = write!(
        choices,
        r#"<li><button class="user" name="user" value="{user_name}">
<span class="face" aria-hidden="true">{initials}</span>
<span class="who"><b>{name}</b><span>{email}</span></span>
<span class="go" aria-hidden="true">→</span></button></li>"#
    );
}

fn document(status: StatusCode, title: &str, content: &str, footer: Option<&str>) -> Response {
    let footer = footer.map(|text| format!("<footer><p>{text}</p></footer>")).unwrap_or_default();
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Development provider</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<p class="note">Development provider, not for real accounts</p>
<div class="inside">{content}</div>
{footer}
</main>
</body>
</html>"#
    );
    (status, headers(), Html(html)).into_response()
}

fn headers() -> [(HeaderName, HeaderValue); 4] {
    // No `form-action`: browsers apply it to the redirects that follow a form as well, and these
    // lead to the application and from there to wherever it likes, an app's own scheme included.
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        format!(
            "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; \
             frame-ancestors 'none'",
            hash_source(STYLE),
            hash_source(SUBMIT),
        )
    });
    let policy = HeaderValue::from_str(&POLICY);
    [
        (
            header::CONTENT_SECURITY_POLICY,
            policy.unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ]
}

fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The first letters of the first and the last name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

const STYLE: &str = include_str!("page.css");
const SUBMIT: &str = "document.forms[0].submit()";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_name() {
        for (name, expected) in
            [("Alice Archer", "AA"), ("chloé maría çelik", "CÇ"), ("Prince", "P"), ("", "")]
        {
            assert_eq!(initials(name), expected);
        }
    }
}
