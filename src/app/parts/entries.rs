//! What a conversation's log shows, in order: days, messages with the steps that led to them, boundaries, notes. Pure.

use std::mem::take;

use serde_json::Value;

use crate::domain::{
    escalation::Escalation,
    event::{Actor, Event, EventKind, Seq, TransferTarget},
    ids::OperatorId,
    message::{Message, MessageRole, ReceiptState, ToolResult},
    operator::OperatorRef,
    thread::{Item, Shown, Thread},
    time::{Span, Timestamp},
};

/// Messages of the same side within this time share a heading.
const TOGETHER: Span = Span::minutes(5);

/// A call of a tool, with what it answered as far as anyone knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub arguments: Option<Value>,
    pub result: Option<ToolResult>,
    /// By which its result is found.
    call_id: Option<String>,
}

/// One thing in the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// `2026-11-22`, where a day begins.
    Day(String),
    Message {
        shown: Box<Shown>,
        /// What the agent did before it said this.
        steps: Vec<Step>,
        /// The one before has its heading.
        grouped: bool,
    },
    /// Steps that led to nothing said; the position of the last tells them apart.
    Steps(i64, Vec<Step>),
    /// Where control changed hands or the escalation's state did.
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

impl Entry {
    /// Tells entries apart; one whose look changes is another.
    pub fn key(&self) -> String {
        match self {
            Self::Day(date) => format!("day {date}"),
            Self::Message { shown, steps, grouped } => {
                let foot = became(&shown.message).unwrap_or_default();
                format!("message {} {} {grouped} {foot}", shown.message.id, steps.len())
            }
            Self::Steps(position, steps) => format!("steps {position} {}", steps.len()),
            Self::Boundary { seq, .. } => format!("event {seq}"),
            Self::Note { seq, .. } => format!("note {seq}"),
        }
    }
}

/// What became of a message on its way to the customer, in words.
pub fn became(message: &Message) -> Option<String> {
    let receipt = message.receipt.as_ref()?;
    Some(match (receipt.state, &receipt.detail) {
        (ReceiptState::Shown, _) => "shown to customer".to_owned(),
        (ReceiptState::Failed, Some(detail)) => "failed: ".to_owned() + detail.as_str(),
        (ReceiptState::Failed, None) => "failed".to_owned(),
    })
}

/// Lays out a thread for one reader, at a place `offset` east of Greenwich.
pub fn entries(thread: &Thread, me: OperatorId, offset: Span) -> Vec<Entry> {
    let mut log = Log { entries: vec![], steps: vec![], position: 0, day: None, offset };
    for item in thread.items() {
        match item {
            Item::Message(shown) => log.message(shown),
            Item::Opened => {
                log.boundary(thread.escalation.opened_seq, thread.escalation.opened_at, asked(&thread.escalation))
            }
            Item::Happening(event) => log.happening(event, &thread.escalation, me),
        }
    }
    log.flush();
    log.entries
}

struct Log {
    entries: Vec<Entry>,
    steps: Vec<Step>,
    /// Of the last message that brought a step.
    position: i64,
    day: Option<i64>,
    offset: Span,
}

impl Log {
    fn message(&mut self, shown: &Shown) {
        let message = &shown.message;
        if message.role == MessageRole::Tool {
            return self.result(message);
        }
        let says = message.unreadable || message.text.as_ref().is_some_and(|text| !text.trim().is_empty());
        if says {
            if message.role != MessageRole::Agent {
                self.flush();
            }
            self.day(message.at);
            let steps = take(&mut self.steps);
            let grouped = steps.is_empty() && self.continues(message);
            self.entries.push(Entry::Message { shown: Box::new(shown.clone()), steps, grouped });
        }
        for call in &message.tool_calls {
            self.position = message.position;
            self.steps.push(Step {
                name: call.name.clone(),
                arguments: Some(call.arguments.clone()),
                result: None,
                call_id: call.id.clone(),
            });
        }
    }

