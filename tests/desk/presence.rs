//! Tests of presence: whether the agent is listening, operators who come and go, claims that lapse, drafts that stay.

use std::{sync::Arc, time::Duration};

use bailout::{
    domain::{
        draft::{Draft, DraftMode},
        escalation::{Status, by_agent::NewMessage},
        event::TransferTarget,
        ids::MessageId,
        message::{Author, MessageRole},
        operator::Role,
        presence::{Hint, LAPSES_AFTER, Presence, Viewer},
        seq::Seq,
        text::{ClientMessageId, MessageText},
        time::{Span, Timestamp},
    },
    server::{
        clock::mint,
        core::command::OperatorVerb,
        store::{drafts, operators, presence},
        workers::deadlines,
    },
};
use futures::StreamExt;
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        Engine, Person, TestServer,
        server::{id, soon},
    },
};

/// Records that the operator's page is connected now, and saves it.
async fn sees(server: &TestServer, person: &Person) {
    server.desk.hints().operator_seen(server.workspace, person.operator.who.id, server.now());
    server.desk.hints().save(server.desk.store(), server.now()).await;
}

async fn status(server: &TestServer, escalation: &str) -> Status {
    let current = server.desk.current(server.workspace, id(escalation)).await.expect("a read");
    current.expect("an escalation").escalation.status
}

async fn around(server: &TestServer, escalation: &str) -> Presence {
    let current = server.desk.current(server.workspace, id(escalation)).await.expect("a read").expect("an escalation");
    presence::around(server.desk.store(), server.workspace, &current.escalation).await.expect("a read")
}

#[apply(on_both!)]
async fn claims_lapse_when_their_holder_is_gone(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, ana) = (server.person("Ada", Role::Operator).await, server.person("Ana", Role::Operator).await);
    let (gone, kept) = (bot.hands_over("conv_1").await, bot.hands_over("conv_2").await);
    ada.claims(&gone).await.expect("a claim");
    ana.claims(&kept).await.expect("a claim");
    sees(&server, &ada).await;
    sees(&server, &ana).await;

    server.pass(Span(LAPSES_AFTER.0 - 60_000));
    sees(&server, &ana).await;
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(status(&server, &gone).await, Status::Claimed, "a minute is left");

    server.pass(Span::minutes(2));
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(status(&server, &gone).await, Status::Waiting);
    // The control: a claim whose holder was seen stays.
    assert_eq!(status(&server, &kept).await, Status::Claimed);

    // The agent is in control again and learns that the system released the claim.
    let last = bot.events_of(&gone).await.pop().expect("an event");
    assert_eq!((&last["type"], &last["actor"]["kind"]), (&json!("escalation.released"), &json!("system")));
    assert_eq!(last["control"], "agent");
    // A second check changes nothing.
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(bot.get(&format!("/escalations/{gone}")).await.ok(200)["seq"], last["seq"]);
}

#[apply(on_both!)]
async fn a_young_claim_of_one_who_is_gone_is_left_its_time(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, grace) = (server.person("Ada", Role::Operator).await, server.person("Grace", Role::Supervisor).await);
    sees(&server, &ada).await;
    let it = bot.hands_over("conv_1").await;
    server.pass(Span::minutes(14));
    let fence = grace.claims(&it).await.expect("a claim");
    sees(&server, &grace).await;
    let to = TransferTarget::Operator(ada.operator.who.clone());
    let transfer = OperatorVerb::Transfer { fence: Some(fence), to, note: None };
    grace.does(id(&it), transfer).await.expect("a transfer");
    // Without the acceptance, the transfer would return after two minutes.
    ada.does(id(&it), OperatorVerb::Accept).await.expect("an acceptance");
    server.pass(Span::minutes(14));
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(status(&server, &it).await, Status::Claimed);
    server.pass(Span::minutes(2));
    deadlines::lapse(&server.desk).await.expect("a look");
    assert_eq!(status(&server, &it).await, Status::Waiting);
}

#[apply(on_both!)]
async fn a_server_that_has_just_started_lets_nothing_lapse(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    ada.claims(&it).await.expect("a claim");
    sees(&server, &ada).await;
    let hour = Span::hours(1);
    server.pass(hour);
    if server.desk.store().dialect() == bailout::server::store::Dialect::Postgres {
        // A second process, which could not see Ada before.
        let other = TestServer::on_at(Arc::clone(&server.database), hour).await;
        deadlines::lapse(&other.desk).await.expect("a look");
        assert_eq!(status(&server, &it).await, Status::Claimed);
        other.pass(LAPSES_AFTER);
        deadlines::lapse(&other.desk).await.expect("a look");
        assert_eq!(status(&server, &it).await, Status::Waiting);
    }
}

