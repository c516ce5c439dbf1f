//! Robot: the operator of `--operator auto`, so that agents can be tried without a person. It takes what agents open that
//! are no part of the demo, and does what an escalation's `metadata.rehearse` says:
//! `{"disposition": "rejected", "after_seconds": 20}`, both optional.

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, interval, sleep_until};

use super::{answer, hand::Hand, until};
use crate::{
    domain::{
        ask::AskKind,
        event::Seq,
        ids::{AgentId, EscalationId},
        opening::Opening,
        outcome::Disposition,
    },
    server::{
        bell::{Audience, follow},
        error::Error,
    },
};

/// When it claims, after the open.
const CLAIMS_AFTER: Duration = Duration::from_secs(1);
/// When it resolves, after the open, unless it is told otherwise.
const RESOLVES_AFTER: Duration = Duration::from_secs(3);
/// How often it says that it is there, as a connected page does.
const HERE_EVERY: Duration = Duration::from_secs(30);
/// The longest it can be told to take: as long as any deadline.
const LONGEST: u64 = 30 * 24 * 60 * 60;

/// How an escalation wants to be answered.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Rehearsal {
    disposition: Option<Disposition>,
    after_seconds: Option<u64>,
}

impl Rehearsal {
    /// What the agent wrote; what cannot be read is as if it were not there.
    fn of(opening: &Opening) -> Self {
        let said = opening.metadata.as_ref().and_then(|it| it.get("rehearse")).cloned().unwrap_or(Value::Null);
        serde_json::from_value(said).unwrap_or_default()
    }
}

/// Answers what is opened from `since` on by agents other than these, until the server stops.
pub async fn work(hand: Hand, scripted: Vec<AgentId>, since: Seq) -> Result<(), Error> {
    let mut log = pin!(follow(hand.desk.clone(), hand.workspace, Audience::Operators, since));
    let mut here = interval(HERE_EVERY);
    loop {
        let event = tokio::select! {
            // So that what it holds for long does not lapse.
            _ = here.tick() => {
                hand.is_here();
                continue;
            }
            event = log.next() => match event {
                Some(event) => event?,
                None => return Ok(()),
            },
        };
        if event.kind == "escalation.opened" && !scripted.contains(&event.agent_id) {
            let (hand, stop) = (hand.clone(), hand.desk.shutdown().clone());
            let (agent, escalation, seq) = (event.agent_id, event.escalation_id, event.seq);
            tokio::spawn(async move {
                match until(&stop, answer(&hand, agent, escalation, seq)).await {
                    // Someone else took it, or it ended otherwise.
                    None | Some(Ok(()) | Err(Error::Refused { .. })) => {}
                    Some(Err(fault)) => tracing::error!(%fault, %escalation, "Robot could not answer"),
                }
            });
        }
    }
}

async fn answer(hand: &Hand, agent: AgentId, escalation: EscalationId, since: Seq) -> Result<(), Error> {
    let opened = Instant::now();
    let current = hand.sees(escalation).await?;
    let opening = &current.escalation.opening;
    let rehearsal = Rehearsal::of(opening);
    if rehearsal.disposition == Some(Disposition::Unanswered) {
        return Ok(());
    }
    let after = rehearsal.after_seconds.map_or(RESOLVES_AFTER, |seconds| Duration::from_secs(seconds.min(LONGEST)));
    let end = opened + after;
    sleep_until(end.min(opened + CLAIMS_AFTER)).await;
    let fence = hand.claims(escalation).await?;
    let speaks = opening.ask.kind == AskKind::Takeover;
    if speaks {
        hand.replies(escalation, fence, "Hello, this is Robot. I have read everything and am on it.").await?;
    }
    let mut log = pin!(follow(hand.desk.clone(), hand.workspace, Audience::Escalation(agent, escalation), since));
    loop {
        let event = tokio::select! {
            () = sleep_until(end) => break,
            event = log.next() => match event {
                Some(event) => event?,
                None => return Ok(()),
            },
        };
        if event.closes() {
            return Ok(());
        }
        if speaks && is_of_customer(event.agent_body.as_deref()) {
            hand.replies(escalation, fence, "Thank you, noted. One moment, please.").await?;
        }
    }
    let current = hand.sees(escalation).await?;
    let resolutions = answer::resolutions(&current.escalation, rehearsal.disposition);
    hand.resolves(escalation, Some(fence), resolutions).await.map(drop)
}

fn is_of_customer(body: Option<&str>) -> bool {
    let event: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
    event.is_some_and(|event| event["type"] == "message.created" && event["data"]["message"]["role"] == "customer")
}
