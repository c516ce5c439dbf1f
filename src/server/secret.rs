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
