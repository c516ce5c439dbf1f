//! Tests of the published contract: it names every request, code and word, and its examples are taken.

use bailout::{
    domain::{disposition::Disposition, escalation::Status, event::EventType, queue::Urgency, reason::ReasonCode},
    server::{api::openapi, contract::ProblemCode},
};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        chance::SOON,
        contract::{Described, breaks, undescribed},
        routes::{published, routes},
    },
};

/// The routes under the base path that are no requests of the contract.
const OTHERS: [&str; 4] = ["/api/v1", "/api/v1/", "/api/v1/{*rest}", "/api/v1/openapi.json"];

/// Returns what the contract lacks.
fn unpublished(document: &Value) -> Vec<String> {
    let text = document.to_string();
    let events = EventType::ALL.iter().filter(|it| it.is_for_agents()).map(|it| it.as_str());
    let words = Status::ALL.iter().map(|it| it.as_str()).chain(Urgency::ALL.iter().map(|it| it.as_str()));
    let words = words.chain(ReasonCode::ALL.iter().map(|it| it.as_str())).chain(events);
    let words = words.chain(Disposition::ALL.iter().map(|it| it.as_str()));
    let words = words.filter(|word| !text.contains(&format!("\"{word}\""))).map(str::to_owned);
    let operations =
        || document["paths"].as_object().into_iter().flatten().flat_map(|(_, it)| it.as_object().into_iter().flatten());
    let has = |(status, code): (u16, &str)| {
        operations().any(|(_, it)| {
            let content = &it["responses"][status.to_string()]["content"];
            !content["application/problem+json"]["examples"][code].is_null()
        })
    };
    let codes = ProblemCode::ALL.iter().map(|it| it.facts()).filter(|(status, code, _)| !has((*status, code)));
    let codes = codes.map(|(status, code, _)| format!("{status} {code}"));
    let said = |it: &Value| it["summary"].is_string() && it["operationId"].is_string() && it["tags"][0].is_string();
    let silent = operations().filter(|(_, it)| !said(it)).map(|(_, it)| it["operationId"].to_string());
    words.chain(codes).chain(silent).collect()
}

#[test]
fn every_request_code_and_word_is_published() {
    let document = openapi();
    assert_eq!(unpublished(document), Vec::<String>::new());
    // The routes of the API are made of the contract, so no other may stand beside it.
    let beside: Vec<_> = routes()
        .into_iter()
        .filter(|route| {
            route.1.starts_with("/api/v1") && !published().contains(route) && !OTHERS.contains(&route.1.as_str())
        })
        .collect();
    assert_eq!(beside, []);
    // The controls: a code, a word and a description that are missing are noticed.
    let mut poorer = document.clone();
    let open = &mut poorer["paths"]["/api/v1/escalations"]["post"];
    open["responses"].as_object_mut().expect("responses").remove("503");
    open["summary"] = Value::Null;
    poorer["components"]["schemas"]["EventType"]["enum"] = json!([]);
    let lacks = unpublished(&poorer);
    assert!(
        lacks.contains(&"503 storage_full".to_owned()) && lacks.contains(&"escalation.claimed".to_owned()),
        "{lacks:?}"
    );
    assert!(lacks.contains(&"\"open_escalation\"".to_owned()), "{lacks:?}");
}

#[test]
fn an_answer_that_the_contract_does_not_describe_is_noticed() {
    let desk = json!({"queue": "default", "operators_available": 0, "reachable": 0, "waiting": 0, "median_claim_seconds": null});
    let with = |name: &str, value: Value| {
        let mut changed = desk.clone();
        changed[name] = value;
        changed
    };
    let mut without = desk.clone();
    without.as_object_mut().expect("an object").remove("queue");
    let with_header = |name: &str, status: u16, kind: &str, body: &Value| {
        let headers = [name.to_owned()];
        undescribed(&Method::GET, "/desk?queue=x", &Described { status, headers: &headers, kind, body })
    };
    let check = |status: u16, kind: &str, body: &Value| with_header("x-request-id", status, kind, body);
    assert_eq!(check(200, "application/json", &desk), Ok(()));
    for body in [with("more", json!(1)), with("waiting", json!("many")), without] {
        assert!(check(200, "application/json", &body).is_err(), "{body}");
    }
    assert!(with_header("x-other", 200, "application/json", &desk).is_err());
    assert!(check(201, "application/json", &desk).is_err() && check(200, "text/html", &desk).is_err());
    let problem = json!({"type": "/", "title": "x", "status": 404, "code": "not_found", "detail": "x", "errors": [], "request_id": null,
        "current": null});
    assert!(check(404, "application/problem+json", &problem).is_err());
}

