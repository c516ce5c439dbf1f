//! Commands to the desk, and their results.

use std::sync::Arc;

use crate::{
    domain::{
        agent::AgentRef,
        checked::Checked,
        claim::Fence,
        escalation::{NewEscalation, NewMessage},
        event::TransferTarget,
        ids::{AgentId, EscalationId, MessageId, OperatorId, WorkspaceId},
        message::{Message, Receipt},
        opening::Opening,
        operator::Operator,
        outcome::Resolution,
        queue::Urgency,
        text::{NoteText, Tag, Text},
        time::Timestamp,
    },
    server::{core::log::RecordedEvent, error::CurrentState},
};

/// An action on one escalation, by an agent, an operator or the clock.
#[derive(Debug, Clone)]
pub enum Verb {
    Open(Box<NewEscalation>),
    Say {
        agent: AgentRef,
        escalation: EscalationId,
        message: NewMessage,
    },
    Receipt {
        agent: AgentRef,
        escalation: EscalationId,
        /// The message of an operator that the receipt is for.
        message: MessageId,
        receipt: Receipt,
    },
    Cancel {
        agent: AgentRef,
        escalation: EscalationId,
        reason: Text<2_000>,
    },
    Acknowledge {
        agent: AgentRef,
        escalation: EscalationId,
    },
    Deliver {
        escalation: EscalationId,
    },
    Claim {
        by: Operator,
        escalation: EscalationId,
    },
    Release {
        by: Operator,
        escalation: EscalationId,
        fence: Fence,
    },
    /// The target of a transfer accepts it by opening the escalation.
    Accept {
        by: Operator,
        escalation: EscalationId,
    },
    Transfer {
        by: Operator,
        escalation: EscalationId,
        fence: Option<Fence>,
        to: TransferTarget,
        note: Option<NoteText>,
    },
    TakeOver {
        by: Operator,
        escalation: EscalationId,
        fence: Option<Fence>,
    },
    Reply {
        by: Operator,
        escalation: EscalationId,
        fence: Fence,
        message: NewMessage,
    },
    Note {
        by: Operator,
        escalation: EscalationId,
        text: NoteText,
    },
    Resolve {
        by: Operator,
        escalation: EscalationId,
        fence: Option<Fence>,
        resolution: Checked<Resolution>,
    },
    /// An operator sets the urgency or the tags; none leaves them as they are.
    Mark {
        by: Operator,
        escalation: EscalationId,
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    },
    /// The sweeper found the escalation due: it expires, a transfer returns, or an outcome was not picked up.
    FallDue {
        escalation: EscalationId,
    },
    /// The claim lapses because its holder was last seen at `seen_at`.
    Lapse {
        escalation: EscalationId,
        holder: OperatorId,
        seen_at: Timestamp,
    },
    FollowUp {
        by: Operator,
        escalation: EscalationId,
        note: Option<NoteText>,
    },
}

impl Verb {
    /// Returns the escalation that the verb acts on.
    pub fn escalation(&self) -> EscalationId {
        match self {
            Self::Open(open) => open.id,
            Self::Say { escalation, .. }
            | Self::Receipt { escalation, .. }
            | Self::Cancel { escalation, .. }
            | Self::Acknowledge { escalation, .. }
            | Self::Deliver { escalation }
            | Self::Claim { escalation, .. }
            | Self::Release { escalation, .. }
            | Self::Accept { escalation, .. }
            | Self::Transfer { escalation, .. }
            | Self::TakeOver { escalation, .. }
            | Self::Reply { escalation, .. }
            | Self::Note { escalation, .. }
            | Self::Resolve { escalation, .. }
            | Self::FollowUp { escalation, .. }
            | Self::Mark { escalation, .. }
            | Self::FallDue { escalation }
            | Self::Lapse { escalation, .. } => *escalation,
        }
    }

    /// Returns the agent of a verb that only agents use.
    pub fn agent(&self) -> Option<&AgentRef> {
        match self {
            Self::Open(open) => Some(&open.agent),
            Self::Say { agent, .. }
            | Self::Receipt { agent, .. }
            | Self::Cancel { agent, .. }
            | Self::Acknowledge { agent, .. } => Some(agent),
            _ => None,
        }
    }

    /// Returns the operator of a verb that may take a waiting escalation: claim, resolve or take over.
    pub fn takes(&self) -> Option<&Operator> {
        match self {
            Self::Claim { by, .. } | Self::TakeOver { by, .. } | Self::Resolve { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Returns the agent and the opening of an open.
    pub fn opening(&self) -> Option<(&AgentRef, &Opening)> {
        match self {
            Self::Open(open) => Some((&open.agent, &open.opening)),
            _ => None,
        }
    }
}

/// Renders the answer that is stored under an idempotency key.
pub type RenderAnswer = Arc<dyn Fn(&CommandResult) -> Vec<u8> + Send + Sync>;

/// The idempotency key of a request, so that a retry takes effect once.
#[derive(Clone)]
pub struct IdempotentRequest {
    pub agent: AgentId,
    pub path: String,
    pub key: String,
    pub body_sha256: [u8; 32],
    /// The HTTP status of the stored answer.
    pub status: u16,
    pub answer: RenderAnswer,
}

/// A verb with its workspace and idempotency key, as the writer runs it.
#[derive(Clone)]
pub struct Command {
    pub workspace: WorkspaceId,
    pub verb: Verb,
    pub once: Option<IdempotentRequest>,
}

/// The result of a command, returned after its transaction was committed.
#[derive(Debug, Clone)]
pub struct CommandResult {
    pub current: CurrentState,
    pub events: Vec<Arc<RecordedEvent>>,
    /// The message of a say or a reply, also when a retry found it stored.
    pub message: Option<Message>,
    /// True when the same `client_message_id` and text came again and nothing changed.
    pub repeated: bool,
    /// The stored status and bytes, when the idempotency key was used before.
    pub replay: Option<(u16, Vec<u8>)>,
    /// The answer that [`IdempotentRequest::answer`] rendered.
    pub answer: Option<Vec<u8>>,
}
