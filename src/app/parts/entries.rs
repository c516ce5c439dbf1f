//! Computes the entries of a conversation's log, in order: days, messages with their tool calls, boundaries, notes. The
//! module is pure.

use serde_json::Value;

use crate::domain::{
    actor::Actor,
    escalation::Escalation,
    event::{Event, EventKind, TransferTarget},
    ids::OperatorId,
    message::{Message, MessageRole, ReceiptState, ToolResult},
    message_part::{MessagePart, TruncatedPart},
    operator::OperatorRef,
    seq::Seq,
    thread::{RenderedMessage, Thread, ThreadItem},
    time::{Span, Timestamp},
    transcript::reasoning::reasoning,
    update::ChangedValue,
};

/// Messages of the same role and author within this time share a heading.
const TOGETHER: Span = Span::minutes(5);
/// System messages of a transcript with more characters than this are folded anywhere. Shorter ones are folded only at
/// the beginning of the conversation, because later they may be notes on events.
const LONG_PROMPT: usize = 500;

/// A tool call and its result, if known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolStep {
    pub name: String,
    pub arguments: Option<Value>,
    pub result: Option<ToolResult>,
    /// True if this is the agent's last call before the hand-over.
    pub is_last: bool,
    /// Set when the arguments, or the result, are truncated.
    pub cut_arguments: Option<TruncatedPart>,
    pub cut_result: Option<TruncatedPart>,
    /// The number of later calls of the same message that are left out.
    pub more: usize,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum LogEntry {
    /// A day such as `2026-11-22`, inserted where the date differs from that of the last dated entry. The same day may
    /// occur several times, so the index in the log distinguishes them.
    Day(String, usize),
    Message {
        shown: Box<RenderedMessage>,
        /// The tool calls of this message.
        steps: Vec<ToolStep>,
        /// True if the previous message already shows the heading.
        grouped: bool,
    },
    /// Instructions to the agent that came with the transcript.
    Prompt(Box<RenderedMessage>),
    /// The model's reasoning before the message at this position, and how it was truncated.
    Reasoning(i64, String, Option<TruncatedPart>),
    /// Tool calls of messages without text; the position of the first identifies the entry.
    Steps(i64, Vec<ToolStep>),
    /// A change of control or of the escalation's state.
    Boundary {
        seq: Seq,
        at: Timestamp,
        words: String,
    },
    Note {
        seq: Seq,
        at: Timestamp,
        by: OperatorRef,
        text: String,
    },
}

impl LogEntry {
    /// Returns a key that identifies the entry and changes when its rendering changes.
    pub fn key(&self) -> String {
        match self {
            Self::Day(date, index) => format!("day {date} {index}"),
            Self::Message { shown, steps, grouped } => {
                let foot = became(&shown.message).unwrap_or_default();
                format!("message {} {} {} {grouped} {foot}", shown.message.id, steps.len(), answered(steps))
            }
            Self::Prompt(shown) => format!("prompt {}", shown.message.id),
            Self::Reasoning(position, ..) => format!("reasoning {position}"),
            Self::Steps(position, steps) => format!("steps {position} {} {}", steps.len(), answered(steps)),
            Self::Boundary { seq, .. } => format!("event {seq}"),
            Self::Note { seq, .. } => format!("note {seq}"),
        }
    }

    fn steps(&mut self) -> Option<&mut Vec<ToolStep>> {
        match self {
            Self::Message { steps, .. } | Self::Steps(_, steps) => Some(steps),
            _ => None,
        }
    }
}

fn answered(steps: &[ToolStep]) -> usize {
    steps.iter().filter(|step| step.result.is_some()).count()
}

/// Returns the receipt of a message to the customer, in words.
pub fn became(message: &Message) -> Option<String> {
    let receipt = message.receipt.as_ref()?;
    Some(match (receipt.state, &receipt.detail) {
        (ReceiptState::Shown, _) => "shown to customer".to_owned(),
        (ReceiptState::Failed, Some(detail)) => "failed: ".to_owned() + detail.as_str(),
        (ReceiptState::Failed, None) => "failed".to_owned(),
    })
}

