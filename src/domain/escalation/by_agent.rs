//! The verbs of agents: open, say, receipt, cancel and acknowledge, and the delivery of an outcome.

use std::sync::Arc;

use super::{Escalation, LastSaid, Status};
use crate::domain::{
    actor::Actor,
    agent::AgentRef,
    ask::AskKind,
    claim::Fence,
    conversation::{Conversation, ConversationKey},
    deadline::{Deadlines, RequestedDeadlines},
    disposition::Disposition,
    event::EventKind,
    ids::{EscalationId, MessageId},
    message::{Author, Message, MessageRole, Receipt},
    opening::Opening,
    operator::OperatorRef,
    outcome::{ClosingContext, Outcome, Resolution},
    queue::{QueueRef, Urgency},
    refusal::Refusal,
    seq::Seq,
    text::{ClientMessageId, MessageText, NoteText, Text},
    time::Timestamp,
    update::OpeningUpdate,
};

/// How often an agent's further requests for the same takeover are recorded.
const MOST_ASKED_AGAIN: i64 = 50;
/// How often an agent may update an escalation. Each update is a line of the page.
const MOST_UPDATES: i64 = 200;

/// The checked content of a request to open an escalation.
#[derive(Debug, Clone)]
pub struct NewEscalation {
    pub id: EscalationId,
    pub agent: AgentRef,
    pub queue: QueueRef,
    pub urgency: Urgency,
    pub within: RequestedDeadlines,
    pub opening: Arc<Opening>,
    /// The conversation so far, oldest first, with positions from 0.
    pub transcript: Vec<Message>,
}

impl NewEscalation {
    /// Returns the key of the conversation that the escalation is about.
    pub fn conversation(&self) -> ConversationKey {
        ConversationKey::new(self.agent.id, self.opening.conversation_id(), self.id)
    }

    /// Returns the open takeover of the conversation, if this would be a second one. The agent has then asked again.
    pub fn already_open(&self, conversation: &Conversation) -> Option<EscalationId> {
        conversation.takeover.filter(|_| self.opening.ask.kind == AskKind::Takeover)
    }

    /// Opens the escalation. `earlier` says whether the customer was here before, `acknowledges` whether the agent has
    /// ever acknowledged an outcome.
    pub fn decide(&self, earlier: bool, acknowledges: bool, now: Timestamp) -> Vec<EventKind> {
        let kind = self.opening.ask.kind;
        let escalation = Box::new(Escalation {
            id: self.id,
            opened_seq: Seq::default(),
            seq: Seq::default(),
            conversation: self.conversation(),
            agent: self.agent.clone(),
            queue: self.queue.clone(),
            urgency: self.urgency,
            urgency_is_set: false,
            asked_again: 0,
            updates: 0,
            opening: Arc::clone(&self.opening),
            status: Status::Waiting,
            opened_at: now,
            claim: None,
            fence: Fence::default(),
            deadlines: Deadlines::starting(kind, self.within, now),
            taken_over: false,
            stints: vec![],
            messages: self.transcript.len() as i64,
            said: 0,
            last_said: LastSaid::of(&self.transcript),
            said_seq: Seq::default(),
            replied_at: None,
            owed_since: None,
            earlier,
            acknowledges,
            tags: vec![],
            closed_at: None,
            closed_seq: None,
            outcome: None,
            delivered_at: None,
            acknowledged_at: None,
            not_picked_up: false,
            followed_up: None,
            latest_at: now,
        });
        vec![EventKind::Opened { escalation }]
    }
}

/// A message that is about to be added to an escalation.
#[derive(Debug, Clone)]
pub struct NewMessage {
    pub id: MessageId,
    pub client_message_id: ClientMessageId,
    pub role: MessageRole,
    pub text: MessageText,
    /// The time at which the message was said, when that is not now.
    pub at: Option<Timestamp>,
    pub author: Option<Author>,
}

impl NewMessage {
    /// Creates a message of an operator, who says it now.
    pub fn of_operator(
        id: MessageId,
        client_message_id: ClientMessageId,
        text: MessageText,
        operator: &OperatorRef,
    ) -> Self {
        let author = Some(Author::from(operator));
        Self { id, client_message_id, role: MessageRole::Operator, text, at: None, author }
    }
}

impl Escalation {
    /// Records that the agent asked for this takeover again. The urgency may rise, unless a person has set it; nothing
    /// else changes. After [`MOST_ASKED_AGAIN`] times only a rise is recorded, because a model may ask without end.
    pub fn ask_again(&self, again: &NewEscalation) -> Vec<EventKind> {
        let rises = again.urgency > self.urgency && !self.urgency_is_set;
        if self.asked_again >= MOST_ASKED_AGAIN && !rises {
            return vec![];
        }
        let (reason, summary) = (again.opening.reason.text.clone(), again.opening.summary.clone());
        vec![EventKind::AskedAgain { reason, summary, urgency: rises.then_some(again.urgency) }]
    }

