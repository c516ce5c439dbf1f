//! Tests of the console's requests other than claims and replies, over HTTP: transfers, drafts, and viewing.

use std::{sync::Arc, time::Duration};

use bailout::{
    domain::{
        claim::ACCEPTED_WITHIN,
        operator::Role,
        presence::{Hint, LAPSES_AFTER},
        time::Span,
    },
    server::workers::deadlines,
};
use macro_rules_attribute::apply;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    on_both,
    support::{
        Engine, TestServer,
        browser::Browser,
        server::{Agent, soon},
    },
};

/// Returns the answer of a server function, which must be a 200.
async fn called(browser: &Browser, function: &str, arguments: &str) -> Value {
    let answer = browser.calls(function, arguments).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{function} {arguments}");
    answer.json().await.expect("JSON")
}

async fn status(browser: &Browser, function: &str, arguments: &str) -> u16 {
    browser.calls(function, arguments).send().await.expect("an answer").status().as_u16()
}

/// Claims an escalation as Ada, transfers it to a colleague, and returns its id.
async fn transferred(ada: &Browser, bot: &Agent, to: &str) -> String {
    let it = bot.hands_over("conv_1").await;
    let fence = called(ada, "claim", &format!("id={it}")).await["Ok"]["fence"].as_i64().expect("a fence");
    let done = called(ada, "transfer", &format!("id={it}&fence={fence}&to={to}&note=Please")).await;
    assert!(done.get("Ok").is_some(), "{done}");
    it
}

/// Returns the status of an escalation, and who is in control of its conversation.
async fn stands(bot: &Agent, it: &str) -> (String, String) {
    let now = bot.get(&format!("/escalations/{it}")).await.ok(200);
    let word = |name: &str| now[name].as_str().expect("a word").to_owned();
    (word("status"), word("control"))
}

/// Returns the events that the agent received for an escalation: types and actors.
async fn heard(bot: &Agent, it: &str) -> Vec<(String, String)> {
    let word = |it: &Value| it.as_str().expect("a word").to_owned();
    bot.events_of(it).await.iter().skip(1).map(|event| (word(&event["type"]), word(&event["actor"]["kind"]))).collect()
}

fn is(status: &str, control: &str) -> (String, String) {
    (status.to_owned(), control.to_owned())
}

#[apply(on_both!)]
async fn a_transfer_needs_a_note_and_someone_who_may_work(server: TestServer) {
    let ana = server.person("Ana", Role::Operator).await.operator.who.id;
    let vera = server.person("Vera", Role::Viewer).await.operator.who.id;
    server.person("Ada", Role::Operator).await;
    let grace = server.person("Grace", Role::Supervisor).await.operator.who.id;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = bot.hands_over("conv_1").await;
    let fence = called(&ada, "claim", &format!("id={it}")).await["Ok"]["fence"].as_i64().expect("a fence");
    let held = format!("id={it}&fence={fence}");
    for (to, note, wrong) in [
        (vera.to_string(), "Please", "/to"),
        ("op_00000000000000000000000000".to_owned(), "Please", "/to"),
        ("nobody".to_owned(), "Please", "/to"),
        (ana.to_string(), "", "/note"),
    ] {
        let refused = called(&ada, "transfer", &format!("{held}&to={to}&note={note}")).await;
        assert_eq!(refused["Err"]["invalid_fields"]["problems"][0]["pointer"], wrong, "{to} {note}: {refused}");
    }
    // Without a fence the escalation counts as held by another operator, and only a supervisor may take it.
    let taken = called(&ada, "transfer", &format!("id={it}&to={ana}&note=Mine")).await;
    assert_eq!(taken["Err"]["forbidden"]["need"], "supervisor", "{taken}");
    let done = called(&ada, "transfer", &format!("{held}&to={ana}&note=You+know+her")).await;
    assert!(done.get("Ok").is_some(), "{done}");
    let supervisor = Browser::of("Grace", &server.url).await;
    let done = called(&supervisor, "transfer", &format!("id={it}&to={grace}&note=")).await;
    assert!(done.get("Ok").is_some(), "{done}");
    let claimed_by = bot.get(&format!("/escalations/{it}")).await.ok(200)["claimed_by"]["name"].clone();
    assert_eq!(claimed_by, "Grace");
    // The agent learns to whom it went, but not the note.
    let heard = bot.get(&format!("/escalations/{it}/events")).await;
    assert!(heard.text.contains("escalation.transferred") && !heard.text.contains("You know her"), "{}", heard.text);
}

