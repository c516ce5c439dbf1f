//! Tests of what becomes of an expired escalation, and of a customer who comes back.

use bailout::{
    domain::{
        disposition::Disposition,
        inbox::{Query, Row, View},
        operator::Role,
        outcome::Resolution,
        refusal::Refusal,
        text::NoteText,
        thread::EarlierEscalation,
        time::Span,
    },
    server::{core::command::OperatorVerb, error::Error, workers::deadlines},
};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        server::{Agent, id, soon},
    },
};

#[apply(on_both!)]
async fn what_expired_is_followed_up_once_and_leaves_the_missed(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, eve) = (server.person("Ada", Role::Operator).await, server.person("Eve", Role::Viewer).await);
    let customer = json!({"name": "Dana", "email": "dana@example.com"});
    let it = bot
        .escalates(json!({
            "conversation": {"messages": [], "customer": customer}, "deadlines": {"claim_within_seconds": 60},
        }))
        .await;
    let verb = |note: Option<&str>| {
        let note = note.map(|note| NoteText::parse(note).expect("a note"));
        OperatorVerb::FollowUp { note }
    };
    let refused = ada.does(id(&it), verb(None)).await;
    assert!(matches!(refused, Err(Error::Refused { refusal: Refusal::NotExpired, .. })));
    server.pass(Span::seconds(61));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    let look = async |view: View| {
        let query = Query { listing: view.into(), me: ada.operator.who.id, as_of: server.now() };
        let inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
        (inbox.counts.missed, inbox.rows)
    };
    let (missed, rows) = look(View::Missed).await;
    assert_eq!((missed, rows[0].contact.as_deref()), (1, Some("dana@example.com")));
    assert!(eve.does(id(&it), verb(None)).await.is_err(), "a viewer changes nothing");
    // The delivery to the agent is an event of its own.
    let heard = soon("the delivery", async || {
        let heard = bot.get("/escalations").await.ok(200);
        heard["items"][0]["delivered_at"].is_string().then_some(heard)
    })
    .await;
    let head = server.desk.head(server.workspace).await.expect("a head");
    let done = ada.does(id(&it), verb(Some("Rang her."))).await.expect("a follow-up");
    let follow_up = done.current.escalation.followed_up.clone().expect("a follow-up");
    assert_eq!(
        (follow_up.by.id, follow_up.note.as_ref().map(NoteText::as_str)),
        (ada.operator.who.id, Some("Rang her."))
    );
    assert_eq!((done.events.len(), done.events[0].agent_body.is_none()), (1, true), "no agent hears of it");
    let mut hears = bot.get("/escalations").await.ok(200);
    hears["items"][0]["seq"] = heard["items"][0]["seq"].clone();
    assert_eq!(hears, heard);
    assert!(ada.does(id(&it), verb(Some("Again."))).await.expect("again").events.is_empty());
    assert_eq!(server.desk.head(server.workspace).await.expect("a head").0, head.0 + 1);
    assert_eq!(look(View::Missed).await, (0, vec![]));
    assert!(look(View::Closed).await.1[0].followed_up, "closed it stays");
    let late = ada.resolves(&it, None, Resolution::bare(Disposition::Handled)).await;
    assert!(matches!(late, Err(Error::Refused { refusal: Refusal::AlreadyClosed, .. })), "never a decision");
}

#[apply(on_both!)]
async fn a_customer_who_comes_back_brings_what_was(server: TestServer) {
    let (bot, other) = (server.agent("billing-bot").await, server.agent("sales-bot").await);
    let ada = server.person("Ada", Role::Operator).await;
    let comes = |bot: Agent, conversation: &'static str, customer: Option<&'static str>| async move {
        let customer = json!({"id": customer, "name": "Dana"});
        bot.escalates(json!({"conversation": {"id": conversation, "messages": [], "customer": customer}})).await
    };
    let mark = async |it: &str| -> (bool, Vec<EarlierEscalation>) {
        let thread = server.desk.thread(server.workspace, id(it)).await.expect("a thread").expect("one");
        (Row::from(&thread.escalation).earlier, thread.earlier)
    };
    let mut ended = vec![];
    for conversation in ["conv_1", "conv_2", "conv_3", "conv_4"] {
        let it = comes(bot.clone(), conversation, Some("cus_9")).await;
        assert_eq!(mark(&it).await.0, !ended.is_empty());
        let fence = ada.claims(&it).await.expect("a claim");
        let note = NoteText::parse("Takes 3 days").expect("a note");
        let said = Resolution { note_to_agent: Some(note), ..Resolution::bare(Disposition::Handled) };
        ada.resolves(&it, Some(fence), said).await.expect("an end");
        ended.insert(0, id(&it));
    }
    let again = comes(bot.clone(), "conv_5", Some("cus_9")).await;
    let (marked, earlier) = mark(&again).await;
    assert!(marked);
    assert_eq!(earlier.iter().map(|it| it.id).collect::<Vec<_>>(), ended[..3], "the last three, the latest first");
    assert_eq!((earlier[0].disposition, earlier[0].note.as_deref()), (Disposition::Handled, Some("Takes 3 days")));
    let strangers = [comes(bot.clone(), "conv_6", Some("cus_8")).await, comes(other, "conv_7", Some("cus_9")).await];
    for it in strangers {
        assert_eq!(mark(&it).await, (false, vec![]), "another customer, or one of another agent");
    }
    // Without a customer id, the conversation identifies the customer.
    let it = comes(bot.clone(), "conv_8", None).await;
    bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "x"})).await.ok(200);
    assert_eq!(mark(&comes(bot, "conv_8", None).await).await.1[0].id, id(&it));
}
