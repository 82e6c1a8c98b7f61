use super::*;
use crate::oauth::json::object;
use crate::principal::{ProviderId, Subject};

const V1: &[u8] = include_bytes!("../../../tests/data/aad/id-token-v1.json");
const V2: &[u8] = include_bytes!("../../../tests/data/aad/id-token-v2.json");
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

#[test]
fn claims_of_both_versions_keep_their_order_under_the_originals_names() {
    let identity = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
    let microsoft = "http://schemas.microsoft.com";
    let (id, name, typ, claims) = user(&provider(), V1);

    assert_eq!(id, "05833b6b-aa1d-42d4-9ec0-1b2bb9194438");
    assert_eq!((name.as_str(), typ), ("abeli@microsoft.com", format!("{identity}/emailaddress")));
    let types: Vec<&str> = claims.iter().filter_map(|c| c.split('=').next()).collect();
    assert_eq!(
        types,
        [
            "aud",
            "iss",
            "iat",
            "nbf",
            "exp",
            "aio",
            &format!("{microsoft}/claims/authnmethodsreferences"),
            &format!("{identity}/emailaddress"),
            &format!("{identity}/surname"),
            &format!("{identity}/givenname"),
            &format!("{microsoft}/identity/claims/identityprovider"),
            "ipaddr",
            "name",
            "nonce",
            &format!("{microsoft}/identity/claims/objectidentifier"),
            "rh",
            &format!("{identity}/nameidentifier"),
            &format!("{microsoft}/identity/claims/tenantid"),
            &format!("{identity}/name"),
            "uti",
            "ver",
        ]
    );
    let (id, name, typ, claims) = user(&provider(), V2);
    assert_eq!(id, "00000000-0000-0000-66f3-3332eca7ea81");
    assert_eq!((name.as_str(), typ.as_str()), ("AbeLi@microsoft.com", "preferred_username"));
    assert_eq!(claims[0], "ver=2.0");
    assert_eq!(claims.len(), 13);
}

#[test]
fn a_guests_name_has_no_prefix_and_the_claim_keeps_it() {
    let guest = br#"{"sub":"s","oid":"o","unique_name":"live.com#abe@outlook.com"}"#;
    let (id, name, typ, claims) = user(&provider(), guest);

    assert_eq!((id.as_str(), name.as_str()), ("o", "abe@outlook.com"));
    assert_eq!(claims[2], format!("{typ}=live.com#abe@outlook.com"));
}

#[test]
fn nobody_is_known_by_a_subject_that_all_users_share() {
    let shared = "Not supported currently. Use oid claim.";
    let subject = |claims: String| provider().subject(&object(claims.as_bytes()).unwrap());

    let known = subject(format!(r#"{{"sub":"{shared}","oid":"o"}}"#));
    assert_eq!(known, Some(Subject::new("o")));
    assert_eq!(subject(format!(r#"{{"sub":"{shared}"}}"#)), None);
    assert_eq!(subject(r#"{"sub":"s"}"#.to_owned()), Some(Subject::new("s")));
}

#[test]
fn a_user_with_too_many_groups_is_marked() {
    let overage = include_bytes!("../../../tests/data/aad/group-overage.json");
    let (.., claims) = user(&provider(), overage);
    let marks = |claims: &[String]| claims.iter().filter(|c| *c == "hasgroups=true").count();

    assert_eq!(marks(&claims), 1);
    let marked = br#"{"sub":"s","hasgroups":true}"#;
    assert_eq!(marks(&user(&provider(), marked).3), 1);
    assert_eq!(marks(&user(&provider(), V1).3), 0);
}

#[test]
fn roles_have_the_name_that_frameworks_look_for_where_that_is_wanted() {
    let modern = EntraId::new(ISSUER, "id", "secret").claim_names(ClaimNames::Modern).0;
    let roles = br#"{"sub":"s","roles":["admin"]}"#;

    assert_eq!(user(&provider(), roles).3[1], "roles=admin");
    let role = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role=admin";
    assert_eq!(user(&modern, roles).3[1], role);
}
