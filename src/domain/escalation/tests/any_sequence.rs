//! Property tests of any sequence of verbs by anyone: no state is illegal, a refusal changes nothing, and the events
//! alone reproduce the state.

use std::collections::BTreeSet;

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::domain::{
    ask::AskKind,
    conversation::{Control, Conversation},
    disposition::Disposition,
    escalation::{Escalation, Status},
    event::{Event, EventKind},
    inbox::Frame,
    stage::{
        SimulatedWorld, Simulation,
        turns::{Turn, turn},
    },
};

const CHAT: &[&str] = &["chat"];

fn story() -> impl Strategy<Value = Vec<Turn>> {
    prop::collection::vec(turn(CHAT), 1..60)
}

/// Checks what must be true of one escalation at any time.
fn is_sound(it: &Escalation, on: &Conversation) {
    let closed = !it.status.is_open();
    assert_eq!((it.outcome.is_some(), it.closed_at.is_some()), (closed, closed), "an outcome if and only if closed");
    match it.status {
        Status::Waiting => assert_eq!(it.claim, None),
        Status::Claimed => assert!(it.claim.is_some()),
        Status::Resolved | Status::Expired | Status::Cancelled => {}
    }
    assert!(it.claim.as_ref().is_none_or(|claim| claim.fence == it.fence), "the claim is the newest");
    let offered = it.claim.as_ref().is_some_and(|claim| claim.offer.is_some());
    assert!(!offered || closed || it.clock_at().is_some(), "a transfer that was not accepted returns by itself");
    assert!(it.status != Status::Waiting || !it.taken_over, "what waits is nobody's takeover");

    let speaks = it.status == Status::Claimed && it.speaks_to_customer();
    assert_eq!(on.held_by == Some(it.id), speaks, "who speaks holds the conversation, and nobody else");
    let (last, earlier) =
        it.stints.split_last().map_or((None, it.stints.as_slice()), |(last, rest)| (Some(last), rest));
    assert_eq!(last.is_some_and(|stint| stint.to.is_none()), speaks, "a stint lasts as long as the hold");
    assert!(earlier.iter().all(|stint| stint.to.is_some()));
    assert!(it.stints.iter().all(|stint| stint.to.is_none_or(|to| stint.from <= to)));
    assert!(it.stints.windows(2).all(|pair| pair[0].to <= Some(pair[1].from)), "stints do not overlap");

    if let Some(outcome) = &it.outcome {
        let disposition = outcome.resolution.disposition;
        assert_eq!(disposition == Disposition::Unanswered, it.status == Status::Expired, "a timeout decides nothing");
        assert_eq!(disposition == Disposition::Cancelled, it.status == Status::Cancelled);
        assert_eq!(outcome.messages.len() as i64 + outcome.messages_left_out, it.said);
        assert_eq!((it.due_at(), it.closed_at), (None, Some(outcome.at)));
    }
    assert!(!it.not_picked_up || (closed && !it.is_picked_up()), "what is picked up is not waited for");
    assert!(closed || (it.delivered_at.is_none() && it.acknowledged_at.is_none()));
}

/// Checks what must be true of the whole world at any time.
fn world_is_sound(world: &SimulatedWorld) {
    for on in &world.conversations {
        let own = || world.escalations.iter().filter(|it| it.conversation == on.key);
        own().for_each(|it| is_sound(it, on));
        let open: Vec<_> = own()
            .filter(|it| it.opening.ask.kind == AskKind::Takeover && it.status.is_open())
            .map(|it| it.id)
            .collect();
        assert!(open.len() <= 1, "at most one open takeover");
        assert_eq!(on.takeover, open.first().copied());
        let held = on.held_by.is_some();
        assert!(!held || own().any(|it| Some(it.id) == on.held_by), "the holder is one of its own");
        assert_eq!(on.control() == Control::Human, held);
    }
    let seqs = world.frames.iter().map(|frame| frame.event.seq.0);
    assert!(seqs.eq(1..=world.frames.len() as i64), "consecutive, without gaps");
}

/// Checks what must be true of every step.
fn step_is_sound(before: &SimulatedWorld, after: &SimulatedWorld) {
    for (was, is) in before.escalations.iter().zip(&after.escalations) {
        assert!(is.fence >= was.fence, "the fence never falls");
        assert!(is.messages >= was.messages && is.seq >= was.seq);
        let updates =
            |it: &Frame| it.event.escalation_id == is.id && matches!(it.event.kind, EventKind::Updated { .. });
        if !after.frames[before.frames.len()..].iter().any(updates) {
            assert_eq!(is.opening, was.opening, "only an update changes an opening");
        }
        let (now, then) = (&is.opening.ask, &was.opening.ask);
        assert_eq!((now.kind, is.opening.conversation_id()), (then.kind, was.opening.conversation_id()));
        assert!(now.revision == then.revision + i64::from(now != then), "each change is a revision");
        if !was.status.is_open() {
            assert_eq!(
                (is.status, &is.outcome, is.closed_at),
                (was.status, &was.outcome, was.closed_at),
                "ends are final"
            );
        }
        let held = |it: &Escalation| it.claim.clone().map(|claim| claim.operator.id);
        if held(was) != held(is) && is.status == Status::Claimed {
            assert!(is.fence > was.fence, "another holder, another fence");
        }
    }
}

