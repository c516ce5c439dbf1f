//! The bar over the composer: who may write to the customer, and why one just could not.

use leptos::prelude::*;

use super::{
    revealed::spelled,
    standing::{Hold, Standing},
};

/// Draws the bar.
#[component]
pub fn ClaimBar(
    #[prop(into)] standing: Signal<Standing>,
    /// What the server refused, or why it could not.
    #[prop(into)]
    notice: Signal<Option<String>>,
    #[prop(into)] may_act: Signal<bool>,
    on_claim: Callback<()>,
    on_dismiss: Callback<()>,
) -> impl IntoView {
    let said = move || {
        standing.with(|it| match &it.hold {
            Hold::Waiting if it.speaks => Some(("waiting", "Reading. Claim to reply".to_owned())),
            Hold::Waiting => {
                Some(("waiting", "Reading. Claim it to keep colleagues away, or resolve it at once".to_owned()))
            }
            Hold::Other(name) if it.speaks => Some(("other", spelled(name) + " is replying")),
            Hold::Other(name) => Some(("other", spelled(name) + " is on it")),
            Hold::Mine(_) | Hold::Closed => None,
        })
    };
    view! {
        {move || notice.get().map(|notice| view! {
            <div class="claim-bar" data-state="refused" role="alert">
                <p>{notice}</p>
                <button class="button" type="button" data-size="small" on:click=move |_| on_dismiss.run(())>
                    "Dismiss"
                </button>
            </div>
        })}
        {move || said().map(|(control, words)| view! {
            <div class="claim-bar" data-control=control>
                <p>{words}</p>
                <button
                    class="button"
                    type="button"
                    data-kind="primary"
                    hidden=control != "waiting"
                    disabled=move || !may_act.get()
                    on:click=move |_| on_claim.run(())
                >
                    "Claim"
                </button>
            </div>
        })}
    }
}
