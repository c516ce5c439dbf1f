//! Limits the memory that requests take up while they are read and wait for the writer. All requests share one limit,
//! and each key has a smaller one, so that one caller's uploads leave memory for the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most bytes that all requests may have together.
const ALL: usize = 72 * 1024 * 1024;
/// The most bytes that the requests of one key may have.
const SHARE: usize = 24 * 1024 * 1024;

/// The request memory of a server.
pub struct RequestMemory {
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The bytes that a request takes up, until this is dropped.
#[derive(Default)]
pub struct MemoryPermit(Option<[OwnedSemaphorePermit; 2]>);

/// The share of one key.
pub struct KeyShare {
    all: Arc<Semaphore>,
    own: Arc<Semaphore>,
}

impl Default for RequestMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), shares: Mutex::default() }
    }
}

impl RequestMemory {
    /// Returns the share of a key, which all its requests have in common.
    pub fn share(&self, key: &str) -> KeyShare {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Shares that no request uses are dropped.
        shares.retain(|_, share| Arc::strong_count(share) > 1 || share.available_permits() < SHARE);
        let own = shares.entry(key.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(SHARE)));
        KeyShare { all: Arc::clone(&self.all), own: Arc::clone(own) }
    }
}

impl KeyShare {
    /// Takes more bytes for a request; returns false when too few are left.
    pub fn take(&self, bytes: usize, taken: &mut MemoryPermit) -> bool {
        let Ok(bytes) = u32::try_from(bytes) else { return false };
        let own = Arc::clone(&self.own).try_acquire_many_owned(bytes);
        let all = Arc::clone(&self.all).try_acquire_many_owned(bytes);
        let (Ok(own), Ok(all)) = (own, all) else { return false };
        match &mut taken.0 {
            Some([taken_own, taken_all]) => {
                taken_own.merge(own);
                taken_all.merge(all);
            }
            none => *none = Some([own, all]),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_share_and_leaves_room_for_others() {
        let room = RequestMemory::default();
        let mut taken: Vec<MemoryPermit> = vec![];
        let mut take = |key: &str, bytes| {
            let mut more = MemoryPermit::default();
            let fits = room.share(key).take(bytes, &mut more);
            taken.push(more);
            fits
        };
        assert!(take("a", SHARE / 2) && take("a", SHARE / 2));
        assert!(!take("a", 1), "the share is used up");
        assert!(take("b", SHARE) && take("c", SHARE));
        assert!(!take("e", 1), "so is the room");
        taken.clear();
        let mut again = MemoryPermit::default();
        assert!(room.share("a").take(SHARE, &mut again), "what is dropped is given back");
        assert_eq!(room.shares.lock().unwrap().len(), 1, "nothing is kept of keys that hold nothing");
    }
}
