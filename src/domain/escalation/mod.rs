//! The escalation: its state, and how events change it. The verbs are in the submodules, grouped by who calls them.

mod by_agent;
mod by_clock;
mod by_operator;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    agent::AgentRef,
    ask::AskKind,
    claim::{Claim, Fence, Stint},
    conversation::ConversationKey,
    deadline::Deadlines,
    event::{Actor, Event, EventKind, Seq, TransferTarget},
    ids::{EscalationId, OperatorId},
    inbox::Shelf,
    message::{Message, MessageRole},
    opening::Opening,
    operator::OperatorRef,
    outcome::{ClosingContext, Outcome, OutcomeInput, PICKED_UP_WITHIN},
    queue::{QueueRef, Urgency},
    text::{NoteText, Tag},
    time::Timestamp,
};
pub use by_agent::{NewEscalation, NewMessage};

/// The state of an escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Waiting,
    Claimed,
    Resolved,
    Expired,
    Cancelled,
}

impl Status {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Claimed, Self::Resolved, Self::Expired, Self::Cancelled];

    /// Returns the state as it is written in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns the label that people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Claimed => "Claimed",
            Self::Resolved => "Resolved",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Returns whether the state is waiting or claimed.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Claimed)
    }
}

/// The last message in words, for a list row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSaid {
    pub role: MessageRole,
    /// The preview of the text: at most 140 characters, on one line.
    pub preview: String,
}

impl LastSaid {
    /// Returns the last of these messages that has words and no tool result.
    pub fn of(messages: &[Message]) -> Option<Self> {
        messages.iter().rev().filter(|message| message.tool_result.is_none()).find_map(|message| {
            let preview = message.preview();
            (!preview.is_empty()).then_some(Self { role: message.role, preview })
        })
    }
}

/// The follow-up of an operator on an escalation that expired, or of which nobody picked up the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowUp {
    pub by: OperatorRef,
    pub at: Timestamp,
    pub note: Option<NoteText>,
}

/// A conversation handed over to a human. `opening` never changes; the other fields follow the events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    pub id: EscalationId,
    /// The number of the event that opened it.
    pub opened_seq: Seq,
    /// The number of its newest event.
    pub seq: Seq,
    pub conversation: ConversationKey,
    pub agent: AgentRef,
    pub queue: QueueRef,
    pub urgency: Urgency,
    pub opening: Arc<Opening>,
    pub status: Status,
    pub opened_at: Timestamp,
    pub claim: Option<Claim>,
    /// The highest fence given so far.
    pub fence: Fence,
    pub deadlines: Deadlines,
    /// True if the operator pressed *Take over instead* under the present claim.
    pub taken_over: bool,
    /// The periods in which humans were in control.
    pub stints: Vec<Stint>,
    /// The number of its messages, which is the position of the next one.
    pub messages: i64,
    /// The number of messages that customer, agent and operator said since the open.
    pub said: i64,
    pub last_said: Option<LastSaid>,
    /// The number of the event with which the customer or the agent last said something, at first the opening. Messages
    /// and actions of operators do not count as unread.
    #[serde(default)]
    pub said_seq: Seq,
    /// The time at which an operator last spoke to the customer.
    pub replied_at: Option<Timestamp>,
    /// The time at which the customer or the agent first spoke after that.
    pub owed_since: Option<Timestamp>,
    /// True if the customer was here before: see [`Opening::customer_key`].
    #[serde(default)]
    pub earlier: bool,
    /// True if this agent has acknowledged an outcome before, so that this one is expected to be acknowledged too.
    #[serde(default)]
    pub acknowledges: bool,
    /// The tags by which operators sort escalations. Agents never receive them.
    #[serde(default)]
    pub tags: Vec<Tag>,
    pub closed_at: Option<Timestamp>,
    /// The number of the event that closed it.
    pub closed_seq: Option<Seq>,
    pub outcome: Option<Outcome>,
    pub delivered_at: Option<Timestamp>,
    pub acknowledged_at: Option<Timestamp>,
    /// True if the agent did not pick the outcome up in time, and has not since.
    #[serde(default)]
    pub not_picked_up: bool,
    /// The follow-up, only of an escalation that expired or was not picked up.
    pub followed_up: Option<FollowUp>,
    /// The latest time of its events. Escalations stored by earlier versions have none.
    #[serde(default)]
    pub latest_at: Timestamp,
}

