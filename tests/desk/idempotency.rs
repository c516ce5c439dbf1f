//! Tests that a repeated request takes effect once and gets the same response.

use bailout::{domain::time::Span, server::store::events};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{on_both, support::TestServer};

#[apply(on_both!)]
async fn the_same_key_is_one_escalation_with_the_same_bytes(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let body = json!({"reason": {"code": "other", "text": "help"}, "conversation": {"id": "c", "messages": []}});
    let mut sent = JoinSet::new();
    for _ in 0..8 {
        let (bot, body) = (bot.clone(), body.clone());
        sent.spawn(async move {
            bot.asks(Method::POST, "/escalations", Some(body), &[("idempotency-key", "run-1.step-2")]).await
        });
    }
    let answers = sent.join_all().await;
    assert!(answers.iter().all(|it| it.status == 201 && it.text == answers[0].text), "{answers:?}");
    assert_eq!(answers.iter().filter(|it| !it.replayed).count(), 1);
    let listed = bot.get("/escalations").await.ok(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    // The same key with another body is the caller's mistake.
    let other = json!({"reason": {"code": "other", "text": "something else"}});
    let refused = bot.asks(Method::POST, "/escalations", Some(other), &[("idempotency-key", "run-1.step-2")]).await;
    assert_eq!(refused.refused(422), "idempotency_key_reused");
    assert_eq!(refused.body["current"]["id"], answers[0].body["id"], "the escalation that the key was used for");
    // The same key from another agent is a different key.
    let stranger = server.agent("other-bot").await;
    let answer =
        stranger.asks(Method::POST, "/escalations", Some(body.clone()), &[("idempotency-key", "run-1.step-2")]).await;
    assert!(!answer.replayed && answer.status == 201, "{answer:?}");
    let odd = [("idempotency-key", "5/é")];
    assert_eq!(bot.asks(Method::POST, "/escalations", Some(body), &odd).await.refused(400), "bad_parameter");
}

#[apply(on_both!)]
async fn a_key_is_kept_for_a_week_after_the_end(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let opens = async || {
        let body =
            json!({"reason": {"code": "other", "text": "help"}, "deadlines": {"expire_after_seconds": 2_000_000}});
        bot.asks(Method::POST, "/escalations", Some(body), &[("idempotency-key", "1")]).await
    };
    let a_week_passes = async || {
        server.pass(Span::hours(7 * 24 + 1));
        events::delete_answers_before(server.desk.store(), server.now() + Span::hours(-7 * 24))
            .await
            .expect("a delete");
    };
    let first = opens().await.ok(201)["id"].clone();
    a_week_passes().await;
    let again = opens().await;
    assert!(again.replayed && again.body["id"] == first, "{again:?}");
    let cancel = format!("/escalations/{}/cancel", first.as_str().expect("an id"));
    bot.post(&cancel, json!({"reason": "done"})).await.ok(200);
    server.pass(Span::hours(7 * 24 - 1));
    events::delete_answers_before(server.desk.store(), server.now() + Span::hours(-7 * 24)).await.expect("a delete");
    assert!(opens().await.replayed);
    a_week_passes().await;
    let anew = opens().await;
    assert!(!anew.replayed && anew.body["id"] != first, "{anew:?}");
}

#[apply(on_both!)]
async fn the_same_message_is_said_once(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.hands_over("conv_88").await;
    let path = format!("/escalations/{it}/messages");
    let body = json!({"client_message_id": "m-1", "role": "customer", "text": "Hello"});
    let first = bot.post(&path, body.clone()).await.ok(201);
    let again = bot.post(&path, body).await.ok(200);
    assert_eq!((&first["message"], &first["seq"]), (&again["message"], &again["seq"]));
    let other = json!({"client_message_id": "m-1", "role": "customer", "text": "Good bye"});
    assert_eq!(bot.post(&path, other).await.refused(422), "idempotency_key_reused");
    let transcript = bot.get(&format!("/escalations/{it}/transcript?since=open")).await.ok(200);
    assert_eq!(transcript["items"].as_array().map(Vec::len), Some(1));
}
