//! Sealing: what we hand to browsers and stores comes back unread and unchanged, or not at all.
//!
//! A sealed value is
//!
//! ```text
//! version (1) | key id (4) | UTC day (2) | nonce (12) | ciphertext | tag (16)
//! ```
//!
//! under AES-256-GCM. The key is derived by HKDF-SHA256 from a configured key for one purpose and
//! one day, so that no key comes near the number of random nonces it could take. The associated
//! data are the header, the purpose, the application's id and the value's name: a value put in
//! another's place does not open.

mod user_ids;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use quick_cache::sync::Cache;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

pub(crate) use self::user_ids::UserIds;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// A configured key: at least 32 bytes that nobody can guess.
///
/// Make one with `openssl rand -hex 32`.
#[derive(Clone, Debug)]
pub struct Key(Secret<Vec<u8>>);

impl Key {
    /// Reads a key as Azure writes `WEBSITE_AUTH_ENCRYPTION_KEY`: hexadecimal if every character is
    /// a hexadecimal digit, else base64.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is neither, decodes to fewer than 32 bytes, or is no random value.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(decode_key(text.trim())?);
        Self::from_bytes(&bytes)
    }

    /// The key of these bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if there are fewer than 32 of them, or they are no random value.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() < MIN_KEY {
            return Err(KeyError::Short(bytes.len()));
        }
        if !looks_random(bytes) {
            return Err(KeyError::Placeholder);
        }
        Ok(Self(Secret::new(bytes.to_vec())))
    }

    /// A new random key.
    ///
    /// # Errors
    ///
    /// [`RandomError`] if the operating system has no random numbers to give.
    pub fn generate() -> Result<Self, RandomError> {
        let mut bytes = Zeroizing::new([0; MIN_KEY]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| RandomError)?;
        Ok(Self(Secret::new(bytes.to_vec())))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether both keys are the same, in constant time.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.matches(other.bytes())
    }
}

/// Why a value cannot be a [`Key`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Neither hexadecimal nor base64.
    #[error("a key must be hexadecimal or base64; make one with `openssl rand -hex 32`")]
    Encoding,
    /// A value such as one byte repeated, or `changeme`.
    #[error(
        "a key must be random, this one is a placeholder; make one with `openssl rand -hex 32`"
    )]
    Placeholder,
    /// Fewer than 32 bytes.
    #[error(
        "a key must have at least 32 bytes, this one has {0}; make one with `openssl rand -hex 32`"
    )]
    Short(usize),
}

/// The operating system has no random numbers to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the operating system's random number generator failed")]
#[non_exhaustive]
pub struct RandomError;

/// Fresh random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

/// What a value is sealed for. One purpose's value never opens as another's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Purpose {
    AppCode,
    PendingLogin,
    Record,
    Session,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::AppCode => b"app code",
            Self::PendingLogin => b"pending login",
            Self::Record => b"record",
            Self::Session => b"session",
        }
    }
}

/// The keys that seal: the first makes, all open.
pub(crate) struct KeyRing {
    masters: Vec<Master>,
    app_id: Box<str>,
    derived: Cache<(KeyId, Purpose, u16), Arc<LessSafeKey>>,
}

type KeyId = [u8; 4];

struct Master {
    id: KeyId,
    key: hkdf::Prk,
}

impl KeyRing {
    /// A ring of `keys` for the application `app_id`. `None` if there is no key at all.
    pub(crate) fn new(keys: &[Key], app_id: &str) -> Option<Self> {
        if keys.is_empty() {
            return None;
        }
        let masters = keys.iter().filter_map(Master::new).collect();
        Some(Self { masters, app_id: app_id.into(), derived: Cache::new(DERIVED_KEYS) })
    }

