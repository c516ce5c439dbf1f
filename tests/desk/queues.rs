//! Tests of several queues: who serves them, which defaults they fill in, and who may claim what waits there.

use std::time::Duration;

use bailout::{
    domain::{
        deadline::RequestedDeadlines,
        disposition::Disposition,
        event::TransferTarget,
        inbox::{Inbox, Query, View},
        operator::Role,
        outcome::Resolution,
        queue::{QueueDefaults, QueueMembers, Urgency},
        refusal::Refusal,
        text::NoteText,
        time::Span,
    },
    server::{
        core::command::{CommandResult, OperatorVerb},
        error::Error,
        store::queues::QueueSettings,
        workers::deadlines,
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::{
        Person, TestServer,
        browser::{Browser, between},
        server::id,
        sse,
    },
};

#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused { refusal, .. }) => refusal,
        other => panic!("a refusal is meant: {other:?}"),
    }
}

/// Returns the routing to a queue.
pub fn of(queue: &str) -> Value {
    json!({"queue": queue})
}

pub async fn transfers(by: &Person, it: &str, to: TransferTarget) -> Result<CommandResult, Error> {
    let fence = by.desk.current(by.workspace, id(it)).await?.expect("an escalation").escalation.fence;
    let note = Some(NoteText::parse("Yours.").expect("a note"));
    let verb = OperatorVerb::Transfer { fence: Some(fence), to, note };
    by.does(id(it), verb).await
}

pub async fn list(person: &Person, view: View) -> Inbox {
    let query = Query { listing: view.into(), me: person.operator.who.id, as_of: person.desk.clock().now() };
    person.desk.inbox(person.workspace, query).await.expect("a list")
}

#[apply(on_both!)]
async fn a_queue_is_named_by_the_agent_and_fills_in_what_it_left_out(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let note = "Nobody is at billing before eight.";
    let minutes = |minutes| Some(Span::minutes(minutes));
    server
        .queue(
            "billing",
            &[],
            QueueDefaults {
                urgency: Some(Urgency::High),
                within: RequestedDeadlines { claim: minutes(2), resolve: minutes(30), expire: minutes(60) },
                expiry_note: Some(NoteText::parse(note).expect("a note")),
            },
        )
        .await;
    let after = |it: &Value, deadline: &str| {
        let at = |text: &Value| text.as_str().map(|it| it.parse::<jiff::Timestamp>().expect("a time").as_second());
        Some(at(&it["deadlines"][deadline])? - at(&it["opened_at"])?)
    };
    let opened = async |more: Value| {
        let it = bot.escalates(more).await;
        bot.get(&format!("/escalations/{it}")).await.ok(200)
    };
    let it = opened(json!({"routing": of("billing")})).await;
    assert_eq!((&it["queue"], &it["urgency"], &it["warnings"]), (&json!("billing"), &json!("high"), &json!([])));
    let deadlines = |it: &Value| ["claim_by", "resolve_by", "expires_at"].map(|name| after(it, name));
    assert_eq!(deadlines(&it), [Some(120), Some(1_800), Some(3_600)]);

    // The agent's own values take precedence.
    let own = json!({"claim_within_seconds": 30, "expire_after_seconds": 90});
    let said = opened(json!({"routing": of("billing"), "urgency": "low", "deadlines": own,
            "on_expiry": {"note_to_agent": "Try again."}}))
    .await;
    assert_eq!((said["urgency"].as_str(), deadlines(&said)), (Some("low"), [Some(30), Some(1_800), Some(90)]));

    // A queue without defaults leaves those of the product. An unknown name falls back to the default queue, with a
    // warning.
    for routing in [json!({}), of("nowhere"), json!({"queue": null})] {
        let plain = opened(json!({"routing": routing})).await;
        assert_eq!((&plain["queue"], &plain["urgency"]), (&json!("default"), &json!("normal")));
        assert_eq!(deadlines(&plain), [None, None, Some(86_400)]);
        assert_eq!(plain["warnings"].as_array().map(Vec::len), Some(usize::from(routing == of("nowhere"))));
    }

    server.pass(Span::minutes(61));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    for (it, note) in [(&it, note), (&said, "Try again.")] {
        let it = bot.get(&format!("/escalations/{}", it["id"].as_str().expect("an id"))).await.ok(200);
        assert_eq!((&it["status"], &it["outcome"]["note_to_agent"]), (&json!("expired"), &json!(note)));
    }
}

