//! Notices of the operator's transfers that returned to the queue because the target did not accept them, shown on
//! every page of the console.

use leptos::prelude::*;

use super::icons::{Icon, icon};
use crate::{app::state::attention::ReturnedNotice, domain::ids::EscalationId};

/// Renders the notices.
#[component]
pub fn ReturnedBar(returned: RwSignal<Vec<ReturnedNotice>>, on_dismiss: Callback<EscalationId>) -> impl IntoView {
    let notice = move |ReturnedNotice { id, words }: ReturnedNotice| {
        let href = "/e/".to_owned() + &id.to_string();
        view! {
            <section class="connection-bar" aria-label="Transfer notice">
                {icon(Icon::Alert)}
                <p role="alert">{words}</p>
                <a class="button" data-size="small" href=href>"Open"</a>
                <button class="button" type="button" data-size="small" on:click=move |_| on_dismiss.run(id)>
                    "Dismiss"
                </button>
            </section>
        }
    };
    move || returned.get().into_iter().map(notice).collect::<Vec<_>>()
}
