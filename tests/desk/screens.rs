//! Promise 4: a screen that follows the log shows the same as a fresh page.

use bailout::{
    domain::{
        disposition::Disposition,
        event::{EventKind, TransferTarget},
        inbox::{Frame, Inbox, Query, SortKey, View},
        operator::Role,
        outcome::Resolution,
        seq::Seq,
        text::NoteText,
        thread::Thread,
        time::Span,
    },
    server::{
        core::{
            command::OperatorVerb,
            log::{Audience, follow},
        },
        workers::deadlines,
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        server::{id, soon},
    },
};

/// Returns the frames after a cursor, up to the head.
async fn frames(server: &TestServer, after: Seq) -> Vec<Frame> {
    let head = server.desk.head(server.workspace).await.expect("a head");
    let stream = follow(
        server.desk.log(),
        server.desk.store(),
        server.workspace,
        Audience::Operators,
        &server.desk.store().epoch(),
        after,
    );
    let recorded: Vec<_> = stream.take((head.0 - after.0) as usize).collect().await;
    let epoch = server.desk.store().epoch();
    recorded
        .into_iter()
        .map(|record| {
            // A browser reads the data line of the bytes that are sent.
            let bytes = record.expect("an event").frame(&epoch).expect("a frame");
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
            serde_json::from_str(data).expect("a frame")
        })
        .collect()
}

fn known(inbox: &Inbox, bound: Option<SortKey>) -> Vec<String> {
    let rows = inbox.rows.iter().filter(|row| bound.is_none_or(|bound| inbox.query.key(row) <= bound));
    rows.map(|row| serde_json::to_string(row).expect("JSON")).collect()
}

#[apply(on_both!)]
async fn following_the_log_equals_looking_afresh(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, ana) = (server.person("Ada", Role::Operator).await, server.person("Ana", Role::Supervisor).await);
    // More than one page, so that the lists have a bound.
    for n in 0..60 {
        bot.hands_over(&format!("conv_{n}")).await;
    }
    let it = bot.hands_over("conv_the_one").await;
    let as_of = server.now();
    let queries = View::ALL.map(|view| Query { listing: view.into(), me: ada.operator.who.id, as_of });
    let mut inboxes = vec![];
    for query in queries {
        inboxes.push(server.desk.inbox(server.workspace, query).await.expect("a list"));
    }
    let mut thread: Thread = server.desk.thread(server.workspace, id(&it)).await.expect("a thread").expect("one");
    let from = thread.seq;

    // Every event type.
    let fence = ada.claims(&it).await.expect("a claim");
    bot.says(&it, "customer", "**Hello**").await.ok(201);
    let reply = ada.replies(&it, fence, "Hello, Dana").await.expect("a reply").message.expect("a message").id;
    let receipt = json!({"message_id": reply.to_string(), "state": "shown"});
    bot.post(&format!("/escalations/{it}/receipts"), receipt).await.ok(200);
    let note = OperatorVerb::Note { text: NoteText::parse("She is right.").expect("a note") };
    ana.does(id(&it), note).await.expect("a note");
    ada.releases(&it, fence).await.expect("a release");
    let fence = ana.claims(&it).await.expect("a claim");
    let to = TransferTarget::Operator(ada.operator.who.clone());
    let verb = OperatorVerb::Transfer { fence: Some(fence), to, note: None };
    let fence = ana.does(id(&it), verb).await.expect("a transfer").current.escalation.fence;
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("a resolve");
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
    let question = bot
        .escalates(json!({"ask": {"kind": "question", "prompt": "?"}, "conversation": {"customer": {"name": "Dana"}}}))
        .await;
    let verb = OperatorVerb::TakeOver { fence: None };
    ada.does(id(&question), verb).await.expect("a take-over");
    bot.post(&format!("/escalations/{question}/cancel"), json!({"reason": "never mind"})).await.ok(200);
    let late = bot.escalates(json!({"deadlines": {"expire_after_seconds": 1}})).await;
    server.pass(Span::seconds(2));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{late}")).await.ok(200)["status"], "expired");
    let verb = OperatorVerb::FollowUp { note: None };
    ada.does(id(&late), verb).await.expect("a follow-up");

    for closed in [&it, &question, &late] {
        soon("the delivery", async || {
            let now = bot.get(&format!("/escalations/{closed}")).await.ok(200);
            now["delivered_at"].is_string().then_some(())
        })
        .await;
    }
    let frames = frames(&server, from).await;
    // No page reads an opening from the stream, and it may have 256 KiB, so its text is left out.
    let openings = frames.iter().filter_map(|frame| match &frame.event.kind {
        EventKind::Opened { escalation } => Some(&escalation.opening),
        _ => None,
    });
    let openings: Vec<_> = openings.collect();
    assert!(openings.len() > 1 && openings.iter().all(|it| it.ask.prompt.is_none() && it.conversation.is_none()));
    let mut missing_one = thread.clone();
    for frame in &frames {
        thread.apply(frame);
        // A repeated frame changes nothing.
        thread.apply(frame);
        for inbox in &mut inboxes {
            inbox.apply(frame);
        }
    }
    let fresh = server.desk.thread(server.workspace, id(&it)).await.expect("a thread").expect("one");
    assert_eq!(thread, fresh);
    for inbox in inboxes {
        let fresh = server.desk.inbox(server.workspace, inbox.query).await.expect("a list");
        assert_eq!(inbox.counts, fresh.counts, "{:?}", inbox.query.listing);
        let bound = inbox.bound.or(fresh.bound);
        assert_eq!(known(&inbox, bound), known(&fresh, bound), "{:?}", inbox.query.listing);
    }
    // The control: a screen that misses one frame is not right.
    for frame in frames.iter().skip(1) {
        missing_one.apply(frame);
    }
    assert_ne!(missing_one.happenings, fresh.happenings);
}
