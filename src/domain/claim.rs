//! The operator's hold on an escalation.

use serde::{Deserialize, Serialize};

use super::{
    operator::OperatorRef,
    time::{Span, Timestamp},
};

/// How long a colleague has to open a transferred escalation, or to act on it, before it returns to its queue.
pub const ACCEPTED_WITHIN: Span = Span::minutes(2);

/// Grows with every claim and transfer of an escalation. Each operator write carries the one it was made under, so a
/// tab that slept through a hand-over cannot speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

impl Fence {
    /// The fence of the next claim.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Who holds an escalation, since when, under which fence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub operator: OperatorRef,
    pub fence: Fence,
    pub at: Timestamp,
    /// Set while the operator holds this by a transfer that they have not accepted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

/// A transfer that its target has not accepted yet. The target accepts it by opening the escalation or by acting on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The operator who transferred it.
    pub by: OperatorRef,
    /// When the escalation returns to its queue.
    pub until: Timestamp,
}

/// A time in which a human controlled the conversation; briefings and boundaries tell of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    pub operator: OperatorRef,
    pub from: Timestamp,
    /// Empty while it lasts.
    pub to: Option<Timestamp>,
}
