//! An outcome as agents read it: rendered when it is written, then the same bytes on every transport.

use serde::Serialize;
use serde_json::Value;

use super::{ActorBody, At, MessageBody, written};
use crate::domain::{
    ids::MessageId,
    message::Message,
    outcome::{ActionDecision, Disposition, Next, Outcome},
    text::NoteText,
};

#[derive(Serialize)]
struct OutcomeBody<'a> {
    disposition: Disposition,
    next: Next,
    answer: Option<&'a NoteText>,
    data: Option<&'a Value>,
    actions: &'a [ActionDecision],
    note_to_agent: Option<&'a NoteText>,
    by: ActorBody<'a>,
    at: At,
    messages: Vec<MessageBody<'a>>,
    messages_left_out: i64,
    unanswered: &'a [MessageId],
    avoidable: bool,
    briefing: &'a str,
}

/// Renders an outcome; `messages` are those it names, in order.
pub fn outcome_json(outcome: &Outcome, messages: &[Message]) -> String {
    let resolution = &outcome.resolution;
    written(&OutcomeBody {
        disposition: resolution.disposition,
        next: resolution.next,
        answer: resolution.answer.as_ref(),
        data: resolution.data.as_ref(),
        actions: &resolution.actions,
        note_to_agent: resolution.note_to_agent.as_ref(),
        by: ActorBody::from(&outcome.by),
        at: At(outcome.at),
        messages: messages.iter().map(MessageBody::from).collect(),
        messages_left_out: outcome.messages_left_out,
        unanswered: &outcome.unanswered,
        avoidable: resolution.avoidable,
        briefing: &outcome.briefing,
    })
}
