//! Deadlines: rows, not timers. The sweeper sends `expire` when one has passed, and the verb judges it again.

use serde::{Deserialize, Serialize};

use super::{
    ask::AskKind,
    time::{Span, Timestamp},
};

/// Shortest and longest that a deadline may be set.
pub const SHORTEST: Span = Span::seconds(1);
/// See [`SHORTEST`].
pub const LONGEST: Span = Span::hours(30 * 24);

/// How long a takeover waits for an operator when the agent does not say.
const TAKEOVER_CLAIM_WITHIN: Span = Span::minutes(15);
/// How long a question or a decision stays open when the agent does not say.
const ANSWER_WITHIN: Span = Span::hours(24);

/// The deadlines an agent asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedDeadlines {
    pub claim: Option<Span>,
    pub resolve: Option<Span>,
    pub expire: Option<Span>,
}

impl RequestedDeadlines {
    /// These, and where one is not set, that of the queue.
    pub fn or(self, queue: Self) -> Self {
        Self {
            claim: self.claim.or(queue.claim),
            resolve: self.resolve.or(queue.resolve),
            expire: self.expire.or(queue.expire),
        }
    }
}

/// The deadlines of an escalation. The first hard one to pass expires it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// What `claim_by` starts anew from when a claim is released.
    pub claim_within: Option<Span>,
    /// Hard while waiting.
    pub claim_by: Option<Timestamp>,
    /// Informative.
    pub resolve_by: Option<Timestamp>,
    /// Hard, also when claimed.
    pub expires_at: Option<Timestamp>,
}

impl Deadlines {
    /// Fills in the defaults: a takeover waits 15 minutes and never expires under an operator; a question or decision
    /// lives 24 hours.
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

    /// `claim_by` for a wait that begins now.
    pub fn claim_by_from(&self, now: Timestamp) -> Option<Timestamp> {
        self.claim_within.map(|span| now + span)
    }
}
