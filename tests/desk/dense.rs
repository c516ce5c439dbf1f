//! Tests that JSON which takes many times the memory of its text cannot fill the server's memory.

use bailout::domain::operator::Role;
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        Engine, TestServer,
        browser::Browser,
        database::free_port,
        program::{Program, add_agent, add_operator},
        server::{Agent, PASSWORD},
    },
};

/// Returns the text of a list of ones.
fn ones(count: usize) -> String {
    format!("[{}1]", "1,".repeat(count - 1))
}

/// Returns a conversation in which a tool returned this JSON.
fn with_output(output: &str) -> String {
    format!(
        r#"{{"reason": {{"text": "help"}}, "conversation": {{"messages": [
            {{"role": "tool", "tool_result": {{"call_id": "1", "output": {output}}}}}, {{"role": "customer", "text": "Hi"}}]}}}}"#
    )
}

/// Sends a body, and returns the status, the code of a problem, and the id.
async fn opens(agent: &Agent, body: String) -> (u16, String, String) {
    let request = agent.http.post(format!("{}/api/v1/escalations", agent.url)).bearer_auth(&agent.key);
    let response = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    let (status, body) = (response.status().as_u16(), response.json::<Value>().await.expect("JSON"));
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("id"))
}

#[apply(on_both!)]
async fn a_body_has_a_bounded_number_of_values(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let (status, code, _) = opens(&bot, with_output(&ones(225_000))).await;
    assert_eq!((status, code.as_str()), (413, "body_too_large"));
    let (status, _, id) = opens(&bot, with_output(&ones(220_000))).await;
    assert_eq!(status, 201);
    let kept = bot.get(&format!("/escalations/{id}/transcript")).await.ok(200);
    assert_eq!(kept["items"][0]["tool_result"]["output"].as_array().map(Vec::len), Some(220_000));
    Browser::of("Ada", &server.url).await.sees(&format!("/e/{id}"), 200).await;
    // JSON within a text is not counted. It stays text when it has too many values.
    for (count, is_text) in [(10_000, false), (1_000_000, true)] {
        let message = json!({"role": "tool", "tool_call_id": "1", "content": ones(count)});
        let body =
            json!({"reason": {"text": "help"}, "conversation": {"format": "openai.chat", "messages": [message]}});
        let (status, _, id) = opens(&bot, body.to_string()).await;
        assert_eq!(status, 201);
        let kept = bot.get(&format!("/escalations/{id}/transcript")).await.ok(200);
        assert_eq!(kept["items"][0]["tool_result"]["output"].is_string(), is_text, "{count}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dense_json_takes_little_memory() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let key = add_agent(&database, "billing-bot");
    add_operator(&database, "Ada", "operator", PASSWORD);
    let program = Program::start(&database, free_port()).await;
    let bot = Agent { url: program.url(""), key, http: reqwest::Client::new() };
    let before = program.resident();
    // 8 MB of small values in one body take 300 MB when they are parsed.
    for _ in 0..2 {
        let refused = join_all((0..4).map(|_| opens(&bot, with_output(&ones(4_000_000))))).await;
        assert!(refused.iter().all(|(status, ..)| matches!(status, 413 | 503)), "{refused:?}");
    }
    // Many small objects take more than their share of the values.
    let nested = format!("{}0{}", r#"{"":"#.repeat(30), "}".repeat(30));
    let nested = format!("[{}]", vec![nested; 900].join(","));
    let taken = join_all((0..4).map(|_| opens(&bot, with_output(&nested)))).await;
    assert!(taken.iter().any(|(status, ..)| *status == 201), "{taken:?}");
    // So do 8 MB of JSON that is written as text. It is stored, searched and shown as the text that it is.
    let message = json!({"role": "tool", "tool_call_id": "1", "content": ones(3_900_000)});
    let body = json!({"reason": {"text": "help"}, "conversation": {"format": "openai.chat", "messages": [message]}});
    let (status, _, it) = opens(&bot, body.to_string()).await;
    assert_eq!(status, 201);
    let mut ada = Browser::new(&program.url(""));
    ada.signs_in("ada@example.com", PASSWORD, "/").await;
    assert!(ada.sees(&format!("/e/{it}"), 200).await.contains("Show all"));
    // 72 KB in 32 asks take 160 MB when all are parsed. The updates arrive together, so the writer loads all asks at once.
    let ask = format!(
        r#"{{"reason": {{"text": "help", "evidence": {{"a": {0}}}}}, "metadata": {{"a": {0}}}, "ask": {{"kind": "decision", "actions": [
            {{"id": "a", "name": "refund", "arguments": {{}}, "arguments_schema": {{"default": {1}}}}}]}}}}"#,
        ones(7_000),
        ones(30_000),
    );
    let mut opened = vec![];
    for _ in 0..32 {
        let (status, _, id) = opens(&bot, ask.clone()).await;
        assert_eq!(status, 201);
        opened.push(id);
    }
    for urgency in ["high", "low", "high", "low"] {
        let updates = opened.iter().map(|id| {
            let request = bot.http.patch(format!("{}/api/v1/escalations/{id}", bot.url)).bearer_auth(&bot.key);
            request.json(&json!({"urgency": urgency})).send()
        });
        for updated in join_all(updates).await {
            assert_eq!(updated.expect("an answer").status(), 200);
        }
    }
    let more = program.most_resident().saturating_sub(before);
    println!("dense JSON took {more} MiB");
    assert!(more < 100, "{more} MiB");
}
