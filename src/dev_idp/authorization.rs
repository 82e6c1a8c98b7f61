//! Authorization requests and their answers (RFC 6749 §4.1.1–2, OpenID Connect Core §3.1.2).

use std::net::IpAddr;
use std::time::Duration;

use axum::response::{IntoResponse, Redirect, Response};
use url::{Host, Url};

use super::page;
use super::parameters::Parameters;

/// A request that may be answered.
#[derive(Clone)]
pub(super) struct AuthorizationRequest {
    pub(super) answer_to: AnswerTo,
    pub(super) scopes: String,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: String,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<String>,
    pub(super) max_age: Option<Duration>,
}

/// Where and how the client wants its answer.
#[derive(Clone)]
pub(super) struct AnswerTo {
    /// Exactly as it was sent: it must be repeated to the token endpoint.
    pub(super) redirect_uri: String,
    url: Url,
    state: Option<String>,
    by_form: bool,
}

/// What the user is to be asked.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Prompt {
    /// Only what is needed.
    Unsaid,
    /// Nothing at all.
    Nothing,
    /// To sign in, even if they are.
    SignIn,
    /// Who they are, even if known or hinted at.
    Account,
}

/// A request that may not.
pub(super) enum Refusal {
    /// Nobody knows whether the client asked, so nothing goes to the address that it names.
    Shown(&'static str),
    Returned(Box<AnswerTo>, AuthorizationError),
}

/// An error of RFC 6749 §4.1.2.1 or OpenID Connect Core §3.1.2.6, and what to do about it.
#[derive(Clone, Copy)]
pub(super) struct AuthorizationError {
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

impl AuthorizationRequest {
    pub(super) fn parse(parameters: &Parameters, client_id: &str) -> Result<Self, Refusal> {
        if parameters.repeats("client_id") || parameters.get("client_id") != Some(client_id) {
            return Err(Refusal::Shown("The application gave a client_id that is not known here."));
        }
        let Some(answer_to) = AnswerTo::parse(parameters) else {
            return Err(Refusal::Shown(
                "The application gave a redirect_uri that is not allowed here: it must be an \
                 address on this computer (127.0.0.1, [::1] or localhost) and end in /callback.",
            ));
        };
        Self::parse_for(answer_to.clone(), parameters)
            .map_err(|error| Refusal::Returned(Box::new(answer_to), error))
    }

    fn parse_for(answer_to: AnswerTo, parameters: &Parameters) -> Result<Self, AuthorizationError> {
        refuse_what_is_not_supported(parameters)?;
        let scopes = parameters.get("scope").unwrap_or_default();
        if !scopes.split(' ').any(|scope| scope == "openid") {
            return Err(AuthorizationError::new("invalid_scope", "scope must contain openid"));
        }
        Ok(Self {
            answer_to,
            scopes: supported(scopes),
            nonce: parameters.get("nonce").map(str::to_owned),
            code_challenge: code_challenge(parameters)?,
            prompt: Prompt::parse(parameters.get("prompt"))?,
            login_hint: parameters.get("login_hint").map(str::to_owned),
            max_age: max_age(parameters)?,
        })
    }

    /// Whether the client wants refresh tokens.
    pub(super) fn is_for_offline_access(&self) -> bool {
        self.scopes.split(' ').any(|scope| scope == "offline_access")
    }
}

impl AnswerTo {
    fn parse(parameters: &Parameters) -> Option<Self> {
        let redirect_uri = parameters.get("redirect_uri")?;
        let url = Url::parse(redirect_uri).ok()?;
        let allowed = is_on_this_computer(&url)
            && url.path().ends_with("/callback")
            && url.fragment().is_none()
            && !parameters.repeats("redirect_uri");
        allowed.then(|| Self {
            redirect_uri: redirect_uri.to_owned(),
            url,
            state: parameters.get("state").map(str::to_owned),
            by_form: parameters.get("response_mode") == Some("form_post"),
        })
    }

