//! `GET /.well-known/oauth-protected-resource`: where clients get a token for us
//! ([RFC 9728]). It is there for every path, since a client may know us by any.
//!
//! [RFC 9728]: https://www.rfc-editor.org/rfc/rfc9728

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{refuse, reply};
use crate::error::Error;
use crate::path;
use crate::relying_party::RelyingParty;

pub(super) async fn answer(
    relying_party: &RelyingParty,
    resource: &str,
    parts: &Parts,
) -> Response<Bytes> {
    let document = match document(relying_party, resource).await {
        Ok(document) => document,
        Err(error) => return refuse::fail(relying_party, parts, &error),
    };
    let mut response = reply::json(StatusCode::OK, document);
    // It says the same to everybody, and clients in browsers are of other origins.
    let anybody = HeaderValue::from_static("*");
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    response
}

async fn document(relying_party: &RelyingParty, resource: &str) -> Result<Vec<u8>, Error> {
    let settings = relying_party.settings();
    let metadata = Metadata {
        resource: format!("{}{resource}", settings.origin),
        authorization_servers: relying_party.bearer_issuers().await?,
        scopes_supported: settings.resource_scopes.as_deref().unwrap_or_default(),
        bearer_methods_supported: ["header"],
    };
    // Writing strings into a vector cannot fail.
    Ok(serde_json::to_vec(&metadata).unwrap_or_default())
}

/// The document (RFC 9728 §2).
#[derive(Serialize)]
struct Metadata<'a> {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

/// The path of the resource whose metadata is at `path`, empty for the whole site; `None` if
/// nothing of ours is there.
pub(super) fn resource_of<'a>(relying_party: &RelyingParty, path: &'a str) -> Option<&'a str> {
    relying_party.settings().resource_scopes.as_ref()?;
    let resource = path.strip_prefix(WELL_KNOWN)?;
    (resource.is_empty() || path::is_canonical(resource)).then_some(resource)
}

/// Where the metadata of the resource at `path` are. A path that can be read in two ways is passed
/// over: they are those of the whole site then.
pub(super) fn address(relying_party: &RelyingParty, path: &str) -> String {
    let resource = if path != "/" && path::is_canonical(path) { path } else { "" };
    format!("{}{WELL_KNOWN}{resource}", relying_party.settings().origin)
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
