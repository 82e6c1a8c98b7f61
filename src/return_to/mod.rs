//! Where a browser may be sent back to.
//!
//! The only code that reads such a place. A target is accepted if it is a path of our own origin,
//! an absolute URL of it, or listed in `login.allowedExternalRedirectUrls`, and if nobody on the
//! way could read it as anything else:
//!
//! 1. It has 1 to [`MAX_LENGTH`] bytes, also when it leaves us.
//! 2. Its characters are visible and stand for themselves (see [`characters`]).
//! 3. It begins with a single `/`, or with scheme and authority of our origin or of a listed URL.
//! 4. Its path has well-formed escapes only; it and what further decodings make of it begin with a
//!    single `/`, and have no backslash, control or dot segment, nor lead to our own routes.
//! 5. Query and fragment are data.
//! 6. What we send is not the input, but what a URL parser made of it.

mod characters;
mod external;

use http::Uri;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use url::Url;

use self::external::ExternalUrl;
pub(crate) use self::external::ExternalUrlError;
use crate::api_prefix::ApiPrefix;
use crate::origin::PublicOrigin;
use crate::path;

/// A place that we may send a browser back to: a path with query and fragment on our own origin,
/// or a listed URL.
///
/// Only [`Destinations`] makes one from what a request says. ASCII without controls, fit for a
/// `Location` header. The root of the application by default.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// Reads back what [`as_str`](Self::as_str) gave and only we can have sealed; `None` if it has
    /// not even the form of a target. Whether it is allowed was decided when it was made.
    pub(crate) fn from_sealed(text: String) -> Option<Self> {
        let ours = text.starts_with('/') && !text.starts_with("//");
        let well_formed =
            ours || text.split_once("://").is_some_and(|(scheme, _)| is_scheme(scheme));
        let sendable = text.len() <= MAX_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic());
        (well_formed && sendable).then_some(Self(text))
    }

    /// The value for `Location`: `/orders?x=1#frag`, or an absolute URL.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the browser leaves our origin.
    pub(crate) fn is_external(&self) -> bool {
        !self.0.starts_with('/')
    }
}

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

/// All the places that browsers may be sent back to.
#[derive(Clone, Debug)]
pub(crate) struct Destinations {
    origin: PublicOrigin,
    api_prefix: ApiPrefix,
    external: Vec<ExternalUrl>,
}

impl Destinations {
    /// The places on `origin` outside of `api_prefix`, and those that `allowed` lists
    /// (`login.allowedExternalRedirectUrls`).
    ///
    /// `https://spa.example/app` admits that path with any query and fragment;
    /// `https://spa.example/app/` also everything below it; `myapp://easyauth.callback` exactly
    /// that, and in mobile logins only.
    pub(crate) fn new<T: AsRef<str>>(
        origin: PublicOrigin,
        api_prefix: ApiPrefix,
        allowed: &[T],
    ) -> Result<Self, ExternalUrlError> {
        let external =
            allowed.iter().map(|url| ExternalUrl::parse(url.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { origin, api_prefix, external })
    }

    /// Reads the value of a parameter after exactly one form-decoding.
    pub(crate) fn parse(&self, raw: &str) -> Result<ReturnTo, ReturnToError> {
        self.parse_if(raw, ExternalUrl::admits)
    }

    fn parse_if(
        &self,
        raw: &str,
        admits: impl Fn(&ExternalUrl, &PublicOrigin, &str) -> bool,
    ) -> Result<ReturnTo, ReturnToError> {
        check_text(raw)?;
        if raw.starts_with('/') {
            return self.parse_reference(raw);
        }

        let url = SplitUrl::parse(raw).ok_or(ReturnToError::Relative)?;
        let origin = PublicOrigin::parse(url.origin).map_err(|_| ReturnToError::NotAllowed)?;
        let reference = url.reference();
        if origin == self.origin {
            return self.parse_reference(&reference);
        }
        let reference = resolve(&origin, &reference)?;
        let allowed =
            self.external.iter().any(|url| admits(url, &origin, before_query(&reference)));
        if allowed {
            sendable(format!("{origin}{reference}"))
        } else {
            Err(ReturnToError::NotAllowed)
        }
    }

    /// Like [`parse`](Self::parse), for a login that an installed application began: listed URLs
    /// with that application's own scheme are accepted too, and those of loopback without a port at
    /// any port.
    pub(crate) fn parse_mobile(&self, raw: &str) -> Result<ReturnTo, ReturnToError> {
        check_text(raw)?;
        match self.external.iter().find_map(|url| url.admit_app(raw)) {
            Some(target) => sendable(target),
            None => self.parse_if(raw, |url, origin, path| {
                url.admits(origin, path) || url.admits_any_port(origin, path)
            }),
        }
    }

    /// The page that a request asks for, to come back to it after a login; the root if it is none
    /// to come back to.
    pub(crate) fn of_request(&self, uri: &Uri) -> ReturnTo {
        // Browsers leave `{` and its like in a query as they are, and so would lose their page.
        let query = uri.query().map(|query| utf8_percent_encode(query, characters::REFUSED));
        let target = match query {
            Some(query) => format!("{}?{query}", uri.path()),
            None => uri.path().to_owned(),
        };
        self.parse(&target).unwrap_or_default()
    }

    /// Whether `address` (an `Origin`, or a `Referer`) is one of our own origin, or of one that a
    /// browser may be sent to.
    pub(crate) fn trusts_origin_of(&self, address: &str) -> bool {
        let Ok(url) = Url::parse(address) else { return false };
        let Ok(origin) = PublicOrigin::parse(&url.origin().ascii_serialization()) else {
            return false;
        };
        origin == self.origin || self.external.iter().any(|listed| listed.is_at(&origin))
    }

    fn parse_reference(&self, reference: &str) -> Result<ReturnTo, ReturnToError> {
        let resolved = resolve(&self.origin, reference)?;
        let path = before_query(reference);
        if self.api_prefix.covers(path) && !self.api_prefix.is_login_done(path) {
            return Err(ReturnToError::OwnRoute);
        }
        sendable(resolved)
    }
}

/// Why a browser is not sent there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ReturnToError {
    #[error(
        "the redirect target has characters that must be percent-encoded or are not allowed at all"
    )]
    Character,
    #[error("the redirect target must have 1 to {MAX_LENGTH} bytes")]
    Length,
    #[error(
        "the redirect target is neither on this site nor listed in login.allowedExternalRedirectUrls"
    )]
    NotAllowed,
    #[error("the redirect target must not be one of the sign-in routes themselves")]
    OwnRoute,
    #[error("the path of the redirect target can be read in more than one way")]
    Path,
    #[error("the redirect target must begin with a single slash or be an absolute URL")]
    Relative,
}

