//! Records a release's database: a row in every table that has rows, written by this very program. The recording runs
//! on PostgreSQL, where the words of the search can be read as well.

use std::{fs, path::PathBuf};

use bailout::{
    domain::{
        disposition::Disposition,
        operator::Role,
        outcome::Resolution,
        queue::{QueueDefaults, Urgency},
        text::NoteText,
        time::Span,
    },
    server::{core::command::OperatorVerb, workers::deadlines},
};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Row, any::AnyRow};

use crate::support::{
    Engine, TestServer,
    browser::Browser,
    server::{Agent, id, soon},
};

/// The tables, in dependency order: each comes after those that its rows refer to.
pub const TABLES: [&str; 19] = [
    "installation",
    "workspace",
    "queue",
    "queue_former_name",
    "agent",
    "api_key",
    "operator",
    "queue_member",
    "session",
    "sign_in",
    "one_time_link",
    "escalation",
    "message",
    "conversation",
    "event",
    "idempotency",
    "operator_seen",
    "operator_read",
    "draft",
];
/// The tables of which no test needs a row.
const LEFT_OUT: [&str; 5] = ["_sqlx_migrations", "agent_heard", "key_usage", "sign_in_attempt", "sign_in_known"];

/// Opens an escalation for one of the states.
async fn opens(bot: &Agent, name: &str, more: Value) -> String {
    let mut opening = json!({
        "reason": {"code": "policy_limit", "text": format!("A refund above my limit, case {name}.")},
        "summary": format!("Dana was charged twice for order A-{name}."),
        "context": [{"label": "Plan", "value": "Gold"}],
    });
    opening.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let once = [("idempotency-key", format!("open-{name}"))];
    let once: Vec<(&str, &str)> = once.iter().map(|(header, key)| (*header, key.as_str())).collect();
    let opened = bot.asks(reqwest::Method::POST, "/escalations", Some(opening), &once).await.ok(201);
    opened["id"].as_str().expect("an id").to_owned()
}

/// Returns a chat with a customer, named after the state.
fn chat(name: &str) -> Value {
    json!({"conversation": {
        "id": format!("conv_{name}"),
        "customer": {"id": "cus_1", "name": "Dana"},
        "messages": [
            {"role": "customer", "text": format!("I was charged twice, {name}.")},
            {"role": "agent", "text": "Let me see."},
        ],
    }})
}

