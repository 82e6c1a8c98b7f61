//! `validation`: whose bearer tokens are taken, and who may come in.

use super::owned;
use super::section::Section;
use crate::config::ConfigError;
use crate::provider::{AuthorizationPolicy, OpenIdConnect};

/// What a file says of a provider's tokens.
#[derive(Debug, Default)]
pub(super) struct Validation {
    pub(super) audiences: Option<Vec<String>>,
    pub(super) policy: AuthorizationPolicy,
}

impl Validation {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let audiences = section.texts("allowedAudiences")?.map(owned);
        let policy = section.section("defaultAuthorizationPolicy", read_policy)?;
        Ok(Self { audiences, policy })
    }

    /// Reads Entra ID's, of which Azure's file says more.
    pub(super) fn read_entra(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let Self { audiences, policy } = Self::read(section)?;
        let checks = section.section("jwtClaimChecks", read_claim_checks)?;
        Ok(Self { audiences, policy: policy.and(checks) })
    }

    pub(super) fn apply(&self, mut provider: OpenIdConnect) -> OpenIdConnect {
        provider.bearer_audiences.clone_from(&self.audiences);
        provider.authorization_policy(self.policy.clone())
    }
}

fn read_policy(section: &mut Section<'_>) -> Result<AuthorizationPolicy, ConfigError> {
    let applications = section.texts("allowedApplications")?.unwrap_or_default();
    let (identities, groups) = section.section("allowedPrincipals", |principals| {
        let identities = principals.texts("identities")?.unwrap_or_default();
        Ok((owned(identities), owned(principals.texts("groups")?.unwrap_or_default())))
    })?;
    Ok(AuthorizationPolicy::new()
        .allowed_applications(applications)
        .allowed_identities(identities)
        .allowed_groups(groups))
}

/// What came before the policy: lists that a token has to meet each.
fn read_claim_checks(section: &mut Section<'_>) -> Result<AuthorizationPolicy, ConfigError> {
    let applications = section.texts("allowedClientApplications")?.unwrap_or_default();
    let groups = section.texts("allowedGroups")?.unwrap_or_default();
    Ok(AuthorizationPolicy::new().allowed_applications(applications).allowed_groups(groups))
}
