//! Tests Robot, which answers test agents: it ends an escalation as its `metadata.rehearse` asks, says in its note when it
//! could not, and goes on after a restart, beside other servers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailout::{
    domain::{
        escalation::by_agent::NewMessage,
        ids::MessageId,
        operator::{Operator, Role},
        queue::QueueDefaults,
        text::{ClientMessageId, MessageText},
        time::Span,
    },
    server::{clock::mint, core::command::OperatorVerb},
};
use futures::future::join_all;
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        Engine, Person, TestServer,
        server::{Agent, id, soon},
    },
};

/// Opens an escalation and waits for its end. Returns the escalation and how long that took.
pub async fn ends(agent: &Agent, more: Value) -> (Value, Duration) {
    let began = Instant::now();
    let it = agent.escalates(more).await;
    let path = format!("/escalations/{it}?until=outcome&wait=30");
    (agent.get(&path).await.ok(200), began.elapsed())
}

#[apply(on_both!)]
async fn robot_answers_what_an_agent_asks_as_its_schema_wants_it(server: TestServer) {
    // Robot need not be a member of a queue.
    let ada = server.person("Ada", Role::Operator).await;
    server.queue("billing", &[&ada], QueueDefaults::default()).await;
    let agent = server.test_agent("shop-bot").await;
    let chat = json!({"messages": [{"role": "customer", "text": "I was charged twice."}]});
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["refund_eur", "method"],
        "properties": {"refund_eur": {"type": "number", "minimum": 10, "maximum": 20}, "method": {"enum": ["card", "voucher"]}}});
    let impossible = json!({"type": "string", "pattern": "^[0-9]{4}$"});
    let cards =
        json!([{"id": "a", "name": "pay", "arguments": {"eur": 1}}, {"id": "b", "name": "tell", "allowed": ["edit"]}]);
    let asked = [
        json!({"conversation": chat, "ask": {"kind": "takeover", "response_schema": schema}}),
        json!({"ask": {"kind": "question", "options": ["yes", "no"]}}),
        json!({"ask": {"kind": "question"}}),
        json!({"ask": {"kind": "decision", "actions": cards}}),
        json!({"conversation": chat, "ask": {"kind": "takeover", "response_schema": impossible}}),
        json!({"ask": {"kind": "question"}, "routing": {"queue": "billing"}}),
    ];
    let ended = join_all(asked.map(|more| ends(&agent, more))).await;
    let outcomes: Vec<&Value> = ended.iter().map(|(it, _)| &it["outcome"]).collect();
    for outcome in &outcomes {
        assert_eq!(outcome["by"]["name"], "Robot", "{outcome}");
    }
    let [takeover, choice, question, decision, hopeless, _] = outcomes[..] else { panic!("six were asked") };
    assert_eq!(takeover["disposition"], "handled");
    // The data is checked against the schema by hand, independently of the code that fills it in.
    let (eur, method) = (&takeover["data"]["refund_eur"], &takeover["data"]["method"]);
    assert!(eur.as_f64().is_some_and(|eur| (10.0..=20.0).contains(&eur)), "{takeover}");
    assert!(*method == "card" || *method == "voucher", "{takeover}");
    let said = takeover["messages"].as_array().expect("messages");
    assert!(said.iter().any(|message| message["role"] == "operator"), "{takeover}");
    assert_eq!((&choice["disposition"], &choice["answer"]), (&json!("answered"), &json!("yes")));
    assert!(question["answer"].as_str().is_some_and(|answer| !answer.is_empty()), "{question}");
    assert_eq!(decision["disposition"], "approved_with_edits", "the second card may only be edited");
    assert_eq!((&hopeless["disposition"], &hopeless["data"]), (&json!("instructed"), &Value::Null));
}

