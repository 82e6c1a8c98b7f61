//! Where private keys come from: PEM text.

use ring::rand::SystemRandom;

pub use crate::oauth::private_key::{PrivateKey, PrivateKeyError};

impl PrivateKey {
    /// Reads a key from PEM text, as `openssl` writes it and as Apple's `.p8` files have it.
    ///
    /// If there is a certificate in the text too, it must be the key's own, with those that vouch
    /// for it behind it; providers are then told which certificate it is (`x5t#S256`).
    ///
    /// # Errors
    ///
    /// [`PrivateKeyError`] says what the text lacks.
    pub fn from_pem(pem: &str) -> Result<Self, PrivateKeyError> {
        Self::read(pem, &SystemRandom::new())
    }
}
