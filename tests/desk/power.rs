//! Promise 2: an acknowledged write survives a power cut. Every write and every sync of the real program is recorded
//! while agents write. Then the disk is rebuilt as it may have been at random moments, and read as a server would read
//! it. Synced writes are all there. Any part of the unsynced ones may be there, torn between sectors, in any order.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;

use crate::support::{
    Engine,
    chance::{Chance, TORTURE},
    database::free_port,
    program::{Program, add_agent},
};

/// The number of bytes that a disk writes atomically.
const SECTOR: usize = 512;
const WRITERS: usize = 8;
/// The number of messages that each writer sends.
const MESSAGES: usize = if TORTURE { 3_000 } else { 150 };
const CUTS: usize = if TORTURE { 20_000 } else { 1_000 };

/// A system call of the program on a file.
#[derive(Debug)]
enum Call {
    Write { offset: usize, bytes: Vec<u8> },
    Sync,
    Truncate { length: usize },
    Unlink,
}

/// A recorded call, and where it ends in the recording.
struct Recorded {
    end: u64,
    file: String,
    call: Call,
}

fn read(recording: &[u8]) -> Vec<Recorded> {
    let (mut at, mut found) = (0, vec![]);
    let number = |at: usize| u64::from_ne_bytes(recording[at..at + 8].try_into().expect("8 bytes")) as usize;
    while at < recording.len() {
        let (kind, name, offset, length) = (recording[at], number(at + 1), number(at + 9), number(at + 17));
        let file = String::from_utf8(recording[at + 25..at + 25 + name].to_vec()).expect("a name");
        at += 25 + name;
        let call = match kind {
            b'w' => {
                at += length;
                Call::Write { offset, bytes: recording[at - length..at].to_vec() }
            }
            b's' => Call::Sync,
            b't' => Call::Truncate { length: offset },
            b'u' => Call::Unlink,
            other => panic!("a record of the kind {other}"),
        };
        found.push(Recorded { end: at as u64, file, call });
    }
    found
}

fn write(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if image.len() < offset + bytes.len() {
        image.resize(offset + bytes.len(), 0);
    }
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// A file as it is on the disk, and the calls since its last sync.
#[derive(Default, Clone)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Unsynced>,
}

/// A call that may or may not have reached the disk.
#[derive(Clone)]
enum Unsynced {
    Write(usize, Arc<[u8]>),
    Truncate(usize),
}

impl Unsynced {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => write(image, *offset, bytes),
            Self::Truncate(length) => image.truncate(*length),
        }
    }

    /// Applies the call with any of its sectors left out.
    fn apply_torn(&self, image: &mut Vec<u8>, chance: &mut Chance) {
        match self {
            Self::Truncate(_) if chance.once_in(2) => {}
            Self::Truncate(_) => self.apply(image),
            Self::Write(offset, bytes) => {
                let mut at = 0;
                while at < bytes.len() {
                    let to = (((offset + at) / SECTOR + 1) * SECTOR - offset).min(bytes.len());
                    if chance.once_in(2) {
                        write(image, offset + at, &bytes[at..to]);
                    }
                    at = to;
                }
            }
        }
    }
}

/// The disk, as the program's calls build it up.
#[derive(Default)]
struct Disk {
    files: BTreeMap<String, File>,
    /// The control: this disk ignores syncs.
    ignores_syncs: bool,
}

impl Disk {
    fn follow(&mut self, recorded: &Recorded) {
        let file = self.files.entry(recorded.file.clone()).or_default();
        match &recorded.call {
            Call::Write { offset, bytes } => file.pending.push(Unsynced::Write(*offset, bytes.as_slice().into())),
            Call::Truncate { length } => file.pending.push(Unsynced::Truncate(*length)),
            Call::Sync if self.ignores_syncs => {}
            Call::Sync => {
                for call in file.pending.drain(..) {
                    call.apply(&mut file.synced);
                }
            }
            Call::Unlink => drop(self.files.remove(&recorded.file)),
        }
    }

    /// Writes the database as it may be after a power cut at this point.
    fn cut(&self, folder: &Path, chance: &mut Chance) {
        for (name, file) in &self.files {
            // SQLite rebuilds the index of the write-ahead log after a crash.
            if name.ends_with("-shm") || name.ends_with(".lock") {
                continue;
            }
            let mut image = file.synced.clone();
            for call in &file.pending {
                call.apply_torn(&mut image, chance);
            }
            fs::write(folder.join(name), image).expect("a file");
        }
    }
}

