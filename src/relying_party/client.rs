//! Who we are to a provider's token endpoint, and how we prove it this time.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;

use super::{Provider, RelyingParty};
use crate::error::{Error, Kind};
use crate::oauth::client_assertion::{self, Assertion, Signer};
use crate::oauth::discovery::{Capabilities, Metadata};
use crate::oauth::id_token::IdTokenError;
use crate::oauth::jwa::Algorithm;
use crate::oauth::jws::SharedSecret;
use crate::oauth::private_key::PrivateKey;
use crate::oauth::token::{Client, ClientAuthentication, Credential};
use crate::provider::{Audience, Registration, Signing};
use crate::seal::random;
use crate::secret::Secret;

impl RelyingParty {
    /// How we show ourselves to the provider's token endpoint. What is signed for it is signed anew
    /// for each request, and good for a minute.
    pub(super) fn client<'a>(
        &self,
        provider: &'a Provider,
        metadata: &Metadata,
    ) -> Result<Client<'a>, Error> {
        let registration = provider.settings.registration();
        let credential = match (&registration.signing, &registration.client_secret) {
            (Some(Signing::Assertion(key, audience)), _) => {
                let signer = Signer::Key(key, algorithm(key, *audience, &metadata.capabilities)?);
                let statement = match audience {
                    Audience::Issuer => self.statement(registration, metadata),
                    // Entra's documentation has `nbf`, too.
                    Audience::TokenEndpoint => Assertion {
                        audience: metadata.endpoints.token.as_str(),
                        not_before: Some(self.now()),
                        ..self.statement(registration, metadata)
                    },
                };
                Credential::Assertion(sign_once(&statement, signer)?)
            }
            (Some(Signing::ClientSecret { key, team_id }), _) => {
                let statement =
                    Assertion { issuer: team_id, ..self.statement(registration, metadata) };
                Credential::Post(sign(&statement, Signer::Key(key, Algorithm::Es256))?)
            }
            (None, Some(secret)) => self.by_secret(registration, secret, metadata)?,
            (None, None) => Credential::None,
        };
        Ok(Client { id: &registration.client_id, credential })
    }

    fn by_secret(
        &self,
        registration: &Registration,
        secret: &Secret<String>,
        metadata: &Metadata,
    ) -> Result<Credential, Error> {
        // Apple's secrets are such, and end within six months.
        if client_assertion::expiry(secret).is_some_and(|expiry| expiry <= self.now()) {
            return Err(Kind::CredentialExpired.into());
        }
        let discovered = discovered(&metadata.capabilities);
        Ok(match registration.client_authentication.unwrap_or(discovered) {
            ClientAuthentication::ClientSecretPost => Credential::Post(secret.clone()),
            ClientAuthentication::ClientSecretJwt => {
                let shared = SharedSecret::new(secret).map_err(IdTokenError::from)?;
                let statement = self.statement(registration, metadata);
                Credential::Assertion(sign_once(&statement, Signer::Secret(&shared))?)
            }
            ClientAuthentication::ClientSecretBasic => Credential::Basic(secret.clone()),
            // There is no key: the secret is not what was to be shown instead.
            ClientAuthentication::PrivateKeyJwt => return Err(Kind::NoCredential.into()),
        })
    }

    /// That we are who we are, for the issuer, from now on and not for long.
    fn statement<'a>(
        &self,
        registration: &'a Registration,
        metadata: &'a Metadata,
    ) -> Assertion<'a> {
        let now = self.now();
        Assertion {
            issuer: &registration.client_id,
            client_id: &registration.client_id,
            audience: metadata.issuer.as_str(),
            id: None,
            issued_at: now,
            not_before: None,
            expires_at: now.after(LIFETIME),
        }
    }
}

/// Signs a statement that the provider can take once.
fn sign_once(statement: &Assertion<'_>, signer: Signer<'_>) -> Result<Secret<String>, Error> {
    let id = URL_SAFE_NO_PAD.encode(random::<16>()?);
    sign(&Assertion { id: Some(&id), ..*statement }, signer)
}

fn sign(statement: &Assertion<'_>, signer: Signer<'_>) -> Result<Secret<String>, Error> {
    let signed = statement.sign(signer, &SystemRandom::new());
    signed.ok_or_else(|| Kind::NoCredential.into())
}

/// What the metadata say, `client_secret_basic` first, which is meant where nothing is said (OpenID
/// Connect Discovery §3).
fn discovered(capabilities: &Capabilities) -> ClientAuthentication {
    let supported = capabilities.token_endpoint_auth_methods.as_deref();
    let post_only = supported.is_some_and(|methods| {
        let has = |method: &str| methods.iter().any(|supported| supported == method);
        has("client_secret_post") && !has("client_secret_basic")
    });
    if post_only {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    }
}

/// Entra wants `PS256`, and does not say so in its metadata; others say what they want.
fn algorithm(
    key: &PrivateKey,
    audience: Audience,
    capabilities: &Capabilities,
) -> Result<Algorithm, Error> {
    let entras = [Algorithm::Ps256.name().to_owned()];
    let accepted = match audience {
        Audience::TokenEndpoint => Some(&entras[..]),
        Audience::Issuer => capabilities.token_endpoint_auth_algorithms.as_deref(),
    };
    key.algorithm(accepted).ok_or_else(|| Kind::NoCredential.into())
}

/// Long enough for clocks that differ a little, and no longer: whoever sees it could use it.
const LIFETIME: Duration = Duration::from_secs(60);
