//! A provider's endpoints, as far as the configuration names them itself.

use url::Url;

use crate::oauth::discovery::{self, Capabilities, DiscoveryError, Endpoints, Metadata};
use crate::principal::Issuer;

/// One of a provider's endpoints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Where browsers are sent to sign in.
    Authorization,
    /// Where codes and refresh tokens are redeemed.
    Token,
    /// Where the provider's keys are.
    Jwks,
    /// Where the provider tells about a user.
    UserInfo,
    /// Where a login by OAuth 1.0a begins. No other has it.
    RequestToken,
}

/// Endpoints that count before those in the metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct EndpointOverrides(Vec<(Endpoint, String)>);

impl EndpointOverrides {
    pub(super) fn set(&mut self, endpoint: Endpoint, url: String) {
        self.0.retain(|(set, _)| *set != endpoint);
        self.0.push((endpoint, url));
    }

    /// Whether each is an https address, or http on loopback, and one that OpenID Connect knows.
    pub(crate) fn are_addresses(&self) -> bool {
        let known = |endpoint| endpoint != Endpoint::RequestToken;
        self.0
            .iter()
            .all(|(endpoint, url)| known(*endpoint) && discovery::configured_url(url).is_ok())
    }

    /// `metadata` with these endpoints in the place of its own.
    ///
    /// # Errors
    ///
    /// If one of them is no https address, or on loopback as the issuer is.
    pub(crate) fn apply(&self, mut metadata: Metadata) -> Result<Metadata, DiscoveryError> {
        for (endpoint, url) in &self.0 {
            let url = discovery::configured_url(url).map_err(|_| endpoint.fault())?;
            let endpoints = &mut metadata.endpoints;
            match endpoint {
                Endpoint::Authorization => endpoints.authorization = url,
                Endpoint::Token => endpoints.token = url,
                Endpoint::Jwks => endpoints.jwks = Some(url),
                Endpoint::UserInfo => endpoints.userinfo = Some(url),
                Endpoint::RequestToken => return Err(endpoint.fault()),
            }
        }
        Metadata::assemble(metadata.issuer, metadata.endpoints, metadata.capabilities)
    }

    /// The metadata of a provider of which nothing is fetched.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply); and if it is not said where to sign in, to redeem codes and to find
    /// keys.
    pub(crate) fn without_discovery(&self, issuer: &str) -> Result<Metadata, DiscoveryError> {
        let required = |endpoint: Endpoint| -> Result<Url, DiscoveryError> {
            let set = self.0.iter().find(|(set, _)| *set == endpoint);
            let url = set.map(|(_, url)| discovery::configured_url(url));
            url.and_then(Result::ok).ok_or_else(|| endpoint.fault())
        };
        let endpoints = Endpoints {
            authorization: required(Endpoint::Authorization)?,
            token: required(Endpoint::Token)?,
            jwks: Some(required(Endpoint::Jwks)?),
            userinfo: None,
            end_session: None,
            revocation: None,
        };
        let issuer = Issuer::new(issuer);
        self.apply(Metadata::assemble(issuer, endpoints, Capabilities::default())?)
    }
}

/// `url` with the query of `earlier`, whose place it takes.
pub(super) fn at(earlier: &str, url: &str) -> String {
    match earlier.split_once('?') {
        Some((_, query)) if url.contains('?') => format!("{url}&{query}"),
        Some((_, query)) => format!("{url}?{query}"),
        None => url.to_owned(),
    }
}

impl Endpoint {
    fn fault(self) -> DiscoveryError {
        DiscoveryError::Endpoint(match self {
            Self::Authorization => "authorization_endpoint",
            Self::Token => "token_endpoint",
            Self::Jwks => "jwks_uri",
            Self::UserInfo => "userinfo_endpoint",
            Self::RequestToken => "request_token_endpoint",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(urls: &[(Endpoint, &str)]) -> EndpointOverrides {
        let mut overrides = EndpointOverrides::default();
        urls.iter().for_each(|(endpoint, url)| overrides.set(*endpoint, (*url).to_owned()));
        overrides
    }

    #[test]
    fn without_discovery_three_endpoints_must_be_named() {
        let all = [
            (Endpoint::Authorization, "https://a.example/authorize"),
            (Endpoint::Token, "https://t.example/token"),
            (Endpoint::Jwks, "https://k.example/keys"),
        ];
        let issuer = "https://op.example";

        let metadata = overrides(&all).without_discovery(issuer).unwrap();
        assert_eq!(metadata.endpoints.token.as_str(), "https://t.example/token");
        assert!(metadata.endpoints.userinfo.is_none());
        for left_out in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(left_out);
            assert!(overrides(&some).without_discovery(issuer).is_err(), "{left_out}");
        }
        assert!(overrides(&all).without_discovery("op.example").is_err());
    }

    #[test]
    fn the_last_that_is_said_of_an_endpoint_counts_and_it_must_be_safe() {
        let metadata = overrides(&[
            (Endpoint::Authorization, "https://a.example/authorize"),
            (Endpoint::Token, "https://t.example/token"),
            (Endpoint::Jwks, "https://k.example/keys"),
        ])
        .without_discovery("https://op.example")
        .unwrap();
        let twice = [
            (Endpoint::UserInfo, "https://one.example"),
            (Endpoint::UserInfo, "https://two.example"),
        ];

        let changed = overrides(&twice).apply(metadata.clone()).unwrap();
        assert_eq!(changed.endpoints.userinfo.unwrap().as_str(), "https://two.example/");
        for unsafe_url in ["http://t.example/token", "http://127.0.0.1/token", "t.example"] {
            let applied = overrides(&[(Endpoint::Token, unsafe_url)]).apply(metadata.clone());
            assert_eq!(applied.unwrap_err(), DiscoveryError::Endpoint("token_endpoint"));
        }
    }
}
