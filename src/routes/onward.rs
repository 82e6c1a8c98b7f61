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
            // Who is signed in there would be sent back at once, as the same.
            if sub_status == SubStatus::AuthorizationCheckFailed {
                let href = format!("{href}&prompt=select_account");
                return Some(Onward { label: ANOTHER, href });
            }
            Some(Onward { label: TRY_AGAIN, href })
        }
        (Some(Route::Me | Route::Refresh) | None, StatusCode::UNAUTHORIZED) => {
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

const ANOTHER: &str = "Use another account";
const SIGN_IN: &str = "Sign in";
const TRY_AGAIN: &str = "Try again";

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::config::Config;
    use crate::provider::OpenIdConnect;

    fn relying_party() -> RelyingParty {
        let provider = OpenIdConnect::new("op", "https://op.example", "web", "a-secret");
        let config = Config::builder().public_origin("https://app.example").provider(provider);
        RelyingParty::new(config.build().unwrap())
    }

    #[test]
    fn a_refusal_leads_to_what_may_work_now() {
        let relying_party = relying_party();
        let cancelled = relying_party.settings().destinations.parse("/orders?x=1").unwrap();
        let login = "https://app.example/.auth/login/op?post_login_redirect_uri=";

        for (method, uri, status, expected) in [
            (
                "GET",
                "/.auth/login/op/callback?error=x",
                403,
                Some(("Try again", "%2Forders%3Fx%3D1")),
            ),
            ("POST", "/.auth/login/op/callback", 400, Some(("Try again", "%2Forders%3Fx%3D1"))),
            ("GET", "/.auth/login/op/callback?code=x", 500, None),
            ("GET", "/.auth/login/nobody/callback", 404, None),
            ("GET", "/.auth/login/op?session_mode=token", 400, None),
            ("GET", "/.auth/me", 401, Some(("Sign in", "%2F"))),
            ("GET", "/a?b=c&d", 401, Some(("Sign in", "%2Fa%3Fb%3Dc%26d"))),
            ("POST", "/a?b=c", 401, Some(("Sign in", "%2F"))),
            ("GET", "//evil.example/", 401, Some(("Sign in", "%2F"))),
            ("GET", "/a", 403, None),
            ("GET", "/a", 404, None),
            ("POST", "/a", 503, None),
        ] {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            let (parts, ()) = request.into_parts();
            let status = StatusCode::from_u16(status).unwrap();
            let sub_status = SubStatus::LoginProtocolError;

            let onward = of(&relying_party, &parts, status, sub_status, &cancelled);

            let found = onward.as_ref().map(|onward| (onward.label, onward.href.as_str()));
            let expected = expected.map(|(label, target)| (label, format!("{login}{target}")));
            let expected = expected.as_ref().map(|(label, href)| (*label, href.as_str()));
            assert_eq!(found, expected, "{method} {uri} {status}");
        }
    }

    #[test]
    fn an_account_that_is_not_let_in_leads_to_the_choice_of_another() {
        let relying_party = relying_party();
        let (parts, ()) =
            Request::get("/.auth/login/op/callback?code=c").body(()).unwrap().into_parts();
        let not_let_in = (StatusCode::FORBIDDEN, SubStatus::AuthorizationCheckFailed);

        let onward =
            of(&relying_party, &parts, not_let_in.0, not_let_in.1, &ReturnTo::default()).unwrap();

        let login = "https://app.example/.auth/login/op?post_login_redirect_uri=%2F";
        assert_eq!(onward.label, "Use another account");
        assert_eq!(onward.href, format!("{login}&prompt=select_account"));
    }

    #[test]
    fn what_failed_for_want_of_a_service_is_asked_for_again_and_never_elsewhere() {
        let relying_party = relying_party();

        for (uri, expected) in [
            ("/.auth/login/op?domain_hint=x", "https://app.example/.auth/login/op?domain_hint=x"),
            ("/a?b", "https://app.example/a?b"),
            ("//evil.example/", "https://app.example//evil.example/"),
        ] {
            let (parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
            let (away, sub_status) =
                (StatusCode::SERVICE_UNAVAILABLE, SubStatus::LoginProtocolError);

            let onward = of(&relying_party, &parts, away, sub_status, &ReturnTo::default());

            assert_eq!(onward.unwrap().href, expected);
        }
    }
}
