//! Backup and restore of a SQLite file. PostgreSQL has its own tools, and the errors here name them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use sqlx::{
    Connection, Row,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

use crate::{
    domain::time::Timestamp,
    server::{
        config::sqlite_address,
        store::{Dialect, Opener, Store, lock, open_error::OpenError, private::with_suffix, workspaces},
    },
};

/// The reason why a backup or restore failed. In every case the database is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(
        "this database is PostgreSQL, which has its own tool, for use while servers run: \
         pg_dump --format=custom --file=\"{0}\" \"$BAILOUT_DATABASE_URL\""
    )]
    PgDump(String),
    #[error(
        "this database is PostgreSQL, which has its own tool. Stop the servers, make an empty database, and then: \
         pg_restore --no-owner --exit-on-error --dbname=\"$BAILOUT_DATABASE_URL\" \"{0}\" && bailout admin new-epoch"
    )]
    PgRestore(String),
    #[error("there is a file {0} already; it is not overwritten")]
    Exists(String),
    #[error("{0}: {1}")]
    File(String, io::Error),
    #[error("{0} is a database in use, not a backup: {0}-wal holds a part of it")]
    InUse(String),
    #[error("{0} is no backup of Bailout: {1}")]
    NotABackup(String, String),
    #[error("the copy is damaged, and so the database or the disk may be: {0}")]
    Damaged(String),
    #[error("cannot copy the database: {0}")]
    Copy(sqlx::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Copies a snapshot of the database into a new file, while others read and write the database, and checks the copy.
pub async fn backup(url: &str, to: &Path) -> Result<(), BackupError> {
    if Dialect::of(url)? == Dialect::Postgres {
        return Err(BackupError::PgDump(to.display().to_string()));
    }
    // The target name is reserved before the work begins. The file gets its content as a whole or not at all.
    let (name, part) = (Made::new(to)?, Made::new(&with_suffix(to, ".part"))?);
    let into = || part.0.to_str().ok_or_else(|| failed(to)(io::ErrorKind::InvalidFilename.into()));
    let options = lock::options(url).map_err(OpenError::from)?.create_if_missing(false);
    let mut source = SqliteConnection::connect_with(&options).await.map_err(BackupError::Copy)?;
    let copied = sqlx::query("vacuum into $1").bind(into()?).execute(&mut source).await;
    let closed = source.close().await;
    copied.map(drop).and(closed).map_err(BackupError::Copy)?;
    if let Some(flaw) = flaw(&part.0).await {
        return Err(BackupError::Damaged(flaw));
    }
    part.becomes(to)?;
    name.stays();
    Ok(())
}

/// Replaces the database with a checked and migrated copy of a backup. The copy gets a new epoch, so that all earlier
/// cursors become invalid. Returns the path under which the previous database is kept. No server may run.
pub async fn restore(url: &str, from: &Path, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    if Dialect::of(url)? == Dialect::Postgres {
        return Err(BackupError::PgRestore(from.display().to_string()));
    }
    let _lock = lock::take(url, Opener::Server).await?;
    let options = lock::options(url).map_err(OpenError::from)?;
    let target = lock::real(options.get_filename()).map_err(failed(options.get_filename()))?;
    if has_log(from) {
        return Err(BackupError::InUse(from.display().to_string()));
    }
    let name = with_suffix(&target, ".restoring");
    if lock::real(from).is_ok_and(|from| from == name) {
        return Err(BackupError::Exists(name.display().to_string()));
    }
    let around = || ["-wal", "-shm", "-journal", ".lock"].map(|end| Made(with_suffix(&name, end)));
    // The lock excludes other restores, so files with these names were left by a restore that was killed. They are
    // deleted, because SQLite would replay their log into this copy.
    drop((Made(name.clone()), around()));
    let (copy, _around) = (Made::new(&name)?, around());
    let fill = || io::copy(&mut File::open(from)?, &mut OpenOptions::new().write(true).open(&copy.0)?);
    fill().map_err(failed(from))?;
    if let Some(flaw) = flaw(&copy.0).await {
        return Err(BackupError::NotABackup(from.display().to_string(), flaw));
    }
    let store = Store::open(&sqlite_address(&copy.0, "mode=rw"), Opener::Server, now).await?;
    workspaces::new_epoch(&store).await.map_err(OpenError::from)?;
    store.close().await;
    drop(store);
    // The copy is checked again after it was closed, because this file replaces the database.
    if let Some(flaw) = flaw(&copy.0).await {
        return Err(BackupError::Damaged(flaw));
    }
    let kept = set_aside(&target, &copy.0, now).await.map_err(failed(&target))?;
    copy.becomes(&target)?;
    Ok(kept)
}

/// A file that is deleted on drop unless it is kept. The file need not exist.
struct Made(PathBuf);

impl Made {
    /// Creates an empty file that only its owner may read. An existing file is unchanged.
    fn new(path: &Path) -> Result<Self, BackupError> {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => Ok(Self(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(BackupError::Exists(path.display().to_string()))
            }
            Err(error) => Err(failed(path)(error)),
        }
    }

    /// Replaces another file atomically: after a power failure, either the old or the new file is there as a whole.
    fn becomes(self, other: &Path) -> Result<(), BackupError> {
        let folder = other.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let rename = || {
            File::open(&self.0)?.sync_all()?;
            fs::rename(&self.0, other)?;
            File::open(folder)?.sync_all()
        };
        rename().map_err(failed(other))
    }

    fn stays(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // The file may be gone already, for example after a rename. A kept file has an empty path here.
        let _ = fs::remove_file(&self.0);
    }
}

/// Returns the first problem of a file that should be a Bailout database which no process uses.
async fn flaw(path: &Path) -> Option<String> {
    if has_log(path) {
        return Some(format!("{}-wal holds a part of it", path.display()));
    }
    let options = SqliteConnectOptions::new().filename(path).immutable(true).read_only(true);
    let look = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let said = sqlx::query("pragma integrity_check").fetch_all(&mut connection).await?;
        let mut said: Vec<String> = said.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        said.retain(|line| line != "ok");
        if !sqlx::query("pragma foreign_key_check").fetch_all(&mut connection).await?.is_empty() {
            said.push("some rows belong to no other".to_owned());
        }
        let ours = "select 1 from sqlite_schema where name = 'installation'";
        if sqlx::query(ours).fetch_optional(&mut connection).await?.is_none() {
            said.push("it has none of Bailout's tables".to_owned());
        }
        connection.close().await?;
        Ok::<_, sqlx::Error>(said)
    };
    match look.await {
        Ok(said) => said.into_iter().next(),
        Err(error) => Some(error.to_string()),
    }
}

