//! The part of the path space that is ours (`httpSettings.routes.apiPrefix`).

use crate::path;

/// The path that all of our routes begin with: `/.auth` unless configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ApiPrefix {
    text: String,
    /// What [`path::folded_segments`] makes of it.
    segments: Vec<String>,
}

impl ApiPrefix {
    /// Reads the prefix; a slash at the end is dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiPrefixError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Err(ApiPrefixError::Root);
        }
        if !text.starts_with('/') {
            return Err(ApiPrefixError::NoSlash);
        }
        if !path::is_canonical(text) || text.ends_with('/') {
            return Err(ApiPrefixError::NotCanonical);
        }
        Ok(Self { text: text.to_owned(), segments: path::folded_segments(text) })
    }

    /// The prefix as configured, without a slash at the end.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whose the path of a request is. The literal path decides, before any router decodes it.
    pub(crate) fn place<'a>(&self, path: &'a str) -> Place<'a> {
        match self.route(path) {
            Some(route) if is_route(route) => Place::Route(route),
            Some(_) => Place::NoRoute,
            // The common path of an application has no other reading, and costs no allocation.
            None if path::is_canonical(path) => Place::Application,
            None if self.covers(path) => Place::NoRoute,
            None => Place::Application,
        }
    }

    /// Whether somebody who decodes, resolves or folds `path` could find it below the prefix.
    pub(crate) fn covers(&self, path: &str) -> bool {
        path::readings(path)
            .any(|reading| path::folded_segments(&reading).starts_with(&self.segments))
    }

    /// Whether `path` is literally our landing page after a login, `/login/done` or its alias.
    pub(crate) fn is_login_done(&self, path: &str) -> bool {
        let Some(route) = self.route(path) else { return false };
        ["login/done", "login/complete"].iter().any(|done| route.eq_ignore_ascii_case(done))
    }

    /// What follows the prefix and its slash in `path`, if it begins with them literally.
    fn route<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (prefix, rest) = path.split_at_checked(self.text.len())?;
        if !prefix.eq_ignore_ascii_case(&self.text) {
            return None;
        }
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }
}

impl Default for ApiPrefix {
    fn default() -> Self {
        Self { text: "/.auth".to_owned(), segments: vec![".auth".to_owned()] }
    }
}

/// Whose a path is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place<'a> {
    /// The application's.
    Application,
    /// Ours, and what follows the prefix: canonical segments joined by single slashes, such as
    /// `login/aad/callback`. Fixed words are to be compared without case, names as they are.
    Route(&'a str),
    /// Ours, or close enough that nobody but us may answer it, and never with more than a 404.
    NoRoute,
}

/// Why a text cannot be the prefix of our routes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ApiPrefixError {
    #[error("httpSettings.routes.apiPrefix must begin with a slash, like \"/.auth\"")]
    NoSlash,
    #[error(
        "httpSettings.routes.apiPrefix must consist of plain segments, like \"/.auth\": \
         no escapes, path parameters, query, dot segments or empty segments"
    )]
    NotCanonical,
    #[error(
        "httpSettings.routes.apiPrefix must not be empty or \"/\", which would leave the \
         application no path: write \"/.auth\""
    )]
    Root,
}

