//! The text of the file.

use serde::de::IgnoredAny;

use crate::config::ConfigError;
use crate::oauth::json::{self, JsonError, Object};

/// Reads the file, strictly: what two readers could take for two different configurations is
/// refused. A byte order mark, which editors on Windows write, is skipped.
pub(super) fn read(text: &str) -> Result<Object, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    json::object(text.as_bytes()).map_err(|error| match error {
        JsonError::Malformed => ConfigError::new(FILE, malformed(text)),
        error => ConfigError::new(FILE, error.to_string()),
    })
}

fn malformed(text: &str) -> String {
    let place = match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => format!(" in line {}, column {}", error.line(), error.column()),
        Ok(_) => String::new(),
    };
    format!("is not JSON{place}; comments and commas before a closing bracket are not JSON either")
}

const FILE: &str = "auth.json";
