//! Counts how many bytes each key wrote today, and how often it was rate-limited. Every few seconds the counts are
//! added to the totals of all servers in the database.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    domain::time::{Span, Timestamp},
    server::{
        error::Error,
        store::{
            Store,
            usage::{self, KeyUsage, UsageKey},
        },
    },
};

/// A day, as limits count them: from midnight to midnight in UTC.
const DAY: Span = Span::hours(24);

/// Returns the number of the day, and in how many seconds the next begins.
pub fn day_of(now: Timestamp) -> (i64, u64) {
    let left = DAY.0 - now.0.rem_euclid(DAY.0);
    (now.0.div_euclid(DAY.0), u64::try_from(left / 1_000 + 1).unwrap_or_default())
}

#[derive(Default)]
struct Counted {
    day: i64,
    /// The totals of the database at the last write.
    known: KeyUsage,
    /// The counts that are not written yet.
    new: KeyUsage,
}

/// The usage of all keys that call this server.
#[derive(Default)]
pub struct UsageCounters(Mutex<HashMap<UsageKey, Counted>>);

impl UsageCounters {
    fn all(&self) -> MutexGuard<'_, HashMap<UsageKey, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn today<T>(&self, key: &UsageKey, now: Timestamp, work: impl FnOnce(&mut Counted) -> T) -> T {
        let (day, _) = day_of(now);
        let mut all = self.all();
        let counted = all.entry(key.clone()).or_default();
        if counted.day != day {
            *counted = Counted { day, ..Counted::default() };
        }
        work(counted)
    }

    /// Returns how many bytes a key has written today, as far as this server knows.
    pub fn bytes(&self, key: &UsageKey, now: Timestamp) -> u64 {
        self.today(key, now, |it| it.known.bytes + it.new.bytes)
    }

    /// Counts the bytes of a write request of a key.
    pub fn wrote(&self, key: &UsageKey, bytes: usize, now: Timestamp) {
        self.today(key, now, |it| it.new.bytes += bytes as u64);
    }

    /// Counts a rate-limited request of a key.
    pub fn limited(&self, key: &UsageKey, now: Timestamp) {
        self.today(key, now, |it| it.new.limited += 1);
    }

    /// Adds the new counts to the database, and reads the totals, which include the counts of other servers.
    pub async fn save(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let (day, _) = day_of(now);
        let new: Vec<(UsageKey, i64, KeyUsage)> = {
            let mut all = self.all();
            all.retain(|_, it| it.day >= day || it.new != KeyUsage::default());
            let new = all.iter_mut().filter(|(_, it)| it.new != KeyUsage::default());
            new.map(|(key, it)| (key.clone(), it.day, std::mem::take(&mut it.new))).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let adding = new.clone();
        let written = store.write(move |tx| Box::pin(async move { usage::add(tx, &adding, day).await })).await;
        let mut all = self.all();
        for (at, (key, day, used)) in new.into_iter().enumerate() {
            let Some(counted) = all.get_mut(&key).filter(|it| it.day == day) else { continue };
            match &written {
                Ok(totals) => counted.known = totals[at],
                // The counts are kept for the next write.
                Err(_) => {
                    counted.new.bytes += used.bytes;
                    counted.new.limited += used.limited;
                }
            }
        }
        written.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::WorkspaceId;

    #[test]
    fn a_day_begins_anew() {
        let (usage, key) = (UsageCounters::default(), (WorkspaceId::new(Uuid::from_u128(1)), "k".to_owned()));
        let evening = Timestamp(DAY.0 - 5_000);
        usage.wrote(&key, 10, evening);
        usage.wrote(&key, 5, evening);
        assert_eq!((usage.bytes(&key, evening), day_of(evening)), (15, (0, 6_u64)));
        assert_eq!(usage.bytes(&key, evening + Span::seconds(5)), 0);
    }
}
