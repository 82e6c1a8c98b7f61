//! The logout endpoint (OpenID Connect RP-Initiated Logout).

use std::sync::Arc;

use axum::extract::{RawForm, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use url::Url;

use super::authorization::is_on_this_computer;
use super::page;
use super::parameters::Parameters;
use super::provider::Provider;
use super::sign_in::{cookie, set_cookie};

/// `GET` or `POST /end_session`: forgets the browser, without asking.
pub(super) async fn end_session(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    RawForm(form): RawForm,
) -> Response {
    if let Some(session) = cookie(&headers, &provider.session_cookie()) {
        provider.memory().end_session(&session);
    }
    let mut response = after_logout(&Parameters::parse(&form));
    set_cookie(&mut response, &provider.session_cookie(), "");
    response
}

fn after_logout(parameters: &Parameters) -> Response {
    let Some(target) = parameters.get("post_logout_redirect_uri") else {
        return page::signed_out();
    };
    let Some(mut target) = Url::parse(target).ok().filter(is_on_this_computer) else {
        return page::refusal(
            "You are signed out. The application gave a post_logout_redirect_uri that is not \
             allowed here: it must be an address on this computer.",
        );
    };
    if let Some(state) = parameters.get("state") {
        target.query_pairs_mut().append_pair("state", state);
    }
    Redirect::to(target.as_str()).into_response()
}
