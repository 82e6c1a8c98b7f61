//! Azure's `openIdIssuer`: where a tenant's metadata are, and what they may call their issuer.
//!
//! | `openIdIssuer` | is |
//! |---|---|
//! | `https://login.microsoftonline.com/<tenant>/v2.0` | one tenant, tokens of version 2 |
//! | `https://sts.windows.net/<tenant>/`, `https://login.microsoftonline.com/<tenant>` | one tenant, version 1 |
//! | `…/common/v2.0`, `…/organizations/v2.0`, `…/{tenantid}/v2.0` | any tenant |
//! | `https://<name>.b2clogin.com/…/.well-known/openid-configuration?p=<policy>` | Azure AD B2C |
//! | `https://<name>.ciamlogin.com/<tenant>/v2.0` | Entra External ID |
//!
//! The metadata of all but the first name another issuer than stands in their own address, which is
//! why they cannot be compared letter for letter, as [OpenID Connect Discovery §4.3] wants it.
//!
//! [OpenID Connect Discovery §4.3]: https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation

use url::Url;

use crate::oauth::discovery::{self, DiscoveryError, OPENID_CONFIGURATION};

/// An `openIdIssuer`, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) metadata_url: Url,
    pub(crate) tenancy: Tenancy,
}

/// Whose users an authority signs in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tenancy {
    /// Those of the tenant with this id.
    One(String),
    /// Those of the tenant that the metadata name: the configuration has only its domain.
    Named,
    /// Everybody's.
    Any,
}

impl Authority {
    /// # Errors
    ///
    /// If the text is no https address. Plain http is taken on loopback.
    pub(crate) fn parse(issuer: &str) -> Result<Self, DiscoveryError> {
        // Braces have no place in an address, and Microsoft asks for them under this name.
        let (issuer, any) = TEMPLATES.iter().fold((issuer.to_owned(), false), |(text, any), t| {
            (text.replace(t, "common"), any || text.contains(t))
        });
        let mut metadata_url = discovery::configured_url(&issuer)?;
        if !metadata_url.path().ends_with(OPENID_CONFIGURATION) {
            if metadata_url.query().is_some() {
                return Err(DiscoveryError::Issuer);
            }
            let base = metadata_url.path().trim_end_matches('/');
            metadata_url.set_path(&format!("{base}{OPENID_CONFIGURATION}"));
        }
        if any && metadata_url.host_str() == Some("sts.windows.net") {
            // The issuer of version 1 has no metadata for all.
            metadata_url.set_host(Some(LOGIN)).map_err(|_| DiscoveryError::Issuer)?;
        }
        let tenancy = tenancy(&metadata_url);
        Ok(Self { metadata_url, tenancy })
    }

    /// Whether the metadata may call their issuer so.
    pub(crate) fn accepts(&self, issuer: &str) -> bool {
        let template = issuer.contains(TENANT_ID);
        let tenant = match &self.tenancy {
            Tenancy::One(tenant) => !template && has_segment(issuer, tenant),
            Tenancy::Named => !template,
            Tenancy::Any => template,
        };
        tenant && self.is_at_home(issuer)
    }

    /// Whether a token that names `issuer` may be of the authority: in either version, whichever its
    /// metadata have. Where only they know the tenant, every tenant's may.
    pub(crate) fn may_issue(&self, issuer: &str) -> bool {
        let tenant = match &self.tenancy {
            Tenancy::One(tenant) => has_segment(issuer, tenant),
            Tenancy::Named | Tenancy::Any => true,
        };
        tenant && self.is_at_home(issuer)
    }

    /// Metadata are believed by where they were fetched; that they speak of their own house only is
    /// a second line of defence.
    fn is_at_home(&self, issuer: &str) -> bool {
        let Ok(issuer) = Url::parse(issuer) else { return false };
        let (Some(home), Some(named)) = (self.metadata_url.host_str(), issuer.host_str()) else {
            return false;
        };
        let same = (issuer.scheme(), issuer.port(), named)
            == (self.metadata_url.scheme(), self.metadata_url.port(), home);
        let token_service =
            HOUSES.iter().any(|(sts, logins)| *sts == named && logins.contains(&home));
        let external = [home, named].iter().all(|host| host.ends_with(EXTERNAL_ID));
        same || (issuer.scheme() == "https" && (token_service || external))
    }
}