    /// Updates what the agent said at the open. An urgency that a person has set stays. The kind of the ask never changes,
    /// and what is the same changes nothing.
    pub fn update(&self, update: OpeningUpdate) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_open()?;
        if update.ask.as_ref().is_some_and(|ask| ask.kind != self.opening.ask.kind) {
            return Err(Refusal::field("/ask/kind", "cannot be changed"));
        }
        let urgency = update.urgency.filter(|_| !self.urgency_is_set);
        let update = OpeningUpdate { urgency, ..update }.against(&self.opening, self.urgency);
        if update.parts().is_empty() {
            return Ok(vec![]);
        }
        if self.updates >= MOST_UPDATES {
            return Err(Refusal::field("", format!("cannot be changed any more, after {MOST_UPDATES} updates")));
        }
        let changes = update.changes(&self.opening, self.urgency);
        let ask_revision = update.ask.as_ref().unwrap_or(&self.opening.ask).revision;
        Ok(vec![EventKind::Updated { update: Box::new(update), changes, ask_revision }])
    }

    /// Adds a message of the customer, the agent or the system. A message of the agent is refused while a human holds
    /// the conversation.
    pub fn say(&self, new: NewMessage, conversation: &Conversation, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_open()?;
        if !matches!(new.role, MessageRole::Customer | MessageRole::Agent | MessageRole::System) {
            return Err(Refusal::field("/role", "an agent passes on what customer, agent or system said"));
        }
        if new.role == MessageRole::Agent && conversation.held_by.is_some() {
            return Err(Refusal::HumanInControl);
        }
        Ok(vec![self.message_created(new, now)])
    }

    /// Records what became of an operator's message, also after the end, because the last message may be shown late.
    /// The latest receipt counts, and the same receipt again changes nothing. `message` is the message that the agent
    /// names, none when it does not exist.
    pub fn receipt(&self, message: Option<&Message>, receipt: Receipt) -> Result<Vec<EventKind>, Refusal> {
        let Some(message) = message.filter(|message| message.role == MessageRole::Operator) else {
            return Err(Refusal::field("/message_id", "is no message of an operator in this escalation"));
        };
        Ok(match &message.receipt {
            Some(known) if *known == receipt => vec![],
            _ => vec![EventKind::MessageReceipt { message_id: message.id, receipt }],
        })
    }

    /// Cancels the escalation for `by`.
    pub fn cancel(
        &self,
        reason: Text<2_000>,
        by: &Actor,
        meanwhile: &ClosingContext<'_>,
        now: Timestamp,
    ) -> Result<Vec<EventKind>, Refusal> {
        self.must_be_open()?;
        let note = NoteText::parse(reason.as_str()).ok();
        let resolution = Resolution { note_to_agent: note, ..Resolution::bare(Disposition::Cancelled) };
        let outcome = Outcome::new(resolution, by.clone(), self.moment(now), &self.ending(meanwhile));
        Ok(vec![EventKind::Cancelled { reason, outcome }])
    }

    /// Records that the agent took the outcome. A second acknowledgement changes nothing.
    pub fn acknowledge(&self, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        if self.status.is_open() {
            return Err(Refusal::NotClosed);
        }
        Ok(match self.acknowledged_at {
            Some(_) => vec![],
            None => vec![EventKind::Acknowledged { at: self.moment(now) }],
        })
    }

    /// Records that the outcome was sent to the agent. Only the first delivery counts.
    pub fn deliver(&self, now: Timestamp) -> Result<Vec<EventKind>, Refusal> {
        if self.status.is_open() {
            return Err(Refusal::NotClosed);
        }
        Ok(match self.delivered_at {
            Some(_) => vec![],
            None => vec![EventKind::Delivered { at: self.moment(now) }],
        })
    }

    pub(super) fn must_be_open(&self) -> Result<(), Refusal> {
        if self.status.is_open() { Ok(()) } else { Err(Refusal::AlreadyClosed) }
    }

    pub(super) fn message_created(&self, new: NewMessage, now: Timestamp) -> EventKind {
        EventKind::MessageCreated {
            message: Message {
                client_message_id: Some(new.client_message_id),
                text: Some(new.text.into()),
                at: Some(new.at.unwrap_or_else(|| self.moment(now))),
                author: new.author,
                ..Message::empty(new.id, self.messages, new.role)
            },
        }
    }
}
