//! The checks that every configuration passes.

use std::time::Duration;

use super::paths::PathPatterns;
use super::{
    ConfigBuilder, ConfigError, Keys, SessionLifetime, SessionSettings, Settings, StoreChoice,
    Unauthenticated,
};
use crate::api_prefix::ApiPrefix;
use crate::origin::PublicOrigin;
use crate::principal::ProviderId;
use crate::provider::{IssuerSource, OpenIdConnect, max_age};
use crate::return_to::Destinations;
use crate::seal::{Key, MAX_APP_ID};
use crate::store::Scope;

/// Checks everything, without IO.
pub(super) fn check(builder: ConfigBuilder) -> Result<Settings, ConfigError> {
    builder.check_keys()?;
    builder.check_limits()?;
    let origin = builder.origin()?;
    let api_prefix = match &builder.api_prefix {
        Some(prefix) => ApiPrefix::parse(prefix).map_err(|error| {
            ConfigError::new("httpSettings.routes.apiPrefix", error.to_string())
        })?,
        None => ApiPrefix::default(),
    };
    let destinations =
        Destinations::new(origin.clone(), api_prefix.clone(), &builder.external_urls).map_err(
            |error| ConfigError::new("login.allowedExternalRedirectUrls", error.to_string()),
        )?;
    let excluded = PathPatterns::parse(&builder.excluded_paths)
        .map_err(|error| ConfigError::new("globalValidation.excludedPaths", error.to_string()))?;
    let logout_path = builder.logout_path.map(check_logout_path).transpose()?;
    let providers = check_providers(builder.providers)?;
    let unauthenticated = builder.unauthenticated.unwrap_or(if providers.is_empty() {
        Unauthenticated::Allow
    } else {
        Unauthenticated::RedirectToLogin
    });
    check_resource(builder.resource_scopes.as_deref(), &providers)?;
    let redirect_to = check_redirect(builder.redirect_to, &providers, unauthenticated)?;
    Ok(Settings {
        enabled: builder.enabled,
        origin,
        api_prefix,
        logout_path,
        destinations,
        providers,
        redirect_to,
        unauthenticated,
        excluded,
        require_https: builder.require_https,
        resource_scopes: builder.resource_scopes,
        token_store: builder.token_store,
        state_directory: builder.state_directory,
        keys: builder.keys,
        app_id: builder.app_id,
        session: builder.session,
        login_timeout: builder.login_timeout,
        validate_nonce: builder.validate_nonce,
        http_client: builder.http_client,
        clock: builder.clock,
    })
}

