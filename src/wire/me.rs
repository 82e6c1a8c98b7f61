//! The JSON of `/.auth/me`.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::principal::{Claim, Principal};
use crate::secret::Secret;
use crate::token::TokenSet;

/// The caller as an array of one, as the original answers.
pub(crate) fn array(principal: &Principal, now: Timestamp) -> Vec<u8> {
    write(&[Entry::new(principal, now)])
}

/// The caller's entry alone if `provider`, in whatever case, vouches for them, else `{}`.
pub(crate) fn entry(principal: &Principal, provider: &str, now: Timestamp) -> Vec<u8> {
    if principal.provider().is_named(provider) {
        write(&Entry::new(principal, now))
    } else {
        b"{}".to_vec()
    }
}

fn write(value: &impl Serialize) -> Vec<u8> {
    // Writing strings into a vector cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}

/// In alphabetical order, as the original's serialiser has it; absent tokens are left out.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_on: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    provider_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    user_claims: &'a [Claim],
    user_id: &'a str,
}

impl<'a> Entry<'a> {
    fn new(principal: &'a Principal, now: Timestamp) -> Self {
        let tokens = principal.tokens();
        let text = |token: fn(&TokenSet) -> &Option<Secret<String>>| {
            tokens.and_then(|tokens| token(tokens).as_ref()).map(|token| token.expose().as_str())
        };
        // The original leaves an expired access token out since 1.6.2: whoever reads it here would
        // only be refused with it.
        let expired = tokens.is_some_and(|tokens| tokens.expired(now));
        Self {
            access_token: text(|tokens| &tokens.access_token).filter(|_| !expired),
            access_token_secret: text(|tokens| &tokens.access_token_secret),
            authentication_token: text(|tokens| &tokens.authentication_token),
            expires_on: tokens.and_then(|tokens| tokens.expires_at).map(Timestamp::to_iso8601),
            id_token: text(|tokens| &tokens.id_token),
            provider_name: principal.provider().as_str(),
            refresh_token: text(|tokens| &tokens.refresh_token),
            user_claims: principal.claims(),
            user_id: principal.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::principal::{Identity, ProviderId};

    fn principal(tokens: Option<TokenSet>) -> Principal {
        Principal::new(
            Identity {
                provider: ProviderId::parse("op").unwrap(),
                user_id: "248289761001".to_owned(),
                name: "alice@example.test".to_owned(),
                name_typ: "email".to_owned(),
                claims: vec![Claim::new("name", "Ünï"), Claim::new("url", "https://a/b")],
            },
            tokens.map(Arc::new),
        )
    }

    fn tokens() -> TokenSet {
        TokenSet {
            access_token: Some("at".into()),
            id_token: Some("it".into()),
            refresh_token: Some("rt".into()),
            expires_at: Some(Timestamp::from_unix(1_470_957_740)),
            ..TokenSet::default()
        }
    }

    #[test]
    fn the_keys_stand_in_the_originals_order() {
        let now = Timestamp::from_unix(0);
        let written = String::from_utf8(array(&principal(Some(tokens())), now)).unwrap();

        assert_eq!(written, include_str!("golden/me.json").trim_end());
    }

    #[test]
    fn an_expired_access_token_is_left_out() {
        let now = Timestamp::from_unix(1_470_957_740);
        let written = String::from_utf8(array(&principal(Some(tokens())), now)).unwrap();

        assert!(!written.contains("access_token"));
        assert!(written.contains("refresh_token"));
        assert!(written.contains("expires_on"));
    }

    #[test]
    fn one_provider_is_asked_for_by_name() {
        let now = Timestamp::from_unix(0);

        assert_eq!(entry(&principal(None), "other", now), b"{}");
        assert!(entry(&principal(None), "op", now).starts_with(br#"{"provider_name":"op""#));
    }
}
