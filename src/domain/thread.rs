//! Thread pages, kept up to date by `apply`.

use serde::{Deserialize, Serialize};

use super::{
    actor::Actor,
    conversation::Control,
    disposition::Disposition,
    escalation::Escalation,
    event::{Event, EventKind},
    ids::EscalationId,
    inbox::Frame,
    message::Message,
    message_part::{MessagePart, TruncatedPart},
    rich::Block,
    seq::Seq,
    text::Text,
    time::Timestamp,
};

/// A message with its text parsed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderedMessage {
    pub message: Message,
    pub blocks: Vec<Block>,
    /// The parts that are truncated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<TruncatedPart>,
}

impl RenderedMessage {
    /// Returns how this part is truncated, or none when it is complete.
    pub fn cut(&self, part: MessagePart, index: usize) -> Option<TruncatedPart> {
        self.cuts.iter().find(|cut| cut.part == part && cut.index == index).copied()
    }
}

/// The end of an earlier escalation of the same customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EarlierEscalation {
    pub id: EscalationId,
    pub at: Timestamp,
    pub by: Actor,
    pub disposition: Disposition,
    /// The note or the answer to the agent, at most [`EXCERPT`] characters of it.
    pub note: Option<String>,
}

/// The maximum number of characters of a note in the list of earlier escalations.
const EXCERPT: usize = 140;

impl EarlierEscalation {
    /// Returns the end of a closed escalation, or none of an open one.
    pub fn of(escalation: &Escalation) -> Option<Self> {
        let outcome = escalation.outcome.as_ref()?;
        let told = &outcome.resolution;
        let note = told.note_to_agent.as_ref().or(told.answer.as_ref()).map(Text::as_str);
        Some(Self {
            id: escalation.id,
            at: outcome.at,
            by: outcome.by.clone(),
            disposition: told.disposition,
            note: note.map(|note| note.chars().take(EXCERPT).collect()),
        })
    }
}

/// An escalation as its page shows it, as of `seq` of the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thread {
    pub seq: Seq,
    pub escalation: Escalation,
    /// The escalation that holds the conversation, which may be another one.
    pub held_by: Option<EscalationId>,
    /// The latest messages, oldest first.
    pub messages: Vec<RenderedMessage>,
    /// The events except messages and their receipts, in order. The opening is in `escalation`.
    pub happenings: Vec<Event>,
    /// The last escalations that ended before this one was opened, the latest first. The list never changes.
    pub earlier: Vec<EarlierEscalation>,
}

/// An item of a thread, in reading order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ThreadItem<'a> {
    Message(&'a RenderedMessage),
    /// The point at which the agent asked for a human.
    Opened,
    Happening(&'a Event),
}

impl Thread {
    /// Returns who may speak to the customer.
    pub fn control(&self) -> Control {
        Control::of(self.held_by)
    }

    /// Returns whether earlier messages were left out of this page.
    pub fn has_earlier(&self) -> bool {
        self.messages.first().is_some_and(|first| first.message.position > 0)
    }

    /// Applies an event. An event that was applied before changes nothing.
    pub fn apply(&mut self, frame: &Frame) {
        let event = &frame.event;
        if event.seq <= self.seq {
            return;
        }
        self.seq = event.seq;
        if event.conversation == self.escalation.conversation && event.escalation_id != self.escalation.id {
            self.held_by = event.held_by;
        }
        if event.escalation_id != self.escalation.id {
            return;
        }
        self.held_by = event.held_by;
        self.escalation.apply(event);
        match &event.kind {
            EventKind::MessageCreated { message } => self.messages.push(RenderedMessage {
                message: Message { seq: Some(event.seq), ..message.clone() },
                blocks: frame.blocks.clone().unwrap_or_default(),
                cuts: frame.cuts.clone(),
            }),
            EventKind::MessageReceipt { .. } => self.receive(&event.kind),
            EventKind::Opened { .. } => {}
            kind => {
                let kind = kind.clone().in_history();
                self.happenings.push(Event { kind, ..event.clone() });
            }
        }
    }

    /// Applies a receipt, also to a message that was loaded later than its receipt.
    pub fn receive(&mut self, kind: &EventKind) {
        let EventKind::MessageReceipt { message_id, receipt } = kind else { return };
        if let Some(shown) = self.messages.iter_mut().rfind(|shown| shown.message.id == *message_id) {
            shown.message.receipt = Some(receipt.clone());
        }
    }

    /// Puts an earlier page before the messages that are here.
    pub fn prepend(&mut self, earlier: Vec<RenderedMessage>) {
        let first = self.messages.first().map_or(i64::MAX, |shown| shown.message.position);
        let before = earlier.into_iter().filter(|shown| shown.message.position < first);
        self.messages.splice(0..0, before);
    }

    /// Returns all items in reading order: the transcript, the hand-over, then messages and events by their number.
    pub fn items(&self) -> Vec<ThreadItem<'_>> {
        let (before, since): (Vec<_>, Vec<_>) = self.messages.iter().partition(|shown| shown.message.seq.is_none());
        let mut later: Vec<(Seq, ThreadItem<'_>)> = since
            .into_iter()
            .filter_map(|shown| Some((shown.message.seq?, ThreadItem::Message(shown))))
            .chain(self.happenings.iter().map(|event| (event.seq, ThreadItem::Happening(event))))
            .collect();
        later.sort_by_key(|(seq, _)| *seq);
        before
            .into_iter()
            .map(ThreadItem::Message)
            .chain([ThreadItem::Opened])
            .chain(later.into_iter().map(|(_, item)| item))
            .collect()
    }
}
