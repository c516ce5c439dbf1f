//! Tests that stored data keeps its format. `every_event.json` holds a database with every event type, as the release
//! of migration 12 wrote it. The test opens it, applies the events of each escalation in order and compares the result
//! with the stored row. The test also compares each stored JSON text with the one that this version would store, so
//! that a field or value that was renamed in Rust is found.

use std::{collections::BTreeSet, fs};

use bailout::{
    app::parts::resolution::ResolutionDraft,
    domain::{
        claim::Fence,
        disposition::Disposition,
        draft::{Draft, DraftMode},
        escalation::Escalation,
        event::{EventKind, TransferTarget},
        ids::EscalationId,
        inbox::{Frame, Row as ListRow},
        message::Message,
        operator::{Preferences, Role},
        outcome::{DecisionRequest, Resolution},
        queue::QueueDefaults,
        seq::Seq,
        text::NoteText,
        time::Span,
    },
    server::{
        core::command::OperatorVerb,
        store::{Opener, Store, events},
        workers::deadlines,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection};

use super::{
    fill,
    record::{TABLES, rows, settled},
};
use crate::support::{
    Engine, Person, TestServer,
    browser::Browser,
    server::{Agent, id},
};

const RECORDED: &str = include_str!("every_event.json");
/// The migrations of that release.
const APPLIED: [i64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

/// The names of all event types at that time.
const KINDS: [&str; 17] = [
    "escalation.accepted",
    "escalation.acknowledged",
    "escalation.cancelled",
    "escalation.claimed",
    "escalation.delivered",
    "escalation.expired",
    "escalation.followed_up",
    "escalation.marked",
    "escalation.not_picked_up",
    "escalation.opened",
    "escalation.released",
    "escalation.resolved",
    "escalation.taken_over",
    "escalation.transferred",
    "message.created",
    "message.receipt",
    "note.created",
];

/// Returns the recorded rows of a table.
fn table<'r>(recorded: &'r Value, name: &str) -> &'r [Value] {
    let tables = recorded["tables"].as_array().expect("tables");
    let (_, rows) = (tables.iter()).map(|it| (&it[0], &it[1])).find(|(it, _)| *it == name).expect("the table");
    rows.as_array().expect("rows")
}

/// Returns a text column of a recorded row.
fn text<'r>(row: &'r Value, column: &str) -> &'r str {
    row[column].as_str().unwrap_or_else(|| panic!("no text in {column}: {row}"))
}

/// Parses a stored JSON text and checks that this version would store the same.
fn reads<T: DeserializeOwned + Serialize>(stored: &str) -> T {
    let read: T = serde_json::from_str(stored).unwrap_or_else(|error| panic!("{error}: {stored}"));
    let was: Value = serde_json::from_str(stored).expect("JSON");
    assert_eq!(serde_json::to_value(&read).expect("JSON"), was, "it would be stored in another form");
    read
}

