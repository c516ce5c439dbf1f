//! Tests of opening the database: one server at a time, whatever name the file is opened by, also when several start at
//! once.

use std::os::unix::fs::symlink;

use bailout::{
    domain::time::Timestamp,
    server::store::{Opener, Store, open_error::OpenError},
};
use futures::future::join_all;
use tempfile::tempdir;

use crate::support::database::free_port;

async fn open(url: String, opener: Opener) -> Result<Store, OpenError> {
    tokio::spawn(async move { Store::open(&url, opener, Timestamp(0)).await }).await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_has_one_lock_whatever_it_is_called() {
    let folder = tempdir().expect("a folder");
    let at = |name: &str| format!("sqlite://{}?mode=rwc", folder.path().join(name).display());
    // The link exists before the file, which the first server creates.
    symlink(folder.path().join("real name.db"), folder.path().join("link.db")).expect("a link");
    let _server = open(at("link.db"), Opener::Server).await.expect("a store");
    assert!(folder.path().join("real name.db").exists());
    let (spaced, linked) = (at("real%20name.db"), at("./link.db"));
    let others = join_all([spaced, linked].map(|url| open(url, Opener::Server))).await;
    for other in others {
        assert!(matches!(other, Err(OpenError::InUse(_))), "{:?}", other.err());
    }
    open(at("real%20name.db"), Opener::Admin).await.expect("a store for a command");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_and_commands_may_begin_together_on_a_fresh_file() {
    for _ in 0..10 {
        let folder = tempdir().expect("a folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("bailout.db").display());
        let openers = [Opener::Admin, Opener::Admin, Opener::Server, Opener::Admin, Opener::Admin, Opener::Admin];
        let opened = join_all(openers.map(|opener| open(url.clone(), opener))).await;
        let epochs: Vec<String> = opened.into_iter().map(|it| it.expect("a store").epoch().to_string()).collect();
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let url = format!("postgres://ada:secret@127.0.0.1:{}/bailout", free_port());
    let told = open(url.clone(), Opener::Server).await.err().expect("nobody listens there").to_string();
    let at = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("a host");
    assert!(told.contains("BAILOUT_DATABASE_URL") && told.contains(at) && !told.contains("secret"), "{told}");
}
