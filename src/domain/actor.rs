//! Actors: an agent, an operator or the server, each of which may cause an event.

use serde::{Deserialize, Serialize};

use super::{agent::AgentRef, operator::OperatorRef};

/// The actor that caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Agent(AgentRef),
    Operator(OperatorRef),
    /// The server: the clock, or the delivery of an outcome.
    System,
}
