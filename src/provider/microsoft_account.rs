//! Microsoft accounts of private people, Azure's `legacyMicrosoftAccount` and
//! `/.auth/login/microsoftaccount`.
//!
//! Documented by Microsoft: the [OpenID Connect protocol] of the endpoint for personal accounts, which
//! replaced `login.live.com`, its [userinfo endpoint], and the [scopes of the Live SDK], which it
//! replaced too.
//!
//! [OpenID Connect protocol]: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
//! [userinfo endpoint]: https://learn.microsoft.com/entra/identity-platform/userinfo
//! [scopes of the Live SDK]: https://learn.microsoft.com/previous-versions/office/developer/onedrive-live-sdk-reference/dn631845(v=office.15)

use super::aad::is_guid;
use super::claims::{self, ClaimNames};
use super::endpoints::Endpoint;
use super::habits::{self, Habits, Sources};
use super::issuer_source::IssuerSource;
use super::registration::Registration;
use super::{OpenIdConnect, Provider};
use crate::oauth::json::Object;
use crate::oauth::token::ClientAuthentication;
use crate::principal::Claim;
use crate::secret::Secret;

/// Microsoft accounts of private people, at `/.auth/login/microsoftaccount`.
///
/// ```
/// use easyauth::provider::MicrosoftAccount;
///
/// let provider = MicrosoftAccount::new("client-id", "client-secret")
///     .scopes(["wl.basic", "wl.emails", "wl.offline_access"]);
/// ```
///
/// The same in `auth.json`, with the secret in the environment variable that is named:
///
/// ```json
/// {"identityProviders": {"legacyMicrosoftAccount": {
///     "registration": {
///         "clientId": "client-id",
///         "clientSecretSettingName": "MICROSOFT_ACCOUNT_SECRET"},
///     "login": {"scopes": ["wl.basic", "wl.emails", "wl.offline_access"]}}}}
/// ```
///
/// # At Microsoft
///
/// Register an application for *personal Microsoft accounts*, of the platform *Web*, with the redirect
/// URI `<origin>/.auth/login/microsoftaccount/callback`, and make a client secret.
///
/// # What arrives
///
/// The claims of the original, in its order: `nameidentifier`, `name`, `givenname`, `surname`,
/// `urn:microsoftaccount:locale`, `urn:microsoftaccount:id`, `urn:microsoftaccount:name`, and
/// `emailaddress` behind them. `X-MS-CLIENT-PRINCIPAL-ID` is the account's number in 16 hexadecimal
/// digits (its `cid`), as it always was, and `-NAME` the user's name. Tokens are in
/// `X-MS-TOKEN-MICROSOFTACCOUNT-ACCESS-TOKEN`, `-EXPIRES-ON`, `-REFRESH-TOKEN` and
/// `-AUTHENTICATION-TOKEN`, which is the ID token: what replaced the authentication tokens of the Live
/// SDK.
///
/// # Refreshing
///
/// A refresh token comes if the scopes have `offline_access`, or `wl.offline_access`.
///
/// # Scopes of the Live SDK
///
/// The endpoint does not know them any more. Those that have a successor are replaced:
///
/// | scope | is asked for as |
/// |---|---|
/// | `wl.signin` | `openid` |
/// | `wl.basic` | `profile` |
/// | `wl.emails` | `email` |
/// | `wl.offline_access` | `offline_access` |
/// | `wl.birthday`, `wl.phone_numbers`, `wl.postal_addresses`, `wl.work_profile` | `User.Read` |
/// | `wl.calendars`, `wl.contacts_calendars` | `Calendars.Read` |
/// | `wl.calendars_update`, `wl.events_create` | `Calendars.ReadWrite` |
/// | `wl.contacts_birthday` | `Contacts.Read` |
/// | `wl.contacts_create` | `Contacts.ReadWrite` |
/// | `wl.photos`, `wl.skydrive`, `wl.contacts_photos`, `wl.contacts_skydrive` | `Files.Read` |
/// | `wl.skydrive_update` | `Files.ReadWrite` |
/// | `wl.imap` | `https://outlook.office.com/IMAP.AccessAsUser.All` |
///
/// Another scope that begins with `wl.` is a configuration error.
#[derive(Clone, Debug)]
pub struct MicrosoftAccount(OpenIdConnect);

