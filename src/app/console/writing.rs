//! The state of the composer of one escalation: modes, drafts, messages that arrived while writing, and sending.

use std::collections::HashMap;

use leptos::{html, prelude::*};

use crate::{
    app::{
        console::escalation_actions::EscalationActions,
        focus::focus,
        keys::go,
        parts::{composer::ComposerContext, resolution::ResolutionDraft, revealed::spelled, standing::ControlStatus},
        session::me,
        state::{live::Live, typing::may_move_focus},
    },
    domain::{
        ask::{Ask, AskKind, Verdict},
        draft::DraftMode,
        escalation::Escalation,
        ids::EscalationId,
        message::MessageRole,
        presence::{Presence, TYPING_FOR},
        refusal::Refusal,
        seq::Seq,
        thread::Thread,
    },
};

/// The id of the button by which an operator says that they have seen what the agent changed.
pub const SEEN: &str = "seen";

/// The state that the operator needs to write about an escalation.
#[derive(Clone, Copy)]
pub struct WritingState {
    pub acts: EscalationActions,
    pub standing: Memo<ControlStatus>,
    pub ask: RwSignal<Ask>,
    /// The last revision of the ask that the operator has seen: that of the page, then that of each change they say they have
    /// seen. Until then nothing can be approved or answered, because a key or a click may have been meant for what was shown
    /// before.
    pub seen: RwSignal<i64>,
    /// The actions whose text is being written, by their ids: a rejection or an answer.
    pub texts: RwSignal<HashMap<String, Verdict>>,
    /// The forms that resolve the escalation.
    pub sheet: RwSignal<ResolutionDraft>,
    /// The mode that the operator chose, whether or not it is available now.
    pub chosen: RwSignal<DraftMode>,
    /// The mode that the operator is writing in. The mode stays until they leave the text, even after a claim or
    /// takeover: a note must not continue as a reply to the customer.
    pub held: RwSignal<Option<DraftMode>>,
    pub textbox: NodeRef<html::Textarea>,
    /// The customer that the operator writes to.
    pub customer: StoredValue<String>,
}

impl WritingState {
    /// Creates the state for an escalation, with the drafts written before.
    pub fn at(
        acts: EscalationActions,
        standing: Memo<ControlStatus>,
        escalation: Memo<Escalation>,
        customer: String,
    ) -> Self {
        let (id, live) = (acts.id, acts.live);
        let ask = RwSignal::new(escalation.with_untracked(|it| it.opening.ask.clone()));
        let sheet = RwSignal::new(ask.with_untracked(|ask| {
            let kept = ResolutionDraft::kept(ask, &live.drafts.text_now(id, DraftMode::Answer));
            kept.unwrap_or_else(|| ResolutionDraft::of(ask))
        }));
        let first = match ask.with_untracked(|ask| ask.kind) {
            AskKind::Question => DraftMode::Answer,
            AskKind::Takeover | AskKind::Decision => DraftMode::Reply,
        };
        // The content of the forms is saved as a draft, too.
        Effect::new(move |before: Option<ResolutionDraft>| {
            let now = sheet.get();
            // A form in which nothing is written is no draft, also when it follows the ask.
            let is_blank = ask.with_untracked(|ask| now == ResolutionDraft::of(ask));
            let is_new = is_blank && live.drafts.text_now(id, DraftMode::Answer).is_empty();
            if before.is_some_and(|before| before != now)
                && !is_new
                && let Ok(text) = serde_json::to_string(&now)
            {
                live.drafts.write(id, DraftMode::Answer, text, live.seq());
            }
            now
        });
        let it = Self {
            acts,
            standing,
            ask,
            seen: RwSignal::new(ask.with_untracked(|ask| ask.revision)),
            texts: RwSignal::new(HashMap::new()),
            sheet,
            chosen: RwSignal::new(first),
            held: RwSignal::new(None),
            textbox: NodeRef::new(),
            customer: StoredValue::new(customer),
        };
        // The agent may change what it asks while the operator decides.
        Effect::new(move |_| {
            let before = it.ask.get_untracked();
            let next =
                escalation.with(|it| Some(&it.opening.ask).filter(|ask| ask.revision != before.revision).cloned());
            if let Some(next) = next {
                sheet.update(|sheet| sheet.follow(&next));
                acts.resolve_problems.set(vec![]);
                it.ask.set(next);
            }
        });
        // The tab has restored drafts that the server did not have when it rendered this form.
        Effect::new(move |_| {
            if live.drafts.restored.get()
                && let Some(kept) = it
                    .ask
                    .with_untracked(|ask| ResolutionDraft::kept(ask, &live.drafts.text_now(id, DraftMode::Answer)))
            {
                sheet.set(kept);
            }
        });
        Effect::new(move |_| {
            if acts.wants_to_write.get() && standing.with(|it| it.may_reply()) {
                acts.wants_to_write.set(false);
                if may_move_focus() {
                    it.write(DraftMode::Reply);
                }
            }
        });
        it
    }

