//! Tests of queue settings that must not be misread: names that differ only in case, and the meaning of a deadline.

use bailout::{
    domain::{
        ask::AskKind,
        deadline::{Deadlines, RequestedDeadlines},
        operator::Role,
        queue::{QueueDefaults, QueueRef},
        time::{Span, Timestamp},
    },
    server::{site::settings::queues::view::PATH, store::queues},
};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        browser::{Browser, form, leads_to},
    },
};

async fn root(server: &TestServer) -> Browser {
    server.person("Root", Role::Admin).await;
    Browser::of("Root", &server.url).await
}

async fn names(server: &TestServer) -> Vec<String> {
    let all = queues::all(server.desk.store(), server.workspace).await.expect("queues");
    all.into_iter().map(|it: QueueRef| it.name.to_string()).collect()
}

#[apply(on_both!)]
async fn names_that_differ_in_case_alone_are_one(server: TestServer) {
    let (root, bot) = (root(&server).await, server.agent("billing-bot").await);
    let money = server.queue("Money", &[], QueueDefaults::default()).await.itself;
    let taxes = server.queue("Übersicht", &[], QueueDefaults::default()).await.itself;
    let lands = async |name: &str| {
        let it = bot.escalates(json!({"routing": {"queue": name}})).await;
        bot.get(&format!("/escalations/{it}")).await.ok(200)["queue"].clone()
    };
    for name in ["Default", "DEFAULT", "money", "ÜBERSICHT"] {
        let page = root.sends(PATH, &[("name", name)], 422).await;
        assert!(page.contains("case alone tells no names apart"), "{name}: {page}");
    }
    let page = root.sends(&format!("{PATH}/{}", money.id), &[("name", "übersicht")], 422).await;
    assert!(page.contains("There is a queue Übersicht, and case alone"), "{page}");
    assert_eq!(names(&server).await.len(), 3);
    // Agents find the queue in any case, also by a former name.
    for name in ["Money", "money", "MONEY"] {
        assert_eq!(lands(name).await, "Money", "{name}");
    }
    assert_eq!(lands("Default").await, "default");
    // The controls: a queue may change the case of its own name, and another name is free.
    root.sends(&format!("{PATH}/{}", money.id), &[("name", "MONEY")], 303).await;
    assert_eq!(lands("money").await, "MONEY");
    root.sends(&format!("{PATH}/{}", money.id), &[("name", "cash")], 303).await;
    for name in ["Cash", "money", "Money"] {
        assert_eq!(lands(name).await, "cash", "{name}");
    }
    root.sends(PATH, &[("name", "mOnEy")], 303).await;
    assert_eq!(
        (lands("money").await, lands("Money").await),
        (json!("mOnEy"), json!("mOnEy")),
        "a queue's own name comes first"
    );
    // The name of a removed queue cannot be reused in another case either.
    root.sends(&format!("{PATH}/{}/remove", taxes.id), &[], 303).await;
    let page = root.sends(PATH, &[("name", "übersicht")], 422).await;
    assert!(page.contains("A queue that was removed has this name: Übersicht."), "{page}");
    root.sends(PATH, &[("name", "Übersicht")], 303).await;
    assert!(names(&server).await.contains(&"Übersicht".to_owned()), "as it was");
}

#[apply(on_both!)]
async fn queues_that_differed_in_case_before_stay_apart(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.queue("money", &[], QueueDefaults::default()).await;
    let other = server.queue("other", &[], QueueDefaults::default()).await.itself;
    let sql = "update queue set name = 'Money' where id = $1";
    sqlx::query(sql).bind(other.id.to_string()).execute(server.desk.store().writer()).await.expect("an update");
    for name in ["money", "Money"] {
        let it = bot.escalates(json!({"routing": {"queue": name}})).await;
        assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["queue"], name);
    }
    // Such a queue can still be changed.
    let root = root(&server).await;
    root.sends(&format!("{PATH}/{}", other.id), &[("name", "Money"), ("urgency", "high")], 303).await;
}

#[apply(on_both!)]
async fn deadlines_say_what_they_mean(server: TestServer) {
    let root = root(&server).await;
    let billing = server.queue("billing", &[], QueueDefaults::default()).await;
    let path = format!("{PATH}/{}", billing.itself.id);
    // The help text for an empty field matches the defaults.
    let starting = |kind| Deadlines::starting(kind, RequestedDeadlines::default(), Timestamp(0));
    let (takeover, question) = (starting(AskKind::Takeover), starting(AskKind::Question));
    assert_eq!((takeover.claim_by, takeover.expires_at), (Some(Timestamp(0) + Span::minutes(15)), None));
    assert_eq!((question.claim_by, question.expires_at), (None, Some(Timestamp(0) + Span::hours(24))));
    let page = root.sees(PATH, 200).await;
    let said = [
        "Empty: 15 min for takeovers, no such end for questions and decisions.",
        "nothing happens when it has passed. Empty: none.",
        "Empty: 1 d for questions and decisions, never for takeovers.",
    ];
    assert!(said.iter().all(|it| page.contains(it)) && !page.contains("Saved."), "{page}");

    // Every error is named at once, and nothing is changed.
    let wrong = [("name", " "), ("claim_within", "soon"), ("resolve_within", "90"), ("expire_after", "31 d")];
    let page = root.sends(&path, &wrong, 422).await;
    for label in ["A name ", "Claim within is a time", "Resolve within is a time", "Expire after is a time"] {
        assert!(page.contains(label), "{label}: {page}");
    }
    let late = [("name", "billing"), ("claim_within", "2 h"), ("resolve_within", "3 h"), ("expire_after", "1 h")];
    let page = root.sends(&path, &late, 422).await;
    for label in ["Claim within", "Resolve within"] {
        assert!(
            page.contains(&format!("{label} is longer than Expire after: it would have expired by then.")),
            "{page}"
        );
    }
    let kept = queues::settings(server.desk.store(), server.workspace).await.expect("settings");
    assert_eq!(kept[0], billing);

    // The control: an equal deadline is not longer, and the page confirms that it saved.
    let fields = [("name", "billing"), ("claim_within", "1 h"), ("resolve_within", "1 h"), ("expire_after", "1 h")];
    let saved = root.posts(&path, &form(&fields), "same-origin").await;
    assert!(root.sees(leads_to(&saved), 200).await.contains("Saved."));
    let kept = queues::settings(server.desk.store(), server.workspace).await.expect("settings");
    let hour = Some(Span::hours(1));
    assert_eq!(kept[0].defaults.within, RequestedDeadlines { claim: hour, resolve: hour, expire: hour });
}