/// Whether a key that says it is `key_issuer`'s may sign for the tenant of `issuer`. Keys are said
/// to be a tenant's in the form of version 2, whichever the tokens have.
pub(crate) fn is_key_of(key_issuer: &str, issuer: &str) -> bool {
    let segments = |text: &str| -> Vec<String> { text.split('/').map(str::to_owned).collect() };
    let ids = segments(key_issuer).into_iter().filter(|segment| is_guid(segment));
    key_issuer.contains(TENANT_ID) || ids.into_iter().any(|id| has_segment(issuer, &id))
}

fn tenancy(metadata_url: &Url) -> Tenancy {
    let mut segments = metadata_url.path_segments().into_iter().flatten();
    match segments.next().unwrap_or_default() {
        "common" | "organizations" => Tenancy::Any,
        "consumers" => Tenancy::One(CONSUMERS.to_owned()),
        id if is_guid(id) => Tenancy::One(id.to_ascii_lowercase()),
        _ => Tenancy::Named,
    }
}

fn has_segment(issuer: &str, id: &str) -> bool {
    issuer.split('/').any(|segment| segment.eq_ignore_ascii_case(id))
}

/// Whether `text` is a tenant's id: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == GROUPS.len()
        && groups.iter().zip(GROUPS).all(|(group, length)| {
            group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

/// What stands for the tenant in the issuer of metadata for all tenants.
pub(crate) const TENANT_ID: &str = "{tenantid}";
const TEMPLATES: [&str; 2] = [TENANT_ID, "{tenant}"];
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const LOGIN: &str = "login.microsoftonline.com";
/// The tenant of all personal accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const EXTERNAL_ID: &str = ".ciamlogin.com";
/// The hosts that issue tokens of version 1, and those that have their metadata.
const HOUSES: [(&str, &[&str]); 3] = [
    (
        "sts.windows.net",
        &[LOGIN, "login.windows.net", "login.microsoft.com", "login.microsoftonline.us"],
    ),
    ("sts.chinacloudapi.cn", &["login.chinacloudapi.cn", "login.partner.microsoftonline.cn"]),
    (LOGIN, &["login.windows.net", "login.microsoft.com", "sts.windows.net"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
    const OTHER: &str = "bbbbcccc-1111-dddd-2222-eeee3333ffff";

    fn at(template: &str) -> String {
        template.replace("TENANT", TENANT).replace("OTHER", OTHER)
    }

    #[test]
    fn metadata_are_where_microsoft_keeps_them() {
        for (issuer, url) in [
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://login.microsoftonline.com/TENANT/v2.0/.well-known/openid-configuration",
            ),
            (
                "https://sts.windows.net/TENANT/",
                "https://sts.windows.net/TENANT/.well-known/openid-configuration",
            ),
            (
                "https://sts.windows.net/{tenantid}/",
                "https://login.microsoftonline.com/common/.well-known/openid-configuration",
            ),
            (
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
            ),
            (
                "https://a.b2clogin.com/a.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_in",
                "https://a.b2clogin.com/a.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_in",
            ),
        ] {
            assert_eq!(Authority::parse(&at(issuer)).unwrap().metadata_url.as_str(), at(url));
        }
        for wrong in ["", "http://login.microsoftonline.com/x/v2.0", "https://a.example/x?p=y"] {
            assert!(Authority::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn di_05_the_metadata_name_an_issuer_of_their_own_house_and_of_the_tenant() {
        for (authority, issuer, accepted) in [
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://login.microsoftonline.com/TENANT/v2.0",
                true,
            ),
            ("https://login.microsoftonline.com/TENANT", "https://sts.windows.net/TENANT/", true),
            ("https://sts.windows.net/TENANT/", "https://sts.windows.net/TENANT/", true),
            (
                "https://login.microsoftonline.com/a.onmicrosoft.com/v2.0",
                "https://login.microsoftonline.com/TENANT/v2.0",
                true,
            ),
            (
                "https://login.microsoftonline.com/consumers/v2.0",
                "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
                true,
            ),
            (
                "https://login.partner.microsoftonline.cn/TENANT/v2.0",
                "https://login.partner.microsoftonline.cn/TENANT/v2.0",
                true,
            ),
            (
                "https://a.b2clogin.com/a.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=B2C_1_in",
                "https://a.b2clogin.com/TENANT/v2.0/",
                true,
            ),
            (
                "https://a.ciamlogin.com/TENANT/v2.0",
                "https://TENANT.ciamlogin.com/TENANT/v2.0",
                true,
            ),
            (
                "https://login.microsoftonline.com/common/v2.0",
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                true,
            ),
            (
                "https://login.microsoftonline.com/organizations/v2.0",
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                true,
            ),
            (
                "https://login.microsoftonline.com/common",
                "https://sts.windows.net/{tenantid}/",
                true,
            ),
            // Another tenant, any tenant where one is meant, and another house.
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://login.microsoftonline.com/OTHER/v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/a.onmicrosoft.com/v2.0",
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/common/v2.0",
                "https://login.microsoftonline.com/TENANT/v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "https://evil.example/TENANT/v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/TENANT/v2.0",
                "http://sts.windows.net/TENANT/",
                false,
            ),
            (
                "https://a.b2clogin.com/a.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=x",
                "https://b.b2clogin.com/TENANT/v2.0/",
                false,
            ),
        ] {
            let parsed = Authority::parse(&at(authority)).unwrap();
            assert_eq!(parsed.accepts(&at(issuer)), accepted, "{authority} {issuer}");
        }
    }

    #[test]
    fn a_token_is_worth_a_look_if_it_says_to_be_of_the_house_and_of_the_tenant() {
        let [v1, v2] =
            ["https://sts.windows.net/TENANT/", "https://login.microsoftonline.com/TENANT/v2.0"];
        let others = "https://login.microsoftonline.com/OTHER/v2.0";
        for authority in [v1, v2, "https://login.microsoftonline.com/TENANT"] {
            let authority = Authority::parse(&at(authority)).unwrap();
            assert!(authority.may_issue(&at(v1)) && authority.may_issue(&at(v2)));
            assert!(!authority.may_issue(&at(others)));
        }
        for authority in ["common/v2.0", "organizations", "a.onmicrosoft.com/v2.0"] {
            let authority = format!("https://login.microsoftonline.com/{authority}");
            let authority = Authority::parse(&authority).unwrap();
            assert!([v1, v2, others].iter().all(|issuer| authority.may_issue(&at(issuer))));
            for foreign in [
                "https://a.b2clogin.com/TENANT/v2.0/",
                "https://op.example/TENANT/",
                "http://sts.windows.net/TENANT/",
                "",
                "x",
            ] {
                assert!(!authority.may_issue(&at(foreign)), "{foreign}");
            }
        }
    }

    #[test]
    fn the_houses_of_b2c_and_external_id_are_their_own() {
        for (authority, issuer) in [
            (
                "https://a.b2clogin.com/a.onmicrosoft.com/v2.0/.well-known/openid-configuration?p=x",
                "https://a.b2clogin.com/TENANT/v2.0/",
            ),
            ("https://a.ciamlogin.com/TENANT/v2.0", "https://TENANT.ciamlogin.com/TENANT/v2.0"),
        ] {
            let parsed = Authority::parse(&at(authority)).unwrap();
            assert!(parsed.may_issue(&at(issuer)), "{authority}");
            for foreign in
                ["https://sts.windows.net/TENANT/", "https://b.b2clogin.com/TENANT/v2.0/"]
            {
                assert!(!parsed.may_issue(&at(foreign)), "{authority} {foreign}");
            }
        }
    }

    #[test]
    fn di_05_a_key_signs_only_for_the_tenant_that_it_is_said_to_be_for() {
        let issuer = at("https://sts.windows.net/TENANT/");

        assert!(is_key_of("https://login.microsoftonline.com/{tenantid}/v2.0", &issuer));
        assert!(is_key_of(&at("https://login.microsoftonline.com/TENANT/v2.0"), &issuer));
        assert!(!is_key_of(&at("https://login.microsoftonline.com/OTHER/v2.0"), &issuer));
        assert!(!is_key_of("", &issuer) && !is_key_of("https://sts.windows.net", &issuer));
    }

    #[test]
    fn a_tenants_id_is_a_guid() {
        assert!(is_guid(TENANT) && is_guid(CONSUMERS));
        for text in ["", "common", "a-b-c-d-e", "aaaabbbb0000cccc1111dddd2222eeee", "{tenantid}"] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