    fn result(&mut self, message: &Message) {
        let said = || ToolResult {
            call_id: None,
            output: Value::String(message.text.clone().unwrap_or_default()),
            is_error: false,
            outcome_stated: false,
        };
        let result = message.tool_result.clone().unwrap_or_else(said);
        self.position = message.position;
        let asked = self
            .steps
            .iter_mut()
            .find(|step| step.result.is_none() && (result.call_id.is_none() || step.call_id == result.call_id));
        match asked {
            Some(step) => step.result = Some(result),
            None => self.steps.push(Step {
                name: "tool".to_owned(),
                arguments: None,
                call_id: result.call_id.clone(),
                result: Some(result),
            }),
        }
    }

    fn happening(&mut self, event: &Event, escalation: &Escalation, me: OperatorId) {
        if let (EventKind::Noted { text }, Actor::Operator(by)) = (&event.kind, &event.actor) {
            self.flush();
            self.day(Some(event.at));
            let text = text.to_string();
            return self.entries.push(Entry::Note { seq: event.seq, at: event.at, by: by.clone(), text });
        }
        if let Some(words) = happened(event, escalation, me) {
            self.boundary(event.seq, event.at, words);
        }
    }

    fn boundary(&mut self, seq: Seq, at: Timestamp, words: String) {
        self.flush();
        self.day(Some(at));
        self.entries.push(Entry::Boundary { seq, at, words });
    }

    fn flush(&mut self) {
        if !self.steps.is_empty() {
            self.entries.push(Entry::Steps(self.position, take(&mut self.steps)));
        }
    }

    fn day(&mut self, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        let day = at.day(self.offset);
        // Agents date messages as they like: a day that comes again is no new one, and would have the key of the first.
        if self.day.is_none_or(|known| day > known) {
            self.day = Some(day);
            self.entries.push(Entry::Day(at.date(self.offset)));
        }
    }

    fn continues(&self, message: &Message) -> bool {
        let Some(Entry::Message { shown, .. }) = self.entries.last() else { return false };
        let before = &shown.message;
        let near = match (before.at, message.at) {
            (Some(before), Some(at)) => at - before <= TOGETHER,
            (None, None) => true,
            _ => false,
        };
        near && before.role == message.role && before.author == message.author && before.tool_calls.is_empty()
    }
}

fn asked(escalation: &Escalation) -> String {
    format!("Agent asked for a human · {}", escalation.opening.reason.in_words())
}

/// What happened, in words; none for what has its own look or is no reader's business.
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
        EventKind::NotPickedUp { .. } => format!("{} has not picked up the outcome", escalation.agent.name),
        EventKind::Opened { .. }
        | EventKind::MessageCreated { .. }
        | EventKind::MessageReceipt { .. }
        | EventKind::Noted { .. }
        | EventKind::Delivered { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ask::AskKind, rich::Block, stage::Stage};

    #[test]
    fn every_entry_has_a_key_of_its_own_however_messages_are_dated() {
        let mut stage = Stage::new();
        let id = stage.open(AskKind::Takeover).unwrap();
        let escalation = stage.of(id).clone();
        let day = |days: i64| Timestamp(escalation.opened_at.0 + days * 86_400_000);
        let messages = stage.world.messages.iter().cycle().take(4).zip([0, 1, 0, 1]).zip(0..);
        let messages = messages.map(|(((_, message), days), position)| Shown {
            message: Message {
                id: crate::domain::ids::MessageId::new(uuid::Uuid::from_u128(position as u128)),
                position,
                at: Some(day(days)),
                ..message.clone()
            },
            blocks: Vec::<Block>::new(),
        });
        let thread = Thread {
            seq: escalation.seq,
            held_by: None,
            messages: messages.collect(),
            happenings: vec![],
            earlier: vec![],
            escalation,
        };
        let entries = entries(&thread, OperatorId::new(uuid::Uuid::from_u128(9)), Span(0));
        let days = entries.iter().filter(|entry| matches!(entry, Entry::Day(_))).count();
        let keys: std::collections::HashSet<String> = entries.iter().map(Entry::key).collect();
        assert_eq!((keys.len(), days), (entries.len(), 2));
    }
}
