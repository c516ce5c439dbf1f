//! The ledger: gives a decided event its number and its time, applies it, and makes the frame that operators' pages receive.
//! The writer and the property tests share this implementation.

use super::{
    actor::Actor,
    ask::AskKind,
    conversation::{Conversation, ConversationKey},
    escalation::Escalation,
    event::{Event, EventKind, TransferTarget},
    ids::{EscalationId, EventId},
    inbox::{Frame, Row, StateBefore},
    seq::Seq,
    time::Timestamp,
};

/// A decided event that has no number yet.
pub struct NewEvent {
    pub id: EventId,
    pub escalation_id: EscalationId,
    pub actor: Actor,
    pub kind: EventKind,
}

impl NewEvent {
    /// Returns the conversation of the event, given the escalation before it. None when an event other than the opening
    /// comes without an escalation.
    pub fn conversation<'a>(&'a self, before: Option<&'a Escalation>) -> Option<&'a ConversationKey> {
        self.subject(before).map(|it| &it.conversation)
    }

    /// Returns the escalation of the event: the one that it opens, else the one before it.
    fn subject<'a>(&'a self, before: Option<&'a Escalation>) -> Option<&'a Escalation> {
        match &self.kind {
            EventKind::Opened { escalation } => Some(escalation),
            _ => before,
        }
    }

    /// Numbers the event, and applies it to its escalation and its conversation. `escalation` is none before the opening,
    /// and some afterwards. Returns none, and changes nothing, when an event other than the opening comes without one.
    pub fn record(
        mut self,
        seq: Seq,
        now: Timestamp,
        escalation: &mut Option<Escalation>,
        conversation: &mut Conversation,
    ) -> Option<Frame> {
        if let EventKind::MessageCreated { message } = &mut self.kind {
            message.seq = Some(seq);
        }
        let before = escalation.as_ref();
        let subject = self.subject(before)?;
        let (key, ask) = (subject.conversation.clone(), subject.opening.ask.kind);
        let was = before.map(|it| state_before(it, &self.kind));
        // Later events never have a time before the earlier ones of their escalation.
        let at = before.map_or(now, |it| it.moment(now));
        conversation.apply(&self.kind, self.escalation_id, ask);
        let event = Event {
            seq,
            id: self.id,
            at,
            escalation_id: self.escalation_id,
            conversation: key,
            held_by: conversation.held_by,
            actor: self.actor,
            kind: self.kind,
        };
        if let Some(begun) = Escalation::begun_by(&event) {
            *escalation = Some(begun);
        }
        let it = escalation.as_mut()?;
        it.apply(&event);
        let row = Row::from(&*it);
        Some(Frame { event, was, row, blocks: None, cuts: vec![] })
    }
}

impl Conversation {
    /// Applies an event of one of the conversation's escalations.
    pub fn apply(&mut self, kind: &EventKind, escalation: EscalationId, ask: AskKind) {
        match kind {
            EventKind::Opened { .. } if ask == AskKind::Takeover => self.takeover = Some(escalation),
            EventKind::Claimed { .. } if ask == AskKind::Takeover => self.held_by = Some(escalation),
            EventKind::TakenOver { .. } => self.held_by = Some(escalation),
            EventKind::Transferred { claim: None, .. } | EventKind::Released { .. } => self.let_go(escalation),
            kind if kind.event_type().closes() => {
                self.let_go(escalation);
                if self.takeover == Some(escalation) {
                    self.takeover = None;
                }
            }
            _ => {}
        }
    }

    fn let_go(&mut self, escalation: EscalationId) {
        if self.held_by == Some(escalation) {
            self.held_by = None;
        }
    }
}

fn state_before(it: &Escalation, kind: &EventKind) -> StateBefore {
    let queue = match kind {
        EventKind::Transferred { to: TransferTarget::Queue(to), .. } if to.id != it.queue.id => Some(it.queue.id),
        _ => None,
    };
    StateBefore { shelf: it.shelf(), claimed_by: it.on_desk_of(), queue }
}
