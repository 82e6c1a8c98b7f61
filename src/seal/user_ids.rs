//! User keys: the names of records, which say nothing about whose they are.

use ring::hmac;

use super::Key;
use crate::principal::{Issuer, ProviderId, Subject};
use crate::session::UserKey;

/// Makes the user keys of one application.
///
/// Its key is never rotated: another key would make every user a new one.
#[derive(Clone, Debug)]
pub(crate) struct UserIds {
    key: hmac::Key,
    app_id: Box<str>,
}

impl UserIds {
    /// The names that users have in the application `app_id`. Applications that share keys and a
    /// store do not take one another's records for damaged ones of their own, and replace them.
    pub(crate) fn new(key: &Key, app_id: &str) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key.bytes()), app_id: app_id.into() }
    }

    /// The key of the user whom `issuer` calls `subject`, signed in through `provider`.
    pub(crate) fn user_key(
        &self,
        provider: &ProviderId,
        issuer: &Issuer,
        subject: &Subject,
    ) -> UserKey {
        self.key_of(b"user", &[&self.app_id, provider.as_str(), issuer.as_str(), subject.as_str()])
    }

    fn key_of(&self, label: &[u8], parts: &[&str]) -> UserKey {
        let mut context = hmac::Context::with_key(&self.key);
        for part in std::iter::once(label).chain(parts.iter().map(|part| part.as_bytes())) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut key = [0; 16];
        key.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        UserKey::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_keys_tell_provider_issuer_and_subject_apart() {
        let bytes: Vec<u8> = (0..32).collect();
        let key = Key::from_bytes(&bytes).unwrap();
        let ids = UserIds::new(&key, "");
        let of = |provider: &str, issuer: &str, subject: &str| {
            let provider = ProviderId::parse(provider).unwrap();
            ids.user_key(&provider, &Issuer::new(issuer), &Subject::new(subject))
        };
        let alice = of("op", "https://a", "alice");

        assert_eq!(alice, of("op", "https://a", "alice"));
        assert_ne!(alice, of("oq", "https://a", "alice"));
        assert_ne!(alice, of("op", "https://b", "alice"));
        assert_ne!(of("op", "https://a", "bc"), of("op", "https://ab", "c"));
        assert_eq!(alice.to_string().len(), 32);
        let elsewhere = UserIds::new(&key, "other");
        let (provider, issuer) = (ProviderId::parse("op").unwrap(), Issuer::new("https://a"));
        assert_ne!(alice, elsewhere.user_key(&provider, &issuer, &Subject::new("alice")));
    }
}
