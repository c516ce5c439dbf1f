//! Agents: machines that may escalate.

use serde::{Deserialize, Serialize};

use super::{ids::AgentId, text::Name};

/// The reference to an agent that escalations and events carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRef {
    pub id: AgentId,
    pub name: Name,
    /// True for a test agent. Robot answers its escalations, which are tests: no operator sees them as work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}