/// Returns the names of the messages in a database after a power cut, or why it cannot be read.
async fn messages(folder: &Path) -> Result<Vec<String>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(folder.join("bailout.db"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let fault: String = sqlx::query("pragma quick_check(1)").fetch_one(&mut connection).await?.get(0);
    if fault != "ok" {
        return Err(sqlx::Error::Protocol(fault));
    }
    let sql = "select client_message_id from message where client_message_id is not null";
    let found = sqlx::query(sql).fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Returns a fault for each of some random cuts that lost an acknowledged message or left a database that cannot be
/// read.
async fn faults(
    recorded: &[Recorded],
    acknowledged: &[(String, u64)],
    cuts: usize,
    ignores_syncs: bool,
    chance: &mut Chance,
) -> Vec<String> {
    let begin = acknowledged.first().expect("a message").1;
    let first = recorded.iter().position(|it| it.end > begin).expect("a call after it");
    let mut at: Vec<usize> = (0..cuts).map(|_| first + chance.below(recorded.len() - first)).collect();
    at.sort_unstable();
    let (mut disk, mut done, mut faults) = (Disk { ignores_syncs, ..Disk::default() }, 0, vec![]);
    for cut in at {
        while done < cut {
            disk.follow(&recorded[done]);
            done += 1;
        }
        let folder = tempfile::tempdir().expect("a folder");
        disk.cut(folder.path(), chance);
        // The sync comes before the answer, and the answer before the agent records it.
        let now = recorded[cut - 1].end;
        let expected = acknowledged.iter().filter(|(_, at)| *at <= now);
        match messages(folder.path()).await {
            Ok(found) => {
                let found: std::collections::HashSet<_> = found.into_iter().collect();
                faults.extend(expected.filter(|(name, _)| !found.contains(name)).map(|(name, _)| name.clone()).next());
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acknowledged_writes_survive_power_cuts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorder, recording) = (folder.path().join("record.so"), folder.path().join("recording"));
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&recorder)
        .arg("tests/desk/power/record.c")
        .status();
    assert!(compiled.expect("a C compiler").success());
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let key = add_agent(&database, "billing-bot");
    // The recording starts with the database: its earlier content is recorded as the first write.
    let file = Path::new(database.url.trim_start_matches("sqlite://")).to_owned();
    let before = fs::read(&file).expect("the database");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
    command
        .env("BAILOUT_DATABASE_URL", &database.url)
        .env("BAILOUT_LOG", "error")
        .env("BAILOUT_OPENS_PER_MINUTE", "0")
        .env("BAILOUT_WRITES_PER_MINUTE", "0")
        .env("LD_PRELOAD", &recorder)
        .env("BAILOUT_RECORDED_FOLDER", file.parent().expect("a folder").canonicalize().expect("a folder"))
        .env("BAILOUT_RECORDING", &recording)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut program = Program::run(command, free_port()).await;
    let acknowledged = Arc::new(Mutex::new(vec![]));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (url, key, acknowledged) = (program.url("/api/v1/escalations"), key.clone(), Arc::clone(&acknowledged));
        let recording = recording.clone();
        writers.spawn(async move {
            let http = reqwest::Client::new();
            let body = json!({"reason": {"code": "other", "text": "help"}, "conversation": {"messages": []}});
            let opened = http.post(&url).bearer_auth(&key).json(&body).send().await.expect("an answer");
            let opened: serde_json::Value = opened.json().await.expect("JSON");
            let url = format!("{url}/{}/messages", opened["id"].as_str().expect("an id"));
            for _ in 0..MESSAGES {
                let name = bailout::server::clock::mint().to_string();
                let body = json!({"client_message_id": name, "role": "customer", "text": "x".repeat(1_500)});
                let said = http.post(&url).bearer_auth(&key).json(&body).send().await.expect("an answer");
                assert_eq!(said.status(), 201);
                let reaches = fs::metadata(&recording).expect("a recording").len();
                acknowledged.lock().expect("a ledger").push((name, reaches));
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(600), writers.join_all()).await.expect("writers that come to an end");
    program.kill();
    let mut acknowledged = std::mem::take(&mut *acknowledged.lock().expect("a ledger"));
    acknowledged.sort_by_key(|(_, at)| *at);
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let whole = Recorded { end: 0, file: name.clone(), call: Call::Write { offset: 0, bytes: before } };
    let synced = Recorded { end: 0, file: name, call: Call::Sync };
    let mut recorded = vec![whole, synced];
    recorded.extend(read(&fs::read(&recording).expect("a recording")));
    let syncs = recorded.iter().filter(|it| matches!(it.call, Call::Sync)).count();
    let checkpoints = recorded.iter().filter(|it| it.file == "bailout.db" && matches!(it.call, Call::Sync)).count();
    assert!(syncs > 100 && checkpoints > 1, "{syncs} syncs, {checkpoints} of them of the database itself");

    let mut chance = Chance::of("power");
    let lost = faults(&recorded, &acknowledged, CUTS, false, &mut chance).await;
    println!(
        "{CUTS} power cuts in {} calls with {syncs} syncs, {} acknowledged messages: {} faults",
        recorded.len(),
        acknowledged.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "{lost:?}");
    // The control: a disk that ignores syncs loses acknowledged writes, and the test detects it.
    let lost = faults(&recorded, &acknowledged, 50, true, &mut chance).await;
    println!("control, 50 power cuts of a disk that does not sync: {} faults", lost.len());
    assert!(lost.len() > 25, "{lost:?}");
}
