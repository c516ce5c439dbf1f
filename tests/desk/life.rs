//! Tests the life of an escalation, from its opening to its outcome.

use bailout::domain::{
    ask::Verdict,
    disposition::Disposition,
    event::{Event, EventKind},
    outcome::{DecisionRequest, Edit, ExecutedBy, Resolution},
    refusal::Refusal,
    text::{NoteText, Text},
};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        TestServer,
        server::{id, soon},
    },
};
use bailout::{domain::operator::Role, server::error::Error};

fn refusal<T>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused { refusal, .. }) => refusal,
        Err(other) => panic!("a refusal was expected, not {other}"),
        Ok(_) => panic!("a refusal was expected"),
    }
}

#[apply(on_both!)]
async fn a_takeover_goes_to_a_human_and_back(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_88").await;
    let opened = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!((opened["status"].as_str(), opened["control"].as_str()), (Some("waiting"), Some("agent")));

    // While the escalation waits, the agent may hold the line. Once a human has claimed it, the agent may not.
    assert_eq!(bot.says(&it, "agent", "I have asked a colleague.").await.ok(201)["control"], "agent");
    let fence = ada.claims(&it).await.expect("a claim");
    let refused = bot.says(&it, "agent", "Still there?").await;
    assert_eq!(refused.refused(409), "not_in_control");
    assert_eq!(refused.body["current"]["claimed_by"]["name"], "Ada");
    assert_eq!(bot.says(&it, "customer", "Hello?").await.ok(201)["control"], "human");

    // A reply wakes the agent that waits for one.
    let waiting = {
        let (bot, path) = (bot.clone(), format!("/escalations/{it}?until=reply&wait=20"));
        tokio::spawn(async move { bot.get(&path).await.ok(200) })
    };
    ada.replies(&it, fence, "You get it back, Dana.").await.expect("a reply");
    let heard = waiting.await.expect("an answer");
    assert_eq!((&heard["control"], &heard["claimed_by"]["name"]), (&json!("human"), &json!("Ada")));
    let events = bot.events_of(&it).await;
    let said: Vec<&Value> = events.iter().filter(|it| it["type"] == "message.created").collect();
    assert_eq!(said.last().expect("a message")["data"]["message"]["text"], "You get it back, Dana.");
    assert_eq!(said.last().expect("a message")["data"]["message"]["author"]["name"], "Ada");

    // The outcome has the same bytes in every response.
    let note = NoteText::parse("Tell her it takes 3 days.").expect("a note");
    let said = Resolution { note_to_agent: Some(note), ..Resolution::bare(Disposition::Handled) };
    ada.resolves(&it, Some(fence), said).await.expect("a resolve");
    let waited = bot.get(&format!("/escalations/{it}?wait=5&until=outcome")).await;
    let got = bot.get(&format!("/escalations/{it}")).await;
    let listed = bot.get("/escalations?conversation_id=conv_88&limit=1").await;
    let outcome = bytes_of_outcome(&got.text);
    assert_eq!(outcome, bytes_of_outcome(&waited.text));
    assert_eq!(outcome, bytes_of_outcome(&listed.text));
    let outcome: Value = serde_json::from_str(outcome).expect("JSON");
    assert_eq!(outcome["disposition"], "handled");
    assert_eq!(outcome["by"]["name"], "Ada");
    assert_eq!(outcome["messages"].as_array().map(Vec::len), Some(3));
    assert!(outcome["briefing"].as_str().expect("a briefing").contains("Ada, a human operator, was in control from"));
    assert_eq!(got.body["control"], "agent");

    // A closed escalation takes no messages. The agent may acknowledge it, and a repetition changes nothing.
    assert_eq!(bot.says(&it, "customer", "And now?").await.refused(409), "already_closed");
    let path = format!("/escalations/{it}/acknowledge");
    let first = bot.post(&path, json!({})).await.ok(200);
    assert_eq!(bot.post(&path, json!({})).await.ok(200)["acknowledged_at"], first["acknowledged_at"]);
    soon("the delivery", async || {
        let now = bot.get(&format!("/escalations/{it}")).await.ok(200);
        now["delivered_at"].is_string().then_some(())
    })
    .await;
}