impl MicrosoftAccount {
    /// Microsoft's endpoint for personal accounts, to whom we are `client_id`.
    #[must_use]
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        let setting = "identityProviders.legacyMicrosoftAccount".to_owned();
        let name = "microsoftaccount".to_owned();
        let registration = Registration::new(setting, name, client_id.into()).visitor_parameters([
            "prompt",
            "login_hint",
            "domain_hint",
            "ui_locales",
        ]);
        let source = IssuerSource::Entra(ISSUER.to_owned());
        let provider = OpenIdConnect::from_registration(registration, source, HABITS)
            .client_authentication(ClientAuthentication::ClientSecretPost)
            .client_secret(Secret::new(client_secret.into()));
        Self(provider)
    }

    /// What to ask for. `openid profile email` unless set. Scopes of the Live SDK are replaced by
    /// their successors.
    #[must_use]
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        let mut asked: Vec<String> = vec!["openid".to_owned()];
        for scope in scopes {
            let scope = scope.into();
            let scope = successor(&scope).map_or(scope.clone(), str::to_owned);
            if !asked.contains(&scope) {
                asked.push(scope);
            }
        }
        self.0 = self.0.scopes(asked);
        self
    }

    /// A further parameter of every authorization request, such as `prompt`.
    #[must_use]
    pub fn login_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0 = self.0.login_parameter(name, value);
        self
    }

    /// Which parameters of `/.auth/login/microsoftaccount` are passed on. Unless set: `prompt`,
    /// `login_hint`, `domain_hint`, `ui_locales`.
    ///
    /// # Security
    ///
    /// See [`OpenIdConnect::visitor_parameters`].
    #[must_use]
    pub fn visitor_parameters<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0 = self.0.visitor_parameters(names);
        self
    }

    /// A further audience of ID tokens, beside our client id: Azure's `allowedAudiences`.
    #[must_use]
    pub fn allowed_audience(mut self, audience: impl Into<String>) -> Self {
        self.0 = self.0.trusted_audience(audience);
        self
    }

    /// Somebody who speaks as Microsoft does, under another issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.0 = self.0.issuer(issuer);
        self
    }

    /// The address of an endpoint, which counts before the one in the metadata.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint, url: impl Into<String>) -> Self {
        self.0 = self.0.endpoint(endpoint, url);
        self
    }
}

impl From<MicrosoftAccount> for Provider {
    fn from(provider: MicrosoftAccount) -> Self {
        provider.0.into()
    }
}

const ISSUER: &str = "https://login.microsoftonline.com/consumers/v2.0";
const HABITS: Habits = Habits {
    subject,
    names: &["name", "email"],
    authentication_token: true,
    stated,
    told,
    refresh: "Microsoft issues a refresh token if login.scopes has offline_access \
              (wl.offline_access).",
    ..habits::STANDARD
};

/// The account's number, which is in the last two groups of `oid`; an id of another form has none.
fn cid(id_token: &Object) -> Option<String> {
    let oid = id_token.text("oid").filter(|oid| is_guid(oid))?;
    let digits = oid.strip_prefix("00000000-0000-0000-")?;
    Some(digits.replace('-', "").to_ascii_lowercase())
}

fn subject(id_token: &Object) -> Option<String> {
    cid(id_token).or_else(|| (habits::STANDARD.subject)(id_token))
}

fn stated(id_token: &Object, names: ClaimNames) -> Vec<Claim> {
    let id = subject(id_token).map(|id| Claim::new(claims::typ("sub", names), id));
    id.into_iter().chain(claims::one(id_token, "name", "name")).collect()
}

fn told(sources: &Sources<'_>, names: ClaimNames) -> Vec<Claim> {
    let Sources { id_token, userinfo, .. } = *sources;
    // Userinfo spells some names without their dash below.
    let find = |spellings: &[&str]| {
        let documents = [id_token].into_iter().chain(userinfo);
        let mut texts = documents.flat_map(|d| spellings.iter().filter_map(|name| d.text(name)));
        texts.find(|text| !text.is_empty()).map(str::to_owned)
    };
    [
        (claims::typ("given_name", names), find(&["given_name", "givenname"])),
        (claims::typ("family_name", names), find(&["family_name", "familyname"])),
        ("urn:microsoftaccount:locale", find(&["locale"])),
        ("urn:microsoftaccount:id", subject(id_token)),
        ("urn:microsoftaccount:name", find(&["name"])),
        (claims::typ("email", names), find(&["email"])),
    ]
    .into_iter()
    .filter_map(|(typ, value)| Some(Claim::new(typ, value?)))
    .collect()
}