impl Escalation {
    /// Returns the escalation that an `escalation.opened` event began, or none for any other event.
    pub fn begun_by(event: &Event) -> Option<Self> {
        let EventKind::Opened { escalation } = &event.kind else { return None };
        let mut escalation = (**escalation).clone();
        escalation.opened_seq = event.seq;
        escalation.seq = event.seq;
        escalation.said_seq = event.seq;
        escalation.latest_at = event.at;
        Some(escalation)
    }

    /// Returns whether a claim gives control of the conversation: the escalation is a takeover, or was taken over
    /// instead.
    pub fn speaks_to_customer(&self) -> bool {
        self.opening.ask.kind == AskKind::Takeover || self.taken_over
    }

    /// Returns whether there is a customer to talk to: the opening names one, or the escalation has messages.
    pub fn has_customer(&self) -> bool {
        self.opening.has_customer() || self.messages > 0
    }

    /// Returns the shelf on which lists show it.
    pub fn shelf(&self) -> Shelf {
        Shelf::of(self.status, self.not_picked_up, self.followed_up.is_some())
    }

    /// Returns whether the agent took the outcome: it was delivered and, if the agent acknowledges outcomes,
    /// acknowledged.
    pub fn is_picked_up(&self) -> bool {
        self.delivered_at.is_some() && (!self.acknowledges || self.acknowledged_at.is_some())
    }

    /// Returns the operator on whose desk it is: the holder, or the last holder while nobody picks the outcome up.
    pub fn on_desk_of(&self) -> Option<OperatorId> {
        let lies = self.status == Status::Claimed || self.shelf() == Shelf::NotPickedUp;
        self.claim.as_ref().filter(|_| lies).map(|claim| claim.operator.id)
    }

    /// Returns when the clock acts next: at the hard deadline that comes first, when a transfer that was not accepted
    /// returns, or after the end, when the agent should have picked the outcome up. An agent need not pick up the
    /// outcome of an escalation that it cancelled.
    pub fn clock_at(&self) -> Option<Timestamp> {
        let awaited = matches!(self.status, Status::Resolved | Status::Expired);
        let awaited = awaited && !self.not_picked_up && !self.is_picked_up();
        let returns_at = self.holder().and_then(|claim| claim.offer.as_ref()).map(|offer| offer.until);
        let while_open = self.due_at().into_iter().chain(returns_at).min();
        while_open.or(self.closed_at.filter(|_| awaited).map(|at| at + PICKED_UP_WITHIN))
    }

    /// Returns the hard deadline that comes first in the current state.
    pub fn due_at(&self) -> Option<Timestamp> {
        let claim_by = self.deadlines.claim_by.filter(|_| self.status == Status::Waiting);
        let expires_at = self.deadlines.expires_at.filter(|_| self.status.is_open());
        claim_by.into_iter().chain(expires_at).min()
    }

    /// Returns since when someone waits for a human: from the open until it is claimed and a human has spoken, then
    /// from the first message after that. None while nobody waits.
    pub fn waits_since(&self) -> Option<Timestamp> {
        match (self.status, self.replied_at) {
            (Status::Waiting, _) | (Status::Claimed, None) => Some(self.opened_at),
            (Status::Claimed, Some(_)) => self.owed_since,
            _ => None,
        }
    }

    /// Returns the input of an outcome, given the conversation and what was said since the open.
    fn ending<'a>(&'a self, meanwhile: &ClosingContext<'a>) -> OutcomeInput<'a> {
        OutcomeInput {
            ask: self.opening.ask.kind,
            opened_at: self.opened_at,
            stints: &self.stints,
            said: meanwhile.said,
            said_in_all: self.said,
            held_elsewhere: meanwhile.conversation.held_by.is_some_and(|by| by != self.id),
        }
    }

