//! Tests `bailout doctor`: it finds each fault that it names, and nothing where all is well.

use std::process::{Command, Stdio};

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use macro_rules_attribute::apply;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    on_both,
    support::{TestServer, database::free_port, program::bailout},
};

/// Runs the doctor with these settings. Returns whether it found no problem, and what it printed.
async fn examined(mut command: Command, settings: &[(&str, &str)], words: &[&str]) -> (bool, String) {
    command.arg("doctor").args(words).envs(settings.iter().copied()).stderr(Stdio::piped()).stdout(Stdio::piped());
    let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("a task").expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (ended.status.success(), text(ended.stdout) + &text(ended.stderr))
}

/// Serves a router on a loopback port and returns its address.
async fn served(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Returns the line about a check.
#[track_caller]
fn line<'t>(said: &'t str, check: &str) -> &'t str {
    said.lines().find(|line| line.starts_with(check)).unwrap_or_else(|| panic!("nothing about {check}: {said}"))
}

#[apply(on_both!)]
async fn nothing_is_found_where_all_is_well(server: TestServer) {
    let agent = server.agent("billing-bot").await;
    let addr = server.url.trim_start_matches("http://");
    let settings = [("BAILOUT_ADDR", addr), ("BAILOUT_PUBLIC_URL", &server.url), ("BAILOUT_KEY", &agent.key)];
    let (is_sound, said) = examined(bailout(&server.database), &settings, &[]).await;
    assert!(is_sound && !said.contains("PROBLEM"), "{said}");
    for check in ["database", "server", "public address", "proxy headers", "streams"] {
        assert!(line(&said, check).contains("  ok  "), "{said}");
    }
    assert!(line(&said, "alerts").contains("skipped") && !said.contains(&agent.key), "{said}");
}

#[apply(on_both!)]
async fn each_fault_is_found_and_named(server: TestServer) {
    let agent = server.agent("billing-bot").await;
    let addr = server.url.trim_start_matches("http://").to_owned();
    let nobody = format!("127.0.0.1:{}", free_port());
    // A proxy that knows other paths only, and one that keeps a stream to itself.
    let elsewhere = served(Router::new().fallback(|| async { (StatusCode::OK, "Welcome!") })).await;
    let ready = get(|| async { json!({"status": "ready", "client": "127.0.0.1"}).to_string() });
    let buffering =
        Router::new().route("/readyz", ready).route("/api/v1/events", get(std::future::pending::<StatusCode>));
    let buffering = served(buffering).await;
    let refusing = served(Router::new().route("/hook", post(|| async { StatusCode::FORBIDDEN }))).await + "/hook";
    for (settings, words, check, problem) in [
        (vec![("BAILOUT_ADDR", nobody.as_str())], &[][..], "server", "Start it"),
        (
            vec![("BAILOUT_ADDR", &addr), ("BAILOUT_PUBLIC_URL", &elsewhere)],
            &[],
            "public address",
            "not as Bailout does",
        ),
        (
            vec![("BAILOUT_ADDR", &addr), ("BAILOUT_PUBLIC_URL", &buffering), ("BAILOUT_KEY", &agent.key)],
            &[],
            "streams",
            "without buffering them",
        ),
        (
            vec![("BAILOUT_ADDR", &addr), ("BAILOUT_ALERT_URL", &refusing)],
            &["--send-alert"],
            "alerts",
            "the receiver answered 403",
        ),
    ] {
        let (is_sound, said) = examined(bailout(&server.database), &settings, words).await;
        assert!(!is_sound && line(&said, check).contains("PROBLEM"), "{said}");
        assert!(line(&said, check).contains(problem) && !said.contains("/hook"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_damaged_or_missing_database_is_told_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("desk.db");
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
        command.env("BAILOUT_DATABASE_URL", format!("sqlite://{}", file.display())).env("BAILOUT_LOG", "error");
        command.env("BAILOUT_ADDR", format!("127.0.0.1:{}", free_port()));
        command
    };
    let (_, said) = examined(command(), &[], &[]).await;
    assert!(line(&said, "database").contains("is not there yet") && !file.exists(), "{said}");
    let made = command().args(["admin", "agent", "add", "--name", "bot"]).output().expect("the program runs");
    assert!(made.status.success());
    let (_, said) = examined(command(), &[], &[]).await;
    assert!(line(&said, "database").contains("is sound"), "{said}");
    let mut bytes = std::fs::read(&file).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xAA);
    std::fs::write(&file, &bytes).expect("a damaged file");
    let (is_sound, said) = examined(command(), &[], &[]).await;
    assert!(!is_sound && line(&said, "database").contains("PROBLEM"), "{said}");
    let other = folder.path().join("other.db");
    std::fs::write(&other, "").expect("a file");
    let url = format!("sqlite://{}", other.display());
    let (_, said) = examined(command(), &[("BAILOUT_DATABASE_URL", &url)], &[]).await;
    assert!(line(&said, "database").contains("is no database of Bailout"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the file"), bytes, "it was changed");
}