    /// The application, as the user is shown it.
    pub(super) fn application(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) fn with_code(&self, code: &str, issuer: &str) -> Response {
        self.respond(&[("code", code)], issuer)
    }

    pub(super) fn with_error(&self, error: AuthorizationError, issuer: &str) -> Response {
        self.respond(&[("error", error.code), ("error_description", error.description)], issuer)
    }

    fn respond(&self, outcome: &[(&str, &str)], issuer: &str) -> Response {
        let mut fields = outcome.to_vec();
        fields.extend(self.state.as_deref().map(|state| ("state", state)));
        // So that a client of several providers sees which one answers (RFC 9207).
        fields.push(("iss", issuer));
        if self.by_form {
            return page::form_post(self.url.as_str(), &fields);
        }
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(fields);
        Redirect::to(url.as_str()).into_response()
    }
}

impl Prompt {
    fn parse(prompt: Option<&str>) -> Result<Self, AuthorizationError> {
        let unknown = AuthorizationError::new(
            "invalid_request",
            "prompt must be none, login or select_account",
        );
        let mut strongest = Self::Unsaid;
        for value in prompt.unwrap_or_default().split_ascii_whitespace() {
            strongest = match value {
                "none" if prompt == Some("none") => Self::Nothing,
                "select_account" => Self::Account,
                "login" if strongest == Self::Account => Self::Account,
                "login" => Self::SignIn,
                // Consent is never asked for, so there is none to ask for again.
                "consent" => strongest,
                _ => return Err(unknown),
            };
        }
        Ok(strongest)
    }
}

impl Refusal {
    pub(super) fn into_response(self, issuer: &str) -> Response {
        match self {
            Self::Shown(why) => page::refusal(why),
            Self::Returned(answer_to, error) => answer_to.with_error(error, issuer),
        }
    }
}

impl AuthorizationError {
    pub(super) const fn new(code: &'static str, description: &'static str) -> Self {
        Self { code, description }
    }
}

/// Whether `url` is an `http` or `https` address of the loopback interface.
pub(super) fn is_on_this_computer(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none();
    loopback && plain && matches!(url.scheme(), "http" | "https")
}

fn refuse_what_is_not_supported(parameters: &Parameters) -> Result<(), AuthorizationError> {
    let refuse = |code, description| Err(AuthorizationError::new(code, description));
    if parameters.any_repeats() {
        return refuse("invalid_request", "a parameter was given more than once");
    }
    if parameters.get("request").is_some() {
        return refuse("request_not_supported", "request objects are not supported");
    }
    if parameters.get("request_uri").is_some() {
        return refuse("request_uri_not_supported", "request objects are not supported");
    }
    if parameters.get("response_type") != Some("code") {
        return refuse("unsupported_response_type", "response_type must be code");
    }
    if !matches!(parameters.get("response_mode"), None | Some("query" | "form_post")) {
        return refuse("invalid_request", "response_mode must be query or form_post");
    }
    Ok(())
}

/// The challenge that proves who may redeem the code (RFC 7636 §4.3).
fn code_challenge(parameters: &Parameters) -> Result<String, AuthorizationError> {
    let challenge = parameters.get("code_challenge").filter(|challenge| challenge.len() == 43);
    let method = parameters.get("code_challenge_method");
    match (challenge, method) {
        (Some(challenge), Some("S256")) => Ok(challenge.to_owned()),
        _ => Err(AuthorizationError::new(
            "invalid_request",
            "code_challenge is required, with code_challenge_method=S256",
        )),
    }
}

fn max_age(parameters: &Parameters) -> Result<Option<Duration>, AuthorizationError> {
    let Some(max_age) = parameters.get("max_age") else { return Ok(None) };
    let seconds = max_age.parse().map_err(|_| {
        AuthorizationError::new("invalid_request", "max_age must be a number of seconds")
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// The scopes that are granted: those that mean something here.
fn supported(scopes: &str) -> String {
    let known: Vec<_> = scopes.split(' ').filter(|scope| SCOPES.contains(scope)).collect();
    known.join(" ")
}

pub(super) const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];
