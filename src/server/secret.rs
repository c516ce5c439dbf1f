//! Secrets that open something to whoever shows them: a session's cookie, a link that works once. The database holds only
//! their hashes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::server::error::Error;

/// 256 random bits as text. Never printed.
pub struct Secret(String);

impl Secret {
    /// A fresh one; fails only when the system has no randomness.
    pub fn mint() -> Result<Self, Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|problem| Error::Internal(format!("no random bits: {problem}")))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// Whether a text could be one: 43 letters of base64url.
    pub fn is_one(text: &str) -> bool {
        of_name(text).is_some()
    }

    /// The text that opens, to be handed over once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its name in the database.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.0)
    }
}

/// The name in the database of a secret that somebody shows. Of so many random bits a plain hash suffices.
pub fn digest(shown: &str) -> [u8; 32] {
    Sha256::digest(shown.as_bytes()).into()
}

/// A digest as text, to name in a form what it is of.
pub fn named(digest: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest)
}

/// The digest that a form names.
pub fn of_name(name: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(name).ok()?.try_into().ok()
}
