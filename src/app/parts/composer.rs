//! Where an operator writes: to the customer or to colleagues, tinted by who will read it. Enter makes a line; Ctrl or
//! Cmd with Enter sends, and not while an input method composes.

use leptos::{ev, html, prelude::*};

use super::icons::{Icon, icon};
use crate::app::live::Mode;

/// Draws the composer.
#[component]
pub fn Composer(
    /// Whether anything but notes may be written now.
    #[prop(into)]
    may_reply: Signal<bool>,
    /// What is being written.
    #[prop(into)]
    mode: Signal<Mode>,
    on_mode: Callback<Mode>,
    /// What is written so far in this mode.
    #[prop(into)]
    draft: Signal<String>,
    on_input: Callback<String>,
    /// Who will read it.
    #[prop(into)]
    hint: Signal<String>,
    /// Before the page is awake, nothing typed would be kept.
    #[prop(into)]
    awake: Signal<bool>,
    /// The last one is not through yet.
    #[prop(into)]
    busy: Signal<bool>,
    on_send: Callback<Mode>,
    textbox: NodeRef<html::Textarea>,
) -> impl IntoView {
    let label = move || match mode.get() {
        Mode::Reply => "Reply to customer",
        Mode::Note => "Internal note",
    };
    let verb = move || match mode.get() {
        Mode::Reply => "Send to customer",
        Mode::Note => "Add note",
    };
    let send = move || {
        if !busy.get_untracked() && draft.with_untracked(|draft| !draft.trim().is_empty()) {
            on_send.run(mode.get_untracked());
        }
    };
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        send();
    };
    let pressed = move |event: ev::KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) && !event.is_composing() {
            event.prevent_default();
            send();
        }
    };
    view! {
        <section class="composer" data-mode=move || name(mode.get()) aria-label="Write">
            <div class="tabs" role="tablist" aria-label="Write as">
                {tab(Mode::Reply, may_reply, mode, on_mode)}
                {tab(Mode::Note, may_reply, mode, on_mode)}
            </div>
            <div role="tabpanel" id="composer-panel" aria-labelledby=move || tab_id(mode.get())>
                <form class="composer-form" on:submit=submitted>
                    <label class="visually-hidden" for="composer-text">{label}</label>
                    <textarea
                        class="composer-text"
                        id="composer-text"
                        name="text"
                        rows="2"
                        dir="auto"
                        placeholder=move || label().to_owned() + "…"
                        readonly=move || !awake.get()
                        node_ref=textbox
                        prop:value=move || draft.get()
                        on:input=move |event| on_input.run(event_target_value(&event))
                        on:keydown=pressed
                    ></textarea>
                    <div class="composer-foot">
                        <span class="composer-hint">{move || hint.get()}</span>
                        <button
                            class="button"
                            data-kind="primary"
                            type="submit"
                            disabled=move || busy.get() || !awake.get()
                        >
                            {verb}
                        </button>
                    </div>
                </form>
            </div>
        </section>
    }
}

fn name(mode: Mode) -> &'static str {
    match mode {
        Mode::Reply => "reply",
        Mode::Note => "note",
    }
}

fn tab_id(mode: Mode) -> &'static str {
    match mode {
        Mode::Reply => "tab-reply",
        Mode::Note => "tab-note",
    }
}

/// A tab; arrows move between them, as in any list of tabs.
fn tab(it: Mode, may_reply: Signal<bool>, mode: Signal<Mode>, on_mode: Callback<Mode>) -> impl IntoView {
    let selected = move || mode.get() == it;
    let (words, other) = match it {
        Mode::Reply => ("Reply", Mode::Note),
        Mode::Note => ("Note", Mode::Reply),
    };
    let moved = move |event: ev::KeyboardEvent| {
        if matches!(event.key().as_str(), "ArrowLeft" | "ArrowRight") && may_reply.get_untracked() {
            event.prevent_default();
            on_mode.run(other);
            if let Some(tab) = document().get_element_by_id(tab_id(other)) {
                focus(&tab);
            }
        }
    };
    view! {
        <button
            class="tab"
            type="button"
            role="tab"
            id=tab_id(it)
            hidden=move || it == Mode::Reply && !may_reply.get()
            aria-controls="composer-panel"
            aria-selected=move || if selected() { "true" } else { "false" }
            tabindex=move || if selected() { "0" } else { "-1" }
            on:click=move |_| on_mode.run(it)
            on:keydown=moved
        >
            {(it == Mode::Note).then(|| icon(Icon::Lock))}
            {words}
        </button>
    }
}

fn focus(element: &web_sys::Element) {
    use wasm_bindgen::JsCast;
    if let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() {
        // It refuses nothing that matters here.
        let _ = element.focus();
    }
}