#[apply(on_both!)]
async fn robot_takes_its_time_with_one_who_always_answers(server: TestServer) {
    // Robot and an agent that answers every message must not reply to each other without a pause.
    let agent = server.test_agent("shop-bot").await;
    let wish = json!({"rehearse": {"after_seconds": 9}});
    let it = agent.escalates(json!({"conversation": {"messages": []}, "metadata": wish})).await;
    let (mut after, mut answered) = (String::new(), 0);
    let outcome = loop {
        let heard = agent.get(&format!("/escalations/{it}/events?wait=20&after={after}")).await.ok(200);
        after = heard["cursor"].as_str().expect("a cursor").to_owned();
        let events = heard["items"].as_array().expect("events");
        if let Some(end) = events.iter().find(|it| it["type"] == "escalation.resolved") {
            break end["data"]["escalation"]["outcome"].clone();
        }
        for _ in events.iter().filter(|it| it["data"]["message"]["role"] == "operator") {
            // The customer sends three messages.
            for text in ["Hello?", "Is somebody there?", "I am waiting."] {
                answered += usize::from(agent.says(&it, "customer", text).await.status == 201);
            }
        }
    };
    let said = outcome["messages"].as_array().expect("messages").iter();
    let robots = said.filter(|message| message["role"] == "operator").count();
    // Robot replies after one second, and then every two seconds until the ninth.
    assert!((2..=5).contains(&robots) && answered >= 3, "{robots} replies to {answered} messages");
}

#[apply(on_both!)]
async fn robot_rehearses_the_end_that_is_wished_for(server: TestServer) {
    let agent = server.test_agent("shop-bot").await;
    let chat = json!({"messages": []});
    let card = json!([{"id": "a", "name": "pay", "arguments": {"eur": 1}}]);
    let asked = [
        ("referred", 6, json!({"conversation": chat, "ask": {"kind": "takeover"}})),
        ("rejected", 2, json!({"ask": {"kind": "decision", "actions": card}})),
        ("approved_with_edits", 0, json!({"ask": {"kind": "decision", "actions": card}})),
        ("declined", 3, json!({"ask": {"kind": "question"}})),
    ];
    let all = asked.map(|(disposition, seconds, more)| {
        let agent = agent.clone();
        async move {
            let mut more = more;
            more["metadata"] = json!({"rehearse": {"disposition": disposition, "after_seconds": seconds}});
            (disposition, seconds, ends(&agent, more).await)
        }
    });
    for (disposition, seconds, (it, took)) in join_all(all).await {
        assert_eq!(it["outcome"]["disposition"], disposition, "{it}");
        assert!(took >= Duration::from_secs(seconds), "{disposition} after {took:?}");
        assert!(took < Duration::from_secs(seconds + 10), "{disposition} after {took:?}");
    }
    // A disposition that is not possible is reported, and another one is used.
    let wish = json!({"rehearse": {"disposition": "approved"}});
    let (it, _) = ends(&agent, json!({"conversation": chat, "metadata": wish})).await;
    assert_eq!(it["outcome"]["disposition"], "handled");
    assert!(it["outcome"]["note_to_agent"].as_str().is_some_and(|note| note.contains("approved")), "{it}");
    // A wish that cannot be parsed is reported, too.
    let wish = json!({"rehearse": {"dispositon": "declined"}});
    let (it, _) = ends(&agent, json!({"ask": {"kind": "question"}, "metadata": wish})).await;
    assert_eq!(it["outcome"]["disposition"], "answered");
    assert!(it["outcome"]["note_to_agent"].as_str().is_some_and(|note| note.contains("dispositon")), "{it}");
    let wish = json!({"rehearse": "declined"});
    let (it, _) = ends(&agent, json!({"ask": {"kind": "question"}, "metadata": wish})).await;
    let expected = r#"expected an object like {"disposition": "declined", "after_seconds": 20}"#;
    assert!(it["outcome"]["note_to_agent"].as_str().is_some_and(|note| note.contains(expected)), "{it}");
}

