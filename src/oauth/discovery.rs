//! Provider metadata ([OpenID Connect Discovery §3, §4], [RFC 8414 §2]).
//!
//! [OpenID Connect Discovery §3, §4]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
//! [RFC 8414 §2]: https://www.rfc-editor.org/rfc/rfc8414#section-2

use url::{Host, Url};

use super::json::{self, JsonError, Object, Value};
use super::jwa::Algorithm;
use crate::principal::Issuer;

/// Where an OpenID provider keeps its metadata: the well-known path behind the issuer
/// (OpenID Connect Discovery §4).
///
/// # Errors
///
/// If the issuer is no https URL, free of query, fragment and user information. Plain http is
/// taken on loopback.
pub(crate) fn metadata_url(issuer: &Issuer) -> Result<Url, DiscoveryError> {
    let mut url = issuer_url(issuer)?;
    url.set_path(&format!("{}{OPENID_CONFIGURATION}", base_path(&url)));
    Ok(url)
}

/// An address that is configured as it is, query and all.
///
/// # Errors
///
/// If it is no https URL, free of fragment and user information. Plain http is taken on loopback.
pub(crate) fn configured_url(url: &str) -> Result<Url, DiscoveryError> {
    strict_url(url).filter(|url| is_safe(url, is_loopback(url))).ok_or(DiscoveryError::Issuer)
}

/// What a provider is and can do.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) issuer: Issuer,
    pub(crate) endpoints: Endpoints,
    pub(crate) capabilities: Capabilities,
}

impl Metadata {
    /// Reads a metadata document of at most 256 KiB whose `issuer` is one that `accepts` takes.
    ///
    /// # Errors
    ///
    /// If any of it is wrong. In particular every address must be https, or on loopback as the issuer
    /// is.
    ///
    /// # Security
    ///
    /// Where one issuer is expected, `accepts` must take it alone, byte for byte, or another
    /// provider could pass itself off for this one.
    pub(crate) fn parse(
        document: &[u8],
        accepts: impl Fn(&Issuer) -> bool,
    ) -> Result<Self, DiscoveryError> {
        if document.len() > MAX_DOCUMENT_BYTES {
            return Err(DiscoveryError::TooLarge);
        }
        let document = json::object(document)?;
        let issuer = document.text("issuer").map(Issuer::new);
        let issuer = issuer.filter(accepts).ok_or(DiscoveryError::IssuerMismatch)?;
        let endpoints = Endpoints::read(&document)?;
        let capabilities = Capabilities::read(&document)?;
        Self::assemble(issuer, endpoints, capabilities)
    }

    /// Metadata from a configuration that names the endpoints itself.
    ///
    /// # Errors
    ///
    /// If the issuer or an endpoint is not as [`metadata_url`] and [`parse`](Self::parse) demand.
    pub(crate) fn assemble(
        issuer: Issuer,
        endpoints: Endpoints,
        capabilities: Capabilities,
    ) -> Result<Self, DiscoveryError> {
        let on_loopback = issuer_url(&issuer)?.scheme() == "http";
        for (name, endpoint) in endpoints.iter() {
            if !is_safe(endpoint, on_loopback) {
                return Err(DiscoveryError::Endpoint(name));
            }
        }
        Ok(Self { issuer, endpoints, capabilities })
    }
}

/// A provider's addresses.
#[derive(Clone, Debug)]
pub(crate) struct Endpoints {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    /// Absent if the provider signs nothing: plain OAuth 2.0.
    pub(crate) jwks: Option<Url>,
    pub(crate) userinfo: Option<Url>,
    pub(crate) end_session: Option<Url>,
    pub(crate) revocation: Option<Url>,
}

