//! Passwords: which ones may be chosen, how they are hashed (argon2id), and how many are checked at a time. Each check
//! is slow by design.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;

use crate::server::error::Error;

/// The argon2id parameters of OWASP: 19 MiB, two passes, one lane. A hash takes about 30 ms here.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The number of hashes that are computed at a time, and how many more may wait.
const AT_A_TIME: usize = 2;
const WAITING: usize = 32;
/// The fewest and the most characters of a password.
pub const SHORTEST: usize = 12;
const LONGEST: usize = 128;

/// A hash that no password has. Sign-ins of unknown accounts are checked against it, to take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWhhcy10aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The passwords that people most often chose when twelve characters were required, in lower case.
const COMMON: &str = "\
    000000000000 012345678910 102030405060 111111111111 112233445566 121212121212 123123123123 123412341234 \
    1234567890-= 123456789000 1234567890123 12345678901234 123456789012345 1234567890abc 1234567890qwe \
    123456789101 1234567891011 123456789abc 123456789qwe 123456789qwerty 12345qwert12345 123qweasdzxc \
    1q2w3e4r5t6y 1q2w3e4r5t6y7u8i 1qaz2wsx3edc 1qaz2wsx3edc4rfv 987654321000 abc123abc123 abcd12345678 \
    abcdefghijkl abcdefghijklm aaaaaaaaaaaa administrator administrator1 admin1234567 adminadminadmin \
    admin123admin asdfghjkl123 asdfasdfasdf bailoutbailout bailout12345 changeme1234 changemeplease \
    correcthorsebatterystaple fuckyoufuckyou iloveyou1234 iloveyou12345 iloveyouiloveyou letmein12345 \
    letmeinletmein letmeinplease password1234 password12345 password123456 password2024 password2025 \
    password2026 passwordpassword passw0rd1234 p@ssw0rd1234 p@ssword1234 qazwsxedcrfv qwer1234qwer qwerty123456 \
    qwertyqwerty qwertyuiop12 qwertyuiop123 qwertyuiopasdfghjkl welcome12345 welcomewelcome zaq12wsxcde3";

/// The reason why a password may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("a password has at least {} characters", SHORTEST)]
    Short,
    #[error("a password has at most {} characters", LONGEST)]
    Long,
    #[error("this password is on every list of common passwords; choose another")]
    Common,
}

/// Normalises a password to NFC, the form that is hashed: one keyboard sends é as one character, another as e and an
/// accent.
fn normalised(password: &str) -> String {
    password.nfc().collect()
}

/// Checks whether a password may be chosen. Length and rarity count; the kinds of its characters do not.
pub fn choose(password: &str) -> Result<(), WeakPassword> {
    let password = normalised(password);
    match password.chars().count() {
        ..SHORTEST => return Err(WeakPassword::Short),
        SHORTEST..=LONGEST => {}
        _ => return Err(WeakPassword::Long),
    }
    let lower = password.to_lowercase();
    let plain = lower.trim_end_matches(['!', '.', '?', '*', '#', '$']);
    let first = lower.chars().next();
    let one_letter = lower.chars().all(|letter| Some(letter) == first);
    if one_letter || COMMON.split(' ').any(|common| common == lower || common == plain) {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

/// The memory of earlier hashes, kept for reuse: at most 38 MiB. Memory allocated anew for each hash would stay with
/// its thread, and a burst of sign-ins would leave the process larger permanently.
static MEMORY: Mutex<Vec<Vec<Block>>> = Mutex::new(vec![]);

/// Computes a hash of this length.
fn compute(password: &[u8], salt: &[u8], params: Params, length: usize) -> Result<Output, argon2::Error> {
    let blocks = params.block_count();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let memory = || MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let mut used = memory().pop().unwrap_or_default();
    if used.len() < blocks {
        used.resize(blocks, Block::new());
    }
    let mut computed = vec![0; length];
    let done = argon2.hash_password_into_with_memory(password, salt, &mut computed, &mut used);
    let mut kept = memory();
    if kept.len() < AT_A_TIME && used.len() <= MEMORY_KIB as usize {
        kept.push(used);
    }
    drop(kept);
    done?;
    Output::new(&computed).map_err(|_| argon2::Error::OutputTooLong)
}

fn broken(problem: impl std::fmt::Display) -> Error {
    Error::Internal(format!("a password cannot be hashed or checked: {problem}"))
}

/// Returns the hash to store for a password. The call is slow, so it must not run on a thread that async tasks share.
pub fn hash(password: &str) -> Result<String, Error> {
    hash_as_typed(&normalised(password))
}

fn hash_as_typed(password: &str) -> Result<String, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
    let salt = Salt::generate();
    let computed = compute(password.as_bytes(), &salt, params.clone(), Params::DEFAULT_OUTPUT_LEN).map_err(broken)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(broken)?,
        salt: Some(salt),
        hash: Some(computed),
    };
    Ok(hash.to_string())
}

