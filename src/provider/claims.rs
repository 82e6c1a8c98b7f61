//! From a provider's claims to Easy Auth's.

use crate::oauth::json::{Object, Value};
use crate::principal::Claim;

/// Which names claims get.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClaimNames {
    /// The original's: `roles` keeps its name.
    #[default]
    Legacy,
    /// The original's with `WEBSITE_AUTH_USE_LEGACY_CLAIMS=false`: `role` and `roles` are
    /// `http://schemas.microsoft.com/ws/2008/06/identity/claims/role`, the type that `role_typ` of
    /// `X-MS-CLIENT-PRINCIPAL` names, so that frameworks find them.
    Modern,
}

/// What a document states, in its order and under Easy Auth's names.
pub(super) fn map(document: &Object, names: ClaimNames) -> Vec<Claim> {
    map_as(document, |name| typ(name, names).to_owned())
}

/// What a document states, in its order and under the names that `typ` makes of its own.
pub(super) fn map_as(document: &Object, typ: impl Fn(&str) -> String) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (name, value) in document.iter() {
        push(&mut claims, &typ(name), value);
    }
    claims
}

/// What a document states under `name`, as `typ`; nothing if it does not.
pub(super) fn one(document: &Object, name: &str, typ: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    if let Some(value) = document.get(name) {
        push(&mut claims, typ, value);
    }
    claims
}

/// A claim of several values is several claims; what is neither text, number nor truth is JSON.
fn push(claims: &mut Vec<Claim>, typ: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(values) => values.iter().for_each(|value| push_one(claims, typ, value)),
        value => push_one(claims, typ, value),
    }
}

fn push_one(claims: &mut Vec<Claim>, typ: &str, value: &Value) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    claims.push(Claim::new(typ, text));
}

/// The name under which Easy Auth hands out the claim that the provider calls `name`: .NET's
/// `JwtSecurityTokenHandler` map, of [`ClaimNames::Legacy`] without `roles`. Others keep their names.
pub(super) fn typ(name: &str, names: ClaimNames) -> &str {
    match names {
        ClaimNames::Modern if matches!(name, "role" | "roles") => ROLE,
        _ => NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long),
    }
}

const ROLE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

const NAMES: [(&str, &str); 16] = [
    ("acr", "http://schemas.microsoft.com/claims/authnclassreference"),
    ("amr", "http://schemas.microsoft.com/claims/authnmethodsreferences"),
    ("email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"),
    ("family_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"),
    ("gender", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/gender"),
    ("given_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"),
    ("idp", "http://schemas.microsoft.com/identity/claims/identityprovider"),
    ("oid", "http://schemas.microsoft.com/identity/claims/objectidentifier"),
    ("scp", "http://schemas.microsoft.com/identity/claims/scope"),
    ("sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"),
    ("tid", "http://schemas.microsoft.com/identity/claims/tenantid"),
    ("unique_name", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"),
    ("upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"),
    ("webpage", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/webpage"),
    ("website", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/webpage"),
    (
        "winaccountname",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/windowsaccountname",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;

    #[test]
    fn claims_keep_their_order_and_get_easy_auths_names() {
        let id_token = object(
            br#"{"iss":"https://op","sub":"1","email_verified":true,"exp":2,"groups":["a","b"],
                 "address":{"country":"NZ"},"nothing":null,"email":"a@b","none":[]}"#,
        )
        .unwrap();
        let mapped = map(&id_token, ClaimNames::Legacy);
        let lines: Vec<_> = mapped.iter().map(|c| format!("{}={}", c.typ, c.val)).collect();

        let identity = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
        assert_eq!(
            lines,
            [
                "iss=https://op".to_owned(),
                format!("{identity}/nameidentifier=1"),
                "email_verified=true".to_owned(),
                "exp=2".to_owned(),
                "groups=a".to_owned(),
                "groups=b".to_owned(),
                r#"address={"country":"NZ"}"#.to_owned(),
                format!("{identity}/emailaddress=a@b"),
            ]
        );
    }

    #[test]
    fn the_modern_names_differ_in_roles() {
        let id_token =
            object(br#"{"roles":["admin","reader"],"groups":["g"],"email":"a"}"#).unwrap();
        let types = |names: ClaimNames| {
            map(&id_token, names).into_iter().map(|claim| claim.typ).collect::<Vec<_>>()
        };

        assert_eq!(types(ClaimNames::Legacy)[..3], ["roles", "roles", "groups"]);
        assert_eq!(types(ClaimNames::Modern)[..3], [ROLE, ROLE, "groups"]);
        assert_eq!(types(ClaimNames::Legacy)[3], types(ClaimNames::Modern)[3]);
    }
}
