//! The inside of a record of the token store: JSON behind a version byte, sealed under the user's
//! key, so that a record filed under another user does not open.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::session::StoredIdentity;
use crate::clock::Timestamp;
use crate::principal::{Identity, Issuer, Subject};
use crate::record::{Grant, Lease, Original, Record};
use crate::seal::{KeyRing, Purpose, RandomError};
use crate::secret::Secret;
use crate::session::{Authentication, Followed, Session, SessionId, UserKey};
use crate::token::{Plaintext, TokenSet};

/// Seals `record` for the user of `key`.
pub(crate) fn encode(
    record: &Record,
    key: &UserKey,
    keys: &KeyRing,
    now: Timestamp,
) -> Result<Bytes, RandomError> {
    keys.seal(Purpose::Record, &key.to_string(), now, &write(record)).map(Bytes::from)
}

/// Reads back what [`encode`] made for the user of `key`. `None` if it was made for another user,
/// with a key that has been retired, or changed since.
pub(crate) fn decode(
    sealed: &[u8],
    key: &UserKey,
    keys: &KeyRing,
    now: Timestamp,
) -> Option<Record> {
    let mut sealed = Plaintext::new(sealed.to_vec());
    read(keys.open(Purpose::Record, &key.to_string(), now, u16::MAX, &mut sealed)?)
}

fn write(record: &Record) -> Plaintext {
    let mut plain = Plaintext::new(vec![VERSION]);
    // Writing plain structures into a vector cannot fail; an empty record would not be read back.
    let _ = serde_json::to_writer(&mut *plain, &Stored::from(record));
    plain
}

fn read(plain: &[u8]) -> Option<Record> {
    let (version, json) = plain.split_first()?;
    if *version != VERSION {
        return None;
    }
    serde_json::from_slice::<Stored>(json).ok()?.restore()
}

#[derive(Deserialize, Serialize)]
struct Stored {
    issuer: String,
    subject: String,
    generation: u64,
    issued_at: i64,
    identity: StoredIdentity,
    told_from: usize,
    tokens: StoredTokens,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<StoredOriginal>,
    sessions: Vec<StoredSession>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<StoredLease>,
}

#[derive(Deserialize, Serialize)]
struct StoredTokens {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token_secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authentication_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct StoredOriginal {
    /// Absent if it is the record's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    audiences: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorized_party: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    posted: bool,
}

#[derive(Deserialize, Serialize)]
struct StoredSession {
    id: [u8; 16],
    created_at: i64,
    renewed_at: i64,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_sid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_generation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    followed: Option<StoredFollowed>,
}

#[derive(Deserialize, Serialize)]
struct StoredFollowed {
    generation: u64,
    at: i64,
}

#[derive(Deserialize, Serialize)]
struct StoredLease {
    holder: [u8; 16],
    fence: u64,
    beat: u64,
}

impl From<&Record> for Stored {
    fn from(record: &Record) -> Self {
        Self {
            issuer: record.issuer.as_str().to_owned(),
            subject: record.subject.as_str().to_owned(),
            generation: record.grant.generation,
            issued_at: record.grant.issued_at.as_unix(),
            identity: StoredIdentity::from(&record.grant.identity),
            told_from: record.grant.told_from,
            tokens: StoredTokens::from(&*record.grant.tokens),
            original: record
                .grant
                .original
                .as_ref()
                .map(|original| StoredOriginal::new(original, &record.subject)),
            sessions: record.sessions.iter().map(StoredSession::from).collect(),
            lease: record.lease.map(|Lease { holder, fence, beat }| StoredLease {
                holder,
                fence,
                beat,
            }),
        }
    }
}

impl Stored {
    fn restore(self) -> Option<Record> {
        let subject = Subject::new(&self.subject);
        Some(Record {
            issuer: Issuer::new(&self.issuer),
            subject: subject.clone(),
            grant: Grant {
                generation: self.generation,
                issued_at: Timestamp::from_unix(self.issued_at),
                original: self.original.map(|original| original.restore(subject)),
                tokens: Arc::new(self.tokens.into()),
                identity: Identity::try_from(self.identity).ok()?,
                told_from: self.told_from,
            },
            sessions: self.sessions.into_iter().map(Session::from).collect(),
            lease: self.lease.map(|StoredLease { holder, fence, beat }| Lease {
                holder,
                fence,
                beat,
            }),
        })
    }
}

impl StoredOriginal {
    fn new(original: &Original, of_record: &Subject) -> Self {
        let subject = Some(&original.subject).filter(|subject| *subject != of_record);
        Self {
            subject: subject.map(|subject| subject.as_str().to_owned()),
            audiences: original.audiences.clone(),
            authorized_party: original.authorized_party.clone(),
            auth_time: original.auth_time.map(Timestamp::as_unix),
            nonce: original.nonce.as_ref().map(|nonce| nonce.expose().clone()),
            posted: original.posted,
        }
    }

