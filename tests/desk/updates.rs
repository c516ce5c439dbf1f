//! Tests of the request by which an agent corrects what it said, while an operator looks.

use bailout::{
    domain::{
        ask::Verdict,
        disposition::Disposition,
        operator::Role,
        outcome::{DecisionRequest, ExecutedBy, Resolution},
        queue::Urgency,
        refusal::Refusal,
        text::Text,
    },
    server::{core::command::OperatorVerb, error::Error, resolution},
};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        server::{Agent, Answer, id},
    },
};

async fn patch(bot: &Agent, it: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
    bot.asks(Method::PATCH, &format!("/escalations/{it}"), Some(body), headers).await
}

fn decision(eur: &[i64]) -> Value {
    let action = |(i, eur): (usize, &i64)| json!({"id": format!("a{i}"), "name": "refund", "arguments": {"eur": eur}});
    json!({"kind": "decision", "actions": eur.iter().enumerate().map(action).collect::<Vec<_>>()})
}

/// Returns the approval of this many actions, of a revision of the ask.
fn approved(many: usize, ask_revision: i64) -> Resolution<DecisionRequest> {
    let approval = |i: usize| DecisionRequest {
        id: Text::parse(format!("a{i}")).expect("an id"),
        decision: Verdict::Approve,
        edits: vec![],
        comment: None,
        executed_by: ExecutedBy::Agent,
    };
    let actions = (0..many).map(approval).collect();
    Resolution { actions, ask_revision, ..Resolution::bare(Disposition::Approved) }
}

#[apply(on_both!)]
async fn an_agent_corrects_what_it_said(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_1").await;
    let body = json!({
        "summary": "Both charges.", "tried": ["Looked it up", 7], "urgency": "asap",
        "context": [{"label": "Order", "value": "A-1", "url": "https://shop.example/A-1"}],
        "customer": {"email": "dana@example.com", "name": ""}, "ask": {"prompt": "May I?"},
    });
    let updated = patch(&bot, &it, body.clone(), &[]).await.ok(200);
    assert_eq!((&updated["summary"], &updated["tried"]), (&json!("Both charges."), &json!(["Looked it up", "7"])));
    assert_eq!(updated["conversation"]["customer"]["name"], "Dana", "{updated}");
    assert_eq!(updated["conversation"]["customer"]["email"], "dana@example.com");
    assert_eq!((&updated["ask"]["version"], &updated["ask"]["prompt"]), (&json!(2), &json!("May I?")));
    assert_eq!(updated["context"][0]["label"], "Order");
    let warned: Vec<&str> =
        updated["warnings"].as_array().expect("warnings").iter().filter_map(|it| it["pointer"].as_str()).collect();
    assert_eq!(warned, ["/tried/1", "/customer/name", "/urgency"]);
    let event = bot.events_of(&it).await.pop().expect("an event");
    assert_eq!((&event["type"], &event["actor"]["kind"]), (&json!("escalation.updated"), &json!("agent")));
    assert_eq!(event["data"]["changed"], json!(["summary", "tried", "context", "customer", "ask"]));
    assert_eq!(event["data"]["escalation"]["summary"], "Both charges.");
    // The same again changes nothing, and GET shows it.
    patch(&bot, &it, body, &[]).await.ok(200);
    assert_eq!(bot.events_of(&it).await.len(), 2);
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["summary"], "Both charges.");
    // A retry takes effect once.
    let key = [("idempotency-key", "1")];
    let first = patch(&bot, &it, json!({"summary": "Third."}), &key).await;
    bot.post(
        &format!("/escalations/{it}/messages"),
        json!({"client_message_id": "1", "role": "customer", "text": "Hi"}),
    )
    .await
    .ok(201);
    let again = patch(&bot, &it, json!({"summary": "Third."}), &key).await;
    assert!(!first.replayed && again.replayed && first.text == again.text);
    assert_eq!(bot.events_of(&it).await.len(), 4);
    // Mistakes are told, and change nothing.
    for (body, code, pointer) in [
        (json!({"reason": {}}), "unknown_field", "/reason"),
        (json!({"ask": {"kind": "decision", "actions": [{"id": "a", "name": "b"}]}}), "invalid_field", "/ask/kind"),
        (json!({"ask": {"options": ["only one"]}, "context": [{}]}), "invalid_field", "/context/0/label"),
        (json!({"ask": {"response_schema": {"type": "no"}}}), "schema_invalid", "/ask/response_schema"),
        (
            json!({"summary": "x", "context": [{"label": "x", "url": "javascript:1"}]}),
            "invalid_field",
            "/context/0/url",
        ),
    ] {
        let refused = patch(&bot, &it, body.clone(), &[]).await;
        assert_eq!((refused.refused(422), &refused.body["errors"][0]["pointer"]), (code, &json!(pointer)), "{body}");
    }
    let other = server.agent("other-bot").await;
    assert_eq!(patch(&other, &it, json!({"summary": "x"}), &[]).await.refused(404), "not_found");
    bot.post(&format!("/escalations/{it}/cancel"), json!({})).await.ok(200);
    let closed = patch(&bot, &it, json!({"summary": "x"}), &[]).await;
    assert_eq!((closed.refused(409), &closed.body["current"]["status"]), ("already_closed", &json!("cancelled")));
}

#[apply(on_both!)]
async fn a_decision_about_another_version_is_refused(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.escalates(json!({"ask": decision(&[100, 200])})).await;
    let seen = ada.desk.current(ada.workspace, id(&it)).await.expect("a read").expect("an escalation");
    let of_first =
        resolution::check(ada.desk.schemas(), &seen.escalation.opening.ask, approved(2, 0)).expect("it fits");
    let updated = patch(&bot, &it, json!({"ask": decision(&[100, 250])}), &[]).await.ok(200);
    assert_eq!(updated["ask"]["version"], 2);
    let is_refused = |it: Result<_, Error>| matches!(it, Err(Error::Refused { refusal: Refusal::AskChanged, .. }));
    // The page that shows the first version, and the answer that was checked by it.
    assert!(is_refused(ada.resolves(&it, None, approved(2, 0)).await));
    assert!(is_refused(ada.does(id(&it), OperatorVerb::Resolve { fence: None, resolution: of_first }).await));
    // Nobody can approve what does not exist yet.
    assert!(is_refused(ada.resolves(&it, None, approved(2, 2)).await));
    ada.resolves(&it, None, approved(2, 1)).await.expect("an approval");
    let outcome = &bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"];
    assert_eq!(outcome["ask_version"], 2);
    let to_run: Vec<&Value> =
        outcome["actions_to_run"].as_array().expect("actions").iter().map(|it| &it["arguments"]["eur"]).collect();
    assert_eq!(to_run, [&json!(100), &json!(250)]);
}

#[apply(on_both!)]
async fn an_urgency_that_a_person_set_stays_and_is_told(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    ada.does(id(&it), OperatorVerb::Mark { urgency: Some(Urgency::Low), tags: None }).await.expect("a mark");
    let answer = patch(&bot, &it, json!({"urgency": "urgent", "summary": "New."}), &[]).await.ok(200);
    assert_eq!((&answer["urgency"], &answer["summary"]), (&json!("low"), &json!("New.")));
    assert_eq!(answer["warnings"][0]["pointer"], "/urgency");
    let answer = patch(&bot, &it, json!({"urgency": "low"}), &[]).await.ok(200);
    assert_eq!(answer["warnings"], json!([]));
}