impl Endpoints {
    fn read(document: &Object) -> Result<Self, DiscoveryError> {
        let required = |name| optional_url(document, name)?.ok_or(DiscoveryError::Endpoint(name));
        Ok(Self {
            authorization: required(AUTHORIZATION_ENDPOINT)?,
            token: required(TOKEN_ENDPOINT)?,
            jwks: Some(required(JWKS_URI)?),
            userinfo: optional_url(document, USERINFO_ENDPOINT)?,
            end_session: optional_url(document, END_SESSION_ENDPOINT)?,
            revocation: optional_url(document, REVOCATION_ENDPOINT)?,
        })
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &Url)> {
        [
            (AUTHORIZATION_ENDPOINT, Some(&self.authorization)),
            (TOKEN_ENDPOINT, Some(&self.token)),
            (JWKS_URI, self.jwks.as_ref()),
            (USERINFO_ENDPOINT, self.userinfo.as_ref()),
            (END_SESSION_ENDPOINT, self.end_session.as_ref()),
            (REVOCATION_ENDPOINT, self.revocation.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, endpoint)| Some((name, endpoint?)))
    }
}

/// What a provider says it supports. A list that it leaves out is `None`, a flag is off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capabilities {
    pub(crate) token_endpoint_auth_methods: Option<Vec<String>>,
    pub(crate) token_endpoint_auth_algorithms: Option<Vec<String>>,
    pub(crate) userinfo_signing_algorithms: Option<Vec<String>>,
    pub(crate) id_token_signing_algorithms: Option<Vec<String>>,
    pub(crate) authorization_response_iss: IssParameter,
}

/// What an authorization response says by its parameter `iss` (RFC 9207).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum IssParameter {
    /// It is there, and names the issuer.
    Promised,
    /// If it is there, it names the issuer.
    #[default]
    Possible,
    /// If it is not there, an ID token comes beside the code, which names the issuer in its place.
    OrIdToken,
    /// The issuer is a name of our own making, which no provider can know.
    Meaningless,
}

impl Capabilities {
    /// The algorithms with public keys that the provider signs ID tokens with, as far as we can
    /// check them; `RS256` if it does not say.
    pub(crate) fn public_signing_algorithms(&self) -> Vec<Algorithm> {
        let names = self.id_token_signing_algorithms.as_deref();
        algorithms(names, |algorithm| !algorithm.is_symmetric(), Algorithm::Rs256)
    }

    /// The same for answers about users; as for ID tokens if the provider does not say.
    pub(crate) fn userinfo_algorithms(&self) -> Vec<Algorithm> {
        match self.userinfo_signing_algorithms.as_deref() {
            None => self.public_signing_algorithms(),
            names => algorithms(names, |algorithm| !algorithm.is_symmetric(), Algorithm::Rs256),
        }
    }

    /// The algorithms with a shared secret that the provider signs ID tokens with; `HS256` if it
    /// does not say.
    pub(crate) fn symmetric_signing_algorithms(&self) -> Vec<Algorithm> {
        let names = self.id_token_signing_algorithms.as_deref();
        algorithms(names, Algorithm::is_symmetric, Algorithm::Hs256)
    }

    fn read(document: &Object) -> Result<Self, DiscoveryError> {
        let list = |name| list(document, name);
        check_code_challenges(list("code_challenge_methods_supported")?)?;
        Ok(Self {
            token_endpoint_auth_methods: list("token_endpoint_auth_methods_supported")?,
            token_endpoint_auth_algorithms: list(
                "token_endpoint_auth_signing_alg_values_supported",
            )?,
            userinfo_signing_algorithms: list("userinfo_signing_alg_values_supported")?,
            id_token_signing_algorithms: list("id_token_signing_alg_values_supported")?,
            authorization_response_iss: if flag(document, ISS_PARAMETER_SUPPORTED)? {
                IssParameter::Promised
            } else {
                IssParameter::Possible
            },
        })
    }
}

/// Those of `names` that we can check and that suit; the one that is meant if nothing is said.
fn algorithms(
    names: Option<&[String]>,
    suits: impl Fn(Algorithm) -> bool,
    unsaid: Algorithm,
) -> Vec<Algorithm> {
    let Some(names) = names else { return vec![unsaid] };
    let known = names.iter().filter_map(|name| Algorithm::parse(name));
    known.filter(|algorithm| suits(*algorithm)).collect()
}

