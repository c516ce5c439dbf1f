//! Queues: where escalations wait, who serves them, and what they fill in.

use serde::{Deserialize, Serialize};

use super::{
    deadline::RequestedDeadlines,
    ids::{OperatorId, QueueId},
    operator::{Operator, Role},
    refusal::Refusal,
    text::{Name, NoteText},
};

/// A queue as escalations name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRef {
    pub id: QueueId,
    pub name: Name,
}

/// What a queue fills in where the agent left it out. Where it has nothing either, the product's own defaults stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueDefaults {
    pub urgency: Option<Urgency>,
    pub within: RequestedDeadlines,
    /// What the agent is told when nobody came.
    pub expiry_note: Option<NoteText>,
}

/// The operators who serve a queue; nobody in particular means everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueMembers(pub Vec<OperatorId>);

impl QueueMembers {
    /// Whether an operator serves the queue.
    pub fn include(&self, operator: OperatorId) -> bool {
        self.0.is_empty() || self.0.contains(&operator)
    }

    /// Refuses an operator who does not serve the queue and wants to take what waits there. Supervisors may.
    pub fn admit(&self, by: &Operator, queue: &QueueRef) -> Result<(), Refusal> {
        if by.role >= Role::Supervisor || self.include(by.who.id) {
            return Ok(());
        }
        Err(Refusal::NotAMember { queue: queue.name.clone() })
    }
}

/// How soon the agent needs a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    Low,
    #[default]
    Normal,
    High,
    Urgent,
}

impl Urgency {
    /// Every urgency, from the lowest.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];

    /// The urgency as JSON and addresses have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// As people read it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Normal => "Normal",
            Self::High => "High",
            Self::Urgent => "Urgent",
        }
    }
}
