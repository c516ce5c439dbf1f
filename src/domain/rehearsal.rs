//! Rehearsals: how Robot, which answers the escalations of test agents, ends them. The agent asks for the end in
//! `metadata.rehearse`. Each step of Robot follows from the state of the escalation, so any server can take it, also after
//! a restart.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ask::{AskKind, Verdict},
    deadline::LONGEST,
    disposition::Disposition,
    escalation::{Escalation, Status},
    opening::Opening,
    outcome::{ExecutedBy, NextStep},
    text::{NoteText, ReplyText, Text},
    time::{Span, Timestamp},
};

/// The time from the opening to the claim.
const CLAIMS_AFTER: Span = Span::seconds(1);
/// The time from the opening to the resolution, unless the rehearsal sets another.
const RESOLVES_AFTER: Span = Span::seconds(3);
/// The time from a customer's message to the reply.
const REPLIES_AFTER: Span = Span::seconds(2);
/// The number of messages since the open after which Robot replies no more. An agent that answers every message must not
/// talk with Robot for ever.
const MOST_SAID: i64 = 24;
/// The most messages of a rehearsal that are followed.
const MOST_MESSAGES: usize = 20;
/// The most characters of an error in a rehearsal that its agent is sent.
const LONGEST_PROBLEM: usize = 300;
/// The first words of Robot when the rehearsal has none.
const HELLO: &str = "Hello, this is Robot. I have read everything and am on it.";

/// The outcome that an agent requests, and the way there. All of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = r#"an object like {"disposition": "declined", "after_seconds": 20}"#)]
pub struct Rehearsal {
    /// `unanswered` means that nobody comes.
    pub disposition: Option<Disposition>,
    after_seconds: Option<u64>,
    pub answer: Option<NoteText>,
    pub data: Option<Value>,
    pub actions: Option<Vec<RehearsedAction>>,
    pub next: Option<NextStep>,
    pub note: Option<NoteText>,
    /// The words of the operator to the customer before the end.
    #[serde(default)]
    messages: Vec<ReplyText>,
}

/// The verdict on one action. Arguments are the edited ones.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearsedAction {
    pub id: Text<100>,
    pub decision: Verdict,
    pub arguments: Option<Value>,
    pub comment: Option<Text<2_000>>,
    #[serde(default)]
    pub executed_by: ExecutedBy,
}

/// A step of Robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RobotStep {
    Claim,
    /// Says [`Rehearsal::messages_of`] the test.
    Speak,
    /// Replies to a message of the customer.
    Reply,
    Resolve,
}

impl Rehearsal {
    /// Parses the rehearsal, or returns the error in it.
    pub fn of(opening: &Opening) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct TestMetadata {
            #[serde(default)]
            rehearse: Value,
        }
        let metadata =
            opening.metadata.as_ref().map(|it| serde_json::from_slice::<TestMetadata>(it.as_str().as_bytes()));
        let said = metadata.and_then(Result::ok).map(|it| it.rehearse).unwrap_or_default();
        if said.is_null() {
            return Ok(Self::default());
        }
        let parsed = Self::deserialize(said);
        let mut rehearsal = parsed.map_err(|error| not_followed(&error.to_string()))?;
        rehearsal.messages.truncate(MOST_MESSAGES);
        Ok(rehearsal)
    }

    /// Returns what Robot says to the customer of a takeover, one after the other.
    pub fn messages_of(&self, it: &Escalation) -> Vec<ReplyText> {
        match it.opening.ask.kind {
            AskKind::Takeover if self.messages.is_empty() => vec![ReplyText::from_static(HELLO)],
            AskKind::Takeover => self.messages.clone(),
            AskKind::Question | AskKind::Decision => vec![],
        }
    }

    /// Returns Robot's next step with an open test, and when it is due. None when nobody is to come.
    fn next_step(&self, it: &Escalation) -> Option<(Timestamp, RobotStep)> {
        if self.disposition == Some(Disposition::Unanswered) {
            return None;
        }
        // A rehearsal lasts no longer than the longest deadline.
        let seconds = |it: u64| Span::seconds(i64::try_from(it).unwrap_or(i64::MAX).min(LONGEST.0 / 1_000));
        let end = it.opened_at + self.after_seconds.map_or(RESOLVES_AFTER, seconds);
        let talks = it.opening.ask.kind == AskKind::Takeover;
        let owes = it.owed_since.filter(|_| talks && it.said < MOST_SAID).map(|since| since + REPLIES_AFTER);
        Some(match (it.status, owes) {
            (Status::Waiting, _) => (end.min(it.opened_at + CLAIMS_AFTER), RobotStep::Claim),
            _ if talks && it.replied_at.is_none() => (it.opened_at, RobotStep::Speak),
            (_, Some(at)) if at < end => (at, RobotStep::Reply),
            _ => (end, RobotStep::Resolve),
        })
    }
}

impl Escalation {
    /// Returns Robot's next step, and when it is due. None unless this is an open test, or when nobody is to come.
    pub fn robot_step(&self) -> Option<(Timestamp, RobotStep)> {
        if !self.agent.test || !self.status.is_open() {
            return None;
        }
        // A rehearsal that cannot be parsed is reported in the outcome.
        Rehearsal::of(&self.opening).unwrap_or_default().next_step(self)
    }
}

/// Returns the sentence about a rehearsal that was not followed.
pub fn not_followed(why: &str) -> String {
    format!("metadata.rehearse was not followed: {why}").chars().take(LONGEST_PROBLEM).collect()
}