    /// Seals `plaintext` under the first key, for `purpose` and under `name`.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        name: &str,
        now: Timestamp,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, RandomError> {
        let master = self.masters.first().ok_or(RandomError)?;
        let header = Header { key_id: master.id, day: now.day() };
        let key = self.derive(master, purpose, header.day).ok_or(RandomError)?;
        let nonce: [u8; NONCE_LEN] = random()?;

        let mut sealed = Vec::with_capacity(OVERHEAD + plaintext.len());
        sealed.extend_from_slice(&header.encode());
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(plaintext);
        let associated = self.associated(purpose, name, header);
        let (_, body) = sealed.split_at_mut(start);
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated.bytes()),
                body,
            )
            .map_err(|_| RandomError)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose and name, in place.
    ///
    /// `None`, for one reason or another that nobody outside need know, unless every bit of it is
    /// as it was, the key is still on the ring, and it was sealed on one of the last `max_days`
    /// days, today, or (a machine whose clock is ahead) tomorrow.
    pub(crate) fn open<'a>(
        &self,
        purpose: Purpose,
        name: &str,
        now: Timestamp,
        max_days: u16,
        sealed: &'a mut [u8],
    ) -> Option<&'a mut [u8]> {
        let (head, rest) = sealed.split_first_chunk_mut::<HEADER_LEN>()?;
        let header = Header::decode(head)?;
        let (nonce, body) = rest.split_first_chunk_mut::<NONCE_LEN>()?;
        let today = now.day();
        if header.day > today.saturating_add(1) || header.day < today.saturating_sub(max_days) {
            return None;
        }
        let master = self.masters.iter().find(|master| master.id == header.key_id)?;
        let key = self.derive(master, purpose, header.day)?;
        let associated = self.associated(purpose, name, header);
        key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated.bytes()), body)
            .ok()
    }

    fn derive(&self, master: &Master, purpose: Purpose, day: u16) -> Option<Arc<LessSafeKey>> {
        let at = (master.id, purpose, day);
        if let Some(key) = self.derived.get(&at) {
            return Some(key);
        }
        let info = [b"seal ", purpose.label(), &day.to_be_bytes()];
        let key = UnboundKey::from(master.key.expand(&info, &AES_256_GCM).ok()?);
        let key = Arc::new(LessSafeKey::new(key));
        self.derived.insert(at, Arc::clone(&key));
        Some(key)
    }

    fn associated(&self, purpose: Purpose, name: &str, header: Header) -> Associated {
        let mut associated = Associated::default();
        associated.push(&header.encode());
        associated.push(purpose.label());
        associated.push(self.app_id.as_bytes());
        associated.push(name.as_bytes());
        associated
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.masters.len()).finish_non_exhaustive()
    }
}

impl Master {
    fn new(key: &Key) -> Option<Self> {
        let key = hkdf::Salt::new(hkdf::HKDF_SHA256, b"easyauth").extract(key.bytes());
        let mut id = KeyId::default();
        key.expand(&[b"key id"], KeyIdLength).ok()?.fill(&mut id).ok()?;
        Some(Self { id, key })
    }
}

struct KeyIdLength;

impl hkdf::KeyType for KeyIdLength {
    fn len(&self) -> usize {
        size_of::<KeyId>()
    }
}

#[derive(Clone, Copy)]
struct Header {
    key_id: KeyId,
    day: u16,
}

impl Header {
    fn encode(self) -> [u8; HEADER_LEN] {
        let [a, b, c, d] = self.key_id;
        let [high, low] = self.day.to_be_bytes();
        [VERSION, a, b, c, d, high, low]
    }

    fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let [version, a, b, c, d, high, low] = *bytes;
        (version == VERSION)
            .then(|| Self { key_id: [a, b, c, d], day: u16::from_be_bytes([high, low]) })
    }
}

/// Associated data: each part behind its length, so that no two sequences of parts read alike.
///
/// On the stack, for every request opens a cookie.
struct Associated {
    bytes: [u8; MAX_ASSOCIATED],
    length: usize,
}

impl Default for Associated {
    fn default() -> Self {
        Self { bytes: [0; MAX_ASSOCIATED], length: 0 }
    }
}

impl Associated {
    /// Appends a part. Parts are names of ours and an application id of at most
    /// [`MAX_APP_ID`] bytes, so they fit; one that does not would shorten what is bound, so its
    /// length is bound in any case.
    fn push(&mut self, part: &[u8]) {
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.copy(&length);
        self.copy(part);
    }

    fn copy(&mut self, bytes: &[u8]) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = bytes.len().min(free.len());
        if let (Some(free), Some(bytes)) = (free.get_mut(..length), bytes.get(..length)) {
            free.copy_from_slice(bytes);
            self.length += length;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

fn decode_key(text: &str) -> Result<Vec<u8>, KeyError> {
    let lower = text.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
        return Err(KeyError::Placeholder);
    }
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return decode_hex(text).ok_or(KeyError::Encoding);
    }
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| KeyError::Encoding)
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Random bytes are diverse: 32 of them have fewer than 16 different values once in 10^13 draws.
fn looks_random(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= 16
}

/// The longest application id, in bytes.
pub(crate) const MAX_APP_ID: usize = 64;
/// Bytes that sealing adds.
pub(crate) const OVERHEAD: usize = HEADER_LEN + NONCE_LEN + 16;

const VERSION: u8 = 1;
const HEADER_LEN: usize = 7;
const MIN_KEY: usize = 32;
const MAX_ASSOCIATED: usize = 256;
/// Four keys for four purposes on each of the days that a session may live, with room to spare.
const DERIVED_KEYS: usize = 2048;
const PLACEHOLDERS: &[&str] = &["changeme", "change-me", "placeholder", "yoursecret", "your-key"];

#[cfg(test)]
mod tests;