/// Returns the entries of a thread for one reader, whose time zone is `offset` ahead of UTC at a given moment.
pub fn entries(thread: &Thread, me: OperatorId, offset: &dyn Fn(Timestamp) -> Span) -> Vec<LogEntry> {
    let mut log = Log { entries: vec![], open: vec![], day: None, has_begun: thread.has_earlier(), offset };
    for item in thread.items() {
        match item {
            ThreadItem::Message(shown) => log.message(shown),
            ThreadItem::Opened => {
                log.mark_last_call();
                log.boundary(thread.escalation.opened_seq, thread.escalation.opened_at, asked(&thread.escalation))
            }
            ThreadItem::Happening(event) => log.happening(event, &thread.escalation, me),
        }
    }
    log.entries
}

struct Log<'a> {
    entries: Vec<LogEntry>,
    /// The calls without a result, oldest first.
    open: Vec<OpenCall>,
    /// The day of the last entry that has a date.
    day: Option<i64>,
    /// True if a message that is unreadable or not from the system precedes, or earlier messages are left out.
    has_begun: bool,
    offset: &'a dyn Fn(Timestamp) -> Span,
}

/// A call that waits for its result, and its place in the log.
struct OpenCall {
    id: Option<String>,
    /// The position of its message.
    position: i64,
    entry: usize,
    step: usize,
}

/// Returns whether a tool message has a result that differs from its text. Both may be truncated where they are still
/// equal, so their full lengths are compared, too.
fn has_other_result(shown: &RenderedMessage) -> bool {
    let message = &shown.message;
    let length = |part| shown.cut(part, 0).map(|cut| cut.length);
    message.tool_result.as_ref().is_some_and(|result| {
        result.output.as_str() != message.text.as_deref() || length(MessagePart::Text) != length(MessagePart::Result)
    })
}