fn is_route(rest: &str) -> bool {
    rest.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_'))
        && rest.split('/').all(|segment| !segment.is_empty() && !path::is_dot_segment(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> ApiPrefix {
        ApiPrefix::parse(text).unwrap()
    }

    #[test]
    fn t_17_fixed_words_match_without_case_and_exactly() {
        for (path, expected) in [
            ("/.auth/me", Place::Route("me")),
            ("/.AUTH/me", Place::Route("me")),
            ("/.Auth/ME", Place::Route("ME")),
            ("/.auth/login/aad/callback", Place::Route("login/aad/callback")),
            ("/.auth/login/my_idp", Place::Route("login/my_idp")),
            ("/.auth", Place::NoRoute),
            ("/.auth/", Place::NoRoute),
            ("/.auth//me", Place::NoRoute),
            ("/.auth/me/", Place::NoRoute),
            ("/.auth/%6de", Place::NoRoute),
            ("/.auth/me;x", Place::NoRoute),
            ("/.auth/me\\", Place::NoRoute),
            ("/.auth/./me", Place::NoRoute),
            ("/.auth/../me", Place::NoRoute),
            ("/.auth/login/%2e%2e/x", Place::NoRoute),
            ("/.auth/é", Place::NoRoute),
            ("/", Place::Application),
            ("", Place::Application),
            ("*", Place::Application),
            ("/me", Place::Application),
            ("/auth/me", Place::Application),
            ("/.authority", Place::Application),
            ("/.aut", Place::Application),
            ("/x/.auth/me", Place::Application),
            ("/caf%C3%A9", Place::Application),
            ("/x;y/.auth", Place::Application),
            ("/.autè/x", Place::Application),
        ] {
            assert_eq!(ApiPrefix::default().place(path), expected, "{path:?}");
        }
    }

    #[test]
    fn t_17_a_path_that_the_application_could_read_as_ours_never_reaches_it() {
        for path in [
            "/%2eauth/me",
            "/.%61uth/me",
            "/%2E%41UTH",
            "/%252eauth/me",
            "/.auth;x=1/me",
            "/.auth%2fme",
            "/.auth%3bx/me",
            "/.auth\\me",
            "//.auth/me",
            "/%2f.auth/me",
            "/./.auth/me",
            "/x/../.auth/me",
            "/x/%2e%2e/.auth/me",
            "/;/.auth/me",
            "/\u{ff0e}auth/me",
            "/.auth%ff/../.auth",
        ] {
            assert_eq!(ApiPrefix::default().place(path), Place::NoRoute, "{path:?}");
        }
    }

    #[test]
    fn a_configured_prefix_replaces_the_default() {
        let prefix = prefix("/api/Sign-In/");
        assert_eq!(prefix.as_str(), "/api/Sign-In");

        assert_eq!(prefix.place("/api/sign-in/me"), Place::Route("me"));
        assert_eq!(prefix.place("/api/x"), Place::Application);
        assert_eq!(prefix.place("/api"), Place::Application);
        assert_eq!(prefix.place("/.auth/me"), Place::Application);
        assert_eq!(prefix.place("/api/sign%2din/me"), Place::NoRoute);
        assert_eq!(prefix.place("/api//sign-in/me"), Place::NoRoute);
    }

    #[test]
    fn a_prefix_that_is_no_plain_path_is_refused() {
        use ApiPrefixError::{NoSlash, NotCanonical, Root};

        for (text, expected) in [
            ("", Root),
            ("/", Root),
            (".auth", NoSlash),
            ("//", NotCanonical),
            ("/.auth//", NotCanonical),
            ("/a//b", NotCanonical),
            ("/a/../b", NotCanonical),
            ("/.", NotCanonical),
            ("/a%20b", NotCanonical),
            ("/a;b", NotCanonical),
            ("/a?b", NotCanonical),
            ("/a b", NotCanonical),
            ("/é", NotCanonical),
        ] {
            assert_eq!(ApiPrefix::parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(ApiPrefix::parse("/.auth/"), Ok(ApiPrefix::default()));
    }

    #[test]
    fn the_landing_page_is_known_by_both_of_its_names() {
        for path in ["/.auth/login/done", "/.auth/login/complete", "/.AUTH/Login/Done"] {
            assert!(ApiPrefix::default().is_login_done(path), "{path}");
        }
        for path in
            ["/.auth/login/done/", "/.auth/login/don%65", "/.auth/logout/done", "/login/done"]
        {
            assert!(!ApiPrefix::default().is_login_done(path), "{path}");
        }
    }
}
