//! Simulates colleagues, who claim some escalations of the scripted agents, reply and resolve, so that the list
//! changes. They do not touch escalations that a real person holds or a real agent opened, nor the newest few that
//! wait.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::{MissedTickBehavior, interval};

use super::hand::DemoOperatorHand;
use crate::{
    domain::{
        ask::AskKind,
        claim::Claim,
        escalation::{Escalation, Status},
        ids::AgentId,
        time::Span,
    },
    server::{
        error::Error,
        robot::answer,
        store::agent_list::{self, AgentFilter},
    },
};

/// How often each colleague acts.
const EVERY: Duration = Duration::from_secs(4);
/// How many waiting escalations are left to the person who signed in.
const LEAVES: usize = 5;
/// The most escalations that a colleague holds.
const HOLDS: usize = 2;
/// How many open escalations of one agent are read: more than there can be.
const MOST: i64 = 100;
/// The age before which colleagues do not claim an escalation, or resolve one they have claimed.
const UNHURRIED: Span = Span::seconds(40);
/// The first replies, and the later ones.
const HELLO: [&str; 3] = [
    "Hello, I have just read through this. Give me a moment to look it up.",
    "Hi! Thank you for waiting. Could you tell me when this happened?",
    "Good day, I am taking over here. Is there an order number I can search for?",
];
const LATER: [&str; 3] = [
    "Thank you, that helps. I can see it in our system now.",
    "I have asked the team concerned and put it right on our side.",
    "All done: you will get a confirmation by e-mail within the hour.",
];

/// Simulates the colleagues until the server stops.
pub async fn work(hands: Vec<DemoOperatorHand>, agents: Vec<AgentId>, mut chance: Rng) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for hand in &hands {
            hand.is_here();
            match look(hand, &agents, &mut chance).await {
                // Another operator was faster, or the server is busy.
                Ok(()) | Err(Error::Refused { .. } | Error::Unavailable | Error::Overloaded) => {}
                Err(fault) => tracing::error!(%fault, "a scripted colleague could not go on"),
            }
        }
    }
}

async fn look(hand: &DemoOperatorHand, agents: &[AgentId], chance: &mut Rng) -> Result<(), Error> {
    let mut open = vec![];
    for agent in agents {
        let statuses = vec![Status::Waiting, Status::Claimed];
        let filter = AgentFilter { statuses, ..AgentFilter::default() };
        open.extend(agent_list::list(hand.desk.store(), hand.workspace, *agent, filter, None, MOST).await?.items);
    }
    let (mut mine, mut waiting) = (vec![], vec![]);
    for it in open.iter().map(|current| &*current.escalation) {
        match it.holder() {
            Some(claim) if claim.operator.id == hand.operator.who.id => mine.push((it, claim)),
            Some(_) => {}
            None => waiting.push(it),
        }
    }
    for (it, claim) in &mine {
        go_on(hand, it, claim, chance).await?;
    }
    waiting.sort_by_key(|it| it.opened_at);
    let now = hand.desk.clock().now();
    let oldest = waiting.first().filter(|it| now - it.opened_at > UNHURRIED);
    match oldest {
        Some(it) if waiting.len() > LEAVES && mine.len() < HOLDS && chance.u64(..3) == 0 => {
            hand.claims(it.id).await.map(drop)
        }
        _ => Ok(()),
    }
}

async fn go_on(hand: &DemoOperatorHand, it: &Escalation, claim: &Claim, chance: &mut Rng) -> Result<(), Error> {
    let now = hand.desk.clock().now();
    let talks = it.opening.ask.kind == AskKind::Takeover || it.taken_over;
    let owes = it.replied_at.is_none() || it.owed_since.is_some();
    if talks && owes && chance.u64(..2) == 0 {
        let lines = if it.replied_at.is_some_and(|at| at > claim.at) { &LATER } else { &HELLO };
        let line = chance.choice(lines).copied().unwrap_or(HELLO[0]);
        hand.replies(it.id, claim.fence, line).await.map(drop)
    } else if now - claim.at > UNHURRIED && chance.u64(..8) == 0 {
        hand.resolves(it, Some(claim.fence), answer::resolutions(it, None, None)).await.map(drop)
    } else {
        Ok(())
    }
}
