//! The bar above the composer, which says who may write to the customer, and why an action was refused.

use leptos::prelude::*;

use super::{
    revealed::spelled,
    standing::{ControlStatus, Holder},
};
use crate::{app::state::clock::clock, domain::presence::Presence};

/// Renders the bar.
#[component]
pub fn ClaimBar(
    #[prop(into)] standing: Signal<ControlStatus>,
    /// The operators around this escalation.
    #[prop(into)]
    presence: Signal<Presence>,
    /// The server's refusal, or the error of the request.
    #[prop(into)]
    notice: Signal<Option<String>>,
    #[prop(into)] may_act: Signal<bool>,
    /// True if the operator may take the escalation from a colleague.
    may_take: bool,
    on_claim: Callback<()>,
    on_take: Callback<()>,
    /// Asks the holder to transfer the escalation.
    on_ask: Callback<()>,
    on_dismiss: Callback<()>,
) -> impl IntoView {
    let clock = clock();
    let said = move || {
        standing.with(|it| match &it.hold {
            Holder::Waiting if it.speaks => Some(("waiting", "Reading. Claim to reply".to_owned())),
            Holder::Waiting => {
                Some(("waiting", "Reading. Answer at once, or claim it to keep colleagues away".to_owned()))
            }
            Holder::Elsewhere(queue) => {
                let words = "Reading. Only members of the queue ".to_owned() + &spelled(queue.as_str());
                Some(("elsewhere", words + " and supervisors can claim this"))
            }
            Holder::Other(who) => {
                let (name, now) = (spelled(who.name.as_str()), clock.now());
                let words = presence.with(|presence| match presence.gone_since(who.id, now) {
                    Some(since) => name + " is gone since " + &clock.time(since),
                    None if presence.is_typing(who.id, now) => name + " is replying",
                    None => "Claimed by ".to_owned() + &name,
                });
                Some(("other", words))
            }
            Holder::Mine(_) | Holder::Closed => None,
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
        {move || said().map(|(control, words)| {
            let holder = standing.with(|it| match &it.hold {
                Holder::Other(who) => spelled(who.name.as_str()),
                _ => String::new(),
            });
            view! {
            <div class="claim-bar" data-control=control>
                <p>{words}</p>
                <button
                    class="button"
                    type="button"
                    hidden=control != "other" || may_take
                    disabled=move || !may_act.get()
                    on:click=move |_| on_ask.run(())
                >
                    "Ask to transfer"
                </button>
                <button
                    class="button"
                    type="button"
                    hidden=control != "other" || !may_take
                    disabled=move || !may_act.get()
                    on:click=move |_| on_take.run(())
                >
                    "Take from "
                    {holder}
                </button>
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
            }
        })}
    }
}
