//! Deadlines of escalations. Deadlines are rows, not timers: the sweeper runs the verb `fall_due` when a deadline has
//! passed, and the verb checks the deadline again.

use serde::{Deserialize, Serialize};

use super::{
    ask::AskKind,
    time::{Span, Timestamp},
};

/// The shortest deadline that may be set.
pub const SHORTEST: Span = Span::seconds(1);
/// The longest deadline that may be set.
pub const LONGEST: Span = Span::hours(30 * 24);

/// The time that a takeover waits for an operator when nothing else is set.
const TAKEOVER_CLAIM_WITHIN: Span = Span::minutes(15);
/// The time that a question or a decision stays open when nothing else is set.
const ANSWER_WITHIN: Span = Span::hours(24);

/// The deadlines that an agent asks for, or the defaults of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedDeadlines {
    pub claim: Option<Span>,
    pub resolve: Option<Span>,
    pub expire: Option<Span>,
}

impl RequestedDeadlines {
    /// Returns these deadlines, and those of the queue where one is not set.
    pub fn or(self, queue: Self) -> Self {
        Self {
            claim: self.claim.or(queue.claim),
            resolve: self.resolve.or(queue.resolve),
            expire: self.expire.or(queue.expire),
        }
    }
}

/// The deadlines of an escalation. The first hard deadline to pass expires it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// The span from which `claim_by` is computed again when a claim is released.
    pub claim_within: Option<Span>,
    /// A hard deadline while the escalation waits.
    pub claim_by: Option<Timestamp>,
    /// An informative deadline.
    pub resolve_by: Option<Timestamp>,
    /// A hard deadline that also applies while the escalation is claimed.
    pub expires_at: Option<Timestamp>,
}

impl Deadlines {
    /// Computes the deadlines with their defaults. A takeover must be claimed within 15 minutes, and does not expire once
    /// it is claimed. A question or a decision expires after 24 hours.
    pub fn starting(kind: AskKind, within: RequestedDeadlines, now: Timestamp) -> Self {
        let (claim, expire) = match kind {
            AskKind::Takeover => (within.claim.or(Some(TAKEOVER_CLAIM_WITHIN)), within.expire),
            AskKind::Question | AskKind::Decision => (within.claim, within.expire.or(Some(ANSWER_WITHIN))),
        };
        Self {
            claim_within: claim,
            claim_by: claim.map(|span| now + span),
            resolve_by: within.resolve.map(|span| now + span),
            expires_at: expire.map(|span| now + span),
        }
    }

    /// Returns `claim_by` for a wait that begins now.
    pub fn claim_by_from(&self, now: Timestamp) -> Option<Timestamp> {
        self.claim_within.map(|span| now + span)
    }
}
