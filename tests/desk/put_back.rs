//! Tests of restoring a SQLite backup when something is in the way: the remains of a killed restore, or a process that
//! has the copy open before it is in place.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use sqlx::{AnyConnection, Connection, Row};
use tempfile::TempDir;

use crate::support::{
    Engine,
    database::{Database, free_port},
    program::{Program, add_agent, bailout},
    server::soon,
};

/// A database with two agents, and a backup from when there was one.
struct Story {
    database: Database,
    folder: TempDir,
    backup: Vec<u8>,
}

impl Story {
    fn new() -> Self {
        let (database, folder) =
            (Engine::Sqlite.database().expect("a database"), tempfile::tempdir().expect("a folder"));
        add_agent(&database, "billing-bot");
        let file = folder.path().join("backup");
        let done = bailout(&database).args(["admin", "backup", "--to"]).arg(&file).status().expect("an end");
        assert!(done.success());
        add_agent(&database, "later-bot");
        Self { backup: fs::read(file).expect("a backup"), database, folder }
    }

    /// Returns the path of a file next to the database, by the suffix of its name.
    fn beside(&self, end: &str) -> PathBuf {
        (self.database.url.trim_start_matches("sqlite://").to_owned() + end).into()
    }

    /// Returns the names of the copies that are left.
    fn copies(&self) -> Vec<String> {
        let folder = self.beside("").parent().map(Path::to_owned).expect("a folder");
        let names = fs::read_dir(folder).expect("a folder").map(|it| it.expect("a file").file_name());
        names.map(|it| it.to_string_lossy().into_owned()).filter(|it| it.contains(".restoring")).collect()
    }

    async fn agents(&self) -> Vec<String> {
        sqlx::any::install_default_drivers();
        let mut connection = AnyConnection::connect(&self.database.url).await.expect("a connection");
        let rows = sqlx::query("select name from agent order by name").fetch_all(&mut connection).await;
        rows.expect("agents").iter().map(|row| row.get(0)).collect()
    }

    fn restores(&self, from: &Path) -> Command {
        let mut command = bailout(&self.database);
        command.args(["admin", "restore", "--from"]).arg(from);
        command
    }

    /// Starts a restore from a pipe that has delivered this many bytes of the backup and not its end. The copy has as
    /// many.
    async fn begins(&self, bytes: usize) -> (Child, File) {
        let pipe = self.folder.path().join(format!("pipe-{bytes}"));
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
        let restore = self.restores(&pipe).stderr(Stdio::piped()).spawn().expect("the program starts");
        let some = self.backup[..bytes].to_vec();
        let write = move || {
            let mut pipe = File::options().write(true).open(pipe).expect("a pipe");
            pipe.write_all(&some).expect("a reader");
            pipe
        };
        let pipe = tokio::task::spawn_blocking(write).await.expect("a task");
        let copy = self.beside(".restoring");
        soon("a copy", async || (fs::metadata(&copy).ok()?.len() == bytes as u64).then_some(())).await;
        (restore, pipe)
    }

    /// Restores from a file and checks that it succeeds.
    async fn restores_well(&self) {
        let file = self.folder.path().join("backup");
        let done = self.restores(&file).output().expect("the program runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(self.agents().await, ["billing-bot"]);
        assert_eq!(self.copies(), [""; 0]);
        let _ready = Program::start(&self.database, free_port()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_killed_restore_left_is_in_nobody_s_way() {
    let story = Story::new();
    // The write-ahead log of a killed server, which SQLite would apply to any database of that name.
    let mut program = Program::start(&story.database, free_port()).await;
    add_agent(&story.database, "last-bot");
    program.kill();
    for end in ["-wal", "-shm"] {
        fs::copy(story.beside(end), story.beside(&format!(".restoring{end}"))).expect("a copy");
    }
    let (mut restore, _pipe) = story.begins(story.backup.len() / 2).await;
    restore.kill().expect("a kill");
    restore.wait().expect("an end");
    let left = story.copies();
    assert!(left.contains(&"bailout.db.restoring".to_owned()), "{left:?}");
    assert_eq!(story.agents().await, ["billing-bot", "last-bot", "later-bot"]);
    // Half a copy is no backup and is refused. The copy is still there afterwards.
    let of_itself = story.restores(&story.beside(".restoring")).output().expect("the program runs");
    assert!(String::from_utf8_lossy(&of_itself.stderr).contains("not overwritten"), "{of_itself:?}");
    assert_eq!(story.copies(), left);
    story.restores_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_that_is_not_whole_once_it_is_closed_takes_no_place() {
    let story = Story::new();
    let (restore, pipe) = story.begins(story.backup.len()).await;
    // Another process has the copy open in WAL mode, as a server does. So its log is not checkpointed when the restore
    // closes the copy.
    sqlx::any::install_default_drivers();
    let copy = format!("sqlite://{}", story.beside(".restoring").display());
    let mut looks = AnyConnection::connect(&copy).await.expect("a connection");
    for sql in ["pragma journal_mode = wal", "select epoch from installation"] {
        sqlx::query(sql).fetch_one(&mut looks).await.expect("a look");
    }
    drop(pipe);
    let done = tokio::task::spawn_blocking(move || restore.wait_with_output()).await.expect("a task").expect("an end");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains("holds a part of it"), "{said}");
    assert_eq!(story.agents().await, ["billing-bot", "later-bot"]);
    assert_eq!(story.copies(), [""; 0]);
    looks.close().await.expect("an end");
    story.restores_well().await;
}
