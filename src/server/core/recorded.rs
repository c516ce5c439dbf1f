//! An event as the log stores it, and the audiences that receive it.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use serde::Deserialize;

use crate::{
    domain::{
        actor::Actor,
        event::{Event, EventKind, EventType},
        ids::{AgentId, EscalationId},
        inbox::Frame,
        seq::Seq,
    },
    server::{
        contract::sent_event,
        error::Error,
        rich, sse,
        store::escalations::{json, parse},
    },
};

/// A stored frame of which only the event is read, or only a part of that: its row may be in an older format.
#[derive(Deserialize)]
struct FrameEvent<E> {
    event: E,
}

/// Parses the event of a stored frame.
pub fn parse_event(body: &str) -> Result<Event, Error> {
    parse::<FrameEvent<Event>>("event", "body", body).map(|frame| frame.event)
}

/// Parses the actor of a stored frame's event.
fn parse_actor(body: &str) -> Result<Actor, Error> {
    #[derive(Deserialize)]
    struct CausedEvent {
        actor: Actor,
    }
    parse::<FrameEvent<CausedEvent>>("event", "body", body).map(|frame| frame.event.actor)
}

/// A stored event: rendered for operators and, when agents receive it, for agents.
#[derive(Debug)]
pub struct RecordedEvent {
    pub seq: Seq,
    pub escalation_id: EscalationId,
    pub agent_id: AgentId,
    pub event_type: EventType,
    /// A [`Frame`] as JSON, without rich text.
    pub body: Arc<str>,
    /// The event for its agent, as stored; `None` if agents do not receive it.
    pub agent_body: Option<Arc<str>>,
    /// The actor; of a stored event, read from `body` when it is needed. The event itself is not kept: the JSON schemas of an
    /// opening take more than twenty times the memory of their text.
    actor: OnceLock<Actor>,
    frame: OnceLock<Bytes>,
}

impl RecordedEvent {
    /// Creates the record of a new event.
    pub fn new(agent_id: AgentId, event: Event, body: Arc<str>, agent_body: Option<Arc<str>>) -> Self {
        let (seq, escalation_id, event_type) = (event.seq, event.escalation_id, event.kind.event_type());
        let record = Self::stored(seq, escalation_id, agent_id, event_type, body, agent_body);
        Self { actor: event.actor.into(), ..record }
    }

    /// Creates the record of an event that the database holds.
    pub fn stored(
        seq: Seq,
        escalation_id: EscalationId,
        agent_id: AgentId,
        event_type: EventType,
        body: Arc<str>,
        agent_body: Option<Arc<str>>,
    ) -> Self {
        let (actor, frame) = (OnceLock::new(), OnceLock::new());
        Self { seq, escalation_id, agent_id, event_type, body, agent_body, actor, frame }
    }

    /// Returns the actor that caused the event.
    pub fn actor(&self) -> Result<&Actor, Error> {
        if let Some(actor) = self.actor.get() {
            return Ok(actor);
        }
        let actor = parse_actor(&self.body)?;
        Ok(self.actor.get_or_init(|| actor))
    }

    /// Returns the event as agents receive it, with its cursor; `None` if they do not.
    pub fn for_agent(&self, epoch: &str) -> Option<String> {
        Some(sent_event(self.agent_body.as_deref()?, epoch, self.seq))
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
        let bytes = sse::event(epoch, self.seq, "frame", data);
        Ok(self.frame.get_or_init(|| bytes).clone())
    }

    /// Returns the approximate size in memory, in bytes.
    pub fn size(&self) -> usize {
        // The rendered frame repeats the operators' body, once as blocks and once as text, so it counts three times.
        3 * self.body.len() + self.agent_body.as_ref().map_or(0, |body| body.len())
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
    /// Returns the escalation, if the audience hears only that one.
    pub fn escalation(self) -> Option<EscalationId> {
        match self {
            Self::Escalation(_, id) => Some(id),
            Self::Operators | Self::Agent(_) => None,
        }
    }

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
