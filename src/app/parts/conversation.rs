//! The conversation log. The log follows new entries while the operator reads at its end, and keeps its scroll position
//! while the operator reads further up.

use leptos::{html, prelude::*};

use super::{
    drawn::{element, words},
    entries::LogEntry,
    icons::{Icon, icon},
    message::{MessageContext, message, note, pending_message},
    revealed::revealed,
    steps::{folded_text, steps_view},
    whole::with_whole,
};
use crate::{
    app::state::{
        clock::{PageClock, clock},
        live::PendingReply,
    },
    domain::message_part::MessagePart,
};

/// The distance from the end, in pixels, within which the operator counts as reading there.
const NEAR_THE_END: i32 = 100;

/// Renders the log.
#[component]
pub fn Conversation(
    #[prop(into)] entries: Signal<Vec<LogEntry>>,
    /// The operator's replies whose echo has not arrived yet, oldest first.
    #[prop(into)]
    pending: Signal<Vec<PendingReply>>,
    around: MessageContext,
    /// The number of messages that came with the escalation and the number that existed, if not all came.
    short: Option<(i64, i64)>,
    /// True if messages at the beginning of the conversation are left out.
    #[prop(into)]
    has_earlier: Signal<bool>,
    /// True if earlier messages are being fetched.
    #[prop(into)]
    fetching: Signal<bool>,
    #[prop(into)] awake: Signal<bool>,
    on_earlier: Callback<()>,
    on_retry: Callback<String>,
    on_edit: Callback<String>,
    on_copy: Callback<String>,
) -> impl IntoView {
    let clock = clock();
    let log = NodeRef::<html::Div>::new();
    let at_end = RwSignal::new(true);
    let unseen = RwSignal::new(false);
    // The distance of the scroll position from the end when earlier messages were requested, to restore it after they
    // are prepended.
    let kept = StoredValue::new(None::<i32>);

    let to_end = move || {
        request_animation_frame(move || {
            if let Some(log) = log.try_get_untracked().flatten() {
                log.set_scroll_top(log.scroll_height());
                unseen.try_set(false);
            }
        });
    };
    let scrolled = move |_| {
        if let Some(log) = log.get_untracked() {
            let near = log.scroll_height() - log.scroll_top() - log.client_height() <= NEAR_THE_END;
            at_end.set(near);
            if near {
                unseen.set(false);
            }
        }
    };
    Effect::new(move |before: Option<(Option<String>, usize)>| {
        let (first, last) = entries.with(|entries| {
            (entries.iter().find(|it| !matches!(it, LogEntry::Day(..))).map(LogEntry::key), entries.len())
        });
        let count = last + pending.with(Vec::len);
        let prepended = before.as_ref().is_some_and(|(known, _)| *known != first);
        let grew = before.as_ref().is_none_or(|(_, known)| count > *known);
        match kept.get_value() {
            Some(from_end) if prepended => {
                kept.set_value(None);
                request_animation_frame(move || {
                    if let Some(log) = log.try_get_untracked().flatten() {
                        log.set_scroll_top(log.scroll_height() - from_end);
                    }
                });
            }
            _ if at_end.get_untracked() => to_end(),
            _ if grew => unseen.set(true),
            _ => {}
        }
        (first, count)
    });
    let earlier = move |_| {
        if let Some(log) = log.get_untracked() {
            kept.set_value(Some(log.scroll_height() - log.scroll_top()));
        }
        on_earlier.run(());
    };
    let around = StoredValue::new(around);
    let said = |entry: &LogEntry| {
        matches!(entry, LogEntry::Message { .. } | LogEntry::Prompt(_) | LogEntry::Reasoning(..) | LogEntry::Steps(..))
    };

    view! {
        <div
            class="log"
            role="log"
            aria-label="Conversation"
            aria-busy=move || fetching.get().then_some("true")
            tabindex="0"
            node_ref=log
            on:scroll=scrolled
        >
            {short.map(sent)}
            <button
                class="button"
                type="button"
                data-kind="quiet"
                hidden=move || !has_earlier.get()
                disabled=move || fetching.get() || !awake.get()
                on:click=earlier
            >
                "Show earlier messages"
            </button>
            <p class="missing" hidden=move || entries.with(|entries| entries.iter().any(said))>
                "The agent sent no messages before this."
            </p>
            <For each=move || entries.get() key=LogEntry::key let:entry>
                {around.with_value(|around| drawn(&entry, around, clock))}
            </For>
            {move || pending.with(|all| {
                all.iter().map(|it| pending_message(it, clock, [on_retry, on_edit, on_copy])).collect::<Vec<_>>()
            })}
            <span id="conversation-end" tabindex="-1"></span>
            <button
                class="button log-jump"
                type="button"
                hidden=move || !unseen.get()
                on:click=move |_| to_end()
            >
                {icon(Icon::ArrowDown)}
                "New messages"
            </button>
        </div>
    }
}

/// Renders the sentence that the agent did not send all messages.
fn sent((received, total): (i64, i64)) -> AnyView {
    let said = "The agent sent ".to_owned() + &received.to_string() + " of " + &total.to_string() + " messages.";
    words("p", "missing", &said)
}

fn drawn(entry: &LogEntry, around: &MessageContext, clock: PageClock) -> AnyView {
    match entry {
        LogEntry::Day(date, _) => element("p", "day", vec![words("span", "", date)]),
        LogEntry::Message { shown, steps, grouped } => message(shown, steps, *grouped, around),
        LogEntry::Prompt(shown) => {
            let text = shown.message.text.as_deref().unwrap_or_default();
            folded_text("System prompt", text, shown.cut(MessagePart::Text, 0), message(shown, &[], false, around))
        }
        LogEntry::Reasoning(_, text, cut) => {
            let content = with_whole(words("div", "reasoning", text), *cut);
            element("div", "message steps-alone", vec![folded_text("Reasoning", text, *cut, content)])
        }
        LogEntry::Steps(_, steps) => element("div", "message steps-alone", vec![steps_view(steps)]),
        LogEntry::Boundary { at, words: said, .. } => {
            let at = *at;
            let time = (move || " · ".to_owned() + &clock.time(at)).into_any();
            element("p", "boundary", vec![element("span", "", vec![revealed(said), time])])
        }
        LogEntry::Note { at, by, text, .. } => note(*at, by, text),
    }
}
