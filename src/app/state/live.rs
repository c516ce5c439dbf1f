//! The live store: the data that the page shows, kept up to date by the events of the stream. Each event is applied
//! where it arrives, with the same `apply` that the server uses. A snapshot that was requested meanwhile is brought up
//! to date from the last events before it is shown. Nothing here panics when the page is already gone.

use leptos::prelude::*;

use crate::{
    app::{
        actions::Bootstrap,
        state::{
            activity::ListActivity,
            displayed_rows::{self, DepartedRow},
            drafts::Drafts,
            recent::RecentEvents,
        },
    },
    domain::{
        actor::Actor,
        draft::{Draft, DraftMode},
        event::EventKind,
        ids::EscalationId,
        inbox::{FilterChoices, Frame, Inbox, ListPage},
        message::{Message, MessageRole},
        message_part::{MessagePart, TruncatedPart},
        presence::{Hint, Presence},
        seq::Seq,
        thread::{RenderedMessage, Thread},
        time::Timestamp,
    },
};

/// The status of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    /// The page is not hydrated yet, or its first stream is not open.
    Connecting,
    Live,
    /// Down for long enough to show it.
    Reconnecting,
    /// Down for so long that the data shown may be stale.
    Lost,
    /// The session ended.
    SignedOut,
}

/// The state of a reply whose event has not arrived yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendState {
    Underway,
    /// The server has stored the reply; its event has not arrived yet.
    Taken,
    /// The reply was not sent, for the reason in this sentence.
    Failed(String),
}

/// A reply in flight, identified by the name that its event will carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReply {
    pub draft: Draft,
    pub at: Timestamp,
    pub state: SendState,
}

impl PendingReply {
    /// Returns the name that its event will carry.
    pub fn name(&self) -> &str {
        self.draft.client_message_id.as_str()
    }
}

/// The position that the page has reached, and in which log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    epoch: String,
    seq: Seq,
}

/// The store. All fields are signals or stored values, so a copy shares the same state.
#[derive(Clone, Copy)]
pub struct Live {
    pub inbox: RwSignal<Inbox>,
    /// The rows that have left the list.
    pub left: RwSignal<Vec<DepartedRow>>,
    pub thread: RwSignal<Option<Thread>>,
    /// True when the selected escalation does not exist.
    pub missing: RwSignal<bool>,
    pub connection: RwSignal<StreamStatus>,
    /// The number of updates since a reconnection; set for some seconds after it.
    pub caught_up: RwSignal<Option<usize>>,
    /// True once the page is hydrated; until then buttons would do nothing.
    pub awake: RwSignal<bool>,
    pub pending: RwSignal<Vec<PendingReply>>,
    pub drafts: Drafts,
    /// The presence around the escalation that is shown.
    pub presence: RwSignal<Presence>,
    /// The activity around the rows of the list.
    pub activity: ListActivity,
    /// The values that lists can be filtered by.
    pub choices: RwSignal<FilterChoices>,
    cursor: StoredValue<Cursor>,
    recent: StoredValue<RecentEvents>,
}

impl Live {
    /// Creates a store from the data that the server rendered.
    pub fn new(start: Bootstrap) -> Self {
        let drafts = Drafts::new(start.me.who.id, start.drafts, start.inbox.seq);
        Self {
            drafts,
            activity: ListActivity::new(drafts, start.reads),
            presence: RwSignal::new(start.presence),
            choices: RwSignal::new(start.choices),
            cursor: StoredValue::new(Cursor { seq: reaches(&start.inbox, start.thread.as_ref()), epoch: start.epoch }),
            inbox: RwSignal::new(start.inbox),
            left: RwSignal::new(vec![]),
            thread: RwSignal::new(start.thread),
            missing: RwSignal::new(start.missing),
            connection: RwSignal::new(StreamStatus::Connecting),
            caught_up: RwSignal::new(None),
            awake: RwSignal::new(false),
            pending: RwSignal::new(vec![]),
            recent: StoredValue::new(RecentEvents::default()),
        }
    }

