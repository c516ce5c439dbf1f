//! Conversations and who controls them. Control belongs to the conversation, not to an escalation, because a question
//! may be open in addition to a takeover of the same chat.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ids::{AgentId, EscalationId},
    words::words,
};

/// The side that may speak to the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    Agent,
    Human,
}

words!(Control {
    Agent = "agent",
    Human = "human",
});

impl Control {
    /// Returns the control that follows from which escalation holds the conversation.
    pub fn of(held_by: Option<EscalationId>) -> Self {
        if held_by.is_some() { Self::Human } else { Self::Agent }
    }
}

/// The key of a conversation within a workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationKey(String);

impl ConversationKey {
    /// Builds the key from the agent and its own id of the conversation. Without such an id, the escalation is its own
    /// conversation. The two forms cannot collide, whatever an agent calls its conversations, because ids of agents and
    /// escalations have different prefixes.
    pub fn new(agent: AgentId, id: Option<&str>, escalation: EscalationId) -> Self {
        match id {
            Some(id) => Self(format!("{agent}/{id}")),
            None => Self(escalation.to_string()),
        }
    }

    /// Wraps a key that was loaded from the database.
    pub fn stored(key: String) -> Self {
        Self(key)
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The current state of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub key: ConversationKey,
    /// The escalation under which a human speaks. The agent speaks when there is none.
    pub held_by: Option<EscalationId>,
    /// The open takeover. A conversation has at most one.
    pub takeover: Option<EscalationId>,
}

impl Conversation {
    /// Creates a conversation that nobody has escalated yet.
    pub fn new(key: ConversationKey) -> Self {
        Self { key, held_by: None, takeover: None }
    }

    /// Returns who may speak to the customer.
    pub fn control(&self) -> Control {
        Control::of(self.held_by)
    }
}
