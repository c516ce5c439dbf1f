//! Agents: machines that may escalate.

use serde::{Deserialize, Serialize};

use super::{ids::AgentId, text::Name};

/// An agent as escalations and events name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRef {
    pub id: AgentId,
    pub name: Name,
}