#[apply(on_both!)]
async fn what_is_transferred_to_one_who_was_never_here_lapses(server: TestServer) {
    let ana = server.person("Ana", Role::Operator).await.operator.who.id;
    server.person("Ada", Role::Operator).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = bot.hands_over("conv_1").await;
    let fence = called(&ada, "claim", &format!("id={it}")).await["Ok"]["fence"].as_i64().expect("a fence");
    server.pass(Span::hours(1));
    let done = called(&ada, "transfer", &format!("id={it}&fence={fence}&to={ana}&note=Please")).await;
    assert!(done.get("Ok").is_some(), "{done}");
    // Ana opens it, but her page never connects.
    let opens = format!("id={it}&typing=false&read=0");
    called(&Browser::of("Ana", &server.url).await, "viewing", &opens).await;
    // The full time must pass first.
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "claimed");
    server.pass(LAPSES_AFTER);
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "waiting");
}

#[apply(on_both!)]
async fn a_transfer_that_nobody_takes_returns_to_its_queue(server: TestServer) {
    let ana = server.person("Ana", Role::Operator).await;
    let vera = server.person("Vera", Role::Viewer).await;
    server.person("Ada", Role::Operator).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = transferred(&ada, &bot, &ana.operator.who.id.to_string()).await;
    // Ana being online, and others viewing it, does not count as acceptance.
    ana.is_seen().await;
    vera.is_seen().await;
    let looks = format!("id={it}&typing=false&read=0");
    called(&ada, "viewing", &looks).await;
    called(&Browser::of("Vera", &server.url).await, "viewing", &looks).await;
    // A page that showed it before, without activity since, does not count either.
    let before = server.now().0 - 1_000;
    called(&Browser::of("Ana", &server.url).await, "viewing", &format!("{looks}&active_at={before}")).await;
    server.pass(Span(ACCEPTED_WITHIN.0 - 30_000));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(stands(&bot, &it).await, is("claimed", "human"), "half a minute is left");

    server.pass(Span::seconds(30));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(stands(&bot, &it).await, is("waiting", "agent"));
    let last = heard(&bot, &it).await.pop();
    assert_eq!(last, Some(("escalation.released".to_owned(), "system".to_owned())));
    // The operator who transferred it reads who did not take it, and may claim it again. The other is too late.
    let page = ada.sees(&format!("/e/{it}"), 200).await;
    assert!(page.contains("Ana did not take it · waiting again"), "the page does not say so");
    called(&Browser::of("Ana", &server.url).await, "viewing", &looks).await;
    assert_eq!(stands(&bot, &it).await, is("waiting", "agent"), "it is too late to open it");
    assert!(called(&ada, "claim", &format!("id={it}")).await.get("Ok").is_some());
}

#[apply(on_both!)]
async fn who_opens_a_transfer_keeps_it(server: TestServer) {
    let ana = server.person("Ana", Role::Operator).await.operator.who.id;
    server.person("Ada", Role::Operator).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = transferred(&ada, &bot, &ana.to_string()).await;
    server.pass(Span(ACCEPTED_WITHIN.0 - 30_000));
    let (browser, looks) = (Browser::of("Ana", &server.url).await, format!("id={it}&typing=false&read=0"));
    for _ in 0..2 {
        called(&browser, "viewing", &looks).await;
    }
    server.pass(Span::minutes(5));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(stands(&bot, &it).await, is("claimed", "human"));
    // The agent does not learn that Ana opened it.
    let last = heard(&bot, &it).await.pop();
    assert_eq!(last, Some(("escalation.transferred".to_owned(), "operator".to_owned())));
}

#[apply(on_both!)]
async fn a_transfer_returns_also_when_the_server_was_restarted(server: TestServer) {
    let ana = server.person("Ana", Role::Operator).await.operator.who.id;
    server.person("Ada", Role::Operator).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = transferred(&ada, &bot, &ana.to_string()).await;
    let server = server.restarted(Span::seconds(30)).await;
    assert_eq!(stands(&bot.at(&server), &it).await, is("claimed", "human"), "there is time left");
    let server = server.restarted(ACCEPTED_WITHIN).await;
    assert_eq!(stands(&bot.at(&server), &it).await, is("waiting", "agent"));
}

#[apply(on_both!)]
async fn only_who_holds_it_types_to_its_customer(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    server.person("Vera", Role::Viewer).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let vera = Browser::of("Vera", &server.url).await;
    let it = bot.hands_over("conv_1").await;
    called(&ada, "claim", &format!("id={it}")).await;
    let mut told = server.desk.hints().subscribe();
    for (browser, types) in [(&vera, false), (&ada, true)] {
        called(browser, "viewing", &format!("id={it}&typing=true&read=0")).await;
        let typing = loop {
            if let Hint::Viewing { viewer, .. } = &told.recv().await.expect("a hint").1 {
                break viewer.typing;
            }
        };
        assert_eq!(typing, types);
    }
}