/// Returns whether a password has this hash. Earlier versions hashed the text as it was typed, so the forms in which
/// different keyboards type it are tried, too.
fn matches(password: &str, hash: &str) -> Result<bool, Error> {
    let normal = normalised(password);
    let mut forms = vec![normal.as_str()];
    let decomposed: String = password.nfd().collect();
    for form in [password, decomposed.as_str()] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    for form in forms {
        if verify(form, hash)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verify(password: &str, hash: &str) -> Result<bool, Error> {
    let hash = PasswordHash::new(hash).map_err(broken)?;
    let is_ours = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
    let (Some(salt), Some(expected), true) = (hash.salt, hash.hash, is_ours) else {
        return Err(broken("a stored hash is of another kind"));
    };
    let params = Params::try_from(&hash).map_err(broken)?;
    // Outputs are compared in constant time.
    Ok(compute(password.as_bytes(), &salt, params, expected.len()).map_err(broken)? == expected)
}

/// Reads a password from the first line of a stream, without its line end.
pub fn from_first_line(mut input: impl io::BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// The queue in which passwords are hashed and checked: a few at a time, with few waiting.
#[derive(Clone)]
pub struct PasswordChecker {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// A place in the queue, held until the check is done.
pub struct CheckSlot {
    _place: OwnedSemaphorePermit,
    running: Arc<Semaphore>,
}

impl Default for PasswordChecker {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_A_TIME + WAITING)), running: Arc::new(Semaphore::new(AT_A_TIME)) }
    }
}

impl PasswordChecker {
    /// Takes a place in the queue; returns [`Error::Overloaded`] when it is full.
    pub fn place(&self) -> Result<CheckSlot, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Overloaded)?;
        Ok(CheckSlot { _place: place, running: Arc::clone(&self.running) })
    }
}

impl CheckSlot {
    /// Returns the hash to store for a password that was chosen.
    pub async fn hash(self, password: String) -> Result<String, Error> {
        self.compute(move || hash(&password)).await
    }

    /// Returns whether the password has this hash. Without a hash the check takes as long and returns false.
    pub async fn matches(self, password: String, hash: Option<String>) -> Result<bool, Error> {
        self.compute(move || {
            let known = hash.is_some();
            matches(&password, hash.as_deref().unwrap_or(NOBODY)).map(|same| same && known)
        })
        .await
    }

    /// Runs slow work when it is this place's turn.
    async fn compute<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let closed = |_| Error::Internal("the password checker has stopped".into());
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(closed)?;
        let check = tokio::task::spawn_blocking(move || {
            // Both permits are held until the work is done, even when the caller no longer waits.
            let (_place, _permit) = (self, permit);
            work()
        });
        check.await.unwrap_or_else(|failed| Err(Error::Internal(format!("a password check ended early: {failed}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_rarity_decide() {
        assert_eq!(choose("short"), Err(WeakPassword::Short));
        assert_eq!(choose(&"x1".repeat(65)), Err(WeakPassword::Long));
        for common in ["Password1234", "password1234!", "qwertyuiop12", "zzzzzzzzzzzzzz"] {
            assert_eq!(choose(common), Err(WeakPassword::Common), "{common}");
        }
        assert_eq!(choose("käse zum frühstück"), Ok(()));
        assert_eq!(choose("correct horse battery staple"), Ok(()));
    }

    #[test]
    fn a_hash_matches_its_password_only() {
        let kept = hash("a long enough one").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(matches("a long enough one", &kept).unwrap());
        assert!(!matches("another long one", &kept).unwrap());
    }

    #[test]
    fn a_password_is_the_same_however_its_accents_are_typed() {
        let (composed, decomposed) = ("caf\u{e9} au lait, s'il", "cafe\u{301} au lait, s'il");
        for chosen in [composed, decomposed] {
            let kept = hash(chosen).unwrap();
            for typed in [composed, decomposed] {
                assert!(matches(typed, &kept).unwrap(), "{chosen:?} {typed:?}");
            }
        }
        // Earlier versions hashed the text as it was typed.
        for typed in [composed, decomposed] {
            let kept = hash_as_typed(typed).unwrap();
            assert!(matches(typed, &kept).unwrap(), "{typed:?}");
        }
        assert_eq!(choose(&"e\u{301}".repeat(6)), Err(WeakPassword::Short), "six letters are six letters");
    }

    #[test]
    fn memory_is_used_again_by_whichever_thread_comes() {
        let threads: Vec<_> = (0..6).map(|_| std::thread::spawn(|| hash("a long enough one").unwrap())).collect();
        let hashes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(hashes.iter().all(|kept| matches("a long enough one", kept).unwrap()), "what was left of others shows");
        let kept = MEMORY.lock().unwrap();
        assert!(kept.len() <= AT_A_TIME && kept.iter().all(|it| it.len() <= MEMORY_KIB as usize));
        assert_eq!(size_of::<Block>(), 1024);
    }

    #[test]
    fn hashes_of_earlier_programs_are_known() {
        let kept = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(matches("password", kept).unwrap() && !matches("passwore", kept).unwrap());
    }

    #[tokio::test]
    async fn nobody_has_a_password() {
        let place = PasswordChecker::default().place().unwrap();
        assert!(!place.matches("whatever it is".into(), None).await.unwrap());
    }

    #[test]
    fn the_queue_is_short() {
        let checker = PasswordChecker::default();
        let places: Vec<_> = (0..AT_A_TIME + WAITING).map(|_| checker.place().unwrap()).collect();
        assert!(matches!(checker.place(), Err(Error::Overloaded)));
        drop(places);
        assert!(checker.place().is_ok());
    }

    #[test]
    fn only_the_first_line_is_the_password() {
        assert_eq!(from_first_line(&b" kept as typed \r\nnot this\n"[..]).unwrap(), " kept as typed ");
    }
}
