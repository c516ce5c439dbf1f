//! The live store: what the page shows, kept fresh by the events of the stream. Each event is applied where it arrives,
//! with the same `apply` that the server uses; a snapshot that was asked for meanwhile is brought up to date from the
//! last events before it is shown. Nothing here panics when the page is already gone.

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
        draft::{Draft, DraftMode},
        event::{Actor, EventKind, Seq},
        ids::EscalationId,
        inbox::{FilterChoices, Frame, Inbox, ListPage},
        message::{Message, MessageRole},
        presence::{Hint, Presence},
        thread::{MessagePart, RenderedMessage, Thread, TruncatedPart},
        time::Timestamp,
    },
};

/// How the stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamStatus {
    /// The page is not awake yet, or its first stream not open.
    Connecting,
    Live,
    /// Down for long enough to say so.
    Reconnecting,
    /// Down for so long that what is shown may be wrong.
    Lost,
    /// The session ended.
    SignedOut,
}

/// Where a reply is that has not come back yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendState {
    Underway,
    /// The server has it; its event is not here yet.
    Taken,
    /// It did not get through, with the sentence why.
    Failed(String),
}

/// A reply on its way, by the name that its echo will carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReply {
    pub draft: Draft,
    pub at: Timestamp,
    pub state: SendState,
}

impl PendingReply {
    /// The name that its echo will carry.
    pub fn name(&self) -> &str {
        self.draft.client_message_id.as_str()
    }
}

/// How far the page has heard, and in which log.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    epoch: String,
    seq: Seq,
}

/// The store. All of it signals, so that a copy is the store.
#[derive(Clone, Copy)]
pub struct Live {
    pub inbox: RwSignal<Inbox>,
    /// What has left the list.
    pub left: RwSignal<Vec<DepartedRow>>,
    pub thread: RwSignal<Option<Thread>>,
    /// The selected escalation does not exist.
    pub missing: RwSignal<bool>,
    pub connection: RwSignal<StreamStatus>,
    /// For some seconds after a reconnection: how many updates it brought.
    pub caught_up: RwSignal<Option<usize>>,
    /// The page is hydrated; until then buttons would do nothing.
    pub awake: RwSignal<bool>,
    pub pending: RwSignal<Vec<PendingReply>>,
    pub drafts: Drafts,
    /// Who is there around the escalation that is shown.
    pub presence: RwSignal<Presence>,
    /// What stirs around all others.
    pub stirs: ListActivity,
    /// What lists can be narrowed to.
    pub choices: RwSignal<FilterChoices>,
    cursor: StoredValue<Cursor>,
    recent: StoredValue<RecentEvents>,
}

impl Live {
    /// A store that begins with what the server rendered.
    pub fn new(start: Bootstrap) -> Self {
        let drafts = Drafts::new(start.me.who.id, start.drafts, start.inbox.seq);
        Self {
            drafts,
            stirs: ListActivity::new(drafts, start.reads),
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

    /// The cursor as the stream's address has it, `epoch.seq`; none when the page is gone.
    pub fn cursor(self) -> Option<String> {
        self.cursor.try_with_value(|cursor| format!("{}.{}", cursor.epoch, cursor.seq))
    }

    /// Whether claiming and resolving make sense now. Follows the connection.
    pub fn may_act(self) -> bool {
        self.awake.get() && !matches!(self.connection.get(), StreamStatus::Lost | StreamStatus::SignedOut)
    }

    /// Follows an event.
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

    /// Starts over from a fresh snapshot, perhaps of another log. Drafts and pending replies stay. False when it is too old to
    /// be brought up to date: then it is to be read again.
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

    /// Shows a list that was asked for, brought up to date; false when it is too old for that.
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

    /// Says whether the page has forgotten events that it heard after a snapshot.
    fn is_too_old(self, snapshot: Seq) -> bool {
        self.recent.try_with_value(|recent| !recent.continues(snapshot)) == Some(true)
    }

    /// Adds rows to the list they were asked for; false when they are older than the list, none when the page is gone.
    pub fn extend_inbox(self, page: ListPage) -> Option<bool> {
        self.inbox.try_update(|inbox| inbox.extend(page))
    }

    /// Shows an escalation that was asked for, brought up to date; none says that it does not exist. False when it is too old
    /// to be brought up to date.
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

    /// Follows a hint.
    pub fn hint(self, hint: &Hint) {
        self.stirs.hear(hint);
        self.presence.try_maybe_update(|presence| {
            let about = self.thread.try_with_untracked(|thread| {
                thread.as_ref().is_some_and(|thread| presence.apply(hint, &thread.escalation))
            });
            (about == Some(true), ())
        });
    }

    /// How far one has read the escalation that is shown, when it is this one: as far as it goes.
    pub fn reads(self, id: EscalationId) -> Seq {
        let said = self.thread.try_with_untracked(|thread| {
            thread.as_ref().filter(|thread| thread.escalation.id == id).map(|thread| thread.escalation.said_seq)
        });
        let read = said.flatten().unwrap_or_default();
        self.stirs.read_to(id, read);
        read
    }

    /// Shows nothing beside the list.
    pub fn close_thread(self) {
        self.missing.try_set(false);
        self.thread.try_set(None);
    }

    /// Puts earlier messages before those of an escalation that is still shown.
    pub fn show_earlier(self, id: EscalationId, earlier: Vec<RenderedMessage>) {
        self.thread.try_update(|thread| {
            if let Some(thread) = thread.as_mut().filter(|thread| thread.escalation.id == id) {
                thread.prepend(earlier);
                // That page may be of an earlier moment than this one.
                self.recent
                    .try_with_value(|recent| recent.frames().for_each(|frame| thread.receive(&frame.event.kind)));
            }
        });
    }

    /// Shows a reply before the server has it.
    pub fn send(self, pending: PendingReply) {
        self.pending.try_update(|all| all.push(pending));
    }

    /// Says where a reply is. One whose echo came first is gone already.
    pub fn sending(self, client_message_id: &str, state: SendState) {
        self.pending.try_update(|all| {
            if let Some(pending) = all.iter_mut().find(|it| it.name() == client_message_id) {
                pending.state = state;
            }
        });
    }

    /// Takes a reply back that did not get through.
    pub fn unsend(self, client_message_id: &str) -> Option<PendingReply> {
        let taken = self.pending.try_update(|all| {
            let at = all.iter().position(|it| it.name() == client_message_id)?;
            Some(all.remove(at))
        });
        taken.flatten()
    }

    /// How far the page has heard.
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

    /// An operator's message is no longer on its way, and no draft.
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

/// The seq from which the stream must go on for both snapshots.
fn reaches(inbox: &Inbox, thread: Option<&Thread>) -> Seq {
    thread.map_or(inbox.seq, |thread| thread.seq.min(inbox.seq))
}