    /// Returns the modes that are available now, and the one that is being written in.
    fn modes(self) -> Vec<DraftMode> {
        let (replies, answers) = self.standing.with(|it| (it.may_reply(), it.may_resolve()));
        let is_question = self.ask.with_untracked(|ask| ask.kind == AskKind::Question);
        let all = [(DraftMode::Reply, replies), (DraftMode::Answer, answers && is_question), (DraftMode::Note, true)];
        let held = self.held.get();
        all.into_iter().filter_map(|(mode, is)| (is || held == Some(mode)).then_some(mode)).collect()
    }

    /// Changes to a mode and moves the focus to the text box.
    pub fn write(self, mode: DraftMode) {
        self.choose_mode(mode);
        let textbox = self.textbox;
        request_animation_frame(move || {
            if let Some(textbox) = textbox.try_get_untracked().flatten() {
                // An error here has no consequence.
                let _ = textbox.focus();
            }
        });
    }

    fn choose_mode(self, mode: DraftMode) {
        self.held.set(None);
        self.chosen.set(mode);
    }

    /// Puts a text into the draft of the reply.
    pub fn use_reply(self, text: String) {
        self.acts.live.drafts.write(self.acts.id, DraftMode::Reply, text, self.acts.live.seq());
        self.write(DraftMode::Reply);
    }

    /// Returns whether the agent has changed what it asks, and the operator has not said that they have seen it.
    pub fn is_unseen(self) -> bool {
        self.ask.with(|ask| ask.revision) > self.seen.get()
    }

    /// Answers the question, or shows which fields are missing.
    pub fn answer(self) {
        if untrack(|| self.is_unseen()) {
            return focus(SEEN);
        }
        let made = self.ask.with_untracked(|ask| self.sheet.with_untracked(|sheet| sheet.answered(ask)));
        match made {
            Ok(resolution) => {
                self.acts.resolve_problems.set(vec![]);
                self.acts.resolve(self.standing.with_untracked(ControlStatus::fence), &resolution);
            }
            Err(found) => self.acts.resolve_problems.set(found),
        }
    }

    /// Answers with the option of this number, from 1; returns false when there is none.
    pub fn choose(self, number: usize) -> bool {
        let option = self.ask.with_untracked(|ask| {
            let options = ask.options.as_ref()?;
            options.get(number.checked_sub(1)?).map(|option| option.to_string())
        });
        let Some(option) = option.filter(|_| untrack(|| self.modes().contains(&DraftMode::Answer))) else {
            return false;
        };
        if !untrack(|| self.is_unseen()) {
            self.sheet.update(|sheet| sheet.answer = option);
        }
        self.answer();
        true
    }

    /// Moves the focus to the answer of a question; returns false where there is none to give.
    pub fn to_answer(self) -> bool {
        let answers = untrack(|| self.modes().contains(&DraftMode::Answer));
        if answers {
            self.choose_mode(DraftMode::Answer);
            request_animation_frame(|| {
                go(".composer-answer :is(input, textarea, select)");
            });
        }
        answers
    }

