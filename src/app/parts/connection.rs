//! Shows the state of the connection: a status in the rail, a bar after a disconnect, and an overlay when the session
//! has ended.

use leptos::prelude::*;

use super::icons::{Icon, icon};
use crate::app::state::live::StreamStatus;

/// Renders the status in the rail.
#[component]
pub fn ConnectionStatus(#[prop(into)] connection: Signal<StreamStatus>) -> impl IntoView {
    let said = move || match connection.get() {
        StreamStatus::Connecting => ("connecting", "Connecting…"),
        StreamStatus::Live => ("live", "Live · synced"),
        StreamStatus::Reconnecting => ("reconnecting", "Reconnecting…"),
        StreamStatus::Lost => ("lost", "Reconnecting…"),
        StreamStatus::SignedOut => ("lost", "Signed out"),
    };
    view! {
        <p class="connection" role="status" aria-label="Connection" data-state=move || said().0>
            <span class="connection-dot" aria-hidden="true"></span>
            <span>{move || said().1}</span>
        </p>
    }
}

/// Renders the bar above the page while the connection is down, and for some seconds after.
#[component]
pub fn ConnectionBar(
    #[prop(into)] connection: Signal<StreamStatus>,
    /// The number of updates that a reconnection brought, for some seconds after it.
    #[prop(into)]
    caught_up: Signal<Option<usize>>,
) -> impl IntoView {
    let notice = move || match (connection.get(), caught_up.get()) {
        (StreamStatus::Reconnecting, _) => {
            Some(("reconnecting", "Reconnecting… you may be missing updates".to_owned()))
        }
        (StreamStatus::Lost, _) => {
            Some(("lost", "Reconnecting… you may be missing updates. Claiming and resolving wait for it.".to_owned()))
        }
        (StreamStatus::Live, Some(0)) => Some(("back", "Back online".to_owned())),
        (StreamStatus::Live, Some(1)) => Some(("back", "Back online · 1 update".to_owned())),
        (StreamStatus::Live, Some(updates)) => {
            Some(("back", "Back online · ".to_owned() + &updates.to_string() + " updates"))
        }
        _ => None,
    };
    move || {
        notice().map(|(state, words)| {
            view! {
                <section class="connection-bar" data-state=state aria-label="Connection notice">
                    {icon(if state == "back" { Icon::Check } else { Icon::Offline })}
                    <p>{words}</p>
                </section>
            }
        })
    }
}

/// Renders the overlay when the session has ended. Drafts stay on the page behind it and can be used after the operator
/// signs in again in another tab.
#[component]
pub fn SignedOutCover(
    #[prop(into)] connection: Signal<StreamStatus>,
    #[prop(into)] href: Signal<String>,
) -> impl IntoView {
    move || {
        (connection.get() == StreamStatus::SignedOut).then(|| {
            view! {
                <div class="overlay" role="alertdialog" aria-modal="true" aria-labelledby="signed-out">
                    <div class="overlay-card">
                        <h2 id="signed-out">"You are signed out"</h2>
                        <p>"Your session has ended. What you have written is still here: sign in and come back."</p>
                        <a
                            class="button"
                            id="sign-in-again"
                            data-kind="primary"
                            href=move || href.get()
                            target="_blank"
                            rel="external noopener"
                        >
                            "Sign in again"
                        </a>
                    </div>
                </div>
            }
        })
    }
}
