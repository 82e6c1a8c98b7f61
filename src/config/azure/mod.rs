//! Azure's own configuration: `auth.json`, or the authsettingsV2 JSON that Azure's tools export.
//!
//! One file a top-level key. Every object is read through a [`Section`], so that a member which
//! nobody asked for is an error.

mod document;
mod extensions;
mod global_validation;
mod http_settings;
mod identity_providers;
mod login;
mod provider_extension;
mod section;
mod spelling;
#[cfg(test)]
mod tests;
mod token_store;
mod validation;

use self::section::Section;
use super::env::{self, Environment};
use super::{ConfigBuilder, ConfigError};
use crate::oauth::json::Object;

impl ConfigBuilder {
    /// Reads Azure's `auth.json`, or authsettingsV2 JSON, with the environment of this process.
    ///
    /// What is set in code afterwards counts before the file, and the file before the environment.
    ///
    /// ```
    /// use easyauth::ConfigBuilder;
    ///
    /// # fn main() -> Result<(), easyauth::ConfigError> {
    /// let json = r#"{
    ///     "globalValidation": {"excludedPaths": ["/public/*", "/health"]},
    ///     "easyauth": {"publicOrigin": "https://app.example"}
    /// }"#;
    /// let config = ConfigBuilder::from_auth_json(json)?.max_sessions_per_user(10).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    #[doc = include_str!("settings.md")]
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the text is not JSON, a setting is unknown, has the wrong type or is not
    /// in this version, settings contradict each other, or a secret that is named is not set. What
    /// can be judged of a value only together with others is checked by [`build`](Self::build).
    pub fn from_auth_json(json: &str) -> Result<Self, ConfigError> {
        Self::from_auth_json_in(json, |name| std::env::var(name).ok())
    }

    /// Reads what [`from_auth_json`](Self::from_auth_json) does, with another environment.
    ///
    /// `environment` is asked for variables by name, and may be a vault or a map in a test.
    ///
    /// # Errors
    ///
    /// As [`from_auth_json`](Self::from_auth_json).
    pub fn from_auth_json_in(
        json: &str,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let document = document::read(json)?;
        let environment = Environment::new(&environment);
        let mut builder = Self::default();
        Section::read(String::new(), Some(&document), |root| {
            read_root(root, environment, &mut builder)
        })?;
        Ok(builder)
    }
}

/// The tree itself, or a resource as Azure's resource manager exports it.
fn read_root<'a>(
    root: &mut Section<'a>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let Some(tree) = root.object("properties")? else {
        return read_tree(root, None, environment, builder);
    };
    for name in ["id", "name", "type", "kind", "location", "tags", "systemData"] {
        root.take(name);
    }
    let beside = root.object(OURS)?;
    // Settings are called by the same names in both forms.
    Section::read(String::new(), Some(tree), |tree| read_tree(tree, beside, environment, builder))
}

fn read_tree<'a>(
    tree: &mut Section<'a>,
    ours: Option<&'a Object>,
    environment: Environment<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let inside = tree.object(OURS)?;
    if ours.is_some() && inside.is_some() {
        return Err(tree.error(OURS, "stands in properties and beside them; leave one out"));
    }
    let extensions = Section::read(OURS.to_owned(), ours.or(inside), |section| {
        extensions::read(section, environment, builder)
    })?;
    tree.section("platform", |section| read_platform(section, builder))?;
    tree.section("globalValidation", |section| global_validation::read(section, builder))?;
    tree.section("identityProviders", |section| {
        identity_providers::read(section, &extensions, environment, builder)
    })?;
    tree.section("login", |section| login::read(section, extensions.kind, environment, builder))?;
    tree.section("httpSettings", |section| http_settings::read(section, builder))?;
    // Azure's own notes on how it migrated an older configuration; they decide nothing.
    tree.object("legacyProperties")?;
    Ok(())
}

fn read_platform(
    platform: &mut Section<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    if let Some(enabled) = platform.truth("enabled")? {
        builder.enabled = enabled;
    }
    platform.text("runtimeVersion")?;
    platform.text("configFilePath")?;
    Ok(())
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

/// The key under which settings stand that Azure's schema lacks.
const OURS: &str = "easyauth";