#[apply(on_both!)]
async fn robot_rehearses_a_whole_outcome(server: TestServer) {
    let agent = server.test_agent("shop-bot").await;
    let actions = json!([
        {"id": "a", "name": "pay", "arguments": {"eur": 1}},
        {"id": "b", "name": "write", "arguments": {"to": "Dana"}},
        {"id": "c", "name": "call", "arguments": {}},
    ]);
    let wish = json!({"rehearse": {"actions": [
        {"id": "a", "decision": "edit", "arguments": {"eur": 2, "note": "Half."}},
        {"id": "b", "decision": "approve", "executed_by": "operator"},
    ], "next": "close", "note": "As agreed."}});
    let decision = ends(&agent, json!({"ask": {"kind": "decision", "actions": actions}, "metadata": wish}));
    let wish = json!({"rehearse": {"answer": "Pro", "after_seconds": 1}});
    let question = ends(&agent, json!({"ask": {"kind": "question", "options": ["Basic", "Pro"]}, "metadata": wish}));
    let schema = json!({"type": "object", "required": ["eur"], "properties": {"eur": {"type": "number"}}});
    let wish = json!({"rehearse": {"data": {"eur": 5}, "messages": ["Hello Dana.", "You get 5 EUR."]}});
    let ask = json!({"kind": "takeover", "response_schema": schema});
    let takeover = ends(&agent, json!({"conversation": {"messages": []}, "ask": ask, "metadata": wish}));
    let ((decision, _), (question, _), (takeover, _)) = tokio::join!(decision, question, takeover);

    let outcome = &decision["outcome"];
    assert_eq!(
        (&outcome["disposition"], &outcome["next"]),
        (&json!("approved_with_edits"), &json!("close")),
        "{outcome}"
    );
    assert_eq!(outcome["note_to_agent"], "As agreed.");
    let to_run: Vec<_> =
        outcome["actions_to_run"].as_array().expect("actions").iter().map(|it| (&it["id"], &it["arguments"])).collect();
    assert_eq!(to_run, [(&json!("a"), &json!({"eur": 2, "note": "Half."})), (&json!("c"), &json!({}))]);
    assert_eq!(question["outcome"]["answer"], "Pro");
    assert_eq!(
        (&takeover["outcome"]["data"], &takeover["outcome"]["disposition"]),
        (&json!({"eur": 5}), &json!("handled"))
    );
    let said = takeover["outcome"]["messages"].as_array().expect("messages").iter();
    let said: Vec<&str> = said.filter_map(|it| it["text"].as_str()).collect();
    assert_eq!(said, ["Hello Dana.", "You get 5 EUR."]);

    // A whole outcome that cannot be is told, and another one comes.
    let wish = json!({"rehearse": {"answer": "Gold", "after_seconds": 1}});
    let (it, _) =
        ends(&agent, json!({"ask": {"kind": "question", "options": ["Basic", "Pro"]}, "metadata": wish})).await;
    assert_eq!(it["outcome"]["answer"], "Basic");
    let note = it["outcome"]["note_to_agent"].as_str().expect("a note");
    assert!(note.contains("metadata.rehearse was not followed: /answer must be one of the options"), "{note}");
    let wish = json!({"rehearse": {"actions": [{"id": "x", "decision": "approve"}], "after_seconds": 1}});
    let (it, _) = ends(&agent, json!({"ask": {"kind": "decision", "actions": actions}, "metadata": wish})).await;
    assert!(it["outcome"]["note_to_agent"].as_str().is_some_and(|note| note.contains("did not propose this")), "{it}");
}

#[apply(on_both!)]
async fn nobody_comes_when_that_is_rehearsed(server: TestServer) {
    let more = json!({
        "conversation": {"messages": []},
        "deadlines": {"claim_within_seconds": 10},
        "metadata": {"rehearse": {"disposition": "unanswered"}},
    });
    let agent = server.test_agent("shop-bot").await;
    let (it, _) = ends(&agent, more.clone()).await;
    assert_eq!((&it["status"], &it["outcome"]["disposition"]), (&json!("expired"), &json!("unanswered")));
    assert_eq!(it["claimed_at"], Value::Null);
    // The same request without that wish is answered within the same time.
    let mut more = more;
    more["metadata"] = Value::Null;
    let (it, _) = ends(&agent, more).await;
    assert_eq!(it["status"], "resolved");
}

