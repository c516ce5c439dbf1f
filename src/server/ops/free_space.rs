//! Watches the free space on the disk of a SQLite database. When there is hardly any, no new escalations are opened, so
//! that open ones can still be answered and ended. The disk of a PostgreSQL server is not checked.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::fs::statvfs;
use tokio::time::{MissedTickBehavior, interval};

use crate::server::core::desk::Desk;

/// How often the free space is read.
const EVERY: Duration = Duration::from_secs(5);
/// Admins are warned when less than one in this many bytes is free.
const WARNED_BELOW: u64 = 10;

/// The space of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Space {
    free: u64,
    all: u64,
}

impl Space {
    fn of(folder: &Path) -> std::io::Result<Self> {
        let found = statvfs(folder)?;
        Ok(Self { free: found.f_bavail * found.f_frsize, all: found.f_blocks * found.f_frsize })
    }
}

/// The space when it was last read; `None` before that, and where the database is elsewhere.
#[derive(Debug, Default)]
pub struct FreeSpace(Mutex<Option<Space>>);

impl FreeSpace {
    fn space(&self) -> Option<Space> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether less than so many bytes are free.
    pub fn has_less_than(&self, bytes: u64) -> bool {
        self.space().is_some_and(|space| space.free < bytes)
    }

    /// Returns the warning for admins; `None` while there is enough space.
    pub fn warning(&self) -> Option<String> {
        let Space { free, all } = self.space()?;
        (free < all / WARNED_BELOW).then(|| {
            let mebibytes = free / 1024 / 1024;
            format!(
                "Only {mebibytes} MiB are free on the disk of the database. When there is hardly any space left, agents \
                 can open nothing new. Make room, or move the database to a larger disk."
            )
        })
    }
}

/// Reads the free space regularly until the server stops.
pub async fn watch(desk: Desk) {
    let Some(folder) = desk.store().folder() else { return };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while desk.shutdown().run_until_cancelled(tick.tick()).await.is_some() {
        match Space::of(&folder) {
            Ok(space) => *desk.free_space().0.lock().unwrap_or_else(PoisonError::into_inner) = Some(space),
            Err(error) => tracing::warn!(%error, "cannot read how much space is left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_are_warned_below_a_tenth() {
        let storage =
            |free: u64| FreeSpace(Mutex::new(Some(Space { free: free * 1024 * 1024, all: 1_000 * 1024 * 1024 })));
        assert_eq!(storage(100).warning(), None);
        assert!(storage(99).warning().is_some_and(|said| said.starts_with("Only 99 MiB are free")));
        assert!(storage(199).has_less_than(200 * 1024 * 1024) && !storage(200).has_less_than(200 * 1024 * 1024));
        assert_eq!(FreeSpace::default().warning(), None);
        assert!(Space::of(Path::new("/")).unwrap().all > 0);
    }
}
