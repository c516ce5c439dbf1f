//! The operator's actions on an escalation: each calls the server and shows the result. Text is never lost: a refused
//! reply stays in its bubble, a refused note in the composer.

use std::time::Duration;

use js_sys::Reflect;
use leptos::{prelude::*, task::spawn_local};

use super::fetch::Fetch;
use crate::{
    app::{
        actions,
        focus::{focus_if_free, focus_if_lost},
        parts::{not_checked::not_checked, revealed::spelled, whole::FullText},
        problem::CallError,
        state::{
            clock::PageClock,
            drafts::call,
            live::{Live, PendingReply, SendState, StreamStatus},
        },
    },
    domain::{
        claim::Fence,
        draft::DraftMode,
        escalation::Escalation,
        field_problem::FieldProblem,
        ids::EscalationId,
        message_part::TruncatedPart,
        outcome::{DecisionRequest, Resolution},
        presence::TransferChoices,
        refusal::Refusal,
        time::Span,
    },
};

/// How long a reply waits for a server that cannot be reached, and the interval between checks.
const PATIENCE: Span = Span::minutes(5);
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The actions of one operator on one escalation.
#[derive(Clone, Copy)]
pub struct EscalationActions {
    pub id: EscalationId,
    pub live: Live,
    pub clock: PageClock,
    pub fetch: Fetch,
    /// True while an action is in flight that must not be sent twice.
    pub busy: RwSignal<bool>,
    /// The refusal or the error of the last action.
    pub notice: RwSignal<Option<String>>,
    /// True after a claim or takeover that should move the focus into the composer.
    pub wants_to_write: RwSignal<bool>,
    pub resolving: RwSignal<bool>,
    pub transferring: RwSignal<bool>,
    /// The possible targets of a transfer, once they are fetched.
    pub targets: RwSignal<Option<TransferChoices>>,
    pub resolve_problems: RwSignal<Vec<FieldProblem>>,
    pub resolve_refused: RwSignal<Option<String>>,
    /// The answer that the server could not check in time, as it was sent.
    pub unchecked: RwSignal<Option<(Option<Fence>, String)>>,
}

type Answer<T> = Result<Result<T, Refusal>, CallError>;

impl EscalationActions {
    /// Creates the actions on an escalation.
    pub fn on(id: EscalationId, live: Live, clock: PageClock, fetch: Fetch) -> Self {
        Self {
            id,
            live,
            clock,
            fetch,
            busy: RwSignal::new(false),
            notice: RwSignal::new(None),
            wants_to_write: RwSignal::new(false),
            resolving: RwSignal::new(false),
            transferring: RwSignal::new(false),
            targets: RwSignal::new(None),
            resolve_problems: RwSignal::new(vec![]),
            resolve_refused: RwSignal::new(None),
            unchecked: RwSignal::new(None),
        }
    }

    /// Claims the escalation and moves the focus into the composer, unless the operator is in another field by then.
    pub fn claim(self) {
        self.act(async move {
            let answer = actions::claim(self.id).await;
            // A question or a decision is claimed to be answered, not to be replied to.
            if self.came_of(answer) && self.speaks_to_customer() {
                self.wants_to_write.try_set(true);
            }
        });
    }

    /// Releases the claim.
    pub fn release(self, fence: Fence) {
        self.act(async move {
            let answer = actions::release(self.id, fence).await;
            if self.came_of(answer) {
                focus_if_lost("thread-title");
            }
        });
    }

    /// Takes over the conversation, to speak to the customer instead of answering.
    pub fn take_over(self, fence: Option<Fence>) {
        self.act(async move {
            let answer = actions::take_over(self.id, fence).await;
            if self.came_of(answer) {
                self.wants_to_write.try_set(true);
            }
        });
    }

    /// Resolves the escalation. A refused resolution stays in the dialog.
    pub fn resolve(self, fence: Option<Fence>, resolution: &Resolution<DecisionRequest>) {
        if let Ok(resolution) = serde_json::to_string(resolution) {
            self.send_resolution(fence, resolution);
        }
    }

    fn send_resolution(self, fence: Option<Fence>, resolution: String) {
        self.unchecked.set(None);
        self.act(async move {
            match actions::resolve(self.id, fence, resolution.clone()).await {
                Ok(Ok(())) => {
                    self.resolving.try_set(false);
                    self.live.drafts.write(self.id, DraftMode::Answer, String::new(), self.live.seq());
                    self.catch_up();
                    focus_if_free("list-title");
                }
                Ok(Err(Refusal::NotCheckedInTime)) => drop(self.unchecked.try_set(Some((fence, resolution)))),
                Ok(Err(Refusal::InvalidFields { problems })) => drop(self.resolve_problems.try_set(problems)),
                Ok(Err(refusal)) => {
                    self.not_resolved(self.sentence(&refusal));
                    self.fetch.refresh(self.id);
                }
                Err(problem) => self.not_resolved(self.fetch.noted(problem)),
            }
        });
    }