impl ConfigBuilder {
    fn origin(&self) -> Result<PublicOrigin, ConfigError> {
        const SETTING: &str = "easyauth.publicOrigin";
        let Some(origin) = &self.public_origin else {
            let problem = "the address that browsers use is not set; set it to something like \
                           https://app.example, or set WEBSITE_HOSTNAME";
            return Err(ConfigError::new(SETTING, problem));
        };
        PublicOrigin::parse(origin).map_err(|error| ConfigError::new(SETTING, error.to_string()))
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        let Keys { encryption, signing, user_id } = &self.keys;
        let lists = [("encryptionSettingNames", encryption), ("signingSettingNames", signing)];
        for (name, keys) in lists {
            if keys.len() > MAX_KEYS {
                let problem = format!("there are more than {MAX_KEYS} keys; take retired ones off");
                return Err(ConfigError::new(format!("easyauth.keys.{name}"), problem));
            }
        }
        let all: Vec<&Key> = encryption.iter().chain(signing).chain(user_id).collect();
        let equal = |(index, key): (usize, &&Key)| all.iter().skip(index + 1).any(|k| k.is(key));
        if all.iter().enumerate().any(equal) {
            let problem = "two of the keys are the same; make each with `openssl rand -hex 32`";
            return Err(ConfigError::new("easyauth.keys", problem));
        }
        let configured = !encryption.is_empty() && !signing.is_empty() && user_id.is_some();
        if let StoreChoice::Given(store) = &self.token_store
            && store.scope() == Scope::Shared
            && !configured
        {
            let problem = "a token store that several machines share needs configured keys: set \
                           WEBSITE_AUTH_ENCRYPTION_KEY, WEBSITE_AUTH_SIGNING_KEY and the user id \
                           key to the same values on each";
            return Err(ConfigError::new("easyauth.keys", problem));
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let SessionSettings { lifetime, absolute, window, most_per_user, .. } = self.session;
        let SessionSettings { revalidate, cache_capacity, .. } = self.session;
        let fixed = if let SessionLifetime::Fixed(fixed) = lifetime { fixed } else { absolute };
        for (setting, value, most) in [
            ("login.cookieExpiration.timeToExpiration", fixed, MAX_LIFETIME),
            ("easyauth.session.absoluteLifetime", absolute, MAX_LIFETIME),
            ("login.nonce.nonceExpirationInterval", self.login_timeout, MAX_LOGIN),
        ] {
            if value < Duration::from_secs(1) || value > most {
                let problem = format!("must be from 1 second to {} days", most.as_secs() / 86_400);
                return Err(ConfigError::new(setting, problem));
            }
        }
        if window > MAX_LIFETIME {
            let problem = format!("must be at most {} hours", MAX_LIFETIME.as_secs() / 3_600);
            return Err(ConfigError::new("login.tokenStore.tokenRefreshExtensionHours", problem));
        }
        if most_per_user == 0 {
            let problem = "must be at least 1: a user needs a session to be signed in";
            return Err(ConfigError::new("easyauth.session.maxPerUser", problem));
        }
        if revalidate > MAX_REVALIDATE {
            let problem =
                "must be at most 3600: so long may a session live that has ended elsewhere";
            return Err(ConfigError::new("easyauth.tokenStore.revalidateSeconds", problem));
        }
        if cache_capacity < MIN_CACHE {
            let problem = "must be at least 1: what is not remembered is loaded on every request";
            return Err(ConfigError::new("easyauth.tokenStore.cacheMebibytes", problem));
        }
        if self.app_id.len() > MAX_APP_ID {
            let problem = format!("must have at most {MAX_APP_ID} bytes");
            return Err(ConfigError::new("easyauth.appId", problem));
        }
        Ok(())
    }
}

fn check_providers(
    providers: Vec<OpenIdConnect>,
) -> Result<Vec<(ProviderId, OpenIdConnect)>, ConfigError> {
    let mut checked: Vec<(ProviderId, OpenIdConnect)> = Vec::with_capacity(providers.len());
    for provider in providers {
        let id = check_provider(&provider)?;
        if let Some((other, _)) = checked.iter().find(|(other, _)| other.is_named(id.as_str())) {
            let problem = format!(
                "{other} and {id} are one name, whose case does not count in addresses; choose \
                 another for one of them"
            );
            return Err(ConfigError::new(setting_of(&provider.name), problem));
        }
        checked.push((id, provider));
    }
    Ok(checked)
}

fn check_provider(provider: &OpenIdConnect) -> Result<ProviderId, ConfigError> {
    let setting = setting_of(&provider.name);
    let fail =
        |member: &str, problem: &str| Err(ConfigError::new(format!("{setting}.{member}"), problem));
    let id = check_name(&provider.name)?;
    if provider.client_id.is_empty() {
        return fail(
            "registration.clientId",
            "is empty; set it to the id that the provider gave you",
        );
    }
    if provider.client_secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        return fail("registration.clientCredential", "the secret is empty; set it");
    }
    if provider.id_token_secret().is_err() {
        return fail(
            "registration.clientCredential",
            "ID tokens are signed with the client secret, and it is missing or too weak for that; \
             have the provider make one of at least 32 random bytes",
        );
    }
    check_bearer(provider)?;
    if max_age(&provider.login_parameters) == Some(None) {
        return fail("login.loginParameterNames", "max_age must be a number of seconds");
    }
    if provider.source.candidates().is_err() {
        let (member, problem) = match provider.source {
            IssuerSource::Issuer(_) => (
                "issuer",
                "must be an https address (or http on loopback), written as the provider writes it",
            ),
            IssuerSource::MetadataUrl(_) => (
                "wellKnownOpenIdConfiguration",
                "must be an https address (or http on loopback) that ends in \
                 /.well-known/openid-configuration",
            ),
        };
        return fail(&format!("registration.openIdConnectConfiguration.{member}"), problem);
    }
    Ok(id)
}

