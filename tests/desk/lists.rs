//! Tests lists: with every order and filter, the pages show the same rows as a scan of all rows.

use std::{collections::BTreeSet, path::Path, time::Duration};

use bailout::{
    domain::{
        disposition::Disposition,
        escalation::Escalation,
        ids::{AgentId, EscalationId, QueueId},
        inbox::{Counts, FilterField, Filters, Inbox, ListPage, Listing, Query, Row, View},
        operator::Role,
        outcome::Resolution,
        time::{Span, Timestamp},
    },
    server::{
        core::command::OperatorVerb,
        store::{Opener, Store},
        workers::deadlines,
    },
};
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row as _, migrate::Migrator};

use crate::{
    on_both,
    support::{
        Engine, Person, TestServer,
        server::{Agent, id},
    },
};

/// Reads all rows, without pages.
async fn all_rows(server: &TestServer) -> Vec<Row> {
    let sql = "select body from escalation where workspace_id = $1";
    let rows = sqlx::query(sql).bind(server.workspace.to_string()).fetch_all(server.desk.store().reader()).await;
    let bodies = rows.expect("rows").into_iter().map(|row| row.get::<String, _>(0));
    bodies.map(|body| Row::from(&serde_json::from_str::<Escalation>(&body).expect("an escalation"))).collect()
}

/// Returns the expected list by a scan of all rows.
fn naive(query: &Query, mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|row| query.matches(row));
    rows.sort_by_key(|row| query.key(row));
    rows
}

/// Reads a list from its first page to its last.
async fn paged(server: &TestServer, query: Query) -> Inbox {
    let mut inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
    while let Some(after) = inbox.bound {
        let page = server.desk.inbox_page(server.workspace, query, after).await.expect("a page");
        assert!(page.rows.len() <= 50);
        assert!(page.bound.is_none_or(|bound| bound > after), "a page that leads nowhere");
        assert!(inbox.extend(page), "nothing happened meanwhile");
    }
    inbox
}

fn listings(filters: Filters) -> impl Iterator<Item = Listing> {
    let each = View::ALL.into_iter().flat_map(|view| view.sorts().iter().map(move |sort| (view, *sort)));
    each.map(move |(view, sort)| Listing { view, sort, filters })
}

fn with(set: &[(FilterField, &str)]) -> Filters {
    let mut filters = Filters::default();
    set.iter().for_each(|(field, value)| filters.set(*field, value));
    assert_eq!(filters.all_set().len(), set.len(), "a filter that is none: {set:?}");
    filters
}

/// Creates many escalations of every kind and in every state. No open one expires while the test reads them.
async fn a_busy_day(server: &TestServer, agents: &[Agent], people: &[Person]) {
    for n in 0..150_usize {
        let kind = ["takeover", "question", "decision"][n % 3];
        let (urgency, code) = (["low", "normal", "high", "urgent"][n % 4], ["safety", "other", "policy_limit"][n % 3]);
        let mut ask = json!({"kind": kind});
        if kind == "decision" {
            ask["actions"] = json!([{"id": "a", "name": "pay", "arguments": {}}]);
        }
        let opened = agents[n % agents.len()].escalates(json!({
            "ask": ask,
            "urgency": urgency,
            "reason": {"code": code, "text": "Look"},
            "deadlines": {"claim_within_seconds": 6_000, "expire_after_seconds": n * 10 + if n < 40 { 300 } else { 6_000 }},
            "conversation": {"id": format!("conv_{n}"), "messages": []},
        }));
        let it = opened.await;
        server.pass(Span::seconds(1));
        let by = &people[n % people.len()];
        match n % 7 {
            0 | 1 => drop(by.claims(&it).await.expect("a claim")),
            2 if kind == "takeover" => {
                let fence = by.claims(&it).await.expect("a claim");
                by.replies(&it, fence, "Hello").await.expect("a reply");
            }
            3 => {
                let fence = by.claims(&it).await.expect("a claim");
                by.resolves(&it, Some(fence), Resolution::bare(Disposition::Declined)).await.expect("an end");
            }
            4 => drop(
                agents[n % agents.len()]
                    .post(&format!("/escalations/{it}/cancel"), json!({"reason": "x"}))
                    .await
                    .ok(200),
            ),
            _ => {}
        }
    }
    // Some of the escalations that were opened first have expired, and some of these were followed up.
    server.pass(Span::seconds(800));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    let missed: Vec<Row> = all_rows(server).await.into_iter().filter(|row| row.status.as_str() == "expired").collect();
    assert!(missed.len() > 10, "too few expired: {}", missed.len());
    for row in missed.iter().step_by(3) {
        let verb = OperatorVerb::FollowUp { note: None };
        people[0].does(row.id, verb).await.expect("a follow-up");
    }
}

