//! Drafts of what an operator writes. The page stores a draft at once, the tab keeps a copy until the server has it,
//! and the server gets it soon after. So the draft survives a reload, however soon, and the closing of the page.

use js_sys::{Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::unsaved::UnsavedDrafts;
use crate::{
    app::{
        codec,
        memory::{keep_in_tab, kept_in_tab},
    },
    domain::{
        draft::{Draft, DraftMode, LONGEST},
        ids::{EscalationId, OperatorId},
        seq::Seq,
        text::ClientMessageId,
    },
};

/// A draft, and the seq that the page had reached when it was begun. Later messages may change what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedDraft {
    pub draft: Draft,
    pub since: Seq,
    /// True when the draft came from the server under this name, which other tabs may have, too.
    is_loaded: bool,
}

/// All drafts of the signed-in operator.
#[derive(Clone, Copy)]
pub struct Drafts {
    me: OperatorId,
    all: RwSignal<Vec<StartedDraft>>,
    /// The drafts that the server has not confirmed yet. The tab keeps a copy, which survives a reload.
    unsaved: StoredValue<UnsavedDrafts>,
    /// True when the tab had drafts that the server did not have when it rendered the page.
    pub restored: RwSignal<bool>,
}

impl Drafts {
    /// Creates the drafts from those that the server stored; the page has received events up to `since`.
    pub fn new(me: OperatorId, kept: Vec<Draft>, since: Seq) -> Self {
        let all = kept.into_iter().map(|draft| StartedDraft { draft, since, is_loaded: true }).collect();
        let unsaved = StoredValue::new(UnsavedDrafts::default());
        Self { me, all: RwSignal::new(all), unsaved, restored: RwSignal::new(false) }
    }

    /// Restores the drafts that the server had not confirmed when this tab was reloaded. Only after hydration, because
    /// the server has rendered the page without them.
    pub fn restore(self, since: Seq) {
        let kept = kept_in_tab(&self.in_tab()).and_then(|json| codec::read::<Vec<Draft>>(json.as_bytes()).ok());
        let Some(kept) = kept.filter(|kept| !kept.is_empty()) else { return };
        self.all.try_update(|all| {
            for draft in &kept {
                if draft.text.is_empty() {
                    all.retain(|it| it.draft.client_message_id != draft.client_message_id);
                } else {
                    all.retain(|it| !is(&it.draft, draft.escalation, draft.mode));
                    all.push(StartedDraft { draft: draft.clone(), since, is_loaded: false });
                }
            }
        });
        self.unsaved.try_update_value(|unsaved| kept.into_iter().for_each(|draft| unsaved.add(draft)));
        self.restored.try_set(true);
    }

    /// Returns the draft of an escalation in a mode, and tracks its changes.
    pub fn get(self, id: EscalationId, mode: DraftMode) -> Option<StartedDraft> {
        self.all.with(|all| find(all, id, mode).cloned())
    }

    /// Returns the text of the draft, and tracks its changes.
    pub fn text(self, id: EscalationId, mode: DraftMode) -> String {
        self.all.with(|all| text(all, id, mode))
    }

    /// Returns the text of the draft without tracking it; empty when the page is gone.
    pub fn text_now(self, id: EscalationId, mode: DraftMode) -> String {
        self.all.try_with_untracked(|all| text(all, id, mode)).unwrap_or_default()
    }

    /// Returns every draft that the server lacks at this moment.
    pub fn unsaved(self) -> Vec<Draft> {
        self.unsaved.try_with_value(UnsavedDrafts::all).unwrap_or_default()
    }

