//! Databases for tests: a fresh SQLite file, or a fresh database on a throw-away PostgreSQL cluster.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A database of its own for one test.
pub struct Database {
    pub url: String,
    /// The folder of a SQLite file; gone with the test.
    _folder: Option<TempDir>,
}

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// A fresh, empty database; none when there is no PostgreSQL on this machine and nobody insists.
    pub fn database(self) -> Option<Database> {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("bailout.db").display());
                Some(Database { url, _folder: Some(folder) })
            }
            Self::Postgres => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let cluster = cluster()?;
                let name = format!("bailout_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                let made = Command::new(cluster.bin.join("psql"))
                    .args([&format!("{}/postgres", cluster.url), "-qc", &format!("create database {name}")])
                    .status()
                    .expect("psql runs");
                assert!(made.success(), "the database {name} was not made");
                Some(Database { url: format!("{}/{name}", cluster.url), _folder: None })
            }
        }
    }
}

struct Cluster {
    url: String,
    bin: PathBuf,
}

fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(start).as_ref()
}

/// Where PostgreSQL's programs are.
fn binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().or_else(|| {
        let asked = Command::new("pg_config").arg("--bindir").output().ok()?;
        let bin = PathBuf::from(String::from_utf8(asked.stdout).ok()?.trim());
        bin.join("postgres").exists().then_some(bin)
    })
}

fn start() -> Option<Cluster> {
    if let Some(url) = std::env::var("BAILOUT_TEST_POSTGRES").ok().filter(|url| !url.is_empty()) {
        return Some(Cluster { url: url.trim_end_matches('/').to_owned(), bin: binaries().unwrap_or_default() });
    }
    let Some(bin) = binaries() else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is needed for these tests; bin/setup installs it");
        eprintln!("no PostgreSQL on this machine: its half of the stories is not told");
        return None;
    };
    let folder = tempfile::Builder::new().prefix("bailout-postgres").tempdir().expect("a temporary folder").keep();
    let data = folder.join("data");
    let port = free_port();
    // PostgreSQL refuses to run as root; Debian's package brings a person for it.
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let person = if root { "setpriv --reuid=postgres --regid=postgres --clear-groups" } else { "" };
    if root {
        let owned = Command::new("chown").args(["postgres", &folder.display().to_string()]).status();
        assert!(owned.is_ok_and(|status| status.success()), "the cluster's folder was not handed over");
    }
    // The shell outlives this process just long enough: its standard input closes however we end.
    let script = format!(
        "{person} {bin}/initdb -D {data} -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 >{log} 2>&1 || exit 1
         {person} {bin}/postgres -D {data} -p {port} -k '' -h 127.0.0.1 -c max_connections=400 >>{log} 2>&1 &
         cluster=$!; cat >/dev/null; kill -INT $cluster; wait $cluster; rm -rf {folder}",
        bin = bin.display(),
        data = data.display(),
        folder = folder.display(),
        log = folder.join("log").display(),
    );
    let child = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("a shell runs");
    // Never dropped: the pipe must stay open as long as we live.
    std::mem::forget(child);
    wait_for(port, &folder);
    Some(Cluster { url: format!("postgres://postgres@127.0.0.1:{port}"), bin })
}

/// A port nobody listens on now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn wait_for(port: u16, folder: &Path) {
    let until = Instant::now() + Duration::from_secs(60);
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    while Instant::now() < until {
        let asked =
            Command::new("psql").args([&url, "-qc", "select 1"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if asked.is_ok_and(|status| status.success()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    panic!("PostgreSQL did not start:\n{log}");
}

impl Database {
    /// The same PostgreSQL database by another port of this machine.
    pub fn by_port(&self, port: u16) -> Self {
        let (before, after) = self.url.rsplit_once(':').expect("an address with a port");
        let name = after.split_once('/').expect("a name").1;
        Self { url: format!("{before}:{port}/{name}"), _folder: None }
    }

    /// The port that PostgreSQL listens on.
    pub fn port(&self) -> u16 {
        let after = self.url.rsplit_once(':').expect("an address with a port").1;
        after.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
    }
}
