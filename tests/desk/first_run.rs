//! Tests the first run: without operators, a link sets Bailout up once. Its last page has all that an agent needs.

use bailout::{
    domain::{operator::Role, time::Timestamp},
    server::{
        secret::Secret,
        site::join::set_up_link,
        store::links::{self, LinkPurpose},
    },
};
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};
use sqlx::Row;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, between, form, leads_to, shown},
        program::bailout,
        server::{Agent, PASSWORD},
        sse,
    },
};

/// Returns the path of a new set-up link, as the server prints it when it starts.
async fn link(server: &TestServer) -> String {
    let secret = set_up_link(&server.desk).await.expect("a link").expect("nobody is there");
    format!("/set-up/{}", secret.reveal())
}

fn ada() -> String {
    form(&[("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD)])
}

async fn people(server: &TestServer) -> i64 {
    let count = sqlx::query("select count(*) from operator").fetch_one(server.desk.store().reader()).await;
    count.expect("a count").get(0)
}

#[apply(on_both!)]
async fn a_link_sets_it_up_once_and_ends_on_a_key_that_works(server: TestServer) {
    let (older, path) = (link(&server).await, link(&server).await);
    let mut browser = Browser::at(&server);
    // Each start revokes the links of earlier starts.
    assert_eq!(browser.gets(&older).await.status(), 404);
    let page = browser.gets(&path).await.text().await.expect("a page");
    assert!(
        page.contains("<h1 class=\"sign-in-title\">Set up Bailout") && page.contains("<title>Set up · Bailout</title>"),
        "{page}"
    );
    assert!(page.contains("Choose a password of 12 characters or more."), "{page}");
    assert_eq!(page.matches(" autofocus").count(), 1, "{page}");
    // A refused form says why, keeps the input, and does not use up the link.
    let typed = form(&[("name", "<b>Ada</b>"), ("email", "ada@example.com"), ("password", "short")]);
    let refused = browser.posts(&path, &typed, "same-origin").await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.expect("a page");
    assert!(refused.contains("A password has at least 12 characters."), "{refused}");
    assert!(refused.contains("&lt;b&gt;Ada") && !refused.contains("<b>Ada"), "{refused}");
    assert_eq!(browser.posts(&path, &ada(), "cross-site").await.status(), 403);

    let done = browser.posts(&path, &ada(), "same-origin").await;
    assert_eq!(
        (done.status().as_u16(), &done.headers()["cache-control"]),
        (200, &"no-store".parse().expect("a header"))
    );
    browser.keep(&done);
    let done = done.text().await.expect("a page");
    let key = shown(&done, "key").to_owned();
    assert!(key.starts_with("blt_"), "{key}");
    assert!(done.contains(&format!("{}/api/v1/escalations", server.url)), "no call to this server in {done}");
    assert!(done.contains(&format!("Authorization: Bearer {key}")) && done.contains("escalate_to_human"));
    assert!(done.contains("Listening for your first escalation…"));
    // The new admin is signed in. The key opens the first escalation, and the live stream of the page receives it.
    let after = between(&done, "data-after=\"", "\"");
    let live = browser.gets(&format!("/live?after={after}")).await;
    let bot = Agent { url: server.url.clone(), key: key.clone(), http: reqwest::Client::new() };
    let it = bot.hands_over("conv_1").await;
    let heard: Vec<Value> = sse::read(live, 1).await.iter().map(|event| event.json()).collect();
    assert_eq!(heard[0]["row"]["id"], json!(it));
    let agents = browser.gets("/settings/agents").await;
    assert_eq!(agents.status(), 200);
    let agents = agents.text().await.expect("a page");
    assert!(agents.contains("first-agent") && !agents.contains(&key), "the key is shown again");

    // The link is used up, and no start makes another.
    for answer in [browser.gets(&path).await, browser.posts(&path, &ada(), "same-origin").await] {
        assert_eq!(answer.status(), 404);
    }
    assert!(set_up_link(&server.desk).await.expect("an answer").is_none());
    assert_eq!(people(&server).await, 1);
}

#[apply(on_both!)]
async fn of_those_who_race_one_becomes_the_admin(server: TestServer) {
    // Two processes that started at the same time have each made a link.
    let first = link(&server).await;
    let (secret, now) = (Secret::mint().expect("a secret"), server.now());
    let mut tx = server.desk.store().begin_write().await.expect("a transaction");
    let ends_at = Timestamp(i64::MAX);
    links::add(&mut tx, server.workspace, &secret.digest(), (LinkPurpose::SetUp, None), now, ends_at)
        .await
        .expect("a link");
    tx.commit().await.expect("a commit");
    let second = format!("/set-up/{}", secret.reveal());
    assert_eq!(Browser::at(&server).gets(&first).await.status(), 200);
    let tries = (0..8).map(|n| {
        let (browser, path) = (Browser::at(&server), if n % 2 == 0 { first.clone() } else { second.clone() });
        async move {
            let email = format!("person{n}@example.com");
            let typed = form(&[("name", "Someone"), ("email", &email), ("password", PASSWORD)]);
            browser.posts(&path, &typed, "same-origin").await.status().as_u16()
        }
    });
    let mut answers = join_all(tries).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 404, 404, 404, 404, 404, 404, 404]);
    assert_eq!(people(&server).await, 1);
    // The control: two links that do not exclude each other admit both of two concurrent requests.
    let email: String =
        sqlx::query("select email from operator").fetch_one(server.desk.store().reader()).await.expect("one").get(0);
    let mut admin = Browser::at(&server);
    assert_eq!(leads_to(&admin.signs_in(&email, PASSWORD, "/mine").await), "/mine");
    let (one, other) = (admin.invites("viewer").await, admin.invites("viewer").await);
    let joins = [(one, "one@example.com"), (other, "other@example.com")].map(|(path, email)| {
        let browser = Browser::at(&server);
        async move {
            let typed = form(&[("name", "Someone"), ("email", email), ("password", PASSWORD)]);
            browser.posts(&path, &typed, "same-origin").await.status().as_u16()
        }
    });
    assert_eq!(join_all(joins).await, [303, 303]);
    assert_eq!(people(&server).await, 3);
}

#[apply(on_both!)]
async fn a_start_that_fails_leaves_the_link_of_the_one_before(server: TestServer) {
    let path = link(&server).await;
    let mut second = bailout(&server.database);
    let taken = server.url.trim_start_matches("http://").to_owned();
    let ended = tokio::task::spawn_blocking(move || second.env("BAILOUT_ADDR", taken).output()).await.expect("a task");
    let ended = ended.expect("the program starts");
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
    assert_eq!(Browser::at(&server).gets(&path).await.status(), 200);
}

#[apply(on_both!)]
async fn once_somebody_is_there_the_link_is_worth_nothing(server: TestServer) {
    let path = link(&server).await;
    let browser = Browser::at(&server);
    assert_eq!(browser.gets(&path).await.status(), 200);
    // The command line adds an operator like this while the server runs.
    server.person("Eve", Role::Viewer).await;
    assert_eq!(browser.gets(&path).await.status(), 404);
    assert_eq!(browser.posts(&path, &ada(), "same-origin").await.status(), 404);
    assert_eq!(people(&server).await, 1);
}