#[apply(on_both!)]
async fn robot_goes_on_after_a_restart(server: TestServer) {
    let agent = server.test_agent("shop-bot").await;
    let wish = json!({"rehearse": {"after_seconds": 60, "messages": ["One.", "Two."]}});
    let it = agent.escalates(json!({"conversation": {"messages": []}, "metadata": wish})).await;
    let path = format!("/escalations/{it}");
    soon("Robot's words", async || {
        let said = agent.get(&format!("{path}/events")).await.ok(200);
        let said =
            said["items"].as_array().expect("events").iter().filter(|it| it["type"] == "message.created").count();
        (said == 2).then_some(())
    })
    .await;
    let server = server.restarted(Span::seconds(60)).await;
    let agent = Agent { url: server.url.clone(), ..agent };
    let it = agent.get(&format!("{path}?until=outcome&wait=30")).await.ok(200);
    assert_eq!((&it["status"], &it["outcome"]["by"]["name"]), (&json!("resolved"), &json!("Robot")), "{it}");
    let said: Vec<_> = it["outcome"]["messages"].as_array().expect("messages").iter().map(|it| &it["text"]).collect();
    assert_eq!(said, ["One.", "Two."], "Robot repeats nothing");
}

/// Tests that several servers, each with a Robot, do each thing once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_answer_a_test_once() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let _second = TestServer::on(Arc::clone(&first.database)).await;
    let agent = first.test_agent("shop-bot").await;
    let wish = json!({"rehearse": {"after_seconds": 4, "messages": ["One.", "Two."]}});
    let all: Vec<_> = (0..10)
        .map(|_| {
            let (agent, wish) = (agent.clone(), wish.clone());
            async move {
                let it = agent.escalates(json!({"conversation": {"messages": []}, "metadata": wish})).await;
                agent.get(&format!("/escalations/{it}?until=outcome&wait=30")).await.ok(200);
                let heard = agent.get(&format!("/escalations/{it}/events")).await.ok(200);
                let types = heard["items"].as_array().expect("events").iter().map(|it| it["type"].clone());
                types.collect::<Vec<_>>()
            }
        })
        .collect();
    let once = ["escalation.opened", "escalation.claimed", "message.created", "message.created", "escalation.resolved"];
    for types in join_all(all).await {
        assert_eq!(types, once);
    }
}

#[apply(on_both!)]
async fn robot_answers_what_was_corrected(server: TestServer) {
    // More than Robot begins at a time: refused steps would hold up others.
    let agent = server.test_agent("shop-bot").await;
    let wish = json!({"rehearse": {"after_seconds": 2}});
    let all = (0..40).map(|n| {
        let (agent, wish) = (agent.clone(), wish.clone());
        async move {
            let ask = json!({"kind": "question", "prompt": format!("Which of {n}?")});
            let it = agent.escalates(json!({"ask": ask, "metadata": wish})).await;
            let path = format!("/escalations/{it}");
            let changed = json!({"ask": {"kind": "question", "prompt": "Which region?"}});
            agent.asks(reqwest::Method::PATCH, &path, Some(changed), &[]).await.ok(200);
            agent.get(&format!("{path}?until=outcome&wait=30")).await.ok(200)
        }
    });
    for it in join_all(all).await {
        let outcome = &it["outcome"];
        assert_eq!((&outcome["disposition"], &outcome["ask_version"]), (&json!("answered"), &json!(2)), "{it}");
    }
}

#[apply(on_both!)]
async fn robot_says_what_a_stop_left_unsaid(server: TestServer) {
    let agent = server.test_agent("shop-bot").await;
    let wish = json!({"rehearse": {"after_seconds": 5, "messages": ["One.", "Two.", "Three."]}});
    let it = agent.escalates(json!({"conversation": {"messages": []}, "metadata": wish})).await;
    // This is all that the server did before it stopped.
    let ada = server.person("Ada", Role::Operator).await;
    let robot = Person { operator: Operator::robot(), ..ada };
    let fence = robot.claims(&it).await.expect("a claim");
    let message = NewMessage::of_operator(
        MessageId::new(mint()),
        ClientMessageId::parse("robot-0").expect("a name"),
        MessageText::parse("One.").expect("a text"),
        &robot.operator.who,
    );
    robot.does(id(&it), OperatorVerb::Reply { fence, message }).await.expect("a reply");
    let it = agent.get(&format!("/escalations/{it}?until=outcome&wait=30")).await.ok(200);
    let said: Vec<_> = it["outcome"]["messages"].as_array().expect("messages").iter().map(|it| &it["text"]).collect();
    assert_eq!(said, ["One.", "Two.", "Three."]);
}
