//! The authorization request that a browser is sent to the provider with, and the response it
//! comes back with (RFC 6749 §4.1.1–2, RFC 7636 §4.3, RFC 9207, OpenID Connect Core §3.1.2).

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use percent_encoding::percent_decode;
use url::Url;
use url::form_urlencoded::Serializer;

use super::discovery::IssParameter;
use crate::pending_login::{LoginId, PendingLogin};
use crate::secret::Secret;

/// How the provider is to hand its response to the browser.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseMode {
    /// In the query of a redirect to the callback.
    #[default]
    Query,
    /// In a form that the browser posts to the callback (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// What the provider is to hand to the browser (OAuth 2.0 Multiple Response Types).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResponseType {
    /// A code, which is redeemed for everything else.
    #[default]
    Code,
    /// A code, and an ID token that vouches for it (OpenID Connect Core §3.3). It never travels in a
    /// query, so the answer is always posted.
    CodeIdToken,
}

/// Everything that goes into one authorization request.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest<'a> {
    pub(crate) endpoint: &'a Url,
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) response_type: ResponseType,
    pub(crate) response_mode: ResponseMode,
    pub(crate) style: Style,
    pub(crate) pending: &'a PendingLogin,
    /// Further parameters, of the configuration and of the visitor. None of them replaces one that
    /// is set here; of two with one name the first counts.
    pub(crate) further: &'a [(String, String)],
}

/// Which parameters a provider is sent beside those that all are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Style {
    /// `response_type`. Without it, `client_id` comes first: so the original asks GitHub.
    pub(crate) response_type: bool,
    /// `code_challenge` (RFC 7636).
    pub(crate) pkce: bool,
    /// `nonce` (OpenID Connect Core §3.1.2.1).
    pub(crate) nonce: bool,
}

impl Style {
    /// That of OpenID Connect.
    pub(crate) const OPENID: Self = Self { response_type: true, pkce: true, nonce: true };
}

impl AuthorizationRequest<'_> {
    /// The address to send the browser to. Each parameter appears once, in the original's order.
    pub(crate) fn url(&self) -> Url {
        let verifier = PkceCodeVerifier::new(self.pending.code_verifier.expose().clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (redirect_uri, client_id) =
            (("redirect_uri", self.redirect_uri), ("client_id", self.client_id));
        let mut parameters: Vec<(&str, &str)> = if self.style.response_type {
            vec![("response_type", self.response_type.name()), redirect_uri, client_id]
        } else {
            vec![client_id, redirect_uri]
        };
        if !self.scope.is_empty() {
            parameters.push(("scope", self.scope));
        }
        if self.response_type.mode(self.response_mode) == ResponseMode::FormPost {
            parameters.push(("response_mode", "form_post"));
        }
        for (name, value) in self.further {
            let taken = parameters.iter().any(|(set, _)| set == name);
            if !taken && !RESERVED.contains(&name.as_str()) {
                parameters.push((name, value));
            }
        }
        if self.style.pkce {
            parameters.push(("code_challenge", challenge.as_str()));
            parameters.push(("code_challenge_method", challenge.method().as_str()));
        }
        if self.style.nonce {
            parameters.push(("nonce", self.pending.nonce.expose()));
        }
        parameters.push(("state", self.pending.state.expose()));
        append(self.endpoint, &parameters)
    }
}

impl ResponseType {
    const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeIdToken => "code id_token",
        }
    }

    /// How the answer comes if `configured` were the choice.
    pub(crate) const fn mode(self, configured: ResponseMode) -> ResponseMode {
        match self {
            Self::Code => configured,
            Self::CodeIdToken => ResponseMode::FormPost,
        }
    }
}

/// `endpoint` with `parameters` behind those that its own query has under other names.
fn append(endpoint: &Url, parameters: &[(&str, &str)]) -> Url {
    let mut query = Serializer::new(String::new());
    for (name, value) in endpoint.query_pairs() {
        if !parameters.iter().any(|(set, _)| *set == name) {
            query.append_pair(&name, &value);
        }
    }
    query.extend_pairs(parameters);
    let mut url = endpoint.clone();
    url.set_query(Some(&query.finish()));
    url
}

/// The provider's answer as the browser brought it. Nothing in it is trusted yet.
#[derive(Debug)]
pub(crate) struct AuthorizationResponse {
    state: String,
    iss: Option<String>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Code(Authorized),
    Error(AuthorizationError),
}

impl Outcome {
    const fn has_id_token(&self) -> bool {
        matches!(self, Self::Code(Authorized { id_token: Some(_), .. }))
    }
}

/// What came with a success.
#[derive(Debug)]
struct Authorized {
    code: Secret<String>,
    id_token: Option<Secret<String>>,
    user: Option<String>,
}

/// The provider's refusal (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AuthorizationError {
    /// The error code; characters that the RFC does not allow in one are dropped.
    pub(crate) code: String,
    /// Entra ID's number of the error, which its description begins with (`AADSTS65004`). The rest
    /// is for nobody: it may say who the user is.
    pub(crate) aadsts: Option<u32>,
}

/// Why a request to the callback is no answer to a login of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CallbackError {
    #[error("the response has the parameter {0} more than once")]
    Duplicate(&'static str),
    #[error("the response is no well-formed form data")]
    Malformed,
    #[error("the response has neither code nor error")]
    Neither,
    #[error("the response has no state")]
    NoState,
    #[error("the response names another issuer (iss) than the login was begun with")]
    IssuerMismatch,
    #[error("the provider promises to name itself (iss), and the response does not")]
    IssuerMissing,
    #[error("the state is not that of the login that this browser began")]
    StateMismatch,
}

