//! The composer, in which an operator writes to the customer, to the agent as its answer, or to colleagues. Its colour
//! shows who will read the text. Ctrl or Cmd with Enter sends, except while an input method composes. The composer asks
//! once whether Enter alone sends a reply.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use super::icons::{Icon, icon};
use crate::{
    app::{
        focus::focus,
        keys::{keep_enter, let_enter_send, wishes},
        state::typing::composes,
    },
    domain::draft::DraftMode,
};

/// The id of the text area.
const TEXT: &str = "composer-text";

/// The state and callbacks that the page provides to the composer.
#[derive(Clone, Copy)]
pub struct ComposerContext {
    /// The modes that are available now; never empty.
    pub modes: Signal<Vec<DraftMode>>,
    /// The mode that is being written in.
    pub mode: Signal<DraftMode>,
    pub on_mode: Callback<DraftMode>,
    /// The draft in this mode.
    pub draft: Signal<String>,
    pub on_input: Callback<String>,
    /// Receives true while the operator writes in the current mode, which must not change during that time.
    pub on_hold: Callback<bool>,
    /// The line below the text: the readers of the text, or that the customer is typing.
    pub hint: Signal<String>,
    /// The number of messages since the draft was begun, as a sentence; empty if there are none.
    pub news: Signal<String>,
    pub on_review: Callback<()>,
    /// True if a colleague has replied since the draft was begun; the button then says "Send anyway".
    pub anyway: Signal<bool>,
    /// True if the page is hydrated; text typed before that would be lost.
    pub awake: Signal<bool>,
    /// True if the previous request is still in progress.
    pub busy: Signal<bool>,
    pub on_send: Callback<DraftMode>,
}

