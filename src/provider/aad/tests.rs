use super::*;
use crate::oauth::json::object;
use crate::principal::{ProviderId, Subject};

const V1: &[u8] = include_bytes!("../../../tests/data/providers/entra-id-token-v1.json");
const V2: &[u8] = include_bytes!("../../../tests/data/providers/entra-id-token-v2.json");
const ISSUER: &str = "https://login.microsoftonline.com/common/v2.0";

fn provider() -> OpenIdConnect {
    EntraId::new(ISSUER, "id", "secret").0
}

/// Id, name, the name's type, and the claims of a user.
fn user(provider: &OpenIdConnect, id_token: &[u8]) -> (String, String, String, Vec<String>) {
    let id_token = object(id_token).unwrap();
    let id = ProviderId::parse("aad").unwrap();
    let subject = provider.subject(&id_token).unwrap();
    let identity = provider.identity(&id, &subject, &id_token, &[]).identity;
    let claims = identity.claims.iter().map(|claim| format!("{}={}", claim.typ, claim.val));
    (identity.user_id.clone(), identity.name.clone(), identity.name_typ.clone(), claims.collect())
}