/// Returns the value of a column in the form of the recorded rows.
fn value(row: &AnyRow, column: usize, kind: &str) -> Value {
    match kind {
        "bigint" => row.get::<Option<i64>, _>(column).into(),
        "bytea" => row.get::<Option<Vec<u8>>, _>(column).map_or(
            Value::Null,
            |bytes| json!({"hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()}),
        ),
        "tsvector" => in_order(&row.get::<String, _>(column)).into(),
        _ => row.get::<Option<String>, _>(column).into(),
    }
}

/// Returns the words of a tsvector in the order of the text.
fn in_order(tsvector: &str) -> String {
    let entries = tsvector.split(' ').filter_map(|entry| entry.rsplit_once(':'));
    let placed = entries.flat_map(|(word, at)| {
        at.split(',').map(move |at| (at.parse::<usize>().expect("a place"), word.trim_matches('\'')))
    });
    let mut placed: Vec<_> = placed.collect();
    placed.sort();
    placed.into_iter().map(|(_, word)| word).collect::<Vec<_>>().join(" ")
}

/// Waits until the background tasks have written their results.
pub async fn settled(server: &TestServer) {
    soon("what is noted beside answers", async || server.desk.background_tasks().is_empty().then_some(())).await;
}

/// Returns every row of a table.
pub async fn rows(server: &TestServer, table: &str) -> Vec<Value> {
    let columns = "select cast(column_name as text), cast(data_type as text) from information_schema.columns \
                   where table_schema = 'public' and table_name = $1 order by ordinal_position";
    let columns = sqlx::query(columns).bind(table.to_owned()).fetch_all(server.desk.store().reader()).await;
    let columns: Vec<(String, String)> =
        columns.expect("columns").iter().map(|row| (row.get(0), row.get::<String, _>(1).to_lowercase())).collect();
    let shown = columns.iter().map(|(name, kind)| match kind.as_str() {
        "tsvector" => format!("cast({name} as text)"),
        _ => format!("\"{name}\""),
    });
    let sql = format!("select {} from {table} order by 1, 2", shown.collect::<Vec<_>>().join(", "));
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(server.desk.store().reader()).await.expect("rows");
    let named = |row: &AnyRow| {
        let values = columns.iter().enumerate().map(|(at, (name, kind))| (name.clone(), value(row, at, kind)));
        Value::Object(values.collect::<Map<_, _>>())
    };
    found.iter().map(named).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "writes a file of tests/desk/released, once, before the newest migration is released"]
async fn this_release() {
    let server = TestServer::start(Engine::Postgres).await.expect("PostgreSQL");
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Supervisor).await);
    server.person("Grace", Role::Admin).await;
    let (at_desk, grace) = (Browser::of("Ada", &server.url).await, Browser::of("Grace", &server.url).await);
    let urgent = QueueDefaults {
        urgency: Some(Urgency::High),
        expiry_note: Some(NoteText::parse("Write to the office.").expect("a note")),
        ..QueueDefaults::default()
    };
    server.queue("refunds", &[&ada], urgent).await;
    let (old, gone) = (
        server.queue("bills", &[], QueueDefaults::default()).await,
        server.queue("letters", &[], QueueDefaults::default()).await,
    );
    let change = format!("/settings/queues/{}", old.itself.id);
    grace.sends(&change, &[("name", "billing")], 303).await;
    grace.sends(&format!("/settings/queues/{}/remove", gone.itself.id), &[], 303).await;

    let waiting = opens(&bot, "waiting", chat("waiting")).await;
    let claimed = opens(&bot, "claimed", chat("claimed")).await;
    bot.says(&claimed, "customer", "Is anybody there?").await.ok(201);
    let fence = ada.claims(&claimed).await.expect("a claim");
    ada.replies(&claimed, fence, "Good **morning**, Dana.").await.expect("a reply");
    let text = NoteText::parse("She is a regular.").expect("a note");
    ada.does(id(&claimed), OperatorVerb::Note { text }).await.expect("a note");
    let resolved = opens(&bot, "resolved", chat("resolved")).await;
    let fence = ada.claims(&resolved).await.expect("a claim");
    ada.replies(&resolved, fence, "The second charge is gone.").await.expect("a reply");
    let refunded = Resolution {
        note_to_agent: Some(NoteText::parse("Refunded.").expect("a note")),
        ..Resolution::bare(Disposition::Handled)
    };
    ada.resolves(&resolved, Some(fence), refunded).await.expect("an end");
    let ask = json!({"ask": {"kind": "question", "prompt": "May I refund 250 EUR?"}, "routing": {"queue": "refunds"}});
    let question = opens(&bot, "question", ask).await;
    let cancelled = opens(&bot, "cancelled", chat("cancelled")).await;
    bot.post(&format!("/escalations/{cancelled}/cancel"), json!({"reason": "Never mind."})).await.ok(200);
    let ask = json!({"ask": {"kind": "question", "prompt": "Now?"}, "deadlines": {"expire_after_seconds": 1}});
    let late = opens(&bot, "late", ask).await;
    let actions = json!([{"id": "a", "name": "pay", "arguments": {"eur": 250}}]);
    let decision = opens(&bot, "decision", json!({"ask": {"kind": "decision", "actions": actions}})).await;
    server.pass(Span::seconds(2));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    for ended in [&resolved, &cancelled, &late] {
        bot.get(&format!("/escalations/{ended}")).await.ok(200);
        bot.post(&format!("/escalations/{ended}/acknowledge"), json!({})).await.ok(200);
    }

    // The data of operators outside the log.
    for (browser, function, arguments) in [
        (&at_desk, "mark", format!("id={waiting}&tags=vip")),
        (&at_desk, "viewing", format!("id={waiting}&typing=false&read=1")),
        (&at_desk, "keep_draft", format!("id={claimed}&mode=reply&client_message_id=m-9&text=One+moment")),
        (&grace, "set_availability", "away=true&release=false".to_owned()),
    ] {
        let answer = browser.calls(function, &arguments).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{function}");
    }
    let looks = [("do", "save"), ("name", "Ada"), ("public_name", "Ada"), ("theme", "dark"), ("density", "compact")];
    at_desk.sends("/me", &looks, 200).await;
    let invitation = grace.invites("viewer").await;
    ada.is_seen().await;
    settled(&server).await;

    let sql = "select cast(table_name as text) from information_schema.tables where table_schema = 'public'";
    let there_are = sqlx::query(sql).fetch_all(server.desk.store().reader()).await.expect("tables");
    for name in there_are.iter().map(|row| row.get::<String, _>(0)) {
        let known = ["passage"].iter().chain(&TABLES).chain(&LEFT_OUT).any(|known| *known == name);
        assert!(known, "where does the table {name} belong?");
    }
    let mut tables = vec![];
    for table in TABLES.into_iter().chain(["passage"]) {
        let rows = rows(&server, table).await;
        assert!(!rows.is_empty(), "{table} has no row");
        tables.push(json!([table, rows]));
    }
    let escalations = json!({
        "waiting": waiting, "claimed": claimed, "resolved": resolved, "question": question,
        "cancelled": cancelled, "late": late, "decision": decision,
    });
    let recorded = json!({
        "key": bot.key, "session": at_desk.cookie, "invitation": invitation,
        "tables": tables, "escalations": escalations,
    });
    let newest = fs::read_dir("migrations/postgres").expect("migrations").map(|it| it.expect("a file").file_name());
    let newest = newest.max().expect("a migration").to_string_lossy()[..4].to_owned();
    let file = PathBuf::from(format!("tests/desk/released/{newest}.json"));
    assert!(!file.exists(), "what was released stays as it was");
    fs::write(file, serde_json::to_string_pretty(&recorded).expect("JSON")).expect("a file");
}