#[apply(on_both!)]
async fn the_published_contract_is_served_and_its_examples_are_taken(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let served = reqwest::get(format!("{}/api/v1/openapi.json", server.url)).await.expect("an answer");
    assert_eq!(served.headers()["content-type"], "application/json");
    assert_eq!(&served.json::<Value>().await.expect("JSON"), openapi());
    let it = bot.hands_over("conv_1").await;
    let mut taken = 0;
    for (path, methods) in openapi()["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let content = &operation["requestBody"]["content"]["application/json"];
            let example = &content["example"];
            if content.is_null() {
                continue;
            }
            let name = operation["operationId"].as_str().expect("a name");
            assert_eq!(breaks(&format!("the example of {name}"), &content["schema"], example), Ok(()));
            let path = path.strip_prefix("/api/v1").expect("the base").replace("{id}", &it);
            let answer =
                bot.asks(method.to_uppercase().parse().expect("a method"), &path, Some(example.clone()), &[]).await;
            // A receipt is for a message that there is not, and only a closed escalation is acknowledged.
            let expected = match name {
                "add_receipt" => 422,
                "open_escalation" | "add_message" => 201,
                "customer_is_typing" => 202,
                _ => 200,
            };
            assert_eq!(answer.status, expected, "{name}: {}", answer.text);
            taken += 1;
        }
    }
    assert_eq!(taken, 7);
}

/// Returns the example of a request in a language, as the reference shows it.
fn snippet(page: &str, name: &str, language: &str) -> String {
    let begun = page.split_once(&format!("id=\"{name}-{language}\"")).expect("an example").1;
    let code = begun.split_once('>').expect("its text").1.split_once("</pre>").expect("its end").0;
    // Comments of the page and escaped letters are no part of it.
    let marks =
        [("<!>", ""), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    marks.iter().fold(code.to_owned(), |code, (mark, letter)| code.replace(mark, letter))
}

#[apply(on_both!)]
async fn every_example_of_the_reference_runs(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let page = reqwest::get(format!("{}/docs/api", server.url)).await.expect("an answer");
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("a page");
    let mut ran = 0;
    for methods in openapi()["paths"].as_object().expect("paths").values() {
        for operation in methods.as_object().expect("methods").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(page.contains(&format!("href=\"#{name}\"")) && page.contains(&format!("id=\"{name}\"")), "{name}");
            for (language, program, run) in
                [("curl", "bash", "-c"), ("Python", "python3", "-c"), ("TypeScript", "node", "-e")]
            {
                // A receipt is for a message that there is not, and after the first cancellation there is nothing to cancel.
                if name == "add_receipt" || (name == "cancel_escalation" && language != "curl") {
                    continue;
                }
                let code = snippet(&page, name, language).replace("esc_06a57jrnjrmxf0b42j1f1crzmr", &it);
                let code = if language == "TypeScript" { format!("(async () => {{ {code} }})()") } else { code };
                let mut example = std::process::Command::new(program);
                example.arg(run).arg(&code).env("BAILOUT_URL", &server.url).env("BAILOUT_KEY", &bot.key);
                let running = tokio::task::spawn_blocking(move || example.output());
                let Ok(out) = tokio::time::timeout(SOON, running).await.expect("an end").expect("no panic") else {
                    assert!(
                        std::env::var_os("CI").is_none(),
                        "{program} is needed for this story; bin/setup installs it"
                    );
                    continue;
                };
                let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
                // curl succeeds with a problem, too, whose status is a number.
                let is_problem = serde_json::from_str::<Value>(&said).is_ok_and(|it| it["status"].is_number());
                assert!(out.status.success() && !is_problem, "{code}: {said} {wrong}");
                ran += 1;
            }
        }
    }
    // curl is on every machine.
    assert!(ran >= 12, "{ran}");
}

#[apply(on_both!)]
async fn a_language_model_finds_every_request(server: TestServer) {
    let text = reqwest::get(format!("{}/llms.txt", server.url)).await.expect("an answer");
    assert_eq!(text.headers()["content-type"], "text/plain; charset=utf-8");
    let text = text.text().await.expect("a text");
    for (method, path) in published() {
        assert!(text.contains(&format!("`{method} {path}`")), "{method} {path}");
    }
    assert!(text.contains("/api/v1/openapi.json") && text.contains("/docs/api") && text.contains("escalate_to_human"));
}
