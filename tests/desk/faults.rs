//! Tests faults of the database: a full disk, a held lock, a server that is read-only or ends connections. Writes get
//! 503 while a fault lasts and 201 right after it, without a restart.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use bailout::{
    domain::time::Span,
    server::{store::Dialect, workers::deadlines},
};
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    on_both,
    support::{
        Engine, TestServer,
        database::free_port,
        program::{Program, add_agent},
        server::{Agent, soon},
    },
};

/// Opens an escalation. Returns the status and the `Retry-After` header.
async fn open(bot: &Agent) -> (u16, Option<String>) {
    let body = json!({"reason": {"code": "other", "text": "help"}});
    let request = bot.http.post(format!("{}/api/v1/escalations", bot.url)).bearer_auth(&bot.key).json(&body);
    let answer = request.send().await.expect("an answer");
    let again = answer.headers().get("retry-after").map(|it| it.to_str().expect("a text").to_owned());
    (answer.status().as_u16(), again)
}

/// Asserts that an open is refused for now.
async fn is_unavailable(bot: &Agent) {
    assert_eq!(open(bot).await, (503, Some("1".to_owned())));
}

/// Asserts that an open succeeds within two seconds, and gets only 503 until then.
async fn recovers(bot: &Agent) {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        let (status, _) = timeout(Duration::from_secs(2), open(bot)).await.expect("an answer in time");
        if status == 201 {
            return;
        }
        assert_eq!(status, 503);
        assert!(Instant::now() < until, "the desk does not recover");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the status and the body of `/readyz`.
async fn readiness(url: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{url}/readyz")).await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

async fn run(connection: &mut AnyConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await.expect("a statement");
}

/// Terminates other connections to this PostgreSQL database, and returns how many.
async fn terminate(connection: &mut AnyConnection, which: &str) -> i64 {
    let sql = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and {which}"
    );
    sqlx::query(AssertSqlSafe(sql)).fetch_one(connection).await.expect("a count").get(0)
}

#[apply(on_both!)]
async fn a_connection_that_cannot_end_its_transaction_is_replaced(server: TestServer) {
    let (bot, store) = (server.agent("billing-bot").await, server.desk.store());
    let is_sqlite = store.dialect() == Dialect::Sqlite;
    for commits in [false, true, false] {
        let mut tx = store.begin_write().await.expect("a transaction");
        // SQLite does the same by itself when the disk is full. PostgreSQL only warns about the commit or rollback.
        sqlx::query("rollback").execute(&mut *tx).await.expect("a rollback");
        let ended = if commits { tx.commit().await } else { tx.rollback().await };
        assert_eq!(ended.is_err(), is_sqlite, "{ended:?}");
        assert_eq!(open(&bot).await.0, 201);
    }
    // A transaction that is dropped is rolled back, and its connection is replaced.
    let mut tx = store.begin_write().await.expect("a transaction");
    sqlx::query("delete from workspace where id = 'nobody'").execute(&mut *tx).await.expect("a delete");
    drop(tx);
    assert_eq!(open(&bot).await.0, 201);
}

#[apply(on_both!)]
async fn a_lock_that_another_process_holds_is_waited_for_and_then_unavailable(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let mut other = AnyConnection::connect(&server.database.url).await.expect("a connection of our own");
    let is_sqlite = server.desk.store().dialect() == Dialect::Sqlite;
    let locks: &[&str] =
        if is_sqlite { &["begin immediate"] } else { &["begin", "lock table workspace in exclusive mode"] };
    for sql in locks {
        run(&mut other, (*sql).to_owned()).await;
    }
    is_unavailable(&bot).await;
    if is_sqlite {
        assert_eq!(readiness(&server.url).await.0, 503);
    }
    run(&mut other, "rollback".to_owned()).await;
    recovers(&bot).await;
    assert_eq!(readiness(&server.url).await.0, 200);
}

#[apply(on_both!)]
async fn a_deadline_that_cannot_be_processed_does_not_make_the_server_unready(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let body = json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 60}});
    let it = bot.escalates(body).await;
    let body = sqlx::query("select body from escalation where id = $1").bind(it.clone());
    let body: String = body.fetch_one(server.desk.store().reader()).await.expect("a row").get(0);
    let set = async |body: &str| {
        let sql = "update escalation set body = $2 where id = $1";
        let query = sqlx::query(sql).bind(it.clone()).bind(body.to_owned());
        query.execute(server.desk.store().writer()).await.expect("an update");
    };
    set("{").await;
    server.pass(Span::minutes(10));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    // The server's own sweeper may be ending an earlier sweep, so the check is repeated.
    soon("a look with it", async || (readiness(&server.url).await.1["failed_deadlines"] == 1).then_some(())).await;
    let (status, ready) = readiness(&server.url).await;
    assert_eq!((status, &ready["status"]), (200, &json!("ready")));
    set(&body).await;
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "expired");
    soon("a look without it", async || (readiness(&server.url).await.1["failed_deadlines"] == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_that_is_read_only_or_ends_connections_is_unavailable_meanwhile() {
    let Some(server) = TestServer::start(Engine::Postgres).await else { return };
    let bot = server.agent("billing-bot").await;
    let mut other = AnyConnection::connect(&server.database.url).await.expect("a connection of our own");
    let name = server.database.url.rsplit('/').next().expect("a name");
    recovers(&bot).await;

    // From now on every new connection is read-only.
    run(&mut other, format!("alter database {name} set default_transaction_read_only = on")).await;
    assert!(terminate(&mut other, "true").await > 0);
    sleep(Duration::from_millis(300)).await;
    // A connection that was being made then started before the setting.
    terminate(&mut other, "true").await;
    sleep(Duration::from_millis(100)).await;
    for _ in 0..3 {
        is_unavailable(&bot).await;
    }
    assert_eq!(readiness(&server.url).await.0, 503);
    run(&mut other, format!("alter database {name} reset default_transaction_read_only")).await;
    terminate(&mut other, "true").await;
    recovers(&bot).await;
    assert_eq!(readiness(&server.url).await.0, 200);

    // A connection is terminated in the middle of a transaction.
    let mut holder = AnyConnection::connect(&server.database.url).await.expect("a connection of our own");
    run(&mut holder, "begin".to_owned()).await;
    run(&mut holder, "lock table workspace in exclusive mode".to_owned()).await;
    let waiting = tokio::spawn({
        let bot = bot.clone();
        async move { is_unavailable(&bot).await }
    });
    soon("the end of the connection that waits", async || {
        (terminate(&mut other, "wait_event_type = 'Lock'").await > 0).then_some(())
    })
    .await;
    waiting.await.expect("503");
    run(&mut holder, "rollback".to_owned()).await;
    recovers(&bot).await;
}

/// Limits the size of every file that a process writes. "4096:" and "unlimited:" set only the soft limit, which can be
/// raised again.
fn limit_files(program: &Program, limit: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &program.id().to_string(), &format!("--fsize={limit}")])
        .status()
        .expect("prlimit runs");
    assert!(status.success(), "the limit was not set");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_disk_that_was_full_needs_no_restart() {
    let database = Engine::Sqlite.database().expect("a database");
    let key = add_agent(&database, "billing-bot");
    // A write beyond the limit fails as on a full disk, instead of ending the process. The program's log is discarded,
    // because the limit would apply to a log file, too.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_bailout")])
        .env("BAILOUT_DATABASE_URL", &database.url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let program = Program::run(command, free_port()).await;
    let url = program.url("");
    let bot = Agent { url: url.clone(), key, http: reqwest::Client::new() };
    let due = json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 1}});
    let due = bot.escalates(due).await;

    limit_files(&program, "4096:");
    for _ in 0..10 {
        is_unavailable(&bot).await;
    }
    assert_eq!(readiness(&url).await.0, 503);
    let alive = reqwest::get(format!("{url}/healthz")).await.expect("an answer");
    assert_eq!(alive.status(), 200);

    limit_files(&program, "unlimited:");
    recovers(&bot).await;
    assert_eq!(readiness(&url).await.0, 200);
    soon("the deadline", async || {
        (bot.get(&format!("/escalations/{due}")).await.ok(200)["status"] == "expired").then_some(())
    })
    .await;
}
