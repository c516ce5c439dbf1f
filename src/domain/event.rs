//! Events: the only record of changes. Events are numbered without gaps per workspace, in commit order.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    agent::AgentRef,
    claim::{Claim, Fence},
    conversation::ConversationKey,
    escalation::{Escalation, FollowUp},
    ids::{EscalationId, EventId, MessageId},
    message::{Message, Receipt},
    operator::OperatorRef,
    outcome::Outcome,
    queue::{QueueRef, Urgency},
    text::{NoteText, Tag, Text},
    time::Timestamp,
};

/// The number of an event within its workspace, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The actor that caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Agent(AgentRef),
    Operator(OperatorRef),
    /// The server: the clock, or the delivery of an outcome.
    System,
}

/// The target of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTarget {
    Operator(OperatorRef),
    Queue(QueueRef),
}

/// A transfer that its target did not accept in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedTransfer {
    /// The operator who transferred it.
    pub from: OperatorRef,
    /// The operator who did not accept it.
    pub to: OperatorRef,
}

/// The kind of an event, with its details.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The agent handed over. The event carries the escalation as it began.
    Opened {
        escalation: Box<Escalation>,
    },
    /// An operator claimed the escalation.
    Claimed {
        claim: Claim,
    },
    /// The operator of a question or a decision now speaks to the customer instead.
    TakenOver {
        at: Timestamp,
    },
    /// The claim ended, and the escalation waits again until `claim_by`.
    Released {
        at: Timestamp,
        claim_by: Option<Timestamp>,
        /// Set when the claim ended because a colleague did not accept a transfer in time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        returned: Option<ReturnedTransfer>,
    },
    /// The target of a transfer opened the escalation, and so accepted it. For operators only.
    Accepted {
        at: Timestamp,
    },
    /// The escalation went to a colleague, who holds it (`claim`), or to a queue, where it waits again.
    Transferred {
        to: TransferTarget,
        note: Option<NoteText>,
        at: Timestamp,
        claim: Option<Claim>,
        fence: Fence,
        claim_by: Option<Timestamp>,
    },
    /// The customer, the agent, an operator or the system said something.
    MessageCreated {
        message: Message,
    },
    /// The agent reported what became of an operator's message.
    MessageReceipt {
        message_id: MessageId,
        receipt: Receipt,
    },
    /// An operator wrote a note to other operators. Agents never receive it.
    Noted {
        text: NoteText,
    },
    /// An operator set the urgency or the tags. For operators only.
    Marked {
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    },
    Resolved {
        outcome: Outcome,
    },
    Expired {
        outcome: Outcome,
    },
    Cancelled {
        reason: Text<2_000>,
        outcome: Outcome,
    },
    /// The outcome was sent to the agent. For operators only.
    Delivered {
        at: Timestamp,
    },
    /// The agent had not picked up the outcome a minute after the end. For operators only.
    NotPickedUp {
        at: Timestamp,
    },
    /// The agent acknowledged the outcome.
    Acknowledged {
        at: Timestamp,
    },
    /// An operator took care of an escalation that had expired, or of which nobody picked up the outcome. For operators
    /// only.
    FollowedUp {
        follow_up: FollowUp,
    },
}

impl EventKind {
    /// Returns the type as agents' events and the log write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "escalation.opened",
            Self::Claimed { .. } => "escalation.claimed",
            Self::TakenOver { .. } => "escalation.taken_over",
            Self::Released { .. } => "escalation.released",
            Self::Accepted { .. } => "escalation.accepted",
            Self::Transferred { .. } => "escalation.transferred",
            Self::MessageCreated { .. } => "message.created",
            Self::MessageReceipt { .. } => "message.receipt",
            Self::Noted { .. } => "note.created",
            Self::Marked { .. } => "escalation.marked",
            Self::Resolved { .. } => "escalation.resolved",
            Self::Expired { .. } => "escalation.expired",
            Self::Cancelled { .. } => "escalation.cancelled",
            Self::Delivered { .. } => "escalation.delivered",
            Self::NotPickedUp { .. } => "escalation.not_picked_up",
            Self::Acknowledged { .. } => "escalation.acknowledged",
            Self::FollowedUp { .. } => "escalation.followed_up",
        }
    }

    /// Returns whether this event closes the escalation.
    pub fn closes(&self) -> bool {
        self.outcome().is_some()
    }

    /// Returns whether agents receive this event.
    pub fn for_agents(&self) -> bool {
        !matches!(
            self,
            Self::Accepted { .. }
                | Self::Noted { .. }
                | Self::Marked { .. }
                | Self::Delivered { .. }
                | Self::NotPickedUp { .. }
                | Self::FollowedUp { .. }
        )
    }

    /// Returns the outcome, when this event closes the escalation.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Resolved { outcome } | Self::Expired { outcome } | Self::Cancelled { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

/// An event in the log of its workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub seq: Seq,
    pub id: EventId,
    pub at: Timestamp,
    pub escalation_id: EscalationId,
    /// The conversation, so that a page of another of its escalations sees control change.
    pub conversation: ConversationKey,
    /// The escalation that holds the conversation after this event.
    pub held_by: Option<EscalationId>,
    pub actor: Actor,
    pub kind: EventKind,
}
