//! The rail: the views with their counts, the connection status, the signed-in operator, and whether the operator is
//! away.

use leptos::prelude::*;

use super::{
    attention_buttons::AttentionButtons,
    connection::ConnectionStatus,
    icons::{Icon, icon},
    marks::initials,
    revealed::revealed,
};
use crate::{
    app::{
        session::me,
        state::{attention::Notifier, live::StreamStatus},
    },
    domain::{
        inbox::{Counts, View},
        operator::Role,
    },
};

/// Renders the rail. `current` is the view that the page shows; `None` while an escalation is open.
#[component]
pub fn Rail(
    #[prop(into)] counts: Signal<Counts>,
    #[prop(into)] current: Signal<Option<View>>,
    #[prop(into)] connection: Signal<StreamStatus>,
    attention: Notifier,
    /// True if the operator is set to away.
    away: RwSignal<bool>,
    /// Sets the operator to away, or back.
    on_away: Callback<()>,
    /// Sets the operator to away and releases the escalations they hold.
    on_leave: Callback<()>,
) -> impl IntoView {
    let name = me().who().name.to_string();
    view! {
        <header class="rail">
            <a class="rail-brand" href=View::Queue.path()>{icon(Icon::Bailout)} <span>"Bailout"</span></a>
            <nav aria-label="Views">
                <ul class="rail-links">
                    {View::ALL.map(|view| link(view, counts, current)).into_iter().collect::<Vec<_>>()}
                    <li>{page("/search", "Search", Icon::Search)}</li>
                </ul>
            </nav>
            <div class="rail-foot">
                {me().may(Role::Admin).then(|| page("/settings/people", "Settings", Icon::Wrench))}
                {page("/me", "Me", Icon::Person)}
                <ConnectionStatus connection=connection/>
                {me().may(Role::Operator).then(|| view! {
                    <div class="rail-away">
                        <button
                            class="button"
                            type="button"
                            data-size="small"
                            aria-pressed=move || if away.get() { "true" } else { "false" }
                            on:click=move |_| on_away.run(())
                        >
                            "Away"
                        </button>
                        <button
                            class="button"
                            type="button"
                            data-size="small"
                            title="Sets you away, and returns every escalation that you hold to its queue"
                            hidden=move || away.get()
                            on:click=move |_| on_leave.run(())
                        >
                            "Away and release my work"
                        </button>
                    </div>
                })}
                <div class="rail-me">
                    <span class="avatar" aria-hidden="true">{initials(&name)}</span>
                    <span class="rail-name">{revealed(&name)}</span>
                    <AttentionButtons attention=attention/>
                    <form action="/sign-out" method="post">
                        <button class="button" data-kind="quiet" data-size="small" type="submit" title="Sign out">
                            {icon(Icon::SignOut)}
                            <span class="visually-hidden">"Sign out"</span>
                        </button>
                    </form>
                </div>
            </div>
        </header>
    }
}

/// Renders a link to a page outside the console, which the browser loads.
fn page(href: &'static str, label: &'static str, picture: Icon) -> AnyView {
    view! { <a class="rail-link" href=href rel="external">{icon(picture)} <span>{label}</span></a> }.into_any()
}

/// Returns the icon of a view.
pub fn picture(view: View) -> Icon {
    match view {
        View::Queue => Icon::Queue,
        View::Mine => Icon::Person,
        View::Missed => Icon::Missed,
        View::All => Icon::List,
        View::Closed => Icon::Archive,
        View::Tests => Icon::Agent,
    }
}

fn link(view: View, counts: Signal<Counts>, current: Signal<Option<View>>) -> impl IntoView {
    let id = "count-".to_owned() + view.as_str();
    let counted = counts.with_untracked(|counts| counts.of(view)).is_some();
    let count = move || counts.with(|counts| counts.of(view)).filter(|count| *count > 0);
    let state = move || (view == View::Missed && count().is_some()).then_some("overdue");
    view! {
        <li>
            <a
                class="rail-link"
                href=view.path()
                aria-current=move || (current.get() == Some(view)).then_some("page")
                aria-describedby=counted.then(|| id.clone())
            >
                {icon(picture(view))}
                <span>{view.label()}</span>
                {counted.then(|| view! {
                    <span class="count" id=id.clone() data-state=state aria-hidden="true">
                        {move || count().map(|count| count.to_string())}
                    </span>
                })}
            </a>
        </li>
    }
}
