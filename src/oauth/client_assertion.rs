//! Signed statements of who we are: client assertions ([RFC 7523 §2.2, §3], [OpenID Connect Core
//! §9]), and Apple's client secrets, which look alike.
//!
//! [RFC 7523 §2.2, §3]: https://www.rfc-editor.org/rfc/rfc7523#section-2.2
//! [OpenID Connect Core §9]: https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SecureRandom;
use serde::Serialize;

use super::jwa::Algorithm;
use super::jws::{self, SharedSecret};
use super::jwt;
use super::private_key::PrivateKey;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// The type of assertion that this is (RFC 7523 §2.2).
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What we state of ourselves, in the order in which it is written.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Assertion<'a> {
    /// Who says so: we, or with Apple our team.
    #[serde(rename = "iss")]
    pub(crate) issuer: &'a str,
    /// Who we are.
    #[serde(rename = "sub")]
    pub(crate) client_id: &'a str,
    /// Whom it is for: one text, never a list, or it could be shown elsewhere too.
    #[serde(rename = "aud")]
    pub(crate) audience: &'a str,
    /// Different in each, so that the provider can take each once.
    #[serde(rename = "jti", skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    #[serde(rename = "iat", serialize_with = "seconds")]
    pub(crate) issued_at: Timestamp,
    /// Since when it counts, where that is asked for.
    #[serde(
        rename = "nbf",
        serialize_with = "some_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) not_before: Option<Timestamp>,
    #[serde(rename = "exp", serialize_with = "seconds")]
    pub(crate) expires_at: Timestamp,
}

/// What a statement is signed with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'a> {
    /// `private_key_jwt`, by this algorithm.
    Key(&'a PrivateKey, Algorithm),
    /// `client_secret_jwt`, by `HS256`.
    Secret(&'a SharedSecret),
}

impl Assertion<'_> {
    /// The signed statement in compact form (RFC 7515 §7.1). `None` if the key is not for the
    /// algorithm, or there is no randomness.
    pub(crate) fn sign(
        &self,
        signer: Signer<'_>,
        random: &dyn SecureRandom,
    ) -> Option<Secret<String>> {
        let encode = |part: Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(part);
        let header = serde_json::to_vec(&Header::of(signer)).ok()?;
        let claims = serde_json::to_vec(self).ok()?;
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = match signer {
            Signer::Key(key, algorithm) => key.sign(algorithm, signed.as_bytes(), random)?,
            Signer::Secret(secret) => secret.sign(signed.as_bytes()),
        };
        Some(format!("{signed}.{}", encode(signature)).into())
    }
}

/// When a statement ends that somebody else may have made; `None` if it is none, or has no end.
pub(crate) fn expiry(statement: &Secret<String>) -> Option<Timestamp> {
    jws::unchecked_claims(statement.expose())?.get("exp").and_then(jwt::moment)
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<&'a str>,
}

impl<'a> Header<'a> {
    fn of(signer: Signer<'a>) -> Self {
        let (alg, kid, x5t_s256) = match signer {
            Signer::Key(key, algorithm) => (algorithm.name(), key.id(), key.x5t_s256()),
            Signer::Secret(_) => (Algorithm::Hs256.name(), None, None),
        };
        Self { alg, typ: "JWT", kid, x5t_s256 }
    }
}

fn some_seconds<S: serde::Serializer>(
    moment: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    seconds(&moment.unwrap_or_default(), serializer)
}