    fn restore(self, of_record: Subject) -> Original {
        Original {
            subject: self.subject.as_deref().map_or(of_record, Subject::new),
            audiences: self.audiences,
            authorized_party: self.authorized_party,
            auth_time: self.auth_time.map(Timestamp::from_unix),
            nonce: self.nonce.map(Secret::new),
            posted: self.posted,
        }
    }
}

impl From<&TokenSet> for StoredTokens {
    fn from(tokens: &TokenSet) -> Self {
        let text = |token: &Option<Secret<String>>| token.as_ref().map(|t| t.expose().clone());
        Self {
            access_token: text(&tokens.access_token),
            access_token_secret: text(&tokens.access_token_secret),
            authentication_token: text(&tokens.authentication_token),
            id_token: text(&tokens.id_token),
            refresh_token: text(&tokens.refresh_token),
            expires_at: tokens.expires_at.map(Timestamp::as_unix),
            scope: tokens.scope.clone(),
        }
    }
}

impl From<StoredTokens> for TokenSet {
    fn from(stored: StoredTokens) -> Self {
        Self {
            access_token: stored.access_token.map(Secret::new),
            access_token_secret: stored.access_token_secret.map(Secret::new),
            authentication_token: stored.authentication_token.map(Secret::new),
            id_token: stored.id_token.map(Secret::new),
            refresh_token: stored.refresh_token.map(Secret::new),
            expires_at: stored.expires_at.map(Timestamp::from_unix),
            scope: stored.scope,
        }
    }
}

impl From<&Session> for StoredSession {
    fn from(session: &Session) -> Self {
        Self {
            id: *session.id.as_bytes(),
            created_at: session.created_at.as_unix(),
            renewed_at: session.renewed_at.as_unix(),
            expires_at: session.expires_at.as_unix(),
            device: session.device.clone(),
            provider_sid: session.provider_sid.clone(),
            auth_time: session.authentication.time,
            acr: session.authentication.context.clone(),
            amr: session.authentication.methods.clone(),
            token_generation: session.token_generation,
            followed: session
                .followed
                .map(|Followed { generation, at }| StoredFollowed { generation, at: at.as_unix() }),
        }
    }
}

impl From<StoredSession> for Session {
    fn from(stored: StoredSession) -> Self {
        Self {
            id: SessionId::new(stored.id),
            created_at: Timestamp::from_unix(stored.created_at),
            renewed_at: Timestamp::from_unix(stored.renewed_at),
            expires_at: Timestamp::from_unix(stored.expires_at),
            device: stored.device,
            provider_sid: stored.provider_sid,
            authentication: Authentication {
                time: stored.auth_time,
                context: stored.acr,
                methods: stored.amr,
            },
            token_generation: stored.token_generation,
            followed: stored.followed.map(|StoredFollowed { generation, at }| Followed {
                generation,
                at: Timestamp::from_unix(at),
            }),
        }
    }
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{Claim, ProviderId};
    use crate::seal::Key;