#[apply(on_both!)]
async fn every_order_and_filter_shows_page_by_page_what_is_there(server: TestServer) {
    let agents = [server.agent("billing-bot").await, server.agent("sales-bot").await];
    let people = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    a_busy_day(&server, &agents, &people).await;
    // Robot leaves these alone.
    let (test, wish) = (server.test_agent("ci-bot").await, json!({"rehearse": {"disposition": "unanswered"}}));
    for n in 0..12 {
        let (kind, urgency) = (["takeover", "question"][n % 2], ["low", "normal", "urgent"][n % 3]);
        test.escalates(json!({"ask": {"kind": kind}, "urgency": urgency, "metadata": wish})).await;
    }
    let rows = all_rows(&server).await;
    let (agent, queue) = (rows[0].agent.id.to_string(), rows[0].queue.to_string());
    let (ada, nobody) = (people[0].operator.who.id.to_string(), AgentId::new(uuid::Uuid::nil()).to_string());
    let mut met = BTreeSet::new();
    for filters in [
        with(&[]),
        with(&[(FilterField::Reason, "safety")]),
        with(&[(FilterField::Agent, &agent)]),
        with(&[(FilterField::Agent, &nobody)]),
        with(&[(FilterField::Urgency, "urgent")]),
        with(&[(FilterField::Kind, "takeover")]),
        with(&[(FilterField::Queue, &queue)]),
        with(&[(FilterField::Queue, &QueueId::new(uuid::Uuid::nil()).to_string())]),
        with(&[(FilterField::Holder, &ada)]),
        with(&[(FilterField::Age, "15m")]),
        with(&[(FilterField::Age, "15m"), (FilterField::Kind, "question"), (FilterField::Urgency, "low")]),
    ] {
        for listing in listings(filters) {
            let query = Query { listing, me: people[0].operator.who.id, as_of: server.now() };
            let (inbox, expected) = (paged(&server, query).await, naive(&query, rows.clone()));
            assert_eq!(inbox.rows, expected, "{}", listing.address());
            met.insert((listing.view.label(), filters == Filters::default(), expected.is_empty()));
            let mut counts = Counts::default();
            rows.iter().for_each(|row| counts.add(row.shelf(), row.is_held_by(query.me), true, 1));
            assert_eq!(inbox.counts, counts);
        }
    }
    // The control: every list had rows to show and rows to leave out.
    for view in View::ALL {
        assert!(met.contains(&(view.label(), true, false)), "{} was empty", view.label());
        assert!(met.contains(&(view.label(), false, false)), "{} never passed a filter", view.label());
        assert!(met.contains(&(view.label(), false, true)), "{} left nothing out", view.label());
    }
}

