//! Tests that neither an agent's schema nor a value checked against one can stop the server or fill its memory.

use std::pin::pin;

use bailout::domain::{disposition::Disposition, operator::Role, outcome::Resolution};
use macro_rules_attribute::apply;
use serde_json::{Map, Value, json};

use crate::{
    on_both,
    support::{
        Engine, TestServer,
        browser::{Browser, form},
        program::{Program, add_agent, add_operator},
        server::{Agent, PASSWORD},
    },
};

/// Returns definitions that each refer twice to the next.
fn doubling(keyword: &str, depth: usize, last: Value) -> Value {
    let mut definitions: Map<_, _> = (0..depth)
        .map(|level| {
            let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
            (format!("d{level}"), json!({keyword: [next, next]}))
        })
        .collect();
    definitions.insert(format!("d{depth}"), last);
    json!({"$ref": "#/$defs/d0", "$defs": definitions})
}

fn question(schema: &Value) -> Value {
    json!({"ask": {"kind": "question", "prompt": "How much?", "response_schema": schema}})
}

#[apply(on_both!)]
async fn schemas_that_ask_for_too_much_are_refused(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let patterns: Map<_, _> =
        (0..200).map(|i| (format!("p{i}"), json!({"type": "string", "pattern": "\\p{L}{100}"}))).collect();
    for schema in [
        doubling("anyOf", 40, json!({"type": "string"})),
        doubling("allOf", 24, json!({"type": "string"})),
        json!({"properties": patterns}),
        json!({"pattern": "(\\p{L}{100}){100}"}),
        json!({"$ref": "#"}),
    ] {
        let mut asked = question(&schema);
        asked["reason"] = json!({"code": "policy_limit", "text": "Refund over limit"});
        let refused = bot.post("/escalations", asked).await;
        assert_eq!(refused.refused(422), "schema_invalid");
        assert_eq!(refused.body["errors"][0]["pointer"], "/ask/response_schema");
    }
    let many: Vec<Value> = (0..20)
        .map(|i| {
            let patterns: Map<_, _> = (0..20).map(|i| (format!("p{i}"), json!({"pattern": "a"}))).collect();
            json!({"id": format!("a{i}"), "name": "refund", "arguments_schema": {"properties": patterns}})
        })
        .collect();
    let body =
        json!({"reason": {"code": "policy_limit", "text": "Refunds"}, "ask": {"kind": "decision", "actions": many}});
    let refused = bot.post("/escalations", body).await;
    assert_eq!(refused.refused(422), "schema_invalid");
    assert_eq!(refused.body["errors"][0]["pointer"], "/ask");
}

#[apply(on_both!)]
async fn a_schema_stored_before_the_limits_is_not_applied_and_the_agent_is_told(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.escalates(question(&json!({"title": "placeholder"}))).await;
    // Stores the schema as an earlier release did.
    let schema = doubling("anyOf", 40, json!({"type": "string"})).to_string();
    let sql = "update escalation set body = replace(body, $1, $2) where id = $3";
    let stored = sqlx::query(sql).bind(r#"{"title":"placeholder"}"#).bind(&schema).bind(&it);
    assert_eq!(stored.execute(server.desk.store().writer()).await.expect("an update").rows_affected(), 1);
    assert!(bot.get(&format!("/escalations/{it}")).await.ok(200).to_string().contains("d39"));
    let answered = Resolution { data: Some(json!({"eur": 5})), ..Resolution::bare(Disposition::Answered) };
    ada.resolves(&it, None, answered).await.expect("it is taken");
    let outcome = bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"].clone();
    assert_eq!(outcome["data"], json!({"eur": 5}));
    assert_eq!(outcome["warnings"][0]["pointer"], "/data");
    let detail = outcome["warnings"][0]["detail"].as_str().expect("a sentence");
    assert!(detail.starts_with("was not checked: a schema applies at most 2000"), "{detail}");
}

/// Runs the program as its own process, because the check starts the program again in a subprocess.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_that_takes_too_long_to_check_is_refused_and_nobody_else_waits() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    add_operator(&database, "Ada", "operator", PASSWORD);
    let key = add_agent(&database, "billing-bot");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    let program = Program::start(&database, port).await;
    let bot = Agent { url: program.url(""), key, http: reqwest::Client::new() };
    // The check tries every schema for every item.
    let mut forms = vec![json!({"type": "string"}); 1_900];
    forms.push(json!({"type": "integer"}));
    let it = bot.escalates(question(&json!({"items": {"anyOf": forms}}))).await;
    let browser = Browser::of("Ada", &program.url("")).await;
    let resolves = async |data: Value, disposition: &str| {
        let resolution = json!({"disposition": disposition, "next": "continue", "answer": null, "data": data, "actions": [],
            "note_to_agent": null, "avoidable": false});
        let arguments = form(&[("id", &it), ("resolution", &resolution.to_string())]);
        browser.calls("resolve", &arguments).send().await.expect("an answer").text().await.expect("a text")
    };
    let many = Value::Array(vec![json!(1); 200_000]);
    let mut refused = pin!(resolves(many, "answered"));
    for _ in 0..10 {
        // The check goes on, and other requests are answered.
        let healthy = reqwest::get(program.url("/healthz"));
        tokio::select! {
            biased;
            refused = &mut refused => panic!("it was answered before all others: {refused}"),
            healthy = healthy => assert!(healthy.expect("an answer").status().is_success()),
        }
    }
    let refused = refused.await;
    assert!(refused.contains("not_checked_in_time"), "{refused}");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"], Value::Null);
    // A check that takes a while runs in the other process. Its errors are reported with pointers into the data.
    let wrong = resolves(json!([1, "x", 2.5]), "answered").await;
    assert!(wrong.contains("invalid_fields") && wrong.contains("/data/2"), "{wrong}");
    let some = Value::Array(vec![json!(1); 200]);
    assert!(!resolves(some, "answered").await.contains("not_checked_in_time"));
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"]["disposition"], "answered");
    let other = bot.escalates(question(&json!({"items": {"anyOf": [{"type": "integer"}]}}))).await;
    let arguments = form(&[
        ("id", &other),
        (
            "resolution",
            r#"{"disposition":"declined","next":"continue","answer":null,
        "data":null,"actions":[],"note_to_agent":null,"avoidable":false}"#,
        ),
    ]);
    browser.calls("resolve", &arguments).send().await.expect("an answer");
    assert_eq!(bot.get(&format!("/escalations/{other}")).await.ok(200)["outcome"]["disposition"], "declined");
}
