//! Promise 14: revocation is immediate. Many streams and waits are open with a credential when it is revoked. All end
//! within a second, the next request is refused, and those of other credentials stay open.

use std::time::Duration;

use bailout::{
    domain::{operator::Role, text::Name},
    server::store::agents,
};
use futures::{StreamExt, future::join_all};
use macro_rules_attribute::apply;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    on_both,
    support::{Engine, TestServer, browser::Browser, chance::TORTURE, server::Agent, sse::Pieces},
};

/// The streams of one session; it may have at most 50.
const OPEN: usize = if TORTURE { 50 } else { 20 };
/// The streams of a person in four sessions, and the streams and waits of a key.
const IN_ALL: usize = if TORTURE { 200 } else { 20 };
/// The promised time. The server checks every 300 ms.
const AT_MOST: Duration = Duration::from_secs(1);
/// A stream that is still open after this time, eight checks, stays open.
const LONG_ENOUGH: Duration = Duration::from_millis(2_600);

/// Streams and waits that report when they end.
struct Open {
    ends: mpsc::UnboundedReceiver<Instant>,
    heard: mpsc::UnboundedReceiver<String>,
}

impl Open {
    /// Opens this many. Each is known to be open because the server has sent something on it.
    async fn new(many: usize, open: impl AsyncFn(usize) -> reqwest::Response) -> Self {
        let ((ended, ends), (hears, mut heard)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        for n in 0..many {
            let response = open(n).await;
            assert_eq!(response.status(), 200);
            let (ended, hears) = (ended.clone(), hears.clone());
            tokio::spawn(async move {
                let (mut pieces, mut bytes) = (Pieces::default(), response.bytes_stream());
                while let Some(piece) = bytes.next().await {
                    // The stream ends in order, so that no client mistakes it for a network fault.
                    let events = pieces.add(&piece.expect("an end in order")).into_iter();
                    events.filter(|it| it.event != "ping").for_each(|it| drop(hears.send(it.event)));
                }
                let _ = ended.send(Instant::now());
            });
        }
        for _ in 0..many {
            timeout(Duration::from_secs(10), heard.recv()).await.expect("a first word").expect("a stream");
        }
        Self { ends, heard }
    }

    async fn live(browser: &Browser, many: usize) -> Self {
        Self::new(many, async |_| browser.gets("/live").await).await
    }

    /// Opens streams with an invalid cursor, so that the server sends something at once.
    async fn events(bot: &Agent, many: usize) -> Self {
        Self::new(many, async |_| bot.listens("/events?after=elsewhere.1").send().await.expect("a stream")).await
    }

    /// Returns how long after a moment the last of this many ended.
    async fn all_ended(&mut self, many: usize, since: Instant) -> Duration {
        let mut last = Duration::ZERO;
        for n in 0..many {
            let ended = timeout(AT_MOST, self.ends.recv()).await;
            let ended =
                ended.unwrap_or_else(|_| panic!("{n} of {many} had ended after {AT_MOST:?}")).expect("a stream");
            last = last.max(ended.saturating_duration_since(since));
        }
        assert!(last <= AT_MOST, "the last of {many} ended after {last:?}");
        last
    }

    /// Checks the control: none has ended, and each still receives events.
    async fn none_ended(&mut self, many: usize, happens: impl AsyncFnOnce()) {
        while self.heard.try_recv().is_ok() {}
        happens().await;
        for _ in 0..many {
            timeout(Duration::from_secs(10), self.heard.recv()).await.expect("what happened").expect("a stream");
        }
        assert!(self.ends.try_recv().is_err(), "a stream of another credential was closed, too");
    }
}

async fn sql(server: &TestServer, text: &'static str, of: &str) {
    let done = sqlx::query(text).bind(of.to_owned()).execute(server.desk.store().writer()).await.expect("an update");
    assert_eq!(done.rows_affected(), 1);
}

async fn revoke(server: &TestServer, name: &str) {
    let name = Name::parse(name).expect("a name");
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    assert!(agents::revoke(&mut tx, server.workspace, &name, server.now()).await.expect("a revocation"));
    tx.commit().await.expect("a commit");
}

#[apply(on_both!)]
async fn whoever_signs_out_is_out_everywhere(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (bot, mut browser) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    // The same operator in another browser is another credential.
    let elsewhere = Browser::of("Ada", &server.url).await;
    let (mut open, mut control) = (Open::live(&browser, OPEN).await, Open::live(&elsewhere, 2).await);
    let began = Instant::now();
    browser.posts("/sign-out", "", "same-origin").await;
    let took = open.all_ended(OPEN, began).await;
    println!("{:?}: signed out, {OPEN} streams ended within {took:?}", server.desk.store().dialect());
    assert_eq!(browser.gets("/live").await.status(), 401);
    assert_eq!(browser.calls("inbox", "listing=/queue").send().await.expect("an answer").status(), 401);
    control.none_ended(2, async || drop(bot.hands_over("conv_1").await)).await;
    // Signing in again replaces the browser's session: that one ends, too.
    browser.cookie = elsewhere.cookie.clone();
    let began = Instant::now();
    browser.signs_in("ada@example.com", crate::support::server::PASSWORD, "/").await;
    control.all_ended(2, began).await;
    assert_eq!(elsewhere.gets("/live").await.status(), 401);
    assert_eq!(browser.gets("/live").await.status(), 200);
}

#[apply(on_both!)]
async fn a_disabled_person_is_out(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    server.person("Ana", Role::Operator).await;
    let bot = server.agent("billing-bot").await;
    let (browser, colleague) = (Browser::of("Ada", &server.url).await, Browser::of("Ana", &server.url).await);
    let (mut open, mut control) = (Open::live(&browser, OPEN).await, Open::live(&colleague, 2).await);
    let began = Instant::now();
    sql(&server, "update operator set disabled_at = 1 where email = $1", "ada@example.com").await;
    // The next request is refused at once, whether or not the streams have ended.
    assert_eq!(browser.calls("inbox", "listing=/queue").send().await.expect("an answer").status(), 401);
    let took = open.all_ended(OPEN, began).await;
    println!("{:?}: disabled, {OPEN} streams ended within {took:?}", server.desk.store().dialect());
    assert_eq!(browser.gets("/live").await.status(), 401);
    let back = Browser::new(&server.url).signs_in("ada@example.com", crate::support::server::PASSWORD, "/").await;
    assert!(back.headers().get("set-cookie").is_none(), "a disabled person signed in");
    control.none_ended(2, async || drop(bot.hands_over("conv_1").await)).await;
}

#[apply(on_both!)]
async fn whom_an_admin_disables_is_out_everywhere(server: TestServer) {
    let ada = server.person("Ada", Role::Operator).await;
    server.person("Ana", Role::Operator).await;
    server.person("Grace", Role::Admin).await;
    let bot = server.agent("billing-bot").await;
    let colleague = Browser::of("Ana", &server.url).await;
    let grace = Browser::of("Grace", &server.url).await;
    let mut sessions = vec![];
    for _ in 0..4 {
        sessions.push(Open::live(&Browser::of("Ada", &server.url).await, IN_ALL / 4).await);
    }
    let mut control = Open::live(&colleague, 2).await;
    let began = Instant::now();
    grace.sends(&format!("/settings/people/{}", ada.operator.who.id), &[("do", "disable")], 303).await;
    let mut took = Duration::ZERO;
    for open in &mut sessions {
        took = took.max(open.all_ended(IN_ALL / 4, began).await);
    }
    println!(
        "{:?}: disabled by an admin, {IN_ALL} streams of four sessions ended within {took:?}",
        server.desk.store().dialect()
    );
    assert!(took < Duration::from_secs(1), "{took:?}");
    control.none_ended(2, async || drop(bot.hands_over("conv_1").await)).await;
}

#[apply(on_both!)]
async fn a_lowered_role_counts_from_the_next_action(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let (bot, browser) = (server.agent("billing-bot").await, Browser::of("Ada", &server.url).await);
    let (first, second) = (bot.hands_over("conv_1").await, bot.hands_over("conv_2").await);
    let claims = async |it: &str| browser.calls("claim", &format!("id={it}")).send().await.expect("an answer");
    let claimed: Value = claims(&first).await.json().await.expect("JSON");
    let fence = &claimed["Ok"]["fence"];
    assert!(fence.is_i64(), "{claimed}");
    let mut open = Open::live(&browser, OPEN).await;
    sql(&server, "update operator set role = 'viewer' where email = $1", "ada@example.com").await;
    // A fence that was valid a moment ago is refused, too.
    assert_eq!(claims(&second).await.status(), 403);
    let reply = browser.calls("reply", &format!("id={first}&fence={fence}&client_message_id=m-1&text=Hello"));
    assert_eq!(reply.send().await.expect("an answer").status(), 403);
    let release = browser.calls("release", &format!("id={first}&fence={fence}"));
    assert_eq!(release.send().await.expect("an answer").status(), 403);
    assert_eq!(
        bot.get(&format!("/escalations/{first}/transcript?since=open")).await.ok(200)["items"],
        serde_json::json!([])
    );
    // A viewer may still read: their streams stay open.
    tokio::time::sleep(LONG_ENOUGH).await;
    open.none_ended(OPEN, async || drop(bot.hands_over("conv_3").await)).await;
    assert_eq!(browser.calls("inbox", "listing=/queue").send().await.expect("an answer").status(), 200);
}

#[apply(on_both!)]
async fn a_revoked_key_opens_nothing(server: TestServer) {
    let (bot, other) = (server.agent("billing-bot").await, server.agent("other-bot").await);
    let it = bot.hands_over("conv_1").await;
    let (mut open, mut control) = (Open::events(&bot, IN_ALL / 2).await, Open::events(&other, 2).await);
    let waits = (0..IN_ALL / 2).map(|_| {
        let (bot, path) = (bot.clone(), format!("/escalations/{it}?wait=30"));
        tokio::spawn(async move { (bot.get(&path).await, Instant::now()) })
    });
    let waits: Vec<_> = waits.collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(waits.iter().all(|wait| !wait.is_finished()), "they do not wait");
    let began = Instant::now();
    revoke(&server, "billing-bot").await;
    assert_eq!(bot.get("/escalations").await.refused(401), "key_revoked");
    let mut took = open.all_ended(IN_ALL / 2, began).await;
    for wait in join_all(waits).await {
        let (answer, ended) = wait.expect("an answer");
        assert_eq!(answer.refused(401), "key_revoked");
        took = took.max(ended.saturating_duration_since(began));
    }
    println!(
        "{:?}: revoked, {} streams and {} waits ended within {took:?}",
        server.desk.store().dialect(),
        IN_ALL / 2,
        IN_ALL / 2
    );
    assert!(took <= AT_MOST, "{took:?}");
    assert_eq!(bot.get("/events").await.refused(401), "key_revoked");
    control.none_ended(2, async || drop(other.hands_over("conv_1").await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_signs_out_at_one_server_is_out_at_the_other() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    first.person("Ada", Role::Operator).await;
    let second = TestServer::on(first.database.clone()).await;
    let here = Browser::of("Ada", &first.url).await;
    let there = here.also_at(&second.url);
    let mut open = Open::live(&there, OPEN).await;
    let began = Instant::now();
    here.posts("/sign-out", "", "same-origin").await;
    println!("signed out elsewhere, {OPEN} streams ended within {:?}", open.all_ended(OPEN, began).await);
    assert_eq!(there.gets("/live").await.status(), 401);
}