/// Renders the composer; `answer` is the form in the tab *Answer*.
#[component]
pub fn Composer(it: ComposerContext, #[prop(into)] answer: ViewFn, textbox: NodeRef<html::Textarea>) -> impl IntoView {
    let ComposerContext { mode, draft, busy, awake, news, .. } = it;
    // While the question about Enter is shown, `asking` holds the text from before the Enter that caused it.
    let (keys, asking) = (wishes(), RwSignal::new(None::<String>));
    let answers = move || mode.get() == DraftMode::Answer;
    let label = move || match mode.get() {
        DraftMode::Reply => "Reply to customer",
        DraftMode::Answer => "Answer to the agent",
        DraftMode::Note => "Internal note",
    };
    let verb = move || match mode.get() {
        DraftMode::Reply if it.anyway.get() => "Send anyway",
        DraftMode::Reply => "Send to customer",
        DraftMode::Answer => "Answer and hand back",
        DraftMode::Note => "Add note",
    };
    let send = move || {
        let mode = mode.get_untracked();
        let something = mode == DraftMode::Answer || draft.with_untracked(|draft| !draft.trim().is_empty());
        if !busy.get_untracked() && something {
            asking.set(None);
            it.on_send.run(mode);
        }
    };
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        send();
    };
    let pressed = move |event: ev::KeyboardEvent| {
        match event.key().as_str() {
            _ if composes(&event) => return,
            "Enter" => {}
            "Escape" => {
                // Escape leaves the field, so that single keys are shortcuts again; the draft stays.
                event.prevent_default();
                return focus("thread-title");
            }
            _ => return,
        }
        let always = event.ctrl_key() || event.meta_key();
        let field = event_target::<web_sys::Element>(&event);
        let alone = !(event.shift_key() || event.alt_key()) && field.id() == TEXT;
        let wish = keys.with_untracked(|keys| keys.enter_sends);
        if always || (alone && mode.get_untracked() == DraftMode::Reply && wish == Some(true)) {
            event.prevent_default();
            send();
        } else if alone && mode.get_untracked() == DraftMode::Reply && wish.is_none() {
            // The key inserts a line break, as in any text area. The question is shown next to the text and does not
            // take the focus, because the next keys would answer it.
            asking.set(Some(draft.get_untracked()));
        } else {
            // An answer by a schema has single-line fields and checkboxes, in which Enter must not submit the form.
            keep_enter(&event, &field);
        }
    };
    let answered = move |sends: bool| {
        let before = asking.get_untracked().unwrap_or_default();
        asking.set(None);
        let_enter_send(keys, sends);
        // That Enter was meant to send, unless other text than line breaks was typed after it.
        let only_breaks = |rest: &str| rest.chars().all(|it| it == '\n');
        if sends && draft.with_untracked(|now| now.strip_prefix(before.as_str()).is_some_and(only_breaks)) {
            it.on_input.run(before);
            send();
        }
        focus(TEXT);
    };
    let entered = move |_| {
        // If the draft is not empty, the cursor is in a text that the operator is writing.
        if mode.get_untracked() == DraftMode::Note || draft.with_untracked(|draft| !draft.is_empty()) {
            it.on_hold.run(true);
        }
    };
    let left = move |event: ev::FocusEvent| {
        let form = event.current_target().map(JsCast::unchecked_into::<web_sys::Node>);
        let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
        // `related_target` is empty when the window loses the focus; the operator then returns to the same text.
        if to.is_some() && form.is_some_and(|form| !form.contains(to.as_ref())) {
            it.on_hold.run(false);
        }
    };
    view! {
        <section class="composer" data-mode=move || mode.get().as_str() aria-label="Write">
            <div class="tabs" role="tablist" aria-label="Write as">
                {DraftMode::ALL.map(|mode| tab(mode, it)).into_iter().collect::<Vec<_>>()}
            </div>
            <div role="tabpanel" id="composer-panel" aria-labelledby=move || tab_id(mode.get())>
                <form
                    class="composer-form"
                    novalidate=true
                    on:submit=submitted
                    on:keydown=pressed
                    on:input=move |_| it.on_hold.run(true)
                    on:focusin=entered
                    on:focusout=left
                >
                    <div class="composer-news" hidden=move || news.with(String::is_empty) role="status">
                        {move || news.get()}
                        " "
                        <button
                            class="button"
                            type="button"
                            data-size="small"
                            on:click=move |_| it.on_review.run(())
                        >
                            "Review"
                        </button>
                    </div>
                    <div
                        class="composer-news"
                        hidden=move || asking.with(Option::is_none) || mode.get() != DraftMode::Reply
                        role="group"
                        aria-label="Enter sends?"
                        aria-live="polite"
                    >
                        "Enter sends? "
                        <button class="button" type="button" data-size="small" on:click=move |_| answered(true)>
                            "Enter sends"
                        </button>
                        " "
                        <button class="button" type="button" data-size="small" on:click=move |_| answered(false)>
                            "Enter begins a line"
                        </button>
                    </div>
                    <div class="fields composer-answer" hidden=move || !answers()>{move || answer.run()}</div>
                    <label class="visually-hidden" for="composer-text" hidden=answers>{label}</label>
                    <textarea
                        class="composer-text"
                        id=TEXT
                        name="text"
                        rows="2"
                        dir="auto"
                        hidden=answers
                        placeholder=move || label().to_owned() + "…"
                        readonly=move || !awake.get()
                        node_ref=textbox
                        prop:value=move || draft.get()
                        on:input=move |event| it.on_input.run(event_target_value(&event))
                    ></textarea>
                    <div class="composer-foot">
                        <span class="composer-hint">{move || it.hint.get()}</span>
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

fn tab_id(mode: DraftMode) -> &'static str {
    match mode {
        DraftMode::Reply => "tab-reply",
        DraftMode::Answer => "tab-answer",
        DraftMode::Note => "tab-note",
    }
}

/// Renders a tab; the arrow keys move between tabs, as in any tab list.
fn tab(own: DraftMode, it: ComposerContext) -> impl IntoView {
    let selected = move || it.mode.get() == own;
    let words = match own {
        DraftMode::Reply => "Reply",
        DraftMode::Answer => "Answer",
        DraftMode::Note => "Note",
    };
    let moved = move |event: ev::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => 1,
            "ArrowLeft" => -1,
            _ => return,
        };
        event.prevent_default();
        let modes = it.modes.get_untracked();
        let at = modes.iter().position(|mode| *mode == own).unwrap_or(0) as isize;
        let other = modes[(at + step).rem_euclid(modes.len().max(1) as isize) as usize];
        it.on_mode.run(other);
        focus(tab_id(other));
    };
    view! {
        <button
            class="tab"
            type="button"
            role="tab"
            id=tab_id(own)
            hidden=move || it.modes.with(|modes| !modes.contains(&own))
            aria-controls="composer-panel"
            aria-selected=move || if selected() { "true" } else { "false" }
            tabindex=move || if selected() { "0" } else { "-1" }
            on:click=move |_| it.on_mode.run(own)
            on:keydown=moved
        >
            {(own == DraftMode::Note).then(|| icon(Icon::Lock))}
            {words}
        </button>
    }
}
