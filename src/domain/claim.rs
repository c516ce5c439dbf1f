//! Claims: the hold of an operator on an escalation.

use serde::{Deserialize, Serialize};

use super::{
    operator::OperatorRef,
    time::{Span, Timestamp},
};

/// The time that a colleague has to open a transferred escalation, or to act on it, before it returns to its queue.
pub const ACCEPTED_WITHIN: Span = Span::minutes(2);

/// A number that grows with every claim and transfer of an escalation. Each operator write carries the fence it was
/// made under, so a stale tab cannot write after the escalation has changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

impl Fence {
    /// Returns the fence of the next claim.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The operator who holds an escalation, since when, and under which fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub operator: OperatorRef,
    pub fence: Fence,
    pub at: Timestamp,
    /// Set while the operator holds the escalation by a transfer that they have not accepted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

/// A transfer that its target has not accepted yet. The target accepts it by opening the escalation or by acting on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The operator who transferred it.
    pub by: OperatorRef,
    /// The time at which the escalation returns to its queue.
    pub until: Timestamp,
}

/// A period in which a human controlled the conversation. Briefings and boundaries report these periods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    pub operator: OperatorRef,
    pub from: Timestamp,
    /// None while the period lasts.
    pub to: Option<Timestamp>,
}
