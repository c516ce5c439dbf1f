//! Alerts for an operator who looks elsewhere: a sound and a browser notification. They report an escalation that
//! starts to wait, a customer who writes to the operator, and a transfer to the operator or back from its target. Only
//! one of the open tabs alerts. Both are off until the operator turns them on.

use std::{cell::RefCell, time::Duration};

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use super::drafts::call;
use crate::{
    app::{
        memory::{remember, remembers},
        parts::revealed::spelled,
        session::{CurrentOperator, me},
    },
    domain::{
        actor::Actor,
        escalation::{Shelf, Status},
        event::EventKind,
        ids::EscalationId,
        inbox::Frame,
        message::MessageRole,
    },
};

/// The minimum time between two sounds.
const APART: Duration = Duration::from_millis(1_500);
/// The storage keys of the two settings.
const SOUND: &str = "sound";
const NOTIFY: &str = "notify";
/// The name of the browser lock that one tab holds.
const LEADER: &str = "bailout-leader";

thread_local! {
    /// The open notifications, kept to be closed later. A page is one thread, and browser objects never leave it.
    static SHOWN: RefCell<Vec<(EscalationId, JsValue)>> = const { RefCell::new(vec![]) };
}

/// A transfer by this operator that its target did not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnedNotice {
    pub id: EscalationId,
    /// The sentence shown: which operator did not accept which transfer.
    pub words: String,
}

/// The alert settings of the operator, and whether this tab alerts.
#[derive(Clone, Copy)]
pub struct Notifier {
    pub sound: RwSignal<bool>,
    pub notify: RwSignal<bool>,
    /// Shown in every tab until the escalation is opened there or no longer waits, or the notice is dismissed.
    pub returned: RwSignal<Vec<ReturnedNotice>>,
    /// True when this tab alerts on behalf of all tabs.
    leads: RwSignal<bool>,
    me: CurrentOperator,
    quiet: StoredValue<bool>,
}

impl Notifier {
    /// Loads the settings that this browser stores, and requests the lock.
    pub fn begin() -> Self {
        let it = Self {
            sound: RwSignal::new(false),
            notify: RwSignal::new(false),
            returned: RwSignal::new(vec![]),
            leads: RwSignal::new(false),
            me: me(),
            quiet: StoredValue::new(false),
        };
        Effect::new(move |_| {
            it.sound.set(remembers(SOUND));
            it.notify.set(remembers(NOTIFY) && permission().as_deref() == Some("granted"));
            it.ask_to_lead();
        });
        it
    }

    /// Returns whether this tab alerts for all tabs and so must keep its stream. Reads the value without tracking it.
    pub fn leads(self) -> bool {
        self.leads.try_get_untracked().unwrap_or(false)
    }

    /// Turns the sound on or off. Browsers let a page play sound only after a user action, which this click is.
    pub fn toggle_sound(self) {
        self.sound.update(|on| *on = !*on);
        remember(SOUND, self.sound.get_untracked());
        if self.sound.get_untracked() {
            self.chime();
        }
    }

    /// Turns notifications on, after asking the browser for permission, or off.
    pub fn toggle_notify(self) {
        if self.notify.get_untracked() {
            self.notify.set(false);
            return remember(NOTIFY, false);
        }
        let answered = Closure::once_into_js(move |granted: JsValue| {
            let granted = granted.as_string().as_deref() == Some("granted");
            self.notify.try_set(granted);
            remember(NOTIFY, granted);
        });
        if let Some(asked) = notification().and_then(|it| call(&it, "requestPermission", &[])) {
            call(&asked, "then", &[answered]);
        }
    }

    /// Handles an event: alerts when it concerns this operator, as waiting escalations in their queues do, and closes
    /// the notification of an escalation that was handled anywhere.
    pub fn hear(self, frame: &Frame, serves: bool) {
        let row = &frame.row;
        let mine = row.claimed_by.as_ref().is_some_and(|by| by.id == self.me.id());
        let waits_anew =
            serves && row.shelf() == Shelf::Waiting && frame.was.as_ref().is_none_or(|was| was.shelf != Shelf::Waiting);
        let writes_to_me = mine
            && matches!(&frame.event.kind, EventKind::MessageCreated { message } if message.role == MessageRole::Customer);
        let is_given = mine
            && matches!(&frame.event.kind, EventKind::Transferred { .. })
            && !matches!(&frame.event.actor, Actor::Operator(by) if by.id == self.me.id());
        if let Some(words) = self.note_return(frame) {
            self.alert(row.id, &words);
        } else if waits_anew || writes_to_me || is_given {
            let words = match (waits_anew, writes_to_me) {
                (true, _) => " waits: ",
                (_, true) => " writes: ",
                _ => " was transferred to you: ",
            };
            let said = match &row.last_said {
                Some(said) if writes_to_me => &said.preview,
                _ => &row.reason,
            };
            self.alert(row.id, &(spelled(&row.title) + words + &spelled(said)));
        } else if row.status != Status::Waiting && (!mine || row.closed_at.is_some() || is_mine(&frame.event.kind)) {
            self.clear(row.id);
        }
    }

