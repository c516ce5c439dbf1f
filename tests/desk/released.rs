//! Promise 19, second half: a database of an earlier release is migrated and served. The rows in `released/` were
//! written by those releases. Each release opened seven escalations, one for each state.

mod every_event;
mod record;

use std::sync::Arc;

use bailout::{
    domain::{
        disposition::Disposition,
        inbox::{Listing, Query, View},
        operator::{Operator, Role},
        outcome::Resolution,
        time::Span,
    },
    server::{
        clock::Clock,
        store::{
            operators, queues,
            search::{SearchQuery, find},
        },
        words::terms::SearchTerms,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row, migrate::Migrator};

use crate::support::{
    Engine, TestServer,
    browser::{Browser, session_cookie},
    server::{Agent, id, soon},
};

/// The rows, by the newest migration of their release, and the migrations that had been applied. Migrations 3 and 4
/// came from two branches: some databases applied 4 first.
const RELEASED: [(&str, &[i64]); 9] = [
    (include_str!("released/0001.json"), &[1]),
    (include_str!("released/0002.json"), &[1, 2]),
    (include_str!("released/0002.json"), &[1, 2, 4]),
    (include_str!("released/0004.json"), &[1, 2, 3, 4]),
    (include_str!("released/0008.json"), &[1, 2, 3, 4, 5, 6, 7, 8]),
    (include_str!("released/0009.json"), &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (include_str!("released/0011.json"), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
    (include_str!("released/0012.json"), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    (include_str!("released/0013.json"), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
];

/// Returns the words of a text in the form of a PostgreSQL index (tsvector).
fn placed(words: &str) -> String {
    let placed = words.split(' ').enumerate().map(|(at, word)| format!("'{word}':{}", at + 1));
    placed.collect::<Vec<_>>().join(" ")
}

/// Creates a database as it was after these migrations, and fills it.
async fn fill(connection: &mut AnyConnection, engine: Engine, applied: &[i64], tables: &Value) {
    let folder = if engine == Engine::Sqlite { "migrations/sqlite" } else { "migrations/postgres" };
    let all = Migrator::new(std::path::Path::new(folder)).await.expect("the migrations");
    let known = all.iter().filter(|it| applied.contains(&it.version)).cloned().collect();
    Migrator::with_migrations(known).run(&mut *connection).await.expect("the old schema");
    for table in tables.as_array().expect("tables") {
        let name = match table[0].as_str().expect("a name") {
            // From migration 10 on, SQLite has the words in another table.
            "passage" if engine == Engine::Sqlite && applied.contains(&10) => "passage_index",
            name => name,
        };
        for row in table[1].as_array().expect("rows") {
            let filled: Vec<_> = row.as_object().expect("columns").iter().filter(|(_, it)| !it.is_null()).collect();
            let columns: Vec<&str> = filled.iter().map(|(column, _)| column.as_str()).collect();
            // The words are stored in the order of the text, which is how SQLite indexes them.
            let is_placed = |column: &str| engine == Engine::Postgres && (name, column) == ("passage", "words");
            let binds = filled.iter().enumerate().map(|(n, (column, _))| match is_placed(column) {
                true => format!("cast(${} as tsvector)", n + 1),
                false => format!("${}", n + 1),
            });
            let binds: Vec<String> = binds.collect();
            let sql = format!("insert into {name} ({}) values ({})", columns.join(", "), binds.join(", "));
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (column, value) in filled {
                query = match value {
                    Value::Number(number) => query.bind(number.as_i64().expect("a whole number")),
                    Value::String(words) if is_placed(column) => query.bind(placed(words)),
                    Value::String(text) => query.bind(text.clone()),
                    _ => {
                        let hex = value["hex"].as_str().unwrap_or_else(|| panic!("{name}.{column}: {value}"));
                        let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).expect("digits"));
                        query.bind(digits.map(|it| u8::from_str_radix(it, 16).expect("hex")).collect::<Vec<u8>>())
                    }
                };
            }
            query.execute(&mut *connection).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

async fn story(engine: Engine, rows: &str, applied: &[i64]) {
    let Some(database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let released: Value = serde_json::from_str(rows).expect("rows");
    sqlx::any::install_default_drivers();
    let url = if engine == Engine::Sqlite { format!("{}?mode=rwc", database.url) } else { database.url.clone() };
    let mut connection = AnyConnection::connect(&url).await.expect("a connection");
    fill(&mut connection, engine, applied, &released["tables"]).await;
    let sql = "select head, (select max(at) from (select max(closed_at) as at from escalation) ended) from workspace";
    let (head, at): (i64, i64) = {
        let row = sqlx::query(sql).fetch_one(&mut connection).await.expect("a head");
        (row.get(0), row.get(1))
    };
    connection.close().await.expect("an end");

    // The server's clock starts one minute after the last escalation was closed.
    let ahead = Span(at + 60_000 - Clock::system().now().0);
    let server = TestServer::on_at(Arc::new(database), ahead).await;
    let bot = Agent {
        url: server.url.clone(),
        key: released["key"].as_str().expect("a key").to_owned(),
        http: reqwest::Client::new(),
    };
    let it = |name: &str| released["escalations"][name].as_str().expect("an id").to_owned();
    let states = [
        ("waiting", "waiting"),
        ("claimed", "claimed"),
        ("resolved", "resolved"),
        ("question", "waiting"),
        ("cancelled", "cancelled"),
        ("late", "expired"),
        ("decision", "waiting"),
    ];
    // An outcome keeps the bytes with which an earlier release stored it, so it may lack what the contract has now.
    let reads =
        async |name: &str| bot.sends(Method::GET, &format!("/escalations/{}", it(name)), None, &[]).await.1.ok(200);
    for (name, state) in states {
        let found = reads(name).await;
        assert_eq!(found["status"], state, "{name} of {applied:?}");
    }
    let resolved = reads("resolved").await;
    assert_eq!(resolved["outcome"]["note_to_agent"], "Refunded.");

    // Operators who were signed in still are, with their preferences. An invitation link still works.
    if let (Some(session), Some(invitation)) = (released["session"].as_str(), released["invitation"].as_str()) {
        let (_, secret) = session.split_once('=').expect("a cookie");
        let browser = Browser { cookie: Some(session_cookie(&server.url, secret)), ..Browser::at(&server) };
        assert!(browser.sees("/me", 200).await.contains("data-theme=\"dark\" data-density=\"compact\""));
        let page = browser.sees(&format!("/e/{}", it("claimed")), 200).await;
        assert!(page.contains("One moment"), "the draft is gone: {page}");
        assert!(Browser::at(&server).sees(invitation, 200).await.contains("You are invited as viewer."));
        let queues = queues::settings(server.desk.store(), server.workspace).await.expect("queues");
        let served: Vec<_> = queues.iter().map(|it| (it.itself.name.as_str(), it.members.0.len())).collect();
        assert!(served.ends_with(&[("default", 0), ("refunds", 1)]), "{served:?}");
    }
    // Agents still find a queue by its former name, and do not find a removed one.
    if applied.contains(&9) {
        let named = async |name| queues::named(server.desk.store(), server.workspace, name).await.expect("a look");
        let (found, _) = named("bills").await.expect("the renamed queue");
        assert_eq!(found.name.as_str(), "billing");
        assert!(named("letters").await.is_none());
    }

    // The operator signs in as before, every page renders, and lists and counts are right.
    let ada = Browser::of("Ada", &server.url).await;
    for path in ["/queue", "/mine", "/missed", "/all", "/closed"]
        .map(str::to_owned)
        .into_iter()
        .chain(states.map(|(name, _)| format!("/e/{}", it(name))))
    {
        let drawn = ada.gets(&path).await;
        assert_eq!(drawn.status(), 200, "{path}");
        assert!(drawn.text().await.expect("a page").contains("Dana"), "{path} of {applied:?}");
    }
    let colleagues =
        operators::targets(server.desk.store(), server.workspace, server.now()).await.expect("people").colleagues;
    let who = colleagues.into_iter().next().expect("Ada").operator;
    let me = who.id;
    let person = server.employs(Operator { who, role: Role::Supervisor });
    for (view, rows) in [(View::Queue, 3), (View::Mine, 1), (View::Missed, 1), (View::All, 4), (View::Closed, 3)] {
        let query = Query { listing: Listing::from(view), me, as_of: server.now() };
        let inbox = person.desk.inbox(server.workspace, query).await.expect("a list");
        assert_eq!(inbox.rows.len(), rows, "{view:?} of {applied:?}");
        assert!(
            inbox.counts.of(view).is_none_or(|count| count == rows as i64),
            "{view:?} of {applied:?}: {:?}",
            inbox.counts
        );
    }
    let thread = person.desk.thread(server.workspace, id(&it("claimed"))).await.expect("a thread").expect("one");
    let texts: Vec<_> = thread.messages.iter().filter_map(|it| it.message.text.as_deref()).collect();
    assert_eq!(texts, ["I was charged twice, claimed.", "Let me see.", "Is anybody there?", "Good **morning**, Dana."]);
    assert!(
        thread.happenings.iter().any(|event| event.kind.event_type().as_str() == "note.created"),
        "{:?}",
        thread.happenings
    );

    // Stored texts are indexed in the background. A text from before the search existed is found, once.
    soon("the search index", async || {
        let search =
            SearchQuery { asked: SearchTerms::read("a").expect("a word"), open: None, agent: None, before: None };
        let found = find(server.desk.store(), server.workspace, search).await.expect("an answer");
        (!found.is_indexing).then_some(())
    })
    .await;
    for words in ["i was charged twice, waiting", "she is a regular", "good morning", "order a-question", "never mind"]
    {
        let search =
            SearchQuery { asked: SearchTerms::read(words).expect("words"), open: None, agent: None, before: None };
        let found = find(server.desk.store(), server.workspace, search).await.expect("an answer");
        assert_eq!(found.hits.len(), 1, "{words} of {applied:?}");
    }

    // An old escalation goes on to its end, and its events continue the numbering.
    let claimed = it("claimed");
    let fence = thread.escalation.fence;
    person.replies(&claimed, fence, "It is on its way.").await.expect("a reply");
    bot.says(&claimed, "customer", "Thank you!").await.ok(201);
    person.resolves(&claimed, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("an end");
    let events = bot.sends(Method::GET, &format!("/escalations/{claimed}/events?limit=200"), None, &[]).await.1.ok(200);
    let events = events["items"].as_array().expect("events");
    let seqs: Vec<_> = events.iter().filter_map(|it| it["seq"].as_i64()).filter(|seq| *seq > head).collect();
    assert_eq!(seqs, [head + 1, head + 2, head + 3]);
    let ended = &events.last().expect("an end")["data"]["escalation"];
    assert_eq!(ended["outcome"]["messages"].as_array().map(Vec::len), Some(4), "{ended}");
    // Events that were stored before they had these ids have them when they are sent, and a cursor.
    for event in events {
        assert!(event["conversation_id"].is_string() && event.get("tool_call_id").is_some(), "{event}");
        assert_eq!(event["cursor"], format!("{}.{}", server.desk.store().epoch(), event["seq"]), "{event}");
    }
    // A new escalation can be opened.
    let fresh = bot.escalates(json!({"conversation": {"id": "conv_new", "messages": []}})).await;
    person.claims(&fresh).await.expect("a claim");
}

async fn all(engine: Engine) {
    for (rows, applied) in RELEASED {
        story(engine, rows, applied).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_earlier_database_is_brought_up_to_date_and_served_on_sqlite() {
    all(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_earlier_database_is_brought_up_to_date_and_served_on_postgres() {
    all(Engine::Postgres).await;
}