/// Returns whether a write-ahead log holds a part of a database.
fn has_log(path: &Path) -> bool {
    fs::metadata(with_suffix(path, "-wal")).is_ok_and(|wal| wal.len() > 0)
}

/// Links the current database to a dated name as well, with the content of its write-ahead log. Gives its owner and its
/// mode to the file that will replace it.
async fn set_aside(target: &Path, successor: &Path, now: Timestamp) -> io::Result<Option<PathBuf>> {
    let was = match fs::metadata(target) {
        Ok(was) => Some(was),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // A checkpoint empties the log. Errors are ignored, because the database may be damaged, which may be why it is
    // replaced.
    let options = SqliteConnectOptions::new().filename(target).create_if_missing(false);
    if let Ok(mut connection) = SqliteConnection::connect_with(&options).await {
        let _ = sqlx::query("pragma wal_checkpoint(truncate)").execute(&mut connection).await;
        let _ = connection.close().await;
    }
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::MAX);
    let kept = with_suffix(target, &format!(".replaced-{}", at.strftime("%Y-%m-%dT%H-%M-%SZ")));
    if let Some(was) = &was {
        fs::hard_link(target, &kept)?;
        fs::set_permissions(successor, was.permissions())?;
        let now = fs::metadata(successor)?;
        if (now.uid(), now.gid()) != (was.uid(), was.gid()) {
            chown(successor, Some(was.uid()), Some(was.gid()))?;
        }
    }
    // SQLite would replay a log that is left behind into the successor.
    match fs::rename(with_suffix(target, "-wal"), with_suffix(&kept, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok(was.map(|_| kept))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.display().to_string();
    |error| BackupError::File(path, error)
}
