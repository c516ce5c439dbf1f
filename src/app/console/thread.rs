//! The page of an open escalation: head, hand-over card, conversation, composer, resolve dialog, and details.

use std::sync::Arc;

use leptos::{html, prelude::*};

use super::{
    fetch::Fetch,
    place::{ConsolePlace, address},
    writing::WritingState,
};
use crate::{
    app::{
        console::escalation_actions::EscalationActions,
        focus::{focus, focus_if_free},
        keys::{go, on_key, press},
        parts::{
            answer::answer,
            changes::changed_bar,
            claim_bar::ClaimBar,
            composer::Composer,
            conversation::Conversation,
            decision_card::{DecisionCards, decision_cards},
            details::Details,
            entries::entries,
            fields::{FieldProblems, unplaced},
            follow_up::FollowUpBar,
            handover::Handover,
            marking::{TAGS, URGENCY, marking},
            message::MessageContext,
            resolve_dialog::ResolveDialog,
            standing::{ControlStatus, Holder},
            thread_head::{HeadActions, ThreadHead},
            transfer_dialog::TransferDialog,
            whole::FetchFullText,
        },
        session::me,
        state::{clock::clock, live::Live},
    },
    domain::{
        ask::AskKind,
        draft::DraftMode,
        escalation::Escalation,
        event::{Event, EventKind},
        operator::Role,
        outcome::{DecisionRequest, Resolution},
        refusal::Refusal,
        seq::Seq,
        thread::Thread,
    },
};

