//! The transfer dialog: to whom, and a note that they will need.

use leptos::{ev, html, prelude::*};

use super::{
    dialog::{follow, submit_by_mod_enter},
    revealed::spelled,
};
use crate::{
    app::clock::clock,
    domain::presence::{GONE_AFTER, Targets},
};

/// Draws the dialog, closed until `open` says otherwise.
#[component]
pub fn TransferDialog(
    open: RwSignal<bool>,
    /// To whom it may go; none while that is being asked.
    #[prop(into)]
    targets: Signal<Option<Targets>>,
    /// My own id: nobody transfers to themselves.
    me: String,
    #[prop(into)] may_act: Signal<bool>,
    /// What was refused.
    #[prop(into)]
    notice: Signal<Option<String>>,
    /// The id of an operator or a queue, and the note.
    on_transfer: Callback<(String, String)>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let clock = clock();
    let (chosen, note) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    follow(dialog, open);
    let options = move || {
        let mut all = vec![];
        for it in targets.get().unwrap_or_default().colleagues {
            let here = it.seen_at.is_some_and(|at| clock.moment() - at < GONE_AFTER);
            let words = spelled(it.operator.name.as_str())
                + if it.away {
                    " · away"
                } else if here {
                    " · here"
                } else {
                    " · gone"
                }
                + " · holds "
                + &it.holds.to_string();
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
    let missing = move || chosen.with(String::is_empty) || note.with(|note| note.trim().is_empty());
    let submitted = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if !untrack(missing) {
            on_transfer.run((chosen.get_untracked(), note.get_untracked()));
        }
    };
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="transfer-title" on:close=move |_| open.set(false)>
            <form class="dialog-form" on:submit=submitted on:keydown=submit_by_mod_enter>
                <div class="dialog-head"><h2 class="dialog-title" id="transfer-title">"Transfer"</h2></div>
                <div class="dialog-body">
                    <div class="field">
                        <label class="field-label" for="transfer-to">"To"</label>
                        <select
                            class="input"
                            id="transfer-to"
                            prop:value=move || chosen.get()
                            on:change=move |event| chosen.set(event_target_value(&event))
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
                    {move || notice.get().map(|words| view! { <p class="form-error" role="alert">{words}</p> })}
                    <button class="button" type="button" on:click=move |_| open.set(false)>"Cancel"</button>
                    <button
                        class="button"
                        data-kind="primary"
                        type="submit"
                        disabled=move || missing() || !may_act.get()
                    >
                        "Hand over"
                    </button>
                </div>
            </form>
        </dialog>
    }
}
