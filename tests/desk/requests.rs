//! Tests what a request of an agent may contain: a model's mistakes are mended with a warning, and a developer's mistakes
//! are told all at once.

use bailout::domain::{
    ask::Verdict,
    disposition::Disposition,
    escalation::Status,
    event::EventType,
    operator::Role,
    outcome::{NextStep, Resolution},
    queue::Urgency,
    reason::ReasonCode,
};
use bailout::server::store::messages::{MessagesAround, around};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    api::raw,
    on_both,
    support::{TestServer, routes::routes, server::id},
};

fn pointers(list: &Value) -> Vec<String> {
    list.as_array().expect("a list").iter().filter_map(|it| it["pointer"].as_str().map(str::to_owned)).collect()
}

#[apply(on_both!)]
async fn nothing_that_a_model_wrote_refuses(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let body = |text: Value| {
        json!({
            "reason": {"code": "other", "text": text}, "summary": text, "tried": [text], "customer_told": text,
            "ask": {"kind": "takeover", "prompt": text, "suggested_reply": text},
        })
    };
    let long = bot.post("/escalations", body(json!("ä".repeat(5_000)))).await.ok(201);
    let number = bot.post("/escalations", body(json!(250))).await.ok(201);
    let empty = bot.post("/escalations", body(json!(" "))).await.ok(201);
    for (pointer, most) in [
        ("/reason/text", 2_000),
        ("/summary", 4_000),
        ("/tried/0", 500),
        ("/customer_told", 2_000),
        ("/ask/prompt", 2_000),
        ("/ask/suggested_reply", 4_000),
    ] {
        let text = |opened: &Value| opened.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(text(&long).map(|text| text.chars().count()), Some(most), "{pointer}");
        assert_eq!(text(&number).as_deref(), Some("250"), "{pointer}");
        let missing = (pointer == "/reason/text").then(|| "The agent gave no reason.".to_owned());
        assert_eq!(text(&empty), missing, "{pointer}");
        for opened in [&long, &number, &empty] {
            assert!(pointers(&opened["warnings"]).iter().any(|it| it == pointer), "{pointer}: {opened}");
        }
    }
    assert_eq!(pointers(&long["warnings"]).len(), 6, "{long}");
    // Whatever a model wrote too long does not count in the limit of the body, and an endless list is cut.
    let much = json!({"reason": {"text": "x"}, "summary": "x".repeat(500_000), "tried": vec!["y"; 100_000]});
    let opened = bot.post("/escalations", much).await.ok(201);
    assert_eq!(opened["tried"].as_array().map(Vec::len), Some(20));
    assert_eq!(pointers(&opened["warnings"]), ["/summary", "/tried"]);
    // Half of a character, an unknown urgency, one text in place of a list, and a confidence that is no number.
    let odd =
        r#"{"reason": {"text": "sad \ud83d", "confidence": "high"}, "urgency": "P1", "tried": "the refund tool"}"#;
    let (status, ..) = raw(&bot, Method::POST, "/api/v1/escalations", "application/json", odd).await;
    assert_eq!(status, 201);
    let opened = bot.get("/escalations?limit=1").await.ok(200)["items"][0].clone();
    assert_eq!((&opened["reason"]["text"], &opened["reason"]["code"]), (&json!("sad \u{FFFD}"), &json!("other")));
    assert_eq!((&opened["urgency"], &opened["tried"]), (&json!("urgent"), &json!(["the refund tool"])));
    assert_eq!(pointers(&opened["warnings"]), ["/reason/confidence", "/reason/text", "/urgency"]);
    // Elsewhere an optional empty text counts as absent.
    let blank = json!({"reason": {"text": "x"}, "routing": {"queue": ""}, "on_expiry": {"note_to_agent": ""}, "urgency": "",
        "ask": {"kind": ""}, "conversation": {"id": "", "format": "", "messages": []}, "context": [{"label": "a", "value": ""}]});
    let opened = bot.post("/escalations", blank).await.ok(201);
    assert_eq!((&opened["conversation"]["id"], &opened["context"][0]["value"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&opened["ask"]["kind"], pointers(&opened["warnings"])),
        (&json!("takeover"), vec!["/urgency".to_owned()])
    );
}

#[apply(on_both!)]
async fn all_faults_of_a_request_are_told_at_once(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let body = json!({
        "reson": {"text": "x"}, "reason": {"code": "other", "text": "x", "evidence": []}, "tried": [], "context": [{"label": "", "url": "ftp://x"}],
        "ask": {"kind": "decision", "actions": [{"name": "pay", "arguments": [1], "allowed": ["maybe"]}, 5]},
        "deadlines": {"claim_within_seconds": "soon", "resolve_within_seconds": 0},
        "conversation": {"format": "langchain", "messages": [{"type": "human", "content": "x"}], "customer": []},
    });
    let answer = bot.post("/escalations", body).await;
    assert_eq!(answer.refused(422), "invalid_field");
    let mut found = pointers(&answer.body["errors"]);
    found.sort();
    let all = [
        "/ask/actions/0/allowed/0",
        "/ask/actions/0/arguments",
        "/ask/actions/0/id",
        "/ask/actions/1",
        "/context/0/label",
        "/context/0/url",
        "/conversation/customer",
        "/conversation/format",
        "/deadlines/claim_within_seconds",
        "/deadlines/resolve_within_seconds",
        "/reason/evidence",
        "/reson",
    ];
    let mut all: Vec<String> = all.iter().map(|it| (*it).to_owned()).collect();
    all.sort();
    assert_eq!(found, all, "{}", answer.text);
    assert!(!answer.text.contains("serde") && !answer.text.contains("Option"), "{}", answer.text);
    // Faults of schemas alone have a code of their own, and unknown fields alone, too.
    let schema = json!({"type": "no"});
    let body = json!({"reason": {"text": "x"}, "ask": {"kind": "question", "response_schema": schema}});
    assert_eq!(bot.post("/escalations", body).await.refused(422), "schema_invalid");
    assert_eq!(
        bot.post("/escalations", json!({"reason": {"text": "x"}, "a": 1, "b": 2})).await.refused(422),
        "unknown_field"
    );
}

#[apply(on_both!)]
async fn schemas_of_todays_libraries_open(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    // As pydantic 2.12 writes a Decimal, and zod 4.1 an email address.
    let schema = json!({"type": "object", "required": ["eur", "to"], "properties": {
        "eur": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]},
        "to": {"type": "string", "format": "email", "pattern": r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@"},
    }});
    let action =
        |arguments: Value| json!({"id": "a", "name": "pay", "arguments": arguments, "arguments_schema": schema});
    let open = |arguments: Value| {
        let ask = json!({"kind": "decision", "response_schema": schema, "actions": [action(arguments)]});
        json!({"reason": {"text": "x"}, "ask": ask})
    };
    let opened = bot.post("/escalations", open(json!({"eur": "2.50", "to": "dana@example.com"}))).await.ok(201);
    let places = ["/properties/eur/anyOf/1/pattern", "/properties/to/pattern"];
    let below = |at: &str| places.map(|place| format!("{at}{place}"));
    let expected = [below("/ask/response_schema"), below("/ask/actions/0/arguments_schema")].concat();
    assert_eq!(pointers(&opened["warnings"]), expected);
    assert_eq!(opened["ask"]["response_schema"], schema, "it comes back as it was sent");
    // The rest is checked, and arguments may be the text of an object.
    let opened = bot.post("/escalations", open(json!(r#"{"eur": 2.50, "to": "dana"}"#))).await.ok(201);
    assert!(pointers(&opened["warnings"]).contains(&"/ask/actions/0/arguments/to".to_owned()), "{opened}");
    assert_eq!(opened["ask"]["actions"][0]["arguments"]["eur"], 2.5);
}

#[apply(on_both!)]
async fn a_long_message_is_cut_and_told(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let path = format!("/escalations/{it}/messages");
    let body = |text: String| json!({"client_message_id": "m1", "role": "user", "content": text});
    // 300 KB of letters of two bytes, behind one of one byte: the cut is between two letters.
    let said = bot.post(&path, body(format!("a{}", "ä".repeat(150_000)))).await.ok(201);
    let text = said["message"]["text"].as_str().expect("a text");
    assert_eq!((text.len(), pointers(&said["warnings"])), (256 * 1024 - 1, vec!["/content".to_owned()]));
    // The same again, also if it is longer behind the cut, is the same message.
    let again = bot.post(&path, body(format!("a{}", "ä".repeat(200_000)))).await.ok(200);
    assert_eq!(again["message"], said["message"]);
    let short = bot.says(&it, "customer", "Hello?").await.ok(201);
    assert_eq!(short["warnings"], json!([]));
    // Content may come in parts, as OpenAI has it.
    let content = json!([{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]);
    let said =
        bot.post(&path, json!({"client_message_id": "m3", "role": "assistant", "content": content})).await.ok(201);
    assert_eq!((&said["message"]["text"], &said["warnings"]), (&json!("One.\nTwo."), &json!([])));
    let both = bot.post(&path, json!({"client_message_id": "m4", "role": "user", "content": "a", "text": "a"})).await;
    assert_eq!(pointers(&both.body["errors"]), ["/content"]);
    let empty = bot.post(&path, json!({"client_message_id": "m4", "role": "user", "content": ""})).await;
    assert_eq!(pointers(&empty.body["errors"]), ["/content"]);
    let broken = format!(r#"{{"client_message_id": "m2", "role": "customer", "text": "{}"}}"#, r"\ud83d");
    let (status, ..) = raw(&bot, Method::POST, &format!("/api/v1{path}"), "application/json", broken).await;
    assert_eq!(status, 201);
    let (status, code, at) = raw(&bot, Method::POST, &format!("/api/v1{path}"), "application/json", "{}").await;
    assert_eq!((status, code.as_str(), at.as_str()), (422, "invalid_field", "/client_message_id"));
}

#[apply(on_both!)]
async fn the_state_to_resume_with_is_sent_where_one_resumes(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let state = "\"ä\n".repeat(200_000);
    let resume = json!({"tool_call_id": "call_9", "state": state});
    let opened = bot.post("/escalations", json!({"reason": {"text": "x"}, "resume": resume})).await.ok(201);
    let it = opened["id"].as_str().expect("an id");
    assert_eq!((&opened["resume"]["tool_call_id"], &opened["resume"]["state"]), (&json!("call_9"), &Value::Null));
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["resume"]["state"], state);
    assert_eq!(bot.get("/escalations").await.ok(200)["items"][0]["resume"]["state"], Value::Null);
    let fence = ada.claims(it).await.expect("a claim");
    let end = Resolution::bare(Disposition::Declined);
    ada.resolves(it, Some(fence), end).await.expect("an end");
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
    let events = bot.events_of(it).await;
    let states: Vec<bool> = events.iter().map(|it| it["data"]["escalation"]["resume"]["state"] == state).collect();
    let outcomes: Vec<Option<bool>> =
        events.iter().map(|it| it["data"]["escalation"].get("outcome").map(Value::is_object)).collect();
    // Opened, claimed, resolved, acknowledged.
    assert_eq!(states, [false, false, true, false]);
    assert_eq!(outcomes, [Some(false), Some(false), Some(true), None]);
    // A list does not send it, so a page is as long as without it.
    for _ in 0..2 {
        bot.escalates(json!({"resume": {"state": state}})).await;
    }
    assert_eq!(bot.get("/escalations").await.ok(200)["items"].as_array().map(Vec::len), Some(3));
    let large = json!({"reason": {"text": "x"}, "resume": {"state": "x".repeat(1024 * 1024 + 1)}});
    let refused = bot.post("/escalations", large).await;
    assert_eq!(
        (refused.refused(422), pointers(&refused.body["errors"])),
        ("invalid_field", vec!["/resume/state".to_owned()])
    );
}

#[apply(on_both!)]
async fn an_agent_finds_its_escalations(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let stranger = server.agent("other-bot").await;
    let mut ids = vec![];
    for n in 0..6 {
        let of = json!({"resume": {"tool_call_id": format!("call_{}", n / 2)}, "conversation": {"id": format!("conv_{n}"), "messages": []}});
        ids.push(bot.escalates(of.clone()).await);
        stranger.escalates(of).await;
    }
    for it in &ids[..3] {
        let fence = ada.claims(it).await.expect("a claim");
        ada.resolves(it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("an end");
    }
    bot.post(&format!("/escalations/{}/acknowledge", ids[1]), json!({})).await.ok(200);
    bot.post(&format!("/escalations/{}/cancel", ids[3]), json!({})).await.ok(200);
    for (query, found) in [
        ("", vec![5, 4, 3, 2, 1, 0]),
        ("order=newest", vec![5, 4, 3, 2, 1, 0]),
        ("order=oldest", vec![0, 1, 2, 3, 4, 5]),
        ("acknowledged=false", vec![3, 2, 0]),
        ("acknowledged=false&order=oldest", vec![0, 2, 3]),
        ("acknowledged=false&status=cancelled", vec![3]),
        ("acknowledged=true&status=cancelled", vec![]),
        ("acknowledged=true", vec![1]),
        ("acknowledged=true&order=oldest&status=resolved", vec![1]),
        ("acknowledged=false&status=open", vec![]),
        ("tool_call_id=call_1", vec![3, 2]),
        ("tool_call_id=call_1&acknowledged=false", vec![3, 2]),
        ("tool_call_id=call_1&acknowledged=false&status=resolved", vec![2]),
        ("tool_call_id=call_9", vec![]),
        ("conversation_id=conv_4", vec![4]),
        ("conversation_id=conv_4&tool_call_id=call_1", vec![]),
        ("status=open&order=oldest", vec![4, 5]),
        ("status=resolved&acknowledged=false", vec![2, 0]),
    ] {
        // In pages of two, too.
        for limit in [200, 2] {
            let (mut listed, mut after) = (vec![], String::new());
            loop {
                let page = bot.get(&format!("/escalations?{query}&limit={limit}&after={after}")).await.ok(200);
                let items = page["items"].as_array().expect("items").iter();
                listed.extend(items.filter_map(|it| ids.iter().position(|id| it["id"] == id.as_str())));
                match page["next"].as_str() {
                    Some(next) => after = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(listed, found, "{query}, in pages of {limit}");
        }
    }
    for query in ["order=random", "acknowledged=maybe", "conversation=conv_4"] {
        assert_eq!(bot.get(&format!("/escalations?{query}")).await.refused(400), "bad_parameter");
    }
    // An id that no index takes opens nevertheless, with a warning.
    let long = json!({"reason": {"text": "x"}, "resume": {"tool_call_id": "x".repeat(60_000)}});
    let opened = bot.post("/escalations", long).await.ok(201);
    assert_eq!(pointers(&opened["warnings"]), ["/resume/tool_call_id"]);
}

#[apply(on_both!)]
async fn the_tool_is_defined_for_every_model_without_a_key(server: TestServer) {
    let http = reqwest::Client::new();
    let get =
        async |query: &str| http.get(format!("{}/api/v1/tools{query}", server.url)).send().await.expect("an answer");
    for (format, name) in [
        ("openai-responses", "/name"),
        ("openai-chat", "/function/name"),
        ("openai-strict", "/name"),
        ("anthropic", "/name"),
        ("mcp", "/name"),
        ("gemini", "/functionDeclarations/0/name"),
    ] {
        let tool: Value = get(&format!("?format={format}")).await.json().await.expect("JSON");
        assert_eq!(tool.pointer(name), Some(&json!("escalate_to_human")), "{tool}");
    }
    assert_eq!(get("?format=word").await.status(), 400);
}

#[apply(on_both!)]
async fn every_problem_links_to_a_page_that_explains_it(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let problem = bot.get("/escalations/esc_nothing").await;
    let page = async |path: &str| {
        let answer = bot.http.get(format!("{}{path}", server.url)).header("accept", "text/html").send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    };
    let (status, text) = page(problem.body["type"].as_str().expect("a link")).await;
    assert!(status == 200 && text.contains("not_found") && text.contains("There is nothing here"), "{text}");
    let (status, all) = page("/docs/problems").await;
    assert_eq!(status, 200);
    let links: Vec<&str> =
        all.split("href=\"/docs/problems/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links.len(), bailout::server::contract::ProblemCode::ALL.len());
    for link in links {
        let (status, text) = page(&format!("/docs/problems/{link}")).await;
        assert!(status == 200 && text.contains(&link.replace('-', "_")), "{link}: {text}");
    }
    assert_eq!(page("/docs/problems/no-such-problem").await.0, 404);
}

/// Returns the lines of README.md that the program does not bear out, or the words of the program that it lacks.
fn untold(readme: &str) -> Vec<String> {
    let of_agents = routes().into_iter().filter_map(|(method, path)| {
        let path = path.strip_prefix("/api/v1").filter(|path| path.len() > 1 && *path != "/{*rest}")?;
        Some(format!("| `{method} {path}` |"))
    });
    let events = EventType::ALL.iter().any(|it| it.as_str() == "agent.asked");
    assert!(!events, "a reserved name is used: then README.md and the contract say what it means");
    let words = Status::ALL.iter().map(|it| it.as_str());
    let words =
        words.chain(Urgency::ALL.iter().map(|it| it.as_str())).chain(ReasonCode::ALL.iter().map(|it| it.as_str()));
    let words = words.chain(Disposition::ALL.iter().map(|it| it.as_str())).map(|word| format!("`{word}`"));
    let verdicts = [Verdict::Approve, Verdict::Edit, Verdict::Reject, Verdict::Respond].map(|it| json!(it));
    let steps = [NextStep::Continue, NextStep::Close, NextStep::AwaitCustomer].map(|it| json!(it));
    let others = verdicts.iter().chain(&steps).filter_map(Value::as_str).map(|word| format!("`{word}`"));
    of_agents.chain(words).chain(others).filter(|wanted| !readme.contains(wanted.as_str())).collect()
}

#[test]
fn the_readme_names_every_request_and_every_word() {
    let readme = std::fs::read_to_string("README.md").expect("README.md");
    assert_eq!(untold(&readme), Vec::<String>::new());
    // The control: a request and a word that are missing are noticed.
    let poorer = readme.replace("| `GET /desk` |", "").replace("`await_customer`", "");
    assert_eq!(untold(&poorer), ["| `GET /desk` |", "`await_customer`"]);
}

#[apply(on_both!)]
async fn what_is_read_around_a_page_has_no_texts(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let messages: Vec<Value> = (0..10).map(|n| json!({"role": "customer", "text": format!("text {n}")})).collect();
    let it = bot.escalates(json!({"conversation": {"messages": messages}})).await;
    let of = (server.workspace, id(&it));
    let read = server.desk.store().reader();
    let read = read.read(move |connection| Box::pin(around(connection, of, false, 3, (2, 3), 1_000_000))).await;
    let MessagesAround { messages, last, has_more } = read.expect("a read");
    let texts: Vec<(i64, bool)> = messages.iter().map(|it| (it.position, it.text.is_some())).collect();
    let expected =
        [(1, false), (2, false), (3, false), (4, true), (5, true), (6, false), (7, false), (8, false), (9, false)];
    assert_eq!((texts.as_slice(), last, has_more), (&expected[..], 5, true));
}
