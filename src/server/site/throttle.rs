//! Throttles password guesses per account and per address. Guesses are never blocked for good: a minute is the longest
//! wait. Guesses at an account delay its sign-ins from elsewhere, but not its owner at a browser, or else an address,
//! from which they have signed in before: there only attempts from that browser, or that address, count.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use crate::{
    domain::time::{Span, Timestamp},
    server::{
        client,
        error::Error,
        store::{Store, attempts},
    },
};

/// How many failures cause no wait. An address has more, because a whole office may share it.
const FREE_PER_ACCOUNT: i64 = 5;
const FREE_PER_ADDRESS: i64 = 20;
/// The longest wait.
const LONGEST: Span = Span::seconds(60);
/// After this long without an attempt, all failures are forgotten.
const QUIET: Span = Span::minutes(15);
/// How long an account remembers a browser or an address from which it was signed in to.
pub const KNOWN: Span = Span::hours(90 * 24);

/// The subject of a limit: an account or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleSubject {
    name: String,
    free: i64,
    is_account: bool,
}

impl ThrottleSubject {
    /// Returns the subject of an e-mail address, whether it has an account or not. The name is a hash, so that the text
    /// that strangers typed is not stored.
    pub fn account(email: &str) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_bytes()));
        Self { name: format!("account:{hash}"), free: FREE_PER_ACCOUNT, is_account: true }
    }

    /// Returns the subject of an address; for IPv6 its /64, in which one household has as many addresses as it likes.
    pub fn address(address: IpAddr) -> Self {
        let name = match client::household(address) {
            IpAddr::V4(address) => format!("address:{address}"),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        };
        Self { name, free: FREE_PER_ADDRESS, is_account: false }
    }
}

/// Returns the name of an account at an address.
fn at_address(account: &ThrottleSubject, address: &ThrottleSubject) -> String {
    format!("known:{}:{}", bare(&account.name), bare(&address.name))
}

/// Returns the name of an account at a browser.
fn at_device(account: &ThrottleSubject, device: &[u8; 32]) -> String {
    format!("device:{}:{}", bare(&account.name), URL_SAFE_NO_PAD.encode(device))
}

fn bare(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, bare)| bare)
}

/// An admitted attempt: the subjects that it counts for, and the names to remember when it succeeds.
#[derive(Debug)]
pub struct CountedAttempt {
    subjects: Vec<ThrottleSubject>,
    /// The names of the account at this browser, and at this address.
    known: Vec<String>,
}

/// The decision whether an attempt is admitted now.
#[derive(Debug)]
pub enum Admission {
    In(CountedAttempt),
    /// The attempt is refused, and the next one must wait this long.
    Wait(Span),
}

/// Returns the failures that still count.
fn remembered(failures: i64, last_at: Timestamp, now: Timestamp) -> i64 {
    if now - last_at >= QUIET { 0 } else { failures }
}

/// Returns the time until the next attempt, after so many failures: 1 s, 2 s, 4 s … once the free ones are used up.
fn wait(free: i64, failures: i64, last_at: Timestamp, now: Timestamp) -> Span {
    if failures < free {
        return Span(0);
    }
    let seconds = 1_i64 << (failures - free).clamp(0, 6);
    let delay = Span::seconds(seconds).min(LONGEST);
    Span((last_at + delay - now).0.clamp(0, LONGEST.0))
}

/// Counts an attempt to sign in to an account from a browser at an address. The attempt counts as a failure until
/// [`forgive`] is called, so that concurrent attempts are counted too. An attempt that has to wait is not counted, so
/// that a wait does not grow when it is tested.
pub async fn admit(
    store: &Store,
    email: &str,
    device: &[u8; 32],
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Admission, Error> {
    let (account, address) = (ThrottleSubject::account(email), address.map(ThrottleSubject::address));
    let device = at_device(&account, device);
    let counted = store.write(move |tx| Box::pin(async move { count(tx, account, device, address, now).await })).await;
    match counted {
        Ok(tried) => Ok(Admission::In(tried)),
        Err(Uncounted::Wait(longest)) => Ok(Admission::Wait(longest)),
        Err(Uncounted::Failed(error)) => Err(error),
    }
}

/// The reason why an attempt was not counted.
enum Uncounted {
    Wait(Span),
    Failed(Error),
}

impl From<Error> for Uncounted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<sqlx::Error> for Uncounted {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

async fn count(
    tx: &mut AnyConnection,
    mut account: ThrottleSubject,
    device: String,
    address: Option<ThrottleSubject>,
    now: Timestamp,
) -> Result<CountedAttempt, Uncounted> {
    attempts::delete_before(&mut *tx, Timestamp(now.0 - QUIET.0), Timestamp(now.0 - KNOWN.0)).await?;
    let at_address = address.as_ref().map(|address| at_address(&account, address));
    let known: Vec<String> = [device].into_iter().chain(at_address).collect();
    for place in &known {
        if attempts::is_known_place(&mut *tx, place).await? {
            account.name = place.clone();
            break;
        }
    }
    let subjects: Vec<ThrottleSubject> = [account].into_iter().chain(address).collect();
    let mut longest = Span(0);
    for subject in &subjects {
        let (failures, last_at) = attempts::lock(&mut *tx, &subject.name, now).await?;
        let failures = remembered(failures, last_at, now);
        longest = longest.max(wait(subject.free, failures, last_at, now));
        attempts::count(&mut *tx, &subject.name, failures + 1, now).await?;
    }
    match longest > Span(0) {
        true => Err(Uncounted::Wait(longest)),
        false => Ok(CountedAttempt { subjects, known }),
    }
}

/// Clears the failures after a successful attempt: the account's are forgotten, and the account remembers the browser
/// and the address from now on. The address gets back only the failure that [`admit`] counted.
pub async fn record_success(
    connection: &mut AnyConnection,
    tried: &CountedAttempt,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for subject in &tried.subjects {
        match subject.is_account {
            true => attempts::delete(&mut *connection, &subject.name).await?,
            false => attempts::take_back(&mut *connection, &subject.name).await?,
        }
    }
    for known in &tried.known {
        attempts::remember_place(&mut *connection, known, now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let at = Timestamp(1_000_000);
        let seconds = |failures| wait(FREE_PER_ACCOUNT, failures, at, at).0 / 1_000;
        let waits: Vec<i64> = [0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1_000].into_iter().map(seconds).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn the_wait_runs_down_and_quiet_is_rewarded() {
        let at = Timestamp(1_000_000);
        assert_eq!(wait(5, 8, at, at + Span::seconds(5)), Span::seconds(3));
        assert_eq!(wait(5, 8, at, at + Span::seconds(9)), Span(0));
        assert_eq!(remembered(50, at, at + Span::minutes(14)), 50);
        assert_eq!(remembered(50, at, at + Span::minutes(15)), 0);
    }

    #[test]
    fn a_household_is_one_address() {
        let subject = |text: &str| ThrottleSubject::address(text.parse().unwrap());
        assert_eq!(subject("2001:db8:1:2::7"), subject("2001:db8:1:2:ffff::1"));
        assert_ne!(subject("2001:db8:1:2::7"), subject("2001:db8:1:3::7"));
        assert_eq!(subject("::ffff:10.0.0.1"), subject("10.0.0.1"));
        assert_ne!(subject("10.0.0.1"), subject("10.0.0.2"));
    }
}
