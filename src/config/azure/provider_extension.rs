//! `easyauth.providers.<name>`: what Azure cannot say of a provider.

use super::identity_providers::plain;
use super::section::Section;
use super::validation::Validation;
use crate::config::ConfigError;
use crate::config::env::Environment;
use crate::oauth::authorization::ResponseType;
use crate::provider::{Endpoint, OAuth2, PrivateKey, ResponseMode};
use crate::secret::Secret;

/// What Azure cannot say of the provider called `name`.
#[derive(Debug, Default)]
pub(super) struct ProviderExtension<'a> {
    pub(super) name: &'a str,
    /// Its own place in the file.
    pub(super) path: String,
    /// The members that are there.
    given: Vec<&'a str>,
    pub(super) protocol: Option<Spoken>,
    pub(super) issuer: Option<&'a str>,
    pub(super) endpoints: Vec<(Endpoint, &'a str)>,
    /// The addresses that all others of a provider follow from: of its pages, and of its API.
    pub(super) bases: (Option<&'a str>, Option<&'a str>),
    pub(super) public_client: bool,
    pub(super) response_mode: Option<ResponseMode>,
    pub(super) response_type: Option<ResponseType>,
    pub(super) signed_userinfo: bool,
    pub(super) allowed_tenants: Option<Vec<&'a str>>,
    pub(super) resolve_groups: bool,
    pub(super) groups_endpoint: Option<&'a str>,
    private_key_setting: Option<&'a str>,
    pub(super) key_id: Option<&'a str>,
    pub(super) team_id: Option<&'a str>,
    pub(super) validation: Validation,
    /// The whole of a provider that Azure's schema has no place for.
    pub(super) own: Option<OAuth2>,
    /// Whether that is switched off.
    pub(super) off: bool,
}

/// What is spoken with a provider that can be spoken with in more than one way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spoken {
    OAuth1,
    OAuth2,
}

impl<'a> ProviderExtension<'a> {
    pub(super) fn read(
        name: &'a str,
        section: &mut Section<'a>,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        if section.truth("enabled")? == Some(false) {
            let path = section.path().to_owned();
            section.ignore_rest();
            return Ok(Self { name, path, off: true, ..Self::default() });
        }
        let mut extension = Self::read_members(name, section)?;
        extension.own = plain::read(section, &extension, environment)?;
        Ok(extension)
    }

    fn read_members(name: &'a str, section: &mut Section<'a>) -> Result<Self, ConfigError> {
        let protocols = [("oauth1", Spoken::OAuth1), ("oauth2", Spoken::OAuth2)];
        let modes = [("query", ResponseMode::Query), ("form_post", ResponseMode::FormPost)];
        let types = [("code", ResponseType::Code), ("code id_token", ResponseType::CodeIdToken)];
        let mut given = section.names();
        let (endpoints, bases) = section.section("endpoints", read_endpoints)?;
        // Providers that have the one may not have the other.
        let addresses = [
            ("endpoints", !endpoints.is_empty()),
            ("endpoints.web", bases.0.is_some()),
            ("endpoints.api", bases.1.is_some()),
        ];
        given.retain(|name| *name != "endpoints");
        given.extend(addresses.iter().filter(|(_, set)| *set).map(|(name, _)| *name));
        Ok(Self {
            name,
            path: section.path().to_owned(),
            given,
            protocol: section.choice("protocol", &protocols)?,
            issuer: section.text("issuer")?,
            endpoints,
            bases,
            public_client: section.truth("publicClient")?.unwrap_or(false),
            response_mode: section.choice("responseMode", &modes)?,
            response_type: section.choice("responseType", &types)?,
            signed_userinfo: section.truth("signedUserinfo")?.unwrap_or(false),
            allowed_tenants: section.texts("allowedTenants")?,
            resolve_groups: section.truth("resolveGroups")?.unwrap_or(false),
            groups_endpoint: section.text("groupsEndpoint")?,
            private_key_setting: section.text(PRIVATE_KEY)?,
            key_id: section.text("keyId")?,
            team_id: section.text("teamId")?,
            validation: section.section("validation", Validation::read)?,
            own: None,
            off: false,
        })
    }

    /// Refuses members that mean nothing for the provider.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        match self.given.iter().find(|name| !known.contains(name)) {
            Some(foreign) => {
                let problem =
                    format!("is not for this provider; known here are {}", known.join(", "));
                Err(ConfigError::new(format!("{}.{foreign}", self.path), problem))
            }
            None => Ok(()),
        }
    }

    /// Refuses `members` without the one that they belong to.
    pub(super) fn needs(&self, main: &str, members: &[&str]) -> Result<(), ConfigError> {
        match self.given.iter().find(|name| members.contains(name)) {
            Some(stray) => {
                let problem = format!("means nothing without {main}; set that, too");
                Err(ConfigError::new(format!("{}.{stray}", self.path), problem))
            }
            None => Ok(()),
        }
    }

    /// The private key in the variable that is named, under its name at the provider.
    pub(super) fn private_key(
        &self,
        environment: Environment<'_>,
    ) -> Result<Option<PrivateKey>, ConfigError> {
        let Some(variable) = self.private_key_setting else { return Ok(None) };
        let setting = format!("{}.{PRIVATE_KEY}", self.path);
        let pem = environment.named_secret(&setting, variable)?;
        // Some set-ups keep a variable to one line.
        let pem = Secret::new(pem.expose().replace("\\n", "\n"));
        let key = PrivateKey::from_pem(pem.expose())
            .map_err(|error| ConfigError::new(setting, error.to_string()))?;
        Ok(Some(match self.key_id {
            Some(id) => key.key_id(id),
            None => key,
        }))
    }
}

type Addresses<'a> = (Vec<(Endpoint, &'a str)>, (Option<&'a str>, Option<&'a str>));

fn read_endpoints<'a>(section: &mut Section<'a>) -> Result<Addresses<'a>, ConfigError> {
    let mut endpoints = Vec::new();
    let mut add = |endpoint, url: Option<&'a str>| endpoints.extend(url.map(|url| (endpoint, url)));
    add(Endpoint::Authorization, section.text("authorization")?);
    add(Endpoint::Token, section.text("token")?);
    add(Endpoint::UserInfo, section.text("userInfo")?);
    add(Endpoint::Jwks, section.text("jwks")?);
    add(Endpoint::RequestToken, section.text("requestToken")?);
    Ok((endpoints, (section.text("web")?, section.text("api")?)))
}

const PRIVATE_KEY: &str = "privateKeySettingName";