    /// Stores the text of a draft. A new draft gets its name now, with `since` as the seq that the page has reached.
    pub fn write(self, id: EscalationId, mode: DraftMode, text: String, since: Seq) {
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        };
        let written = self.all.try_update(|all| {
            let at = all.iter().position(|it| is(&it.draft, id, mode));
            match at {
                Some(at) => {
                    // Two tabs that continue the same loaded draft must not write to one name.
                    let fresh = if all[at].is_loaded { mint() } else { None };
                    let replaced = fresh.map(|fresh| {
                        let old = std::mem::replace(&mut all[at].draft.client_message_id, fresh);
                        all[at].is_loaded = false;
                        Draft { client_message_id: old, text: String::new(), ..all[at].draft.clone() }
                    });
                    all[at].draft.text = text;
                    let draft = all[at].draft.clone();
                    if draft.text.is_empty() {
                        all.remove(at);
                    }
                    Some((replaced, draft))
                }
                // An empty text starts no draft.
                None if text.is_empty() => None,
                None => {
                    let draft = Draft { escalation: id, mode, client_message_id: mint()?, text };
                    all.push(StartedDraft { draft: draft.clone(), since, is_loaded: false });
                    Some((None, draft))
                }
            }
        });
        if let Some(Some((replaced, draft))) = written {
            if let Some(replaced) = replaced {
                self.unsave(replaced);
            }
            self.unsave(draft);
        }
    }

    /// Records that the operator has seen the messages up to `since`.
    pub fn catch_up(self, id: EscalationId, mode: DraftMode, since: Seq) {
        self.all.try_update(|all| {
            if let Some(begun) = all.iter_mut().find(|it| is(&it.draft, id, mode)) {
                begun.since = since;
            }
        });
    }

    /// Removes a draft to send it. The server keeps a full copy until it has the message.
    pub fn take(self, id: EscalationId, mode: DraftMode) -> Option<Draft> {
        let taken = self.all.try_update(|all| {
            let at = all.iter().position(|it| is(&it.draft, id, mode))?;
            Some(all.remove(at).draft)
        });
        let taken = taken.flatten();
        if let Some(draft) = &taken {
            self.unsave(draft.clone());
        }
        taken
    }

    /// Handles a reply of this name that was sent, here or in another tab. A different text that is still under this
    /// name is new and gets its own name.
    pub fn sent(self, name: &str, text: &str, cut: Option<usize>) {
        if self.unsaved.try_with_value(|unsaved| unsaved.has(name)) == Some(true) {
            self.change_unsaved(|unsaved| unsaved.remove(name));
        }
        let renamed = self.all.try_maybe_update(|all| {
            let Some(at) = all.iter().position(|it| it.draft.client_message_id.as_str() == name) else {
                return (false, None);
            };
            let draft = &all[at].draft.text;
            let is_sent = match cut {
                Some(length) => draft.starts_with(text) && draft.chars().count() == length,
                None => draft == text,
            };
            if is_sent {
                all.remove(at);
                return (true, None);
            }
            let Some(fresh) = mint() else { return (false, None) };
            all[at].draft.client_message_id = fresh;
            (true, Some(all[at].draft.clone()))
        });
        if let Some(Some(draft)) = renamed {
            self.unsave(draft);
        }
    }

    /// Handles a note that was added, here or in another tab. If this operator added it, the draft under the old name
    /// is deleted, and a draft with another text gets a new name.
    pub fn noted(self, id: EscalationId, by: OperatorId, text: &str) {
        if by != self.me {
            return;
        }
        let changed = self.all.try_maybe_update(|all| {
            let at = all.iter().position(|it| is(&it.draft, id, DraftMode::Note));
            let (Some(at), Some(fresh)) = (at, mint()) else { return (false, None) };
            let done = Draft { text: String::new(), ..all[at].draft.clone() };
            if all[at].draft.text == text {
                all.remove(at);
                return (true, Some((done, None)));
            }
            all[at].draft.client_message_id = fresh;
            (true, Some((done, Some(all[at].draft.clone()))))
        });
        if let Some(Some((done, renamed))) = changed {
            self.unsave(done);
            if let Some(renamed) = renamed {
                self.unsave(renamed);
            }
        }
    }

    /// Restores a draft that was not sent after all, under its name. Returns false when a new draft is there.
    pub fn put_back(self, draft: Draft, since: Seq) -> bool {
        let put = self.all.try_update(|all| {
            if find(all, draft.escalation, draft.mode).is_some() {
                return false;
            }
            all.push(StartedDraft { draft: draft.clone(), since, is_loaded: false });
            true
        });
        if put == Some(true) {
            self.unsave(draft);
        }
        put.unwrap_or(false)
    }

    /// Returns the drafts to send to the server now; the caller reports the result of each with `settle`.
    pub fn to_save(self) -> Vec<Draft> {
        self.unsaved.try_update_value(UnsavedDrafts::take_waiting).unwrap_or_default()
    }

    /// Records whether the server saved a draft. If not, the draft is sent again later.
    pub fn settle(self, sent: &Draft, is_saved: bool) {
        self.change_unsaved(|unsaved| unsaved.settle(sent, is_saved));
    }

    /// Makes the drafts in flight on a lost connection ready to be sent again.
    pub fn retry(self) {
        self.unsaved.try_update_value(UnsavedDrafts::retry);
    }

    fn unsave(self, draft: Draft) {
        self.change_unsaved(|unsaved| unsaved.add(draft));
    }

    /// Changes the unsaved drafts and updates the copy in the tab.
    fn change_unsaved(self, change: impl FnOnce(&mut UnsavedDrafts)) {
        let json = self.unsaved.try_update_value(|unsaved| {
            change(unsaved);
            match unsaved.is_empty() {
                true => Some(String::new()),
                false => serde_json::to_string(&unsaved.all()).ok(),
            }
        });
        if let Some(Some(json)) = json {
            keep_in_tab(&self.in_tab(), &json);
        }
    }

    /// Returns the storage key of the tab's copy: one per operator, so another operator does not get the drafts.
    fn in_tab(self) -> String {
        "drafts ".to_owned() + &self.me.to_string()
    }
}

fn is(draft: &Draft, id: EscalationId, mode: DraftMode) -> bool {
    draft.escalation == id && draft.mode == mode
}

fn find(all: &[StartedDraft], id: EscalationId, mode: DraftMode) -> Option<&StartedDraft> {
    all.iter().find(|it| is(&it.draft, id, mode))
}

fn text(all: &[StartedDraft], id: EscalationId, mode: DraftMode) -> String {
    find(all, id, mode).map(|it| it.draft.text.clone()).unwrap_or_default()
}

/// Creates a name for a message. On insecure pages browsers hide `crypto.randomUUID`; uniqueness is needed here, not
/// secrecy.
fn mint() -> Option<ClientMessageId> {
    let crypto = Reflect::get(&window(), &"crypto".into()).unwrap_or_default();
    let name = call(&crypto, "randomUUID", &[]).and_then(|id| id.as_string()).unwrap_or_else(|| {
        (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect()
    });
    ClientMessageId::parse(name).ok()
}

/// Calls a method that may not exist.
pub fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(object, &method.into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&function, object, &arguments.iter().collect()).ok()
}
