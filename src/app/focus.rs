//! Moves the focus, once what shall have it is drawn.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Moves the focus to the element of this id.
pub fn focus(id: impl Into<String>) {
    move_to(id.into(), false);
}

/// The same, when what had the focus is gone; whoever has moved on meanwhile stays where they are.
pub fn focus_if_lost(id: &str) {
    move_to(id.to_owned(), true);
}

fn move_to(id: String, if_lost: bool) {
    request_animation_frame(move || {
        if if_lost && document().active_element().is_some_and(|it| it.tag_name() != "BODY") {
            return;
        }
        let element = document().get_element_by_id(&id).and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            // It refuses nothing that matters here.
            let _ = element.focus();
        }
    });
}