/// Renders the escalation of `first`, and follows it while it is shown.
#[component]
pub fn ThreadPane(first: Thread, live: Live, fetch: Fetch, place: Memo<ConsolePlace>) -> impl IntoView {
    let (clock, me) = (clock(), me());
    let id = first.escalation.id;
    let acts = EscalationActions::on(id, live, clock, fetch);
    // Robot answers tests; operators only read them.
    let may_write = me.may(Role::Operator) && !first.escalation.agent.test;
    let may_act = Signal::derive(move || may_write && live.may_act());

    // The last known state stays while the page moves on to another escalation.
    let first = StoredValue::new(first);
    let shown = move |thread: &Option<Thread>| thread.as_ref().is_some_and(|thread| thread.escalation.id == id);
    let escalation = Memo::new_with_compare(
        move |last: Option<&Escalation>| {
            live.thread.with(|thread| match thread {
                Some(it) if shown(thread) => it.escalation.clone(),
                _ => last.cloned().unwrap_or_else(|| first.with_value(|first| first.escalation.clone())),
            })
        },
        differs,
    );
    let standing = Memo::new(move |last: Option<&ControlStatus>| {
        let of = |it: &Thread| {
            let queue = it.escalation.queue.id;
            let serves = me.may(Role::Supervisor) || live.inbox.with(|inbox| inbox.serves(queue));
            ControlStatus::of(&it.escalation, it.control(), me.id(), serves)
        };
        live.thread.with(|thread| match thread {
            Some(it) if shown(thread) => of(it),
            _ => last.cloned().unwrap_or_else(|| first.with_value(of)),
        })
    });
    // Every change of the thread shows in the log, so a comparison would only cost time.
    let log = Memo::new_with_compare(
        move |last: Option<&Vec<_>>| {
            live.thread.with(|thread| match thread {
                Some(it) if shown(thread) => entries(it, me.id(), &|at| clock.offset(at)),
                _ => last.cloned().unwrap_or_default(),
            })
        },
        |_, _| true,
    );
    let has_earlier = Signal::derive(move || {
        live.thread.with(|thread| shown(thread) && thread.as_ref().is_some_and(Thread::has_earlier))
    });
    let pending = Signal::derive(move || {
        live.pending.with(|all| all.iter().filter(|it| it.draft.escalation == id).cloned().collect::<Vec<_>>())
    });
    let offered = Signal::derive(move || escalation.with(Escalation::offered));
    let may_reply = Signal::derive(move || standing.with(ControlStatus::may_reply));
    let fence = move || standing.with_untracked(ControlStatus::fence);

    let (heading, pane) = (NodeRef::<html::H1>::new(), NodeRef::<html::Aside>::new());
    Effect::new(move |_| {
        if heading.get().is_some() && fetch.moved() {
            // A request has fetched the escalation; the operator may have begun to type elsewhere meanwhile.
            focus_if_free("thread-title");
        }
    });
    let (customer, agent) =
        first.with_value(|it| (it.escalation.opening.title(), it.escalation.agent.name.to_string()));
    let reached = Signal::derive(move || live.presence.with(|it| it.heard.map_or(Seq(0), |heard| heard.reached)));
    let desk = WritingState::at(acts, standing, escalation, customer.clone());
    let free = Signal::derive(move || may_act.get() && !acts.busy.get());
    let may_end = Signal::derive(move || free.get() && !desk.is_unseen());
    let problems = FieldProblems(acts.resolve_problems.into());
    let in_tab = move || {
        desk.ask.with(|ask| match ask.kind {
            AskKind::Question => {
                let mut all = answer(ask, "own", "Answer to the agent", desk.sheet, acts.resolve_problems);
                all.push(unplaced(problems, "/note_to_agent"));
                all
            }
            AskKind::Takeover | AskKind::Decision => vec![],
        })
    };
    // The updates of the agent, each with the revision of the ask that it made.
    let changes = Signal::derive(move || {
        desk.ask.track();
        live.thread.with_untracked(|thread| {
            let happened = thread.iter().flat_map(|thread| thread.happenings.iter());
            let made = |event: &Event| match &event.kind {
                EventKind::Updated { changes, ask_revision, .. } => Some((*ask_revision, changes.clone())),
                _ => None,
            };
            happened.filter_map(made).collect::<Vec<_>>()
        })
    });
    let on_seen = Callback::new(move |()| desk.seen.set(desk.ask.with_untracked(|ask| ask.revision)));
    let must_look = move || desk.is_unseen() && standing.with(ControlStatus::may_resolve);
    let resolve = Callback::new(move |resolution: Resolution<DecisionRequest>| acts.resolve(fence(), &resolution));
    let take_over = Callback::new(move |()| acts.take_over(fence()));
    let deciding = DecisionCards {
        ask: desk.ask,
        changes,
        writing: desk.texts,
        agent: StoredValue::new(agent.clone()),
        sheet: desk.sheet,
        problems: acts.resolve_problems,
        may_decide: Signal::derive(move || may_write && standing.with(ControlStatus::may_resolve)),
        may_act: may_end,
        on_decided: resolve,
        refused: Signal::derive(move || {
            acts.notice.with(Option::is_some) || acts.resolve_problems.with(|all| !all.is_empty())
        }),
        may_take_over: Signal::derive(move || standing.with(ControlStatus::may_take_over)),
        on_take_over: take_over,
    };

    let details_open = RwSignal::new(None);
    let toggle_details = Callback::new(move |()| {
        let visible = pane.get_untracked().is_some_and(|pane| pane.offset_width() > 0);
        details_open.set(Some(!visible));
        if !visible {
            // Here the details cover the thread; elsewhere this button does not exist.
            focus("details-close");
        }
    });
    let mark = move |id: &'static str| {
        if pane.get_untracked().is_none_or(|pane| pane.offset_width() == 0) {
            details_open.set(Some(true));
        }
        focus(id);
    };
    let marks = may_write.then(|| {
        let on_urgency = Callback::new(move |urgency: String| acts.mark(Some(urgency), None));
        marking(escalation.into(), may_act, on_urgency, Callback::new(move |tags: String| acts.mark(None, Some(tags))))
    });
    let close_details = Callback::new(move |()| {
        details_open.set(Some(false));
        focus("details-toggle");
    });
    let head_actions = HeadActions {
        release: Callback::new(move |()| {
            if let Some(fence) = fence() {
                acts.release(fence)
            }
        }),
        take_over,
        transfer: Callback::new(move |()| acts.choose_target()),
        resolve: Callback::new(move |()| acts.resolving.set(true)),
        details: toggle_details,
    };
    on_key(move |key| {
        let (waits, mine) = standing.with_untracked(|it| (it.hold == Holder::Waiting, it.fence().is_some()));
        match key {
            "i" => return press("#details-toggle"),
            _ if !may_write => return false,
            // These keys need no response of the server, so they work while it is busy.
            "n" => desk.write(DraftMode::Note),
            "p" => mark(URGENCY),
            "l" => mark(TAGS),
            _ if !untrack(|| free.get()) => return false,
            "c" if waits => acts.claim(),
            "r" if waits && standing.with_untracked(|it| it.speaks) => acts.claim(),
            "r" if standing.with_untracked(ControlStatus::may_reply) => desk.write(DraftMode::Reply),
            "q" if mine => head_actions.release.run(()),
            "t" if mine => head_actions.transfer.run(()),
            "e" if standing.with_untracked(ControlStatus::may_resolve) => head_actions.resolve.run(()),
            "a" => return go(".decision-open:not([hidden]) [data-approve]:not([hidden])") || desk.to_answer(),
            digit => return digit.parse().is_ok_and(|number| desk.choose(number)),
        }
        true
    });
    provide_context(FetchFullText(Callback::new(move |(cut, into)| acts.whole(cut, into))));
    let fetching = RwSignal::new(false);
    let earlier = Callback::new(move |()| acts.earlier(fetching));
    let back = Signal::derive(move || place.with(|place| address(&place.listing, None)));
    // The operator who claimed it has read the card, and needs the space.
    let unread = standing.with_untracked(|it| matches!(it.hold, Holder::Waiting | Holder::Elsewhere(_)));
    let unfolded = Signal::derive(move || unread && standing.with(|it| it.fence().is_none()));

    view! {
        <main class="thread-pane" id="thread" data-control=move || standing.with(ControlStatus::mark)>
            <ThreadHead
                escalation=escalation
                standing=standing
                back=back
                may_act=free
                presence=live.presence
                heading=heading
                actions=head_actions
            />
            <Handover
                escalation=escalation
                earlier=first.with_value(|it| it.earlier.clone())
                open=unfolded
                may_reply=may_reply
                on_use=Callback::new(move |text| desk.use_reply(text))
            />
            <Conversation
                entries=log
                pending=pending
                around=MessageContext { customer, agent, reached }
                short=first.with_value(|it| it.escalation.opening.short())
                has_earlier=has_earlier
                fetching=fetching
                awake=live.awake
                on_earlier=earlier
                on_retry=Callback::new(move |name: String| acts.retry(fence(), &name))
                on_edit=Callback::new(move |name: String| acts.edit(fence(), &name))
                on_copy=Callback::new(move |name: String| acts.copy(&name))
            />
            <FollowUpBar
                escalation=escalation
                may_write=may_write
                may_act=free
                on_follow_up=Callback::new(move |note| acts.follow_up(note))
            />
            {may_write.then(|| view! {
                {move || must_look().then(|| changed_bar(changes, desk.seen.get_untracked(), on_seen))}
                <For each=move || [desk.ask.with(|ask| ask.revision)] key=|revision| *revision let:_>
                    {decision_cards(deciding)}
                </For>
                <ClaimBar
                    standing=standing
                    presence=live.presence
                    notice=acts.notice
                    may_act=free
                    may_take=me.may(Role::Supervisor)
                    on_claim=Callback::new(move |()| acts.claim())
                    on_take=Callback::new(move |()| acts.transfer(None, me.id().to_string(), String::new()))
                    on_ask=Callback::new(move |()| acts.note(me.who().name.to_string() + " asks to take this over."))
                    on_dismiss=Callback::new(move |()| acts.notice.set(None))
                />
                {move || acts.unchecked_view(false).map(|view| view! {
                    <div class="claim-bar" data-state="refused">{view}</div>
                })}
                <Composer it=desk.writing() answer=in_tab textbox=desk.textbox/>
                <ResolveDialog
                    ask=desk.ask
                    sheet=desk.sheet
                    offered=offered
                    open=acts.resolving
                    busy=acts.busy
                    may_act=Signal::derive(move || may_act.get() && !desk.is_unseen())
                    problems=acts.resolve_problems
                    refused=acts.resolve_refused
                    unchecked=move || acts.unchecked_view(true)
                    on_resolve=resolve
                />
                <TransferDialog
                    open=acts.transferring
                    targets=acts.targets
                    me=me.id().to_string()
                    may_act=free
                    notice=acts.notice
                    on_transfer=Callback::new(move |(to, note)| match fence() {
                        Some(fence) => acts.transfer(Some(fence), to, note),
                        // An escalation without a claim of this operator is taken in the claim bar, not by this dialog.
                        None => acts.notice.set(Some(Refusal::StaleFence.to_string())),
                    })
                />
            })}
        </main>
        <Details escalation=escalation entries=log open=details_open marking=marks on_close=close_details pane=pane/>
    }
}

/// Returns whether an escalation looks different. Messages show in the log.
fn differs(before: Option<&Escalation>, now: Option<&Escalation>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return true };
    let looks = |it: &Escalation| (it.status, it.fence, it.taken_over, it.urgency, it.deadlines, it.delivered_at);
    looks(before) != looks(now)
        || (&before.queue, &before.tags, before.not_picked_up) != (&now.queue, &now.tags, now.not_picked_up)
        || before.followed_up != now.followed_up
        || !Arc::ptr_eq(&before.opening, &now.opening)
}
