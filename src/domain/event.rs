//! Events: the only vocabulary of change. Numbered without gaps per workspace, in commit order.

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

/// An event's number within its workspace, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Agent(AgentRef),
    Operator(OperatorRef),
    /// The clock.
    System,
}

/// Where a transfer went.
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

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The agent handed over. Carries the escalation as it began.
    Opened {
        escalation: Box<Escalation>,
    },
    /// An operator holds it now.
    Claimed {
        claim: Claim,
    },
    /// An operator of a question or decision now speaks to the customer instead.
    TakenOver {
        at: Timestamp,
    },
    /// The claim ended; it waits again, until `claim_by`.
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
    /// It went to a colleague (who holds it: `claim`) or to a queue (where it waits again).
    Transferred {
        to: TransferTarget,
        note: Option<NoteText>,
        at: Timestamp,
        claim: Option<Claim>,
        fence: Fence,
        claim_by: Option<Timestamp>,
    },
    /// Customer, agent, operator or system said something.
    MessageCreated {
        message: Message,
    },
    /// The agent said what became of an operator's message.
    MessageReceipt {
        message_id: MessageId,
        receipt: Receipt,
    },
    /// A note among operators. No agent ever hears it.
    Noted {
        text: NoteText,
    },
    /// An operator set its urgency, or its tags. For operators only.
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
    /// The outcome left towards the agent. For operators only.
    Delivered {
        at: Timestamp,
    },
    /// A minute after the end the agent had not taken the outcome. For operators only.
    NotPickedUp {
        at: Timestamp,
    },
    /// The agent said that it took the outcome.
    Acknowledged {
        at: Timestamp,
    },
    /// Somebody took care of one that had expired, or of which nobody picked up the outcome. For operators only.
    FollowedUp {
        follow_up: FollowUp,
    },
}

impl EventKind {
    /// The type as agents' events and the log have it.
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

    /// Whether the escalation is over with this.
    pub fn closes(&self) -> bool {
        self.outcome().is_some()
    }

    /// Whether agents hear of it.
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

    /// How it ended, when this is the end.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Resolved { outcome } | Self::Expired { outcome } | Self::Cancelled { outcome, .. } => Some(outcome),
            _ => None,
        }
    }
}

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub seq: Seq,
    pub id: EventId,
    pub at: Timestamp,
    pub escalation_id: EscalationId,
    /// The conversation, so that a screen on another of its escalations sees control move.
    pub conversation: ConversationKey,
    /// Who holds the conversation after this event.
    pub held_by: Option<EscalationId>,
    pub actor: Actor,
    pub kind: EventKind,
}
