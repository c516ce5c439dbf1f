//! Implements Robot, the operator of `--operator auto`, so that agents can be tested without a person. Robot claims the
//! escalations of agents that are not scripted, and follows an escalation's `metadata.rehearse`, which may name the whole
//! outcome and what is said until then.

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use tokio::time::{Instant, interval, sleep_until};

use super::{
    answer,
    hand::DemoOperatorHand,
    pace::until,
    rehearsal::{self, Rehearsal},
};
use crate::{
    domain::{
        ask::AskKind,
        claim::Fence,
        disposition::Disposition,
        event::{Event, EventKind, EventType},
        ids::{AgentId, EscalationId},
        message::MessageRole,
        refusal::Refusal,
        seq::Seq,
    },
    server::{core::log::Audience, error::Error},
};

/// The time from the opening to the claim.
const CLAIMS_AFTER: Duration = Duration::from_secs(1);
/// The time from the opening to the resolution, unless the rehearsal sets another.
const RESOLVES_AFTER: Duration = Duration::from_secs(3);
/// How often Robot reports its presence, as a connected page does.
const HERE_EVERY: Duration = Duration::from_secs(30);
/// The pause between replies to a customer, and the most replies, because an agent that answers every message must not
/// loop with Robot.
const BETWEEN_REPLIES: Duration = Duration::from_secs(2);
const MOST_REPLIES: usize = 12;
/// The largest `after_seconds` that is followed: as long as the longest deadline.
const LONGEST: u64 = 30 * 24 * 60 * 60;

/// Answers escalations opened after `since` by agents that are not scripted, until the server stops.
pub async fn work(hand: DemoOperatorHand, scripted: Vec<AgentId>, since: Seq) {
    let mut log = pin!(hand.hears(Audience::Operators, since));
    let mut here = interval(HERE_EVERY);
    loop {
        let event = tokio::select! {
            // Presence is reported so that claims held for long do not lapse.
            _ = here.tick() => {
                hand.is_here();
                continue;
            }
            event = log.next() => event,
        };
        let Some(event) = event else { return };
        if event.event_type == EventType::Opened && !scripted.contains(&event.agent_id) {
            let (hand, stop) = (hand.clone(), hand.desk.shutdown().clone());
            let (agent, escalation, seq) = (event.agent_id, event.escalation_id, event.seq);
            tokio::spawn(async move {
                match until(&stop, answer(&hand, agent, escalation, seq)).await {
                    None | Some(Ok(())) => {}
                    Some(Err(Error::Refused { refusal: Refusal::InvalidFields { problems }, .. })) => {
                        tracing::error!(?problems, %escalation, "Robot knows no end that is taken");
                    }
                    // Another operator claimed the escalation, or it was closed.
                    Some(Err(Error::Refused { .. })) => {}
                    Some(Err(fault)) => tracing::error!(%fault, %escalation, "Robot could not answer"),
                }
            });
        }
    }
}

async fn answer(hand: &DemoOperatorHand, agent: AgentId, escalation: EscalationId, since: Seq) -> Result<(), Error> {
    let opened = Instant::now();
    let current = hand.sees(escalation).await?;
    let opening = &current.escalation.opening;
    let (rehearsal, mut problem) = match Rehearsal::of(opening) {
        Ok(rehearsal) => (rehearsal, None),
        Err(problem) => (Rehearsal::default(), Some(problem)),
    };
    if rehearsal.disposition == Some(Disposition::Unanswered) {
        return Ok(());
    }
    let after = rehearsal.after_seconds.map_or(RESOLVES_AFTER, |seconds| Duration::from_secs(seconds.min(LONGEST)));
    let end = opened + after;
    sleep_until(end.min(opened + CLAIMS_AFTER)).await;
    let fence = hand.claims(escalation).await?;
    if opening.ask.kind == AskKind::Takeover && !talks(hand, (agent, escalation), fence, since, end, &rehearsal).await?
    {
        return Ok(());
    }
    sleep_until(end).await;
    let current = hand.sees(escalation).await?;
    if let Some(whole) = rehearsal.resolution(&current.escalation) {
        match hand.resolves(&current.escalation, Some(fence), [whole]).await {
            Err(Error::Refused { refusal: Refusal::InvalidFields { problems }, .. }) => {
                problem = Some(rehearsal::refused(&problems));
            }
            done => return done.map(drop),
        }
    }
    let resolutions = answer::resolutions(&current.escalation, rehearsal.disposition, problem.as_deref());
    hand.resolves(&current.escalation, Some(fence), resolutions).await.map(drop)
}

/// Talks to the customer until it is time to resolve. Returns false if the escalation was closed before.
async fn talks(
    hand: &DemoOperatorHand,
    (agent, escalation): (AgentId, EscalationId),
    fence: Fence,
    since: Seq,
    end: Instant,
    rehearsal: &Rehearsal,
) -> Result<bool, Error> {
    for message in rehearsal.messages() {
        says(hand, escalation, fence, message.as_str()).await?;
    }
    let mut replies = MOST_REPLIES;
    if rehearsal.messages().is_empty() {
        says(hand, escalation, fence, "Hello, this is Robot. I have read everything and am on it.").await?;
        replies = 1;
    }
    let (mut quiet_until, mut owes) = (Instant::now() + BETWEEN_REPLIES, false);
    let mut log = pin!(hand.hears(Audience::Escalation(agent, escalation), since));
    loop {
        let event = tokio::select! {
            () = sleep_until(end) => return Ok(true),
            () = sleep_until(quiet_until), if owes => {
                says(hand, escalation, fence, "Thank you, noted. One moment, please.").await?;
                (replies, quiet_until, owes) = (replies + 1, Instant::now() + BETWEEN_REPLIES, false);
                continue;
            }
            event = log.next() => event,
        };
        let Some(event) = event.filter(|event| !event.event_type.closes()) else { return Ok(false) };
        owes |= replies < MOST_REPLIES && is_of_customer(event.event()?);
    }
}

/// Sends a reply. A refused reply is dropped, because the escalation is resolved anyway.
async fn says(hand: &DemoOperatorHand, escalation: EscalationId, fence: Fence, text: &str) -> Result<(), Error> {
    match hand.replies(escalation, fence, text).await {
        Ok(_) | Err(Error::Refused { .. }) => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn is_of_customer(event: &Event) -> bool {
    matches!(&event.kind, EventKind::MessageCreated { message } if message.role == MessageRole::Customer)
}
