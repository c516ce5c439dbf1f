//! Single-key shortcuts. They act outside fields and dialogs only, and not at all when the operator has turned them
//! off. The server stores that setting.

use std::rc::Rc;

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent};

use super::actions::prefer;
use crate::{
    app::state::typing::{composes, follow_typing, is_field, is_latin, is_latin_letter, only_char, was_typing},
    domain::operator::KeyPreferences,
};

/// Provides the operator's keyboard settings as context.
pub fn provide_keys(keys: KeyPreferences) {
    follow_typing();
    provide_context(RwSignal::new(keys));
}

/// Returns the operator's keyboard settings. Only components within the console may call this.
pub fn wishes() -> RwSignal<KeyPreferences> {
    expect_context()
}

/// Turns shortcuts on or off, and saves the setting on the server.
pub fn switch(keys: RwSignal<KeyPreferences>, on: bool) {
    keys.update(|keys| keys.shortcuts_off = !on);
    // The setting holds as long as the page, saved or not; the next change tries again.
    spawn_local(async move { drop(prefer(None, Some(!on)).await) });
}

/// Sets whether Enter sends the text or begins a new line, and saves the setting on the server.
pub fn let_enter_send(keys: RwSignal<KeyPreferences>, sends: bool) {
    keys.update(|keys| keys.enter_sends = Some(sends));
    spawn_local(async move { drop(prefer(Some(sends), None).await) });
}

/// Calls `act` for every single key that is pressed where shortcuts are allowed, as long as the calling component
/// exists. `act` returns whether the key was a shortcut.
pub fn on_key(act: impl Fn(&str) -> bool + 'static) {
    let (act, wishes) = (Rc::new(act), wishes());
    Effect::new(move |_| {
        let act = Rc::clone(&act);
        let listening = window_event_listener(ev::keydown, move |event| {
            let plain = !(event.ctrl_key() || event.meta_key() || event.alt_key() || composes(&event));
            if !plain || event.default_prevented() || was_typing() || !is_free(event.target()) {
                return;
            }
            let off = wishes.try_with_untracked(|keys| keys.shortcuts_off);
            if off == Some(false) && act(&shortcut(&event.key(), &event.code(), event.shift_key(), is_latin())) {
                event.prevent_default();
            }
        });
        on_cleanup(move || listening.remove());
    });
}

/// Returns whether a key that is pressed there may act as a shortcut. While a dialog is open, the page behind it gets
/// no shortcuts, even when a click outside the fields has moved the focus to nothing.
fn is_free(target: Option<web_sys::EventTarget>) -> bool {
    if found("dialog[open], [role=alertdialog]").is_some() {
        return false;
    }
    let Some(element) = target.and_then(|target| target.dyn_into::<Element>().ok()) else { return true };
    !is_field(&element) && element.closest("[role=tab]").ok().flatten().is_none()
}

/// Returns the shortcut that a key stands for. On a non-Latin layout the position of the key (`code`) decides: the key
/// types no Latin letter, or a sign that Latin layouts have elsewhere. `is_latin`: the last letter typed was Latin.
fn shortcut(key: &str, code: &str, shift: bool, is_latin: bool) -> String {
    let Some(typed) = only_char(key) else { return key.to_ascii_lowercase() };
    // In the position of Q, no Latin layout has the sign that Hebrew, Greek or Bulgarian layouts have there.
    let is_their_q = code == "KeyQ" && matches!(typed, '/' | ';' | ',');
    let is_foreign = typed.is_alphanumeric() && !is_latin_letter(typed);
    if !is_latin || is_foreign || is_their_q {
        let place = code.strip_prefix("Key").or(code.strip_prefix("Digit").filter(|_| !typed.is_ascii()));
        match (place, code) {
            (Some(place), _) => return place.to_ascii_lowercase(),
            (None, "Slash") => return if shift { "?" } else { "/" }.to_owned(),
            (None, "Period") if !shift => return ".".to_owned(),
            _ => {}
        }
    }
    key.to_ascii_lowercase()
}

/// Keeps Enter in a one-line field from submitting its form. The event does not propagate, so the key stays part of the
/// text.
pub fn keep_enter(event: &KeyboardEvent, field: &Element) {
    if field.tag_name() == "INPUT" {
        event.prevent_default();
        event.stop_propagation();
    }
}

fn found(selector: &str) -> Option<HtmlElement> {
    document().query_selector(selector).ok().flatten()?.dyn_into().ok()
}

/// Clicks the first button or link that a selector finds; returns false when there is none.
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

/// Moves the focus along the rows of the list, from the focused row, else from the open one; `step` is 1 or -1.
pub fn go_along(step: i32) -> bool {
    let Ok(rows) = document().query_selector_all(".row-link") else { return false };
    let rows: Vec<HtmlElement> = (0..rows.length()).filter_map(|i| rows.item(i)?.dyn_into().ok()).collect();
    let active = document().active_element();
    let has_focus = rows.iter().position(|row| active.as_ref() == Some(row.as_ref()));
    let at = has_focus.or_else(|| rows.iter().position(|row| row.has_attribute("aria-current")));
    let next = at.map_or(0, |at| at.saturating_add_signed(step as isize).min(rows.len().saturating_sub(1)));
    rows.get(next).is_some_and(|row| row.focus().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_layouts_go_by_what_a_key_types() {
        let latin = |key, code| shortcut(key, code, false, true);
        assert_eq!(latin("c", "KeyC"), "c");
        assert_eq!(latin("C", "KeyC"), "c");
        assert_eq!(latin("Escape", "Escape"), "escape");
        // AZERTY, Dvorak and the Turkish layout.
        assert_eq!((latin("a", "KeyQ"), latin("q", "KeyA")), ("a".to_owned(), "q".to_owned()));
        assert_eq!((latin(".", "KeyE"), latin("'", "KeyQ")), (".".to_owned(), "'".to_owned()));
        assert_eq!(latin(".", "Slash"), ".");
        assert_eq!(shortcut("?", "Digit7", true, false), "?");
    }

    #[test]
    fn layouts_of_other_scripts_go_by_the_place_of_a_key() {
        let other = |key, code| shortcut(key, code, false, false);
        for c in ["с", "ψ", "ב", "ㅊ", "ц"] {
            assert_eq!(other(c, "KeyC"), "c");
            // The first letter is recognised without a letter typed before it.
            assert_eq!(shortcut(c, "KeyC", false, true), "c");
        }
        assert_eq!(shortcut("С", "KeyC", true, false), "c");
        // Hebrew, Greek and Bulgarian have signs in the position of Q; Hebrew has letters in the positions of signs.
        for q in ["/", ";", ","] {
            assert_eq!(shortcut(q, "KeyQ", false, true), "q");
        }
        assert_eq!((other("ץ", "Period"), other(".", "Slash")), (".".to_owned(), "/".to_owned()));
        assert_eq!(shortcut(",", "Slash", true, false), "?");
        assert_eq!((other("1", "Digit1"), other("۲", "Digit2")), ("1".to_owned(), "2".to_owned()));
    }
}
