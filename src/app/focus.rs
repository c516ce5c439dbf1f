//! Moves the focus, once what shall have it is drawn.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::app::state::typing::{is_typing, may_move_focus};

/// Moves the focus to the element of this id, at the operator's own key or click.
pub fn focus(id: impl Into<String>) {
    move_to(id.into(), || true);
}

/// Moves the focus after an answer of the server: not while the operator is typing or is in a field.
pub fn focus_if_free(id: &str) {
    move_to(id.to_owned(), may_move_focus);
}

/// The same, only when the element that had the focus is gone; an operator who has moved on meanwhile stays there.
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
            // It refuses nothing that matters here.
            let _ = element.focus();
        }
    });
}
