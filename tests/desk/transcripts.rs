//! Tests of conversations in the formats of agent frameworks: read in, however odd they are, and written out as a
//! history for a model.

use bailout::domain::{
    ids::MessageId,
    message::{Author, Message, MessageRole, ToolCall, ToolResult},
    operator::Role,
    transcript::openai_chat::{APART, write},
};
use macro_rules_attribute::apply;
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    on_both,
    support::{TestServer, accepted, server::Agent},
};

/// Opens an escalation with these messages, which are JSON text or nearly so.
async fn opens(bot: &Agent, format: &str, total: &str, messages: &str) -> (u16, Value) {
    let conversation = format!(r#"{{"format": "{format}", "total_messages": {total}, "messages": {messages}}}"#);
    let body = format!(r#"{{"reason": {{"code": "other", "text": "help"}}, "conversation": {conversation}}}"#);
    let request = bot.http.post(format!("{}/api/v1/escalations", bot.url)).bearer_auth(&bot.key);
    let response = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

/// Returns all items of a transcript, read page by page.
async fn pages(bot: &Agent, it: &str, query: &str) -> Vec<Value> {
    let (mut items, mut after) = (vec![], String::new());
    loop {
        let page = bot.get(&format!("/escalations/{it}/transcript?after={after}&{query}")).await.ok(200);
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => return items,
        }
    }
}

/// Returns a short form of a message's content.
fn in_short(message: &Value) -> String {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| format!("{}({})", call["name"].as_str().unwrap_or("?"), call["arguments"]));
    let result = Some(&message["tool_result"]).filter(|it| !it.is_null()).map(|it| format!("= {}", it["output"]));
    let text = message["text"].as_str().map(str::to_owned);
    let unread = (message["unreadable"] == true).then(|| "unreadable".to_owned());
    let said: Vec<String> = text.into_iter().chain(calls).chain(result).chain(unread).collect();
    format!("{}: {}", message["role"].as_str().unwrap_or("?"), said.join(" "))
}

/// The name, the messages as they came, the short form of each result, and the pointers of the warnings.
#[rustfmt::skip] // a table of what frameworks and their users really keep
const UGLY: &[(&str, &str, &[&str], &[&str])] = &[
    ("tool calls", r#"[
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Where is A-1?"},
        {"role": "assistant", "content": null, "refusal": null, "annotations": [], "audio": null, "function_call": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{\"order\": \"A-1\"}"}},
            {"id": "call_2", "type": "function", "function": {"name": "look_up", "arguments": "{\"order\": "}}]},
        {"role": "tool", "tool_call_id": "call_2", "content": "bad arguments"},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"state\": \"lost\", \"n\": [1.5]}"},
        {"role": "assistant", "content": "It is lost."}]"#,
     &["system: Be brief.", "customer: Where is A-1?", r#"agent: look_up({"order":"A-1"}) look_up("{\"order\": ")"#,
       r#"tool: = "bad arguments""#, r#"tool: = {"state":"lost","n":[1.5]}"#, "agent: It is lost."], &[]),
    ("function calls of old", r#"[
        {"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"}]"#,
     &["agent: weather({})", r#"tool: = "sunny""#], &[]),
    ("pictures, sounds, files", r#"[
        {"role": "user", "name": "dana", "content": [{"type": "text", "text": "This:"}, {"type": "image_url", "image_url": {"url": "https://x.example/1.png"}}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}, {"type": "file", "file": {"filename": "a.pdf"}}]},
        {"role": "user", "content": [{"type": "smell", "smell": "roses"}, 5, null]},
        {"role": "assistant", "content": null, "audio": {"id": "audio_1", "transcript": "Hello"}}]"#,
     &["customer: This:\n[image]", "customer: [audio]\n[file: a.pdf]", "customer: [smell, 32 bytes]\n[part, 1 byte]\n[part, 4 bytes]", "agent: [audio]\nHello"],
     &["/2/content/0", "/2/content/1", "/2/content/2"]),
    ("texts in other shapes", r#"[
        {"role": "user", "content": [{"type": "text", "text": {"value": "Where is it?", "annotations": []}}]},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklG", "transcript": "Hello?"}}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "4"}]},
        {"role": "assistant", "content": null, "reasoning": "Let me see.", "function_call": {"name": "", "arguments": ""}}]"#,
     &["customer: Where is it?", "customer: [audio]\nHello?", "agent: 4", "agent: "], &[]),
    ("numbers that a reader would change", r#"[
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"n\": 9007199254740993, \"eur\": 19.90}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "{\"n\": 12345678901234567890123}"},
        {"role": "assistant", "tool_calls": [{"id": "b", "function": {"name": "f", "arguments": {"n": 12345678901234567890123}}}]}]"#,
     &[r#"agent: f("{\"n\": 9007199254740993, \"eur\": 19.90}")"#, r#"tool: = "{\"n\": 12345678901234567890123}""#,
       r#"agent: f({"n":"12345678901234567890123"})"#], &["/2"]),
    ("refusals", r#"[{"role": "assistant", "content": null, "refusal": "I cannot help with that."}]"#,
     &["agent: I cannot help with that."], &[]),
    ("ids and content of other types", r#"[
        {"role": "user", "content": 42}, {"role": "user", "content": {"type": "text", "text": "one part"}}, {"role": "user", "content": true},
        {"role": "assistant", "tool_calls": [{"id": 7, "function": {"name": "f", "arguments": {"n": 9007199254740993}}}]},
        {"role": "tool", "tool_call_id": 7, "content": [1, {"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"arguments": "{}"}}]},
        {"role": "assistant", "content": "x", "tool_calls": "none", "name": 5, "refusal": []}]"#,
     &["customer: 42", "customer: one part", "customer: true", r#"agent: f({"n":"9007199254740993"})"#, r#"tool: = [1,{"type":"text","text":"x"}]"#,
       "agent: ", "agent: x"],
     &["/0/content", "/2/content", "/3", "/5/tool_calls", "/6/tool_calls", "/6/name"]),
    ("no messages at all, among others", r#"[
        {"role": "user", "content": "Hi"}, null, 17, "hello", [], {}, {"role": "assistant"}, {"role": "wizard", "content": "?"}, 1e999,
        {"role": "assistant", "content": null, "tool_calls": null}, {"role": "customer", "text": "ours"}]"#,
     &["customer: Hi", "system: unreadable", "system: unreadable", "system: unreadable", "system: unreadable", "system: unreadable",
       "system: unreadable", "system: unreadable", "system: unreadable", "system: unreadable", "system: unreadable"],
     &["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/10"]),
    ("broken text", r#"[
        {"role": "user", "content": "half \ud83d of a smile"}, {"role": "user", "content": "nul \u0000"}, {"role": "user", "content": "<script>alert(1)</script> \u202e"},
        {"role": "tool", "tool_call_id": "x", "content": "{\"a\": \"\\ud83d\"}"}, {"role": "user", "content": "", "role": "user"}]"#,
     &["customer: half \u{FFFD} of a smile", "customer: nul \u{FFFD}", "customer: <script>alert(1)</script> \u{202e}",
       "tool: = {\"a\":\"\u{FFFD}\"}", "customer: "], &["/1"]),
];

