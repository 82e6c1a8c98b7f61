//! Paths that are open to everybody (`globalValidation.excludedPaths`).

use crate::path;

/// The paths that need no sign-in.
///
/// `/dir/*` and `/dir/` open everything below `/dir/`, but not `/dir` itself; `/*` opens all paths;
/// everything else opens exactly itself, also `/`. Case matters.
///
/// # Security
///
/// Only a path that can be read in one way is ever open (see [`path::is_canonical`]): what we take
/// for `/public/…` can then be nothing else to the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathPatterns(Vec<PathPattern>);

impl PathPatterns {
    pub(crate) fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self, PathPatternError> {
        patterns
            .iter()
            .map(|pattern| PathPattern::parse(pattern.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the path of a request, without its query, is one of these.
    pub(crate) fn matches(&self, path: &str) -> bool {
        path::is_canonical(path) && self.0.iter().any(|pattern| pattern.matches(path))
    }
}

#[derive(Clone, Debug)]
enum PathPattern {
    Exact(String),
    /// Ends with a slash.
    Below(String),
}

impl PathPattern {
    fn parse(pattern: &str) -> Result<Self, PathPatternError> {
        let path = match pattern.strip_suffix('*') {
            Some(directory) if directory.ends_with('/') => directory,
            _ => pattern,
        };
        if !path.starts_with('/') {
            return Err(PathPatternError::NoSlash(pattern.to_owned()));
        }
        if path.contains('*') {
            return Err(PathPatternError::Wildcard(pattern.to_owned()));
        }
        if !path::is_canonical(path) {
            return Err(PathPatternError::NotCanonical(pattern.to_owned()));
        }
        // A lone "/" is meant as the home page; whoever wants to open everything can write "/*".
        let below = path.ends_with('/') && pattern != "/";
        Ok(if below { Self::Below(path.to_owned()) } else { Self::Exact(path.to_owned()) })
    }

    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Below(directory) => path.starts_with(directory.as_str()),
        }
    }
}

/// Why a text cannot say which paths are open.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum PathPatternError {
    #[error("globalValidation.excludedPaths: {0:?} must begin with a slash, like \"/public/*\"")]
    NoSlash(String),
    #[error(
        "globalValidation.excludedPaths: {0:?} must be a plain path without escapes, path parameters, \
         query, dot segments or empty segments, for only such paths can be open"
    )]
    NotCanonical(String),
    #[error(
        "globalValidation.excludedPaths: the only wildcard is \"/*\" at the end, unlike in {0:?}: \
         write \"/public/*\", or list the paths"
    )]
    Wildcard(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(patterns: &[&str]) -> PathPatterns {
        PathPatterns::parse(patterns).unwrap()
    }

    #[test]
    fn t_13_only_canonical_literal_paths_are_open() {
        let public = patterns(&["/public/*"]);

        for path in ["/public/", "/public/x", "/public/x/y.css", "/public/.well-known/x"] {
            assert!(public.matches(path), "{path}");
        }
        for path in [
            "/public",
            "/public/../admin",
            "/public/%2e%2e/admin",
            "//public/x",
            "/public;/../admin",
            "/PUBLIC/x",
            "/public%2f..%2fadmin",
            "/public\\..\\admin",
            "/public/x%00",
            "/public/x\0",
            "/public/./x",
            "/public/x/..",
            "/public//x",
            "/public/x;y",
            "/public/\u{e9}",
            "/public/%C3%A9",
            "/publicity",
            "/x/public/x",
            "public/x",
            "",
            "*",
        ] {
            assert!(!public.matches(path), "{path:?}");
        }
    }

    #[test]
    fn t_13_not_even_everything_opens_a_path_of_two_readings() {
        let everything = patterns(&["/*"]);

        assert!(everything.matches("/"));
        assert!(everything.matches("/a/b/"));
        assert!(!everything.matches("/%61"));
        assert!(!everything.matches("/a//b"));
        assert!(!everything.matches("*"));
    }

    #[test]
    fn a_slash_at_the_end_opens_what_is_below_and_anything_else_is_exact() {
        let open = patterns(&["/openapi/", "/health", "/"]);

        for (path, expected) in [
            ("/openapi/v1.json", true),
            ("/openapi/", true),
            ("/openapi", false),
            ("/health", true),
            ("/health/", false),
            ("/health/x", false),
            ("/healthy", false),
            ("/Health", false),
            ("/", true),
            ("/x", false),
        ] {
            assert_eq!(open.matches(path), expected, "{path}");
        }
        assert!(!PathPatterns::default().matches("/"));
    }

    #[test]
    fn a_pattern_that_could_not_match_as_meant_is_refused() {
        use PathPatternError::{NoSlash, NotCanonical, Wildcard};

        for (pattern, error) in [
            ("", NoSlash as fn(String) -> PathPatternError),
            ("*", NoSlash),
            ("public/*", NoSlash),
            ("https://app.example/public", NoSlash),
            ("/public*", Wildcard),
            ("/*/x", Wildcard),
            ("/a/*/*", Wildcard),
            ("/**", Wildcard),
            ("/*.css", Wildcard),
            ("/a%20b", NotCanonical),
            ("/a?b", NotCanonical),
            ("/a#b", NotCanonical),
            ("/a;b", NotCanonical),
            ("/a/../b", NotCanonical),
            ("/./*", NotCanonical),
            ("//*", NotCanonical),
            ("/a//b", NotCanonical),
            ("/caf\u{e9}", NotCanonical),
            ("/a b", NotCanonical),
        ] {
            let refused = PathPatterns::parse(&["/fine", pattern]).map(|_| ());
            assert_eq!(refused, Err(error(pattern.to_owned())), "{pattern:?}");
        }
    }

    #[test]
    fn an_error_names_the_setting_and_escapes_the_pattern() {
        let error = PathPatterns::parse(&["x\n"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"globalValidation.excludedPaths: "x\n" must begin with a slash, like "/public/*""#
        );
    }
}
