//! The escalation: its state. The submodule `apply` changes the state by events. The verbs are in the other submodules,
//! grouped by who calls them.

mod apply;
pub mod by_agent;
mod by_clock;
mod by_operator;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    agent::AgentRef,
    ask::{AskKind, is_zero},
    claim::{Claim, Fence, Stint},
    conversation::ConversationKey,
    deadline::Deadlines,
    ids::{EscalationId, OperatorId},
    message::{Message, MessageRole},
    opening::Opening,
    operator::OperatorRef,
    outcome::{ClosingContext, Outcome, OutcomeInput, PICKED_UP_WITHIN},
    queue::{QueueRef, Urgency},
    seq::Seq,
    text::{NoteText, Tag},
    time::Timestamp,
    words::words,
};

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

words!(Status {
    Waiting = "waiting", "Waiting";
    Claimed = "claimed", "Claimed";
    Resolved = "resolved", "Resolved";
    Expired = "expired", "Expired";
    Cancelled = "cancelled", "Cancelled";
});

impl Status {
    /// Returns whether the state is waiting or claimed.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Claimed)
    }
}

/// A group that lists tell apart. Each state is a group; resolved escalations that no agent picked up, and expired ones
/// that an operator followed up, are groups of their own, and so are tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    Waiting,
    Claimed,
    Resolved,
    NotPickedUp,
    Missed,
    FollowedUp,
    Cancelled,
    /// Every escalation of a test agent, whatever its state.
    Test,
}

words!(Shelf {
    Waiting = "waiting",
    Claimed = "claimed",
    Resolved = "resolved",
    NotPickedUp = "not_picked_up",
    Missed = "missed",
    FollowedUp = "followed_up",
    Cancelled = "cancelled",
    Test = "test",
});

impl Shelf {
    /// Returns the shelf of an escalation in this state.
    pub fn of(test: bool, status: Status, not_picked_up: bool, followed_up: bool) -> Self {
        match status {
            _ if test => Self::Test,
            Status::Waiting => Self::Waiting,
            Status::Claimed => Self::Claimed,
            Status::Resolved if not_picked_up && !followed_up => Self::NotPickedUp,
            Status::Resolved => Self::Resolved,
            Status::Expired if followed_up => Self::FollowedUp,
            Status::Expired => Self::Missed,
            Status::Cancelled => Self::Cancelled,
        }
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

/// A conversation handed over to a human. The fields follow the events; `opening` changes only when its agent updates it.
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
    /// True if an operator has set the urgency, which the agent then does not change any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgency_is_set: bool,
    /// How often the agent asked for this takeover again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked_again: i64,
    /// How often the agent updated what it said.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub updates: i64,
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
        Shelf::of(self.agent.test, self.status, self.not_picked_up, self.followed_up.is_some())
    }

    /// Returns whether the agent took the outcome: it was delivered and, if the agent acknowledges outcomes,
    /// acknowledged.
    pub fn is_picked_up(&self) -> bool {
        self.delivered_at.is_some() && (!self.acknowledges || self.acknowledged_at.is_some())
    }

    /// Returns the claim of the current holder, while the escalation is claimed.
    pub fn holder(&self) -> Option<&Claim> {
        self.claim.as_ref().filter(|_| self.status == Status::Claimed)
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
            ask: &self.opening.ask,
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
}
