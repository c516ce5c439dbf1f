//! Tests of rate limits: an API key or an address that exceeds its share is refused before its request is read, with
//! the time to retry after. Others are not affected.

use bailout::domain::operator::Role;
use macro_rules_attribute::apply;
use reqwest::Response;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::Browser,
        server::{Agent, soon},
    },
};

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_str().expect("text")
}

async fn opens(bot: &Agent, url: &str) -> Response {
    let body = json!({"reason": {"code": "policy_limit", "text": "Refund over limit"}});
    let request = bot.http.post(format!("{url}/api/v1/escalations")).bearer_auth(&bot.key);
    request.json(&body).send().await.expect("an answer")
}

#[apply(on_both!)]
async fn a_key_has_its_rates_and_others_have_theirs(server: TestServer) {
    let (greedy, innocent) = (server.agent("shop-bot").await, server.agent("innocent-bot").await);
    let limits = ["--opens-per-minute", "2", "--writes-per-minute", "2", "--reads-per-minute", "3"];
    let url = server.also_with(&limits).await;
    let mut open = None;
    for left in (0..4).rev() {
        let answer = opens(&greedy, &url).await;
        assert_eq!(answer.status(), 201);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"opens\";q=4;w=120");
        assert!(header(&answer, "ratelimit").starts_with(&format!("\"opens\";r={left};t=")), "{answer:?}");
        open =
            Some(answer.json::<serde_json::Value>().await.expect("a body")["id"].as_str().expect("an id").to_owned());
    }
    let refused = opens(&greedy, &url).await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = header(&refused, "retry-after").parse().expect("seconds");
    assert!((1..=31).contains(&seconds), "{seconds}");
    assert!(header(&refused, "ratelimit").starts_with("\"opens\";r=0;t="));
    let told = refused.json::<serde_json::Value>().await.expect("a problem");
    assert_eq!(told["code"], "rate_limited");
    // The key may still make all other requests, at their own rates. Another key at the same address is not
    // affected.
    let open = open.expect("one");
    let says = async |bot: &Agent| {
        let body = json!({"client_message_id": bailout::server::clock::mint().to_string(), "role": "customer", "text": "Hello?"});
        let request = bot.http.post(format!("{url}/api/v1/escalations/{open}/messages")).bearer_auth(&bot.key);
        request.json(&body).send().await.expect("an answer").status()
    };
    let said = [says(&greedy).await, says(&greedy).await, says(&greedy).await];
    assert_eq!(said.map(|it| it.as_u16()), [201, 201, 429]);
    let reads = async |path: &str| {
        greedy.http.get(format!("{url}/api/v1{path}")).bearer_auth(&greedy.key).send().await.expect("an answer")
    };
    // A wait counts as one request, however long it is.
    let wait = reads(&format!("/escalations/{open}?wait=2")).await;
    assert_eq!((wait.status().as_u16(), header(&wait, "ratelimit").starts_with("\"reads\";r=2;t=")), (200, true));
    for status in [200, 200, 429] {
        assert_eq!(reads("/escalations").await.status(), status);
    }
    assert_eq!(opens(&innocent, &url).await.status(), 201);
    // An admin sees which agents were limited.
    server.person("Grace", Role::Admin).await;
    let page = Browser::of("Grace", &server.url).await.sees("/settings/agents", 200).await;
    assert!(page.contains("shop-bot was limited 3 times today"), "{page}");
    assert!(!page.contains("innocent-bot was limited"));
}

#[apply(on_both!)]
async fn a_refused_request_is_not_read(server: TestServer) {
    let bot = server.agent("shop-bot").await;
    let url = server.also_with(&["--opens-per-minute", "1"]).await;
    for _ in 0..2 {
        assert_eq!(opens(&bot, &url).await.status(), 201);
    }
    // No byte of the body is sent, and the answer comes all the same.
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = bot.http.post(format!("{url}/api/v1/escalations")).bearer_auth(&bot.key);
    let request = request.header("content-type", "application/json").body(reqwest::Body::wrap_stream(never));
    assert_eq!(request.send().await.expect("an answer").status(), 429);
}

