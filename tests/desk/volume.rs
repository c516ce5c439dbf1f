//! Tests of large requests: long conversations and large bodies cost as much as they must and no more.

use bailout::server::request_memory::MemoryPermit;
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{TestServer, browser::session_cookie},
};

/// Returns an array nested this many levels deep.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |value, _| json!([value]))
}

#[apply(on_both!)]
async fn a_very_long_conversation_is_taken_whole(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let messages: Vec<Value> = (0..10_000).map(|n| json!({"role": "customer", "text": format!("Line {n}")})).collect();
    let began = std::time::Instant::now();
    let it = bot.escalates(json!({"conversation": {"messages": messages}})).await;
    println!("10,000 messages were taken in {:?}", began.elapsed());
    let last = bot.get(&format!("/escalations/{it}/transcript?after=9996")).await.ok(200);
    let texts: Vec<&str> =
        last["items"].as_array().expect("items").iter().filter_map(|it| it["text"].as_str()).collect();
    assert_eq!(texts, ["Line 9997", "Line 9998", "Line 9999"]);
}

#[apply(on_both!)]
async fn what_is_nested_too_deep_is_refused_and_in_a_conversation_becomes_text(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let with = |more: Value| {
        let mut body = json!({"reason": {"code": "other", "text": "help"}});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body
    };
    for levels in [65, 100, 120] {
        let deep = nested(levels);
        let action = |name: &str| json!({"id": "a", "name": "pay", name: {"x": deep}});
        for (more, pointer) in [
            (json!({"metadata": {"x": deep}}), "/metadata"),
            (json!({"reason": {"code": "other", "text": "x", "evidence": {"x": deep}}}), "/reason/evidence"),
            (json!({"ask": {"kind": "question", "response_schema": {"const": deep}}}), "/ask/response_schema"),
            (json!({"ask": {"kind": "decision", "actions": [action("arguments")]}}), "/ask/actions/0/arguments"),
            (
                json!({"ask": {"kind": "decision", "actions": [action("arguments_schema")]}}),
                "/ask/actions/0/arguments_schema",
            ),
        ] {
            let refused = bot.post("/escalations", with(more)).await;
            assert_eq!(refused.refused(422), "invalid_field");
            assert_eq!(
                refused.body["errors"],
                json!([{"pointer": pointer, "detail": "must not be nested deeper than 64"}])
            );
        }
    }
    let deep = nested(100);
    let messages = json!([
        {"role": "agent", "tool_calls": [{"name": "a", "arguments": deep}, {"name": "b", "arguments": deep.to_string()}]},
        {"role": "tool", "tool_result": {"output": deep}, "more": deep},
        deep,
    ]);
    let opened = bot
        .post(
            "/escalations",
            with(json!({
                "conversation": {"messages": messages}, "metadata": {"x": nested(63)},
            })),
        )
        .await
        .ok(201);
    let warnings = opened["warnings"].to_string();
    for pointer in ["/0/tool_calls/0/arguments", "/1/tool_result/output", "/1/more", "/2"] {
        assert!(warnings.contains(&format!("/conversation/messages{pointer}\"")), "{warnings}");
    }
    // All of it is returned, to the agent and on the console.
    let it = opened["id"].as_str().expect("an id");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["metadata"]["x"], nested(63));
    let transcript = bot.get(&format!("/escalations/{it}/transcript")).await.ok(200);
    let text = json!(deep.to_string());
    for pointer in [
        "/items/0/tool_calls/0/arguments",
        "/items/0/tool_calls/1/arguments",
        "/items/1/tool_result/output",
        "/items/1/raw/more",
        "/items/2/raw",
    ] {
        assert_eq!(transcript.pointer(pointer), Some(&text), "{pointer}");
    }
    let thread = server.desk.thread(server.workspace, crate::support::server::id(it)).await.expect("a thread");
    assert_eq!(thread.expect("a thread").messages.len(), 3);
}

#[apply(on_both!)]
async fn without_room_an_open_is_told_to_come_back(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    // Takes all request memory, with as many keys as it needs.
    let take_all = || {
        let (mut taken, mut bytes) = (vec![], 0);
        for key in 0..100 {
            let share = server.desk.request_memory().share(&key.to_string());
            let mut more = MemoryPermit::default();
            while share.take(16 * 1024, &mut more) {
                bytes += 16 * 1024;
            }
            taken.push(more);
        }
        (taken, bytes)
    };
    let (taken, all) = take_all();
    assert!(all > 1024 * 1024);
    let body = json!({"reason": {"code": "other", "text": "help"}});
    let refused = bot.post("/escalations", body.clone()).await;
    assert_eq!(refused.refused(503), "overloaded");
    drop(taken);
    bot.post("/escalations", body).await.ok(201);
    // The memory is returned when the request is done.
    crate::support::server::soon("the room", async || (take_all().1 == all).then_some(())).await;
}

#[apply(on_both!)]
async fn without_a_database_everyone_is_told_to_come_back(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    server.desk.store().close().await;
    let path = format!("/escalations/{it}");
    for answer in join_all((0..8).map(|_| bot.get(&path))).await {
        assert_eq!(answer.refused(503), "overloaded");
    }
    let desk = &server.desk;
    let said = join_all((0..8).map(|_| desk.head(server.workspace))).await;
    assert!(said.iter().all(|it| matches!(it, Err(bailout::server::error::Error::Unavailable))), "{said:?}");
    let form = "email=ada%40example.com&password=x";
    for request in [
        bot.http.get(format!("{}/api/v1/escalations", server.url)).bearer_auth(&bot.key),
        bot.http
            .post(format!("{}/sign-in", server.url))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form),
        bot.http.get(format!("{}/live", server.url)).header("cookie", session_cookie(&server.url, "x")),
        bot.http.get(format!("{}/queue", server.url)).header("cookie", session_cookie(&server.url, "x")),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 503, "{}", answer.url());
        assert!(answer.headers().contains_key("retry-after"), "{}", answer.url());
    }
}
