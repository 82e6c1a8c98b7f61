//! Where browsers reach us: scheme, host and port (RFC 6454), taken from the configuration alone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use url::Host;

/// The origin under which browsers reach the application, such as `https://app.example`.
///
/// Redirect URIs, cookies and tokens are made from it, never from what a request says of itself.
/// Host in lower case, default port left out, so that equal origins are equal values. Cheap to
/// clone.
///
/// ```
/// use easyauth::PublicOrigin;
///
/// let origin = PublicOrigin::parse("https://App.Example:443/")?;
/// assert_eq!(origin.as_str(), "https://app.example");
/// # Ok::<(), easyauth::OriginError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct PublicOrigin(Arc<str>);

impl PublicOrigin {
    /// Reads `scheme://host[:port]`, with or without a slash at the end.
    ///
    /// The host is a DNS name in ASCII, an IPv4 address or an IPv6 address in brackets.
    ///
    /// # Errors
    ///
    /// If there is more than an origin (user name, path, query, fragment), if a part is malformed,
    /// or if the scheme is http and the host is not loopback: elsewhere, everything that we send
    /// could be read and changed on the way.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = Scheme::split_off(text).ok_or(OriginError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '\\', '?', '#', '@']) {
            return Err(OriginError::MoreThanAnOrigin);
        }

        let (host, port) = split_port(authority)?;
        let host = parse_host(host)?;
        if scheme == Scheme::Http && !is_loopback(&host) {
            return Err(OriginError::PlainHttp);
        }

        let scheme_text = scheme.as_str();
        Ok(Self(match port.filter(|port| *port != scheme.default_port()) {
            Some(port) => format!("{scheme_text}://{host}:{port}").into(),
            None => format!("{scheme_text}://{host}").into(),
        }))
    }

    /// The origin as browsers serialize it: `https://app.example`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin as a URL of its root: `https://app.example/`.
    #[must_use]
    pub fn with_slash(&self) -> String {
        format!("{}/", self.0)
    }

    /// Host and port as in a `Host` header: `app.example`, `localhost:8080`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, host)| host)
    }

    /// Whether the scheme is https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether the host is this machine whatever the network says: `localhost`, `*.localhost`,
    /// `127.0.0.0/8`, `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let Ok((host, _)) = split_port(self.host()) else { return false };
        parse_host(host).is_ok_and(|host| is_loopback(&host))
    }
}

impl fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PublicOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicOrigin({})", self.0)
    }
}

