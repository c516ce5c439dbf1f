//! Single keys as shortcuts. They act outside fields and dialogs only, and not at all when their operator wished them off,
//! which the server keeps.

use std::rc::Rc;

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::actions::prefer;
use crate::domain::operator::Keys;

/// Makes known to everything below what keys do for the operator.
pub fn provide_keys(keys: Keys) {
    provide_context(RwSignal::new(keys));
}

/// What keys do for the operator. Only parts within the console ask.
pub fn wishes() -> RwSignal<Keys> {
    expect_context()
}

/// Takes shortcuts to be on or off from now on, and lets the server keep it.
pub fn switch(keys: RwSignal<Keys>, on: bool) {
    keys.update(|keys| keys.shortcuts_off = !on);
    // Kept or not, it holds as long as the page; the next press tries again.
    spawn_local(async move { drop(prefer(None, Some(!on)).await) });
}

/// Takes Enter to send what is written, or to begin a line, from now on, and lets the server keep it.
pub fn let_enter_send(keys: RwSignal<Keys>, sends: bool) {
    keys.update(|keys| keys.enter_sends = Some(sends));
    spawn_local(async move { drop(prefer(Some(sends), None).await) });
}

/// Whether a key belongs to an input method that composes a letter. Safari ends the composition before it reports the key
/// that ended it, and marks that key by the code 229 only.
pub fn composes(event: &ev::KeyboardEvent) -> bool {
    const COMPOSES: u32 = 229;
    event.is_composing() || event.key_code() == COMPOSES
}

/// Calls `act` for every single key that is pressed where it may be a shortcut, as long as the part that asks is there.
/// `act` says whether it was one.
pub fn on_key(act: impl Fn(&str) -> bool + 'static) {
    let (act, wishes) = (Rc::new(act), wishes());
    Effect::new(move |_| {
        let act = Rc::clone(&act);
        let listening = window_event_listener(ev::keydown, move |event| {
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing());
            if !plain || event.default_prevented() || !is_free(event.target()) {
                return;
            }
            let off = wishes.try_with_untracked(|keys| keys.shortcuts_off);
            if off == Some(false) && act(&event.key().to_ascii_lowercase()) {
                event.prevent_default();
            }
        });
        on_cleanup(move || listening.remove());
    });
}

/// Whether nothing else wants the keys that are pressed there.
fn is_free(target: Option<web_sys::EventTarget>) -> bool {
    let Some(element) = target.and_then(|target| target.dyn_into::<Element>().ok()) else { return true };
    let within = |selector| element.closest(selector).ok().flatten().is_some();
    !within("input:not([type=radio]):not([type=checkbox]), textarea, select, dialog, [role=alertdialog], [role=tab]")
}

fn found(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok().flatten()?.dyn_into().ok()
}

/// Presses the first button or link that a selector finds; false when it finds none.
pub fn press(selector: &str) -> bool {
    found(selector).is_some_and(|element| {
        element.click();
        true
    })
}

/// Moves the focus to the first element that a selector finds.
pub fn go(selector: &str) -> bool {
    found(selector).is_some_and(|element| element.focus().is_ok())
}

/// Moves the focus along the rows of the list, from the one that has it, else from the one that is open; `step` is 1 or -1.
pub fn go_along(step: i32) -> bool {
    let Ok(rows) = document().query_selector_all(".row-link") else { return false };
    let rows: Vec<HtmlElement> = (0..rows.length()).filter_map(|i| rows.item(i)?.dyn_into().ok()).collect();
    let active = document().active_element();
    let has_focus = rows.iter().position(|row| active.as_ref() == Some(row.as_ref()));
    let at = has_focus.or_else(|| rows.iter().position(|row| row.has_attribute("aria-current")));
    let next = at.map_or(0, |at| at.saturating_add_signed(step as isize).min(rows.len().saturating_sub(1)));
    rows.get(next).is_some_and(|row| row.focus().is_ok())
}
