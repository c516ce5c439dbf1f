//! Tests the database settings and the database files with the real program: who may read the files, how they are
//! found, and that no message repeats a password.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{
    Engine,
    database::{Database, free_port},
    program::{Program, bailout},
};

fn database() -> Database {
    Engine::Sqlite.database().expect("SQLite is always there")
}

/// Adds an agent to the database at a URL, with `folder` as the current directory.
fn adds_an_agent(folder: &Path, url: &str) {
    let mut command = bailout(&database());
    command.current_dir(folder).env("BAILOUT_DATABASE_URL", url).args(["admin", "agent", "add", "--name", "bot"]);
    let added = command.output().expect("the program starts");
    assert!(added.status.success(), "{url}: {}", String::from_utf8_lossy(&added.stderr));
}

/// Returns the files of a folder with their modes.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut modes: Vec<_> = entries
        .map(|entry| {
            let mode = entry.metadata().expect("a mode").permissions().mode() & 0o777;
            (entry.file_name().to_string_lossy().into_owned(), mode)
        })
        .collect();
    modes.sort();
    modes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_its_owner_may_read_a_database() {
    let database = database();
    let file = database.url.trim_start_matches("sqlite://").to_owned();
    let folder = Path::new(&file).parent().expect("a folder");
    let theirs = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0o600)).collect::<Vec<_>>();
    let running = ["bailout.db", "bailout.db-shm", "bailout.db-wal", "bailout.db.lock"];
    let mut program = Program::start(&database, free_port()).await;
    assert_eq!(modes(folder), theirs(&running));
    program.kill();
    // An earlier version left files with these modes, and a database that was replaced by a backup.
    let replaced = "bailout.db.replaced-2026-01-02T03-04-05Z";
    fs::write(folder.join(replaced), "").expect("a file");
    for (name, _) in modes(folder) {
        fs::set_permissions(folder.join(name), Permissions::from_mode(0o644)).expect("a mode");
    }
    let mut program = Program::start(&database, free_port()).await;
    assert_eq!(modes(folder), theirs(&[&running[..], &[replaced]].concat()));
    program.stop();
    // Only the owner may read a backup and the database restored from it, too.
    let backup = folder.join("backup");
    for arguments in [["backup", "--to"], ["restore", "--from"]] {
        fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a mode");
        let done = bailout(&database).arg("admin").args(arguments).arg(&backup).output().expect("the program starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(modes(folder).iter().all(|(_, mode)| *mode == 0o600), "{:?}", modes(folder));
}

#[test]
fn a_folder_may_have_a_blank_in_its_name() {
    for mode in ["", "?mode=rwc"] {
        for folder_in in ["my folder", "my%20folder"] {
            for relative in [true, false] {
                let around = tempfile::tempdir().expect("a folder");
                fs::create_dir(around.path().join("my folder")).expect("a folder");
                let folder = if relative { String::new() } else { format!("{}/", around.path().display()) };
                adds_an_agent(around.path(), &format!("sqlite://{folder}{folder_in}/b.db{mode}"));
                assert!(around.path().join("my folder/b.db").exists(), "{folder}{folder_in}{mode}");
                assert_eq!(fs::read_dir(around.path()).expect("a folder").count(), 1, "something else was made");
            }
        }
    }
}

#[test]
fn a_setting_of_nothing_counts_as_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bailout(&database());
    for name in ["DATABASE_URL", "ADDR", "PUBLIC_URL", "TRUSTED_PROXIES", "ALERT_URL", "LOG"] {
        command.env(format!("BAILOUT_{name}"), "");
    }
    command.current_dir(folder.path()).args(["admin", "agent", "add", "--name", "bot"]);
    let added = command.output().expect("the program starts");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert!(folder.path().join("bailout.db").exists(), "the default was not used");
}

/// Returns whether a text has a piece of a password. Part of a longer number, as of a time in the log, does not count.
fn tells(said: &str, piece: &str) -> bool {
    let is_number = piece.bytes().all(|byte| byte.is_ascii_digit());
    said.match_indices(piece).any(|(at, _)| {
        let goes_on = said[..at].ends_with(|before: char| before.is_ascii_digit() || before == '.');
        !(is_number && goes_on)
    })
}

#[test]
fn no_message_repeats_a_piece_of_a_password() {
    // A number may be parsed as a port.
    const PIECES: [&str; 3] = ["60413", "zqxj", "kvwp"];
    assert!(tells("at ada:60413", "60413") && tells("\"zqxj/kvwp\"", "kvwp") && !tells("12:00:00.604131Z", "60413"));
    let starts = |url: &str, in_environment: bool| -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
        command.env("BAILOUT_LOG", "trace").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if in_environment {
            command.env("BAILOUT_DATABASE_URL", url);
        } else {
            // Splits the URL as a shell does without quotes.
            command.arg("--database-url").args(url.split(' '));
        }
        command.args(["admin", "new-epoch"]).spawn().expect("the program starts")
    };
    // The program tries an unreachable server for seconds, so several run at a time.
    for marks in [["/", "?", "#"], ["@", ":", "&"], ["%ff", "\\", " "]] {
        let mut running = vec![];
        for mark in marks {
            for password in [format!("60413{mark}zqxj{mark}kvwp"), format!("zqxj{mark}60413{mark}kvwp")] {
                for url in [
                    format!("postgres://ada:{password}@127.0.0.1:1/desk"),
                    format!("postgres://127.0.0.1:1/desk?user=ada&password={password}"),
                    format!("ada:{password}@127.0.0.1:1/desk"),
                    format!("{password}:127.0.0.1"),
                ] {
                    running.extend([true, false].map(|in_environment| (url.clone(), starts(&url, in_environment))));
                }
            }
        }
        for (url, child) in running {
            let ended = child.wait_with_output().expect("an end");
            let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
            assert!(!ended.status.success(), "{url}: {said}");
            assert!(PIECES.iter().all(|piece| !tells(&said, piece)), "{url}: {said}");
        }
    }
}
