//! The files next to a SQLite database, which only its owner may read.

use std::{
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The mode that lets only the owner read and write.
const OWNER: u32 = 0o600;
/// The mode bits of the group and of all others.
const OTHERS: u32 = 0o077;
/// The suffixes that SQLite and Bailout append to the name of a database.
const ENDS: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];
/// The suffix of a database that a restore replaced, followed by a date.
const REPLACED: &str = ".replaced-";

/// Appends a suffix to a file name: `a.db` and `-wal` give `a.db-wal`.
pub(super) fn with_suffix(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Creates an empty database file that only its owner may read. An existing file is unchanged. SQLite gives the files
/// that it creates next to a database the mode of the database.
pub fn create(database: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(OWNER).open(database) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Removes the permissions of everybody but the owner that earlier versions gave. Where that fails, for example for
/// another owner's file, a warning is logged.
pub fn restrict(database: &Path) {
    for path in ENDS.iter().map(|end| with_suffix(database, end)).chain(replaced(database)) {
        // A symbolic link is skipped, because its target is not ours.
        let Ok(file) = fs::symlink_metadata(&path) else { continue };
        let mode = file.permissions().mode();
        if !file.is_file() || mode & OTHERS == 0 {
            continue;
        }
        if let Err(error) = fs::set_permissions(&path, Permissions::from_mode(mode & OWNER)) {
            tracing::warn!(file = %path.display(), %error, "other users of this machine may read this file");
        }
    }
}

/// Returns the databases that a restore replaced.
fn replaced(database: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) =
        (database.parent(), with_suffix(database, REPLACED).file_name().map(ToOwned::to_owned))
    else {
        return vec![];
    };
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    let is_one =
        |path: &PathBuf| path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(name.as_encoded_bytes()));
    entries.flatten().map(|entry| entry.path()).filter(is_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_earlier_versions_are_closed_to_others_and_no_more_than_that() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        let ours = ["a.db", "a.db-wal", "a.db-shm", "a.db-journal", "a.db.lock", "a.db.replaced-2026-01-01T00-00-00Z"];
        for name in ours.iter().chain(&["a.db.txt", "b.db"]) {
            fs::write(at(name), "kept").unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(at("a.db-shm"), Permissions::from_mode(0o444)).unwrap();
        create(&at("a.db")).unwrap();
        assert_eq!(mode("a.db"), 0o644);
        restrict(&at("a.db"));
        for name in ours {
            assert_eq!(mode(name), if name == "a.db-shm" { 0o400 } else { 0o600 }, "{name}");
            assert_eq!(fs::read(at(name)).unwrap(), b"kept", "{name}");
        }
        assert_eq!((mode("a.db.txt"), mode("b.db")), (0o644, 0o644));
        create(&at("c.db")).unwrap();
        assert_eq!(mode("c.db"), 0o600);
        assert!(create(&at("nowhere/d.db")).is_err());
    }
}
