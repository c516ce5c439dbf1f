//! Tests of receipts: the agent reports what happened to an operator's message, every stream shows it, and the message
//! keeps it.

use bailout::{
    app::parts::entries::entries,
    domain::{
        disposition::Disposition,
        message::{Receipt, ReceiptState},
        operator::Role,
        outcome::Resolution,
        thread::Thread,
        time::Span,
    },
};
use macro_rules_attribute::apply;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        Person, TestServer,
        browser::Browser,
        server::{PASSWORD, id},
    },
};

/// Returns the receipts of an escalation's messages, as a fresh read of its page has them.
async fn kept(ada: &Person, it: &str) -> Vec<Option<Receipt>> {
    let thread = ada.desk.thread(ada.workspace, id(it)).await.expect("a read").expect("a thread");
    assert!(
        thread.happenings.iter().all(|event| event.kind.event_type().as_str() != "message.receipt"),
        "a receipt is no happening"
    );
    thread.messages.into_iter().map(|shown| shown.message.receipt).collect()
}

/// Replies as an operator and returns the id of the message.
async fn says(ada: &Person, it: &str, text: &str) -> String {
    let fence = ada.claims(it).await.expect("a claim");
    let done = ada.replies(it, fence, text).await.expect("a reply");
    done.message.expect("a message").id.to_string()
}

#[apply(on_both!)]
async fn a_receipt_is_heard_and_kept(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_88").await;
    let message = says(&ada, &it, "Hello Dana").await;
    let path = format!("/escalations/{it}/receipts");
    let failed = json!({"message_id": message, "state": "failed", "detail": "The chat was closed."});
    let shown = json!({"message_id": message, "state": "shown"});
    let first = bot.post(&path, failed.clone()).await.ok(200);
    let seq = first["seq"].as_i64().expect("a seq");
    assert_eq!(first, json!({"message_id": message, "state": "failed", "detail": "The chat was closed.", "seq": seq}));
    // The same receipt again changes nothing. A different one is another event, and the latest counts.
    assert_eq!(bot.post(&path, failed.clone()).await.ok(200), first);
    assert_eq!(bot.post(&path, shown.clone()).await.ok(200)["seq"], seq + 1);
    assert_eq!(bot.post(&path, failed).await.ok(200)["seq"], seq + 2);
    let last = bot.post(&path, shown).await.ok(200);
    assert_eq!((&last["detail"], &last["seq"]), (&Value::Null, &json!(seq + 3)));
    let receipt = Receipt { state: ReceiptState::Shown, detail: None };
    assert_eq!(kept(&ada, &it).await, [None, None, Some(receipt)]);

    // A wait returns the receipts, with the messages of Bailout unchanged in form.
    let all = bot.events_of(&it).await;
    let heard: Vec<&Value> = all.iter().filter(|event| event["seq"].as_i64() >= Some(seq)).collect();
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert_eq!((&heard[0]["type"], &heard[0]["actor"]["kind"]), (&json!("message.receipt"), &json!("agent")));
    let told = json!({"message_id": message, "state": "failed", "detail": "The chat was closed."});
    assert_eq!(heard[0]["data"], told);
}

