//! Tests a clock that is set back: no event of an escalation is earlier than a previous one, deadlines follow the clock
//! itself, and a last-seen time in the future does not make an operator available.

use bailout::{
    domain::{disposition::Disposition, event::TransferTarget, operator::Role, outcome::Resolution, time::Span},
    server::{core::command::OperatorVerb, workers::deadlines},
};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{TestServer, server::id},
};

const BACK: Span = Span(-60 * 60 * 1_000);

#[apply(on_both!)]
async fn an_escalation_does_not_end_before_it_began(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    let began = server.now();
    let fence = ada.claims(&it).await.expect("a claim");
    server.pass(BACK);
    bot.says(&it, "customer", "Is anybody there?").await.ok(201);
    ada.replies(&it, fence, "Good morning.").await.expect("a reply");
    ada.resolves(&it, Some(fence), Resolution::bare(Disposition::Handled)).await.expect("an end");
    let current = server.desk.current(server.workspace, id(&it)).await.expect("a read").expect("an escalation");
    let ended = &current.escalation;
    assert!(ended.closed_at.expect("an end") >= began && ended.replied_at.expect("a reply") >= began);
    let stint = &ended.stints[0];
    assert!(stint.to.expect("an end") >= stint.from, "{stint:?}");
    let body = bot.get(&format!("/escalations/{it}")).await.ok(200);
    assert!(body["closed_at"].as_str() >= body["opened_at"].as_str(), "{body}");
    // The events of the escalation are in order. Another escalation has the time of the clock.
    let times: Vec<String> = bot.events_of(&it).await.iter().map(|it| it["at"].to_string()).collect();
    assert!(times.is_sorted() && times.len() >= 4, "{times:?}");
    let other = bot.hands_over("conv_2").await;
    let other = server.desk.current(server.workspace, id(&other)).await.expect("a read").expect("an escalation");
    assert!(other.escalation.opened_at < began);
}

#[apply(on_both!)]
async fn deadlines_are_those_of_the_clock(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let ask = json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 60}});
    server.pass(BACK);
    let it = bot.escalates(ask.clone()).await;
    server.pass(Span::seconds(59));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "waiting");
    server.pass(Span::seconds(2));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "expired");
}

#[apply(on_both!)]
async fn a_transfer_is_an_offer_for_two_minutes_of_the_clock(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let (ada, eve) = (server.person("Ada", Role::Operator).await, server.person("Eve", Role::Operator).await);
    let it = bot.hands_over("conv_1").await;
    let fence = ada.claims(&it).await.expect("a claim");
    server.pass(BACK);
    let to = TransferTarget::Operator(eve.operator.who.clone());
    let verb = OperatorVerb::Transfer { fence: Some(fence), to, note: None };
    ada.does(id(&it), verb).await.expect("a transfer");
    let current = server.desk.current(server.workspace, id(&it)).await.expect("a read").expect("an escalation");
    let offer = current.escalation.claim.as_ref().and_then(|claim| claim.offer.as_ref()).expect("an offer");
    assert!(offer.until <= server.now() + Span::minutes(2), "{offer:?}");
}

#[apply(on_both!)]
async fn nobody_is_there_by_a_time_to_come(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let ada = server.person("Ada", Role::Operator).await;
    ada.is_seen().await;
    let available = async || {
        let it = bot.escalates(json!({})).await;
        bot.get(&format!("/escalations/{it}")).await.ok(200)["desk"]["operators_available"].clone()
    };
    assert_eq!(available().await, 1);
    server.pass(BACK);
    assert_eq!(available().await, 0);
    // The operator is seen again at the current time, which replaces the time in the future.
    ada.is_seen().await;
    assert_eq!(available().await, 1);
}
