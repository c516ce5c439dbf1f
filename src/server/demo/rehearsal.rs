//! The rehearsal that an agent asks of Robot in `metadata.rehearse`: when and how its escalation ends, and what is said until
//! then.

use serde::Deserialize;
use serde_json::Value;

use super::answer::decision;
use crate::domain::{
    ask::{AskKind, Verdict},
    disposition::Disposition,
    escalation::Escalation,
    field_problem::FieldProblem,
    opening::Opening,
    outcome::{DecisionRequest, Edit, ExecutedBy, NextStep, Resolution},
    text::{NoteText, ReplyText, Text},
};

/// The most characters of an error in a rehearsal that its agent is sent.
const LONGEST_PROBLEM: usize = 300;
/// The most messages that are followed.
const MOST_MESSAGES: usize = 20;

/// The outcome that an agent requests, and the way there. All of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = r#"an object like {"disposition": "declined", "after_seconds": 20}"#)]
pub struct Rehearsal {
    /// `unanswered` means that nobody comes.
    pub disposition: Option<Disposition>,
    pub after_seconds: Option<u64>,
    answer: Option<NoteText>,
    data: Option<Value>,
    actions: Option<Vec<RehearsedAction>>,
    next: Option<NextStep>,
    note: Option<NoteText>,
    /// The words of the operator to the customer before the end.
    #[serde(default)]
    messages: Vec<ReplyText>,
}

/// The verdict on one action. Arguments are the edited ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RehearsedAction {
    id: Text<100>,
    decision: Verdict,
    arguments: Option<Value>,
    comment: Option<Text<2_000>>,
    #[serde(default)]
    executed_by: ExecutedBy,
}

impl RehearsedAction {
    fn request(&self) -> DecisionRequest {
        let edit = |arguments: &Value| Edit { pointer: String::new(), json: Some(arguments.to_string()) };
        DecisionRequest {
            id: self.id.clone(),
            decision: self.decision,
            edits: self.arguments.iter().map(edit).collect(),
            comment: self.comment.clone(),
            executed_by: self.executed_by,
        }
    }
}

impl Rehearsal {
    /// Parses the rehearsal, or returns the error in it.
    pub fn of(opening: &Opening) -> Result<Self, String> {
        let Some(said) = opening.metadata.as_ref().and_then(|it| it.get("rehearse")) else {
            return Ok(Self::default());
        };
        let parsed = serde_json::from_value::<Self>(said.clone());
        let mut rehearsal = parsed.map_err(|error| not_followed(&error.to_string()))?;
        rehearsal.messages.truncate(MOST_MESSAGES);
        Ok(rehearsal)
    }

    /// Returns what the operator says to the customer, one after the other.
    pub fn messages(&self) -> &[ReplyText] {
        &self.messages
    }

    /// Returns the resolution that is requested, if more than a disposition is. An action that the rehearsal does not name
    /// is approved, as far as it may be.
    pub fn resolution(&self, it: &Escalation) -> Option<Resolution<DecisionRequest>> {
        let ask = &it.opening.ask;
        let is_whole = self.answer.is_some() || self.data.is_some() || self.actions.is_some() || self.next.is_some();
        if !is_whole && self.note.is_none() {
            return None;
        }
        let named = self.actions.iter().flatten();
        let mut actions = vec![];
        if self.actions.is_some() {
            let of = |id: &Text<100>| named.clone().find(|action| action.id == *id).map(RehearsedAction::request);
            actions.extend(
                ask.actions.iter().map(|card| of(&card.id).unwrap_or_else(|| decision(card, Disposition::Approved))),
            );
            let is_known = |action: &&RehearsedAction| ask.actions.iter().any(|card| card.id == action.id);
            // An action that was not proposed is refused, by name.
            actions.extend(named.clone().filter(|action| !is_known(action)).map(RehearsedAction::request));
        } else if ask.kind == AskKind::Decision && self.disposition.is_none() {
            actions.extend(ask.actions.iter().map(|card| decision(card, Disposition::Approved)));
        }
        let answers = ask.kind == AskKind::Question && (self.answer.is_some() || self.data.is_some());
        let default = if answers { Some(Disposition::Answered) } else { it.offered().first().copied() };
        let disposition = self.disposition.or(default).unwrap_or(Disposition::Handled);
        Some(Resolution {
            ask_revision: ask.revision,
            next: self.next.unwrap_or_default(),
            answer: self.answer.clone(),
            data: self.data.clone(),
            actions,
            note_to_agent: self.note.clone(),
            ..Resolution::bare(disposition)
        })
    }
}

/// Returns the sentence about problems of the requested resolution.
pub fn refused(problems: &[FieldProblem]) -> String {
    let all: Vec<String> = problems.iter().map(|it| format!("{} {}", it.pointer, it.detail)).collect();
    not_followed(&all.join(" "))
}

fn not_followed(why: &str) -> String {
    format!("metadata.rehearse was not followed: {why}").chars().take(LONGEST_PROBLEM).collect()
}