impl AuthorizationResponse {
    /// Reads a query or a form body. Parameters that we do not know are ignored; one that we know
    /// may appear once only (RFC 6749 §3.1).
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, CallbackError> {
        let mut known = Known::default();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            known.take(pair)?;
        }
        let outcome = match (known.error, known.code) {
            (Some(code), _) => Outcome::Error(AuthorizationError {
                code: error_code(&code),
                aadsts: known.error_description.as_deref().and_then(aadsts),
            }),
            (None, Some(code)) if !code.is_empty() => Outcome::Code(Authorized {
                code: code.into(),
                id_token: known.id_token.filter(|token| !token.is_empty()).map(Secret::new),
                user: known.user,
            }),
            (None, _) => return Err(CallbackError::Neither),
        };
        let state = known.state.filter(|state| !state.is_empty());
        Ok(Self { state: state.ok_or(CallbackError::NoState)?, iss: known.iss, outcome })
    }

    /// Which of the browser's logins this claims to answer.
    pub(crate) fn login_id(&self) -> Option<LoginId> {
        LoginId::parse(self.state.split_once('.')?.0)
    }

    /// Checks that this answers `pending`, and uses `pending` up.
    pub(crate) fn verify(
        self,
        pending: PendingLogin,
        iss: IssParameter,
    ) -> Result<VerifiedResponse, CallbackError> {
        if !pending.state.matches(&self.state) {
            return Err(CallbackError::StateMismatch);
        }
        // A mixed-up provider must not get to see our code, nor have its error believed (RFC 9207).
        match (self.iss, iss) {
            (_, IssParameter::Meaningless) => {}
            (Some(iss), _) if iss != pending.issuer.as_str() => {
                return Err(CallbackError::IssuerMismatch);
            }
            (None, IssParameter::Promised) => return Err(CallbackError::IssuerMissing),
            (None, IssParameter::OrIdToken) if !self.outcome.has_id_token() => {
                return Err(CallbackError::IssuerMissing);
            }
            _ => {}
        }
        Ok(match self.outcome {
            Outcome::Code(authorized) => {
                VerifiedResponse::Code(Box::new(VerifiedCode { authorized, pending }))
            }
            Outcome::Error(error) => VerifiedResponse::Refused(error),
        })
    }
}

/// What the provider answered to a login that this browser began.
#[derive(Debug)]
pub(crate) enum VerifiedResponse {
    Code(Box<VerifiedCode>),
    Refused(AuthorizationError),
}

/// A code that answers a login we started.
///
/// Only [`AuthorizationResponse::verify`] makes one, so an unchecked code cannot be redeemed.
#[derive(Debug)]
pub(crate) struct VerifiedCode {
    authorized: Authorized,
    pending: PendingLogin,
}

impl VerifiedCode {
    pub(crate) const fn code(&self) -> &Secret<String> {
        &self.authorized.code
    }

    /// The ID token that came beside the code, through the browser. Nothing in it is checked yet.
    pub(crate) const fn id_token(&self) -> Option<&Secret<String>> {
        self.authorized.id_token.as_ref()
    }

    /// What came as `user`, which is Apple's (a JSON document) and which nobody vouches for: the
    /// browser may have changed it.
    pub(crate) fn user(&self) -> Option<&str> {
        self.authorized.user.as_deref()
    }

    pub(crate) const fn pending(&self) -> &PendingLogin {
        &self.pending
    }

    pub(crate) fn into_pending(self) -> PendingLogin {
        self.pending
    }
}

#[derive(Default)]
struct Known {
    code: Option<String>,
    id_token: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    user: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Known {
    fn take(&mut self, pair: &[u8]) -> Result<(), CallbackError> {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let (name, value) = pair.split_at_checked(equals).ok_or(CallbackError::Malformed)?;
        let (slot, name) = match decode(name)?.as_str() {
            "code" => (&mut self.code, "code"),
            "id_token" => (&mut self.id_token, "id_token"),
            "state" => (&mut self.state, "state"),
            "iss" => (&mut self.iss, "iss"),
            "user" => (&mut self.user, "user"),
            "error" => (&mut self.error, "error"),
            "error_description" => (&mut self.error_description, "error_description"),
            _ => return Ok(()),
        };
        let value = decode(value.get(1..).unwrap_or_default())?;
        match slot.replace(value) {
            Some(_) => Err(CallbackError::Duplicate(name)),
            None => Ok(()),
        }
    }
}

fn decode(encoded: &[u8]) -> Result<String, CallbackError> {
    let spaced: Vec<u8> =
        encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let decoded = percent_decode(&spaced).decode_utf8().map_err(|_| CallbackError::Malformed)?;
    Ok(decoded.into_owned())
}

/// An error code of a provider as it may stand in a log: the characters of RFC 6749's own codes.
pub(super) fn error_code(code: &str) -> String {
    code.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(64).collect()
}

fn aadsts(description: &str) -> Option<u32> {
    let rest = description.strip_prefix("AADSTS")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

/// Parameters that are ours alone, whether this request has them or not.
const RESERVED: [&str; 14] = [
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "state",
];

#[cfg(test)]
mod tests;
