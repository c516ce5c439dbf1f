//! API keys: `blt_<12 characters of a public id>_<30 of a secret><6 of a CRC-32>`, all in base 62; those of test agents
//! begin with `blt_test_`. Secret scanners can recognise them, and a key with a wrong checksum is refused without a database
//! read.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const PREFIX: &str = "blt_";
const TEST_PREFIX: &str = "blt_test_";
const PUBLIC_ID: usize = 12;
const SECRET: usize = 30;
const CHECKSUM: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key in the clear. Requests carry it, and it is shown only once, on standard output or on the settings page.
#[derive(Clone)]
pub struct ApiKey {
    is_test: bool,
    public_id: String,
    secret: String,
}

/// A key is a secret, so `Debug` prints only its public half.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.public_id)
    }
}

impl ApiKey {
    /// Makes a key from the system's random source; fails only when that fails. `is_test` makes one for a test agent.
    pub fn mint(is_test: bool) -> Result<Self, getrandom::Error> {
        Ok(Self { is_test, public_id: random(PUBLIC_ID)?, secret: random(SECRET)? })
    }

    /// Parses a key that a client sends; returns `None` when it cannot be a key of this program.
    pub fn parse(text: &str) -> Option<Self> {
        let (is_test, rest) = match text.strip_prefix(TEST_PREFIX) {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix(PREFIX)?),
        };
        let (public_id, rest) = rest.split_once('_')?;
        let base62 = |text: &str| text.bytes().all(|byte| BASE62.contains(&byte));
        if public_id.len() != PUBLIC_ID || rest.len() != SECRET + CHECKSUM || !base62(public_id) || !base62(rest) {
            return None;
        }
        let (secret, checksum) = rest.split_at(SECRET);
        let key = Self { is_test, public_id: public_id.to_owned(), secret: secret.to_owned() };
        (key.checksum() == checksum).then_some(key)
    }

    /// Returns whether the key is for a test agent.
    pub fn is_test(&self) -> bool {
        self.is_test
    }

    /// Returns the public half, by which the key is looked up.
    pub fn public_id(&self) -> &str {
        &self.public_id
    }

    /// Returns the hash that is stored of the secret. The secret has 178 random bits, so a plain hash suffices.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_bytes()).into()
    }

    /// Returns whether this key has the stored hash, compared in constant time.
    pub fn is(&self, stored_sha256: &[u8]) -> bool {
        self.sha256().as_slice().ct_eq(stored_sha256).into()
    }

    /// Returns the public beginning of the key, by which people recognise it.
    pub fn beginning(&self) -> String {
        format!("{}{}…", self.prefix(), self.public_id)
    }

    /// Returns the whole key, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{}{}", self.checked(), self.checksum())
    }

    /// Returns the part that the checksum is of.
    fn checked(&self) -> String {
        format!("{}{}_{}", self.prefix(), self.public_id, self.secret)
    }

    fn prefix(&self) -> &'static str {
        if self.is_test { TEST_PREFIX } else { PREFIX }
    }

    fn checksum(&self) -> String {
        let mut sum = u64::from(crc32(self.checked().as_bytes()));
        let mut letters = [b'0'; CHECKSUM];
        for letter in letters.iter_mut().rev() {
            *letter = BASE62[(sum % 62) as usize];
            sum /= 62;
        }
        letters.map(char::from).iter().collect()
    }
}

/// Returns random characters, each equally likely: bytes beyond the last multiple of 62 are discarded.
fn random(length: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        let fair = bytes.iter().filter(|byte| **byte < 248).take(length - text.len());
        text.extend(fair.map(|byte| char::from(BASE62[usize::from(byte % 62)])));
    }
    Ok(text)
}

/// Computes the CRC-32 of Ethernet and ZIP (ISO 3309, reflected 0xEDB88320), bit by bit, because a key is short.
fn crc32(bytes: &[u8]) -> u32 {
    let shift = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shift(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_key_survives_the_journey_through_text() {
        for (is_test, prefix) in [(false, "blt_"), (true, "blt_test_")] {
            let key = ApiKey::mint(is_test).unwrap();
            let text = key.reveal();
            assert_eq!((text.find(key.public_id()), text.len()), (Some(prefix.len()), prefix.len() + 12 + 1 + 30 + 6));
            assert!(text.starts_with(prefix));
            let read = ApiKey::parse(&text).unwrap();
            assert_eq!((read.public_id(), read.is_test()), (key.public_id(), is_test));
            assert!(read.is(&key.sha256()));
            assert!(!read.is(&ApiKey::mint(is_test).unwrap().sha256()) && !read.is(b""));
            assert!(!format!("{key:?}").contains(&text[prefix.len() + 13..]));
        }
    }

    #[test]
    fn a_test_key_is_no_other_key_with_another_beginning() {
        let test = ApiKey::mint(true).unwrap().reveal();
        assert!(ApiKey::parse(&test.replacen("blt_test_", "blt_", 1)).is_none());
        let live = ApiKey::mint(false).unwrap().reveal();
        assert!(ApiKey::parse(&live.replacen("blt_", "blt_test_", 1)).is_none());
    }

    #[test]
    fn one_wrong_letter_is_no_key() {
        let text = ApiKey::mint(false).unwrap().reveal();
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
            assert!(ApiKey::parse(&String::from_utf8(wrong).unwrap()).is_none(), "letter {at}");
        }
        for text in ["", "blt_", "blt__", "blt_ä_", &text[1..], &text[..52], &format!("{text}0")] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }
}
