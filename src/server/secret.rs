//! Secrets that give access to any client that shows them: a session's cookie, a link that works once. The database
//! holds only their hashes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::server::error::Error;

/// A secret of 256 random bits as text. The type has no `Debug`, so that logs do not show it.
pub struct Secret(String);

impl Secret {
    /// Returns a new secret; fails only when the system has no randomness.
    pub fn mint() -> Result<Self, Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|problem| Error::Internal(format!("no random bits: {problem}")))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// Returns whether a text could be a secret: 43 letters of base64url.
    pub fn is_one(text: &str) -> bool {
        of_name(text).is_some()
    }

    /// Returns the text of the secret, to be handed over once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the hash by which the database identifies the secret.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }
}

/// Returns the hash by which the database identifies a secret that a client shows. With so many random bits, a plain
/// hash suffices.
pub fn digest(shown: &str) -> [u8; 32] {
    Sha256::digest(shown.as_bytes()).into()
}

/// Encodes a digest as text, so that a form can identify the row that has it.
pub fn named(digest: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

/// Decodes a digest that a form sends.
pub fn of_name(name: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(name).ok()?.try_into().ok()
}
