//! What stands in a record's file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::{Entry, MAX_RECORD, StoreError, Version};

/// A sealed record and what the store must know of it.
#[derive(Debug)]
pub(super) struct Envelope {
    /// Random, and new with each write: a version that somebody remembers never fits another state,
    /// not even after the record was deleted and filed anew.
    pub(super) revision: String,
    pub(super) expires_at: Timestamp,
    sealed: Bytes,
}

impl Envelope {
    /// A new state of a record.
    pub(super) fn seal(expires_at: Timestamp, sealed: Bytes) -> Result<Self, StoreError> {
        let mut random = [0; 16];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| StoreError::unavailable("the system gave no random numbers"))?;
        let revision = format!("{:032x}", u128::from_be_bytes(random));
        Ok(Self { revision, expires_at, sealed })
    }

    pub(super) fn version(&self) -> Version {
        Version::new(self.revision.clone())
    }

    pub(super) fn into_entry(self) -> Entry {
        let version = self.version();
        Entry::new(self.sealed, version, self.expires_at)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        let sealed = STANDARD.encode(&self.sealed);
        let written = Written {
            version: FORMAT,
            revision: &self.revision,
            expires_at: self.expires_at.as_unix(),
            sealed: &sealed,
        };
        serde_json::to_vec(&written).map_err(StoreError::unavailable)
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        let written: Written<'_> = match serde_json::from_slice(json) {
            Ok(written) => written,
            Err(_) if format_of(json).is_some_and(|format| format > FORMAT) => {
                return Err(Unreadable::Newer);
            }
            Err(_) => return Err(Unreadable::Damaged("not the JSON of a record")),
        };
        if written.version > FORMAT {
            return Err(Unreadable::Newer);
        }
        let sealed = STANDARD
            .decode(written.sealed)
            .map_err(|_| Unreadable::Damaged("its base64 is damaged"))?;
        if sealed.len() > MAX_RECORD {
            return Err(Unreadable::Damaged("too long"));
        }
        Ok(Self {
            revision: written.revision.to_owned(),
            expires_at: Timestamp::from_unix(written.expires_at),
            sealed: sealed.into(),
        })
    }
}

/// Why a file is no record.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Unreadable {
    /// Nothing can be made of it any more.
    Damaged(&'static str),
    /// A later version of this library wrote it. It is left to that version.
    Newer,
}

#[derive(Deserialize, Serialize)]
struct Written<'a> {
    version: u32,
    revision: &'a str,
    expires_at: i64,
    sealed: &'a str,
}

fn format_of(json: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Format {
        version: u32,
    }
    serde_json::from_slice::<Format>(json).ok().map(|format| format.version)
}

/// The longest file, in bytes: a record of full length in base64, and the words around it.
pub(super) const MAX_FILE: u64 = (MAX_RECORD as u64).div_ceil(3) * 4 + 256;
const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_as_it_always_did() {
        let json = br#"{"version":1,"revision":"0a","expires_at":-5,"sealed":"AP8="}"#;

        let envelope = Envelope::parse(json).unwrap();

        assert_eq!(envelope.to_json().unwrap(), json);
        let entry = envelope.into_entry();
        assert_eq!(entry.sealed.as_ref(), [0, 255]);
        assert_eq!(entry.expires_at, Timestamp::from_unix(-5));
        assert_eq!(entry.version.as_bytes(), b"0a");
    }

    #[test]
    fn the_longest_record_fits_the_longest_file() {
        let envelope =
            Envelope::seal(Timestamp::from_unix(i64::MIN), vec![0; MAX_RECORD].into()).unwrap();

        assert!(envelope.to_json().unwrap().len() as u64 <= MAX_FILE);
    }

    #[test]
    fn no_two_states_have_one_revision() {
        let seal = || Envelope::seal(Timestamp::default(), Bytes::new()).unwrap();

        assert_ne!(seal().revision, seal().revision);
    }

    #[test]
    fn t_117_what_is_no_record_is_damaged_and_nothing_more() {
        let whole = br#"{"version":1,"revision":"0a","expires_at":5,"sealed":"AP8="}"#;
        let truncated = (0..whole.len()).map(|length| whole[..length].to_vec());
        let garbage = [
            b"\0\xff\xfe".to_vec(),
            b"[]".to_vec(),
            b"null".to_vec(),
            br#"{"version":1,"revision":"0a","expires_at":5,"sealed":"AP8"}"#.to_vec(),
            br#"{"version":1,"revision":"0a","expires_at":1e99,"sealed":""}"#.to_vec(),
            br#"{"version":-1,"revision":"0a","expires_at":5,"sealed":""}"#.to_vec(),
            [whole.as_slice(), b"}"].concat(),
            "[".repeat(100_000).into_bytes(),
        ];

        for json in truncated.chain(garbage) {
            assert!(matches!(Envelope::parse(&json), Err(Unreadable::Damaged(_))), "{json:?}");
        }
    }

    #[test]
    fn a_later_format_is_not_taken_for_damage() {
        for json in [
            r#"{"version":2,"revision":"0a","expires_at":5,"sealed":""}"#,
            r#"{"version":2,"anything":["else"]}"#,
        ] {
            assert_eq!(Envelope::parse(json.as_bytes()).unwrap_err(), Unreadable::Newer);
        }
    }
}
