//! Renders outcomes for agents: once when they are written, so that every transport sends the same bytes.

use serde::Serialize;
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

use super::{
    ActorBody, At, MessageBody, as_rendered,
    schemas::{AnyJson, AnyObject},
    written,
};
use crate::domain::{
    ask::{Ask, Verdict},
    disposition::Disposition,
    escalation::Escalation,
    field_problem::FieldProblem,
    ids::MessageId,
    message::Message,
    outcome::{ActionDecision, ExecutedBy, NextStep, Outcome},
    text::{NoteText, Text},
};

/// How an escalation ended. It never changes.
#[derive(Serialize, ToSchema)]
#[schema(as = Outcome)]
pub struct OutcomeBody<'a> {
    disposition: Disposition,
    /// True for the outcome of a test, which Robot made up. Left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    test: Option<bool>,
    /// The version of the ask that was decided.
    ask_version: i64,
    /// The next step of the agent.
    next: NextStep,
    /// The answer to a question: in words, or the exact text of the chosen option.
    answer: Option<&'a NoteText>,
    /// The data by `ask.response_schema`. Null without a schema, and with a disposition that carries no data: only `handled`,
    /// `answered`, `approved` and `approved_with_edits` do.
    #[schema(value_type = Option<AnyJson>)]
    data: Option<&'a Value>,
    /// The record of every verdict.
    actions: Vec<DecisionBody<'a>>,
    /// Exactly what a program should run now.
    actions_to_run: Vec<ActionToRun<'a>>,
    note_to_agent: Option<&'a NoteText>,
    by: ActorBody<'a>,
    at: At,
    /// The last messages since the open, ready for the model's history.
    messages: Vec<MessageBody<'a>>,
    /// How many earlier messages since the open are left out.
    messages_left_out: i64,
    /// The customer's messages after the operator's last one.
    unanswered: &'a [MessageId],
    /// True if the operator thinks that the agent could have done this itself.
    avoidable: bool,
    /// The places that were not checked by a schema.
    warnings: &'a [FieldProblem],
    /// The facts in sentences, which suffice as the result of a tool.
    briefing: &'a str,
}

/// An action that the agent's program should run now: approved or edited, and not carried out by the operator.
#[derive(Serialize, ToSchema)]
struct ActionToRun<'a> {
    id: &'a Text<100>,
    name: &'a Text<200>,
    #[schema(value_type = AnyObject)]
    arguments: Option<&'a RawValue>,
}

impl<'a> ActionToRun<'a> {
    fn of(decided: &'a ActionDecision, ask: &'a Ask) -> Option<Self> {
        let is_to_run = decided.decision.is_go_ahead() && decided.executed_by == ExecutedBy::Agent;
        let action = ask.actions.iter().find(|action| is_to_run && action.id == decided.id)?;
        Some(Self { id: &action.id, name: &action.name, arguments: as_rendered(decided.arguments.as_str()) })
    }
}

/// The verdict on one proposed action.
#[derive(Serialize, ToSchema)]
#[schema(as = DecidedAction)]
struct DecisionBody<'a> {
    id: &'a Text<100>,
    decision: Verdict,
    /// The arguments to run, with the operator's edits.
    #[schema(value_type = AnyObject)]
    arguments: Option<&'a RawValue>,
    comment: Option<&'a Text<2_000>>,
    /// `operator` if the operator has carried the action out, so that the agent must not run it again.
    executed_by: ExecutedBy,
    /// Where the arguments violate the agent's own schema.
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

/// Renders the outcome of an escalation; `messages` are those the outcome names, in order.
pub fn outcome_json(outcome: &Outcome, it: &Escalation, messages: &[Message]) -> String {
    let ask = &it.opening.ask;
    let resolution = &outcome.resolution;
    written(&OutcomeBody {
        disposition: resolution.disposition,
        test: it.agent.test.then_some(true),
        ask_version: resolution.ask_revision + 1,
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
