//! Outcomes: how an escalation ended, in a form that the agent can act on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    actor::Actor,
    ask::{Ask, AskKind, Verdict, is_zero},
    claim::Stint,
    conversation::Conversation,
    disposition::Disposition,
    field_problem::FieldProblem,
    ids::MessageId,
    json_text::JsonText,
    message::{Message, MessageRole},
    text::{NoteText, Text},
    time::{Span, Timestamp},
    words::words,
};

/// The next step of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    #[default]
    Continue,
    Close,
    AwaitCustomer,
}

words!(NextStep {
    Continue = "continue",
    Close = "close",
    AwaitCustomer = "await_customer",
});

/// The side that carries out a decided action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutedBy {
    #[default]
    Agent,
    /// The operator carried out the action, so the agent must not run it again.
    Operator,
}

words!(ExecutedBy {
    Agent = "agent",
    Operator = "operator",
});

/// The decision of an operator about one proposed action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionDecision {
    pub id: Text<100>,
    pub decision: Verdict,
    /// The arguments to run.
    pub arguments: JsonText,
    pub comment: Option<Text<2_000>>,
    pub executed_by: ExecutedBy,
    /// The places where these arguments violate the agent's own schema. Pointers start at the root of the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldProblem>,
}

/// A change at one place in proposed arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// An RFC 6901 pointer, from the root of the arguments.
    pub pointer: String,
    /// The new value as JSON text. None removes the value.
    pub json: Option<String>,
}

/// The decision about one proposed action that an operator's page sends. The page does not send arguments: an approval
/// takes the stored ones, so the arguments that run are those that were shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionRequest {
    pub id: Text<100>,
    pub decision: Verdict,
    /// The edits, required for an edit and empty otherwise.
    pub edits: Vec<Edit>,
    pub comment: Option<Text<2_000>>,
    pub executed_by: ExecutedBy,
}

/// The content with which an operator ends an escalation. Pages send [`DecisionRequest`]s, and the server converts them
/// into decisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution<Decision = ActionDecision> {
    /// The revision of the ask that this resolves. Another one is refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ask_revision: i64,
    pub disposition: Disposition,
    pub next: NextStep,
    /// A free-text answer to a question without a schema.
    pub answer: Option<NoteText>,
    pub data: Option<Value>,
    pub actions: Vec<Decision>,
    pub note_to_agent: Option<NoteText>,
    /// True if the agent could have done this itself, for reports.
    pub avoidable: bool,
    /// Warnings to the agent: that its schema was not applied to the data. Pointers start at the root of the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<FieldProblem>,
}

impl<Decision> Resolution<Decision> {
    /// Creates a resolution with a disposition and nothing else.
    pub fn bare(disposition: Disposition) -> Self {
        Self {
            ask_revision: 0,
            disposition,
            next: NextStep::default(),
            answer: None,
            data: None,
            actions: vec![],
            note_to_agent: None,
            avoidable: false,
            warnings: vec![],
        }
    }
}

/// The outcome of an escalation, written once and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub resolution: Resolution,
    pub by: Actor,
    pub at: Timestamp,
    /// The ids of the messages since the open: the last [`MOST_MESSAGES`] within [`MOST_BYTES`].
    pub messages: Vec<MessageId>,
    pub messages_left_out: i64,
    /// The customer's messages after the operator's last one.
    pub unanswered: Vec<MessageId>,
    /// The facts in sentences, which suffice by themselves as the result of a tool.
    pub briefing: String,
}

/// The time after which an outcome is shown as not picked up, because it was not delivered, or not acknowledged by an
/// agent that acknowledges outcomes.
pub const PICKED_UP_WITHIN: Span = Span::minutes(1);
/// The maximum number of messages that an outcome repeats.
pub const MOST_MESSAGES: usize = 200;
/// The maximum number of bytes of text of these messages.
pub const MOST_BYTES: usize = 128 * 1024;

/// The input of an outcome and its briefing.
pub struct OutcomeInput<'a> {
    pub ask: &'a Ask,
    pub opened_at: Timestamp,
    pub stints: &'a [Stint],
    /// The latest messages since the open, oldest first.
    pub said: &'a [Message],
    /// The total number of messages since the open.
    pub said_in_all: i64,
    /// True if a human still holds the conversation, under another escalation.
    pub held_elsewhere: bool,
}

/// The context that a verb needs to end an escalation, in addition to the escalation itself.
pub struct ClosingContext<'a> {
    pub conversation: &'a Conversation,
    /// The latest messages since the open, oldest first.
    pub said: &'a [Message],
}

