//! The program as admins run it: a separate process that can be stopped, killed, and started again.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
};

use super::{database::Database, server::soon};

/// A running server.
pub struct Program {
    child: Child,
    pub port: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a command that runs the program on a database, with no other settings.
pub fn bailout(database: &Database) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
    command.env("BAILOUT_DATABASE_URL", &database.url).env("BAILOUT_LOG", "error").stdin(Stdio::null());
    command
}

impl Program {
    /// Starts the program on a port, without rate limits, and waits until it is ready.
    pub async fn start(database: &Database, port: u16) -> Self {
        let mut command = bailout(database);
        for kind in ["OPENS", "WRITES", "READS", "ANONYMOUS"] {
            command.env(format!("BAILOUT_{kind}_PER_MINUTE"), "0");
        }
        command.stdout(Stdio::null());
        Self::run(command, port).await
    }

    /// Starts the program by a command with its own settings, and waits until it is ready.
    pub async fn run(mut command: Command, port: u16) -> Self {
        let child = command.env("BAILOUT_ADDR", format!("127.0.0.1:{port}")).spawn().expect("the program starts");
        let program = Self { child, port };
        let ready = program.url("/readyz");
        soon("readiness", async || reqwest::get(&ready).await.is_ok_and(|it| it.status().is_success()).then_some(()))
            .await;
        program
    }

    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the resident memory of the process, in MiB.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// Returns the most resident memory that the process has had, in MiB.
    pub fn most_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("a process");
        let line = status.lines().find(|line| line.starts_with(name)).expect("its memory");
        line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).expect("a number") / 1024
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Kills the process, as a power failure does: no signal handler runs.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops the process with SIGTERM, as the admin of the machine does.
    pub fn stop(&mut self) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill runs");
        assert!(told.success());
        assert!(self.child.wait().expect("an end").success(), "it did not end in order");
    }
}

/// Adds an agent by the command line and returns its key.
pub fn add_agent(database: &Database, name: &str) -> String {
    let added = bailout(database).args(["admin", "agent", "add", "--name", name]).output().expect("an agent");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    String::from_utf8(added.stdout).expect("a key").trim().to_owned()
}

/// Adds an operator by the command line.
pub fn add_operator(database: &Database, name: &str, role: &str, password: &str) {
    let email = format!("{}@example.com", name.to_lowercase());
    let mut command = bailout(database);
    command.args(["admin", "operator", "add", "--email", &email, "--name", name, "--role", role, "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    writeln!(child.stdin.take().expect("a pipe"), "{password}").expect("a password");
    assert!(child.wait().expect("an end").success(), "{name} was not added");
}
