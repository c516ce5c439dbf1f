//! The dialog that lists keyboard shortcuts, and the switch that turns them off.

use leptos::{html, prelude::*};

use super::{
    dialog::{close_button, follow, note_closed},
    drawn::{element, words},
};
use crate::app::keys;

/// The keys and what they do; every action has a button, too.
const ALL: [(&str, &str); 19] = [
    ("J", "Next escalation"),
    ("K", "Previous escalation"),
    ("Enter", "Open"),
    ("Esc", "Back to the list"),
    ("C", "Claim"),
    ("R", "Reply, claiming if need be"),
    ("N", "Write a note"),
    ("A", "Go to Approve, or to the answer"),
    ("1–9", "Answer with an option"),
    ("E", "Resolve"),
    ("T", "Transfer"),
    ("Q", "Release"),
    ("P", "Urgency, then 1–4"),
    ("L", "Tags"),
    ("I", "Details"),
    (".", "Show what is new"),
    ("/", "Search"),
    ("Ctrl Enter", "Send"),
    ("?", "This sheet"),
];

/// Renders the dialog, which is closed until `open` is true.
#[component]
pub fn Shortcuts(open: RwSignal<bool>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let wishes = keys::wishes();
    follow(dialog, open);
    let all = ALL.iter().flat_map(|(key, does)| {
        let key = element("dt", "", vec![words("kbd", "", key)]);
        [key, words("dd", "", does)]
    });
    view! {
        <dialog class="dialog" node_ref=dialog aria-labelledby="shortcuts-title" on:close=move |_| note_closed(dialog, open)>
            <div class="dialog-form">
                <div class="dialog-head">
                    <h2 class="dialog-title" id="shortcuts-title">"Keyboard shortcuts"</h2>
                    // The dialog focuses its first control: the close button comes first, so that Space does not turn
                    // the switch off.
                    {close_button(open)}
                </div>
                <div class="dialog-body">
                    {element("dl", "shortcuts", all.collect())}
                    <label class="choice">
                        <input
                            type="checkbox"
                            prop:checked=move || !wishes.get().shortcuts_off
                            on:change=move |event| keys::switch(wishes, event_target_checked(&event))
                        />
                        "Single keys act as shortcuts"
                    </label>
                </div>
            </div>
        </dialog>
    }
}
