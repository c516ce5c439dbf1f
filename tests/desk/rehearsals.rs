//! Tests the rehearsals of the demo: Robot ends an escalation as its `metadata.rehearse` asks, and says in its note when
//! it could not.

use std::time::Duration;

use bailout::server::config::DemoOperator;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::demo::{Demo, ends};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn robot_rehearses_the_end_that_is_wished_for() {
    let demo = Demo::begin(DemoOperator::Auto).await;
    let agent = demo.agent();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn robot_rehearses_a_whole_outcome() {
    let demo = Demo::begin(DemoOperator::Auto).await;
    let agent = demo.agent();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_comes_when_that_is_rehearsed() {
    let demo = Demo::begin(DemoOperator::Auto).await;
    let more = json!({
        "conversation": {"messages": []},
        "deadlines": {"claim_within_seconds": 10},
        "metadata": {"rehearse": {"disposition": "unanswered"}},
    });
    let agent = demo.agent();
    let (it, _) = ends(&agent, more.clone()).await;
    assert_eq!((&it["status"], &it["outcome"]["disposition"]), (&json!("expired"), &json!("unanswered")));
    assert_eq!(it["claimed_at"], Value::Null);
    // The same request without that wish is answered within the same time.
    let mut more = more;
    more["metadata"] = Value::Null;
    let (it, _) = ends(&agent, more).await;
    assert_eq!(it["status"], "resolved");
}
