//! Who of those that a provider vouches for may come in: Azure's `defaultAuthorizationPolicy`.

use crate::oauth::json::{Object, Value};

/// Who of those that a provider vouches for may come in.
///
/// It looks at everybody who signs in, at every ID token that comes with a refresh, and at every
/// bearer token; who does not meet it gets a 403. A list that is empty asks for nothing, and
/// applications and principals must both be met.
///
/// ```
/// use easyauth::provider::{AuthorizationPolicy, OpenIdConnect};
///
/// let policy = AuthorizationPolicy::new()
///     .allowed_applications(["11111111-2222-3333-4444-555555555555"])
///     .allowed_groups(["staff"]);
/// let provider = OpenIdConnect::new("op", "https://login.example", "client-id", "secret")
///     .authorization_policy(policy);
/// ```
///
/// # Security
///
/// A session goes on until it ends or is refreshed: who has left a group since is not let in again.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct AuthorizationPolicy {
    applications: Vec<String>,
    identities: Vec<String>,
    groups: Vec<String>,
    /// Another that has to be met, too.
    further: Option<Box<Self>>,
}

impl AuthorizationPolicy {
    /// The policy that asks for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The client ids of the applications that tokens may have been issued to
    /// (`allowedApplications`), by the claims `azp` and `appid`; of both, if a token has both. Somebody
    /// who signs in here does so by our own client id: list it if people shall. Who posts an ID token
    /// does so by the client id that it was issued to: its audience, if it has neither claim.
    pub fn allowed_applications<S: Into<String>>(
        mut self,
        client_ids: impl IntoIterator<Item = S>,
    ) -> Self {
        self.applications = client_ids.into_iter().map(Into::into).collect();
        self
    }

    /// The users and programs that may come in (`allowedPrincipals.identities`), by the claim `oid`,
    /// or by `sub` where a provider states no `oid`. Members of the [allowed
    /// groups](Self::allowed_groups) may too.
    pub fn allowed_identities<S: Into<String>>(
        mut self,
        identities: impl IntoIterator<Item = S>,
    ) -> Self {
        self.identities = identities.into_iter().map(Into::into).collect();
        self
    }

