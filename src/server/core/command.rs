//! What can be wanted of the desk, and what it came to.

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

/// One thing that someone wants done.
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
        /// Of an operator.
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
    /// The target of a transfer has opened the escalation.
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
    /// Somebody sets its urgency or its tags.
    Mark {
        by: Operator,
        escalation: EscalationId,
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    },
    /// The clock has something to say.
    FallDue {
        escalation: EscalationId,
    },
    /// The holder has been gone since then.
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
    /// The escalation it is about.
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

    /// The agent that speaks, for verbs of agents.
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

    /// The operator who wants to take what waits, by claiming, answering or taking over.
    pub fn takes(&self) -> Option<&Operator> {
        match self {
            Self::Claim { by, .. } | Self::TakeOver { by, .. } | Self::Resolve { by, .. } => Some(by),
            _ => None,
        }
    }

    /// Who opens, and with what.
    pub fn opening(&self) -> Option<(&AgentRef, &Opening)> {
        match self {
            Self::Open(open) => Some((&open.agent, &open.opening)),
            _ => None,
        }
    }
}

/// Makes the answer that is stored with an idempotency key.
pub type RenderAnswer = Arc<dyn Fn(&CommandResult) -> Vec<u8> + Send + Sync>;

/// A request that may be repeated and must take effect once.
#[derive(Clone)]
pub struct IdempotentRequest {
    pub agent: AgentId,
    pub path: String,
    pub key: String,
    pub body_sha256: [u8; 32],
    /// The HTTP status of the answer.
    pub status: u16,
    pub answer: RenderAnswer,
}

/// A verb on its way to the writer.
#[derive(Clone)]
pub struct Command {
    pub workspace: WorkspaceId,
    pub verb: Verb,
    pub once: Option<IdempotentRequest>,
}

/// What a command came to. Durable.
#[derive(Debug, Clone)]
pub struct CommandResult {
    pub current: CurrentState,
    pub events: Vec<Arc<RecordedEvent>>,
    /// The message of a say or a reply, also when it was there before.
    pub message: Option<Message>,
    /// The same `client_message_id` and text came again; nothing changed.
    pub repeated: bool,
    /// An idempotency key was met again: the status and bytes to send.
    pub replay: Option<(u16, Vec<u8>)>,
    /// What [`IdempotentRequest::answer`] made.
    pub answer: Option<Vec<u8>>,
}
