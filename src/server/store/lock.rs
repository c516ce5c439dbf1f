//! The lock file next to a SQLite file. The lock admits one server at a time, and makes sure that only one process
//! creates the tables of a new file.

use std::{
    fs::{File, OpenOptions, TryLockError, read_link},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::{
    Connection,
    any::AnyConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::time::{Instant, sleep};

use super::{Opener, open_error::OpenError, private};

/// The time a server waits for a command that creates the tables, and the time a command waits for another process that
/// does.
const SERVER_WAITS: Duration = Duration::from_secs(5);
const ADMIN_WAITS: Duration = Duration::from_secs(10);
/// The interval between two attempts.
const EVERY: Duration = Duration::from_millis(25);
/// The maximum length of a chain of symbolic links, as on Linux.
const MOST_LINKS: usize = 40;

/// Takes the lock of the file that an address names. A server must get the lock. A command that does not get it
/// continues without it once the tables exist, and then does not migrate.
pub async fn take(url: &str, opener: Opener) -> Result<Option<File>, OpenError> {
    let options = options(url)?;
    let named = options.get_filename();
    let broken = |error| OpenError::Lock(named.display().to_string(), error);
    let database = real(named).map_err(broken)?;
    let path = private::with_suffix(&database, ".lock");
    let shown = path.display().to_string();
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let file = file.map_err(|error| OpenError::Lock(shown.clone(), error))?;
    private::restrict(&database);
    let until = Instant::now() + if opener == Opener::Server { SERVER_WAITS } else { ADMIN_WAITS };
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(OpenError::Lock(shown, error)),
            Err(TryLockError::WouldBlock) if opener == Opener::Admin && is_made(&options).await => return Ok(None),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(EVERY).await,
            Err(TryLockError::WouldBlock) if opener == Opener::Admin => return Err(OpenError::NotMade(shown)),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(shown)),
        }
    }
}

/// Creates the database file if the address asks for that and it does not exist. SQLite would create a file that others
/// can read.
pub fn create(url: &str) -> Result<(), OpenError> {
    let asked = AnyConnectOptions::from_str(url)?.database_url;
    if asked.query_pairs().any(|(name, value)| name == "mode" && value == "rwc") {
        let options = options(url)?;
        let failed = |error| OpenError::File(options.get_filename().display().to_string(), error);
        real(options.get_filename()).and_then(|database| private::create(&database)).map_err(failed)?;
    }
    Ok(())
}

/// Parses an address as the driver does. The file name in it may be percent-encoded.
pub fn options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    SqliteConnectOptions::from_str(AnyConnectOptions::from_str(url)?.database_url.as_str())
}

/// Resolves every symbolic link to a file, which need not exist yet, so that all its names lead to the same lock.
pub fn real(named: &Path) -> io::Result<PathBuf> {
    let mut path = named.to_owned();
    for _ in 0..MOST_LINKS {
        match path.canonicalize() {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        path = match read_link(&path) {
            Ok(target) => folder.join(target),
            Err(_) => {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                return Ok(folder.canonicalize()?.join(name));
            }
        };
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns whether the tables exist. Any error counts as no, because the file may be in the middle of its creation.
async fn is_made(options: &SqliteConnectOptions) -> bool {
    let options = options.clone().create_if_missing(false).read_only(true);
    let look = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let sql = "select 1 from sqlite_schema where name = 'installation'";
        let found = sqlx::query(sql).fetch_optional(&mut connection).await;
        connection.close().await?;
        found.map(|row| row.is_some())
    };
    look.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_of_a_file_leads_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        symlink(at("real.db"), at("link.db")).unwrap();
        symlink("link.db", at("far.db")).unwrap();
        // First without the file, then with it.
        for _ in 0..2 {
            for name in ["real.db", "link.db", "far.db"] {
                assert_eq!(real(&at(name)).unwrap(), at("real.db"), "{name}");
            }
            File::create(at("real.db")).unwrap();
        }
        symlink("loop.db", at("loop.db")).unwrap();
        assert!(real(&at("loop.db")).is_err() && real(&at("nowhere/a.db")).is_err());
    }
}