/// Why a provider's metadata is not used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum DiscoveryError {
    /// The named member is missing where it is required, or is no address that we may use.
    #[error("`{0}` is missing, or no https address without user information and fragment")]
    Endpoint(&'static str),
    /// The issuer cannot be one.
    #[error("the issuer is no https address without user information, query and fragment")]
    Issuer,
    /// The document belongs to another issuer.
    #[error("`issuer` in the metadata is not the configured issuer, letter for letter")]
    IssuerMismatch,
    /// The document cannot be read.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The named member has the wrong type.
    #[error("`{0}` in the metadata has the wrong type")]
    Member(&'static str),
    /// The provider lists how code challenges may be made, and `S256` is not among it.
    #[error(
        "the provider checks code challenges, and not by S256; have it accept S256, for `plain` \
         protects nothing"
    )]
    NoS256,
    /// The document is longer than 256 KiB.
    #[error("the metadata is longer than 256 KiB")]
    TooLarge,
}

/// A provider that says nothing gets a challenge too, and may ignore it. One that wants it in
/// another form would refuse every login; `plain`, the only other form there is, is never sent.
fn check_code_challenges(methods: Option<Vec<String>>) -> Result<(), DiscoveryError> {
    let methods = methods.unwrap_or_default();
    let has_s256 = methods.iter().any(|method| method == "S256");
    if methods.is_empty() || has_s256 { Ok(()) } else { Err(DiscoveryError::NoS256) }
}

fn issuer_url(issuer: &Issuer) -> Result<Url, DiscoveryError> {
    strict_url(issuer.as_str())
        .filter(|url| is_safe(url, is_loopback(url)) && url.query().is_none())
        .ok_or(DiscoveryError::Issuer)
}

/// The path without the one trailing slash that the standards drop.
fn base_path(url: &Url) -> &str {
    url.path().strip_suffix('/').unwrap_or(url.path())
}

fn is_safe(url: &Url, on_loopback: bool) -> bool {
    let protected =
        url.scheme() == "https" || (url.scheme() == "http" && on_loopback && is_loopback(url));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    protected && plain && url.has_host()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An absolute URL. What the URL standard would silently drop or mend (tabs, line breaks,
/// backslashes, missing slashes) is refused: others may read it differently.
fn strict_url(text: &str) -> Option<Url> {
    let clean = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let (_, rest) = text.split_once("://").filter(|_| clean)?;
    if rest.starts_with('/') {
        return None;
    }
    // The standard forgets an empty user or password, which is still a sign of mischief.
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains('@') {
        return None;
    }
    Url::parse(text).ok()
}

/// A `null` is no address, and common where one is left out.
fn optional_url(document: &Object, name: &'static str) -> Result<Option<Url>, DiscoveryError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(strict_url) {
            Some(url) => Ok(Some(url)),
            None => Err(DiscoveryError::Endpoint(name)),
        },
    }
}

fn list(document: &Object, name: &'static str) -> Result<Option<Vec<String>>, DiscoveryError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let texts = value.as_strings().ok_or(DiscoveryError::Member(name))?;
            Ok(Some(texts.into_iter().map(str::to_owned).collect()))
        }
    }
}

fn flag(document: &Object, name: &'static str) -> Result<bool, DiscoveryError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or(DiscoveryError::Member(name)),
    }
}

/// What follows the issuer in the address of its metadata.
pub(crate) const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

const ISS_PARAMETER_SUPPORTED: &str = "authorization_response_iss_parameter_supported";
const AUTHORIZATION_ENDPOINT: &str = "authorization_endpoint";
const TOKEN_ENDPOINT: &str = "token_endpoint";
const JWKS_URI: &str = "jwks_uri";
const USERINFO_ENDPOINT: &str = "userinfo_endpoint";
const END_SESSION_ENDPOINT: &str = "end_session_endpoint";
const REVOCATION_ENDPOINT: &str = "revocation_endpoint";

const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests;
