//! Renders a message of the log, a note, or a pending reply.

use leptos::prelude::*;

use super::{
    drawn::{element, words, written},
    entries::{ToolStep, became},
    icons::{Icon, icon},
    pairs::code,
    revealed::{revealed, spelled},
    rich_text::{plain_text, rich_text},
    steps::steps_view,
    whole::with_whole,
};
use crate::{
    app::{
        session::me,
        state::{
            clock::{PageClock, clock},
            live::{PendingReply, SendState},
        },
    },
    domain::{
        message::{Author, Message, MessageRole, ReceiptState},
        message_part::MessagePart,
        operator::OperatorRef,
        seq::Seq,
        thread::RenderedMessage,
        time::Timestamp,
    },
};

/// The context that the messages of one conversation share.
#[derive(Debug, Clone)]
pub struct MessageContext {
    /// The customer's name, for messages that name no author.
    pub customer: String,
    /// The agent's name, for messages that name no author.
    pub agent: String,
    /// The sequence number up to which the agent has received the conversation.
    pub reached: Signal<Seq>,
}

/// Renders a message.
pub fn message(shown: &RenderedMessage, steps: &[ToolStep], grouped: bool, around: &MessageContext) -> AnyView {
    let it = &shown.message;
    let (label, author) = called(it, around);
    let mut said = match (&it.raw, it.text.as_deref()) {
        (Some(raw), _) if it.unreadable => {
            let why = words("p", "missing", "The agent sent this as a message; it could not be read as one.");
            vec![why, with_whole(code(raw), shown.cut(MessagePart::Raw, 0))]
        }
        (_, Some(text)) if shown.blocks.is_empty() => plain_text(text),
        _ => rich_text(&shown.blocks),
    };
    let body = written("div", "message-body", said);
    said = match it.text.as_deref().filter(|_| !it.unreadable) {
        Some(text) => match shown.cut(MessagePart::Text, 0) {
            None => with_original(body, text),
            cut => vec![with_whole(element("div", "", with_original(body, text)), cut)],
        },
        None => vec![body],
    };
    if !steps.is_empty() {
        said.push(steps_view(steps));
    }
    let failed = it.receipt.as_ref().is_some_and(|receipt| receipt.state == ReceiptState::Failed);
    said.extend(foot(it, failed, around.reached));
    let picture = (it.role == MessageRole::Agent).then_some(Icon::Agent);
    let mine = it.role == MessageRole::Operator && it.author.as_ref().is_some_and(is_me);
    article(it.role.as_str(), Look { grouped, mine, failed, note: false }, label, picture, &author, it.at, said)
}

/// Renders the body of a message and a button that shows the text as it was written instead.
fn with_original(body: AnyView, text: &str) -> Vec<AnyView> {
    let original = RwSignal::new(false);
    let text = StoredValue::new(text.to_owned());
    let formatted = view! { <div class="message-shown" hidden=move || original.get()>{body}</div> };
    let typed =
        move || original.get().then(|| text.with_value(|text| words("pre", "message-body message-original", text)));
    let button = view! {
        <button
            class="button message-switch"
            type="button"
            data-size="small"
            aria-pressed=move || if original.get() { "true" } else { "false" }
            on:click=move |_| original.update(|it| *it = !*it)
        >
            "Show as written"
        </button>
    };
    vec![formatted.into_any(), typed.into_any(), button.into_any()]
}

/// Renders a note among operators.
pub fn note(at: Timestamp, by: &OperatorRef, text: &str) -> AnyView {
    let author = "Note by ".to_owned() + &spelled(by.name.as_str());
    let said = vec![written("div", "message-body", plain_text(text))];
    let look = Look { grouped: false, mine: false, failed: false, note: true };
    article("operator", look, author.clone(), Some(Icon::Lock), &author, Some(at), said)
}

/// The properties by which an article differs from others of its role.
struct Look {
    /// True if the previous message already shows the heading.
    grouped: bool,
    mine: bool,
    /// True if the message failed to reach the customer.
    failed: bool,
    note: bool,
}

