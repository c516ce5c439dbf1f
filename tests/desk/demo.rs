//! Tests the demo: a filled console, operators who sign in by a link, and a customer who answers. The demo has
//! its own SQLite database, so there is no test on PostgreSQL.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use bailout::{
    domain::{
        disposition::Disposition,
        escalation::{Escalation, Status},
        ids::EscalationId,
        message::{MessageRole, ReceiptState},
        operator::Role,
    },
    server::{
        config::Cli,
        connections,
        demo::{self, RunningDemo},
        keys::ApiKey,
        store::workspaces,
    },
};
use clap::Parser;
use macro_rules_attribute::apply;
use serde_json::json;
use sqlx::Row;

use crate::{
    on_both,
    rehearsals::ends,
    support::{
        TestServer,
        browser::{Browser, leads_to},
        database::free_port,
        person::Person,
        server::{Agent, id, soon},
    },
};

/// The message about a link that was used already.
const USED: &str = "This link was used already";

/// A demo in this process, on a port. The demo ends when it is dropped.
pub struct Demo {
    playing: RunningDemo,
    url: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.playing.desk.shutdown().cancel();
    }
}

impl Demo {
    pub async fn begin() -> Self {
        let settings = Cli::try_parse_from(["bailout", "demo"]).expect("settings").settings;
        let playing = demo::begin(settings, ApiKey::mint(false).expect("a key")).await.expect("a demo");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (router, stop) = (playing.router.clone(), playing.desk.shutdown().clone());
        tokio::spawn(connections::serve(listener, router, connections::ConnectionLimits::of_process(), stop));
        Self { playing, url }
    }

