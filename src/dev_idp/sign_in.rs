//! The authorization endpoint, and the page on which people say who they are.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawForm, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::authorization::{AuthorizationError, AuthorizationRequest, Prompt};
use super::memory::{Code, Interaction, Session};
use super::page;
use super::parameters::Parameters;
use super::provider::{Provider, Unavailable, random};
use super::user::DevUser;
use crate::secret::Secret;

/// `/authorize`: the answer at once if that is possible, else the sign-in page.
pub(super) async fn authorize(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Unavailable> {
    let parameters = Parameters::parse(&form);
    let request = match AuthorizationRequest::parse(&parameters, &provider.client_id) {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal.into_response(&provider.issuer)),
    };
    if let Some(session) = provider.usable_session(&headers, &request) {
        return provider.answer(&request, session);
    }
    if let Some(user) = provider.signs_in_at_once(&request) {
        return provider.sign_in(&headers, &request, user.clone());
    }
    if request.prompt == Prompt::Nothing {
        return Ok(request.answer_to.with_error(LOGIN_REQUIRED, &provider.issuer));
    }
    provider.ask(&headers, request)
}

/// `POST /sign-in`: what was chosen on the page.
pub(super) async fn choose(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Result<Response, Unavailable> {
    let parameters = Parameters::parse(&form);
    let key = parameters.get("interaction").unwrap_or_default();
    let Some(request) = provider.take_interaction(&headers, key) else {
        return Ok(page::refusal(
            "This sign-in page was used already, or is too old. Go back to the application and \
             start again.",
        ));
    };
    match parameters.get("user").and_then(|name| provider.user(name)) {
        Some(user) => provider.sign_in(&headers, &request, user.clone()),
        None => Ok(request.answer_to.with_error(ACCESS_DENIED, &provider.issuer)),
    }
}

impl Provider {
    /// The session that this browser brings, if the request leaves it at that.
    fn usable_session(
        &self,
        headers: &HeaderMap,
        request: &AuthorizationRequest,
    ) -> Option<Session> {
        let key = cookie(headers, &self.session_cookie())?;
        let session = self.memory().sessions.get(&key)?.clone();
        let fresh = request.max_age.is_none_or(|age| self.now().since(session.auth_time) < age);
        let meant = request
            .login_hint
            .as_deref()
            .and_then(|hint| self.user(hint))
            .is_none_or(|user| user.user_name() == session.user.user_name());
        let asked_again = matches!(request.prompt, Prompt::SignIn | Prompt::Account);
        (fresh && meant && !asked_again).then_some(session)
    }

    /// Who need not be asked: the user of headless tests, or the one whom the application names.
    fn signs_in_at_once(&self, request: &AuthorizationRequest) -> Option<&DevUser> {
        if self.automatic_user.is_some() {
            return self.automatic_user.as_ref();
        }
        let may_choose = matches!(request.prompt, Prompt::Unsaid | Prompt::SignIn);
        request.login_hint.as_deref().filter(|_| may_choose).and_then(|hint| self.user(hint))
    }

    fn ask(
        &self,
        headers: &HeaderMap,
        request: AuthorizationRequest,
    ) -> Result<Response, Unavailable> {
        let key = random()?;
        let known = cookie(headers, &self.form_cookie());
        let browser = known.map_or_else(random, Ok)?;
        let mut response = page::sign_in(&key, &request.answer_to.application(), &self.users);
        set_cookie(&mut response, &self.form_cookie(), &browser);
        let expires_at = self.now().after(INTERACTION_LIFETIME);
        let interaction = Interaction { request, browser: Secret::new(browser), expires_at };
        self.memory().interactions.insert(key, interaction);
        Ok(response)
    }

    /// The request that a page was made for, once, and only for the browser that got the page.
    ///
    /// Without the cookie, another site could make a browser sign in as whom it likes.
    fn take_interaction(&self, headers: &HeaderMap, key: &str) -> Option<AuthorizationRequest> {
        let browser = cookie(headers, &self.form_cookie())?;
        let mut memory = self.memory();
        memory.interactions.get(key).filter(|found| found.browser.matches(&browser))?;
        let interaction = memory.interactions.remove(key)?;
        (self.now() < interaction.expires_at).then_some(interaction.request)
    }

    fn sign_in(
        &self,
        headers: &HeaderMap,
        request: &AuthorizationRequest,
        user: DevUser,
    ) -> Result<Response, Unavailable> {
        if let Some(earlier) = cookie(headers, &self.session_cookie()) {
            self.memory().end_session(&earlier);
        }
        let key = random()?;
        let session = Session { user, sid: random()?, auth_time: self.now() };
        self.memory().sessions.insert(key.clone(), session.clone());
        let mut response = self.answer(request, session)?;
        set_cookie(&mut response, &self.session_cookie(), &key);
        Ok(response)
    }

    fn answer(
        &self,
        request: &AuthorizationRequest,
        session: Session,
    ) -> Result<Response, Unavailable> {
        let code = random()?;
        let response = request.answer_to.with_code(&code, &self.issuer);
        let expires_at = self.now().after(CODE_LIFETIME);
        let issued = Code { request: request.clone(), session, expires_at, used_for: None };
        self.memory().codes.insert(code, issued);
        Ok(response)
    }

    // Browsers send the cookies of 127.0.0.1 to every port: two providers must not share a name.
    pub(super) fn session_cookie(&self) -> String {
        format!("dev_idp_session_{}", self.port)
    }

    fn form_cookie(&self) -> String {
        format!("dev_idp_form_{}", self.port)
    }
}

/// The value of a cookie of ours.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(given, _)| *given == name)
        .map(|(_, value)| value.to_owned())
}

/// Sets a cookie until the browser closes; an empty value deletes it.
pub(super) fn set_cookie(response: &mut Response, name: &str, value: &str) {
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{end}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

const LOGIN_REQUIRED: AuthorizationError =
    AuthorizationError::new("login_required", "the user must sign in, and prompt=none forbids it");
const ACCESS_DENIED: AuthorizationError =
    AuthorizationError::new("access_denied", "the user did not want to sign in");
const INTERACTION_LIFETIME: Duration = Duration::from_secs(600);
const CODE_LIFETIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xa=1; a=2;a=3"));
        headers.append(header::COOKIE, HeaderValue::from_static("b=4=5"));

        assert_eq!(cookie(&headers, "a").as_deref(), Some("2"));
        assert_eq!(cookie(&headers, "b").as_deref(), Some("4=5"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
