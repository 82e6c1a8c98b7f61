//! Values that must not be printed, nor compared in a way that stops early.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that must reach neither a log nor a message of ours.
///
/// It is wiped from memory when dropped, has no `Display`, `Serialize` or `PartialEq`, and its
/// `Debug` says only that it is there.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of `value`.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place to look at in review.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `presented` equals the value, in time that depends on neither's content.
    #[must_use]
    pub fn matches(&self, presented: impl AsRef<[u8]>) -> bool {
        let (kept, presented) = (self.0.as_ref(), presented.as_ref());
        if kept.len() != presented.len() {
            return false;
        }
        // By words, for a cookie is compared on every request; without an end before the last.
        let ((kept, last), (presented, presented_last)) =
            (kept.as_chunks::<8>(), presented.as_chunks::<8>());
        let differences = kept.iter().zip(presented).fold(0, |differences, (a, b)| {
            differences | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
        });
        let equal = differences.ct_eq(&0) & last.ct_eq(presented_last);
        equal.into()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self::new(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_talk() {
        let secret = Secret::from("hunter2");

        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(secret.matches("hunter2"));
        assert!(!secret.matches("hunter"));
        assert!(!secret.matches("hunter3"));
    }

    #[test]
    fn every_byte_counts_at_every_length() {
        let value: Vec<u8> = (0..40).collect();
        for length in 0..value.len() {
            let (value, _) = value.split_at(length);
            let secret = Secret::new(value.to_vec());
            assert!(secret.matches(value), "{length}");
            for position in 0..length {
                let mut other = value.to_vec();
                other[position] ^= 0x80;
                assert!(!secret.matches(&other), "{length}, {position}");
            }
        }
    }
}