    /// Renders the actions for an answer that was not checked in time, in the dialog or on the page.
    pub fn unchecked_view(self, in_dialog: bool) -> Option<AnyView> {
        if self.unchecked.with(Option::is_none) || self.resolving.get() != in_dialog {
            return None;
        }
        let sent = move || self.unchecked.get_untracked();
        let retry = Callback::new(move |()| {
            if let Some((fence, resolution)) = sent() {
                self.send_resolution(fence, resolution);
            }
        });
        let copy = Callback::new(move |()| {
            if let Some((_, resolution)) = sent() {
                copy(&resolution);
            }
        });
        // The bar on the page already looks like a refusal.
        let class = if in_dialog { "form-error" } else { "" };
        Some(not_checked(class, self.busy.into(), retry, copy))
    }

    /// Shows the reason where the operator acted: in the dialog, or on the page.
    fn not_resolved(self, why: String) {
        let place = if self.resolving.try_get_untracked() == Some(true) { self.resolve_refused } else { self.notice };
        place.try_set(Some(why));
    }

    /// Opens the transfer dialog and fetches the possible targets.
    pub fn choose_target(self) {
        self.notice.set(None);
        self.targets.set(None);
        self.transferring.set(true);
        spawn_local(async move {
            match actions::targets().await {
                Ok(targets) => drop(self.targets.try_set(Some(targets))),
                // The dialog stays open and shows the error, because by now the operator may be writing in it.
                Err(problem) => drop(self.notice.try_set(Some(self.fetch.noted(problem)))),
            }
        });
    }

    /// Transfers the escalation to a colleague or a queue. Without a fence the claim is taken from its holder.
    pub fn transfer(self, fence: Option<Fence>, to: String, note: String) {
        self.act(async move {
            let answer = actions::transfer(self.id, fence, to, note).await;
            if self.came_of(answer) {
                self.transferring.try_set(false);
                focus_if_free("thread-title");
            }
        });
    }

    /// Sends a reply to the customer: the page shows it at once, and again when its event arrives.
    pub fn reply(self, fence: Fence) {
        let Some(draft) = self.live.drafts.take(self.id, DraftMode::Reply) else { return };
        let pending = PendingReply { draft, at: self.clock.moment(), state: SendState::Underway };
        self.live.send(pending.clone());
        self.attempt(fence, pending);
    }

    /// Retries a reply under the same name, so that nothing is sent twice if the first attempt arrived after all.
    pub fn retry(self, fence: Option<Fence>, name: &str) {
        match (fence, self.pending(name)) {
            (Some(fence), Some(pending)) => {
                self.live.sending(name, SendState::Underway);
                self.attempt(fence, PendingReply { at: self.clock.moment(), ..pending });
            }
            (None, Some(_)) => self.live.sending(name, SendState::Failed(Refusal::NotClaimed.to_string())),
            (_, None) => {}
        }
    }

    /// Moves a reply that was not sent back into the composer, unless a text is there.
    pub fn edit(self, fence: Option<Fence>, name: &str) {
        let Some(pending) = self.pending(name) else { return };
        if self.live.drafts.put_back(pending.draft, self.live.seq()) {
            self.live.unsend(name);
            self.wants_to_write.set(fence.is_some());
        }
    }

    fn speaks_to_customer(self) -> bool {
        let speaks = |it: &Escalation| it.id == self.id && it.speaks_to_customer();
        self.live.thread.try_with_untracked(|it| it.as_ref().is_some_and(|it| speaks(&it.escalation))) == Some(true)
    }

    /// Copies the text of a reply that was not sent.
    pub fn copy(self, name: &str) {
        if let Some(pending) = self.pending(name) {
            copy(&pending.draft.text);
        }
    }

    /// Adds a note.
    pub fn note(self, text: String) {
        self.act(async move {
            let answer = actions::note(self.id, text.clone()).await;
            let sent = self.came_of(answer);
            // A text that was written meanwhile stays.
            if sent && self.live.drafts.text_now(self.id, DraftMode::Note) == text {
                self.live.drafts.write(self.id, DraftMode::Note, String::new(), self.live.seq());
            }
        });
    }

    /// Sets urgency or tags.
    pub fn mark(self, urgency: Option<String>, tags: Option<String>) {
        // The call sets values, so it need not wait for other actions in flight.
        spawn_local(async move {
            let answer = actions::mark(self.id, urgency, tags).await;
            self.came_of(answer);
        });
    }

