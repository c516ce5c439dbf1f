//! The drafts that the server has not saved yet. At most one request carries a draft at any time, so an older text that
//! arrives late cannot overwrite a newer one.

use crate::domain::draft::Draft;

/// The drafts to save, by the names under which they will be sent.
#[derive(Debug, Default)]
pub struct UnsavedDrafts(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    draft: Draft,
    /// True while a request carries this draft, perhaps with an older text.
    is_underway: bool,
}

impl UnsavedDrafts {
    /// Adds a draft; its text replaces an older one.
    pub fn add(&mut self, draft: Draft) {
        match self.0.iter_mut().find(|entry| entry.draft.client_message_id == draft.client_message_id) {
            Some(entry) => entry.draft = draft,
            None => self.0.push(Entry { draft, is_underway: false }),
        }
    }

    /// Returns whether the draft of this name is unsaved.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|entry| entry.draft.client_message_id.as_str() == name)
    }

    /// Removes the draft of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|entry| entry.draft.client_message_id.as_str() != name);
    }

    /// Returns the drafts to send now. The caller reports the result of each with `settle`.
    pub fn take_waiting(&mut self) -> Vec<Draft> {
        let waiting = self.0.iter_mut().filter(|entry| !entry.is_underway);
        waiting
            .map(|entry| {
                entry.is_underway = true;
                entry.draft.clone()
            })
            .collect()
    }

    /// Records the result of a request. A text that was written meanwhile is still unsaved.
    pub fn settle(&mut self, sent: &Draft, is_saved: bool) {
        self.0.retain_mut(|entry| {
            if entry.draft.client_message_id == sent.client_message_id {
                entry.is_underway = false;
            }
            !(is_saved && entry.draft == *sent)
        });
    }

    /// Stops waiting for the requests in flight, because their connection is gone.
    pub fn retry(&mut self) {
        self.0.iter_mut().for_each(|entry| entry.is_underway = false);
    }

    /// Returns every unsaved draft, in the order in which they were begun.
    pub fn all(&self) -> Vec<Draft> {
        self.0.iter().map(|entry| entry.draft.clone()).collect()
    }

    /// Returns whether the server has everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{draft::DraftMode, ids::EscalationId, text::ClientMessageId};

    fn draft(name: &str, text: &str) -> Draft {
        Draft {
            escalation: EscalationId::new(Uuid::from_u128(1)),
            mode: DraftMode::Reply,
            client_message_id: ClientMessageId::parse(name).unwrap(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_draft_is_unsaved_until_the_server_confirms_its_last_text() {
        let mut unsaved = UnsavedDrafts::default();
        unsaved.add(draft("m-1", "Hel"));
        assert_eq!(unsaved.take_waiting(), [draft("m-1", "Hel")]);
        unsaved.add(draft("m-1", "Hello"));
        assert_eq!(unsaved.take_waiting(), [], "one request at a time carries a draft");
        assert_eq!(unsaved.all(), [draft("m-1", "Hello")], "a page that is left saves all of it");
        unsaved.settle(&draft("m-1", "Hel"), true);
        assert_eq!(unsaved.take_waiting(), [draft("m-1", "Hello")]);
        unsaved.settle(&draft("m-1", "Hello"), false);
        assert_eq!(unsaved.take_waiting(), [draft("m-1", "Hello")], "a failed request is repeated");
        unsaved.settle(&draft("m-1", "Hello"), true);
        assert!(unsaved.is_empty());
    }

    #[test]
    fn a_request_that_is_never_answered_blocks_nothing() {
        let mut unsaved = UnsavedDrafts::default();
        unsaved.add(draft("m-1", "Hello"));
        unsaved.take_waiting();
        unsaved.retry();
        assert_eq!(unsaved.take_waiting(), [draft("m-1", "Hello")]);
    }

    #[test]
    fn drafts_of_one_place_are_kept_apart_by_their_names() {
        let mut unsaved = UnsavedDrafts::default();
        unsaved.add(draft("m-1", "is being sent"));
        unsaved.add(draft("m-2", "is the next one"));
        unsaved.remove("m-1");
        assert_eq!(unsaved.all(), [draft("m-2", "is the next one")]);
    }
}
