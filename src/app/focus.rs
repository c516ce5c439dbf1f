//! Moves the focus, once what shall have it is drawn.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// Moves the focus to the element of this id.
pub fn focus(id: impl Into<String>) {
    let id = id.into();
    request_animation_frame(move || {
        let element = document().get_element_by_id(&id).and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok());
        if let Some(element) = element {
            // It refuses nothing that matters here.
            let _ = element.focus();
        }
    });
}