/// The successor of a scope of the Live SDK; `None` if it is none, or has none.
pub(crate) fn successor(scope: &str) -> Option<&'static str> {
    let of = |(olds, _): &&(&[&str], &str)| olds.contains(&scope);
    SUCCESSORS.iter().find(of).map(|(_, new)| *new)
}

const SUCCESSORS: [(&[&str], &str); 12] = [
    (&["wl.signin"], "openid"),
    (&["wl.basic"], "profile"),
    (&["wl.emails"], "email"),
    (&["wl.offline_access"], "offline_access"),
    (&["wl.birthday", "wl.phone_numbers", "wl.postal_addresses", "wl.work_profile"], "User.Read"),
    (&["wl.calendars", "wl.contacts_calendars"], "Calendars.Read"),
    (&["wl.calendars_update", "wl.events_create"], "Calendars.ReadWrite"),
    (&["wl.contacts_birthday"], "Contacts.Read"),
    (&["wl.contacts_create"], "Contacts.ReadWrite"),
    (&["wl.photos", "wl.skydrive", "wl.contacts_photos", "wl.contacts_skydrive"], "Files.Read"),
    (&["wl.skydrive_update"], "Files.ReadWrite"),
    (&["wl.imap"], "https://outlook.office.com/IMAP.AccessAsUser.All"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::json::object;

    #[test]
    fn the_claims_are_those_of_the_original_in_its_order() {
        let id_token = include_bytes!("../../tests/data/aad/id-token-v2.json");
        let userinfo = include_bytes!("../../tests/data/microsoft_account/userinfo.json");
        let (id_token, userinfo) = (object(id_token).unwrap(), object(userinfo).unwrap());
        let sources = Sources { id_token: &id_token, userinfo: Some(&userinfo), user: None };
        let mut claims = stated(&id_token, ClaimNames::Legacy);
        claims.extend(told(&sources, ClaimNames::Legacy));
        let lines: Vec<_> = claims.iter().map(|c| format!("{}={}", c.typ, c.val)).collect();

        let identity = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
        assert_eq!(
            lines,
            [
                format!("{identity}/nameidentifier=66f33332eca7ea81"),
                "name=Abe Lincoln".to_owned(),
                format!("{identity}/givenname=Mikah"),
                format!("{identity}/surname= Ollenburg"),
                "urn:microsoftaccount:id=66f33332eca7ea81".to_owned(),
                "urn:microsoftaccount:name=Abe Lincoln".to_owned(),
                format!("{identity}/emailaddress=mikoll@contoso.com"),
            ]
        );
    }

    #[test]
    fn userinfos_other_spelling_is_read_too() {
        let id_token = object(br#"{"sub":"s"}"#).unwrap();
        let userinfo =
            object(br#"{"sub":"s","givenname":"A","familyname":"B","locale":"en-NZ"}"#).unwrap();
        let sources = Sources { id_token: &id_token, userinfo: Some(&userinfo), user: None };
        let told = told(&sources, ClaimNames::Legacy);
        let values: Vec<_> = told.iter().map(|claim| claim.val.as_str()).collect();

        assert_eq!(values, ["A", "B", "en-NZ", "s"]);
    }

    #[test]
    fn an_account_without_a_number_is_known_by_its_subject() {
        let known = |claims: &str| subject(&object(claims.as_bytes()).unwrap());

        assert_eq!(
            known(r#"{"sub":"s","oid":"aaaabbbb-0000-cccc-1111-dddd2222eeee"}"#),
            Some("s".into())
        );
        assert_eq!(known(r#"{"sub":"s"}"#), Some("s".into()));
        assert_eq!(known(r#"{"oid":7}"#), None);
    }

    #[test]
    fn scopes_of_the_live_sdk_have_successors_and_no_scope_comes_twice() {
        let scopes = ["wl.signin", "wl.basic", "wl.phone_numbers", "wl.birthday", "Mail.Read"];
        let provider = MicrosoftAccount::new("id", "secret").scopes(scopes);

        assert_eq!(provider.0.registration.scope(), "openid profile User.Read Mail.Read");
        assert_eq!(successor("wl.applications_create"), None);
    }
}