#[apply(on_both!)]
async fn whatever_a_conversation_brought_a_human_comes(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    for (name, messages, shown, odd) in UGLY {
        let (status, opened) = opens(&bot, "openai.chat", "42", messages).await;
        assert_eq!(status, 201, "{name}: {opened}");
        let warnings =
            opened["warnings"].as_array().expect("warnings").iter().map(|it| it["pointer"].as_str().unwrap_or("?"));
        let odd: Vec<String> = odd.iter().map(|it| format!("/conversation/messages{it}")).collect();
        assert_eq!(warnings.collect::<Vec<_>>(), odd, "{name}");
        let it = opened["id"].as_str().expect("an id");
        let transcript = pages(&bot, it, "limit=3").await;
        assert_eq!(transcript.iter().map(in_short).collect::<Vec<_>>(), *shown, "{name}");
        // A message counts once, whatever parts it has.
        let facts = &opened["conversation"];
        assert_eq!(
            (&facts["total_messages"], &facts["received_messages"]),
            (&json!(42), &json!(shown.len())),
            "{name}"
        );
        let whole = pages(&bot, it, "format=openai.chat").await;
        accepted(&whole).unwrap_or_else(|why| panic!("{name}: {why}"));
        for limit in [1, 2] {
            assert_eq!(pages(&bot, it, &format!("format=openai.chat&limit={limit}")).await, whole, "{name}");
        }
    }
}

