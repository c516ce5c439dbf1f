//! Moves the focus to an element after the element is rendered.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::app::state::typing::{is_typing, may_move_focus};

/// Moves the focus to the element with this id, after a key or click of the operator.
pub fn focus(id: impl Into<String>) {
    move_to(id.into(), || true);
}

/// Moves the focus after a response of the server, unless the operator is typing or is in a field.
pub fn focus_if_free(id: &str) {
    move_to(id.to_owned(), may_move_focus);
}

/// Moves the focus only when the focused element is gone; an operator who has moved on meanwhile keeps their focus.
pub fn focus_if_lost(id: &str) {
    move_to(id.to_owned(), || !is_typing() && document().active_element().is_none_or(|it| it.tag_name() == "BODY"));
}

fn move_to(id: String, may: fn() -> bool) {
    request_animation_frame(move || {
        if !may() {
            return;
        }
        let element = document().get_element_by_id(&id).and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            // An error here has no consequence.
            let _ = element.focus();
        }
    });
}
