//! Who somebody is by what a provider answers to the holder of their access token.

use super::Stated;
use crate::oauth::json::{Object, Value};
use crate::principal::{Claim, Identity, ProviderId, Subject};

/// What a provider's answers say of a user.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The provider's lasting identifier of the user.
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) name_typ: String,
    pub(crate) claims: Vec<Claim>,
}

impl Profile {
    /// The identity that `provider` vouches for by it.
    pub(crate) fn stated(self, provider: &ProviderId) -> Stated {
        let Self { subject, name, name_typ, claims } = self;
        let told_from = claims.len();
        let provider = provider.clone();
        let identity = Identity { provider, user_id: subject, name, name_typ, claims };
        Stated { identity, told_from }
    }
}

/// A lasting identifier: a text as subjects are, or a whole number that is told from its neighbours.
pub(super) fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Subject::parse(text).map(|_| text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// A member that says something in one word: text, number or truth.
pub(super) fn scalar(document: &Object, name: &str) -> Option<String> {
    match document.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}

/// The claims that `types` make of `document`'s members, as far as there are such.
pub(super) fn claims(document: &Object, types: &[(&str, &str)]) -> Vec<Claim> {
    let claim = |(member, typ): &(&str, &str)| Some(Claim::new(*typ, scalar(document, member)?));
    types.iter().filter_map(claim).collect()
}

pub(super) const NAME_IDENTIFIER: &str =
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";
pub(super) const NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
pub(super) const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
pub(super) const WEB_PAGE: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/webpage";
pub(super) const EMAIL_ADDRESS: &str =
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
pub(super) const GIVEN_NAME: &str =
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname";
pub(super) const SURNAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname";
pub(super) const GENDER: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/gender";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Facebook, GitHub, OAuth2, Protocol, Provider, X};
    use crate::oauth::json;

    const NAMES: [&str; 12] = [
        "id",
        "id_str",
        "sub",
        "login",
        "name",
        "data",
        "username",
        "screen_name",
        "email",
        "primary",
        "verified",
        "picture",
    ];

    fn any_json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|truth| truth.to_string()),
            "-?[1-9][0-9]{0,24}(\\.[0-9]{1,3})?",
            "[a-z@.]{0,6}".prop_map(|text| format!("\"{text}\"")),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            let name = prop::sample::select(NAMES.to_vec());
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::btree_map(name, inner, 0..8).prop_map(|members| {
                    let members: Vec<_> =
                        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    #[test]
    fn whom_x_gives_no_name_is_nobody() {
        let provider: Provider = X::oauth2("id", "secret").into();
        let Protocol::OAuth2(settings) = provider.0 else { panic!("not OAuth 2.0") };
        let user = json::value(br#"{"data": {"id": "1", "username": ""}}"#).ok();

        assert!((settings.mapping)(&settings, &[user]).is_none());
    }

    proptest! {
        #[test]
        fn whatever_a_provider_answers_a_profile_says_who_it_is_about(json in any_json()) {
            let endpoints = ["https://a.example", "https://t.example", "https://u.example"];
            let providers: [Provider; 4] = [
                GitHub::new("id", "secret").into(),
                Facebook::new("id", "secret").into(),
                X::oauth2("id", "secret").into(),
                OAuth2::new("op", endpoints, "id", "secret").into(),
            ];
            let answers = [json::value(json.as_bytes()).ok(), json::value(json.as_bytes()).ok()];
            for provider in providers {
                let Protocol::OAuth2(settings) = provider.0 else { panic!("not OAuth 2.0") };
                if let Some(profile) = (settings.mapping)(&settings, &answers) {
                    prop_assert!(!profile.subject.is_empty() && !profile.name.is_empty());
                    prop_assert!(profile.claims.iter().any(|claim| claim.val == profile.subject));
                }
            }
        }
    }
}
