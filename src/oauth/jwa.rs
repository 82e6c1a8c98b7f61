//! Names of signature algorithms ([RFC 7518 §3.1], [RFC 8037 §3.1]).
//!
//! [RFC 7518 §3.1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
//! [RFC 8037 §3.1]: https://www.rfc-editor.org/rfc/rfc8037#section-3.1

use ring::digest;

/// A signature algorithm that we can check: every one in use but `none`, ES512 and ES256K.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Hs256,
    Hs384,
    Hs512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 12] = [
        Self::EdDsa,
        Self::Es256,
        Self::Es384,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The algorithm of this name; `None` if we do not know it. Names are case-sensitive.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name in `alg`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Whether signer and verifier hold the same key.
    pub(crate) const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// The hash behind the signature, which `at_hash` and `c_hash` use too. For Ed25519 that is
    /// SHA-512, which the signature itself uses.
    pub(super) fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Es256 | Self::Hs256 | Self::Ps256 | Self::Rs256 => &digest::SHA256,
            Self::Es384 | Self::Hs384 | Self::Ps384 | Self::Rs384 => &digest::SHA384,
            Self::EdDsa | Self::Hs512 | Self::Ps512 | Self::Rs512 => &digest::SHA512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.name()), Some(algorithm));
        }
        for unknown in ["", "none", "rs256", "RS256 ", "ES512", "ES256K", "RSA-OAEP", "HS1"] {
            assert_eq!(Algorithm::parse(unknown), None, "{unknown}");
        }
    }
}
