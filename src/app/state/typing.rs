//! Tracks whether the operator is typing a text. Keys that continue a text must never act as shortcuts, and a response
//! of the server must not move the focus out of a text, even when the field has just disappeared.

use std::cell::Cell;

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDialogElement, HtmlElement, KeyboardEvent};

/// Selects the elements that take typed text.
const FIELDS: &str = "input:not([type=radio]):not([type=checkbox]), textarea, select";

/// The effect of the last key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typing {
    /// The operator is not typing, or has left the field by a click, the Tab key or Escape.
    No,
    /// The last key went into a field. The field may have lost the focus since then.
    Yes,
    /// The last key sent the content of a field.
    Sent,
}

thread_local! {
    static TYPING: Cell<Typing> = const { Cell::new(Typing::No) };
    /// When the operator last touched the page, in milliseconds since 1970.
    static ACTIVE_AT: Cell<f64> = const { Cell::new(0.0) };
    /// The operator was typing when the last key was pressed.
    static WAS_TYPING: Cell<bool> = const { Cell::new(false) };
    /// The last letter that was typed is a Latin one.
    static IS_LATIN: Cell<bool> = const { Cell::new(true) };
}

/// Follows keys, pointer and focus from now on.
pub fn follow_typing() {
    Effect::new(|_| {
        let keys = window_event_listener(ev::keydown, |event| follow_key(&event));
        // Only the operator moves the focus while typing, because code checks `may_move_focus` first.
        let stop = |_: web_sys::Event| TYPING.set(Typing::No);
        let all = ["pointerdown", "focusin", "popstate"].map(|name| window_event_listener_untyped(name, stop));
        // Opening the page counts as activity of the operator, too.
        ACTIVE_AT.set(js_sys::Date::now());
        let touched = |_: web_sys::Event| ACTIVE_AT.set(js_sys::Date::now());
        let moves = ["keydown", "pointermove", "wheel"].map(|name| window_event_listener_untyped(name, touched));
        on_cleanup(move || {
            keys.remove();
            all.into_iter().chain(moves).for_each(|it| it.remove());
        });
    });
}

/// Returns how long ago the operator last touched the page, in milliseconds.
pub fn idle_for() -> f64 {
    js_sys::Date::now() - ACTIVE_AT.get()
}

/// Returns whether the operator is typing, so that the next key belongs to their text wherever the focus is.
pub fn is_typing() -> bool {
    TYPING.get() == Typing::Yes
}

/// Returns whether the last key belonged to a text, even when it was the key that left the text.
pub fn was_typing() -> bool {
    is_typing() || WAS_TYPING.get()
}

/// Returns whether the last letter that was typed is a Latin one.
pub fn is_latin() -> bool {
    IS_LATIN.get()
}

/// Returns whether code may move the focus now, without the operator having asked for it by their last key or click.
pub fn may_move_focus() -> bool {
    match TYPING.get() {
        Typing::Sent => true,
        Typing::Yes => false,
        Typing::No => !document().active_element().as_ref().is_some_and(is_field),
    }
}

/// Returns whether an element takes typed text.
pub fn is_field(element: &Element) -> bool {
    element.matches(FIELDS) == Ok(true)
}

/// Closes a dialog. The browser restores the focus, perhaps to a button, which the next key of a text would press.
pub fn close(dialog: &HtmlDialogElement) {
    let was_typing = is_typing();
    dialog.close();
    if was_typing {
        let focused = document().active_element().and_then(|it| it.dyn_into::<HtmlElement>().ok());
        if let Some(focused) = focused {
            // An error here has no consequence.
            let _ = focused.blur();
        }
        TYPING.set(Typing::Yes);
    }
}

fn follow_key(event: &KeyboardEvent) {
    WAS_TYPING.set(is_typing());
    if composes(event) {
        return;
    }
    let key = event.key();
    if let Some(letter) = only_char(&key).filter(|letter| letter.is_alphabetic()) {
        IS_LATIN.set(is_latin_letter(letter));
    }
    let in_field = event.target().and_then(|it| it.dyn_into::<Element>().ok()).as_ref().is_some_and(is_field);
    let modified = event.ctrl_key() || event.meta_key();
    TYPING.set(after(TYPING.get(), &key, in_field, modified, event.default_prevented()));
}

/// Returns whether an input method composes a letter with this key. Safari ends the composition before it reports the
/// key that ended it, and marks that key by the code 229 only.
pub fn composes(event: &KeyboardEvent) -> bool {
    const COMPOSES: u32 = 229;
    event.is_composing() || event.key_code() == COMPOSES
}

/// Returns the state after a key. `handled`: the page has acted on the key, as the composer does when Enter sends.
fn after(before: Typing, key: &str, in_field: bool, modified: bool, handled: bool) -> Typing {
    match key {
        "Escape" => Typing::No,
        "Enter" if in_field && (modified || handled) => Typing::Sent,
        _ if in_field && !modified => Typing::Yes,
        _ => before,
    }
}

/// Returns the character that a key types; none for named keys.
pub fn only_char(key: &str) -> Option<char> {
    let mut chars = key.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// Returns whether a letter is of the Latin script: Basic Latin to Latin Extended-B, and Latin Extended Additional.
pub fn is_latin_letter(letter: char) -> bool {
    letter <= '\u{24f}' || ('\u{1e00}'..='\u{1eff}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_on_until_the_operator_leaves_it() {
        let typed = after(Typing::No, "a", true, false, false);
        assert_eq!(typed, Typing::Yes);
        // The field has disappeared: space, Enter and letters still belong to the text.
        for key in ["q", " ", "Enter"] {
            assert_eq!(after(typed, key, false, false, false), Typing::Yes);
        }
        assert_eq!(after(typed, "Escape", false, false, false), Typing::No);
        // A line break is text; an Enter that sends is not.
        assert_eq!(after(typed, "Enter", true, false, false), Typing::Yes);
        assert_eq!(after(typed, "Enter", true, true, true), Typing::Sent);
        assert_eq!(after(typed, "Enter", true, false, true), Typing::Sent);
        assert_eq!(after(Typing::Sent, "a", true, false, false), Typing::Yes);
        // A key outside fields begins no text.
        assert_eq!(after(Typing::No, "q", false, false, false), Typing::No);
    }

    #[test]
    fn latin_letters_are_told_from_others() {
        assert!(['a', 'Z', 'é', 'ğ', 'ạ'].into_iter().all(is_latin_letter));
        assert!(!['с', 'ψ', 'ב', 'ㅊ'].into_iter().any(is_latin_letter));
        assert_eq!((only_char("ψ"), only_char("Enter"), only_char("")), (Some('ψ'), None, None));
    }
}
