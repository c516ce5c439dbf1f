//! Events: the only record of changes. Events are numbered without gaps per workspace, in commit order.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{
    actor::Actor,
    claim::{Claim, Fence},
    conversation::{Control, ConversationKey},
    escalation::{Escalation, FollowUp},
    ids::{EscalationId, EventId, MessageId},
    message::{Message, Receipt},
    operator::OperatorRef,
    outcome::Outcome,
    queue::{QueueRef, Urgency},
    seq::Seq,
    text::{NoteText, Tag, Text},
    time::Timestamp,
    update::{ChangedValue, OpeningUpdate},
};

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
    /// The agent asked for a takeover again while this one was open. For operators only.
    AskedAgain {
        reason: Text<2_000>,
        summary: Option<Text<4_000>>,
        /// Set when the urgency rises.
        urgency: Option<Urgency>,
    },
    /// The agent changed what it said when it opened the escalation.
    Updated {
        /// The new values. Left out of pages' histories, whose escalation has them.
        update: Box<OpeningUpdate>,
        /// The changed values, for people to compare.
        changes: Vec<ChangedValue>,
        /// The revision of the ask after the update.
        ask_revision: i64,
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

/// Declares the types of event. A line names the variant of [`EventKind`], its name in the log and in agents' events, its
/// recipients, and whether it closes the escalation.
macro_rules! event_types {
    ($($variant:ident, $name:literal, $recipients:ident, $effect:ident;)*) => {
        /// The type of an event, without its content.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventType {
            $($variant,)*
        }

        impl EventType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name in the log and in agents' events.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Returns whether agents receive events of this type.
            pub fn is_for_agents(self) -> bool {
                match self {
                    $(Self::$variant => Recipients::$recipients == Recipients::Everyone,)*
                }
            }

            /// Returns whether an event of this type closes the escalation.
            pub fn closes(self) -> bool {
                match self {
                    $(Self::$variant => Effect::$effect == Effect::Closes,)*
                }
            }
        }

        impl EventKind {
            /// Returns the type of this event.
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$variant { .. } => EventType::$variant,)*
                }
            }
        }
    };
}

/// The recipients of a type of event.
#[derive(PartialEq, Eq)]
enum Recipients {
    /// Operators, and the agent of the escalation.
    Everyone,
    Operators,
}

/// The effect of a type of event on the state of the escalation.
#[derive(PartialEq, Eq)]
enum Effect {
    Continues,
    Closes,
}

event_types! {
    Opened, "escalation.opened", Everyone, Continues;
    Claimed, "escalation.claimed", Everyone, Continues;
    TakenOver, "escalation.taken_over", Everyone, Continues;
    Released, "escalation.released", Everyone, Continues;
    Accepted, "escalation.accepted", Operators, Continues;
    Transferred, "escalation.transferred", Everyone, Continues;
    MessageCreated, "message.created", Everyone, Continues;
    MessageReceipt, "message.receipt", Everyone, Continues;
    Noted, "note.created", Operators, Continues;
    Marked, "escalation.marked", Operators, Continues;
    AskedAgain, "escalation.asked_again", Operators, Continues;
    Updated, "escalation.updated", Everyone, Continues;
    Resolved, "escalation.resolved", Everyone, Closes;
    Expired, "escalation.expired", Everyone, Closes;
    Cancelled, "escalation.cancelled", Everyone, Closes;
    Delivered, "escalation.delivered", Operators, Continues;
    NotPickedUp, "escalation.not_picked_up", Operators, Continues;
    Acknowledged, "escalation.acknowledged", Everyone, Continues;
    FollowedUp, "escalation.followed_up", Operators, Continues;
}

/// The text names no type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no type of event has this name")]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;

    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL.iter().copied().find(|it| it.as_str() == name).ok_or(UnknownEventType)
    }
}

impl EventKind {
    /// Returns the event as the history of a page holds it: without the new values of an update, which may be large.
    pub fn in_history(self) -> Self {
        match self {
            Self::Updated { changes, ask_revision, .. } => {
                Self::Updated { update: Box::default(), changes, ask_revision }
            }
            other => other,
        }
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

impl Event {
    /// Returns who may speak to the customer after this event.
    pub fn control(&self) -> Control {
        Control::of(self.held_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_again_and_no_other() {
        for event_type in EventType::ALL {
            assert_eq!(event_type.as_str().parse(), Ok(*event_type));
        }
        assert_eq!("escalation.unknown".parse::<EventType>(), Err(UnknownEventType));
    }
}