fn seconds<S: serde::Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(moment.as_unix())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::oauth::json;
    use crate::oauth::jwk::KeySet;
    use crate::oauth::jws::Keys;
    use crate::oauth::private_key::PrivateKeyError;

    const RSA: &str = include_str!("../../tests/data/throwaway-test-key-rsa-2048-a.pem");
    const EC: &str = include_str!("../../tests/data/throwaway-test-key-p256.p8");
    const JWKS: &str = include_str!("../../tests/data/throwaway-test-keys.jwks.json");

    fn assertion() -> Assertion<'static> {
        Assertion {
            issuer: "web",
            client_id: "web",
            audience: "https://op.example",
            id: Some("once"),
            issued_at: Timestamp::from_unix(1_700_000_000),
            not_before: None,
            expires_at: Timestamp::from_unix(1_700_000_060),
        }
    }

    fn key(pem: &str) -> PrivateKey {
        PrivateKey::read(pem, &SystemRandom::new()).unwrap()
    }

    fn header(token: &Secret<String>) -> String {
        let header = token.expose().split('.').next().unwrap();
        String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
    }

    #[test]
    fn ex_07_an_assertion_is_signed_by_the_key_and_says_who_for_whom_and_once() {
        let keys = KeySet::parse(JWKS.as_bytes()).unwrap();
        for (pem, algorithms) in
            [(RSA, vec![Algorithm::Ps256, Algorithm::Rs256]), (EC, vec![Algorithm::Es256])]
        {
            for algorithm in algorithms {
                let key = key(pem);
                let signer = Signer::Key(&key, algorithm);
                let token = assertion().sign(signer, &SystemRandom::new()).unwrap();
                let verified =
                    jws::verify(token.expose(), Keys::Published(&keys), &[algorithm], &["JWT"]);
                let claims = verified.unwrap().into_claims();
                assert_eq!(
                    serde_json::to_string(&claims).unwrap(),
                    r#"{"iss":"web","sub":"web","aud":"https://op.example","jti":"once","iat":1700000000,"exp":1700000060}"#
                );
            }
        }
    }

    #[test]
    fn the_certificate_of_the_key_is_named_by_its_sha_256_thumbprint() {
        // The thumbprints are what `openssl x509 -fingerprint` says of the file.
        let key = key(RSA);
        let token = assertion().sign(Signer::Key(&key, Algorithm::Ps256), &SystemRandom::new());

        assert_eq!(
            header(&token.unwrap()),
            r#"{"alg":"PS256","typ":"JWT","x5t#S256":"QPBKcDB58-W6KisRpDC1v-0ZUSlCYdNB4Z4uhl1pMXM"}"#
        );
        assert!(key.has_thumbprint("90:26:F3:75:78:73:C9:A4:0B:6D:B4:86:36:0F:B5:31:B2:5E:A5:82"));
        assert!(
            key.has_thumbprint(
                &"90:26:F3:75:78:73:C9:A4:0B:6D:B4:86:36:0F:B5:31:B2:5E:A5:82"
                    .replace(':', "")
                    .to_lowercase()
            )
        );
        assert!(!key.has_thumbprint("00") && !key.has_thumbprint(""));
    }

    #[test]
    fn a_secret_signs_too_and_a_weak_one_does_not() {
        let secret = Secret::new("a client secret of thirty-two bytes or more".to_owned());
        let shared = SharedSecret::new(&secret).unwrap();
        let token = assertion().sign(Signer::Secret(&shared), &SystemRandom::new()).unwrap();

        assert_eq!(header(&token), r#"{"alg":"HS256","typ":"JWT"}"#);
        let verified =
            jws::verify(token.expose(), Keys::Shared(&shared), &[Algorithm::Hs256], &["JWT"]);
        assert_eq!(verified.unwrap().claims().text("sub"), Some("web"));
        assert!(SharedSecret::new(&Secret::new("short".to_owned())).is_err());
    }

    #[test]
    fn a_statement_says_when_it_ends_and_another_secret_does_not() {
        let key = key(EC);
        let signer = Signer::Key(&key, Algorithm::Es256);
        let statement = assertion().sign(signer, &SystemRandom::new()).unwrap();

        assert_eq!(expiry(&statement), Some(Timestamp::from_unix(1_700_000_060)));
        for secret in ["", "secret", "a.b.c", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"] {
            assert_eq!(expiry(&secret.into()), None, "{secret}");
        }
    }

    #[test]
    fn apples_header_names_the_key_and_no_certificate() {
        let key = key(EC).key_id("ABC123DEFG");
        let token = Assertion { id: None, ..assertion() }
            .sign(Signer::Key(&key, Algorithm::Es256), &SystemRandom::new())
            .unwrap();

        assert_eq!(header(&token), r#"{"alg":"ES256","typ":"JWT","kid":"ABC123DEFG"}"#);
        let claims = token.expose().split('.').nth(1).unwrap();
        let claims = json::object(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert!(claims.get("jti").is_none());
    }

    #[test]
    fn the_strongest_algorithm_that_both_know_is_taken() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (rsa, ec) = (key(RSA), key(EC));

        assert_eq!(rsa.algorithm(None), Some(Algorithm::Rs256));
        let both = names(&["RS256", "PS256", "ES256"]);
        assert_eq!(rsa.algorithm(Some(&both)), Some(Algorithm::Ps256));
        assert_eq!(ec.algorithm(Some(&both)), Some(Algorithm::Es256));
        assert_eq!(ec.algorithm(Some(&names(&["RS256"]))), None);
        assert_eq!(ec.algorithm(None), Some(Algorithm::Es256));
    }

    #[test]
    fn a_text_that_is_no_key_of_ours_says_what_it_lacks() {
        let read = |pem: &str| PrivateKey::read(pem, &SystemRandom::new()).unwrap_err();
        let certificate = RSA.find("-----BEGIN CERTIFICATE").unwrap();

        assert_eq!(read(""), PrivateKeyError::NoKey);
        assert_eq!(read(&RSA[certificate..]), PrivateKeyError::NoKey);
        assert_eq!(read(&EC.replace("PRIVATE KEY", "EC PRIVATE KEY")), PrivateKeyError::Unusable);
        let foreign = format!("{EC}{}", &RSA[certificate..]);
        assert_eq!(read(&foreign), PrivateKeyError::ForeignCertificate);
        let garbled = EC.replace("MIG", "AAA");
        assert_eq!(read(&garbled), PrivateKeyError::Unusable);
        assert!(!format!("{:?}", key(EC)).contains("MIG"));
    }
}
