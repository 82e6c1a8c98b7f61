//! Whom a provider vouches for and who is not let in all the same.

use crate::oauth::json::Object;

/// Conditions that the ID token of every user has to meet, at sign-in and after each refresh.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission {
    /// The Entra tenants (`tid`) whose users are let in; all that the issuer admits if empty.
    pub(crate) tenants: Vec<String>,
    /// The Google Workspace domains (`hd`) whose users are let in; everybody if empty. `*` is any
    /// domain, but none at all is not.
    pub(crate) hosted_domains: Vec<String>,
}

impl Admission {
    /// Checks the claims of an ID token that has been verified.
    pub(crate) fn check(&self, id_token: &Object) -> Result<(), NotAdmitted> {
        if !self.tenants.is_empty() && !is_among(&self.tenants, id_token.text("tid")) {
            return Err(NotAdmitted::Tenant);
        }
        if !self.hosted_domains.is_empty() {
            let domain = id_token.text("hd").filter(|domain| !domain.is_empty());
            let any = domain.is_some() && self.hosted_domains.iter().any(|domain| domain == "*");
            if !any && !is_among(&self.hosted_domains, domain) {
                return Err(NotAdmitted::HostedDomain);
            }
        }
        Ok(())
    }
}

fn is_among(allowed: &[String], named: Option<&str>) -> bool {
    named.is_some_and(|named| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(named)))
}

/// Why somebody is not let in. Says nothing of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NotAdmitted {
    /// `hd` is missing, or none of those allowed.
    #[error(
        "`hd` in the ID token is none of the hosted domains that may sign in (loginParameters hd=…)"
    )]
    HostedDomain,
    #[error("the provider's authorization policy does not admit the user")]
    Policy,
    /// `tid` is missing, or none of those allowed.
    #[error("`tid` in the ID token is none of the tenants that may sign in (allowedTenants)")]
    Tenant,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;

    fn check(tenants: &[&str], domains: &[&str], claims: &str) -> Result<(), NotAdmitted> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let admission = Admission { tenants: owned(tenants), hosted_domains: owned(domains) };
        admission.check(&object(claims.as_bytes()).unwrap())
    }

    #[test]
    fn e_1_only_users_of_the_allowed_tenants_are_let_in() {
        assert_eq!(check(&[], &[], "{}"), Ok(()));
        assert_eq!(check(&["a-b"], &[], r#"{"tid":"A-B"}"#), Ok(()));
        for claims in ["{}", r#"{"tid":"a-c"}"#, r#"{"tid":["a-b"]}"#, r#"{"tid":""}"#] {
            assert_eq!(check(&["a-b"], &[], claims), Err(NotAdmitted::Tenant), "{claims}");
        }
    }

    #[test]
    fn only_users_of_the_hosted_domain_are_let_in_whatever_was_asked_for() {
        let wrong =
            ["{}", r#"{"hd":""}"#, r#"{"hd":"evil.example"}"#, r#"{"hd":"a.example.evil"}"#];

        assert_eq!(check(&[], &["a.example"], r#"{"hd":"a.example"}"#), Ok(()));
        for claims in wrong {
            let checked = check(&[], &["a.example", "b.example"], claims);
            assert_eq!(checked, Err(NotAdmitted::HostedDomain), "{claims}");
        }
        assert_eq!(check(&[], &["*"], r#"{"hd":"any.example"}"#), Ok(()));
        assert_eq!(
            check(&[], &["*"], r#"{"email":"a@gmail.com"}"#),
            Err(NotAdmitted::HostedDomain)
        );
    }
}
