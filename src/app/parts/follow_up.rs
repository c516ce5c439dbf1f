//! The follow-up bar, for an escalation that expired or whose outcome the agent has not picked up. The operator
//! contacts the customer and records that here.

use leptos::{ev, prelude::*};

use super::{dialog::submit_by_mod_enter, revealed::spelled};
use crate::{
    app::{parts::marks::spoken, state::clock::clock},
    domain::{
        escalation::{Escalation, Status},
        text::Text,
    },
};

/// Renders the bar if there is something to follow up. The note stays in its field until the follow-up is recorded.
#[component]
pub fn FollowUpBar(
    #[prop(into)] escalation: Signal<Escalation>,
    /// True if the reader's role allows a follow-up.
    may_write: bool,
    /// True if the reader may act now.
    #[prop(into)]
    may_act: Signal<bool>,
    on_follow_up: Callback<String>,
) -> impl IntoView {
    let clock = clock();
    let note = RwSignal::new(String::new());
    let to_do = move || escalation.with(|it| it.status == Status::Expired || it.not_picked_up);
    let done = Memo::new(move |_| escalation.with(|it| it.followed_up.clone()));
    let reach = move || {
        escalation.with(|it| {
            let why =
                if it.not_picked_up { "The agent may not know how this ended. " } else { "Nobody came in time. " };
            let contact = it.opening.customer().and_then(|customer| {
                customer.email.as_ref().map(Text::as_str).or(customer.id.as_ref().map(Text::as_str))
            });
            why.to_owned()
                + &match contact {
                    Some(contact) => "Contact: ".to_owned() + &spelled(contact),
                    None => "The agent gave no contact.".to_owned(),
                }
        })
    };
    let on_submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_follow_up.run(note.get_untracked());
    };
    let told = move || {
        done.get().map(|it| {
            let note = it.note.map(|note| ": ".to_owned() + &spelled(note.as_str())).unwrap_or_default();
            let words = "Followed up by ".to_owned() + &spelled(it.by.name.as_str()) + ", ";
            view! { <div class="claim-bar"><p dir="auto">{words} {move || spoken(clock, it.at)} {note}</p></div> }
        })
    };
    let form = move || {
        (to_do() && may_write && done.with(Option::is_none)).then(|| {
            view! {
                <form class="claim-bar follow-up" on:submit=on_submit on:keydown=submit_by_mod_enter>
                    <p>{reach()}</p>
                    <label class="visually-hidden" for="follow-up-note">"Note on the follow-up"</label>
                    <input
                        class="input"
                        id="follow-up-note"
                        dir="auto"
                        placeholder="Note (optional)"
                        prop:value=move || note.get()
                        on:input=move |event| note.set(event_target_value(&event))
                    />
                    <button class="button" type="submit" data-kind="primary" disabled=move || !may_act.get()>
                        "Followed up"
                    </button>
                </form>
            }
        })
    };
    view! { {told} {form} }
}
