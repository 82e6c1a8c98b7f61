//! Where the page of a refusal leads, besides to the website.

use http::request::Parts;
use http::{Method, StatusCode};

use super::{Route, login};
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;
use crate::return_to::ReturnTo;

/// A link to what may work now.
#[derive(Debug)]
pub(super) struct Onward {
    pub(super) label: &'static str,
    pub(super) href: String,
}

/// What somebody can do about a refusal with `status`, if there is anything. A login that is begun
/// again leads to `return_to`.
pub(super) fn of(
    relying_party: &RelyingParty,
    parts: &Parts,
    status: StatusCode,
    sub_status: SubStatus,
    return_to: &ReturnTo,
) -> Option<Onward> {
    match (Route::of(relying_party, parts.uri.path()), status) {
        // Nothing that visitors do mends the configuration.
        (_, StatusCode::INTERNAL_SERVER_ERROR) => None,
        (Some(Route::Callback { provider }), _) => {
            let provider = &relying_party.provider(&provider)?.id;
            let href = login::address(relying_party, provider, return_to);
            Some(Onward { label: TRY_AGAIN, href })
        }
        (Some(Route::Me) | None, StatusCode::UNAUTHORIZED) => {
            let provider = relying_party.settings().redirect_to.as_ref()?;
            let href = login::address(relying_party, provider, &here(relying_party, parts));
            let looped = sub_status == SubStatus::InfiniteRedirectLoop;
            Some(Onward { label: if looped { TRY_AGAIN } else { SIGN_IN }, href })
        }
        (
            Some(Route::Login { .. }) | None,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE,
        ) if parts.method == Method::GET => {
            let same = parts.uri.path_and_query().filter(|same| same.as_str().starts_with('/'))?;
            let href = format!("{}{same}", relying_party.settings().origin);
            Some(Onward { label: TRY_AGAIN, href })
        }
        _ => None,
    }
}

/// The page that was asked for; one that was sent a form cannot be returned to.
fn here(relying_party: &RelyingParty, parts: &Parts) -> ReturnTo {
    if parts.method != Method::GET {
        return ReturnTo::default();
    }
    relying_party.settings().destinations.of_request(&parts.uri)
}

const SIGN_IN: &str = "Sign in";
const TRY_AGAIN: &str = "Try again";