impl Log<'_> {
    fn message(&mut self, shown: &RenderedMessage) {
        let message = &shown.message;
        let has_words = message.text.as_ref().is_some_and(|text| !text.trim().is_empty());
        // The text of a tool message is its result, unless the message has a different result.
        if message.role == MessageRole::Tool && !(has_words && has_other_result(shown)) {
            self.has_begun = true;
            return self.result(shown);
        }
        let says = message.unreadable || has_words;
        let thought = reasoning(message);
        if says || thought.is_some() || !message.tool_calls.is_empty() {
            self.day(message.at);
        }
        if let Some(text) = thought {
            self.entries.push(LogEntry::Reasoning(message.position, text, shown.cut(MessagePart::Reasoning, 0)));
        }
        let is_prompt = says && self.is_prompt(message);
        if is_prompt {
            self.entries.push(LogEntry::Prompt(Box::new(shown.clone())));
        } else if says {
            let grouped = self.continues(message);
            self.entries.push(LogEntry::Message { shown: Box::new(shown.clone()), steps: vec![], grouped });
        }
        self.has_begun |= message.role != MessageRole::System || message.unreadable;
        if !message.tool_calls.is_empty() {
            let entry = match says && !is_prompt {
                true => self.entries.len() - 1,
                false => self.steps_at_end(message.position),
            };
            for (i, call) in message.tool_calls.iter().enumerate() {
                let (name, arguments) = (call.name.clone(), Some(call.arguments.clone()));
                let cut_arguments = shown.cut(MessagePart::Arguments, i);
                let more = shown.cut(MessagePart::Calls, i).map_or(0, |cut| cut.length - i - 1);
                let step =
                    self.push_step(entry, ToolStep { name, arguments, cut_arguments, more, ..ToolStep::default() });
                self.open.push(OpenCall { id: call.id.clone(), position: message.position, entry, step });
            }
        }
        if message.tool_result.is_some() {
            self.result(shown);
        }
    }

    /// Returns whether a message instructs the agent, and is therefore folded.
    fn is_prompt(&self, message: &Message) -> bool {
        let is_long = || message.text.as_ref().is_some_and(|text| text.chars().count() > LONG_PROMPT);
        let came_with_transcript = message.role == MessageRole::System && message.seq.is_none() && !message.unreadable;
        came_with_transcript && (!self.has_begun || is_long())
    }

    /// Attaches a result to its call. A result without a known call becomes a step of its own.
    fn result(&mut self, shown: &RenderedMessage) {
        let message = &shown.message;
        let cut_result =
            shown.cut(if message.tool_result.is_some() { MessagePart::Result } else { MessagePart::Text }, 0);
        let said = || ToolResult::of_text(message.text.clone().unwrap_or_default());
        let result = message.tool_result.clone().unwrap_or_else(said);
        // A result answers the latest message with a waiting call of its id, or with any waiting call if the result has
        // no id. Within a message, calls are answered in order. Agents may restart the numbering of calls in each
        // message.
        let fits = |call: &OpenCall| result.call_id.is_none() || call.id == result.call_id;
        let latest = self.open.iter().rfind(|call| fits(call)).map(|call| call.position);
        let call = self.open.iter().position(|call| fits(call) && Some(call.position) == latest);
        if let Some(call) = call.map(|at| self.open.remove(at)) {
            let steps = self.entries.get_mut(call.entry).and_then(LogEntry::steps);
            if let Some(step) = steps.and_then(|steps| steps.get_mut(call.step)) {
                (step.result, step.cut_result) = (Some(result), cut_result);
            }
            return;
        }
        self.day(message.at);
        let entry = self.steps_at_end(message.position);
        let name = message.author.as_ref().map_or("tool".to_owned(), |author| author.name.clone());
        self.push_step(entry, ToolStep { name, result: Some(result), cut_result, ..ToolStep::default() });
    }

    /// Returns the index of the steps entry at the end of the log. If the last entry is of another kind, a new one is
    /// added.
    fn steps_at_end(&mut self, position: i64) -> usize {
        if !matches!(self.entries.last(), Some(LogEntry::Steps(..))) {
            self.entries.push(LogEntry::Steps(position, vec![]));
        }
        self.entries.len() - 1
    }

    /// Adds a step to an entry and returns its index there.
    fn push_step(&mut self, entry: usize, step: ToolStep) -> usize {
        let Some(steps) = self.entries.get_mut(entry).and_then(LogEntry::steps) else { return 0 };
        steps.push(step);
        steps.len() - 1
    }

    fn mark_last_call(&mut self) {
        let mut steps = self.entries.iter_mut().rev().filter_map(LogEntry::steps);
        if let Some(step) = steps.find_map(|steps| steps.last_mut()) {
            step.is_last = true;
        }
    }

    fn happening(&mut self, event: &Event, escalation: &Escalation, me: OperatorId) {
        if let (EventKind::Noted { text }, Actor::Operator(by)) = (&event.kind, &event.actor) {
            self.day(Some(event.at));
            let text = text.to_string();
            return self.entries.push(LogEntry::Note { seq: event.seq, at: event.at, by: by.clone(), text });
        }
        if let Some(words) = happened(event, escalation, me) {
            self.boundary(event.seq, event.at, words);
        }
    }

    fn boundary(&mut self, seq: Seq, at: Timestamp, words: String) {
        self.day(Some(at));
        self.entries.push(LogEntry::Boundary { seq, at, words });
    }

    fn day(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        let offset = (self.offset)(at);
        let day = at.day(offset);
        // Agents may send any date. A message dated ahead or back gets its own day entry, and so does the message after
        // it.
        if self.day != Some(day) {
            self.day = Some(day);
            self.entries.push(LogEntry::Day(at.date(offset), self.entries.len()));
        }
    }

    fn continues(&self, message: &Message) -> bool {
        let Some(LogEntry::Message { shown, .. }) = self.entries.last() else { return false };
        let before = &shown.message;
        let near = match (before.at, message.at) {
            (Some(before), Some(at)) => (Span(0)..=TOGETHER).contains(&(at - before)),
            (None, None) => true,
            _ => false,
        };
        near && before.role == message.role && before.author == message.author && before.tool_calls.is_empty()
    }
}

fn asked(escalation: &Escalation) -> String {
    format!("Agent asked for a human · {}", escalation.opening.reason.in_words())
}

