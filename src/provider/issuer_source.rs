//! Where an OpenID provider's metadata come from, and which issuer they may name.

use url::Url;

use super::aad::Authority;
use crate::oauth::discovery::{self, DiscoveryError, OPENID_CONFIGURATION};
use crate::principal::Issuer;

/// Where a provider's metadata come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum IssuerSource {
    /// Nowhere: the configuration names this issuer and each of its endpoints.
    Configured(String),
    /// Entra ID, whose metadata name another issuer than their address does.
    Entra(String),
    /// The issuer identifier; the metadata must name exactly it.
    Issuer(String),
    /// The address of the metadata document. It must name the issuer that is given, or else the one
    /// that the address belongs to.
    MetadataUrl(String, Option<String>),
}

impl IssuerSource {
    /// The address of the metadata document; `None` if there is none to fetch.
    pub(crate) fn metadata_url(&self) -> Result<Option<Url>, DiscoveryError> {
        match self {
            Self::Configured(issuer) => discovery::metadata_url(&Issuer::new(issuer)).map(|_| None),
            Self::Entra(authority) => Authority::parse(authority).map(|a| Some(a.metadata_url)),
            Self::Issuer(issuer) => discovery::metadata_url(&Issuer::new(issuer)).map(Some),
            Self::MetadataUrl(url, None) => {
                let base = url.strip_suffix(OPENID_CONFIGURATION).ok_or(DiscoveryError::Issuer)?;
                discovery::metadata_url(&Issuer::new(base)).map(Some)
            }
            Self::MetadataUrl(url, Some(issuer)) => {
                discovery::metadata_url(&Issuer::new(issuer))?;
                discovery::configured_url(url).map(Some)
            }
        }
    }

    /// Whether the provider is on this machine.
    pub(crate) fn is_on_loopback(&self) -> bool {
        let issuer = match self {
            Self::Configured(issuer) | Self::Entra(issuer) | Self::Issuer(issuer) => issuer,
            Self::MetadataUrl(url, _) => url,
        };
        discovery::configured_url(issuer).is_ok_and(|url| url.scheme() == "http")
    }

    /// Whose tokens may be the provider's, as far as the configuration says.
    pub(crate) fn issuers(&self) -> Issuers {
        let named = match self {
            Self::Configured(issuer)
            | Self::Issuer(issuer)
            | Self::MetadataUrl(_, Some(issuer)) => vec![issuer.clone()],
            Self::Entra(authority) => match Authority::parse(authority) {
                Ok(authority) => return Issuers::Entra(authority),
                // No configuration has such a one.
                Err(_) => Vec::new(),
            },
            Self::MetadataUrl(url, None) => {
                let base = url.strip_suffix(OPENID_CONFIGURATION);
                base.map(|base| vec![base.to_owned(), format!("{base}/")]).unwrap_or_default()
            }
        };
        Issuers::Named(named.iter().map(|issuer| Issuer::new(issuer)).collect())
    }

    /// Whether a metadata document from here may name `issuer`.
    pub(crate) fn accepts(&self, issuer: &Issuer) -> bool {
        let named = issuer.as_str();
        match self {
            Self::Configured(expected)
            | Self::Issuer(expected)
            | Self::MetadataUrl(_, Some(expected)) => named == expected,
            Self::Entra(authority) => Authority::parse(authority).is_ok_and(|a| a.accepts(named)),
            // The address does not say whether the issuer ends in a slash.
            Self::MetadataUrl(url, None) => {
                let base = url.strip_suffix(OPENID_CONFIGURATION);
                base.is_some_and(|base| named.strip_suffix('/').unwrap_or(named) == base)
            }
        }
    }
}

/// Whose tokens may be a provider's.
#[derive(Debug)]
pub(crate) enum Issuers {
    /// One of these: who is known by the address of their metadata may or may not end in a slash.
    Named(Vec<Issuer>),
    /// Entra ID has as many as it has tenants, in two versions each.
    Entra(Authority),
}

impl Issuers {
    /// Whether a token that says to be `claimed`'s is worth a look. Nothing is believed by it.
    pub(crate) fn may_be(&self, claimed: &str) -> bool {
        match self {
            Self::Named(issuers) => issuers.iter().any(|issuer| issuer.as_str() == claimed),
            Self::Entra(authority) => authority.may_issue(claimed),
        }
    }

    /// The one that it is, if the configuration leaves no choice.
    pub(crate) fn only(&self) -> Option<&Issuer> {
        match self {
            Self::Named(issuers) => issuers.first().filter(|_| issuers.len() == 1),
            Self::Entra(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(source: &IssuerSource, issuer: &str) -> bool {
        source.accepts(&Issuer::new(issuer))
    }

    #[test]
    fn a_metadata_address_leaves_open_only_a_final_slash() {
        let url = "https://op.example/o/.well-known/openid-configuration";
        let source = IssuerSource::MetadataUrl(url.to_owned(), None);

        assert_eq!(source.metadata_url().unwrap().unwrap().as_str(), url);
        for (issuer, accepted) in [
            ("https://op.example/o", true),
            ("https://op.example/o/", true),
            ("https://op.example/o//", false),
            ("https://op.example", false),
            ("https://op.example/O", false),
        ] {
            assert_eq!(accepts(&source, issuer), accepted, "{issuer}");
        }
        let slashed = IssuerSource::Issuer("https://op.example/o/".to_owned());
        assert_eq!(slashed.metadata_url().unwrap().unwrap().as_str(), url);
        assert!(!accepts(&slashed, "https://op.example/o"));
        let bare = IssuerSource::MetadataUrl("https://op.example/".to_owned(), None);
        assert!(bare.metadata_url().is_err());
    }

    #[test]
    fn metadata_from_elsewhere_must_name_the_issuer_that_is_configured() {
        let url = "https://cdn.example/op.json?v=2";
        let source = IssuerSource::MetadataUrl(url.into(), Some("https://op.example".into()));

        assert_eq!(source.metadata_url().unwrap().unwrap().as_str(), url);
        assert!(accepts(&source, "https://op.example"));
        assert!(!accepts(&source, "https://op.example/"));
        for wrong in ["http://cdn.example/op.json", "cdn.example", "https://u@cdn.example/"] {
            let source = IssuerSource::MetadataUrl(wrong.into(), Some("https://op.example".into()));
            assert!(source.metadata_url().is_err(), "{wrong}");
        }
    }
}