fn check_bearer(provider: &OpenIdConnect) -> Result<(), ConfigError> {
    let Some(audiences) = &provider.bearer_audiences else { return Ok(()) };
    let problem = if provider.id_tokens_signed_with_secret {
        "bearer tokens need a provider that signs with published keys, and this one signs with the \
         client secret; leave it out"
    } else if audiences.is_empty() || audiences.iter().any(String::is_empty) {
        "must name whom tokens are for, such as api://my-app, or our client id for ID tokens"
    } else {
        return Ok(());
    };
    Err(ConfigError::new(validation_of(&provider.name, "allowedAudiences"), problem))
}

/// Reads the name of a provider.
pub(super) fn check_name(name: &str) -> Result<ProviderId, ConfigError> {
    let Some(id) = ProviderId::parse(name) else {
        let problem = "a provider's name has 1 to 64 letters, digits or _; choose another";
        return Err(ConfigError::new(setting_of(name), problem));
    };
    if FIXED_WORDS.contains(&name.to_ascii_lowercase().as_str()) {
        let problem = "this name is one of our own routes; choose another";
        return Err(ConfigError::new(setting_of(name), problem));
    }
    Ok(id)
}

fn check_redirect(
    named: Option<String>,
    providers: &[(ProviderId, OpenIdConnect)],
    unauthenticated: Unauthenticated,
) -> Result<Option<ProviderId>, ConfigError> {
    const SETTING: &str = "globalValidation.redirectToProvider";
    if let Some(name) = named {
        let found = providers.iter().find(|(id, _)| id.as_str() == name);
        let Some((id, _)) = found else {
            let problem = "names no configured provider; without one nobody could sign in";
            return Err(ConfigError::new(SETTING, problem));
        };
        return Ok(Some(id.clone()));
    }
    match providers {
        [(only, _)] => Ok(Some(only.clone())),
        [] if unauthenticated == Unauthenticated::RedirectToLogin => {
            let problem = "there is no provider to redirect to; configure one";
            Err(ConfigError::new("identityProviders", problem))
        }
        _ => Ok(None),
    }
}

fn check_resource(
    scopes: Option<&[String]>,
    providers: &[(ProviderId, OpenIdConnect)],
) -> Result<(), ConfigError> {
    let Some(scopes) = scopes else { return Ok(()) };
    let fail = |problem: &str| Err(ConfigError::new("easyauth.protectedResource.scopes", problem));
    // RFC 6749 §3.3.
    let is_scope = |scope: &String| {
        let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        !scope.is_empty() && scope.bytes().all(allowed)
    };
    if !scopes.iter().all(is_scope) {
        return fail("each must be one scope, such as api://my-app/read");
    }
    if providers.iter().all(|(_, provider)| provider.bearer_audiences.is_none()) {
        return fail(
            "there is no provider whose tokens could be used; set allowedAudiences of one, or leave \
             it (and WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES) out",
        );
    }
    Ok(())
}

fn check_logout_path(path: String) -> Result<String, ConfigError> {
    if path.starts_with('/') && crate::path::is_canonical(&path) {
        return Ok(path);
    }
    let problem = "must be a plain path such as /signout";
    Err(ConfigError::new("login.routes.logoutEndpoint", problem))
}

fn setting_of(provider: &str) -> String {
    let name: String = provider.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("identityProviders.customOpenIdConnectProviders.{name}")
}

fn validation_of(provider: &str, member: &str) -> String {
    let name: String = provider.chars().filter(|c| !c.is_control()).take(64).collect();
    format!("easyauth.providers.{name}.validation.{member}")
}

const MAX_KEYS: usize = 4;
/// Ten years. Longer ones are mistakes, and the day in a seal must reach back that far.
const MAX_LIFETIME: Duration = Duration::from_secs(3_650 * 86_400);
const MAX_REVALIDATE: Duration = Duration::from_secs(3_600);
const MIN_CACHE: u64 = 1 << 20;
const MAX_LOGIN: Duration = Duration::from_secs(86_400);
/// What follows `/.auth/login/` beside providers' names.
const FIXED_WORDS: [&str; 3] = ["done", "complete", "iframereceiver"];