#[apply(on_both!)]
async fn the_agents_ear_is_known(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let (it, other) = (bot.hands_over("conv_1").await, bot.hands_over("conv_2").await);
    assert_eq!(around(&server, &it).await.heard, None);
    let fence = ada.claims(&it).await.expect("a claim");
    let said = ada.replies(&it, fence, "Hello").await.expect("a reply");
    let seq = said.message.and_then(|message| message.seq).expect("a seq");
    bot.get(&format!("/escalations/{it}?wait=0&until=reply")).await.ok(200);
    server.desk.hints().save(server.desk.store(), server.now()).await;
    let heard = around(&server, &it).await.heard.expect("it listened");
    assert!(heard.reached < seq, "a wait does not carry what was said");
    bot.events_of(&it).await;
    server.desk.hints().save(server.desk.store(), server.now()).await;
    let heard = around(&server, &it).await.heard.expect("it listened");
    assert_eq!(heard.reached, seq, "the reply is with the agent");
    assert_eq!(around(&server, &other).await.heard, None, "it listened to one of them only");

    // A stream from now on counts as listening, and has delivered nothing that was said before.
    let fence_of_other = ada.claims(&other).await.expect("a claim");
    ada.replies(&other, fence_of_other, "Hello").await.expect("a reply");
    let from_now = bot.listens("/events").send().await;
    let from_now = from_now.expect("a stream");
    let listens = soon("the ear of the other", async || {
        server.desk.hints().save(server.desk.store(), server.now()).await;
        around(&server, &other).await.heard
    });
    assert_eq!(listens.await.reached, Seq(0));
    drop(from_now);

    // A stream of all escalations listens to each of them.
    let stream = bot.listens("/events").send().await;
    let mut stream = stream.expect("a stream").bytes_stream();
    let again = ada.replies(&it, fence, "Are you there?").await.expect("a reply");
    let again = again.message.and_then(|message| message.seq).expect("a seq");
    tokio::time::timeout(Duration::from_secs(20), stream.next())
        .await
        .expect("in time")
        .expect("an event")
        .expect("bytes");
    soon("the ear of both", async || {
        server.desk.hints().save(server.desk.store(), server.now()).await;
        let reached = around(&server, &it).await.heard.map_or(Seq(0), |heard| heard.reached);
        (reached >= again && around(&server, &other).await.heard.is_some()).then_some(())
    })
    .await;
}