    /// Returns the cursor for the stream's address, `epoch.seq`; none when the page is gone.
    pub fn cursor(self) -> Option<String> {
        self.cursor.try_with_value(|cursor| format!("{}.{}", cursor.epoch, cursor.seq))
    }

    /// Returns whether claiming and resolving make sense now. Tracks the connection.
    pub fn may_act(self) -> bool {
        self.awake.get() && !matches!(self.connection.get(), StreamStatus::Lost | StreamStatus::SignedOut)
    }

    /// Applies an event.
    pub fn apply(self, frame: Frame) {
        self.cursor.try_update_value(|cursor| cursor.seq = cursor.seq.max(frame.event.seq));
        let leaves = self.inbox.try_update(|inbox| inbox.apply(&frame)).unwrap_or(false);
        self.left.try_maybe_update(|left| (displayed_rows::leave(left, &frame, leaves), ()));
        self.thread.try_maybe_update(|thread| {
            let Some(thread) = thread else { return (false, ()) };
            thread.apply(&frame);
            (frame.event.conversation == thread.escalation.conversation, ())
        });
        self.heard(&frame);
        self.recent.try_update_value(|recent| recent.push(frame));
    }

    /// Replaces the data with a new snapshot, perhaps of another log. Drafts and pending replies stay. Returns false
    /// when the snapshot is too old to be brought up to date and must be read again.
    pub fn restart(self, start: Bootstrap) -> bool {
        let cursor = Cursor { seq: reaches(&start.inbox, start.thread.as_ref()), epoch: start.epoch };
        let same_log = self.cursor.try_with_value(|known| known.epoch == cursor.epoch).unwrap_or(false);
        if !same_log {
            self.recent.try_update_value(RecentEvents::clear);
        }
        self.cursor.try_set_value(cursor);
        self.choices.try_set(start.choices);
        let shows_inbox = self.show_inbox(start.inbox);
        self.show_thread(start.thread, start.presence) && shows_inbox
    }

    /// Shows a requested list, brought up to date; returns false when the list is too old for that.
    pub fn show_inbox(self, mut inbox: Inbox) -> bool {
        if self.is_too_old(inbox.seq) {
            return false;
        }
        self.recent.try_with_value(|recent| {
            recent.frames().for_each(|frame| {
                inbox.apply(frame);
            })
        });
        self.inbox.try_set(inbox);
        true
    }

    /// Returns whether events that the page received after a snapshot are no longer kept.
    fn is_too_old(self, snapshot: Seq) -> bool {
        self.recent.try_with_value(|recent| !recent.continues(snapshot)) == Some(true)
    }

    /// Adds rows to the list; returns false when they are older than the list, and none when the page is gone.
    pub fn extend_inbox(self, page: ListPage) -> Option<bool> {
        self.inbox.try_update(|inbox| inbox.extend(page))
    }

    /// Shows a requested escalation, brought up to date; `None` means that it does not exist. Returns false when the
    /// snapshot is too old to be brought up to date.
    pub fn show_thread(self, mut thread: Option<Thread>, presence: Presence) -> bool {
        if thread.as_ref().is_some_and(|thread| self.is_too_old(thread.seq)) {
            return false;
        }
        if let Some(thread) = &mut thread {
            self.recent.try_with_value(|recent| recent.frames().for_each(|frame| thread.apply(frame)));
            for shown in &thread.messages {
                self.arrived(&shown.message, &shown.cuts);
            }
        }
        self.missing.try_set(thread.is_none());
        self.presence.try_set(presence);
        self.thread.try_set(thread);
        true
    }

    /// Restores the drafts that the server had not confirmed when this tab was reloaded, except those that were sent.
    pub fn restore_drafts(self) {
        self.drafts.restore(self.seq());
        self.thread.try_with_untracked(|thread| {
            for thread in thread.iter() {
                thread.messages.iter().for_each(|shown| self.arrived(&shown.message, &shown.cuts));
                for event in &thread.happenings {
                    if let (EventKind::Noted { text }, Actor::Operator(by)) = (&event.kind, &event.actor)
                        && self.drafts.text_now(event.escalation_id, DraftMode::Note) == text.as_str()
                    {
                        self.drafts.noted(event.escalation_id, by.id, text.as_str());
                    }
                }
            }
        });
    }