#[apply(on_both!)]
async fn a_filter_that_few_pass_looks_so_far_and_goes_on(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let ada = server.person("Ada", Role::Operator).await;
    let first = bot.hands_over("conv_first").await;
    // So many rows of another urgency that one read does not reach the end, and that a slow machine needs long.
    let store = server.desk.store();
    let copy = "insert into escalation (workspace_id, id, agent_id, conversation, conversation_id, status, claimed_by, \
            opened_at, closed_at, due_at, body, row, outcome, shelf, key_waiting, key_deadline, key_urgency, key_newest, \
            customer, closed_seq, queue_id) select workspace_id, $1, agent_id, conversation, conversation_id, status, claimed_by, \
            opened_at, closed_at, due_at, body, replace(row, $2, $1), outcome, shelf, key_waiting, key_deadline, \
            key_urgency, key_newest, customer, closed_seq, queue_id from escalation where id = $2";
    let mut tx = store.begin_write_within(Duration::from_secs(120)).await.expect("a transaction");
    for n in 1..=2_100 {
        let copied = EscalationId::new(uuid::Uuid::from_u128(u128::MAX - n)).to_string();
        sqlx::query(copy).bind(copied).bind(first.clone()).execute(&mut *tx).await.expect("a copy");
    }
    tx.commit().await.expect("a commit");
    server.pass(Span::minutes(1));
    let last = bot.escalates(json!({"urgency": "urgent", "ask": {"kind": "question"}})).await;
    let listing = Listing { filters: with(&[(FilterField::Urgency, "urgent")]), ..Listing::from(View::Queue) };
    let query = Query { listing, me: ada.operator.who.id, as_of: server.now() };
    let inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
    assert!(inbox.rows.is_empty() && inbox.bound.is_some(), "not the whole way at once");
    let ListPage { rows, bound, .. } =
        server.desk.inbox_page(server.workspace, query, inbox.bound.expect("a bound")).await.expect("a page");
    assert_eq!((rows.iter().map(|row| row.id).collect::<Vec<_>>(), bound), (vec![id(&last)], None));
}

#[apply(on_both!)]
async fn pages_read_while_others_write_converge(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, ana) = (server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await);
    for n in 0..120 {
        bot.hands_over(&format!("conv_{n}")).await;
    }
    let query = Query { listing: View::All.into(), me: ada.operator.who.id, as_of: server.now() };
    let writes = async {
        let rows = all_rows(&server).await;
        join_all(rows.iter().enumerate().map(async |(n, row)| {
            let it = row.id.to_string();
            let by = if n % 2 == 0 { &ada } else { &ana };
            let fence = by.claims(&it).await.expect("a claim");
            if n % 3 == 0 {
                by.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("an end");
            }
        }))
        .await;
    };
    let reads = async {
        let mut looks = 0;
        let mut inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
        while let Some(after) = inbox.bound {
            let page = server.desk.inbox_page(server.workspace, query, after).await.expect("a page");
            // A page of another moment cannot extend the list, so the list is read again.
            if page.seq != inbox.seq {
                inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
            } else {
                inbox.extend(page);
            }
            looks += 1;
            assert!(looks < 10_000, "pages without end");
        }
        inbox
    };
    let ((), inbox) = tokio::join!(writes, reads);
    assert!(inbox.rows.is_sorted_by_key(|row| query.key(row)), "in order at any moment");
    assert_eq!(paged(&server, query).await.rows, naive(&query, all_rows(&server).await));
}

/// Returns the body and the row of an escalation as they were before lists had these orders.
fn as_it_was(mut body: Value, mut row: Value) -> (String, String) {
    let gone = ["replied_at", "owed_since", "earlier", "followed_up", "acknowledges", "tags", "not_picked_up"];
    gone.iter().for_each(|name| drop(body.as_object_mut().expect("an object").remove(*name)));
    row["agent"] = row["agent"]["name"].take();
    let gone = ["code", "queue", "waits_since", "earlier", "contact", "followed_up", "not_picked_up"];
    gone.iter().for_each(|name| drop(row.as_object_mut().expect("an object").remove(*name)));
    (body.to_string(), row.to_string())
}