    fn record() -> Record {
        Record {
            issuer: Issuer::new("https://op.example"),
            subject: Subject::new("alice"),
            grant: Grant {
                generation: 4,
                issued_at: Timestamp::from_unix(1_760_000_000),
                told_from: 1,
                original: Some(Original {
                    subject: Subject::new("alice"),
                    audiences: vec!["web".to_owned()],
                    authorized_party: Some("web".to_owned()),
                    auth_time: Some(Timestamp::from_unix(1_759_999_999)),
                    nonce: Some("nonce".into()),
                    posted: false,
                }),
                tokens: Arc::new(TokenSet {
                    access_token: Some("at".into()),
                    refresh_token: Some("rt".into()),
                    id_token: Some("it".into()),
                    expires_at: Some(Timestamp::from_unix(1_760_003_600)),
                    scope: Some("openid profile".to_owned()),
                    ..TokenSet::default()
                }),
                identity: Identity {
                    provider: ProviderId::parse("op").unwrap(),
                    user_id: "alice".to_owned(),
                    name: "Alice Ünïcode".to_owned(),
                    name_typ: "name".to_owned(),
                    claims: vec![Claim::new("sub", "alice"), Claim::new("groups", "a,\"b\"")],
                },
            },
            sessions: vec![Session {
                id: SessionId::new([5; 16]),
                created_at: Timestamp::from_unix(1_760_000_000),
                renewed_at: Timestamp::from_unix(1_760_000_001),
                expires_at: Timestamp::from_unix(1_760_028_800),
                device: Some("Firefox".to_owned()),
                provider_sid: Some("sid-1".to_owned()),
                authentication: Authentication {
                    time: Some(1_759_999_999),
                    context: Some("urn:pwd".to_owned()),
                    methods: vec!["pwd".to_owned(), "otp".to_owned()],
                },
                token_generation: None,
                followed: None,
            }],
            lease: Some(Lease { holder: [6; 16], fence: 2, beat: 9 }),
        }
    }

    #[test]
    fn a_record_is_written_as_the_first_release_wrote_it_and_read_back() {
        let golden = include_str!("golden/record-1.json").trim_end();

        let written = write(&record());
        assert_eq!(written[0], 1);
        assert_eq!(std::str::from_utf8(&written[1..]).unwrap(), golden);

        let read = read(&written).unwrap();
        assert_eq!(*write(&read), *written);
    }

    #[test]
    fn a_user_whom_the_provider_knows_by_another_name_than_its_id_tokens_is_read_back() {
        let mut record = record();
        record.subject = Subject::new("object-id");
        let read = read(&write(&record)).unwrap();

        assert_eq!(read.subject, Subject::new("object-id"));
        assert_eq!(read.grant.original.unwrap().subject, Subject::new("alice"));
    }

    #[test]
    fn a_refresh_token_that_was_posted_is_known_for_one() {
        for posted in [true, false] {
            let mut record = record();
            record.grant.original.as_mut().unwrap().posted = posted;

            let read = read(&write(&record)).unwrap();

            assert_eq!(read.grant.original.unwrap().posted, posted);
        }
    }

    #[test]
    fn the_session_token_before_the_newest_is_remembered() {
        let mut record = record();
        let session = record.sessions.first_mut().unwrap();
        session.note_token(4, Timestamp::from_unix(1_760_000_001));
        session.note_token(6, Timestamp::from_unix(1_760_000_002));
        let followed = session.followed;

        let read = read(&write(&record)).unwrap();

        assert!(followed.is_some());
        assert_eq!(read.sessions.first().unwrap().followed, followed);
    }

    #[test]
    fn members_that_a_later_release_adds_do_not_hurt() {
        let later = format!(
            "\u{1}{}",
            include_str!("golden/record-1.json").trim_end().replacen('{', r#"{"later":[1],"#, 1)
        );

        assert!(read(later.as_bytes()).is_some());
        assert!(read(format!("\u{2}{}", &later[1..]).as_bytes()).is_none());
        assert!(read(b"").is_none());
        assert!(read(b"\x01{}").is_none());
    }

    #[test]
    fn t_99_a_record_filed_under_another_user_does_not_open() {
        let bytes: Vec<u8> = (0..32).collect();
        let keys = KeyRing::new(&[Key::from_bytes(&bytes).unwrap()], "").unwrap();
        let now = Timestamp::from_unix(1_760_000_000);
        let alice = UserKey::new([1; 16]);
        let sealed = encode(&record(), &alice, &keys, now).unwrap();

        assert!(decode(&sealed, &alice, &keys, now).is_some());
        assert!(decode(&sealed, &UserKey::new([2; 16]), &keys, now).is_none());
        let later = now.after(std::time::Duration::from_secs(400 * 86_400));
        assert!(decode(&sealed, &alice, &keys, later).is_some());
    }
}
