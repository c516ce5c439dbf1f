//! Commands to the desk, and their results.

use std::sync::Arc;

use crate::{
    domain::{
        agent::AgentRef,
        checked::Checked,
        claim::Fence,
        escalation::by_agent::{NewEscalation, NewMessage},
        event::TransferTarget,
        ids::{AgentId, EscalationId, MessageId, OperatorId, WorkspaceId},
        message::{Message, Receipt},
        operator::Operator,
        outcome::Resolution,
        queue::Urgency,
        text::{NoteText, Tag, Text},
        time::Timestamp,
        update::OpeningUpdate,
    },
    server::{core::log::RecordedEvent, error::CurrentState},
};

/// An action of an agent on an escalation.
#[derive(Debug, Clone)]
pub enum AgentVerb {
    Open(Box<NewEscalation>),
    /// Adds a message of the customer, the agent or the system.
    Say {
        message: NewMessage,
    },
    /// Reports how the customer got an operator's message.
    Receipt {
        message: MessageId,
        receipt: Receipt,
    },
    Update(Box<OpeningUpdate>),
    Cancel {
        reason: Text<2_000>,
    },
    Acknowledge,
}

/// An action of an operator on an escalation.
#[derive(Debug, Clone)]
pub enum OperatorVerb {
    Claim,
    Release {
        fence: Fence,
    },
    /// The target of a transfer accepts it by opening the escalation.
    Accept,
    Transfer {
        fence: Option<Fence>,
        to: TransferTarget,
        note: Option<NoteText>,
    },
    TakeOver {
        fence: Option<Fence>,
    },
    Reply {
        fence: Fence,
        message: NewMessage,
    },
    Note {
        text: NoteText,
    },
    Resolve {
        fence: Option<Fence>,
        resolution: Checked<Resolution>,
    },
    /// Sets the urgency or the tags; none leaves them as they are.
    Mark {
        urgency: Option<Urgency>,
        tags: Option<Vec<Tag>>,
    },
    /// Records that the customer of an expired escalation was contacted.
    FollowUp {
        note: Option<NoteText>,
    },
}

/// An action that the server takes by itself.
#[derive(Debug, Clone)]
pub enum SystemVerb {
    /// Records that the agent has received the outcome.
    Deliver,
    /// The sweeper found the escalation due: it expires, a transfer returns, or an outcome was not picked up.
    FallDue,
    /// The claim lapses because its holder was last seen at `seen_at`.
    Lapse { holder: OperatorId, seen_at: Timestamp },
}

/// An actor and the verb that they perform.
#[derive(Debug, Clone)]
pub enum ActorVerb {
    Agent(AgentRef, AgentVerb),
    Operator(Operator, OperatorVerb),
    System(SystemVerb),
}

/// An answer that is stored under an idempotency key: its HTTP status, and its bytes.
pub type RenderedAnswer = (u16, Vec<u8>);

/// Renders the answer that is stored under an idempotency key.
pub type RenderAnswer = Arc<dyn Fn(&CommandResult) -> RenderedAnswer + Send + Sync>;

/// The idempotency key of a request, so that a retry takes effect once.
#[derive(Clone)]
pub struct IdempotentRequest {
    pub agent: AgentId,
    pub path: String,
    pub key: String,
    pub body_sha256: [u8; 32],
    pub answer: RenderAnswer,
}

/// An action on one escalation, as the writer runs it.
#[derive(Clone)]
pub struct Command {
    pub workspace: WorkspaceId,
    pub escalation: EscalationId,
    pub verb: ActorVerb,
    pub once: Option<IdempotentRequest>,
}

impl Command {
    /// Creates a command without an idempotency key.
    pub fn new(workspace: WorkspaceId, escalation: EscalationId, verb: ActorVerb) -> Self {
        Self { workspace, escalation, verb, once: None }
    }

    /// Creates the command that opens an escalation, in the name of its agent.
    pub fn open(workspace: WorkspaceId, open: NewEscalation) -> Self {
        Self::new(workspace, open.id, ActorVerb::Agent(open.agent.clone(), AgentVerb::Open(Box::new(open))))
    }

    /// Returns the key of the escalation that the command acts on.
    pub fn key(&self) -> (WorkspaceId, EscalationId) {
        (self.workspace, self.escalation)
    }

    /// Returns the agent that acts, if one does.
    pub fn agent(&self) -> Option<&AgentRef> {
        match &self.verb {
            ActorVerb::Agent(agent, _) => Some(agent),
            _ => None,
        }
    }

    /// Returns the escalation that the command opens, if it opens one.
    pub fn opens(&self) -> Option<&NewEscalation> {
        match &self.verb {
            ActorVerb::Agent(_, AgentVerb::Open(open)) => Some(open),
            _ => None,
        }
    }

    /// Returns the message that the command adds, if it adds one.
    pub fn message(&self) -> Option<&NewMessage> {
        match &self.verb {
            ActorVerb::Agent(_, AgentVerb::Say { message })
            | ActorVerb::Operator(_, OperatorVerb::Reply { message, .. }) => Some(message),
            _ => None,
        }
    }
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
    /// True when the agent asked for a takeover that was open already: `current` is that one.
    pub asked_again: bool,
    /// The stored answer, when the idempotency key was used before.
    pub replay: Option<RenderedAnswer>,
    /// The answer that [`IdempotentRequest::answer`] rendered.
    pub answer: Option<RenderedAnswer>,
}