#[apply(on_both!)]
async fn a_history_may_be_long_and_heavy(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let line = |n: usize| json!({"role": if n.is_multiple_of(2) { "user" } else { "assistant" }, "content": format!("line {n}")});
    for (count, warnings) in [(10_000, 0), (10_002, 1)] {
        let messages = json!((0..count).map(line).collect::<Vec<_>>()).to_string();
        let (status, opened) = opens(&bot, "openai.chat", "null", &messages).await;
        assert_eq!(
            (status, opened["warnings"].as_array().map(Vec::len)),
            (201, Some(warnings)),
            "{}",
            opened["warnings"]
        );
        let facts = &opened["conversation"];
        assert_eq!((&facts["total_messages"], &facts["received_messages"]), (&json!(count), &json!(10_000)));
        let path =
            format!("/escalations/{}/transcript?format=openai.chat&after=9997", opened["id"].as_str().expect("an id"));
        let page = bot.get(&path).await.ok(200);
        assert_eq!((&page["items"], &page["next"]), (&json!([line(count - 2), line(count - 1)]), &Value::Null));
    }
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(100_000));
    let messages = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": "See?"}]}]);
    let (status, opened) = opens(&bot, "openai.chat", "null", &messages.to_string()).await;
    assert_eq!((status, &opened["warnings"][0]["pointer"]), (201, &json!("/conversation/messages/0/content/0")));
    let read = pages(&bot, opened["id"].as_str().expect("an id"), "").await;
    assert_eq!(read[0]["text"], "[image]\nSee?");
    assert!(read[0].to_string().len() < 1_000 && read[0]["raw"]["content"][0]["type"] == "image_url", "{}", read[0]);
}

#[apply(on_both!)]
async fn only_when_no_message_can_be_read_the_form_is_wrong_and_the_answer_names_the_right_one(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ours, theirs) = (r#"[{"role": "customer", "text": "a"}, 5]"#, r#"[{"role": "user", "content": "a"}, 5]"#);
    for (format, messages, hint) in [
        ("native", theirs, "set `openai.chat`"),
        ("openai.chat", ours, "set `native`"),
        ("openai.chat", "[5]", "each needs a role (user"),
        ("native", "[5]", "each needs a role (customer"),
        ("openai.responses", theirs, "set `native` or `openai.chat`"),
        ("anthropic.messages", theirs, "set `native` or `openai.chat`"),
        ("langchain", ours, "set `native` or `openai.chat`"),
    ] {
        let (status, refused) = opens(&bot, format, "null", messages).await;
        assert_eq!((status, &refused["code"]), (422, &json!("wrong_format")), "{format} {messages}");
        assert_eq!(refused["errors"][0]["pointer"], "/conversation/format");
        let detail = refused["errors"][0]["detail"].as_str().expect("a detail");
        assert!(detail.contains(hint), "{format} {messages}: {detail}");
    }
    for (format, messages) in [("native", ours), ("openai.chat", theirs), ("langchain", "[]"), ("openai.chat", "[]")] {
        assert_eq!(opens(&bot, format, "null", messages).await.0, 201, "{format} {messages}");
    }
    let (_, unknown) = opens(&bot, "openai.chats", "null", theirs).await;
    assert_eq!(
        (&unknown["code"], &unknown["errors"][0]["pointer"]),
        (&json!("invalid_field"), &json!("/conversation/format"))
    );
}

#[apply(on_both!)]
async fn a_transcript_is_ready_for_a_models_history(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is A-1?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{\"order\":\"A-1\"}"}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "{\"state\":\"lost\"}"},
        {"role": "assistant", "content": "It is lost."},
    ]);
    let (_, opened) = opens(&bot, "openai.chat", "null", &messages.to_string()).await;
    let it = opened["id"].as_str().expect("an id").to_owned();
    bot.says(&it, "customer", "Oh no.").await.ok(201);
    bot.says(&it, "system", "The customer opened the invoice.").await.ok(201);
    let fence = ada.claims(&it).await.expect("a claim");
    ada.replies(&it, fence, "We send another.").await.expect("a reply");
    let since = json!([
        {"role": "user", "content": "Oh no."},
        {"role": "system", "content": "The customer opened the invoice."},
        {"role": "assistant", "content": "[Ada, human operator] We send another."},
    ]);
    assert_eq!(json!(pages(&bot, &it, "format=openai.chat&since=open&limit=2").await), since);
    // Messages that came as openai.chat are returned unchanged.
    let whole: Vec<Value> = [messages, since].iter().flat_map(|it| it.as_array().expect("a list")).cloned().collect();
    assert_eq!(pages(&bot, &it, "format=openai.chat").await, whole);
    let page = bot.get(&format!("/escalations/{it}/transcript?format=openai.chat&limit=3")).await.ok(200);
    assert_eq!((page["items"].as_array().map(Vec::len), &page["next"]), (Some(4), &json!("2")), "{page}");

    let path = format!("/escalations/{it}/transcript?format=");
    let refused = bot.get(&format!("{path}anthropic")).await;
    assert_eq!(refused.refused(400), "bad_parameter");
    assert!(refused.body["detail"].as_str().expect("a detail").contains("native, openai.chat"), "{}", refused.text);
    assert_eq!(bot.get(&format!("{path}openai.chat&after=x")).await.refused(400), "bad_cursor");
    let beyond = bot.get(&format!("{path}openai.chat&after={}", i64::MAX)).await.ok(200);
    assert_eq!(beyond, json!({"items": [], "next": null}));
}