    /// Adds a notice when a transfer of this operator came back, and drops it once the escalation no longer waits.
    /// Returns the sentence of a new notice.
    fn note_return(self, frame: &Frame) -> Option<String> {
        let row = &frame.row;
        let words = match &frame.event.kind {
            EventKind::Released { returned: Some(it), .. } if it.from.id == self.me.id() => {
                Some(spelled(it.to.name.as_str()) + " did not take it: " + &spelled(&row.title))
            }
            _ => None,
        };
        if words.is_some() || row.status != Status::Waiting {
            self.forget_return(row.id);
        }
        if let Some(words) = words.clone() {
            self.returned.try_update(|all| all.push(ReturnedNotice { id: row.id, words }));
        }
        words
    }

    /// Drops the notice of a transfer that came back.
    pub fn forget_return(self, id: EscalationId) {
        self.returned.try_maybe_update(|all| {
            let before = all.len();
            all.retain(|it| it.id != id);
            (all.len() != before, ())
        });
    }

    fn alert(self, id: EscalationId, words: &str) {
        if !self.leads() {
            return;
        }
        if self.sound.get_untracked() {
            self.chime();
        }
        let looks = !document().hidden() && document().has_focus().unwrap_or(true);
        if !self.notify.get_untracked() || looks {
            return;
        }
        let Some(shown) = show(words, &id.to_string()) else { return };
        let opened = Closure::once_into_js(move || {
            call(&window(), "focus", &[]);
            // The address belongs to this site; a page that cannot navigate there stays where it is.
            let _ = window().location().set_href(&("/e/".to_owned() + &id.to_string()));
        });
        let _ = Reflect::set(&shown, &"onclick".into(), &opened);
        SHOWN.with_borrow_mut(|all| {
            all.retain(|(of, _)| *of != id);
            all.push((id, shown));
        });
    }

    fn clear(self, id: EscalationId) {
        SHOWN.with_borrow_mut(|all| {
            all.retain(|(of, shown)| {
                if *of == id {
                    call(shown, "close", &[]);
                }
                *of != id
            });
        });
    }

    fn chime(self) {
        if self.quiet.try_update_value(|quiet| std::mem::replace(quiet, true)) != Some(false) {
            return;
        }
        set_timeout(
            move || {
                self.quiet.try_set_value(false);
            },
            APART,
        );
        if let Ok(audio) = document().create_element("audio") {
            // A sound that cannot be played is ignored, because the operator cannot act on the error here.
            let _ = audio.set_attribute("src", "/chime.wav");
            if let Some(playing) = call(&audio, "play", &[]) {
                call(&playing, "catch", &[Closure::once_into_js(|_: JsValue| {})]);
            }
        }
    }

    /// Requests the lock, which one tab holds as long as it is open. Without browser locks, each tab alerts by itself.
    fn ask_to_lead(self) {
        let navigator = Reflect::get(&window(), &"navigator".into()).unwrap_or_default();
        let locks = Reflect::get(&navigator, &"locks".into()).unwrap_or_default();
        let granted = Closure::once_into_js(move || {
            self.leads.try_set(true);
            // The promise never settles, so the lock is held until the tab is closed.
            JsValue::from(Promise::new(&mut |_, _| {}))
        });
        if call(&locks, "request", &[LEADER.into(), granted]).is_none() {
            self.leads.set(true);
        }
    }
}

/// Returns whether the holder of the claim caused the event, and so has seen what the notification was about.
fn is_mine(kind: &EventKind) -> bool {
    match kind {
        EventKind::Claimed { .. } => true,
        EventKind::MessageCreated { message } => message.role == MessageRole::Operator,
        _ => false,
    }
}

/// Shows a notification, if the browser allows it. A later notification with the same tag replaces the earlier one.
pub fn show(words: &str, tag: &str) -> Option<JsValue> {
    let options = Object::new();
    for (name, value) in [("body", words), ("tag", tag), ("icon", "/favicon.svg")] {
        // Setting a property of a plain object cannot fail.
        let _ = Reflect::set(&options, &name.into(), &value.into());
    }
    let made: Function = notification()?.dyn_into().ok()?;
    Reflect::construct(&made, &Array::of2(&"Bailout".into(), &options)).ok()
}

/// Returns the browser's `Notification` constructor, where there is one.
pub fn notification() -> Option<JsValue> {
    Reflect::get(&window(), &"Notification".into()).ok().filter(|it| it.is_function())
}

/// Returns the notification permission of the browser: `granted`, `denied` or `default`.
pub fn permission() -> Option<String> {
    Reflect::get(&notification()?, &"permission".into()).ok()?.as_string()
}
