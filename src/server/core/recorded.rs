//! An event as the log stores it, and the audiences that receive it.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;

use crate::{
    domain::{
        event::{EventKind, EventType},
        ids::{AgentId, EscalationId},
        inbox::Frame,
        seq::Seq,
    },
    server::{
        error::Error,
        rich,
        store::escalations::{json, parse},
    },
};

/// A stored event: rendered for operators and, when agents receive it, for agents.
#[derive(Debug)]
pub struct RecordedEvent {
    pub seq: Seq,
    pub escalation_id: EscalationId,
    pub agent_id: AgentId,
    pub event_type: EventType,
    /// A [`Frame`] as JSON, without rich text.
    pub body: Arc<str>,
    pub agent_body: Option<Arc<str>>,
    frame: OnceLock<Bytes>,
}

impl RecordedEvent {
    /// Creates a record.
    pub fn new(
        seq: Seq,
        escalation_id: EscalationId,
        agent_id: AgentId,
        event_type: EventType,
        body: Arc<str>,
        agent_body: Option<Arc<str>>,
    ) -> Self {
        Self { seq, escalation_id, agent_id, event_type, body, agent_body, frame: OnceLock::new() }
    }

    /// Returns the server-sent event for operators' streams: its message as rich text, and its opening without the parts that
    /// only the page of an escalation shows. All streams share the rendered bytes.
    pub fn frame(&self, epoch: &str) -> Result<Bytes, Error> {
        if let Some(bytes) = self.frame.get() {
            return Ok(bytes.clone());
        }
        let data = match self.event_type {
            EventType::MessageCreated => {
                let mut frame: Frame = parse("event", "body", &self.body)?;
                if let EventKind::MessageCreated { message } = &mut frame.event.kind {
                    let shown = rich::shown(message.clone());
                    *message = shown.message;
                    (frame.blocks, frame.cuts) = (Some(shown.blocks), shown.cuts);
                }
                json(&frame)?.into()
            }
            EventType::Opened => {
                let mut frame: Frame = parse("event", "body", &self.body)?;
                if let EventKind::Opened { escalation } = &mut frame.event.kind {
                    escalation.opening = Arc::new(escalation.opening.outline());
                }
                json(&frame)?.into()
            }
            _ => Arc::clone(&self.body),
        };
        let bytes = Bytes::from(format!("id: {epoch}.{}\nevent: frame\ndata: {data}\n\n", self.seq));
        Ok(self.frame.get_or_init(|| bytes).clone())
    }

    /// Returns the approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        // The rendered frame repeats the operators' body, so it counts twice.
        2 * self.body.len() + self.agent_body.as_ref().map_or(0, |body| body.len())
    }
}

/// The audience of a stream, which decides what events it receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Operators,
    Agent(AgentId),
    Escalation(AgentId, EscalationId),
}

impl Audience {
    /// Returns whether this audience receives an event.
    pub fn receives(self, event: &RecordedEvent) -> bool {
        match self {
            Self::Operators => true,
            Self::Agent(agent) => event.agent_id == agent && event.agent_body.is_some(),
            Self::Escalation(agent, id) => {
                event.agent_id == agent && event.escalation_id == id && event.agent_body.is_some()
            }
        }
    }
}