#[apply(on_both!)]
async fn only_members_take_what_waits_and_are_told_why(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let grace = server.person("Grace", Role::Supervisor).await;
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let refusal = Refusal::NotAMember { queue: billing.itself.name.clone() };
    assert_eq!(refusal.code(), "not_a_member");
    let chat = json!({"routing": of("billing"), "conversation": {"messages": []}});
    let question = json!({"routing": of("billing"), "ask": {"kind": "question"}});

    // An operator who is not a member cannot claim, answer, or take over.
    let (it, asked) = (bot.escalates(chat.clone()).await, bot.escalates(question).await);
    assert_eq!(refused(ada.claims(&it).await), refusal);
    assert_eq!(refused(ada.resolves(&asked, None, Resolution::bare(Disposition::Declined)).await), refusal);
    let take_over = OperatorVerb::TakeOver { fence: None };
    assert_eq!(refused(ada.does(id(&asked), take_over).await), refusal);
    // The control: members and supervisors can.
    ana.resolves(&asked, None, Resolution::bare(Disposition::Declined)).await.expect("an answer");
    let fence = grace.claims(&it).await.expect("a claim");
    grace.releases(&it, fence).await.expect("a release");
    let fence = ana.claims(&it).await.expect("a claim");
    // A claim that comes too late is refused and names the winner.
    assert!(matches!(refused(ada.claims(&it).await), Refusal::AlreadyClaimed { .. }));
    ana.replies(&it, fence, "Hello").await.expect("a reply");

    // An escalation transferred to an operator is theirs, whatever queues they serve.
    transfers(&ana, &it, TransferTarget::Operator(ada.operator.who.clone())).await.expect("a transfer");
    let fence = ada.claims(&it).await.expect("what one holds");
    ada.replies(&it, fence, "Hello again").await.expect("a reply");
    // Back in the queue, it is no longer theirs.
    transfers(&ada, &it, TransferTarget::Queue(billing.itself.clone())).await.expect("a transfer");
    assert_eq!(refused(ada.claims(&it).await), refusal);

    // A change of the members applies to the next request.
    let both = QueueMembers(vec![ada.operator.who.id, ana.operator.who.id]);
    server.settles(&QueueSettings { members: both, ..billing.clone() }).await.expect("its members");
    ada.claims(&it).await.expect("a claim");
    // The console states the refusal in words.
    let other = bot.escalates(chat).await;
    server.settles(&billing).await.expect("its members");
    let told = Browser::of("Ada", &server.url).await.calls("claim", &format!("id={other}")).send().await;
    let told: Value = told.expect("an answer").json().await.expect("JSON");
    assert_eq!(told["Err"]["not_a_member"]["queue"], "billing", "{told}");
    assert!(refusal.to_string().contains("members of the queue billing"), "{refusal}");
}

#[apply(on_both!)]
async fn whatever_is_moved_at_the_same_time_nobody_slips_in(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    for n in 0..20 {
        let it = bot.hands_over(&format!("conv_{n}")).await;
        ana.claims(&it).await.expect("a claim");
        let to = TransferTarget::Queue(billing.itself.clone());
        // Usually both are in one batch: the transfer comes first, and the claim sees its result.
        let (moved, claimed) = tokio::join!(transfers(&ana, &it, to), async {
            tokio::task::yield_now().await;
            ada.claims(&it).await
        });
        moved.expect("a transfer");
        let refusal = refused(claimed);
        assert!(matches!(refusal, Refusal::NotAMember { .. } | Refusal::AlreadyClaimed { .. }), "{refusal:?}");
    }
}

#[apply(on_both!)]
async fn everyone_sees_all_that_is_open_and_in_the_queue_what_they_serve(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let mut ids = vec![];
    for n in 0..120 {
        ids.push(bot.escalates(json!({"routing": of(if n % 2 == 0 { "billing" } else { "default" })})).await);
    }
    let (hers, theirs) = (list(&ada, View::Queue).await, list(&ana, View::Queue).await);
    assert_eq!((hers.counts.waiting, theirs.counts.waiting), (60, 120));
    assert_eq!((hers.counts.open, theirs.counts.open), (120, 120));
    assert_eq!(hers.rows.len(), 50);
    assert!(hers.rows.iter().all(|row| row.queue != billing.itself.id) && !hers.serves(billing.itself.id));
    let rest = ada.desk.inbox_page(ada.workspace, hers.query, hers.bound.expect("a bound")).await.expect("a page");
    assert_eq!((rest.rows.len(), rest.bound), (10, None), "page after page");
    assert!(theirs.rows.iter().any(|row| row.queue == billing.itself.id));
    assert!(list(&ada, View::All).await.rows.iter().any(|row| row.queue == billing.itself.id));
    // Reading is by workspace: Ada may open it, and a page that follows a transfer knows where it went.
    assert!(ada.desk.thread(ada.workspace, id(&ids[0])).await.expect("a thread").is_some());
    ada.claims(&ids[1]).await.expect("a claim");
    transfers(&ada, &ids[1], TransferTarget::Queue(billing.itself.clone())).await.expect("a transfer");
    let (hers, theirs) = (list(&ada, View::Queue).await, list(&ana, View::Queue).await);
    assert_eq!((hers.counts.waiting, theirs.counts.waiting), (59, 120));
}