#[apply(on_both!)]
async fn drafts_are_kept_for_whoever_may_write(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    server.person("Vera", Role::Viewer).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = bot.hands_over("conv_1").await;
    let draft = |id: &str, text: &str| format!("id={id}&mode=reply&client_message_id=m-1&text={text}");
    assert_eq!(status(&ada, "keep_draft", &draft(&it, "Hello")).await, 200);
    assert!(ada.gets(&format!("/e/{it}")).await.text().await.expect("a page").contains("\"text\":\"Hello\""));
    assert_eq!(status(&ada, "keep_draft", &draft("esc_00000000000000000000000000", "Hello")).await, 404);
    assert_eq!(status(&ada, "keep_draft", &draft(&it, &"x".repeat(100_001))).await, 400);
    let vera = Browser::of("Vera", &server.url).await;
    assert_eq!(status(&vera, "keep_draft", &draft(&it, "Hello")).await, 403);
    assert!(!vera.gets(&format!("/e/{it}")).await.text().await.expect("a page").contains("\"text\":\"Hello\""));
}

#[apply(on_both!)]
async fn a_page_that_says_where_it_looks_keeps_no_session_alive(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = bot.hands_over("conv_1").await;
    let looks = format!("id={it}&typing=false&read=0");
    // The control: an operator's action keeps the session alive.
    server.pass(Span::hours(11));
    assert_eq!(status(&ada, "inbox", "listing=/queue").await, 200);
    soon("the note of it", async || server.desk.background_tasks().is_empty().then_some(())).await;
    server.pass(Span::hours(11));
    assert_eq!(status(&ada, "viewing", &looks).await, 200);
    server.pass(Span::hours(2));
    assert_eq!(status(&ada, "viewing", &looks).await, 401);
}

#[apply(on_both!)]
async fn who_looks_and_reads_nothing_new_waits_for_no_writer(server: TestServer) {
    server.person("Ada", Role::Viewer).await;
    let (bot, ada) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let it = bot.hands_over("conv_1").await;
    let looks = |read: i64| ada.calls("viewing", &format!("id={it}&typing=false&read={read}")).send();
    assert_eq!(looks(1).await.expect("an answer").status(), 200);
    let said = bot.says(&it, "customer", "Hello?").await.ok(201)["seq"].as_i64().expect("a seq");
    // A transaction writes read marks: on SQLite it blocks all other writers, on PostgreSQL those of the same row.
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    sqlx::query("update operator_read set at = at").execute(&mut *tx).await.expect("an update");
    for read in [0, 1] {
        let answer = timeout(Duration::from_secs(10), looks(read)).await.expect("an answer, although a writer waits");
        assert_eq!(answer.expect("an answer").status(), 200);
    }
    // The control: a request that reads further waits.
    let mut reads_on = tokio::spawn(looks(said));
    assert!(timeout(Duration::from_millis(300), &mut reads_on).await.is_err(), "nothing was written");
    tx.commit().await.expect("a commit");
    assert_eq!(reads_on.await.expect("a task").expect("an answer").status(), 200);
}

#[apply(on_both!)]
async fn what_one_has_read_is_known_to_the_next_page_and_to_nobody_else(server: TestServer) {
    server.person("Ada", Role::Viewer).await;
    server.person("Bob", Role::Operator).await;
    let (ada, bob) = (Browser::of("Ada", &server.url).await, Browser::of("Bob", &server.url).await);
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let said = bot.says(&it, "customer", "Hello?").await.ok(201)["seq"].as_i64().expect("a seq");
    let read = async |browser: &Browser| {
        let page = browser.gets("/queue").await.text().await.expect("a page");
        let (_, start) = page.split_once("\"reads\":").expect("how far one has read");
        start.split_once("]]").map(|(reads, _)| reads.to_owned() + "]]")
    };
    let looks = async |read: i64| called(&ada, "viewing", &format!("id={it}&typing=false&read={read}")).await;
    looks(said).await;
    assert_eq!(read(&ada).await, Some(format!("[[\"{it}\",{said}]]")));
    assert_eq!(read(&bob).await, None);
    looks(said - 1).await;
    assert_eq!(read(&ada).await, Some(format!("[[\"{it}\",{said}]]")), "nobody unreads");
    looks(said + 100).await;
    assert_eq!(read(&ada).await, Some(format!("[[\"{it}\",{said}]]")), "nobody has read what is yet to come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_servers_one_returns_a_transfer() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let second = TestServer::on(Arc::clone(&first.database)).await;
    let ana = first.person("Ana", Role::Operator).await.operator.who.id;
    first.person("Ada", Role::Operator).await;
    let (bot, ada) = (first.agent("billing-bot").await, Browser::of("Ada", &first.url).await);
    let it = transferred(&ada, &bot, &ana.to_string()).await;
    first.pass(ACCEPTED_WITHIN);
    second.pass(ACCEPTED_WITHIN);
    let (one, other) = tokio::join!(deadlines::sweep(&first.desk), deadlines::sweep(&second.desk));
    one.expect("a sweep");
    other.expect("a sweep");
    let released = heard(&bot, &it).await.into_iter().filter(|(kind, _)| kind == "escalation.released").count();
    assert_eq!(released, 1);
}