    /// Returns the time to write into an event that happens now. The time is never before earlier events of this
    /// escalation, even when the clock was set back meanwhile. Deadlines are checked against the clock itself.
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        let known = [self.replied_at, self.closed_at, self.delivered_at, self.claim.as_ref().map(|claim| claim.at)];
        known.into_iter().flatten().chain([self.opened_at, self.latest_at]).fold(now, Timestamp::max)
    }

    /// Applies an event. Cannot fail. An event that was applied before, or of another escalation, changes nothing.
    pub fn apply(&mut self, event: &Event) {
        if event.escalation_id != self.id || event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        self.latest_at = self.latest_at.max(event.at);
        self.note_acceptance(&event.actor);
        match &event.kind {
            EventKind::Opened { .. }
            | EventKind::Accepted { .. }
            | EventKind::MessageReceipt { .. }
            | EventKind::Noted { .. } => {}
            EventKind::Claimed { claim } => self.held(claim.clone()),
            EventKind::TakenOver { at } => {
                self.taken_over = true;
                self.begin_stint(*at);
            }
            EventKind::Released { at, claim_by, .. } => self.wait_again(*at, *claim_by),
            EventKind::Transferred { to, at, claim, fence, claim_by, .. } => {
                match claim {
                    Some(claim) => {
                        let speaks = self.speaks_to_customer();
                        self.end_stint(*at);
                        self.claim = Some(claim.clone());
                        self.status = Status::Claimed;
                        if speaks {
                            self.begin_stint(*at);
                        }
                    }
                    None => self.wait_again(*at, *claim_by),
                }
                if let TransferTarget::Queue(queue) = to {
                    self.queue = queue.clone();
                }
                self.fence = *fence;
            }
            EventKind::MessageCreated { message } => {
                self.messages = message.position + 1;
                self.said += i64::from(message.role.is_speech());
                self.last_said = LastSaid::of(std::slice::from_ref(message)).or(self.last_said.take());
                if matches!(message.role, MessageRole::Customer | MessageRole::Agent) {
                    self.said_seq = event.seq;
                }
                match message.role {
                    MessageRole::Operator => (self.replied_at, self.owed_since) = (Some(event.at), None),
                    MessageRole::Customer | MessageRole::Agent if self.replied_at.is_some() => {
                        self.owed_since.get_or_insert(event.at);
                    }
                    _ => {}
                }
            }
            EventKind::Resolved { outcome } => self.close(Status::Resolved, outcome),
            EventKind::Expired { outcome } => self.close(Status::Expired, outcome),
            EventKind::Cancelled { outcome, .. } => self.close(Status::Cancelled, outcome),
            EventKind::Marked { urgency, tags } => {
                self.urgency = urgency.unwrap_or(self.urgency);
                if let Some(tags) = tags {
                    self.tags = tags.clone();
                }
            }
            EventKind::NotPickedUp { .. } => self.not_picked_up = true,
            EventKind::Delivered { at } => {
                self.delivered_at = Some(*at);
                self.not_picked_up &= !self.is_picked_up();
            }
            EventKind::Acknowledged { at } => {
                self.acknowledged_at = Some(*at);
                self.not_picked_up &= !self.is_picked_up();
            }
            EventKind::FollowedUp { follow_up } => self.followed_up = Some(follow_up.clone()),
        }
    }

    /// Accepts a transfer, because every action of its target accepts it.
    fn note_acceptance(&mut self, actor: &Actor) {
        if let (Some(claim), Actor::Operator(by)) = (&mut self.claim, actor)
            && claim.operator.id == by.id
        {
            claim.offer = None;
        }
    }

    fn held(&mut self, claim: Claim) {
        self.status = Status::Claimed;
        self.fence = claim.fence;
        let at = claim.at;
        self.claim = Some(claim);
        if self.speaks_to_customer() {
            self.begin_stint(at);
        }
    }

    fn wait_again(&mut self, at: Timestamp, claim_by: Option<Timestamp>) {
        self.end_stint(at);
        self.status = Status::Waiting;
        self.claim = None;
        self.taken_over = false;
        self.deadlines.claim_by = claim_by;
    }

    fn close(&mut self, status: Status, outcome: &Outcome) {
        self.end_stint(outcome.at);
        self.status = status;
        self.closed_at = Some(outcome.at);
        self.closed_seq = Some(self.seq);
        self.outcome = Some(outcome.clone());
    }

    fn begin_stint(&mut self, from: Timestamp) {
        if let Some(claim) = &self.claim {
            self.stints.push(Stint { operator: claim.operator.clone(), from, to: None });
        }
    }

    fn end_stint(&mut self, to: Timestamp) {
        if let Some(stint) = self.stints.last_mut().filter(|stint| stint.to.is_none()) {
            stint.to = Some(to);
        }
    }
}