/// Renders the state of a message on its way to the customer, below the message.
fn foot(message: &Message, failed: bool, reached: Signal<Seq>) -> Option<AnyView> {
    let picture = icon(if failed { Icon::Alert } else { Icon::Check }).into_any();
    let said = match (became(message), message.seq) {
        (Some(said), _) => words("span", "message-cause", &said),
        (None, Some(seq)) if message.role == MessageRole::Operator => {
            let said = move || if reached.get() >= seq { "with the agent" } else { "sent" };
            element("span", "message-cause", vec![said.into_any()])
        }
        _ => return None,
    };
    Some(element("footer", "message-foot", vec![picture, said]))
}

fn article(
    role: &'static str,
    look: Look,
    label: String,
    picture: Option<Icon>,
    author: &str,
    at: Option<Timestamp>,
    said: Vec<AnyView>,
) -> AnyView {
    let clock = clock();
    view! {
        <article
            class="message"
            data-role=role
            data-state=if look.failed { "failed" } else { "sent" }
            data-grouped=look.grouped
            data-mine=look.mine
            data-note=look.note
            aria-label=move || timed(&label, at, clock)
        >
            <header class="message-head">
                {picture.map(icon)}
                <span class="message-author" dir="auto">{revealed(author)}</span>
                <time>{move || at.map(|at| clock.time(at))}</time>
            </header>
            {said}
        </article>
    }
    .into_any()
}

/// Renders a reply whose echo has not arrived yet.
pub fn pending_message(
    pending: &PendingReply,
    clock: PageClock,
    // The callbacks for retry, edit and copy.
    acts: [Callback<String>; 3],
) -> impl IntoView + use<> {
    let name = spelled(me().who().public_name.as_str());
    let author = "You, as ".to_owned() + &name;
    let at = pending.at;
    let called = pending.name().to_owned();
    let (picture, foot) = match &pending.state {
        SendState::Underway => (Icon::Clock, "sending…".to_owned()),
        SendState::Taken => (Icon::Check, "sent".to_owned()),
        SendState::Failed(why) => (Icon::Alert, "failed: ".to_owned() + why),
    };
    let failed = matches!(pending.state, SendState::Failed(_));
    let buttons = ["Retry", "Edit", "Copy"].into_iter().zip(acts).map(|(words, act)| {
        let called = called.clone();
        view! {
            <button
                class="button"
                type="button"
                data-kind=(words != "Retry").then_some("quiet")
                data-size="small"
                hidden=!failed
                on:click=move |_| act.run(called.clone())
            >
                {words}
            </button>
        }
    });
    let buttons: Vec<_> = buttons.collect();
    view! {
        <article
            class="message"
            data-role="operator"
            data-mine=true
            data-state=if failed { "failed" } else { "pending" }
            aria-label=move || timed(&name, Some(at), clock)
        >
            <header class="message-head">
                <span class="message-author" dir="auto">{author}</span>
                <time>{move || clock.time(at)}</time>
            </header>
            {written("div", "message-body", plain_text(&pending.draft.text))}
            <footer class="message-foot">
                {icon(picture)}
                <span class="message-cause" role=failed.then_some("alert")>{foot}</span>
                {buttons}
            </footer>
        </article>
    }
}

/// Returns the label with which a message is announced, and the name shown above it.
fn called(message: &Message, around: &MessageContext) -> (String, String) {
    let author = message.author.as_ref();
    match message.role {
        MessageRole::Customer => {
            ("Customer".to_owned(), author.map_or(around.customer.clone(), |author| author.name.clone()))
        }
        MessageRole::Agent => ("Agent".to_owned(), author.map_or(around.agent.clone(), |author| author.name.clone())),
        MessageRole::Operator => match author {
            Some(author) if is_me(author) => {
                (spelled(&author.public_name), "You, as ".to_owned() + &author.public_name)
            }
            Some(author) => (spelled(&author.name), author.name.clone()),
            None => ("Operator".to_owned(), "Operator".to_owned()),
        },
        MessageRole::System | MessageRole::Tool => ("System".to_owned(), "System".to_owned()),
    }
}

fn is_me(author: &Author) -> bool {
    author.id == Some(me().id().to_string())
}

fn timed(label: &str, at: Option<Timestamp>, clock: PageClock) -> String {
    match at {
        Some(at) => label.to_owned() + ", " + &clock.time(at),
        None => label.to_owned(),
    }
}