#[apply(on_both!)]
async fn a_question_is_answered_from_the_queue(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.escalates(json!({"ask": {"kind": "question", "prompt": "Which warehouse?"}})).await;
    let none = refusal(ada.resolves(&it, None, Resolution::bare(Disposition::Answered)).await);
    assert_eq!(none.code(), "invalid_field");
    let answer = Some(NoteText::parse("Hamburg").expect("an answer"));
    ada.resolves(&it, None, Resolution { answer, ..Resolution::bare(Disposition::Answered) }).await.expect("an answer");
    let got = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!(got["outcome"]["answer"], "Hamburg");
    assert!(got["outcome"]["briefing"].as_str().expect("a briefing").contains("You were in control throughout."));
}

#[apply(on_both!)]
async fn data_that_breaks_the_schema_is_refused_and_nothing_is_lost(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let schema =
        json!({"type": "object", "required": ["refund_eur"], "properties": {"refund_eur": {"type": "number"}}});
    let it = bot
        .escalates(json!({"conversation": {"messages": []}, "ask": {"kind": "takeover", "response_schema": schema}}))
        .await;
    let fence = ada.claims(&it).await.expect("a claim");
    let says = |data: Value| Resolution { data: Some(data), ..Resolution::bare(Disposition::Handled) };
    let Refusal::InvalidFields { problems } =
        refusal(ada.resolves(&it, Some(fence), says(json!({"refund_eur": "much"}))).await)
    else {
        panic!("fields were to be named")
    };
    assert_eq!(problems[0].pointer, "/data/refund_eur");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "claimed");
    ada.resolves(&it, Some(fence), says(json!({"refund_eur": 240}))).await.expect("a resolve");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"]["data"], json!({"refund_eur": 240}));
}

#[apply(on_both!)]
async fn an_outcome_names_exactly_the_actions_to_run(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let allowed = ["approve", "edit", "reject", "respond"];
    let action = |id: &str, name: &str| json!({"id": id, "name": name, "arguments": {"eur": 1.5}, "allowed": allowed});
    let actions = [action("a", "refund"), action("b", "tell"), action("c", "book"), action("d", "close")];
    let it = bot.escalates(json!({"ask": {"kind": "decision", "actions": actions}})).await;
    let decision = |id: &str, decision| DecisionRequest {
        id: Text::parse(id).expect("an id"),
        decision,
        edits: vec![],
        comment: None,
        executed_by: ExecutedBy::Agent,
    };
    let edits = vec![Edit { pointer: "/eur".to_owned(), json: Some("2.50".to_owned()) }];
    let comment = Text::parse("Ask her for the number first.").ok();
    let decided = vec![
        decision("a", Verdict::Approve),
        DecisionRequest { edits, ..decision("b", Verdict::Edit) },
        DecisionRequest { executed_by: ExecutedBy::Operator, ..decision("c", Verdict::Approve) },
        DecisionRequest { comment, ..decision("d", Verdict::Respond) },
    ];
    let said = Resolution { actions: decided, ..Resolution::bare(Disposition::Approved) };
    ada.resolves(&it, None, said).await.expect("a decision");
    let got = bot.get(&format!("/escalations/{it}")).await;
    let outcome = &got.body["outcome"];
    assert_eq!(outcome["disposition"], "instructed");
    // An edited number has the digits that the operator wrote.
    let to_run = r#""actions_to_run":[{"id":"a","name":"refund","arguments":{"eur":1.5}},{"id":"b","name":"tell","arguments":{"eur":2.50}}]"#;
    assert!(got.text.contains(to_run), "{}", got.text);
    let record = outcome["actions"].as_array().expect("a record");
    assert_eq!(
        (record.len(), &record[3]["decision"], &record[3]["comment"]),
        (4, &json!("respond"), &json!("Ask her for the number first."))
    );
    assert!(outcome["briefing"].as_str().expect("a briefing").contains("Action close: not to be run"), "{outcome}");
    // A decision may end with nothing to run.
    let it = bot.escalates(json!({"ask": {"kind": "decision", "actions": [action("a", "refund")]}})).await;
    ada.resolves(&it, None, Resolution::bare(Disposition::Referred)).await.expect("an end");
    let ended = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!((&ended["outcome"]["actions"], &ended["outcome"]["actions_to_run"]), (&json!([]), &json!([])));
}

