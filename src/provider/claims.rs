//! From a provider's claims to Easy Auth's.

use crate::oauth::json::{Object, Value};
use crate::principal::Claim;

/// What a document states, in its order and under Easy Auth's names.
pub(super) fn map(document: &Object) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (name, value) in document.iter() {
        push(&mut claims, typ(name), value);
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
/// `JwtSecurityTokenHandler` map, without `roles`. Others keep their names.
pub(super) fn typ(name: &str) -> &str {
    NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}

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
        let mapped = map(&id_token);
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
}
