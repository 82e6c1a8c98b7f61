//! Places on other sites and in installed applications (`login.allowedExternalRedirectUrls`).

use percent_encoding::{CONTROLS, utf8_percent_encode};

use super::{ReturnToError, SplitUrl, before_query, check_text, is_scheme, resolve};
use crate::origin::{OriginError, PublicOrigin};

/// One listed URL. Its query and fragment mean nothing, as in the original.
#[derive(Clone, Debug)]
pub(super) enum ExternalUrl {
    /// An installed application's own scheme, in lower case, and what follows its `://`.
    App { scheme: String, target: String },
    /// A page of another site; if `path` ends with a slash, everything below it too.
    Web { origin: PublicOrigin, path: String },
}

impl ExternalUrl {
    pub(super) fn parse(text: &str) -> Result<Self, ExternalUrlError> {
        if text.contains('*') {
            return Err(ExternalUrlError::Wildcard(text.to_owned()));
        }
        let malformed = || ExternalUrlError::Malformed(text.to_owned());
        check_text(text).map_err(|_| malformed())?;
        let url = SplitUrl::parse(text).ok_or_else(malformed)?;

        match PublicOrigin::parse(url.origin) {
            Ok(origin) => Self::web(origin, &url.reference()).map_err(|_| malformed()),
            Err(OriginError::Scheme) => Self::app(text).ok_or_else(malformed),
            Err(cause) => Err(ExternalUrlError::Origin(text.to_owned(), cause)),
        }
    }

    /// Whether this URL is at `origin`.
    pub(super) fn is_at(&self, origin: &PublicOrigin) -> bool {
        matches!(self, Self::Web { origin: listed, .. } if listed == origin)
    }

    /// Whether this URL allows the page at `path` of `origin`.
    pub(super) fn admits(&self, origin: &PublicOrigin, path: &str) -> bool {
        let Self::Web { origin: allowed, path: page } = self else { return false };
        allowed == origin
            && (path == page || (page.ends_with('/') && path.starts_with(page.as_str())))
    }

    /// Whether this URL is one of loopback without a port, and allows the page at `path` whatever the
    /// port of `origin`: installed applications take one that is free (RFC 8252 §7.3).
    pub(super) fn admits_any_port(&self, origin: &PublicOrigin, path: &str) -> bool {
        let Self::Web { origin: listed, .. } = self else { return false };
        LOOPBACK.contains(&listed.as_str())
            && origin
                .as_str()
                .strip_prefix(listed.as_str())
                .is_some_and(|rest| rest.starts_with(':'))
            && self.admits(listed, path)
    }

    /// The target to send if `raw` is this URL of an installed application.
    pub(super) fn admit_app(&self, raw: &str) -> Option<String> {
        let Self::App { scheme, target } = self else { return None };
        let (raw_scheme, rest) = raw.split_once("://")?;
        let data = rest.strip_prefix(target.as_str())?;
        let same = raw_scheme.eq_ignore_ascii_case(scheme) && before_query(data).is_empty();
        same.then(|| format!("{scheme}://{target}{}", utf8_percent_encode(data, CONTROLS)))
    }

    fn web(origin: PublicOrigin, reference: &str) -> Result<Self, ReturnToError> {
        let path = resolve(&origin, before_query(reference))?;
        Ok(Self::Web { origin, path })
    }

    fn app(text: &str) -> Option<Self> {
        let (scheme, target) = before_query(text).split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/' | b':')
        };
        let allowed = is_scheme(&scheme) && !BROWSER_SCHEMES.contains(&scheme.as_str());
        let plain = !target.is_empty() && target.bytes().all(plain);
        (allowed && plain).then(|| Self::App { scheme, target: target.to_owned() })
    }
}

/// Why a text cannot be a listed URL.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ExternalUrlError {
    #[error(
        "login.allowedExternalRedirectUrls: {0:?} must be an absolute URL of a page, like \
         \"https://spa.example/app\", or of an installed application, like \"myapp://easyauth.callback\""
    )]
    Malformed(String),
    #[error("login.allowedExternalRedirectUrls: {0:?} has no usable origin: {1}")]
    Origin(String, #[source] OriginError),
    #[error(
        "login.allowedExternalRedirectUrls: {0:?} must not have wildcards: list each URL; \
         one that ends with a slash admits everything below it"
    )]
    Wildcard(String),
}

/// This machine by number: what `localhost` is, others may decide.
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];
/// Schemes that mean something to the browser itself, in most cases running or reading something.
const BROWSER_SCHEMES: [&str; 14] = [
    "about",
    "blob",
    "chrome",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "javascript",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];