fn events(world: &SimulatedWorld) -> Vec<&Event> {
    world.frames.iter().map(|frame| &frame.event).collect()
}

/// Returns the state that follows from the events alone, each applied `times` times.
fn replayed(world: &SimulatedWorld, times: usize) -> (Vec<Escalation>, Vec<Conversation>) {
    let (mut escalations, mut conversations): (Vec<Escalation>, Vec<Conversation>) = (vec![], vec![]);
    for event in events(world) {
        escalations.extend(Escalation::begun_by(event));
        for it in &mut escalations {
            (0..times).for_each(|_| it.apply(event));
        }
        if !conversations.iter().any(|on| on.key == event.conversation) {
            conversations.push(Conversation::new(event.conversation.clone()));
        }
        let ask = escalations.iter().find(|it| it.id == event.escalation_id).unwrap().opening.ask.kind;
        for on in conversations.iter_mut().filter(|on| on.key == event.conversation) {
            (0..times).for_each(|_| on.apply(&event.kind, event.escalation_id, ask));
            assert_eq!(on.held_by, event.held_by, "every event says who holds the conversation after it");
        }
    }
    (escalations, conversations)
}

proptest! {
    #[test]
    fn whatever_anyone_tries_the_world_stays_sound(turns in story()) {
        let mut stage = Simulation::with_three_open();
        for turn in turns {
            let before = stage.world.clone();
            match stage.play(turn) {
                Ok(names) => {
                    prop_assert_eq!(stage.world.frames.len(), before.frames.len() + names.len());
                    prop_assert!(!names.is_empty() || stage.world == before, "no change without an event");
                }
                Err(_) => prop_assert_eq!(&stage.world, &before, "a refusal changes nothing"),
            }
            world_is_sound(&stage.world);
            step_is_sound(&before, &stage.world);
        }
    }

    #[test]
    fn the_events_alone_tell_the_story_however_often_each_is_heard(turns in story()) {
        let mut stage = Simulation::with_three_open();
        turns.into_iter().for_each(|turn| drop(stage.play(turn)));
        let world = &stage.world;
        let told = (world.escalations.clone(), world.conversations.clone());
        prop_assert_eq!(&replayed(world, 1), &told);
        prop_assert_eq!(&replayed(world, 2), &told);
        let mut again = world.escalations.clone();
        for it in &mut again {
            events(world).into_iter().for_each(|event| it.apply(event));
        }
        prop_assert_eq!(&again, &world.escalations, "what was heard long ago changes nothing");
    }

    #[test]
    fn an_event_survives_the_journey_through_json(turns in story()) {
        let mut stage = Simulation::with_three_open();
        turns.into_iter().for_each(|turn| drop(stage.play(turn)));
        for event in events(&stage.world) {
            let text = serde_json::to_string(event).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}

/// Checks that turns reach every event and refusal. Otherwise the properties above might hold because nothing happens.
#[test]
fn the_random_stories_reach_every_event_and_every_refusal_of_the_verbs() {
    let mut runner = TestRunner::deterministic();
    let (mut happened, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        let mut stage = Simulation::with_three_open();
        for turn in story().new_tree(&mut runner).unwrap().current() {
            match stage.play(turn) {
                Ok(names) => happened.extend(names),
                Err(refusal) => drop(refused.insert(refusal.code())),
            }
        }
        let taken_over = |frame: &Frame| matches!(frame.event.kind, EventKind::TakenOver { .. });
        if stage.world.frames.iter().filter(|frame| taken_over(frame)).count() > 1 {
            happened.insert("two took over");
        }
    }
    let every = [
        "escalation.accepted",
        "escalation.acknowledged",
        "escalation.asked_again",
        "escalation.cancelled",
        "escalation.claimed",
        "escalation.delivered",
        "escalation.expired",
        "escalation.followed_up",
        "escalation.marked",
        "escalation.not_picked_up",
        "escalation.opened",
        "escalation.released",
        "escalation.resolved",
        "escalation.taken_over",
        "escalation.transferred",
        "escalation.updated",
        "message.created",
        "message.receipt",
        "note.created",
        "two took over",
    ];
    assert_eq!(happened, BTreeSet::from(every));
    let every = [
        "already_a_takeover",
        "already_claimed",
        "already_closed",
        "ask_changed",
        "claimed_by_another",
        "conversation_held",
        "forbidden",
        "invalid_field",
        "not_claimed",
        "not_closed",
        "not_due",
        "not_expired",
        "not_in_control",
        "stale_fence",
    ];
    assert_eq!(refused, BTreeSet::from(every));
}
