//! What a 401 says: whether it is Easy Auth's own, and so came before the application saw anything.

use http::{HeaderMap, Method, Response, StatusCode, header};

/// Who refuses a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Challenge {
    /// Easy Auth, in its own words: the application has not seen the request.
    Ours,
    /// Easy Auth or the application: it does not say.
    Unclear,
}

impl Challenge {
    /// What `response` says to somebody who asked at `host`; `None` if no session token would change
    /// its mind.
    pub(super) fn of<B>(response: &Response<B>, host: &str) -> Option<Self> {
        if response.status() != StatusCode::UNAUTHORIZED {
            return None;
        }
        let mut bearer = false;
        let mut any = false;
        for challenge in challenges(response.headers()) {
            any = true;
            let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
            if !scheme.eq_ignore_ascii_case("Bearer") {
                continue;
            }
            bearer = true;
            if realm(parameters).is_some_and(|realm| realm.eq_ignore_ascii_case(host)) {
                return Some(Self::Ours);
            }
        }
        (bearer || !any).then_some(Self::Unclear)
    }

    /// Whether a request that got this answer may be sent once more without doing anything twice.
    pub(super) fn permits_replay(self, method: &Method) -> bool {
        self == Self::Ours || method.is_idempotent()
    }
}

fn challenges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(header::WWW_AUTHENTICATE).iter().map(|value| value.to_str().unwrap_or("?"))
}

/// The value of `realm`, the first parameter: Easy Auth writes it there, and separates those that
/// follow by spaces.
fn realm(parameters: &str) -> Option<&str> {
    let value = parameters.trim_start().strip_prefix("realm=\"")?;
    value.split_once('"').map(|(realm, _)| realm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_132_only_easy_auths_own_words_are_its_own() {
        for (status, challenges, expected) in [
            (401, &[r#"Bearer realm="app.example""#][..], Some(Challenge::Ours)),
            (
                401,
                &[r#"Bearer realm="app.example" authorization_uri="https://x" resource_id="y""#],
                Some(Challenge::Ours),
            ),
            (401, &[r#"bearer realm="APP.example""#], Some(Challenge::Ours)),
            (401, &["Basic realm=\"x\"", r#"Bearer realm="app.example""#], Some(Challenge::Ours)),
            (401, &[], Some(Challenge::Unclear)),
            (401, &["Bearer"], Some(Challenge::Unclear)),
            (401, &[r#"Bearer realm="api""#], Some(Challenge::Unclear)),
            (401, &[r#"Bearer error="invalid_token""#], Some(Challenge::Unclear)),
            (401, &[r#"Basic realm="app.example""#], None),
            (401, &["Negotiate"], None),
            (401, &["Basic realm=\"Bearer realm=\\\"app.example\\\"\""], None),
            (403, &[r#"Bearer realm="app.example""#], None),
            (407, &[r#"Bearer realm="app.example""#], None),
            (200, &[r#"Bearer realm="app.example""#], None),
        ] {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for challenge in challenges {
                response.headers_mut().append(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
            }
            assert_eq!(
                Challenge::of(&response, "app.example"),
                expected,
                "{status} {challenges:?}"
            );
        }
    }

    #[test]
    fn t_136_what_may_have_had_effects_is_not_sent_twice() {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert!(Challenge::Unclear.permits_replay(&method), "{method}");
        }
        for method in [Method::POST, Method::PATCH, Method::CONNECT] {
            assert!(!Challenge::Unclear.permits_replay(&method), "{method}");
            assert!(Challenge::Ours.permits_replay(&method), "{method}");
        }
    }
}
