//! The operator's hold on an escalation.

use serde::{Deserialize, Serialize};

use super::{operator::OperatorRef, time::Timestamp};

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
}

/// A time in which a human controlled the conversation; briefings and boundaries tell of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    pub operator: OperatorRef,
    pub from: Timestamp,
    /// Empty while it lasts.
    pub to: Option<Timestamp>,
}
