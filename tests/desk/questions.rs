//! Tests `bailout approve`, `bailout ask` and `bailout health`: their exit codes and what they print are a contract with
//! scripts.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use bailout::domain::{
    ask::Verdict,
    disposition::Disposition,
    operator::Role,
    outcome::{DecisionRequest, Edit, ExecutedBy, Resolution},
    text::{NoteText, Text},
};
use macro_rules_attribute::apply;
use serde_json::Value;

use crate::{
    demo::Running,
    on_both,
    support::{
        Engine, Person, TestServer,
        database::free_port,
        program::{Program, bailout},
        server::{Agent, soon},
    },
};

/// A command that ended: its exit code and what it printed.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

/// A command of a script, with no other settings than the server and the key.
fn question(server: &str, key: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
    command.env_clear().env("BAILOUT_URL", server).env("BAILOUT_KEY", key).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits until a command has ended.
async fn ended(mut command: Command) -> Ended {
    let child = command.spawn().expect("the program starts");
    end_of(child).await
}

async fn end_of(child: Child) -> Ended {
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("a task").expect("an end");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Returns the only open escalation of an agent, once it is there.
async fn the_open_one(agent: &Agent) -> Value {
    soon("the question", async || {
        let open = agent.get("/escalations?status=open").await.ok(200);
        let items = open["items"].as_array().expect("items").clone();
        assert!(items.len() < 2, "it was opened twice: {items:?}");
        items.into_iter().next()
    })
    .await
}

/// Runs a question, and lets a person end it.
async fn resolved(command: Command, agent: &Agent, by: &Person, with: Resolution<DecisionRequest>) -> Ended {
    let asking = tokio::spawn(ended(command));
    let it = the_open_one(agent).await;
    by.resolves(it["id"].as_str().expect("an id"), None, with).await.expect("an end");
    asking.await.expect("the command")
}

fn verdict(decision: Verdict, edits: Vec<Edit>, executed_by: ExecutedBy) -> Resolution<DecisionRequest> {
    let disposition = match decision {
        Verdict::Edit => Disposition::ApprovedWithEdits,
        Verdict::Reject => Disposition::Rejected,
        _ => Disposition::Approved,
    };
    let comment = (decision == Verdict::Reject).then(|| Text::parse("Not on a Friday.").expect("a comment"));
    let request = DecisionRequest { id: Text::parse("1").expect("an id"), decision, edits, comment, executed_by };
    Resolution { actions: vec![request], ..Resolution::bare(disposition) }
}

#[apply(on_both!)]
async fn approve_succeeds_only_when_the_action_is_to_be_run(server: TestServer) {
    let (agent, ada) = (server.agent("deploy-bot").await, server.person("Ada", Role::Operator).await);
    let arguments = r#"{"env": "prod", "share": 0.50}"#;
    let words = ["approve", "Deploy v1.4?", "--action", "deploy", "--arguments", arguments];
    let approve = || question(&agent.url, &agent.key, &words);

    let approved = verdict(Verdict::Approve, vec![], ExecutedBy::Agent);
    let done = resolved(approve(), &agent, &ada, approved).await;
    assert_eq!((done.code, done.out), (Some(0), format!("{arguments}\n")), "{}", done.err);
    let beginning: String = agent.key.chars().take("blt_".len() + 12).collect();
    assert!(done.err.contains(&format!("{} with the key {beginning}…", agent.url)), "{}", done.err);
    assert!(done.err.contains("/e/esc_") && !done.err.contains(&agent.key), "{}", done.err);

    let edit = Edit { pointer: "/share".into(), json: Some("0.10".into()) };
    let done = resolved(approve(), &agent, &ada, verdict(Verdict::Edit, vec![edit], ExecutedBy::Agent)).await;
    assert_eq!((done.code, done.out.as_str()), (Some(0), "{\"env\":\"prod\",\"share\":0.10}\n"), "{}", done.err);

    // An action that the operator has carried out must not be run again.
    let by_hand = verdict(Verdict::Approve, vec![], ExecutedBy::Operator);
    for (with, said) in [
        (by_hand, "Ada"),
        (verdict(Verdict::Reject, vec![], ExecutedBy::Agent), "Not on a Friday."),
        (Resolution::bare(Disposition::Declined), "declined"),
    ] {
        let done = resolved(approve(), &agent, &ada, with).await;
        assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{}", done.err);
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    let done = ended(question(&agent.url, &agent.key, &["approve", "Deploy v1.4?", "--wait", "1s"])).await;
    assert_eq!((done.code, done.out.as_str()), (Some(4), ""), "{}", done.err);
}

#[apply(on_both!)]
async fn ask_prints_the_answer(server: TestServer) {
    let (agent, ada) = (server.agent("deploy-bot").await, server.person("Ada", Role::Operator).await);
    let ask = || question(&agent.url, &agent.key, &["ask", "Which region?", "--options", "eu,us"]);
    let answer = Some(NoteText::parse("us").expect("an answer"));
    let answered = Resolution { answer, ..Resolution::bare(Disposition::Answered) };
    let done = resolved(ask(), &agent, &ada, answered).await;
    assert_eq!((done.code, done.out.as_str()), (Some(0), "us\n"), "{}", done.err);
    let done = resolved(ask(), &agent, &ada, Resolution::bare(Disposition::Declined)).await;
    assert_eq!((done.code, done.out.as_str()), (Some(3), ""), "{}", done.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_wrong_is_told_with_its_exit_code() {
    let Some(server) = TestServer::start(Engine::Sqlite).await else { return };
    let agent = server.agent("deploy-bot").await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let (other, key) = (agent.key.replace("blt_", "blt_test_"), agent.key.as_str());
    let known = server.test_agent("gone-bot").await;
    let sql = "update api_key set revoked_at = 1 where public_id = $1";
    let public_id = known.key.trim_start_matches("blt_test_").split('_').next().expect("an id").to_owned();
    sqlx::query(sql).bind(public_id).execute(server.desk.store().writer()).await.expect("revoked");
    for (server, key, words, code, said) in [
        (agent.url.as_str(), key, &["approve"][..], 2, "PROMPT"),
        (&agent.url, key, &["approve", "?", "--arguments", "[]"], 2, "must be a JSON object"),
        (&agent.url, key, &["ask", "?", "--wait", "soon"], 2, "must be a time like 90s, 10m or 2h"),
        (&agent.url, "", &["ask", "?"], 2, "set BAILOUT_KEY, too"),
        ("", "", &["ask", "?"], 2, "There is no server to ask."),
        ("ftp://desk", key, &["ask", "?"], 2, "must be http:// or https://"),
        (&agent.url, &other, &["ask", "?"], 2, "is no API key of Bailout"),
        (&agent.url, &known.key, &["ask", "?"], 2, "This API key was revoked."),
        (&nobody, key, &["ask", "?"], 5, "cannot be reached"),
    ] {
        let done = ended(question(server, key, words)).await;
        assert_eq!((done.code, done.out.as_str()), (Some(code), ""), "{words:?}: {}", done.err);
        assert!(done.err.contains(said), "{words:?}: {}", done.err);
    }
}

#[apply(on_both!)]
async fn ctrl_c_cancels_the_question(server: TestServer) {
    let agent = server.agent("deploy-bot").await;
    let child = question(&agent.url, &agent.key, &["ask", "Which region?"]).spawn().expect("the program starts");
    let it = the_open_one(&agent).await;
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let done = end_of(child).await;
    assert_eq!((done.code, done.out.as_str()), (Some(130), ""), "{}", done.err);
    let path = format!("/escalations/{}", it["id"].as_str().expect("an id"));
    assert_eq!(agent.get(&path).await.ok(200)["status"], "cancelled");
}

/// Tests that a question goes on where its server is killed and started again, and is put once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_question_survives_its_server() {
    let database =
        tokio::task::spawn_blocking(|| Engine::Sqlite.database()).await.expect("a task").expect("a database");
    let port = free_port();
    let mut program = Program::start(&database, port).await;
    let key = {
        let mut command = bailout(&database);
        let added = command.args(["admin", "agent", "add", "--name", "ci-bot", "--test"]).output().expect("an agent");
        String::from_utf8(added.stdout).expect("a key").trim().to_owned()
    };
    let agent = Agent { url: format!("http://127.0.0.1:{port}"), key, http: reqwest::Client::new() };
    let asking = tokio::spawn(ended(question(&agent.url, &agent.key, &["ask", "Which region?", "--options", "eu,us"])));
    the_open_one(&agent).await;
    // Robot answers after three seconds, so it has not yet.
    program.kill();
    let _program = Program::start(&database, port).await;
    let done = asking.await.expect("the command");
    assert_eq!((done.code, done.out.as_str()), (Some(0), "eu\n"), "{}", done.err);
    assert_eq!(agent.get("/escalations").await.ok(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn health_tells_whether_a_server_is_alive() {
    let database =
        tokio::task::spawn_blocking(|| Engine::Sqlite.database()).await.expect("a task").expect("a database");
    let program = Program::start(&database, free_port()).await;
    for (addr, code) in [(format!("0.0.0.0:{}", program.port), 0), (format!("127.0.0.1:{}", free_port()), 1)] {
        let mut command = question("", "", &["health"]);
        command.env("BAILOUT_ADDR", &addr);
        let done = ended(command).await;
        assert_eq!((done.code, done.out.as_str(), done.err.is_empty()), (Some(code), "", code == 0), "{}", done.err);
    }
}

/// Tests that the commands of this user find a running demo, and that nothing of it is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_demo_is_found_without_settings() {
    let home = tempfile::tempdir().expect("a folder");
    let file = home.path().join("bailout").join("demo.json");
    let key = bailout::server::keys::ApiKey::mint(true).expect("a key").reveal();
    let mut command =
        question("", "", &["demo", "--json", "--operator", "auto", "--key", &key, "--addr", "127.0.0.1:0"]);
    command.env("XDG_CONFIG_HOME", home.path());
    let mut demo = Running(command.spawn().expect("the program starts"));
    let mut lines = BufReader::new(demo.0.stdout.take().expect("a pipe")).lines();
    let line = lines.next().expect("a line").expect("text");
    let printed: Value = serde_json::from_str(&line).expect("one line of JSON");
    assert_eq!(printed["key"], key);
    assert!(!printed["url"].as_str().expect("an address").ends_with(":0"), "{line}");
    assert_eq!(printed["sign_in"].as_array().map(Vec::len), Some(3), "{line}");
    let mode = std::fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut command = question("", "", &["ask", "Which region?", "--options", "eu,us"]);
    command.env("XDG_CONFIG_HOME", home.path());
    let done = ended(command).await;
    assert_eq!((done.code, done.out.as_str()), (Some(0), "eu\n"), "{}", done.err);
    let told = Command::new("kill").args(["-TERM", &demo.0.id().to_string()]).status().expect("kill runs");
    assert!(told.success() && demo.0.wait().expect("an end").success());
    assert!(!file.exists(), "the file is left");
    let wrong = ended(question("", "", &["demo", "--key", &key])).await;
    assert!(wrong.code == Some(1) && wrong.err.contains("--key must begin with blt_test_"), "{}", wrong.err);
}