    /// Applies a hint.
    pub fn hint(self, hint: &Hint) {
        self.activity.hear(hint);
        self.presence.try_maybe_update(|presence| {
            let about = self.thread.try_with_untracked(|thread| {
                thread.as_ref().is_some_and(|thread| presence.apply(hint, &thread.escalation))
            });
            (about == Some(true), ())
        });
    }

    /// Marks the escalation as read as far as the page shows it, if it is the one shown, and returns that seq.
    pub fn reads(self, id: EscalationId) -> Seq {
        let said = self.thread.try_with_untracked(|thread| {
            thread.as_ref().filter(|thread| thread.escalation.id == id).map(|thread| thread.escalation.said_seq)
        });
        let read = said.flatten().unwrap_or_default();
        self.activity.read_to(id, read);
        read
    }

    /// Closes the escalation, so that only the list is shown.
    pub fn close_thread(self) {
        self.missing.try_set(false);
        self.thread.try_set(None);
    }

    /// Prepends earlier messages to an escalation that is still shown.
    pub fn show_earlier(self, id: EscalationId, earlier: Vec<RenderedMessage>) {
        self.thread.try_update(|thread| {
            if let Some(thread) = thread.as_mut().filter(|thread| thread.escalation.id == id) {
                thread.prepend(earlier);
                // The page of earlier messages may be older than the thread.
                self.recent
                    .try_with_value(|recent| recent.frames().for_each(|frame| thread.receive(&frame.event.kind)));
            }
        });
    }

    /// Shows a reply before the server has it.
    pub fn send(self, pending: PendingReply) {
        self.pending.try_update(|all| all.push(pending));
    }

    /// Sets the state of a reply. A reply whose event came first is already removed.
    pub fn sending(self, client_message_id: &str, state: SendState) {
        self.pending.try_update(|all| {
            if let Some(pending) = all.iter_mut().find(|it| it.name() == client_message_id) {
                pending.state = state;
            }
        });
    }

    /// Removes a reply that was not sent, and returns it.
    pub fn unsend(self, client_message_id: &str) -> Option<PendingReply> {
        let taken = self.pending.try_update(|all| {
            let at = all.iter().position(|it| it.name() == client_message_id)?;
            Some(all.remove(at))
        });
        taken.flatten()
    }

    /// Returns the seq that the page has reached.
    pub fn seq(self) -> Seq {
        self.cursor.try_with_value(|cursor| cursor.seq).unwrap_or_default()
    }

    fn heard(self, frame: &Frame) {
        match (&frame.event.kind, &frame.event.actor) {
            (EventKind::MessageCreated { message }, _) => self.arrived(message, &frame.cuts),
            (EventKind::Noted { text }, Actor::Operator(by)) => {
                self.drafts.noted(frame.event.escalation_id, by.id, text.as_str());
            }
            _ => {}
        }
    }

    /// Removes an operator's message from the pending replies and the drafts.
    fn arrived(self, message: &Message, cuts: &[TruncatedPart]) {
        let Some(id) = message.client_message_id.as_ref().filter(|_| message.role == MessageRole::Operator) else {
            return;
        };
        let id = id.as_str();
        let cut = cuts.iter().find(|cut| cut.part == MessagePart::Text).map(|cut| cut.length);
        self.drafts.sent(id, message.text.as_deref().unwrap_or_default(), cut);
        self.pending.try_maybe_update(|all| {
            let before = all.len();
            all.retain(|pending| pending.name() != id);
            (all.len() != before, ())
        });
    }
}

/// Returns the seq from which the stream must continue for both snapshots.
fn reaches(inbox: &Inbox, thread: Option<&Thread>) -> Seq {
    thread.map_or(inbox.seq, |thread| thread.seq.min(inbox.seq))
}
