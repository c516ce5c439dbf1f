//! Rows of lists.

use serde::{Deserialize, Serialize};

use crate::domain::{
    agent::AgentRef,
    ask::AskKind,
    escalation::{Escalation, LastSaid, Shelf, Status},
    ids::{EscalationId, OperatorId, QueueId},
    operator::OperatorRef,
    queue::Urgency,
    reason::ReasonCode,
    seq::Seq,
    text::Text,
    time::Timestamp,
};

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub id: EscalationId,
    pub seq: Seq,
    pub status: Status,
    pub ask: AskKind,
    pub urgency: Urgency,
    /// The customer, or the subject when the customer is unknown.
    pub title: String,
    pub code: ReasonCode,
    /// The reason in words.
    pub reason: String,
    pub agent: AgentRef,
    pub queue: QueueId,
    pub claimed_by: Option<OperatorRef>,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    /// The time since which someone waits for a human: see [`Escalation::waits_since`].
    pub waits_since: Option<Timestamp>,
    pub last_said: Option<LastSaid>,
    /// See [`Escalation::said_seq`].
    #[serde(default)]
    pub said_seq: Seq,
    /// True if the customer was here before.
    pub earlier: bool,
    /// The address at which the customer can be reached, only of an escalation that expired.
    pub contact: Option<String>,
    pub followed_up: bool,
    /// True if the agent did not pick the outcome up in time, and has not since.
    #[serde(default)]
    pub not_picked_up: bool,
}

impl Row {
    /// Returns the shelf of the row.
    pub fn shelf(&self) -> Shelf {
        Shelf::of(self.agent.test, self.status, self.not_picked_up, self.followed_up)
    }

    /// Returns whether the operator holds the escalation, or held it last when it is closed.
    pub fn is_held_by(&self, operator: OperatorId) -> bool {
        self.claimed_by.as_ref().is_some_and(|by| by.id == operator)
    }
}

impl From<&Escalation> for Row {
    fn from(it: &Escalation) -> Self {
        let contact = it.opening.customer().filter(|_| it.status == Status::Expired).and_then(|customer| {
            let email = customer.email.as_ref().map(Text::as_str);
            email.or(customer.id.as_ref().map(Text::as_str)).map(str::to_owned)
        });
        Self {
            id: it.id,
            seq: it.seq,
            status: it.status,
            ask: it.opening.ask.kind,
            urgency: it.urgency,
            title: it.opening.title(),
            code: it.opening.reason.code,
            reason: it.opening.reason.in_words(),
            agent: it.agent.clone(),
            queue: it.queue.id,
            claimed_by: it.claim.as_ref().map(|claim| claim.operator.clone()),
            opened_at: it.opened_at,
            closed_at: it.closed_at,
            due_at: it.due_at(),
            waits_since: it.waits_since(),
            last_said: it.last_said.clone(),
            said_seq: it.said_seq,
            earlier: it.earlier,
            contact,
            followed_up: it.followed_up.is_some(),
            not_picked_up: it.not_picked_up,
        }
    }
}
