//! Drafts of what an operator writes. The page keeps a draft at once, the tab keeps it until the server has it, and the
//! server gets it soon after. So the draft is there again after a reload, however soon, and after the page is closed.

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
        event::Seq,
        ids::{EscalationId, OperatorId},
        text::ClientMessageId,
    },
};

/// A draft, and how far the page had heard when it was begun: what was said since then may change what one wants to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedDraft {
    pub draft: Draft,
    pub since: Seq,
    /// It came from the server under this name, which other tabs may have, too.
    is_loaded: bool,
}

/// All drafts of the operator at this page.
#[derive(Clone, Copy)]
pub struct Drafts {
    me: OperatorId,
    all: RwSignal<Vec<StartedDraft>>,
    /// The drafts that the server has not confirmed yet. The tab keeps a copy, which survives a reload.
    unsaved: StoredValue<UnsavedDrafts>,
    /// True when the tab had drafts that the server did not have when it drew the page.
    pub restored: RwSignal<bool>,
}

impl Drafts {
    /// What the server kept; the page has heard up to `since`.
    pub fn new(me: OperatorId, kept: Vec<Draft>, since: Seq) -> Self {
        let all = kept.into_iter().map(|draft| StartedDraft { draft, since, is_loaded: true }).collect();
        let unsaved = StoredValue::new(UnsavedDrafts::default());
        Self { me, all: RwSignal::new(all), unsaved, restored: RwSignal::new(false) }
    }

    /// Restores what the server had not confirmed when this tab was reloaded. Only after hydration: the server has drawn
    /// the page without it.
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

    /// What is written here, as it changes.
    pub fn get(self, id: EscalationId, mode: DraftMode) -> Option<StartedDraft> {
        self.all.with(|all| find(all, id, mode).cloned())
    }

    /// The text of it, as it changes.
    pub fn text(self, id: EscalationId, mode: DraftMode) -> String {
        self.all.with(|all| text(all, id, mode))
    }

    /// The same at this moment; nothing when the page is gone.
    pub fn text_now(self, id: EscalationId, mode: DraftMode) -> String {
        self.all.try_with_untracked(|all| text(all, id, mode)).unwrap_or_default()
    }

    /// Every draft that the server lacks at this moment.
    pub fn unsaved(self) -> Vec<Draft> {
        self.unsaved.try_with_value(UnsavedDrafts::all).unwrap_or_default()
    }

    /// Keeps what is written. What is begun now is named now, and has heard up to `since`.
    pub fn write(self, id: EscalationId, mode: DraftMode, text: String, since: Seq) {
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        };
        let written = self.all.try_update(|all| {
            let at = all.iter().position(|it| is(&it.draft, id, mode));
            match at {
                Some(at) => {
                    // Two tabs that write on must not write to one draft.
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
                // Nothing is begun with nothing.
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

    /// Says that the writer has seen what was said meanwhile.
    pub fn catch_up(self, id: EscalationId, mode: DraftMode, since: Seq) {
        self.all.try_update(|all| {
            if let Some(begun) = all.iter_mut().find(|it| is(&it.draft, id, mode)) {
                begun.since = since;
            }
        });
    }

    /// Takes a draft out to send it. The server keeps a copy, the whole of it, until it has what was sent.
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

    /// A reply of this name was said, here or in another tab. What still stands under it, when it is something else, is
    /// new and gets a name of its own.
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

    /// A note of an operator was added, here or in another tab. If it is mine, my draft of a note is done, or it is another
    /// text and gets a name of its own: the draft of the old name is forgotten by whichever tab added the note.
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

    /// Puts a draft back that was not sent after all, under its name, unless something new is written there.
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

    /// The drafts to send to the server now; `settle` is told what came of each.
    pub fn to_save(self) -> Vec<Draft> {
        self.unsaved.try_update_value(UnsavedDrafts::take_waiting).unwrap_or_default()
    }

    /// Notes whether the server saved a draft. If not, it is sent again later.
    pub fn settle(self, sent: &Draft, is_saved: bool) {
        self.change_unsaved(|unsaved| unsaved.settle(sent, is_saved));
    }

    /// Sends again what is underway on a connection that is gone.
    pub fn retry(self) {
        self.unsaved.try_update_value(UnsavedDrafts::retry);
    }

    fn unsave(self, draft: Draft) {
        self.change_unsaved(|unsaved| unsaved.add(draft));
    }

    /// Changes what is unsaved, and the copy in the tab with it.
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

    /// The name under which the tab keeps the copy: another operator who signs in here does not get these drafts.
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

/// A name for a message. Where the page is not secure, browsers hide `crypto.randomUUID`; uniqueness is needed here,
/// not secrecy.
fn mint() -> Option<ClientMessageId> {
    let crypto = Reflect::get(&window(), &"crypto".into()).unwrap_or_default();
    let name = call(&crypto, "randomUUID", &[]).and_then(|id| id.as_string()).unwrap_or_else(|| {
        (0..4).map(|_| format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)) as u32)).collect()
    });
    ClientMessageId::parse(name).ok()
}

/// Calls a method that may not be there.
pub fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let function: Function = Reflect::get(object, &method.into()).ok()?.dyn_into().ok()?;
    Reflect::apply(&function, object, &arguments.iter().collect()).ok()
}