#[apply(on_both!)]
async fn a_key_writes_so_much_a_day(server: TestServer) {
    let (bot, other) = (server.agent("shop-bot").await, server.agent("innocent-bot").await);
    let url =
        server.also_with(&["--megabytes-per-day", "1", "--opens-per-minute", "0", "--writes-per-minute", "0"]).await;
    let large = json!({
        "reason": {"code": "policy_limit", "text": "Refund over limit"},
        "conversation": {"messages": [{"role": "customer", "text": "x".repeat(600_000)}]},
    });
    let open = async |bot: &Agent| {
        let request = bot.http.post(format!("{url}/api/v1/escalations")).bearer_auth(&bot.key);
        request.json(&large).send().await.expect("an answer")
    };
    for status in [201, 201, 429] {
        assert_eq!(open(&bot).await.status(), status);
    }
    let seconds: i64 = header(&open(&bot).await, "retry-after").parse().expect("seconds");
    assert!((1..=24 * 60 * 60).contains(&seconds), "{seconds}");
    assert_eq!(open(&other).await.status(), 201);
    // The usage is stored, so that it counts after a restart and on other servers.
    server.desk.usage().save(server.desk.store(), server.now()).await.expect("a write");
    let sql = "select written_bytes, limited from key_usage order by written_bytes desc";
    let rows = sqlx::query(sql).fetch_all(server.desk.store().reader()).await.expect("rows");
    let first: i64 = sqlx::Row::get(&rows[0], 0);
    assert!(rows.len() == 2 && first > 1_200_000, "{first}");
    assert_eq!(sqlx::Row::get::<i64, _>(&rows[0], 1), 2);
    server.pass(bailout::domain::time::Span::seconds(seconds + 1));
    assert_eq!(open(&bot).await.status(), 201, "a new day");
}

#[apply(on_both!)]
async fn strangers_are_counted_by_address_and_nobody_else_is(server: TestServer) {
    server.person("Ada", Role::Operator).await;
    let bot = server.agent("shop-bot").await;
    let url = server.also_with(&["--anonymous-per-minute", "30"]).await;
    let ada = Browser::of("Ada", &server.url).await.also_at(&url);
    let stranger = reqwest::Client::new();
    let knocks = async |path: &str, with: &[(&str, &str)]| {
        let mut request = stranger.get(format!("{url}{path}"));
        for (name, value) in with {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    };
    let session = bailout_cookie(&url);
    let (mut in_time, mut limited) = (0, 0);
    for n in 0..60 {
        let answer = match n % 3 {
            0 => knocks("/sign-in", &[]).await,
            1 => knocks("/api/v1/escalations", &[("authorization", "Bearer blt_nothing")]).await,
            _ => knocks("/queue", &[("cookie", &session)]).await,
        };
        if answer.status() == 429 {
            assert!(!header(&answer, "retry-after").is_empty());
            limited += 1;
        } else {
            in_time += 1;
        }
    }
    assert!((30..=34).contains(&in_time) && limited >= 26, "{in_time}, {limited}");
    // Known callers at the same address are not limited.
    for _ in 0..10 {
        assert_eq!(ada.gets("/queue").await.status(), 200);
        assert_eq!(opens(&bot, &url).await.status(), 201);
    }
}

#[apply(on_both!)]
async fn with_hardly_any_space_left_nothing_new_is_opened(server: TestServer) {
    let bot = server.agent("shop-bot").await;
    server.person("Grace", Role::Admin).await;
    let it = bot.hands_over("conv_1").await;
    let url = server.also_with(&["--reserve-megabytes", "4000000000"]).await;
    let refused = opens(&bot, &url).await;
    if server.desk.store().folder().is_none() {
        assert_eq!(refused.status(), 201, "the disk of another server is not ours to look at");
        return;
    }
    soon("the disk was looked at", async || (opens(&bot, &url).await.status() == 503).then_some(())).await;
    let refused = opens(&bot, &url).await;
    assert_eq!(header(&refused, "retry-after"), "60");
    assert_eq!(refused.json::<serde_json::Value>().await.expect("a problem")["code"], "storage_full");
    let at = Agent { url: url.clone(), ..bot.clone() };
    at.says(&it, "customer", "Still there?").await.ok(201);
    at.post(&format!("/escalations/{it}/cancel"), json!({"reason": "done"})).await.ok(200);
}

/// Returns the cookie of a session that does not exist.
fn bailout_cookie(url: &str) -> String {
    crate::support::browser::session_cookie(url, &"A".repeat(43))
}
