//! `httpSettings`: how requests reach us.

use super::section::Section;
use crate::config::{ConfigBuilder, ConfigError};

pub(super) fn read(
    section: &mut Section<'_>,
    builder: &mut ConfigBuilder,
) -> Result<(), ConfigError> {
    if let Some(required) = section.truth("requireHttps")? {
        builder.require_https = required;
    }
    section.section("routes", |routes| {
        if let Some(prefix) = routes.text("apiPrefix")? {
            builder.api_prefix = Some(prefix.to_owned());
        }
        Ok(())
    })?;
    section.section("forwardProxy", read_forward_proxy)
}

/// The names of headers are of no effect without a convention that reads them.
fn read_forward_proxy(proxy: &mut Section<'_>) -> Result<(), ConfigError> {
    proxy.text("customHostHeaderName")?;
    proxy.text("customProtoHeaderName")?;
    let convention = [("NoProxy", true), ("Standard", false), ("Custom", false)];
    match proxy.enumeration("convention", &convention, &[true, false, false])? {
        Some(false) => {
            let problem = "only NoProxy is in this version; set easyauth.publicOrigin instead, \
                           from which everything follows that headers would tell";
            Err(proxy.error("convention", problem))
        }
        _ => Ok(()),
    }
}
