//! Refusals of the domain: a code that programs branch on and a sentence that people read.

use serde::{Deserialize, Serialize};

use super::{
    field_problem::FieldProblem,
    ids::EscalationId,
    operator::{OperatorRef, Role},
    text::Name,
    time::Timestamp,
};

/// The reason why the domain refused a command. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error("A human operator is in control of this conversation.")]
    HumanInControl,
    #[error("The agent is in control of this conversation, so nothing can be said to the customer from here.")]
    AgentInControl,
    #[error("This escalation is already closed.")]
    AlreadyClosed,
    #[error("This escalation is not closed yet.")]
    NotClosed,
    #[error("{} claimed this first.", by.name)]
    AlreadyClaimed { by: OperatorRef, at: Timestamp },
    #[error("Nobody has claimed this. Claim it first.")]
    NotClaimed,
    #[error("{} holds this now.", by.name)]
    ClaimedByAnother { by: OperatorRef },
    #[error("Only members of the queue {queue} take what waits there. An admin can make you one.")]
    NotAMember { queue: Name },
    #[error("Your claim has changed since this page was drawn. Look again before you write.")]
    StaleFence,
    #[error("Another escalation of this conversation is being handled by a human: {by}.")]
    ConversationHeld { by: EscalationId },
    #[error("No deadline of this escalation has passed.")]
    NotDue,
    #[error("Only an escalation that expired can be followed up.")]
    NotExpired,
    #[error("This escalation is already a takeover.")]
    AlreadyATakeover,
    #[error("This escalation came without a conversation, so there is nobody to talk to.")]
    NoCustomer,
    #[error("The data does not match what was asked for.")]
    InvalidFields { problems: Vec<FieldProblem> },
    #[error("The agent has changed what it asks. Look again before you decide. Nothing was sent.")]
    AskChanged,
    #[error("This answer could not be checked in time. Nothing was sent.")]
    NotCheckedInTime,
    #[error("The same key was used before with another request.")]
    IdempotencyKeyReused,
    #[error("There is no such escalation.")]
    NotFound,
    #[error("This is a test, which Robot answers.")]
    IsTest,
    #[error("The workspace has as many open escalations as it may have.")]
    TooManyOpen,
    #[error("This needs the role {need}. An admin can grant it.")]
    Forbidden { need: Role },
}

impl Refusal {
    /// Creates a refusal for one invalid field.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::InvalidFields { problems: vec![FieldProblem::new(pointer, detail)] }
    }

    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HumanInControl | Self::AgentInControl => "not_in_control",
            Self::AlreadyClosed => "already_closed",
            Self::NotClosed => "not_closed",
            Self::AlreadyClaimed { .. } => "already_claimed",
            Self::NotClaimed => "not_claimed",
            Self::ClaimedByAnother { .. } => "claimed_by_another",
            Self::NotAMember { .. } => "not_a_member",
            Self::StaleFence => "stale_fence",
            Self::ConversationHeld { .. } => "conversation_held",
            Self::NotDue => "not_due",
            Self::NotExpired => "not_expired",
            Self::AlreadyATakeover => "already_a_takeover",
            Self::NoCustomer => "no_customer",
            Self::InvalidFields { .. } => "invalid_field",
            Self::AskChanged => "ask_changed",
            Self::NotCheckedInTime => "not_checked_in_time",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::NotFound => "not_found",
            Self::IsTest => "is_test",
            Self::TooManyOpen => "too_many_open",
            Self::Forbidden { .. } => "forbidden",
        }
    }
}

impl Role {
    /// Refuses with the needed role when this role is below it.
    pub fn at_least(self, need: Role) -> Result<(), Refusal> {
        if self >= need { Ok(()) } else { Err(Refusal::Forbidden { need }) }
    }
}
