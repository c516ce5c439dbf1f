//! The transfer dialog: the target and a note for it. The dialog asks for confirmation before a transfer to a colleague
//! who is away or offline.

use leptos::{ev, html, prelude::*};

use super::{
    dialog::{follow, note_closed, submit_by_mod_enter},
    revealed::spelled,
};
use crate::domain::{
    presence::{AVAILABLE_FOR, Colleague, TransferChoices},
    time::Timestamp,
};

/// Renders the dialog, which is closed until `open` is true.
#[component]
pub fn TransferDialog(
    open: RwSignal<bool>,
    /// The operators and queues that can receive the escalation; `None` while they are being fetched.
    #[prop(into)]
    targets: Signal<Option<TransferChoices>>,
    /// The operator's own id, which is left out because operators do not transfer to themselves.
    me: String,
    #[prop(into)] may_act: Signal<bool>,
    /// The refusal of the last attempt.
    #[prop(into)]
    notice: Signal<Option<String>>,
    /// Receives the id of an operator or a queue, and the note.
    on_transfer: Callback<(String, String)>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let (chosen, note) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    // Whether the dialog has asked for confirmation of a transfer to a colleague who is away or offline.
    let asked = RwSignal::new(false);
    follow(dialog, open);
    let options = move || {
        let mut all = vec![];
        // Absence is computed at the time of the server's answer. Operators are seen only at intervals, so that with
        // the current time every colleague would appear offline after a while.
        let at = targets.with(|targets| targets.as_ref().map(|it| it.at).unwrap_or_default());
        for it in targets.get().unwrap_or_default().colleagues {
            let state = absence(&it, at).unwrap_or("here");
            let words = spelled(it.operator.name.as_str()) + " · " + state + " · holds " + &it.holds.to_string();
            let id = it.operator.id.to_string();
            if id != me {
                all.push((id, words));
            }
        }
        for queue in targets.get().unwrap_or_default().queues {
            all.push((queue.id.to_string(), "Queue ".to_owned() + &spelled(queue.name.as_str())));
        }
        all.into_iter().map(|(id, words)| view! { <option value=id>{words}</option> }).collect::<Vec<_>>()
    };
    let question = move || {
        targets.with(|targets| {
            let targets = targets.as_ref()?;
            let it =
                chosen.with(|chosen| targets.colleagues.iter().find(|it| it.operator.id.to_string() == *chosen))?;
            let state = absence(it, targets.at)?;
            let said = spelled(it.operator.name.as_str()) + " is " + state;
            Some(said + ". If they do not open it within 2 minutes, it returns to its queue.")
        })
    };
    let missing = move || chosen.with(String::is_empty) || note.with(|note| note.trim().is_empty());
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if untrack(missing) {
            return;
        }
        if !asked.get_untracked() && untrack(question).is_some() {
            asked.set(true);
        } else {
            on_transfer.run((chosen.get_untracked(), note.get_untracked()));
        }
    };
    // A double click, or a key that is held down, must not confirm the question that its first press has caused.
    let clicked = |event: ev::MouseEvent| {
        if event.detail() > 1 {
            event.prevent_default();
        }
    };
    let pressed = |event: ev::KeyboardEvent| {
        if event.repeat() {
            event.prevent_default();
        }
    };
    let closed = move |_| {
        note_closed(dialog, open);
        asked.set(false);
        // The list is fetched again the next time, so the selection is cleared.
        chosen.set(String::new());
    };
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="transfer-title" on:close=closed>
            <form class="dialog-form" on:submit=submitted on:keydown=submit_by_mod_enter>
                <div class="dialog-head"><h2 class="dialog-title" id="transfer-title">"Transfer"</h2></div>
                <div class="dialog-body">
                    <div class="field">
                        <label class="field-label" for="transfer-to">"To"</label>
                        <select
                            class="input"
                            id="transfer-to"
                            prop:value=move || chosen.get()
                            on:change=move |event| {
                                asked.set(false);
                                chosen.set(event_target_value(&event));
                            }
                        >
                            <option value="">"Choose…"</option>
                            {options}
                        </select>
                    </div>
                    <div class="field">
                        <label class="field-label" for="transfer-note">"Note"</label>
                        <textarea
                            class="input"
                            id="transfer-note"
                            rows="3"
                            dir="auto"
                            aria-describedby="transfer-hint"
                            prop:value=move || note.get()
                            on:input=move |event| note.set(event_target_value(&event))
                        ></textarea>
                        <p class="field-hint" id="transfer-hint">
                            "What they need to know. Only operators see it."
                        </p>
                    </div>
                </div>
                <div class="dialog-foot">
                    {move || {
                        let question = if asked.get() { question() } else { None };
                        question.map(|words| view! { <p class="form-error" role="alert">{words}</p> })
                    }}
                    {move || notice.get().map(|words| view! { <p class="form-error" role="alert">{words}</p> })}
                    <button class="button" type="button" on:click=move |_| open.set(false)>"Cancel"</button>
                    <button
                        class="button"
                        data-kind="primary"
                        type="submit"
                        disabled=move || missing() || !may_act.get()
                        on:click=clicked
                        on:keydown=pressed
                    >
                        {move || if asked.get() { "Hand over anyway" } else { "Hand over" }}
                    </button>
                </div>
            </form>
        </dialog>
    }
}

/// Returns why a colleague may not see a transfer soon; `None` when they are available.
fn absence(it: &Colleague, now: Timestamp) -> Option<&'static str> {
    let here = it.seen_at.is_some_and(|at| now - at < AVAILABLE_FOR);
    match (it.away, here) {
        (true, _) => Some("away"),
        (false, true) => None,
        (false, false) => Some("offline"),
    }
}
