//! Tests deadlines: an escalation that no operator resolves in time expires and fails closed.

use bailout::{
    domain::{
        disposition::Disposition,
        inbox::{Query, View},
        operator::Role,
        outcome::Resolution,
        time::Span,
    },
    server::{core::command::OperatorVerb, workers::deadlines},
};
use macro_rules_attribute::apply;
use serde_json::json;

use crate::{
    on_both,
    support::{
        TestServer,
        server::{id, soon},
    },
};

#[apply(on_both!)]
async fn nobody_claims_and_the_agent_is_told_the_truth(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot
        .escalates(json!({
            "conversation": {"messages": []},
            "deadlines": {"claim_within_seconds": 600},
            "on_expiry": {"note_to_agent": "Nobody was available."},
        }))
        .await;
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "waiting");
    server.pass(Span::seconds(601));
    let closed = soon("the expiry", async || {
        let now = bot.get(&format!("/escalations/{it}?until=outcome&wait=5")).await.ok(200);
        (now["status"] == "expired").then_some(now)
    })
    .await;
    let outcome = &closed["outcome"];
    assert_eq!((outcome["disposition"].as_str(), outcome["by"]["kind"].as_str()), (Some("unanswered"), Some("system")));
    let briefing = outcome["briefing"].as_str().expect("a briefing");
    for fact in [
        "expired without an outcome from a human",
        "You were in control throughout.",
        "No decision was made.",
        "Nobody was available.",
    ] {
        assert!(briefing.contains(fact), "{briefing}");
    }
    let refused = bot.says(&it, "agent", "Hello?").await;
    assert_eq!(refused.refused(409), "already_closed");
}

#[apply(on_both!)]
async fn a_claim_in_time_stops_the_clock_and_a_release_starts_it_anew(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let it = bot.escalates(json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 60}})).await;
    server.pass(Span::seconds(59));
    let fence = ada.claims(&it).await.expect("a claim");
    server.pass(Span::hours(1));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "claimed");
    ada.releases(&it, fence).await.expect("a release");
    server.pass(Span::seconds(59));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "waiting");
    server.pass(Span::seconds(2));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "expired");
}

#[apply(on_both!)]
async fn a_broken_row_holds_up_no_other(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let mut ids = vec![];
    for _ in 0..3 {
        ids.push(
            bot.escalates(json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 60}})).await,
        );
    }
    let sql = "update escalation set body = '{' where id = $1";
    sqlx::query(sql).bind(ids[0].clone()).execute(server.desk.store().writer()).await.expect("a broken row");
    server.pass(Span::seconds(61));
    bailout::server::start_workers(&server.desk).await.expect("a start");
    for it in &ids[1..] {
        assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "expired");
    }
    assert_eq!(bot.get(&format!("/escalations/{}", ids[0])).await.refused(500), "internal");
}

#[apply(on_both!)]
async fn what_came_due_while_the_server_was_down_expires_before_it_serves(server: TestServer) {
    let bot = server.agent("billing-bot").await;
    let it = bot.escalates(json!({"conversation": {"messages": []}, "deadlines": {"claim_within_seconds": 1}})).await;
    server.pass(Span::hours(2));
    bailout::server::start_workers(&server.desk).await.expect("a start");
    assert_eq!(bot.get(&format!("/escalations/{it}")).await.ok(200)["status"], "expired");
}

#[apply(on_both!)]
async fn what_nobody_picks_up_returns_to_the_desk_of_who_resolved_it(server: TestServer) {
    let (bot, ada) = (server.agent("billing-bot").await, server.person("Ada", Role::Operator).await);
    let mine = async || {
        let query = Query { listing: View::Mine.into(), me: ada.operator.who.id, as_of: server.now() };
        let inbox = server.desk.inbox(server.workspace, query).await.expect("a list");
        (inbox.rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>(), inbox.counts.mine)
    };
    let resolved = async || {
        let it = bot.escalates(json!({"ask": {"kind": "question"}})).await;
        ada.resolves(&it, None, Resolution::bare(Disposition::Declined)).await.expect("an end");
        it
    };
    let it = resolved().await;
    server.pass(Span::seconds(59));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(mine().await, (vec![], 0), "the agent has a minute");
    server.pass(Span::seconds(1));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(mine().await, (vec![it.clone()], 1));
    bot.get(&format!("/escalations/{it}")).await.ok(200);
    soon("the delivery", async || (mine().await == (vec![], 0)).then_some(())).await;

    // An agent that has acknowledged once is expected to do so again.
    bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await.ok(200);
    let it = resolved().await;
    bot.get(&format!("/escalations/{it}")).await.ok(200);
    let taken = async || server.desk.current(server.workspace, id(&it)).await.ok()??.escalation.delivered_at;
    soon("the delivery", taken).await;
    server.pass(Span::seconds(60));
    deadlines::sweep(&server.desk).await.expect("a sweep");
    assert_eq!(mine().await, (vec![it.clone()], 1), "it is sent, and not understood");
    let verb = OperatorVerb::FollowUp { note: None };
    ada.does(id(&it), verb).await.expect("a follow-up");
    assert_eq!(mine().await, (vec![], 0));
}