    fn send(self, mode: DraftMode) {
        let acts = self.acts;
        match (mode, self.standing.with_untracked(ControlStatus::fence)) {
            (DraftMode::Reply, Some(fence)) => acts.reply(fence),
            (DraftMode::Note, _) => acts.note(acts.live.drafts.text_now(acts.id, DraftMode::Note)),
            (DraftMode::Answer, _) => return self.answer(),
            // The text stays where it is.
            (DraftMode::Reply, None) => return acts.notice.set(Some(Refusal::StaleFence.to_string())),
        }
        self.write(mode);
    }

    /// Returns the context of the composer.
    pub fn writing(self) -> ComposerContext {
        let (acts, live, me) = (self.acts, self.acts.live, me());
        let id = acts.id;
        let modes = Memo::new(move |_| self.modes());
        let mode = Memo::new(move |_| {
            let chosen = self.held.get().unwrap_or(self.chosen.get());
            modes.with(|modes| if modes.contains(&chosen) { chosen } else { modes[0] })
        });
        let news = Memo::new(move |_| {
            let since = live.drafts.get(id, mode.get()).filter(|_| mode.get() == DraftMode::Reply)?.since;
            live.thread.with(|thread| Some(said_since(thread.as_ref()?, id, since, &me.id().to_string())))
        });
        let hint = move || match mode.get() {
            DraftMode::Reply if !self.standing.with(ControlStatus::may_reply) => {
                "You do not hold this any more. What you have written stays here.".to_owned()
            }
            DraftMode::Reply if types(&live.presence, acts) => spelled(&self.customer.get_value()) + " is typing…",
            DraftMode::Reply => "The customer sees this, from ".to_owned() + me.who().public_name.as_str() + ".",
            DraftMode::Answer => "The agent gets this, and control. The customer does not see it.".to_owned(),
            DraftMode::Note => "Only operators see this.".to_owned(),
        };
        let words = move || match news.get().unwrap_or_default().said {
            0 => String::new(),
            1 => "1 new message since you began.".to_owned(),
            many => many.to_string() + " new messages since you began.",
        };
        ComposerContext {
            modes: modes.into(),
            mode: mode.into(),
            on_mode: Callback::new(move |mode| self.choose_mode(mode)),
            draft: Signal::derive(move || live.drafts.text(id, mode.get())),
            on_input: Callback::new(move |text| {
                live.drafts.write(id, mode.get_untracked(), text, seq_of(live));
            }),
            on_hold: Callback::new(move |holds: bool| self.held.set(holds.then(|| mode.get_untracked()))),
            hint: Signal::derive(hint),
            news: Signal::derive(words),
            on_review: Callback::new(move |()| {
                live.drafts.catch_up(id, DraftMode::Reply, seq_of(live));
                focus("conversation-end");
            }),
            anyway: Signal::derive(move || news.get().is_some_and(|news| news.by_colleague)),
            awake: live.awake.into(),
            busy: acts.busy.into(),
            on_send: Callback::new(move |mode| self.send(mode)),
        }
    }
}

fn seq_of(live: Live) -> Seq {
    live.thread.with_untracked(|thread| thread.as_ref().map_or_else(|| live.seq(), |thread| thread.seq))
}

/// Returns whether the customer is typing now.
fn types(presence: &RwSignal<Presence>, acts: EscalationActions) -> bool {
    let at = presence.with(|presence| presence.customer_typing);
    at.is_some_and(|at| acts.clock.now() - at < TYPING_FOR)
}

/// The messages of others since a seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct News {
    said: usize,
    by_colleague: bool,
}

fn said_since(thread: &Thread, id: EscalationId, since: Seq, me: &str) -> News {
    let mut news = News::default();
    if thread.escalation.id != id {
        return news;
    }
    for shown in thread.messages.iter().rev() {
        let message = &shown.message;
        if message.seq.is_none_or(|seq| seq <= since) {
            break;
        }
        let mine = message.author.as_ref().is_some_and(|author| author.id.as_deref() == Some(me));
        if message.role.is_speech() && !mine {
            news.said += 1;
            news.by_colleague |= message.role == MessageRole::Operator;
        }
    }
    news
}
