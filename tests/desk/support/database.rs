//! Databases for tests: a fresh SQLite file, or a fresh database on a temporary PostgreSQL cluster.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A separate database for one test.
pub struct Database {
    pub url: String,
    /// The folder of a SQLite file, removed at the end of the test.
    _folder: Option<TempDir>,
}

/// The engine that a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// Returns a fresh, empty database, or `None` when PostgreSQL is not installed and not required.
    pub fn database(self) -> Option<Database> {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}", folder.path().join("bailout.db").display());
                Some(Database { url, _folder: Some(folder) })
            }
            Self::Postgres => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let name = format!("bailout_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                Some(cluster()?.database(&name))
            }
        }
    }
}

/// A PostgreSQL server.
pub struct Cluster {
    url: String,
    bin: PathBuf,
    /// The shell that runs the server. A line on its input restarts the server, and the end of the input stops and
    /// removes it. `None` when the server is not run by the tests.
    shell: Option<Mutex<Child>>,
}

impl Cluster {
    /// Starts a server for one test alone. Returns `None` when PostgreSQL is not installed and not required.
    pub fn of_its_own() -> Option<Self> {
        start(binaries())
    }

    /// Creates a fresh, empty database.
    pub fn database(&self, name: &str) -> Database {
        self.ask("postgres", &format!("create database {name}"));
        Database { url: format!("{}/{name}", self.url), _folder: None }
    }

    /// Ends the server as a crash does, without closing its connections, and starts it again on the same files.
    pub fn restart(&self) {
        let started = || self.try_ask("postgres", "select pg_postmaster_start_time()");
        let before = started().expect("a server that runs");
        let mut shell = self.shell.as_ref().expect("a server of our own").lock().expect("a shell");
        writeln!(shell.stdin.as_mut().expect("its input"), "restart").expect("the shell takes a line");
        let until = Instant::now() + Duration::from_secs(60);
        while started().is_none_or(|now| now == before) {
            assert!(Instant::now() < until, "PostgreSQL did not come back");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, database: &str, sql: &str) -> String {
        self.try_ask(database, sql).unwrap_or_else(|| panic!("PostgreSQL refuses: {sql}"))
    }

    fn try_ask(&self, database: &str, sql: &str) -> Option<String> {
        let asked = Command::new(self.bin.join("psql"))
            .args([&format!("{}/{database}", self.url), "-qAtc", sql])
            .stderr(Stdio::null())
            .output()
            .expect("psql runs");
        asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
    }
}

fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    let shared = || match std::env::var("BAILOUT_TEST_POSTGRES").ok().filter(|url| !url.is_empty()) {
        Some(url) => {
            let url = url.trim_end_matches('/').to_owned();
            Some(Cluster { url, bin: binaries().unwrap_or_default(), shell: None })
        }
        None => start(binaries()),
    };
    CLUSTER.get_or_init(shared).as_ref()
}

/// Returns the folder of PostgreSQL's programs.
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

fn start(binaries: Option<PathBuf>) -> Option<Cluster> {
    let Some(bin) = binaries else {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is needed for these tests; bin/setup installs it");
        eprintln!("no PostgreSQL on this machine: its half of the stories is not told");
        return None;
    };
    let folder = tempfile::Builder::new().prefix("bailout-postgres").tempdir().expect("a temporary folder").keep();
    let data = folder.join("data");
    let port = free_port();
    // PostgreSQL refuses to run as root. Debian's package creates a user for it.
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let person = if root { "setpriv --reuid=postgres --regid=postgres --clear-groups" } else { "" };
    if root {
        let owned = Command::new("chown").args(["postgres", &folder.display().to_string()]).status();
        assert!(owned.is_ok_and(|status| status.success()), "the cluster's folder was not handed over");
    }
    // The shell ends right after the test process, because its standard input closes however the process ends.
    let script = format!(
        "{person} {bin}/initdb -D {data} -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 >{log} 2>&1 || exit 1
         serve() {{
           {person} {bin}/postgres -D {data} -p {port} -k '' -h 127.0.0.1 -c max_connections=400 >>{log} 2>&1 &
           cluster=$!
         }}
         serve
         while read -r _; do kill -QUIT $cluster; wait $cluster; serve; done
         kill -INT $cluster; wait $cluster; rm -rf {folder}",
        bin = bin.display(),
        data = data.display(),
        folder = folder.display(),
        log = folder.join("log").display(),
    );
    let shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("a shell runs");
    wait_for(port, &folder);
    Some(Cluster { url: format!("postgres://postgres@127.0.0.1:{port}"), bin, shell: Some(Mutex::new(shell)) })
}

/// Returns a port that nobody listens on now.
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
    /// Returns the same PostgreSQL database by another port of this machine.
    pub fn by_port(&self, port: u16) -> Self {
        let (before, after) = self.url.rsplit_once(':').expect("an address with a port");
        let name = after.split_once('/').expect("a name").1;
        Self { url: format!("{before}:{port}/{name}"), _folder: None }
    }

    /// Returns the port that PostgreSQL listens on.
    pub fn port(&self) -> u16 {
        let after = self.url.rsplit_once(':').expect("an address with a port").1;
        after.split('/').next().and_then(|port| port.parse().ok()).expect("a port")
    }
}