/// Describes an event in words. `None` for events that have their own rendering or are not shown.
fn happened(event: &Event, escalation: &Escalation, me: OperatorId) -> Option<String> {
    let who = match &event.actor {
        Actor::Operator(operator) if operator.id == me => "You".to_owned(),
        Actor::Operator(operator) => operator.name.to_string(),
        Actor::Agent(agent) => agent.name.to_string(),
        Actor::System => "Bailout".to_owned(),
    };
    let speaks = escalation.speaks_to_customer();
    Some(match &event.kind {
        EventKind::Claimed { .. } if speaks => format!("{who} took control"),
        EventKind::Claimed { .. } => format!("{who} claimed this"),
        EventKind::TakenOver { .. } => format!("{who} took over"),
        EventKind::Released { returned: Some(it), .. } => {
            let to = if it.to.id == me { "You" } else { it.to.name.as_str() };
            to.to_owned() + " did not take it · waiting again"
        }
        EventKind::Released { .. } if event.actor == Actor::System => "Its holder was gone · waiting again".to_owned(),
        EventKind::Released { .. } => format!("{who} released this · waiting again"),
        EventKind::Transferred { to, note, .. } => {
            let to = match to {
                TransferTarget::Operator(operator) => operator.name.to_string(),
                TransferTarget::Queue(queue) => queue.name.to_string(),
            };
            match note {
                Some(note) => format!("{who} transferred this to {to}: {note}"),
                None => format!("{who} transferred this to {to}"),
            }
        }
        EventKind::Resolved { outcome } => {
            let how = outcome.resolution.disposition.label().to_ascii_lowercase();
            match speaks {
                true => format!("{who} returned control · {how}"),
                false => format!("{who} resolved this · {how}"),
            }
        }
        EventKind::Expired { .. } => "Expired · no one answered in time".to_owned(),
        EventKind::Cancelled { reason, .. } => format!("{who} withdrew this: {reason}"),
        EventKind::Acknowledged { .. } => format!("{who} took the outcome"),
        EventKind::FollowedUp { follow_up } => match &follow_up.note {
            Some(note) => format!("{who} followed up: {note}"),
            None => format!("{who} followed up"),
        },
        EventKind::Marked { urgency, tags } => {
            let urgency = urgency.map(|urgency| "set the urgency to ".to_owned() + urgency.label());
            let tags = tags.as_ref().map(|tags| match tags.is_empty() {
                true => "removed the tags".to_owned(),
                false => "set the tags to ".to_owned() + &super::marking::listed(tags),
            });
            who + " " + &urgency.into_iter().chain(tags).collect::<Vec<_>>().join(" and ")
        }
        EventKind::AskedAgain { reason, summary, urgency } => {
            let urgency = urgency.map(|urgency| format!("the urgency is {} now", urgency.label().to_ascii_lowercase()));
            let told = [Some(reason.to_string()), summary.as_ref().map(ToString::to_string), urgency];
            format!("{who} asked again: {}", told.into_iter().flatten().collect::<Vec<_>>().join(" · "))
        }
        EventKind::Updated { changes, .. } => format!("{who} changed {}", changed(changes)),
        EventKind::NotPickedUp { .. } => format!("{} has not picked up the outcome", escalation.agent.name),
        EventKind::Opened { .. }
        | EventKind::Accepted { .. }
        | EventKind::MessageCreated { .. }
        | EventKind::MessageReceipt { .. }
        | EventKind::Noted { .. }
        | EventKind::Delivered { .. } => return None,
    })
}

/// The most changed values that an entry names.
const MOST_CHANGES_TOLD: usize = 3;

/// Describes changed values: `eur: “250” → “300”`.
fn changed(changes: &[ChangedValue]) -> String {
    let one = |it: &ChangedValue| {
        let [name, before, after] = it.in_words();
        name + ": " + &before + " → " + &after
    };
    let mut told: Vec<String> = changes.iter().take(MOST_CHANGES_TOLD).map(one).collect();
    if changes.len() > MOST_CHANGES_TOLD {
        told.push((changes.len() - MOST_CHANGES_TOLD).to_string() + " more");
    }
    told.join(" · ")
}

#[cfg(test)]
mod tests;
