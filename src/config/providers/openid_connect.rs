//! The checks that OpenID providers pass beside those of all.

use super::Wrong;
use crate::oauth::authorization::ResponseMode;
use crate::oauth::discovery::configured_url;
use crate::oauth::jws::SharedSecret;
use crate::oauth::token::ClientAuthentication;
use crate::origin::PublicOrigin;
use crate::provider::aad::{Authority, Tenancy, is_guid};
use crate::provider::{IssuerSource, OpenIdConnect, Registration, Signing};

pub(super) fn check(settings: &OpenIdConnect, origin: &PublicOrigin) -> Result<(), Wrong> {
    if settings.id_token_secret().is_err() {
        let problem = "ID tokens are signed with the client secret, and it is missing or too weak \
                       for that; have the provider make one of at least 32 random bytes";
        return Err(Wrong("registration.clientCredential", problem));
    }
    check_source(settings)?;
    check_endpoints(settings)?;
    check_tenants(settings)?;
    check_credential(&settings.registration)?;
    check_posting(settings, origin)?;
    if settings.registration.scopes.iter().any(|scope| scope.starts_with("wl.")) {
        let problem = "has a scope of the Live SDK (wl.…) that has no successor; see the \
                       documentation of MicrosoftAccount for those that have one";
        return Err(Wrong("login.scopes", problem));
    }
    Ok(())
}

fn check_source(settings: &OpenIdConnect) -> Result<(), Wrong> {
    if settings.source.metadata_url().is_ok() {
        return Ok(());
    }
    Err(match settings.source {
        IssuerSource::Issuer(_) | IssuerSource::Configured(_) => Wrong(
            "registration.openIdConnectConfiguration.issuer",
            "must be an https address (or http on loopback), written as the provider writes it",
        ),
        IssuerSource::MetadataUrl(..) => Wrong(
            "registration.openIdConnectConfiguration.wellKnownOpenIdConfiguration",
            "must be an https address (or http on loopback) that ends in \
             /.well-known/openid-configuration",
        ),
        IssuerSource::Entra(_) => Wrong(
            "registration.openIdIssuer",
            "must be an https address such as https://login.microsoftonline.com/<tenant id>/v2.0, \
             or that of a metadata document",
        ),
    })
}

fn check_endpoints(settings: &OpenIdConnect) -> Result<(), Wrong> {
    const MEMBER: &str = "endpoints";
    let problem = "an address of its endpoints is not https (or http on loopback)";
    if !settings.endpoints.are_addresses() {
        return Err(Wrong(MEMBER, problem));
    }
    if settings.groups.as_deref().is_some_and(|url| configured_url(url).is_err()) {
        return Err(Wrong("groupsEndpoint", problem));
    }
    match &settings.source {
        IssuerSource::Configured(issuer)
            if settings.endpoints.without_discovery(issuer).is_err() =>
        {
            let problem = "without the address of the metadata the endpoints for authorization, \
                           tokens and keys must be set, each https; set all three, or \
                           wellKnownOpenIdConfiguration";
            Err(Wrong("registration.openIdConnectConfiguration", problem))
        }
        _ => Ok(()),
    }
}

/// Anybody can make an account in a tenant of their own.
fn check_tenants(settings: &OpenIdConnect) -> Result<(), Wrong> {
    let IssuerSource::Entra(issuer) = &settings.source else { return Ok(()) };
    let tenants = &settings.admission.tenants;
    if tenants.iter().any(|tenant| !is_guid(tenant)) {
        let problem = "each tenant in allowedTenants must be written as its id, such as \
                       aaaabbbb-0000-cccc-1111-dddd2222eeee";
        return Err(Wrong("allowedTenants", problem));
    }
    let any = Authority::parse(issuer).is_ok_and(|authority| authority.tenancy == Tenancy::Any);
    if any && tenants.is_empty() {
        let problem = "lets in everybody who has an account in any tenant of Entra ID, also in one \
                       that somebody made a minute ago; put the id of your tenant into it, or list \
                       the tenants that may sign in in easyauth.providers.aad.allowedTenants or \
                       WEBSITE_AUTH_AAD_ALLOWED_TENANTS";
        return Err(Wrong("registration.openIdIssuer", problem));
    }
    Ok(())
}

fn check_credential(registration: &Registration) -> Result<(), Wrong> {
    const MEMBER: &str = "registration.clientCredential";
    let Registration { signing, client_secret, client_authentication, .. } = registration;
    match (signing, client_authentication) {
        (Some(Signing::ClientSecret { key, team_id }), _) => {
            if !key.is_p256() || key.id().is_none() || team_id.is_empty() {
                let problem = "Apple needs a key on the curve P-256 (a .p8 file), its key id, and \
                               the team id";
                return Err(Wrong("privateKeySettingName", problem));
            }
        }
        (Some(Signing::Assertion(..)), None | Some(ClientAuthentication::PrivateKeyJwt)) => {}
        (Some(Signing::Assertion(..)), Some(_)) => {
            let problem = "a private key goes with the method PrivateKeyJwt; leave one of them out";
            return Err(Wrong(MEMBER, problem));
        }
        (None, Some(ClientAuthentication::PrivateKeyJwt)) => {
            let problem = "the method PrivateKeyJwt needs a private key; set privateKeySettingName \
                           under easyauth.providers";
            return Err(Wrong(MEMBER, problem));
        }
        (None, Some(ClientAuthentication::ClientSecretJwt)) => {
            let strong = client_secret.as_ref().map(SharedSecret::new);
            if !matches!(strong, Some(Ok(_))) {
                let problem =
                    "the method ClientSecretJwt needs a secret of at least 32 random bytes";
                return Err(Wrong(MEMBER, problem));
            }
        }
        (None, _) => {}
    }
    Ok(())
}

/// Whose bearer tokens are taken: in our part of the configuration, but for Entra ID.
pub(super) fn check_bearer(settings: &OpenIdConnect) -> Result<(), Wrong> {
    let Some(audiences) = &settings.bearer_audiences else { return Ok(()) };
    let problem = if settings.id_tokens_signed_with_secret {
        "bearer tokens need a provider that signs with published keys, and this one signs with the \
         client secret; leave it out"
    } else if (audiences.is_empty() && !is_entra(settings))
        || audiences.iter().any(String::is_empty)
    {
        "must name whom tokens are for, such as api://my-app, or our client id for ID tokens"
    } else {
        return Ok(());
    };
    Err(Wrong("validation.allowedAudiences", problem))
}

/// Whether it is Entra ID. Azure's own section says whom its tokens are for, and with nobody named our
/// client id is enough.
pub(super) const fn is_entra(settings: &OpenIdConnect) -> bool {
    matches!(settings.source, IssuerSource::Entra(_))
}

/// The cookie of a pending login can only cross sites if it is `Secure`.
fn check_posting(settings: &OpenIdConnect, origin: &PublicOrigin) -> Result<(), Wrong> {
    let posted = settings.response_type.mode(settings.response_mode) == ResponseMode::FormPost;
    let elsewhere = !settings.source.is_on_loopback();
    if posted && elsewhere && !origin.is_https() {
        let problem = "the provider posts its answer from its own site, which no browser sends the \
                       login's cookie with on http; use an https origin, or have the answer come in \
                       the query (responseType code, responseMode query)";
        return Err(Wrong("responseType", problem));
    }
    Ok(())
}