impl FromStr for PublicOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not an origin that we could be reached under.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// The host is empty, not ASCII, or no host.
    #[error(
        "the host of an origin must be a DNS name in ASCII (`xn--…` for others), \
         an IPv4 address or an IPv6 address in brackets"
    )]
    Host,
    /// There is more than scheme, host and port.
    #[error(
        "an origin must end after host and port: leave out user name, path, query and fragment"
    )]
    MoreThanAnOrigin,
    /// The scheme is http and the host is another machine.
    #[error("an http origin must be on loopback: write https")]
    PlainHttp,
    /// The port is no number from 1 to 65535.
    #[error("the port of an origin must be a number from 1 to 65535")]
    Port,
    /// The text does not begin with `https://` or `http://`.
    #[error("an origin must begin with https:// (or http:// on loopback)")]
    Scheme,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn split_off(text: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        [Self::Http, Self::Https]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known.as_str()))
            .map(|known| (known, rest))
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Tells host and port apart; the colons of an IPv6 address stay in its brackets.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), OriginError> {
    let after_brackets = authority.rfind(']').unwrap_or_default();
    let Some(colon) = authority.rfind(':').filter(|colon| *colon > after_brackets) else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at_checked(colon).ok_or(OriginError::Port)?;
    let digits = port.trim_start_matches(':');
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(OriginError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(OriginError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// Reads a host the way browsers do, so that `0x7f.1` is the 127.0.0.1 that they make of it.
fn parse_host(text: &str) -> Result<Host, OriginError> {
    // Browsers also decode escapes and map Unicode look-alikes: a host so written is not canonical.
    let canonical = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%');
    if !canonical {
        return Err(OriginError::Host);
    }
    let host = Host::parse(text).map_err(|_| OriginError::Host)?;
    match &host {
        Host::Domain(name) if !is_dns_name(name) => Err(OriginError::Host),
        _ => Ok(host),
    }
}

fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_origins_are_equal_values() {
        for (text, expected) in [
            ("https://app.example", "https://app.example"),
            ("https://app.example/", "https://app.example"),
            ("HTTPS://APP.Example:443", "https://app.example"),
            ("https://app.example:0443", "https://app.example"),
            ("https://app.example:80", "https://app.example:80"),
            ("https://app.example:8443/", "https://app.example:8443"),
            ("https://my_app.example", "https://my_app.example"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://192.0.2.1", "https://192.0.2.1"),
            ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://localhost", "http://localhost"),
            ("http://LOCALHOST:80/", "http://localhost"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://app.localhost:8080", "http://app.localhost:8080"),
            ("http://127.8.9.10:1", "http://127.8.9.10:1"),
            ("http://127.1", "http://127.0.0.1"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("http://[0:0::1]", "http://[::1]"),
        ] {
            let origin = PublicOrigin::parse(text);
            assert_eq!(origin.as_ref().map(PublicOrigin::as_str), Ok(expected), "{text}");
            assert_eq!(PublicOrigin::parse(expected), origin, "{text}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        use OriginError::{Host, MoreThanAnOrigin, PlainHttp, Port, Scheme};

        for (text, expected) in [
            ("", Scheme),
            ("app.example", Scheme),
            ("//app.example", Scheme),
            ("ftp://app.example", Scheme),
            (" https://app.example", Scheme),
            ("https:/app.example", Scheme),
            ("https://", Host),
            ("https:///", Host),
            ("https:///app.example", MoreThanAnOrigin),
            ("https://app.example//", MoreThanAnOrigin),
            ("https://app.example/x", MoreThanAnOrigin),
            ("https://app.example?x", MoreThanAnOrigin),
            ("https://app.example#x", MoreThanAnOrigin),
            ("https://user@app.example", MoreThanAnOrigin),
            ("https://app.example\\x", MoreThanAnOrigin),
            ("https://app.example ", Host),
            ("https://app.example\t", Host),
            ("https://*.example", Host),
            ("https://app..example", Host),
            ("https://app.example.", Host),
            ("https://app.ex%61mple", Host),
            ("https://bücher.example", Host),
            ("https://app\u{3002}example", Host),
            ("https://[::1", Host),
            ("https://::1", Host),
            ("https://[::1]x", Host),
            ("https://1.2.3.4.5", Host),
            ("https://:443", Host),
            ("https://app.example:", Port),
            ("https://app.example:0", Port),
            ("https://app.example:65536", Port),
            ("https://app.example:+443", Port),
            ("https://app.example:443x", Port),
            ("http://app.example", PlainHttp),
            ("http://localhost.example", PlainHttp),
            ("http://notlocalhost", PlainHttp),
            ("http://10.0.0.1", PlainHttp),
            ("http://0.0.0.0:80", PlainHttp),
            ("http://[::]", PlainHttp),
            ("http://[::ffff:127.0.0.1]", PlainHttp),
        ] {
            assert_eq!(PublicOrigin::parse(text), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn an_origin_tells_its_parts() {
        let origin = PublicOrigin::parse("https://App.Example:8443").unwrap();
        assert_eq!(origin.host(), "app.example:8443");
        assert_eq!(origin.with_slash(), "https://app.example:8443/");
        assert_eq!(
            format!("{origin} {origin:?}"),
            format!("{0} PublicOrigin({0})", origin.as_str())
        );
        assert!(origin.is_https());
        assert!(!origin.is_loopback());

        let local = PublicOrigin::parse("http://[::1]:8080").unwrap();
        assert_eq!(local.host(), "[::1]:8080");
        assert!(!local.is_https());
        assert!(local.is_loopback());
        assert!(PublicOrigin::parse("https://localhost").unwrap().is_loopback());
    }

    proptest! {
        #[test]
        fn an_origin_reads_like_a_browser_reads_it(text in "(?i:https?)://[^/]{0,24}/?|.{0,40}") {
            if let Ok(origin) = PublicOrigin::parse(&text) {
                let url = url::Url::parse(&text).unwrap();
                prop_assert_eq!(url.as_str(), origin.with_slash());
                prop_assert_eq!(PublicOrigin::parse(origin.as_str()), Ok(origin));
            }
        }
    }
}
