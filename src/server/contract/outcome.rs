//! Renders outcomes for agents: once when they are written, so that every transport sends the same bytes.

use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::{ActorBody, At, MessageBody, as_rendered, written};
use crate::domain::{
    ask::{Ask, Verdict},
    disposition::Disposition,
    field_problem::FieldProblem,
    ids::MessageId,
    message::Message,
    outcome::{ActionDecision, ExecutedBy, NextStep, Outcome},
    text::{NoteText, Text},
};

#[derive(Serialize)]
struct OutcomeBody<'a> {
    disposition: Disposition,
    next: NextStep,
    answer: Option<&'a NoteText>,
    data: Option<&'a Value>,
    actions: Vec<DecisionBody<'a>>,
    actions_to_run: Vec<ActionToRun<'a>>,
    note_to_agent: Option<&'a NoteText>,
    by: ActorBody<'a>,
    at: At,
    messages: Vec<MessageBody<'a>>,
    messages_left_out: i64,
    unanswered: &'a [MessageId],
    avoidable: bool,
    warnings: &'a [FieldProblem],
    briefing: &'a str,
}

/// An action that the agent's program should run now: approved or edited, and not carried out by the operator.
#[derive(Serialize)]
struct ActionToRun<'a> {
    id: &'a Text<100>,
    name: &'a Text<200>,
    arguments: Option<&'a RawValue>,
}

impl<'a> ActionToRun<'a> {
    fn of(decided: &'a ActionDecision, ask: &'a Ask) -> Option<Self> {
        let is_to_run = decided.decision.is_go_ahead() && decided.executed_by == ExecutedBy::Agent;
        let action = ask.actions.iter().find(|action| is_to_run && action.id == decided.id)?;
        Some(Self { id: &action.id, name: &action.name, arguments: as_rendered(decided.arguments.as_str()) })
    }
}

#[derive(Serialize)]
struct DecisionBody<'a> {
    id: &'a Text<100>,
    decision: Verdict,
    arguments: Option<&'a RawValue>,
    comment: Option<&'a Text<2_000>>,
    executed_by: ExecutedBy,
    warnings: &'a [FieldProblem],
}

impl<'a> From<&'a ActionDecision> for DecisionBody<'a> {
    fn from(it: &'a ActionDecision) -> Self {
        Self {
            id: &it.id,
            decision: it.decision,
            arguments: as_rendered(it.arguments.as_str()),
            comment: it.comment.as_ref(),
            executed_by: it.executed_by,
            warnings: &it.warnings,
        }
    }
}

/// Renders the outcome of an ask; `messages` are those the outcome names, in order.
pub fn outcome_json(outcome: &Outcome, ask: &Ask, messages: &[Message]) -> String {
    let resolution = &outcome.resolution;
    written(&OutcomeBody {
        disposition: resolution.disposition,
        next: resolution.next,
        answer: resolution.answer.as_ref(),
        data: resolution.data.as_ref(),
        actions: resolution.actions.iter().map(DecisionBody::from).collect(),
        actions_to_run: resolution.actions.iter().filter_map(|decided| ActionToRun::of(decided, ask)).collect(),
        note_to_agent: resolution.note_to_agent.as_ref(),
        by: ActorBody::from(&outcome.by),
        at: At(outcome.at),
        messages: messages.iter().map(MessageBody::from).collect(),
        messages_left_out: outcome.messages_left_out,
        unanswered: &outcome.unanswered,
        avoidable: resolution.avoidable,
        warnings: &resolution.warnings,
        briefing: &outcome.briefing,
    })
}
