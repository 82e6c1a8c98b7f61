//! The names of the files: nothing but hexadecimal digits, whoever the user.

use std::fmt;

use crate::session::UserKey;

/// The file of one user: `<32 hexadecimal digits>.json`.
pub(super) struct RecordName {
    shard: ShardName,
    digits: String,
    file: String,
}

impl RecordName {
    pub(super) fn of(key: UserKey) -> Self {
        let digits = key.to_string();
        let [first, ..] = *key.as_bytes();
        Self { shard: ShardName(first), file: format!("{digits}{SUFFIX}"), digits }
    }

    /// The record that `file` in `shard` is the name of, if it is one.
    pub(super) fn parse(shard: ShardName, file: &str) -> Option<Self> {
        let digits = file.strip_suffix(SUFFIX)?;
        let bytes = u128::from_str_radix(digits, 16).ok()?.to_be_bytes();
        let name = Self::of(UserKey::new(bytes));
        (name.file == file && name.shard == shard).then_some(name)
    }

    pub(super) const fn shard(&self) -> ShardName {
        self.shard
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Where the record goes if it cannot be read. One name per record, so that damage that comes
    /// again and again does not fill the disk.
    pub(super) fn set_aside(&self) -> String {
        format!("{}.corrupt", self.digits)
    }
}

/// One of the 256 directories: the first two digits of its records' names.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) struct ShardName(u8);

impl ShardName {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

const SUFFIX: &str = ".json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_110_a_file_is_named_by_hexadecimal_digits_whatever_the_key() {
        for bytes in [[0; 16], [0xff; 16], *b"../../etc/passwd", *b"CON\0con.NUL:AUX "] {
            let name = RecordName::of(UserKey::new(bytes));

            let (digits, suffix) = name.file().split_at(32);
            assert_eq!(suffix, ".json");
            assert!(digits.bytes().all(|digit| b"0123456789abcdef".contains(&digit)), "{digits}");
            assert_eq!(name.shard().to_string(), digits[..2]);
        }
    }

    #[test]
    fn t_99_each_key_has_a_file_of_its_own() {
        let (mut alice, bob) = ([7; 16], [7; 16]);
        alice[15] = 8;

        assert_ne!(
            RecordName::of(UserKey::new(alice)).file(),
            RecordName::of(UserKey::new(bob)).file()
        );
    }

    #[test]
    fn only_our_own_names_are_taken_for_records() {
        let shard = ShardName(0xab);
        let ours = format!("ab{}.json", "0".repeat(30));
        assert!(RecordName::parse(shard, &ours).is_some_and(|name| name.file() == ours));

        for other in [
            ours.to_uppercase(),
            ours.replace(".json", ".tmp"),
            ours.replace("ab", "ba"),
            ours.replace("ab", "+b"),
            ours.replace("ab", "ab0"),
            ours.replace("ab", "a"),
            ".lock".to_owned(),
            ".json".to_owned(),
        ] {
            assert!(RecordName::parse(shard, &other).is_none(), "{other}");
        }
    }
}
