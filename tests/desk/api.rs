//! Tests that invalid requests get a clear refusal: never a 5xx, and no data of another agent.

use std::io::Write;

use bailout::server::keys::ApiKey;
use flate2::{Compression, write::GzEncoder};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{TestServer, server::Agent},
};

/// Sends a raw request, and returns the status, the code and the first pointer of the response.
pub async fn raw(
    bot: &Agent,
    method: Method,
    path: &str,
    kind: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, String, String) {
    let request = bot.http.request(method, format!("{}{path}", bot.url)).bearer_auth(&bot.key);
    let response = request.header("content-type", kind).body(body).send().await.expect("an answer");
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"), "{path}");
    if status >= 400 {
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
    }
    let body: Value = response.json().await.unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (status, text(&body["code"]), text(&body["errors"][0]["pointer"]))
}

#[apply(on_both!)]
async fn every_mistake_has_its_answer(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_88").await;
    let open = "/api/v1/escalations";
    let messages = format!("/api/v1/escalations/{it}/messages");
    let reason = json!({"code": "other", "text": "help"});
    for (path, body, status, code, pointer) in [
        (open, "{", 400, "malformed_json", ""),
        (open, "", 400, "malformed_json", ""),
        (open, "[]", 422, "invalid_field", ""),
        (open, "{}", 422, "invalid_field", "/reason"),
        (open, r#"{"reason": "help"}"#, 422, "invalid_field", "/reason"),
        (open, r#"{"reason": {"text": "x"}, "metadata": {"a": "\ud83d"}}"#, 422, "invalid_field", "/metadata/a"),
        (open, r#"{"reason": {"code": "other", "text": "x"}, "sumary": "x"}"#, 422, "unknown_field", "/sumary"),
        (
            open,
            r#"{"reason": {"code": "other", "text": "x", "evidence": {"n": 9007199254740993}}}"#,
            422,
            "invalid_field",
            "/reason/evidence/n",
        ),
        (
            open,
            r#"{"reason": {"code": "other", "text": "x"}, "metadata": {"a": "\u0000"}}"#,
            422,
            "invalid_field",
            "/metadata/a",
        ),
        (open, r#"{"reason": {"text": "x"}, "ask": {"kind": "chat"}}"#, 422, "invalid_field", "/ask/kind"),
        (
            open,
            r#"{"reason": {"code": "other", "text": "x"}, "ask": {"kind": "decision"}}"#,
            422,
            "invalid_field",
            "/ask/actions",
        ),
        (
            open,
            r#"{"reason": {"code": "other", "text": "x"}, "ask": {"kind": "question", "response_schema": {"type": "no"}}}"#,
            422,
            "schema_invalid",
            "/ask/response_schema",
        ),
        (
            open,
            r#"{"reason": {"code": "other", "text": "x"}, "deadlines": {"claim_within_seconds": 0}}"#,
            422,
            "invalid_field",
            "/deadlines/claim_within_seconds",
        ),
        (
            messages.as_str(),
            r#"{"client_message_id": "1", "role": "operator", "text": "x"}"#,
            422,
            "invalid_field",
            "/role",
        ),
        (
            messages.as_str(),
            r#"{"client_message_id": "", "role": "customer", "text": "x"}"#,
            422,
            "invalid_field",
            "/client_message_id",
        ),
        (messages.as_str(), r#"{"client_message_id": "1", "role": 5, "text": "x"}"#, 422, "invalid_field", "/role"),
        (messages.as_str(), "\u{FEFF}{\"role\": []}", 422, "invalid_field", "/role"),
    ] {
        let (got, named, at) = raw(&bot, Method::POST, path, "application/json", body).await;
        assert_eq!((got, named.as_str(), at.as_str()), (status, code, pointer), "{path} {body}");
    }
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", 404, "not_found"),
        (Method::GET, "/api/v1/escalations/esc_nonsense", 404, "not_found"),
        (Method::GET, "/api/v1/escalations/esc_00000000000000000000000000", 404, "not_found"),
        (Method::DELETE, open, 405, "method_not_allowed"),
        (Method::GET, "/api/v1/escalations?limit=0", 400, "bad_parameter"),
        (Method::GET, "/api/v1/escalations?status=lost", 400, "bad_parameter"),
        (Method::GET, "/api/v1/escalations?colour=red", 400, "bad_parameter"),
        (Method::POST, "/api/v1/escalations?wait=56", 400, "bad_parameter"),
    ] {
        let body = json!({"reason": reason}).to_string();
        let (got, named, _) = raw(&bot, method, path, "application/json", body).await;
        assert_eq!((got, named.as_str()), (status, code), "{path}");
    }
    let body = json!({"reason": reason}).to_string();
    assert_eq!(raw(&bot, Method::POST, open, "text/plain", body).await.1, "unsupported_media_type");
    let (status, code, _) = raw(&bot, Method::POST, open, "application/json", vec![b'x'; 10 * 1024 * 1024]).await;
    assert_eq!((status, code.as_str()), (413, "body_too_large"));
    let long = format!(r#"{{"client_message_id": "1", "role": "customer", "text": "{}"}}"#, "x".repeat(1_100 * 1024));
    assert_eq!(raw(&bot, Method::POST, &messages, "application/json", long).await.0, 413);
    // An open escalation cannot be acknowledged yet.
    assert_eq!(bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.refused(409), "not_closed");
}

#[apply(on_both!)]
async fn a_body_may_be_compressed(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let sends = async |encoding: &str, bytes: Vec<u8>| {
        let request = bot.http.post(format!("{}/api/v1/escalations", bot.url)).bearer_auth(&bot.key);
        let request = request.header("content-type", "application/json").header("content-encoding", encoding);
        let response = request.body(bytes).send().await.expect("an answer");
        (response.status().as_u16(), response.json::<Value>().await.expect("JSON"))
    };
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let body = br#"{"reason": {"code": "other", "text": "help"}}"#;
    assert_eq!(sends("gzip", gzip(body)).await.0, 201);
    assert_eq!(sends("identity", body.to_vec()).await.0, 201);
    let (status, problem) = sends("br", body.to_vec()).await;
    assert_eq!((status, problem["code"].as_str()), (415, Some("unsupported_media_type")));
    let (status, problem) = sends("gzip", body.to_vec()).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("malformed_json")));
    // The limit counts the decompressed bytes.
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 8 * 1024 * 1024);
    let (status, problem) = sends("gzip", bomb).await;
    assert_eq!((status, problem["code"].as_str()), (413, Some("body_too_large")));
}

#[apply(on_both!)]
async fn a_message_may_be_spelled_as_openai_spells_it(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let path = format!("/escalations/{}/messages", bot.hands_over("conv_1").await);
    for (role, stored) in [("user", "customer"), ("assistant", "agent"), ("system", "system")] {
        let body = json!({"client_message_id": role, "role": role, "content": "Hello"});
        let said = bot.post(&path, body).await.ok(201);
        assert_eq!((&said["message"]["role"], &said["message"]["text"]), (&json!(stored), &json!("Hello")));
    }
    let twice = json!({"client_message_id": "2", "role": "user", "content": "a", "text": "b"});
    let refused = bot.post(&path, twice).await;
    assert_eq!(
        (refused.refused(422), &refused.body["errors"][0]["detail"]),
        ("invalid_field", &json!("says the same as text: send one of them"))
    );
}

#[apply(on_both!)]
async fn what_is_no_mistake_is_taken(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let reason = json!({"code": "other", "text": "help"});
    // An empty list of messages is valid in every format.
    for format in ["openai.chat", "anthropic.messages", "native"] {
        bot.post("/escalations", json!({"reason": reason, "conversation": {"format": format, "messages": []}}))
            .await
            .ok(201);
    }
    let some = json!({"reason": reason, "conversation": {"format": "langchain", "messages": [{"type": "human", "content": "Hi"}]}});
    assert_eq!(bot.post("/escalations", some).await.refused(422), "wrong_format");
    // `until` is validated even when the request does not wait.
    assert_eq!(bot.post("/escalations?until=never", json!({"reason": reason})).await.refused(400), "bad_parameter");
    bot.post("/escalations?until=outcome", json!({"reason": reason})).await.ok(201);
}

#[apply(on_both!)]
async fn every_answer_says_how_to_take_it_and_little_of_what_was_sent(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    for path in ["/healthz", "/readyz", "/api/v1/escalations", "/api/v1/nothing", "/api/v1/events"] {
        let answer = bot.http.get(format!("{}{path}", bot.url)).bearer_auth(&bot.key).send().await.expect("an answer");
        for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff")] {
            assert_eq!(answer.headers()[name], value, "{path}");
        }
    }
    let name = "n".repeat(5_000);
    let refused =
        bot.post("/escalations", json!({"reason": {"code": "other", "text": "x"}, "metadata": {&name: "\u{0}"}})).await;
    assert_eq!(refused.refused(422), "invalid_field");
    assert!(refused.text.len() < 1_500, "{}", refused.text.len());
    assert!(bot.get(&format!("/escalations?{name}=1")).await.text.len() < 1_500);
}

#[apply(on_both!)]
async fn a_key_opens_its_own_door_only(server: TestServer) {
    let (bot, stranger) = (server.agent("billing-bot").await, server.agent("other-bot").await);
    let it = bot.hands_over("conv_88").await;
    // A foreign id, an unknown id and a wrong id get the same response, except for the id of the request.
    let mut told = vec![];
    for id in [it.as_str(), "esc_00000000000000000000000000", "esc_wrong"] {
        let mut body = stranger.get(&format!("/escalations/{id}")).await.ok(404);
        body["request_id"] = Value::Null;
        told.push(body.to_string().replace(id, "{id}"));
    }
    assert!(told[0].contains("This agent has no escalation with the id {id}."), "{}", told[0]);
    assert!(told.iter().all(|body| *body == told[0]), "{told:?}");
    assert_eq!(stranger.says(&it, "customer", "x").await.refused(404), "not_found");
    assert_eq!(
        stranger.post(&format!("/escalations/{it}/cancel"), json!({"reason": "x"})).await.refused(404),
        "not_found"
    );
    for key in ["", "blt_nonsense", "Basic x", &bot.key[..bot.key.len() - 1]] {
        let request = bot.http.get(format!("{}/api/v1/escalations", bot.url)).bearer_auth(key);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    let other = Agent { key: ApiKey::mint(false).expect("a key").reveal(), ..bot.clone() };
    assert_eq!(other.get("/escalations").await.ok(401)["detail"], "This API key is not known here.");
}

#[apply(on_both!)]
async fn what_the_conversation_brought_never_stops_a_bailout(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let long = "x".repeat(3_000);
    let body = json!({
        "reason": {"code": "vibes", "text": long},
        "routing": {"queue": "nowhere"},
        "conversation": {"total_messages": 42, "messages": [
            {"role": "customer", "text": "<img src=x onerror=alert(1)> \u{202e}evil"},
            {"role": "wizard", "text": "?"}, 17, {"role": "agent"},
            {"role": "agent", "tool_calls": [{"id": "c", "name": "look_up", "arguments": {"n": 9_007_199_254_740_993_i64}}]},
            {"role": "tool", "tool_result": {"call_id": "c", "output": "a\u{0}b", "is_error": true}},
        ]},
    });
    let opened = bot.post("/escalations", body).await.ok(201);
    assert_eq!((opened["reason"]["code"].as_str(), opened["reason"]["label"].as_str()), (Some("other"), Some("vibes")));
    assert_eq!(opened["reason"]["text"].as_str().map(str::len), Some(2_000));
    assert_eq!(opened["queue"], "default");
    assert_eq!(
        (&opened["conversation"]["total_messages"], &opened["conversation"]["received_messages"]),
        (&json!(42), &json!(6))
    );
    let warned: Vec<&str> =
        opened["warnings"].as_array().expect("warnings").iter().filter_map(|it| it["pointer"].as_str()).collect();
    for pointer in ["/reason/text", "/routing/queue", "/conversation/messages/1", "/conversation/messages/2"] {
        assert!(warned.iter().any(|it| it.starts_with(pointer)), "{pointer} is not in {warned:?}");
    }
    let path = format!("/escalations/{}/transcript", opened["id"].as_str().expect("an id"));
    let transcript = bot.get(&path).await.ok(200);
    let items = transcript["items"].as_array().expect("items");
    assert_eq!(items.len(), 6);
    assert_eq!(items[0]["text"], "<img src=x onerror=alert(1)> \u{202e}evil");
    assert_eq!((&items[1]["unreadable"], &items[2]["unreadable"]), (&json!(true), &json!(true)));
    assert_eq!(items[5]["tool_result"]["is_error"], true);
}

#[apply(on_both!)]
async fn what_an_agent_gave_comes_back_in_its_order(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.escalates(json!({"metadata": {"zeta": 1, "alpha": {"y": 0.1, "b": null}}})).await;
    let got = bot.get(&format!("/escalations/{it}")).await;
    assert!(got.text.contains(r#""metadata":{"zeta":1,"alpha":{"y":0.1,"b":null}}"#), "{}", got.text);
}

#[apply(on_both!)]
async fn a_button_that_waits_hangs_up_with_the_outcome(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let ada = server.person("Ada", bailout::domain::operator::Role::Operator).await;
    let asking = {
        let bot = bot.clone();
        tokio::spawn(async move {
            let body = json!({"reason": {"code": "other", "text": "Which?"}, "ask": {"kind": "question", "options": ["one", "two"]}});
            bot.post("/escalations?wait=50&until=outcome", body).await.ok(201)
        })
    };
    let it = crate::support::server::soon("the question", async || {
        let listed = bot.get("/escalations?status=open").await.ok(200);
        listed["items"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    use bailout::domain::{disposition::Disposition, outcome::Resolution};
    let said = |choice: &str| {
        let answer = bailout::domain::text::NoteText::parse(choice).ok();
        Resolution { answer, ..Resolution::bare(Disposition::Answered) }
    };
    assert!(ada.resolves(&it, None, said("three")).await.is_err());
    ada.resolves(&it, None, said("two")).await.expect("an answer");
    let answered = asking.await.expect("an answer");
    let outcome = &answered["outcome"];
    assert_eq!((&outcome["answer"], &outcome["data"]), (&json!("two"), &Value::Null));
    assert_eq!(bot.get("/escalations?status=open").await.ok(200)["items"], json!([]));
    // Each of the two open states is read by its own walk. The pages form one list, newest first.
    let mut ids = vec![];
    for n in 0..5 {
        ids.insert(0, bot.hands_over(&format!("conv_{n}")).await);
        if n % 2 == 0 {
            ada.claims(&ids[0]).await.expect("a claim");
        }
    }
    let (mut listed, mut path) = (vec![], "/escalations?status=open&limit=2".to_owned());
    loop {
        let page = bot.get(&path).await.ok(200);
        listed.extend(
            page["items"].as_array().expect("items").iter().filter_map(|it| it["id"].as_str().map(str::to_owned)),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/escalations?status=open&limit=2&after={next}");
    }
    assert_eq!(listed, ids);
    assert_eq!(
        bot.get("/escalations?status=open&conversation_id=conv_3").await.ok(200)["items"][0]["id"],
        ids[1].as_str()
    );
}
