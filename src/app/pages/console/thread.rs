//! An open escalation: its head, the hand-over card, the conversation, where to write, the resolve dialog, and details.

use leptos::{html, prelude::*};

use super::{
    acts::Acts,
    fetch::{Fetch, focus},
    place::{Place, address},
};
use crate::{
    app::{
        clock::clock,
        live::{Live, Mode},
        parts::{
            claim_bar::ClaimBar,
            composer::Composer,
            conversation::Conversation,
            details::Details,
            entries::entries,
            follow_up::FollowUpBar,
            handover::Handover,
            message::Names,
            resolve_dialog::ResolveDialog,
            standing::{Hold, Standing},
            thread_head::{HeadActions, ThreadHead},
        },
        session::me,
    },
    domain::{escalation::Escalation, operator::Role, thread::Thread},
};

/// Draws the escalation that `first` is of, and follows it while it is shown.
#[component]
pub fn ThreadPane(first: Thread, live: Live, fetch: Fetch, place: Memo<Place>) -> impl IntoView {
    let (clock, me) = (clock(), me());
    let id = first.escalation.id;
    let acts = Acts::on(id, live, clock, fetch);
    let may_write = me.may(Role::Operator);
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
    let standing = Memo::new(move |last: Option<&Standing>| {
        let of = |it: &Thread| Standing::of(&it.escalation, it.control(), me.id());
        live.thread.with(|thread| match thread {
            Some(it) if shown(thread) => of(it),
            _ => last.cloned().unwrap_or_else(|| first.with_value(of)),
        })
    });
    // Whatever happens shows in the log: comparing would only cost.
    let log = Memo::new_with_compare(
        move |last: Option<&Vec<_>>| {
            live.thread.with(|thread| match thread {
                Some(it) if shown(thread) => entries(it, me.id(), clock.offset()),
                _ => last.cloned().unwrap_or_default(),
            })
        },
        |_, _| true,
    );
    let has_earlier = Signal::derive(move || {
        live.thread.with(|thread| shown(thread) && thread.as_ref().is_some_and(Thread::has_earlier))
    });
    let pending = Signal::derive(move || {
        live.pending.with(|all| all.iter().filter(|it| it.escalation == id).cloned().collect::<Vec<_>>())
    });
    let offered = Signal::derive(move || escalation.with(|it| (it.offered(), it.taken_over)));
    let may_reply = Signal::derive(move || standing.with(Standing::may_reply));
    let fence = move || standing.with_untracked(Standing::fence);

    let (heading, textbox, pane) =
        (NodeRef::<html::H1>::new(), NodeRef::<html::Textarea>::new(), NodeRef::<html::Aside>::new());
    Effect::new(move |_| {
        if let Some(heading) = heading.get().filter(|_| fetch.moved()) {
            request_animation_frame(move || drop(heading.focus()));
        }
    });
    let chosen = RwSignal::new(Mode::Reply);
    let mode = Signal::derive(move || if may_reply.get() { chosen.get() } else { Mode::Note });
    let draft = Signal::derive(move || live.draft(id, mode.get()));
    let to_textbox = move || {
        request_animation_frame(move || {
            if let Some(textbox) = textbox.try_get_untracked().flatten() {
                // It refuses nothing that matters here.
                let _ = textbox.focus();
            }
        });
    };
    Effect::new(move |_| {
        if acts.wants_to_write.get() && standing.with(|it| it.fence().is_some()) {
            acts.wants_to_write.set(false);
            chosen.set(Mode::Reply);
            to_textbox();
        }
    });
    let send = Callback::new(move |mode| {
        let text = live.draft_now(id, mode);
        match (mode, fence()) {
            (Mode::Reply, Some(fence)) => acts.reply(fence, text),
            (Mode::Note, _) => acts.note(text),
            (Mode::Reply, None) => {}
        }
        to_textbox();
    });
    let use_reply = Callback::new(move |text| {
        live.keep_draft(id, Mode::Reply, text);
        chosen.set(Mode::Reply);
        to_textbox();
    });
    let (customer, agent) =
        first.with_value(|it| (it.escalation.opening.title(), it.escalation.agent.name.to_string()));
    let hint = move || match mode.get() {
        Mode::Reply => "The customer sees this, from ".to_owned() + me.who().public_name.as_str() + ".",
        Mode::Note => "Only operators see this.".to_owned(),
    };

    let details_open = RwSignal::new(None);
    let toggle_details = Callback::new(move |()| {
        let visible = pane.get_untracked().is_some_and(|pane| pane.offset_width() > 0);
        details_open.set(Some(!visible));
        if !visible {
            // Where details lie over the thread: elsewhere this button is not there.
            focus("details-close");
        }
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
        take_over: Callback::new(move |()| acts.take_over(fence())),
        resolve: Callback::new(move |()| acts.resolving.set(true)),
        details: toggle_details,
    };
    let fetching = RwSignal::new(false);
    let earlier = Callback::new(move |()| acts.earlier(fetching));
    let back = Signal::derive(move || place.with(|place| address(&place.listing, None)));
    // Who took it has read it, and needs the room.
    let unread = standing.with_untracked(|it| matches!(it.hold, Hold::Waiting));
    let unfolded = Signal::derive(move || unread && standing.with(|it| it.fence().is_none()));

    view! {
        <main class="thread-pane" id="thread" data-control=move || standing.with(Standing::mark)>
            <ThreadHead
                escalation=escalation
                standing=standing
                back=back
                may_act=Signal::derive(move || may_act.get() && !acts.busy.get())
                heading=heading
                actions=head_actions
            />
            <Handover
                escalation=escalation
                earlier=first.with_value(|it| it.earlier.clone())
                open=unfolded
                may_reply=may_reply
                on_use=use_reply
            />
            <Conversation
                entries=log
                pending=pending
                names=Names { customer, agent }
                has_earlier=has_earlier
                fetching=fetching
                awake=live.awake
                on_earlier=earlier
                on_retry=Callback::new(move |name: String| acts.retry(fence(), &name))
                on_copy=Callback::new(move |name: String| acts.copy(&name))
            />
            <FollowUpBar
                escalation=escalation
                may_write=may_write
                may_act=Signal::derive(move || may_act.get() && !acts.busy.get())
                on_follow_up=Callback::new(move |note| acts.follow_up(note))
            />
            {may_write.then(|| view! {
                <ClaimBar
                    standing=standing
                    notice=acts.notice
                    may_act=Signal::derive(move || may_act.get() && !acts.busy.get())
                    on_claim=Callback::new(move |()| acts.claim())
                    on_dismiss=Callback::new(move |()| acts.notice.set(None))
                />
                <Composer
                    may_reply=may_reply
                    mode=mode
                    on_mode=Callback::new(move |mode| chosen.set(mode))
                    draft=draft
                    on_input=Callback::new(move |text| live.keep_draft(id, mode.get_untracked(), text))
                    hint=Signal::derive(hint)
                    awake=live.awake
                    busy=acts.busy
                    on_send=send
                    textbox=textbox
                />
                <ResolveDialog
                    ask=first.with_value(|it| it.escalation.opening.ask.clone())
                    offered=offered
                    open=acts.resolving
                    busy=acts.busy
                    may_act=may_act
                    problems=acts.resolve_problems
                    refused=acts.resolve_refused
                    on_resolve=Callback::new(move |resolution| acts.resolve(fence(), &resolution))
                />
            })}
        </main>
        <Details escalation=escalation entries=log open=details_open on_close=close_details pane=pane/>
    }
}

/// Whether an escalation looks other than before. What was said shows in the log, and the opening never changes.
fn differs(before: Option<&Escalation>, now: Option<&Escalation>) -> bool {
    let (Some(before), Some(now)) = (before, now) else { return true };
    let looks = |it: &Escalation| (it.status, it.fence, it.taken_over, it.urgency, it.deadlines);
    looks(before) != looks(now) || before.queue != now.queue || before.followed_up != now.followed_up
}
