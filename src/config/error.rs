//! What is wrong with a configuration, and what would mend it.

use std::error::Error;
use std::fmt;

/// A setting that cannot stand, by name, with the remedy. Never contains a secret.
#[derive(Debug)]
pub struct ConfigError {
    setting: String,
    problem: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ConfigError {
    /// The setting called `setting` is wrong: `problem` says how, and what to do.
    pub(crate) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into(), source: None }
    }

    pub(crate) fn because(
        setting: impl Into<String>,
        problem: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(setting, problem) }
    }

    /// The name of the setting, as Azure's configuration spells it.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn Error + 'static) = source.as_ref();
            source
        })
    }
}