#[apply(on_both!)]
async fn whoever_types_is_shown_to_the_other_side(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    let mut told = server.desk.hints().subscribe();
    assert_eq!(bot.post(&format!("/escalations/{it}/typing"), json!({})).await.status, 202);
    let hint = loop {
        let told = told.recv().await.expect("a hint");
        if matches!(told.1, Hint::CustomerTyping { .. }) {
            break told.1.clone();
        }
    };
    assert!(matches!(hint, Hint::CustomerTyping { escalation, .. } if escalation == id(&it)));
    assert_eq!(bot.post("/escalations/esc_nothing/typing", json!({})).await.refused(404), "not_found");
    let stranger = server.agent("other-bot").await;
    assert_eq!(stranger.post(&format!("/escalations/{it}/typing"), json!({})).await.refused(404), "not_found");
    assert_eq!(bot.post(&format!("/escalations/{it}/typing"), json!({"a": 1})).await.refused(422), "unknown_field");

    let stream = bot.listens(&format!("/escalations/{it}/events")).send().await.expect("a stream");
    let mut stream = stream.bytes_stream();
    let current = server.desk.current(server.workspace, id(&it)).await.expect("a read").expect("an escalation");
    let agent = current.escalation.agent.id;
    let viewer = |typing| Viewer { operator: ada.operator.who.clone(), at: server.now(), typing };
    let mut text = String::new();
    let reading = async {
        while !text.contains("event: typing") {
            // Viewing without typing is not sent to agents.
            for typing in [false, true] {
                let hint = Hint::Viewing { agent, escalation: id(&it), viewer: viewer(typing) };
                server.desk.hints().send(server.workspace, hint);
            }
            text.push_str(std::str::from_utf8(&stream.next().await.expect("more").expect("bytes")).expect("UTF-8"));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the hint came");
    let frame = text.split("\n\n").find(|frame| frame.starts_with("event: typing")).expect("a frame");
    assert!(!frame.contains("id:"), "a hint has no place in the log: {frame}");
    assert!(frame.contains("\"name\":\"Ada\""), "{frame}");
}

#[apply(on_both!)]
async fn drafts_stay_until_they_are_sent(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let ana = server.person("Ana", Role::Operator).await;
    let it = bot.hands_over("conv_1").await;
    let name = ClientMessageId::parse("m-1").expect("a name");
    let draft =
        |mode, text: &str| Draft { escalation: id(&it), mode, client_message_id: name.clone(), text: text.to_owned() };
    let keep = async |draft| {
        let me = ada.operator.who.id;
        drafts::save(server.desk.store(), server.workspace, me, draft, server.now()).await.expect("it is kept");
    };
    let kept = async |person: &Person| {
        drafts::of_operator(server.desk.store(), server.workspace, person.operator.who.id).await.expect("a read")
    };
    keep(draft(DraftMode::Reply, "Hel")).await;
    keep(draft(DraftMode::Reply, "Hello")).await;
    keep(draft(DraftMode::Note, "Third time")).await;
    let mut mine = kept(&ada).await;
    mine.sort_by_key(|draft| draft.mode.as_str());
    assert_eq!(mine, [draft(DraftMode::Note, "Third time"), draft(DraftMode::Reply, "Hello")]);
    assert_eq!(kept(&ana).await, [], "nobody sees a colleague's");
    keep(draft(DraftMode::Note, " ")).await;
    assert_eq!(kept(&ada).await, [draft(DraftMode::Reply, "Hello")]);

    // The message was sent, but its page closed before it could delete the draft: the draft is gone too.
    let fence = ada.claims(&it).await.expect("a claim");
    let message = NewMessage {
        id: MessageId::new(mint()),
        client_message_id: name.clone(),
        role: MessageRole::Operator,
        text: MessageText::parse("Hello").expect("a text"),
        at: None,
        author: Some(Author::from(&ada.operator.who)),
    };
    ada.does(id(&it), OperatorVerb::Reply { fence, message }).await.expect("a reply");
    assert_eq!(kept(&ada).await, []);

    // A cancel by the agent keeps the draft.
    let other = bot.hands_over("conv_2").await;
    keep(Draft { escalation: id(&other), ..draft(DraftMode::Reply, "Dear Dana") }).await;
    bot.post(&format!("/escalations/{other}/cancel"), json!({"reason": "Solved."})).await.ok(200);
    assert_eq!(kept(&ada).await.len(), 1);
}

#[apply(on_both!)]
async fn a_draft_of_one_tab_survives_what_another_tab_does(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let (store, me, it) = (server.desk.store(), ada.operator.who.id, bot.hands_over("conv_1").await);
    let draft = |mode, name: &str, text: &str| {
        let client_message_id = ClientMessageId::parse(name).expect("a name");
        Draft { escalation: id(&it), mode, client_message_id, text: text.to_owned() }
    };
    let keep = async |draft, after: i64| {
        let at = Timestamp(server.now().0 + after);
        drafts::save(store, server.workspace, me, draft, at).await.expect("it is kept");
    };
    let kept = async || drafts::of_operator(store, server.workspace, me).await.expect("a read");
    for mode in [DraftMode::Reply, DraftMode::Note] {
        keep(draft(mode, "first", "In the first tab"), 1).await;
        keep(draft(mode, "second", "In the second tab"), 2).await;
        assert_eq!(kept().await, [draft(mode, "second", "In the second tab")], "the latest is shown");
        match mode {
            DraftMode::Reply => {
                let name = ClientMessageId::parse("second").expect("a name");
                drafts::delete_sent(store, server.workspace, me, id(&it), &name).await.expect("it is forgotten");
            }
            _ => keep(draft(mode, "second", ""), 3).await,
        }
        assert_eq!(kept().await, [draft(mode, "first", "In the first tab")]);
        keep(draft(mode, "first", ""), 4).await;
        assert_eq!(kept().await, []);
    }
}

#[apply(on_both!)]
async fn targets_say_who_is_here_and_what_they_hold(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    server.person("Vera", Role::Viewer).await;
    let ana = server.person("Ana", Role::Operator).await;
    ada.claims(&bot.hands_over("conv_1").await).await.expect("a claim");
    sees(&server, &ana).await;
    let targets = operators::targets(server.desk.store(), server.workspace, server.now()).await.expect("a read");
    let known = targets.colleagues.iter().map(|it| (it.operator.name.as_str(), it.holds, it.seen_at.is_some()));
    assert_eq!(known.collect::<Vec<_>>(), [("Ada", 1, false), ("Ana", 0, true)]);
    assert_eq!(targets.queues.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["default"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hints_reach_the_operators_of_another_server() {
    let Some(first) = TestServer::start(Engine::Postgres).await else { return };
    let second = TestServer::on_at(Arc::clone(&first.database), Span(0)).await;
    let (mut here, mut there) = (first.desk.hints().subscribe(), second.desk.hints().subscribe());
    let mut told_on = second.desk.hints().subscribe_local();
    let ada = first.person("Ada", Role::Operator).await;
    let hint = Hint::Seen { operator: ada.operator.who.id, at: first.now() };
    let heard = async {
        loop {
            // The other server may not be listening yet.
            first.desk.hints().send(first.workspace, hint.clone());
            if let Ok(Ok(told)) = tokio::time::timeout(Duration::from_millis(200), there.recv()).await {
                break told;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the hint came");
    assert_eq!(*told, (first.workspace, hint.clone()));
    // The receiver does not forward the hint: forwarded hints would circulate without end.
    assert!(told_on.try_recv().is_err(), "it was told on");
    assert!(here.try_recv().is_ok());
}