#[apply(on_both!)]
async fn a_second_takeover_of_a_conversation_asks_for_the_first_again(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200).get("already_open"), None);
    let again = json!({
        "reason": {"code": "other", "text": "She asks again."},
        "summary": "Two charges.",
        "urgency": "high",
        "conversation": {"id": "conv_1", "messages": [{"role": "customer", "text": "Hello?"}]},
    });
    // The same key gives the same answer, and a wait answers with the escalation, too.
    let keyed = [("idempotency-key", "again-1")];
    let asked = bot.asks(Method::POST, "/escalations", Some(again.clone()), &keyed).await;
    let repeated = bot.asks(Method::POST, "/escalations", Some(again.clone()), &keyed).await;
    assert!(repeated.replayed && repeated.status == 200 && repeated.text == asked.text, "{repeated:?}");
    let waited = bot.asks(Method::POST, "/escalations?wait=0", Some(again.clone()), &keyed).await;
    assert_eq!((waited.status, waited.replayed, &waited.body["already_open"]), (200, true, &json!(true)));
    let open = asked.ok(200);
    assert_eq!((&open["id"], &open["already_open"], &open["urgency"]), (&json!(it), &json!(true), &json!("high")));
    assert_eq!((&open["reason"]["text"], &open["summary"]), (&json!("Refund over limit"), &Value::Null));
    assert_eq!(open["conversation"]["received_messages"], 2);
    // It stands in the thread once, for operators only.
    let thread = ada.desk.thread(ada.workspace, id(&it)).await.expect("a read").expect("a thread");
    let asked = |event: &&Event| matches!(&event.kind, EventKind::AskedAgain { reason, .. } if reason.as_str() == "She asks again.");
    assert_eq!(thread.happenings.iter().filter(asked).count(), 1, "{:?}", thread.happenings);
    assert_eq!(bot.events_of(&it).await.len(), 1);
    assert_eq!(bot.get("/escalations").await.ok(200)["items"].as_array().map(Vec::len), Some(1));
    // The same `id` of another agent is another conversation.
    server.agent("other-bot").await.hands_over("conv_1").await;
    // After a cancellation the conversation can be escalated again.
    let cancelled =
        bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "The customer is happy."})).await.ok(200);
    assert_eq!(cancelled["outcome"]["disposition"], "cancelled");
    let next = bot.post("/escalations", again).await.ok(201);
    assert_eq!((next["id"] == it.as_str(), &next["already_open"]), (false, &json!(false)));
}

#[apply(on_both!)]
async fn a_customer_who_speaks_while_it_ends_is_heard_or_told(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    for round in 0..20 {
        let it = bot.hands_over(&format!("conv_{round}")).await;
        let fence = ada.claims(&it).await.expect("a claim");
        let (said, resolved) = tokio::join!(
            bot.says(&it, "customer", "One more thing"),
            ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)),
        );
        resolved.expect("a resolve");
        let outcome = bot.get(&format!("/escalations/{it}")).await.ok(200)["outcome"].clone();
        let heard = outcome["messages"].as_array().expect("messages").iter().any(|it| it["text"] == "One more thing");
        match said.status {
            201 => assert!(heard, "a message was taken and is in no outcome: {outcome}"),
            409 => assert!(!heard && said.body["code"] == "already_closed", "{said:?}"),
            _ => panic!("{said:?}"),
        }
    }
}

/// Returns the outcome as it appears in a response, byte for byte.
fn bytes_of_outcome(text: &str) -> &str {
    let from = text.find("\"outcome\":").expect("an outcome") + "\"outcome\":".len();
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text[from..].bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[from..=from + at];
        }
    }
    panic!("an outcome that does not end")
}