/// Generates any message, with the oddities that a conversation's tools may have.
fn message() -> impl Strategy<Value = Message> {
    use MessageRole::{Agent, Customer, Operator, System, Tool};
    let id =
        || select(vec![None, Some("a"), Some("b"), Some(""), Some("longer than forty characters, as an id may be")]);
    let call =
        id().prop_map(|id| ToolCall { id: id.map(str::to_owned), name: "look up!".into(), arguments: json!("{") });
    let output = select(vec![Value::Null, json!(""), json!("ok"), json!({"n": 1})]);
    let result = (id(), output).prop_map(|(id, output)| ToolResult {
        call_id: id.map(str::to_owned),
        output,
        is_error: false,
        outcome_stated: false,
    });
    let text = select(vec![None, Some(" "), Some("Hello")]);
    let role = select(vec![Customer, Agent, Operator, Tool, System]);
    let calls = prop::collection::vec(call, 0..3);
    (role, text, calls, prop::option::of(result), prop::bool::weighted(0.1)).prop_map(
        |(role, text, calls, result, unreadable)| Message {
            text: text.map(str::to_owned),
            tool_calls: calls,
            tool_result: result,
            unreadable,
            author: Some(Author { id: None, name: "Ada L.".into(), public_name: "Ada".into() }),
            ..Message::empty(MessageId::new(Uuid::nil()), 0, role)
        },
    )
}

fn placed(mut messages: Vec<Message>) -> Vec<Message> {
    for (message, place) in messages.iter_mut().zip(0..) {
        message.id = MessageId::new(Uuid::from_u128(place as u128));
        message.position = place;
    }
    messages
}

/// Returns the history page by page, each with no more context than a server reads.
fn in_pages(messages: &[Message], size: i64) -> Vec<Value> {
    let pages = (0..messages.len() as i64).step_by(size as usize).map(|from| {
        let near = |message: &&Message| (from - APART..from + size + APART).contains(&message.position);
        write(&messages.iter().filter(near).cloned().collect::<Vec<_>>(), from..=from + size - 1)
    });
    pages.flatten().collect()
}

proptest! {
    #[test]
    fn whatever_was_said_the_history_is_taken_page_by_page(messages in prop::collection::vec(message(), 0..40), size in 1..50_i64) {
        let messages = placed(messages);
        let whole = write(&messages, 0..=i64::MAX);
        accepted(&whole).map_err(TestCaseError::fail)?;
        prop_assert_eq!(in_pages(&messages, size), whole, "pages are the whole, and nothing is there twice");
    }
}

#[test]
fn an_answer_far_behind_its_call_is_found_from_either_page() {
    let said = |role, text: &str| Message {
        text: Some(text.to_owned()),
        ..Message::empty(MessageId::new(Uuid::nil()), 0, role)
    };
    for (apart, together) in [(1, true), (150, true), (APART, true), (APART + 1, false)] {
        let mut messages: Vec<Message> = (0..500).map(|n| said(MessageRole::Customer, &format!("line {n}"))).collect();
        let call = ToolCall { id: Some("a".into()), name: "look_up".into(), arguments: json!({"n": 1}) };
        messages[100] = Message { tool_calls: vec![call], ..said(MessageRole::Agent, "I look.") };
        let result =
            ToolResult { call_id: Some("a".into()), output: json!("found"), is_error: true, outcome_stated: true };
        messages[100 + apart as usize] = Message { tool_result: Some(result), ..said(MessageRole::Tool, "") };
        let messages = placed(messages);
        let whole = write(&messages, 0..=i64::MAX);
        accepted(&whole).expect("a history that OpenAI takes");
        let answer = json!({"role": "tool", "tool_call_id": "a", "content": "Error: found"});
        assert_eq!(whole[101] == answer, together, "{}", whole[101]);
        assert_eq!(whole.iter().filter(|it| it["content"] == "Error: found").count(), 1);
        for size in [1, 7, 199, 200] {
            assert_eq!(in_pages(&messages, size), whole, "{apart} apart, {size} a page");
        }
    }
}