async fn replays(engine: Engine) {
    let Some(database) = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database") else {
        return;
    };
    let recorded: Value = serde_json::from_str(RECORDED).expect("rows");
    sqlx::any::install_default_drivers();
    let url = if engine == Engine::Sqlite { format!("{}?mode=rwc", database.url) } else { database.url.clone() };
    let mut connection = AnyConnection::connect(&url).await.expect("a connection");
    fill(&mut connection, engine, &APPLIED, &recorded["tables"]).await;
    connection.close().await.expect("an end");

    let now = bailout::server::clock::Clock::system().now();
    let store = Store::open(&database.url, Opener::Server, now).await.expect("the database opens");
    let workspace = text(&table(&recorded, "workspace")[0], "id").parse().expect("an id");
    let head = Seq(table(&recorded, "workspace")[0]["head"].as_i64().expect("a head"));
    let log = store.reader().read(|connection| Box::pin(events::range(connection, workspace, Seq(0), head))).await;
    let log = log.expect("the log");
    store.close().await;

    // The log is complete, and each event matches its columns.
    let stored = table(&recorded, "event");
    assert_eq!((log.len(), head.0), (stored.len(), stored.len() as i64));
    for (event, row) in log.iter().zip(stored) {
        let frame: Frame = reads(text(row, "body"));
        assert_eq!((&frame.event, event.kind.event_type().as_str()), (event, text(row, "type")));
    }
    let kinds: BTreeSet<&str> = log.iter().map(|event| event.kind.event_type().as_str()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), KINDS);

    // Each escalation equals the result of its events.
    for row in table(&recorded, "escalation") {
        let stored: Escalation = reads(text(row, "body"));
        let mut events = log.iter().filter(|event| event.escalation_id == stored.id);
        let mut replayed = Escalation::begun_by(events.next().expect("a first event")).expect("an opened event");
        events.for_each(|event| replayed.apply(event));
        // That release did not store whether an operator had set the urgency.
        let was = Escalation { urgency_is_set: stored.urgency_is_set, ..replayed };
        assert_eq!(was, stored);
        assert_eq!((stored.status.as_str(), stored.shelf().as_str()), (text(row, "status"), text(row, "shelf")));
        let listed: ListRow = reads(text(row, "row"));
        assert_eq!(listed, ListRow::from(&stored));
        if let Some(outcome) = row["outcome"].as_str() {
            serde_json::from_str::<Value>(outcome).expect("JSON");
        }
    }

    // Each message came with its event, or with the opening.
    for row in table(&recorded, "message") {
        let stored: Message = reads(text(row, "body"));
        assert_eq!(stored.role.as_str(), text(row, "role"));
        let author = stored.author.as_ref().and_then(|author| author.id.as_deref());
        assert!(row["author"].is_null() || row["author"] == "agent" || row["author"].as_str() == author, "{row}");
        let Some(seq) = row["seq"].as_i64() else { continue };
        let brought = log.iter().find(|event| event.seq == Seq(seq)).expect("its event");
        let EventKind::MessageCreated { message } = &brought.kind else { panic!("{brought:?}") };
        assert_eq!(Message { receipt: None, ..stored }, *message);
    }
    for row in table(&recorded, "draft") {
        let mode = DraftMode::named(text(row, "mode")).expect("a mode");
        if mode == DraftMode::Answer {
            let _: ResolutionDraft = reads(text(row, "text"));
        }
    }
    for row in table(&recorded, "operator") {
        let _: Role = serde_json::from_value(row["role"].clone()).expect("a role");
        // An operator who has never set preferences has an empty object.
        if text(row, "preferences") != "{}" {
            let _: Preferences = reads(text(row, "preferences"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_stored_event_is_read_and_applied_on_sqlite() {
    replays(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_stored_event_is_read_and_applied_on_postgres() {
    replays(Engine::Postgres).await;
}

#[test]
fn a_renamed_field_is_found() {
    let row = &table(&serde_json::from_str(RECORDED).expect("rows"), "event")[0].clone();
    let renamed = text(row, "body").replacen("\"opened_at\"", "\"begun_at\"", 1);
    assert!(std::panic::catch_unwind(|| reads::<Frame>(&renamed)).is_err());
    let added = text(row, "body").replacen("\"opened_at\"", "\"more\":1,\"opened_at\"", 1);
    assert!(std::panic::catch_unwind(|| reads::<Frame>(&added)).is_err());
}

/// Runs a command of an operator on an escalation, which must succeed, and returns the fence.
async fn does(person: &Person, escalation: EscalationId, verb: OperatorVerb) -> Fence {
    person.does(escalation, verb).await.expect("a verb that is done").current.escalation.fence
}

fn note(text: &str) -> NoteText {
    NoteText::parse(text).expect("a note")
}

/// Returns an opening for a chat with tools, with every other field that an opening may have.
fn everything() -> Value {
    json!({
        "reason": {"code": "policy_limit", "text": "A refund above my limit.", "evidence": {"limit": 100.50}, "confidence": 0.7},
        "summary": "Dana was charged twice.", "tried": ["The refund tool"], "customer_told": "A colleague will join.",
        "urgency": "high",
        "ask": {"kind": "takeover", "prompt": "Refund?", "suggested_reply": "I refund it."},
        "conversation": {
            "id": "conv_all", "total_messages": 9,
            "customer": {"id": "cus_1", "name": "Dana", "email": "dana@example.com", "locale": "de-DE"},
            "messages": [
                {"role": "system", "text": "Be brief."},
                {"role": "customer", "text": "I was charged twice.", "at": "2026-01-02T03:04:05Z"},
                {"role": "agent", "text": "Let me see.", "tool_calls": [{"id": "c1", "name": "charges", "arguments": {"of": "Dana"}}]},
                {"role": "tool", "tool_result": {"call_id": "c1", "output": {"charges": 2}, "is_error": false}},
                {"role": "agent", "author": {"name": "Bot"}, "text": "There are two."},
                17,
            ],
        },
        "context": [{"label": "Plan", "value": "Gold"}, {"label": "Order", "url": "https://example.com/orders/1"}],
        "deadlines": {"claim_within_seconds": 86_400, "resolve_within_seconds": 172_800, "expire_after_seconds": 604_800},
        "on_expiry": {"note_to_agent": "Nobody came."},
        "resume": {"tool_call_id": "call_1", "run_id": "run_1", "state": "{}"},
        "metadata": {"region": "eu"},
    })
}

/// Runs a takeover: a conversation is claimed, tagged, answered, transferred to a colleague and to a queue, released
/// and resolved.
async fn takes_over(server: &TestServer, bot: &Agent, ada: &Person, grace: &Person) {
    let it = bot.escalates(everything()).await;
    bot.says(&it, "agent", "She is here.").await.ok(201);
    let fence = ada.claims(&it).await.expect("a claim");
    let said = ada.replies(&it, fence, "Good **morning**, Dana.").await.expect("a reply").message.expect("a message");
    for (role, text) in [("customer", "Thank you!"), ("system", "The customer opened the bill.")] {
        bot.says(&it, role, text).await.ok(201);
    }
    for (state, detail) in [("failed", json!("The chat was closed.")), ("shown", Value::Null)] {
        let receipt = json!({"message_id": said.id, "state": state, "detail": detail});
        bot.post(&format!("/escalations/{it}/receipts"), receipt).await.ok(200);
    }
    let escalation = id(&it);
    does(ada, escalation, OperatorVerb::Note { text: note("She is a regular.") }).await;
    let browser = Browser::of("Ada", &server.url).await;
    for (function, arguments) in [
        ("mark", format!("id={it}&urgency=urgent&tags=vip,refund")),
        ("keep_draft", format!("id={it}&mode=reply&client_message_id=m-1&text=One+moment")),
        ("keep_draft", format!("id={it}&mode=note&client_message_id=m-2&text=Call+her")),
    ] {
        let answer = browser.calls(function, &arguments).send().await.expect("an answer");
        let answer = answer.text().await.expect("a text");
        assert!(!answer.contains("Err"), "{function}: {answer}");
    }
    let to = TransferTarget::Operator(grace.operator.who.clone());
    does(ada, escalation, OperatorVerb::Transfer { fence: Some(fence), to, note: Some(note("You know her.")) }).await;
    let fence = does(grace, escalation, OperatorVerb::Accept).await;
    let refunds = server.queue("refunds", &[ada], QueueDefaults::default()).await.itself;
    let to = TransferTarget::Queue(refunds);
    does(grace, escalation, OperatorVerb::Transfer { fence: Some(fence), to, note: Some(note("A refund.")) }).await;
    let fence = ada.claims(&it).await.expect("a claim");
    ada.releases(&it, fence).await.expect("a release");
    let fence = ada.claims(&it).await.expect("a claim");
    let refunded = Resolution {
        next: bailout::domain::outcome::NextStep::AwaitCustomer,
        note_to_agent: Some(note("Refunded.")),
        avoidable: true,
        ..Resolution::bare(Disposition::Handled)
    };
    ada.resolves(&it, Some(fence), refunded).await.expect("an end");
    bot.get(&format!("/escalations/{it}")).await.ok(200);
    settled(server).await;
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
}

/// Runs a question that becomes a takeover, one whose answer is not picked up, and a decision.
async fn answers(server: &TestServer, bot: &Agent, ada: &Person) {
    let ask = json!({"kind": "question", "prompt": "May I?", "options": ["Yes", "No"]});
    let it = bot.escalates(json!({"ask": ask, "conversation": {"id": "conv_q", "messages": []}})).await;
    let fence = does(ada, id(&it), OperatorVerb::TakeOver { fence: None }).await;
    ada.replies(&it, fence, "You may.").await.expect("a reply");
    let chosen = Resolution { data: Some(json!({"choice": "Yes"})), ..Resolution::bare(Disposition::Answered) };
    ada.resolves(&it, Some(fence), chosen).await.expect("an answer");
    bot.get(&format!("/escalations/{it}")).await.ok(200);
    settled(server).await;
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);

    let schema = json!({"type": "object", "properties": {"eur": {"type": "number"}}, "required": ["eur"]});
    let it =
        bot.escalates(json!({"ask": {"kind": "question", "prompt": "How much?", "response_schema": schema}})).await;
    let answered = Resolution { data: Some(json!({"eur": 0.10})), ..Resolution::bare(Disposition::Answered) };
    ada.resolves(&it, None, answered).await.expect("an answer");
    server.pass(Span::minutes(1));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    does(ada, id(&it), OperatorVerb::FollowUp { note: Some(note("Told by phone.")) }).await;

    let action =
        |id: &str| json!({"id": id, "name": "pay", "arguments": {"eur": 250}, "arguments_schema": schema_of_eur()});
    let actions = json!([action("a"), action("b"), action("c")]);
    let it = bot.escalates(json!({"ask": {"kind": "decision", "actions": actions}})).await;
    let decisions: Vec<DecisionRequest> = serde_json::from_value(json!([
        {"id": "a", "decision": "approve", "edits": [], "comment": null, "executed_by": "operator"},
        {"id": "b", "decision": "edit", "edits": [{"pointer": "/eur", "json": "0.10"}], "comment": "Less.", "executed_by": "agent"},
        {"id": "c", "decision": "reject", "edits": [], "comment": "Never.", "executed_by": "agent"},
    ]))
    .expect("decisions");
    let decided = Resolution { actions: decisions, ..Resolution::bare(Disposition::ApprovedWithEdits) };
    ada.resolves(&it, None, decided).await.expect("a decision");
    bot.get(&format!("/escalations/{it}")).await.ok(200);
    let draft = Draft {
        escalation: id(&bot.escalates(json!({"ask": {"kind": "decision", "actions": [action("d")]}})).await),
        mode: DraftMode::Answer,
        client_message_id: bailout::domain::text::ClientMessageId::parse("m-3").expect("a name"),
        text: json!({
            "chosen": "declined", "next": "continue", "answer": "", "filled": {"/eur": "1"}, "note": "No.", "avoidable": false,
            "cards": [{"verdict": "edit", "filled": {"/eur": "2"}, "comment": "Less."}],
        })
        .to_string(),
    };
    let (store, who) = (server.desk.store(), ada.operator.who.id);
    bailout::server::store::drafts::save(store, server.workspace, who, draft, server.now()).await.expect("a draft");
}

fn schema_of_eur() -> Value {
    json!({"type": "object", "properties": {"eur": {"type": "number", "maximum": 100}}})
}

/// Runs escalations that end without an operator, and claims that do.
async fn ends(server: &TestServer, bot: &Agent, ada: &Person, grace: &Person) {
    let cancelled = bot.hands_over("conv_cancelled").await;
    ada.claims(&cancelled).await.expect("a claim");
    bot.post(&format!("/escalations/{cancelled}/cancel"), json!({"reason": "Never mind."})).await.ok(200);
    let late = bot.escalates(json!({"deadlines": {"expire_after_seconds": 1}})).await;
    let returned = bot.hands_over("conv_returned").await;
    let fence = ada.claims(&returned).await.expect("a claim");
    let to = TransferTarget::Operator(grace.operator.who.clone());
    let escalation = id(&returned);
    does(ada, escalation, OperatorVerb::Transfer { fence: Some(fence), to, note: Some(note("Please.")) }).await;
    let lapsed = bot.hands_over("conv_lapsed").await;
    ada.claims(&lapsed).await.expect("a claim");
    ada.is_seen().await;
    server.pass(bailout::domain::claim::ACCEPTED_WITHIN);
    deadlines::sweep(&server.desk).await.expect("a sweep");
    does(ada, id(&late), OperatorVerb::FollowUp { note: None }).await;
    server.pass(bailout::domain::presence::LAPSES_AFTER);
    deadlines::lapse(&server.desk).await.expect("a look");
    bot.hands_over("conv_waiting").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "writes tests/desk/released/every_event.json, once"]
async fn every_event() {
    let server = TestServer::start(Engine::Postgres).await.expect("PostgreSQL");
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Supervisor).await);
    let grace = server.person("Grace", Role::Admin).await;
    takes_over(&server, &bot, &ada, &grace).await;
    answers(&server, &bot, &ada).await;
    ends(&server, &bot, &ada, &grace).await;
    let looks = [("do", "save"), ("name", "Ada"), ("public_name", "Ada"), ("theme", "dark"), ("density", "compact")];
    Browser::of("Ada", &server.url).await.sends("/me", &looks, 200).await;
    settled(&server).await;
    let mut tables = vec![];
    for table in TABLES.into_iter().chain(["passage"]) {
        tables.push(json!([table, rows(&server, table).await]));
    }
    let file = "tests/desk/released/every_event.json";
    assert!(!fs::exists(file).expect("a look"), "what was recorded stays as it was");
    fs::write(file, serde_json::to_string_pretty(&json!({ "tables": tables })).expect("JSON")).expect("a file");
}
