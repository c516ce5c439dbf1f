//! Queues: where escalations wait, which operators serve them, and their defaults.

use serde::{Deserialize, Serialize};

use super::{
    deadline::RequestedDeadlines,
    ids::{OperatorId, QueueId},
    operator::{Operator, Role},
    refusal::Refusal,
    text::{Name, NoteText},
    words::words,
};

/// The reference to a queue that escalations carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRef {
    pub id: QueueId,
    pub name: Name,
}

/// The defaults of a queue for values that the agent left out. Where the queue has none either, the product's own
/// defaults apply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueDefaults {
    pub urgency: Option<Urgency>,
    pub within: RequestedDeadlines,
    /// The note to the agent when an escalation expires.
    pub expiry_note: Option<NoteText>,
}

/// The operators who serve a queue. An empty list means every operator.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueMembers(pub Vec<OperatorId>);

impl QueueMembers {
    /// Returns whether an operator serves the queue.
    pub fn include(&self, operator: OperatorId) -> bool {
        self.0.is_empty() || self.0.contains(&operator)
    }

    /// Refuses an operator who does not serve the queue and wants to take an escalation that waits there. Supervisors
    /// may take it.
    pub fn admit(&self, by: &Operator, queue: &QueueRef) -> Result<(), Refusal> {
        if by.role >= Role::Supervisor || self.include(by.who.id) {
            return Ok(());
        }
        Err(Refusal::NotAMember { queue: queue.name.clone() })
    }
}

/// The urgency with which the agent needs a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

words!(Urgency {
    Low = "low", "Low";
    Normal = "normal", "Normal";
    High = "high", "High";
    Urgent = "urgent", "Urgent";
});
