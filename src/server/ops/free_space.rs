//! Watches the free space on the disk of a SQLite database. When there is hardly any, no new escalations are opened, so
//! that open ones can still be answered and ended. The disk of a PostgreSQL server is not checked.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use rustix::fs::statvfs;

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

    /// Returns the warning for admins; `None` while there is enough space. Below `reserve` bytes nothing new is opened.
    pub fn warning(&self, reserve: u64) -> Option<String> {
        let Space { free, all } = self.space()?;
        let mebibytes = free / 1024 / 1024;
        if free < reserve {
            return Some(format!(
                "Agents can open nothing new, because only {mebibytes} MiB are free on the disk of the database. Make room, \
                 or move the database to a larger disk."
            ));
        }
        (free < all / WARNED_BELOW).then(|| {
            format!(
                "Only {mebibytes} MiB are free on the disk of the database. When there is hardly any space left, agents \
                 can open nothing new. Make room, or move the database to a larger disk."
            )
        })
    }

    /// Reads the free space of the disk that holds this folder.
    pub fn read(&self, folder: &Path) -> std::io::Result<()> {
        let space = Space::of(folder)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(space);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_are_warned_below_a_tenth_and_below_the_reserve() {
        let storage =
            |free: u64| FreeSpace(Mutex::new(Some(Space { free: free * 1024 * 1024, all: 1_000 * 1024 * 1024 })));
        let reserve = 20 * 1024 * 1024;
        assert_eq!(storage(100).warning(reserve), None);
        assert!(storage(99).warning(reserve).is_some_and(|said| said.starts_with("Only 99 MiB are free")));
        assert!(storage(19).warning(reserve).is_some_and(|said| said.starts_with("Agents can open nothing new")));
        assert!(storage(500).warning(501 * 1024 * 1024).is_some_and(|said| said.contains("only 500 MiB are free")));
        assert!(storage(199).has_less_than(200 * 1024 * 1024) && !storage(200).has_less_than(200 * 1024 * 1024));
        assert_eq!(FreeSpace::default().warning(reserve), None);
        assert!(Space::of(Path::new("/")).unwrap().all > 0);
    }
}