#[apply(on_both!)]
async fn only_an_operators_message_of_this_escalation_has_a_receipt(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let (it, other) = (bot.hands_over("conv_1").await, bot.hands_over("conv_2").await);
    let (message, elsewhere) = (says(&ada, &it, "Hello Dana").await, says(&ada, &other, "Hello Bo").await);
    let customers = bot.says(&it, "customer", "Hi").await.ok(201)["message"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/escalations/{it}/receipts");
    for (body, code, pointer) in [
        (json!({"message_id": customers, "state": "shown"}), "invalid_field", "/message_id"),
        (json!({"message_id": elsewhere, "state": "shown"}), "invalid_field", "/message_id"),
        (json!({"message_id": "msg_00000000000000000000000000", "state": "shown"}), "invalid_field", "/message_id"),
        (json!({"message_id": "nonsense", "state": "shown"}), "invalid_field", "/message_id"),
        (json!({"message_id": message, "state": "read"}), "invalid_field", "/state"),
        (json!({"message_id": message, "state": "failed", "detail": "a\u{0}b"}), "invalid_field", "/detail"),
        (json!({"message_id": message}), "invalid_field", "/state"),
        (json!({"message_id": message, "state": "shown", "at": "now"}), "unknown_field", "/at"),
    ] {
        let refused = bot.post(&path, body.clone()).await;
        assert_eq!(refused.refused(422), code, "{body}");
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{body}");
    }
    let stranger = server.agent("other-bot").await;
    let body = json!({"message_id": message, "state": "shown"});
    assert_eq!(stranger.post(&path, body).await.refused(404), "not_found");
    assert!(kept(&ada, &it).await.iter().all(Option::is_none));
    // A detail that is too long is truncated, and a blank one is dropped.
    let body = |detail: &str| json!({"message_id": message, "state": "failed", "detail": detail});
    let long = bot.post(&path, body(&"ä".repeat(600))).await.ok(200);
    assert_eq!(long["detail"].as_str().map(|detail| detail.chars().count()), Some(500));
    assert_eq!(bot.post(&path, body(" ")).await.ok(200)["detail"], Value::Null);
}

#[apply(on_both!)]
async fn the_last_words_may_be_shown_after_the_end(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_88").await;
    let message = says(&ada, &it, "Good bye").await;
    let fence = ada.claims(&it).await.expect("the same claim");
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    let before = bot.get(&format!("/escalations/{it}")).await.ok(200);
    let path = format!("/escalations/{it}/receipts");
    let body = json!({"message_id": message, "state": "shown"});
    let key = [("idempotency-key", "receipt-1")];
    let first = bot.asks(Method::POST, &path, Some(body.clone()), &key).await;
    assert_eq!((first.status, first.replayed), (200, false), "{first:?}");
    let again = bot.asks(Method::POST, &path, Some(body), &key).await;
    assert_eq!((again.status, again.replayed, &again.text), (200, true, &first.text));
    let other = json!({"message_id": message, "state": "failed"});
    assert_eq!(bot.asks(Method::POST, &path, Some(other), &key).await.refused(422), "idempotency_key_reused");
    let after = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!((&after["status"], &after["outcome"]), (&before["status"], &before["outcome"]));
    assert_eq!(kept(&ada, &it).await.last(), Some(&Some(Receipt { state: ReceiptState::Shown, detail: None })));
}

#[apply(on_both!)]
async fn an_operator_sees_under_each_reply_what_became_of_it(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let conversation = json!({"total_messages": 42, "messages": [{"role": "customer", "text": "Hi"}]});
    let it = bot.escalates(json!({"conversation": conversation})).await;
    let message = says(&ada, &it, "Hello Dana").await;
    let mut browser = Browser::at(&server);
    browser.signs_in("ada@example.com", PASSWORD, "/").await;
    let page = async || browser.gets(&format!("/e/{it}")).await.text().await.expect("a page");
    let thread = async || ada.desk.thread(ada.workspace, id(&it)).await.expect("a read").expect("a thread");
    let keys = |thread: &Thread| {
        let entries = entries(thread, ada.operator.who.id, &|_| Span(0));
        entries.iter().map(|entry| entry.key()).collect::<Vec<_>>()
    };
    let (first, known) = (page().await, thread().await);
    assert!(first.contains("The agent sent 1 of 42 messages."), "{first}");
    assert!(!first.contains("shown to customer") && !first.contains("closed the chat"));

    let mut before = keys(&known);
    for (state, detail, seen) in [
        ("shown", None, "shown to customer"),
        ("failed", None, "failed"),
        ("failed", Some("Dana closed the chat."), "failed: Dana closed the chat."),
    ] {
        let body = json!({"message_id": message, "state": state, "detail": detail});
        bot.post(&format!("/escalations/{it}/receipts"), body).await.ok(200);
        assert!(page().await.contains(seen), "{seen}");
        // No entry is added to the log, and the existing one is rendered again.
        let after = keys(&thread().await);
        assert_eq!(after.len(), before.len());
        assert_eq!(after.iter().zip(&before).filter(|(after, before)| after != before).count(), 1, "{after:?}");
        before = after;
    }
    let whole = bot.hands_over("conv_whole").await;
    assert!(!browser.gets(&format!("/e/{whole}")).await.text().await.expect("a page").contains("of 2 messages"));
}

#[apply(on_both!)]
async fn many_receipts_at_once_are_each_kept(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_88").await;
    let fence = ada.claims(&it).await.expect("a claim");
    let mut sent = tokio::task::JoinSet::new();
    for n in 0..30 {
        let done = ada.replies(&it, fence, &format!("Line {n}")).await.expect("a reply");
        let (bot, path) = (bot.clone(), format!("/escalations/{it}/receipts"));
        let body = json!({"message_id": done.message.expect("a message").id.to_string(), "state": "failed", "detail": n.to_string()});
        sent.spawn(async move { bot.post(&path, body).await.ok(200) });
    }
    sent.join_all().await;
    let kept = kept(&ada, &it).await.into_iter().flatten().filter_map(|it| it.detail).map(String::from);
    assert_eq!(kept.collect::<Vec<_>>(), (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
}