    /// The groups whose members may come in (`allowedPrincipals.groups`), by the claim `groups`. So
    /// may the [allowed identities](Self::allowed_identities).
    pub fn allowed_groups<S: Into<String>>(mut self, groups: impl IntoIterator<Item = S>) -> Self {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// The policy that asks for what this one and `other` ask for.
    pub(crate) fn and(mut self, other: Self) -> Self {
        let nothing = Self::default();
        if other != nothing {
            let further = self.further.take().map(|further| *further).unwrap_or_default();
            self.further = Some(Box::new(other.and(further)));
        }
        self
    }

    /// Whether the holder of a token that states `claims` may come in.
    pub(crate) fn admits_token(&self, claims: &Object) -> bool {
        let by_application = self.applications.is_empty()
            || (parties(claims).next().is_some() && self.admits_parties(claims));
        by_application
            && self.admits_principal(claims)
            && self.further.as_ref().is_none_or(|further| further.admits_token(claims))
    }

    /// Whether somebody may come in who signed in to the application `client_id`, and of whom the
    /// provider states `claims`. That is our own, unless another application brings its user's token.
    pub(crate) fn admits_sign_in(&self, client_id: &str, claims: &Object) -> bool {
        let by_application = self.applications.is_empty()
            || (is_in(client_id, &self.applications) && self.admits_parties(claims));
        by_application
            && self.admits_principal(claims)
            && self.further.as_ref().is_none_or(|further| further.admits_sign_in(client_id, claims))
    }

    fn admits_parties(&self, claims: &Object) -> bool {
        parties(claims).all(|party| party.as_str().is_some_and(|id| is_in(id, &self.applications)))
    }

    fn admits_principal(&self, claims: &Object) -> bool {
        if self.identities.is_empty() && self.groups.is_empty() {
            return true;
        }
        let identity = claims.get("oid").or_else(|| claims.get("sub")).and_then(Value::as_str);
        let groups = claims.get("groups").and_then(Value::as_array).unwrap_or_default();
        let mut groups = groups.iter().filter_map(Value::as_str);
        identity.is_some_and(|id| is_in(id, &self.identities))
            || groups.any(|group| is_in(group, &self.groups))
    }
}

/// Whom a token says that it was issued to.
fn parties(claims: &Object) -> impl Iterator<Item = &Value> {
    ["azp", "appid"].into_iter().filter_map(|name| claims.get(name))
}

fn is_in(value: &str, list: &[String]) -> bool {
    list.iter().any(|allowed| allowed == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;

    fn policy() -> AuthorizationPolicy {
        AuthorizationPolicy::new()
    }

    fn claims(json: &str) -> Object {
        object(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_policy_that_asks_for_nothing_admits_everybody() {
        assert!(policy().admits_token(&claims("{}")));
        assert!(policy().admits_sign_in("client", &claims("{}")));
    }

    #[test]
    fn a_token_must_have_been_issued_to_an_allowed_application() {
        let policy = policy().allowed_applications(["cli", "app"]);
        for (json, admitted) in [
            (r#"{"azp":"cli"}"#, true),
            (r#"{"appid":"app"}"#, true),
            (r#"{"azp":"cli","appid":"cli"}"#, true),
            (r#"{"azp":"cli","appid":"evil"}"#, false),
            (r#"{"azp":"evil","appid":"cli"}"#, false),
            (r#"{"azp":"CLI"}"#, false),
            (r#"{"azp":["cli"]}"#, false),
            (r#"{"azp":null}"#, false),
            (r#"{"client_id":"cli"}"#, false),
            ("{}", false),
        ] {
            assert_eq!(policy.admits_token(&claims(json)), admitted, "{json}");
        }
        assert!(policy.admits_sign_in("app", &claims("{}")));
        assert!(!policy.admits_sign_in("other", &claims(r#"{"azp":"app"}"#)));
        assert!(!policy.admits_sign_in("app", &claims(r#"{"appid":"other"}"#)));
    }

    #[test]
    fn one_of_the_allowed_principals_is_enough() {
        let policy = policy().allowed_identities(["alice", "0001"]).allowed_groups(["staff"]);
        for (json, admitted) in [
            (r#"{"sub":"alice"}"#, true),
            (r#"{"sub":"x","oid":"0001"}"#, true),
            (r#"{"sub":"alice","oid":"0002"}"#, false),
            (r#"{"sub":"x","groups":["a","staff"]}"#, true),
            (r#"{"sub":"x","groups":"staff"}"#, false),
            (r#"{"sub":"x","groups":["a"]}"#, false),
            (r#"{"sub":"x","_claim_names":{"groups":"src1"}}"#, false),
            (r#"{"sub":"x","name":"alice","email":"alice"}"#, false),
            (r#"{"sub":"staff"}"#, false),
            ("{}", false),
        ] {
            assert_eq!(policy.admits_token(&claims(json)), admitted, "{json}");
            assert_eq!(policy.admits_sign_in("app", &claims(json)), admitted, "{json}");
        }
    }

    #[test]
    fn applications_and_principals_must_both_be_met() {
        let policy = policy().allowed_applications(["cli"]).allowed_groups(["staff"]);

        assert!(policy.admits_token(&claims(r#"{"azp":"cli","groups":["staff"]}"#)));
        assert!(!policy.admits_token(&claims(r#"{"azp":"cli","groups":[]}"#)));
        assert!(!policy.admits_token(&claims(r#"{"azp":"x","groups":["staff"]}"#)));
    }
    #[test]
    fn of_two_policies_each_must_be_met() {
        let both = policy().allowed_groups(["staff"]).and(policy().allowed_groups(["eu"]));
        let three = both.clone().and(policy()).and(policy().allowed_applications(["cli"]));

        for (json, by_both, by_three) in [
            (r#"{"azp":"cli","groups":["staff","eu"]}"#, true, true),
            (r#"{"azp":"x","groups":["staff","eu"]}"#, true, false),
            (r#"{"azp":"cli","groups":["staff"]}"#, false, false),
            (r#"{"azp":"cli","groups":["eu"]}"#, false, false),
        ] {
            assert_eq!(both.admits_token(&claims(json)), by_both, "{json}");
            assert_eq!(both.admits_sign_in("cli", &claims(json)), by_both, "{json}");
            assert_eq!(three.admits_token(&claims(json)), by_three, "{json}");
            assert_eq!(three.admits_sign_in("cli", &claims(json)), by_three, "{json}");
        }
        assert_eq!(policy().and(policy()), policy());
    }
}