/// An absolute URL, cut where its path, query or fragment begins.
struct SplitUrl<'a> {
    origin: &'a str,
    rest: &'a str,
}

impl<'a> SplitUrl<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, after_scheme) = text.split_once("://")?;
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
        let (origin, rest) = text.split_at_checked(scheme.len() + "://".len() + authority.len())?;
        Some(Self { origin, rest })
    }

    /// Path, query and fragment, where an empty path is the root.
    fn reference(&self) -> String {
        let root = if self.rest.starts_with('/') { "" } else { "/" };
        format!("{root}{}", self.rest)
    }
}

fn check_text(raw: &str) -> Result<(), ReturnToError> {
    if raw.is_empty() || raw.len() > MAX_LENGTH {
        return Err(ReturnToError::Length);
    }
    if raw.chars().all(characters::is_allowed) { Ok(()) } else { Err(ReturnToError::Character) }
}

/// What browsers make of `reference` on a page of `origin`: path, query and fragment in ASCII.
fn resolve(origin: &PublicOrigin, reference: &str) -> Result<String, ReturnToError> {
    if !has_safe_path(reference) {
        return Err(ReturnToError::Path);
    }
    let url = Url::parse(origin.as_str()).and_then(|base| base.join(reference));
    let url = url.map_err(|_| ReturnToError::Path)?;

    // The rules above make sure of it; this is the last place to notice if they do not.
    let resolved = url.as_str().strip_prefix(origin.as_str()).ok_or(ReturnToError::NotAllowed)?;
    if resolved.starts_with('/') && !resolved.starts_with("//") {
        Ok(resolved.to_owned())
    } else {
        Err(ReturnToError::NotAllowed)
    }
}

fn has_safe_path(reference: &str) -> bool {
    let path = before_query(reference);
    has_well_formed_escapes(path) && path::readings(path).all(|reading| is_safe_reading(&reading))
}

fn has_well_formed_escapes(path: &str) -> bool {
    let escapes_are_hex = path.split('%').skip(1).all(|after| {
        let mut digits = after.bytes();
        digits.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            && digits.next().is_some_and(|digit| digit.is_ascii_hexdigit())
    });
    escapes_are_hex && percent_decode_str(path).decode_utf8().is_ok()
}

fn is_safe_reading(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.chars().all(characters::is_harmless_when_decoded)
        && !path.split('/').any(path::is_dot_segment)
}

fn before_query(reference: &str) -> &str {
    reference.split(['?', '#']).next().unwrap_or_default()
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Escapes make text longer; what we send must still fit into a cookie and be accepted again.
fn sendable(target: String) -> Result<ReturnTo, ReturnToError> {
    if target.len() > MAX_LENGTH { Err(ReturnToError::Length) } else { Ok(ReturnTo(target)) }
}

/// The longest target, in bytes. It rests, sealed, in a cookie during the login.
const MAX_LENGTH: usize = 2048;

#[cfg(test)]
mod tests;