#[apply(on_both!)]
async fn open_consoles_begin_anew_when_members_change(server: TestServer) {
    let [ada, ana] = [server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await];
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let browser = Browser::of("Ada", &server.url).await;
    let cursor = async || {
        let page = browser.calls("bootstrap", "listing=/queue").send().await.expect("an answer");
        let page: Value = page.json().await.expect("JSON");
        format!("/live?after={}.{}", page["epoch"].as_str().expect("an epoch"), page["inbox"]["seq"])
    };
    let (old, mut beginning) = (cursor().await, String::new());
    let mut stream = browser.gets(&old).await.bytes_stream();
    while !beginning.contains("event: ping") {
        beginning.push_str(std::str::from_utf8(&stream.next().await.expect("more").expect("bytes")).expect("UTF-8"));
    }
    assert!(!beginning.contains("event: reset"), "a cursor of now is good: {beginning}");
    // A save without changes closes no stream.
    server.settles(&billing).await.expect("the same again");
    assert_eq!(cursor().await, old);

    let members = QueueMembers(vec![ada.operator.who.id]);
    server.settles(&QueueSettings { members, ..billing }).await.expect("other members");
    let closed = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), closed).await.expect("the stream is closed");
    let anew = sse::read(browser.gets(&old).await, 1).await;
    assert_eq!(anew[0].event, "reset");
    let new = cursor().await;
    assert_ne!(new, old);
    let mut stream = browser.gets(&new).await.bytes_stream();
    let first = stream.next().await.expect("more").expect("bytes");
    assert!(!String::from_utf8_lossy(&first).contains("event: reset"));
}

#[apply(on_both!)]
async fn a_transfer_to_a_queue_goes_where_it_says(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    server.person("Ada", Role::Operator).await;
    let billing = server.queue("billing", &[], QueueDefaults::default()).await.itself;
    let browser = Browser::of("Ada", &server.url).await;
    let it = bot.hands_over("conv_1").await;
    let calls = async |function: &str, arguments: String| -> Value {
        browser.calls(function, &arguments).send().await.expect("an answer").json().await.expect("JSON")
    };
    let fence = calls("claim", format!("id={it}")).await["Ok"]["fence"].clone();
    let offered = calls("targets", String::new()).await;
    assert!(offered["queues"].as_array().expect("queues").iter().any(|it| it["name"] == "billing"));
    let to = format!("id={it}&fence={fence}&to={}", billing.id);
    let refused = calls("transfer", format!("{to}&note=")).await;
    assert_eq!(refused["Err"]["invalid_fields"]["problems"][0]["pointer"], "/note", "a note is needed: {refused}");
    assert!(calls("transfer", format!("{to}&note=Yours")).await.get("Ok").is_some());
    let now = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert_eq!((&now["queue"], &now["status"]), (&json!("billing"), &json!("waiting")));
    let last = bot.events_of(&it).await.pop().expect("an event");
    assert_eq!(last["data"]["to"], json!({"kind": "queue", "id": billing.id.to_string(), "name": "billing"}));
}

#[apply(on_both!)]
async fn a_claim_is_offered_to_those_who_may(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let ana = server.person("Ana", Role::Operator).await;
    for (name, role) in [("Ada", Role::Operator), ("Grace", Role::Supervisor)] {
        server.person(name, role).await;
    }
    let billing = server.queue("billing", &[&ana], QueueDefaults::default()).await;
    let chat = bot.escalates(json!({"routing": of("billing"), "conversation": {"messages": []}})).await;
    let action = json!({"id": "a", "name": "pay", "arguments": {"eur": 5}});
    let ask = json!({"kind": "decision", "actions": [action]});
    let decision = bot.escalates(json!({"routing": of("billing"), "ask": ask})).await;
    // Returns the text of the claim bar, whether the escalation can be claimed there, and whether the decision can
    // be made.
    let offers = async |name: &str| {
        let browser = Browser::of(name, &server.url).await;
        let page = browser.sees(&format!("/e/{chat}"), 200).await;
        let bar = between(&page, "class=\"claim-bar\"", "</div>");
        let claim = bar.rsplit("<button").next().expect("a button");
        assert!(claim.contains("Claim"), "{bar}");
        let hidden = |tag: &str| between(tag, "", ">").contains("hidden");
        let page = browser.sees(&format!("/e/{decision}"), 200).await;
        let cards = page.split("<section").find(|it| it.contains("aria-label=\"Decision\"")).expect("cards");
        (between(bar, "<p>", "<").to_owned(), !hidden(claim), !hidden(cards))
    };
    let reading = ("Reading. Claim to reply".to_owned(), true, true);
    let (words, claims, approves) = offers("Ada").await;
    assert!(words.contains("Only members of the queue billing and supervisors can claim this"), "{words}");
    assert_eq!((claims, approves), (false, false));
    // The control: members and supervisors can, and so can every operator when the queue has no members.
    assert_eq!((offers("Ana").await, offers("Grace").await), (reading.clone(), reading.clone()));
    server.settles(&QueueSettings { members: QueueMembers::default(), ..billing }).await.expect("its members");
    assert_eq!(offers("Ada").await, reading);
}
