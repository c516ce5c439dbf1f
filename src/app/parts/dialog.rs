//! Shared behaviour of dialogs: they open as modals, close when their signal says so, and submit their form.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::icons::{Icon, icon};
use crate::app::{
    keys::keep_enter,
    state::typing::{close, composes},
};

/// Opens and closes a dialog as `open` changes.
pub fn follow(dialog: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            // This fails only for a dialog that is open already.
            (true, false) => drop(dialog.show_modal()),
            (false, true) => close(&dialog),
            _ => {}
        }
    });
}

/// Sets `open` to false after a dialog was closed, as by Escape. The browser reports the closing later: if the dialog
/// has been opened again meanwhile, it stays open.
pub fn note_closed(dialog: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    if dialog.get_untracked().is_none_or(|dialog| !dialog.open()) {
        open.set(false);
    }
}

/// Renders the button that closes a dialog.
pub fn close_button(open: RwSignal<bool>) -> AnyView {
    view! {
        <button class="button" data-kind="quiet" data-size="small" type="button" on:click=move |_| open.set(false)>
            {icon(Icon::Close)}
            <span class="visually-hidden">"Close"</span>
        </button>
    }
    .into_any()
}

/// Submits the form around a field with Ctrl or Cmd and Enter. Enter alone submits nothing, because in a line of text
/// it is the end of a sentence more often than a command that cannot be undone.
pub fn submit_by_mod_enter(event: ev::KeyboardEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let is_enter = event.key() == "Enter" && !composes(&event);
    // A checkbox submits its form by Enter, too.
    let is_control = |it: &Element| it.matches("input, textarea, select") == Ok(true);
    let Some(field) = target.filter(|it| is_enter && is_control(it)) else { return };
    if event.ctrl_key() || event.meta_key() {
        event.prevent_default();
        let submit = field.closest("form").ok().flatten();
        let submit = submit.and_then(|form| form.query_selector("[type=submit]").ok().flatten());
        // A key that is held down must not confirm the question that its first press has caused.
        let submit = submit.filter(|_| !event.repeat());
        if let Some(submit) = submit.and_then(|it| it.dyn_into::<HtmlElement>().ok()) {
            submit.click();
        }
    } else {
        keep_enter(&event, &field);
    }
}
