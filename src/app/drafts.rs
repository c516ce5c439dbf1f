//! What is being written: kept in the page at once, with the server soon after, and there again when the page is not.

use js_sys::{Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use crate::domain::{
    draft::{Draft, LONGEST, Mode},
    event::Seq,
    ids::EscalationId,
    text::ClientMessageId,
};

/// A draft, and how far the page had heard when it was begun: what was said since then may change what one wants to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub draft: Draft,
    pub since: Seq,
}

/// All drafts of the operator at this page.
#[derive(Clone, Copy)]
pub struct Drafts {
    all: RwSignal<Vec<Begun>>,
    /// What the server does not have yet.
    unsaved: StoredValue<Vec<Draft>>,
}

impl Drafts {
    /// What the server kept; the page has heard up to `since`.
    pub fn new(kept: Vec<Draft>, since: Seq) -> Self {
        let all = kept.into_iter().map(|draft| Begun { draft, since }).collect();
        Self { all: RwSignal::new(all), unsaved: StoredValue::new(vec![]) }
    }

    /// What is written here, as it changes.
    pub fn get(self, id: EscalationId, mode: Mode) -> Option<Begun> {
        self.all.with(|all| find(all, id, mode).cloned())
    }

    /// The text of it, as it changes.
    pub fn text(self, id: EscalationId, mode: Mode) -> String {
        self.all.with(|all| text(all, id, mode))
    }

    /// The same at this moment; nothing when the page is gone.
    pub fn text_now(self, id: EscalationId, mode: Mode) -> String {
        self.all.try_with_untracked(|all| text(all, id, mode)).unwrap_or_default()
    }

    /// Whether the server lacks anything at this moment.
    pub fn is_any_unsaved(self) -> bool {
        self.unsaved.try_with_value(|unsaved| !unsaved.is_empty()).unwrap_or(false)
    }

    /// Keeps what is written. What is begun now is named now, and has heard up to `since`.
    pub fn write(self, id: EscalationId, mode: Mode, text: String, since: Seq) {
        let text = match text.char_indices().nth(LONGEST) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        };
        let written = self.all.try_update(|all| {
            let at = all.iter().position(|it| is(&it.draft, id, mode));
            match at {
                Some(at) => {
                    all[at].draft.text = text;
                    let draft = all[at].draft.clone();
                    if draft.text.is_empty() {
                        all.remove(at);
                    }
                    Some(draft)
                }
                // Nothing is begun with nothing.
                None if text.is_empty() => None,
                None => {
                    let draft = Draft { escalation: id, mode, client_message_id: mint()?, text };
                    all.push(Begun { draft: draft.clone(), since });
                    Some(draft)
                }
            }
        });
        if let Some(Some(draft)) = written {
            self.unsave(draft);
        }
    }

    /// Says that the writer has seen what was said meanwhile.
    pub fn catch_up(self, id: EscalationId, mode: Mode, since: Seq) {
        self.all.try_update(|all| {
            if let Some(begun) = all.iter_mut().find(|it| is(&it.draft, id, mode)) {
                begun.since = since;
            }
        });
    }

    /// Takes a draft out to send it. The server keeps a copy, the whole of it, until it has what was sent.
    pub fn take(self, id: EscalationId, mode: Mode) -> Option<Draft> {
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
    pub fn sent(self, name: &str, text: &str) {
        self.unsaved.try_update_value(|unsaved| unsaved.retain(|it| it.client_message_id.as_str() != name));
        let renamed = self.all.try_maybe_update(|all| {
            let Some(at) = all.iter().position(|it| it.draft.client_message_id.as_str() == name) else {
                return (false, None);
            };
            if all[at].draft.text == text {
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

    /// Puts a draft back that was not sent after all, under its name, unless something new is written there.
    pub fn put_back(self, draft: Draft, since: Seq) -> bool {
        let put = self.all.try_update(|all| {
            if find(all, draft.escalation, draft.mode).is_some() {
                return false;
            }
            all.push(Begun { draft: draft.clone(), since });
            true
        });
        if put == Some(true) {
            self.unsave(draft);
        }
        put.unwrap_or(false)
    }

    /// What the server shall keep now.
    pub fn to_save(self) -> Vec<Draft> {
        self.unsaved.try_update_value(std::mem::take).unwrap_or_default()
    }

    /// It was not kept: again later, unless something newer is to be kept by then.
    pub fn unsave(self, draft: Draft) {
        self.unsaved.try_update_value(|unsaved| {
            unsaved.retain(|it| !is(it, draft.escalation, draft.mode));
            unsaved.push(draft);
        });
    }
}

fn is(draft: &Draft, id: EscalationId, mode: Mode) -> bool {
    draft.escalation == id && draft.mode == mode
}

fn find(all: &[Begun], id: EscalationId, mode: Mode) -> Option<&Begun> {
    all.iter().find(|it| is(&it.draft, id, mode))
}

fn text(all: &[Begun], id: EscalationId, mode: Mode) -> String {
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