impl Outcome {
    /// Builds an outcome at the moment at which the escalation ends.
    pub fn new(resolution: Resolution, by: Actor, at: Timestamp, ending: &OutcomeInput<'_>) -> Self {
        let resolution = Resolution { ask_revision: ending.ask.revision, ..resolution };
        let mut bytes = 0;
        let mut kept: Vec<&Message> = vec![];
        for message in ending.said.iter().rev().take(MOST_MESSAGES) {
            bytes += message.text.as_deref().unwrap_or_default().len();
            if bytes > MOST_BYTES {
                break;
            }
            kept.push(message);
        }
        kept.reverse();
        let last_reply = ending.said.iter().rposition(|message| message.role == MessageRole::Operator);
        let unanswered = ending.said.iter().skip(last_reply.map_or(0, |at| at + 1));
        Self {
            briefing: briefing(&resolution, &by, at, ending),
            messages: kept.iter().map(|message| message.id).collect(),
            messages_left_out: ending.said_in_all - kept.len() as i64,
            unanswered: unanswered.filter(|it| it.role == MessageRole::Customer).map(|it| it.id).collect(),
            resolution,
            by,
            at,
        }
    }
}

/// Writes the briefing: facts with times and names, never orders, because a standing order ("stay silent") is known to
/// silence a model permanently.
fn briefing(resolution: &Resolution, by: &Actor, at: Timestamp, ending: &OutcomeInput<'_>) -> String {
    // A question may stay open for days, and then a time of day alone would be ambiguous.
    let dated = ending.opened_at.day(Span(0)) != at.day(Span(0));
    let clock = |at: Timestamp| match dated {
        true => format!("{} {}", at.date(Span(0)), at.clock_time(Span(0))),
        false => at.clock_time(Span(0)),
    };
    let in_control = ending.stints.last().is_some_and(|stint| stint.to.is_none());
    let withdrew = |name: &dyn std::fmt::Display| format!("{name} withdrew the escalation at {} UTC.", clock(at));
    let mut said: Vec<String> = vec![];
    for stint in ending.stints {
        said.push(format!(
            "{}, a human operator, was in control from {} to {} UTC.",
            stint.operator.public_name,
            clock(stint.from),
            clock(stint.to.unwrap_or(at)),
        ));
    }
    match by {
        Actor::Operator(operator) if resolution.disposition == Disposition::Cancelled => {
            said.push(withdrew(&operator.public_name));
        }
        Actor::Operator(_) if in_control => {}
        Actor::Operator(operator) => {
            let verb = match ending.ask.kind {
                AskKind::Question => "answered",
                AskKind::Decision => "decided",
                AskKind::Takeover => "resolved this",
            };
            said.push(format!("{}, a human operator, {verb} at {} UTC.", operator.public_name, clock(at)));
        }
        Actor::System => said.push(format!(
            "The escalation was open from {} to {} UTC and expired without an outcome from a human.",
            clock(ending.opened_at),
            clock(at),
        )),
        Actor::Agent(agent) => said.push(withdrew(&agent.name)),
    }
    let control = match (ending.held_elsewhere, ending.stints.is_empty()) {
        (true, _) => "A human is in control of this conversation under another escalation.",
        (false, true) => "You were in control throughout.",
        (false, false) => "That has ended; you are in control again.",
    };
    said.push(control.to_owned());
    said.push(format!("Outcome: {}.", resolution.disposition.label().to_ascii_lowercase()));
    if resolution.disposition == Disposition::Unanswered {
        said.push("No decision was made.".to_owned());
    }
    for decided in &resolution.actions {
        let (name, arguments) = (action_name(ending.ask, &decided.id), decided.arguments.as_str());
        let comment = decided.comment.as_ref().map_or("", Text::as_str);
        said.push(match decided.decision {
            Verdict::Approve => format!("Action {name}: approved, with arguments {arguments}."),
            Verdict::Edit => format!("Action {name}: approved with edited arguments {arguments}."),
            Verdict::Reject => sentence(&format!("Action {name}: rejected"), comment),
            Verdict::Respond => sentence(&format!("Action {name}: not to be run; the operator answers"), comment),
        });
        if decided.executed_by == ExecutedBy::Operator {
            said.push(format!("The operator has already carried out action {name}."));
        }
    }
    match ending.said_in_all {
        0 => {}
        1 => said.push("1 message was exchanged meanwhile.".to_owned()),
        many => said.push(format!("{many} messages were exchanged meanwhile.")),
    }
    // Text that people wrote comes last, so that nothing in it reads as one more fact, and the note at the very end.
    if let Some(data) = &resolution.data {
        said.push(format!("Data: {data}."));
    }
    if let Some(answer) = &resolution.answer {
        said.push(sentence("Answer", answer.as_str()));
    }
    if let Some(note) = &resolution.note_to_agent {
        said.push(sentence("Note", note.as_str()));
    }
    said.join(" ")
}

/// Returns the name of an action, with its id when another action has the same name.
fn action_name(ask: &Ask, id: &Text<100>) -> String {
    let Some(action) = ask.actions.iter().find(|action| action.id == *id) else { return id.to_string() };
    match ask.actions.iter().filter(|other| other.name == action.name).count() {
        1 => action.name.to_string(),
        _ => format!("{} ({id})", action.name),
    }
}

/// Formats a text that a person wrote as a sentence with a label and a final punctuation mark.
fn sentence(label: &str, text: &str) -> String {
    let text = text.trim_end();
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{label}: {text}{end}")
}
