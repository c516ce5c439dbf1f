//! Single keys as shortcuts. They act outside fields and dialogs only, and not at all when they are switched off; the
//! switch is the browser's to remember, since it is about the hands at this machine.

use std::rc::Rc;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// Under this name the browser remembers that shortcuts are off.
const OFF: &str = "shortcuts-off";

/// Whether shortcuts are on.
pub fn are_on() -> bool {
    let kept = window().local_storage().ok().flatten().and_then(|kept| kept.get_item(OFF).ok().flatten());
    kept.is_none()
}

/// Switches them on or off.
pub fn switch(on: bool) {
    if let Ok(Some(kept)) = window().local_storage() {
        // Where nothing can be kept they stay as they are.
        let _ = if on { kept.remove_item(OFF) } else { kept.set_item(OFF, "yes") };
    }
}

/// Calls `act` for every single key that is pressed where it may be a shortcut, as long as the part that asks is there.
/// `act` says whether it was one.
pub fn on_key(act: impl Fn(&str) -> bool + 'static) {
    let act = Rc::new(act);
    Effect::new(move |_| {
        let act = Rc::clone(&act);
        let listening = window_event_listener(ev::keydown, move |event| {
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing());
            if !plain || event.default_prevented() || !is_free(event.target()) || !are_on() {
                return;
            }
            if act(&event.key().to_lowercase()) {
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

/// Presses the first button or link that a selector finds, when it can be pressed.
pub fn press(selector: &str) -> bool {
    let found = document().query_selector(selector).ok().flatten().and_then(|it| it.dyn_into::<HtmlElement>().ok());
    match found {
        Some(element) => {
            element.click();
            true
        }
        None => false,
    }
}

/// Moves the focus to the first element that a selector finds.
pub fn go(selector: &str) -> bool {
    let found = document().query_selector(selector).ok().flatten().and_then(|it| it.dyn_into::<HtmlElement>().ok());
    found.is_some_and(|element| element.focus().is_ok())
}

/// Moves the focus along the rows of the list, from the one that has it or is open; `step` is 1 or -1.
pub fn go_along(step: i32) -> bool {
    let Ok(rows) = document().query_selector_all(".row-link") else { return false };
    let row = |i: u32| rows.item(i).and_then(|it| it.dyn_into::<HtmlElement>().ok());
    let count = rows.length();
    let active = document().active_element();
    let is_at = |it: &HtmlElement| active.as_ref() == Some(it.as_ref()) || it.has_attribute("aria-current");
    let focused = (0..count).find(|i| row(*i).is_some_and(|it| active.as_ref() == Some(it.as_ref())));
    let at = focused.or_else(|| (0..count).find(|i| row(*i).is_some_and(|it| is_at(&it))));
    let next = at.map_or(0, |at| (at as i32 + step).clamp(0, count.saturating_sub(1) as i32));
    row(next as u32).is_some_and(|it| it.focus().is_ok())
}