    async fn ada(&self) -> Person {
        let desk = self.playing.desk.clone();
        let mut tx = desk.store().begin_write().await.expect("a transaction");
        let workspace = workspaces::default(&mut tx, desk.clock().now()).await.expect("the workspace");
        tx.rollback().await.expect("an end");
        Person { desk, workspace, operator: self.playing.links[0].0.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_lets_one_in_once() {
    let demo = Demo::begin().await;
    assert_eq!(demo.playing.links.len(), 3);
    for (operator, path) in &demo.playing.links {
        let mut browser = Browser::new(&demo.url);
        let looked = browser.http.head(format!("{}{path}", demo.url)).send().await.expect("an answer");
        assert!(looked.headers().get("set-cookie").is_none(), "a look at a link signs nobody in");
        let entered = browser.gets(path).await;
        assert_eq!(leads_to(&entered), format!("/e/{}", demo.playing.star));
        let cookie = entered.headers()["set-cookie"].to_str().expect("text");
        browser.cookie = cookie.split(';').next().map(str::to_owned);
        let page = browser.gets(&format!("/e/{}", demo.playing.star)).await;
        assert_eq!(page.status(), 200);
        let page = page.text().await.expect("a page");
        assert!(page.contains(operator.who.name.as_str()), "{} is not signed in", operator.who.name);
        let again = Browser::new(&demo.url).gets(path).await;
        assert_eq!(again.status(), 404);
        assert!(again.headers().get("set-cookie").is_none());
        assert!(again.text().await.expect("a sentence").contains(USED));
    }
    assert_eq!(Browser::new(&demo.url).gets("/demo/sign-in/whatever").await.status(), 404);
    // Operators have a password, for when they are signed out or asked for it again.
    let entered = Browser::new(&demo.url).signs_in("olga@example.com", &demo.playing.password, "/mine").await;
    assert_eq!(leads_to(&entered), "/mine");
    // A request with a foreign Host header is refused, and the link stays valid.
    let other = Demo::begin().await;
    let path = format!("{}{}", other.url, other.playing.links[0].1);
    let foreign = Browser::new(&other.url).http.get(&path).header("host", "evil.example").send().await;
    assert_eq!(foreign.expect("an answer").status(), 421);
    assert_eq!(Browser::new(&other.url).gets(&other.playing.links[0].1).await.status(), 303);
}

#[apply(on_both!)]
async fn no_link_lets_one_in_where_one_serves(server: TestServer) {
    server.person("Ada", Role::Admin).await;
    let (stranger, ada) = (Browser::at(&server), Browser::of("Ada", &server.url).await);
    // These paths behave like any unknown path.
    for path in ["/demo/sign-in/whatever", "/demo/nothing/whatever"] {
        let answer = stranger.gets(path).await;
        assert_eq!(answer.status(), 404);
        assert!(answer.headers().get("set-cookie").is_none());
        let answer = ada.gets(path).await;
        assert_eq!(answer.status(), 404);
        assert!(!answer.text().await.expect("a page").contains(USED), "serve knows the demo's address");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_desk_is_filled_with_every_state() {
    let demo = Demo::begin().await;
    let rows = sqlx::query("select body from escalation").fetch_all(demo.playing.desk.store().reader()).await;
    let all: Vec<Escalation> = rows
        .expect("rows")
        .iter()
        .map(|row| serde_json::from_str(&row.get::<String, _>(0)).expect("an escalation"))
        .collect();
    let states: HashSet<Status> = all.iter().map(|it| it.status).collect();
    assert_eq!(states, Status::ALL.into_iter().collect());
    let ends: HashSet<Disposition> =
        all.iter().filter_map(|it| Some(it.outcome.as_ref()?.resolution.disposition)).collect();
    assert_eq!(ends.len(), 11, "{ends:?}");
    let waiting = |it: &&Escalation| it.status == Status::Waiting;
    let kinds: HashSet<&str> = all.iter().filter(waiting).map(|it| it.opening.ask.kind.as_str()).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    let some = |what: &str, is: &dyn Fn(&Escalation) -> bool| assert!(all.iter().any(is), "there is none {what}");
    some("that was not picked up", &|it| it.not_picked_up && it.delivered_at.is_none());
    some("that was followed up", &|it| it.followed_up.is_some());
    some("that was missed", &|it| it.status == Status::Expired && it.followed_up.is_none());
    some("with a short transcript", &|it| it.opening.short() == Some((30, 42)));
    some("with a warning", &|it| !it.opening.warnings.is_empty());
    some("with several actions", &|it| it.opening.ask.actions.len() > 2);
    some("with options", &|it| it.opening.ask.options.is_some());
    some("with a response schema", &|it| it.opening.ask.response_schema.is_some());
    let queues: HashSet<&str> = all.iter().filter(waiting).map(|it| it.queue.name.as_str()).collect();
    assert_eq!(queues, HashSet::from(["default", "billing", "clinic"]));
    some("with tags", &|it| !it.tags.is_empty());
    some("that was acknowledged", &|it| it.acknowledged_at.is_some());
    let hours = |it: &Escalation| (demo.playing.desk.clock().now() - it.opened_at).0 / 3_600_000;
    let spread: HashSet<i64> = all.iter().map(hours).collect();
    assert!(spread.len() >= 6, "{spread:?}");
    for it in &all {
        let after =
            it.closed_at.is_none_or(|closed| closed >= it.opened_at && closed <= demo.playing.desk.clock().now());
        assert!(after, "{} ends before it begins, or later than now", it.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_customer_answers_what_one_writes() {
    let demo = Demo::begin().await;
    let (ada, star): (Person, EscalationId) = (demo.ada().await, id(&demo.playing.star));
    let fence = ada.claims(&demo.playing.star).await.expect("a claim");
    for (said, customers) in [("Hello Dana, this is Ada.", 1), ("Which order is it?", 2)] {
        ada.replies(&demo.playing.star, fence, said).await.expect("a reply");
        let answered = async || {
            let thread = ada.desk.thread(ada.workspace, star).await.ok()??;
            let new = thread.messages.into_iter().map(|shown| shown.message).filter(|message| message.seq.is_some());
            let new: Vec<_> = new.collect();
            let shown = new.iter().filter(|it| it.role == MessageRole::Operator);
            let all_shown =
                shown.into_iter().all(|it| it.receipt.as_ref().is_some_and(|it| it.state == ReceiptState::Shown));
            let from_customer = new.into_iter().filter(|it| it.role == MessageRole::Customer).collect::<Vec<_>>();
            (all_shown && from_customer.len() == customers).then_some(from_customer)
        };
        let messages = soon("the customer's answer", answered).await;
        if customers == 2 {
            let last = messages.last().and_then(|message| message.text.clone()).unwrap_or_default();
            assert!(last.contains("A-4721"), "asked for the order, Dana says: {last}");
        }
    }
}

/// Runs the program as a user does. The printed key, address and links work, and no file is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_printed_works_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailout"));
    command.args(["demo", "--operator", "auto"]).env("TMPDIR", folder.path()).env("BAILOUT_LOG", "error");
    let home = tempfile::tempdir().expect("a folder");
    command.env("XDG_CONFIG_HOME", home.path());
    command.env("BAILOUT_ADDR", format!("127.0.0.1:{}", free_port()));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut running = Running(child);
    let child = &mut running.0;
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let printed: Vec<String> = lines.by_ref().take_while(|line| !line.contains("\"conversation\"")).collect();
    let printed = printed.join("\n");
    let word =
        |start: &str| printed.split_whitespace().find(|word| word.starts_with(start)).expect("a word").to_owned();
    let (key, links) =
        (word("BAILOUT_KEY=")["BAILOUT_KEY=".len()..].to_owned(), printed.matches("/demo/sign-in/").count());
    assert_eq!(links, 3, "{printed}");
    let url = printed.split("demo is at ").nth(1).and_then(|rest| rest.split(". ").next()).expect("an address");
    let agent = Agent { url: url.to_owned(), key, http: reqwest::Client::new() };
    let (it, _) = ends(&agent, json!({"ask": {"kind": "question"}})).await;
    assert_eq!(it["outcome"]["by"]["name"], "Robot");
    let inside = std::fs::read_dir(folder.path()).expect("a folder").next().expect("its own folder").expect("an entry");
    let mode = inside.metadata().expect("a mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others may look into {}", inside.path().display());
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    assert!(child.wait().expect("an end").success());
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(said, "", "it complained");
    assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "it left something");
}

/// A process that is killed at the end of its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