    /// Records that the customer of an expired escalation was contacted.
    pub fn follow_up(self, note: String) {
        self.act(async move {
            let answer = actions::follow_up(self.id, note).await;
            if self.came_of(answer) {
                focus_if_lost("thread-title");
            }
        });
    }

    /// Fetches the messages before those that are shown.
    pub fn earlier(self, fetching: RwSignal<bool>) {
        let first = self.live.thread.with_untracked(|thread| {
            thread.as_ref().and_then(|thread| thread.messages.first().map(|shown| shown.message.position))
        });
        let Some(first) = first else { return };
        fetching.set(true);
        spawn_local(async move {
            match actions::earlier(self.id, first).await {
                Ok(earlier) => self.live.show_earlier(self.id, earlier),
                Err(problem) => drop(self.notice.try_set(Some(self.fetch.noted(problem)))),
            }
            fetching.try_set(false);
        });
    }

    /// Fetches the full text of a truncated part.
    pub fn whole(self, cut: TruncatedPart, into: RwSignal<FullText>) {
        spawn_local(async move {
            let shown = match actions::whole(self.id, cut.position, cut.part, cut.index).await {
                Ok(Some(text)) => FullText::Here(text),
                Ok(None) => FullText::Failed("This is not there any more.".to_owned()),
                Err(problem) => FullText::Failed(self.fetch.noted(problem)),
            };
            into.try_set(shown);
        });
    }

    fn attempt(self, fence: Fence, pending: PendingReply) {
        spawn_local(async move {
            let (name, text) = (pending.name().to_owned(), pending.draft.text.clone());
            match actions::reply(self.id, fence, name.clone(), text).await {
                Ok(Ok(())) => {
                    self.live.sending(&name, SendState::Taken);
                    self.catch_up();
                }
                Ok(Err(refusal)) => {
                    self.live.sending(&name, SendState::Failed(self.sentence(&refusal)));
                    self.fetch.refresh(self.id);
                }
                Err(CallError::Unavailable) => self.await_server(fence, pending),
                Err(problem) => self.live.sending(&name, SendState::Failed(self.fetch.noted(problem))),
            }
        });
    }

    /// Keeps a reply pending while the server cannot be reached, and retries it once the stream is live.
    fn await_server(self, fence: Fence, pending: PendingReply) {
        let again = move || {
            // Its event may have arrived meanwhile, or the page may be gone.
            if self.pending(pending.name()).is_none() {
                return;
            }
            if self.clock.moment() - pending.at > PATIENCE {
                let why = CallError::Unavailable.to_string();
                self.live.sending(pending.name(), SendState::Failed(why));
            } else if self.live.connection.try_get_untracked() == Some(StreamStatus::Live) {
                self.attempt(fence, pending);
            } else {
                self.await_server(fence, pending);
            }
        };
        set_timeout(again, AGAIN_AFTER);
    }

    fn pending(self, name: &str) -> Option<PendingReply> {
        let pending = self.live.pending.try_with_untracked(|all| all.iter().find(|it| it.name() == name).cloned());
        pending.flatten()
    }

    fn act(self, act: impl Future<Output = ()> + 'static) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.notice.set(None);
        spawn_local(async move {
            act.await;
            self.busy.try_set(false);
        });
    }

    /// Returns whether the action succeeded; shows the reason if not.
    fn came_of<T>(self, answer: Answer<T>) -> bool {
        match answer {
            Ok(Ok(_)) => {
                self.catch_up();
                return true;
            }
            Ok(Err(refusal)) => {
                self.notice.try_set(Some(self.sentence(&refusal)));
                self.fetch.refresh(self.id);
            }
            Err(problem) => drop(self.notice.try_set(Some(self.fetch.noted(problem)))),
        }
        false
    }

    /// Fetches the escalation while the stream is down, so that the page shows the result of the action.
    fn catch_up(self) {
        if self.live.connection.try_get_untracked() != Some(StreamStatus::Live) {
            self.fetch.refresh(self.id);
        }
    }

    fn sentence(self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::AlreadyClaimed { by, at } => {
                let ago = (self.clock.moment() - *at).in_short();
                spelled(by.name.as_str()) + " claimed this " + &ago + " ago"
            }
            Refusal::InvalidFields { problems } => {
                let details: Vec<&str> = problems.iter().map(|it| it.detail.as_str()).collect();
                format!("{refusal} {}", details.join(" "))
            }
            refusal => refusal.to_string(),
        }
    }
}

fn copy(text: &str) {
    let navigator = Reflect::get(&window(), &"navigator".into()).unwrap_or_default();
    let clipboard = Reflect::get(&navigator, &"clipboard".into()).unwrap_or_default();
    call(&clipboard, "writeText", &[text.into()]);
}