/// Copies the escalations of a server into an earlier schema. After the migration the lists are the same.
async fn lists_survive_the_migration(engine: Engine) {
    let Some(server) = TestServer::start(engine).await else { return };
    let agents = [server.agent("billing-bot").await];
    let people = [server.person("Ada", Role::Operator).await];
    a_busy_day(&server, &agents, &people).await;
    let old = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database").expect("as before");
    let url = if engine == Engine::Sqlite { format!("{}?mode=rwc", old.url) } else { old.url.clone() };
    let pool = sqlx::AnyPool::connect(&url).await.expect("a pool");
    let folder = Path::new("migrations").join(if engine == Engine::Sqlite { "sqlite" } else { "postgres" });
    let mut migrator = Migrator::new(folder).await.expect("migrations");
    migrator.migrations.to_mut().retain(|migration| migration.version < 3);
    migrator.run(&pool).await.expect("a database as it was");
    sqlx::query("insert into workspace (id, name, head, open, created_at) values ($1, 'default', 0, 0, 0)")
        .bind(server.workspace.to_string())
        .execute(&pool)
        .await
        .expect("a workspace");
    let columns =
        "workspace_id, id, agent_id, conversation, conversation_id, status, claimed_by, opened_at, closed_at, due_at";
    let sql = format!("select {columns}, body, row from escalation");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(server.desk.store().reader()).await.expect("rows");
    let before = columns.replace("conversation_id", "external_id");
    let insert = format!(
        "insert into escalation ({before}, body, row) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    for row in rows {
        let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
        for at in 0..7 {
            query = query.bind(row.get::<Option<String>, _>(at));
        }
        for at in 7..10 {
            query = query.bind(row.get::<Option<i64>, _>(at));
        }
        let read = |at| serde_json::from_str(&row.get::<String, _>(at)).expect("JSON");
        let (body, line) = as_it_was(read(10), read(11));
        query.bind(body).bind(line).execute(&pool).await.expect("a row as it was");
    }
    pool.close().await;

    let store = Store::open(&url, Opener::Server, Timestamp(0)).await.expect("a store");
    let read = async |query: Query| {
        let workspace = server.workspace;
        let read = store.snapshot(move |connection| {
            Box::pin(async move { bailout::server::store::inbox::page(connection, workspace, query, None, &[]).await })
        });
        read.await.expect("a page")
    };
    let sql = "select body from escalation";
    let bodies = sqlx::query(sql).fetch_all(store.reader()).await.expect("rows");
    let bodies = bodies.iter().map(|row| serde_json::from_str(&row.get::<String, _>(0)).expect("an escalation"));
    let rows: Vec<Row> = bodies.map(|it: Escalation| Row::from(&it)).collect();
    // There were no tests then.
    for listing in listings(Filters::default()).filter(|listing| listing.view != View::Tests) {
        let query = Query { listing, me: people[0].operator.who.id, as_of: server.now() };
        let mut expected = naive(&query, rows.clone());
        expected.truncate(50);
        assert!(!expected.is_empty(), "{}", listing.address());
        assert_eq!(read(query).await.rows, expected, "{}", listing.address());
    }
    // The migration fills in the customer, and `closed_seq` where an escalation is closed.
    let known = "select count(*) from escalation where customer is null or (closed_at is null) <> (closed_seq is null)";
    let unknown: i64 = sqlx::query(known).fetch_one(store.reader()).await.expect("a count").get(0);
    assert_eq!(unknown, 0);
    // The migration also fills in the queue, and how long the escalation had waited when it was claimed.
    let sql = "select queue_id, claimed_after, body from escalation";
    for row in sqlx::query(sql).fetch_all(store.reader()).await.expect("rows") {
        let it: Escalation = serde_json::from_str(&row.get::<String, _>(2)).expect("an escalation");
        let claimed_after = it.claim.as_ref().map(|claim| (claim.at - it.opened_at).0);
        assert_eq!((row.get(0), row.get(1)), (it.queue.id.to_string(), claimed_after));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_survive_the_migration_on_sqlite() {
    lists_survive_the_migration(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lists_survive_the_migration_on_postgres() {
    lists_survive_the_migration(Engine::Postgres).await;
}
