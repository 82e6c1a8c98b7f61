//! `globalValidation`: what happens to requests that nobody has signed in for.

use super::owned;
use super::section::Section;
use crate::config::{ConfigBuilder, ConfigError, Unauthenticated};

pub(super) fn read(
    section: &mut Section<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    let required = section.truth("requireAuthentication")?;
    let action = section.enumeration("unauthenticatedClientAction", &ACTIONS, &NUMBERED)?;
    builder.unauthenticated = match (required, action) {
        (Some(true), Some(Unauthenticated::Allow)) => {
            let problem = "AllowAnonymous contradicts requireAuthentication: true; change one";
            return Err(section.error("unauthenticatedClientAction", problem));
        }
        (Some(false), _) => Some(Unauthenticated::Allow),
        (Some(true), None) => Some(Unauthenticated::RedirectToLogin),
        (_, action) => action,
    };
    if let Some(provider) = section.text("redirectToProvider")? {
        // Azure's name for it here, where its route has a shorter one.
        let entra = provider.eq_ignore_ascii_case("azureActiveDirectory");
        builder.redirect_to = Some(if entra { "aad" } else { provider }.to_owned());
    }
    if let Some(paths) = section.texts("excludedPaths")? {
        builder.excluded_paths = owned(paths);
    }
    Ok(())
}

/// Azure's resource manager, its documentation and its runtime disagree on the spelling.
const ACTIONS: [(&str, Unauthenticated); 8] = [
    ("RedirectToLoginPage", Unauthenticated::RedirectToLogin),
    ("AllowAnonymous", Unauthenticated::Allow),
    ("Return401", Unauthenticated::Reject401),
    ("Return403", Unauthenticated::Reject403),
    ("Return404", Unauthenticated::Reject404),
    ("RejectWith401", Unauthenticated::Reject401),
    ("RejectWith403", Unauthenticated::Reject403),
    ("RejectWith404", Unauthenticated::Reject404),
];
const NUMBERED: [Unauthenticated; 5] = [
    Unauthenticated::RedirectToLogin,
    Unauthenticated::Allow,
    Unauthenticated::Reject401,
    Unauthenticated::Reject403,
    Unauthenticated::Reject404,
];
