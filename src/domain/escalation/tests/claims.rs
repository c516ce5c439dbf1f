//! Tests of claim, release, transfer and take over: who holds an escalation, and what the others are told.

use crate::domain::{
    actor::Actor,
    ask::{AskKind, Verdict},
    checked::Checked,
    claim::Fence,
    conversation::Control,
    disposition::Disposition,
    escalation::Status,
    event::TransferTarget,
    message::MessageRole,
    operator::{Operator, Role},
    outcome::{ClosingContext, Resolution},
    refusal::Refusal,
    stage::{Simulation, ada, ana, answered, decided, eve, grace, queue, text},
    time::Span,
};

fn to(operator: &Operator) -> TransferTarget {
    TransferTarget::Operator(operator.who.clone())
}

#[test]
fn a_takeover_from_the_button_to_the_outcome() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Waiting, Control::Agent));

    assert_eq!(stage.at(2).claim(&ada(), id), Ok(vec!["escalation.claimed"]));
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Claimed, Control::Human));
    assert_eq!(stage.of(id).fence, Fence(1));

    assert_eq!(stage.at(3).reply(&ada(), id, "I refunded one of them."), Ok(vec!["message.created"]));
    assert_eq!(stage.at(4).say(id, MessageRole::Customer, "Thanks!"), Ok(vec!["message.created"]));
    assert_eq!(
        stage.at(5).resolve(&ada(), id, Resolution::bare(Disposition::Handled)),
        Ok(vec!["escalation.resolved"])
    );
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Resolved, Control::Agent));
    assert_eq!(stage.of(id).closed_at, Some(stage.now));

    assert_eq!(stage.deliver(id), Ok(vec!["escalation.delivered"]));
    assert_eq!(stage.acknowledge(id), Ok(vec!["escalation.acknowledged"]));
    assert_eq!(stage.of(id).status, Status::Resolved, "delivered and acknowledged are facts, not states");
    let seqs: Vec<i64> = stage.world.frames.iter().map(|frame| frame.event.seq.0).collect();
    assert_eq!(seqs, (1..=7).collect::<Vec<_>>());
}

#[test]
fn of_two_who_claim_at_once_one_wins_and_the_other_learns_who() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    let won = stage.of(id).claim.clone().unwrap();
    let refusal = Refusal::AlreadyClaimed { by: ada().who, at: won.at };
    assert_eq!(stage.claim(&ana(), id), Err(refusal.clone()));
    assert_eq!(refusal.to_string(), "Ada Lovelace claimed this first.");
    assert_eq!(stage.later(Span::minutes(1)).claim(&ada(), id), Ok(vec![]), "the same claim");
    assert_eq!(stage.of(id).claim, Some(won));
}

#[test]
fn only_the_holder_speaks_and_only_under_the_present_fence() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    assert_eq!(stage.reply(&ada(), id, "Hello"), Err(Refusal::NotClaimed));
    assert_eq!(stage.release(&ada(), id), Err(Refusal::NotClaimed));
    assert_eq!(stage.transfer(&grace(), id, to(&ana())), Err(Refusal::NotClaimed));
    assert_eq!(stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)), Err(Refusal::NotClaimed));
    stage.claim(&ada(), id).unwrap();
    let held = Refusal::ClaimedByAnother { by: ada().who };
    assert_eq!(stage.reply(&ana(), id, "Hello"), Err(held.clone()));
    assert_eq!(stage.release(&grace(), id), Err(held), "a supervisor takes it first");
    let first = Refusal::AlreadyClaimed { by: ada().who, at: stage.now };
    assert_eq!(stage.resolve(&ana(), id, Resolution::bare(Disposition::Handled)), Err(first));
}

#[test]
fn a_tab_that_slept_through_a_hand_over_cannot_write() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.claim(&ada(), id).unwrap();
    let slept = stage.of(id).fence;
    stage.transfer(&ada(), id, to(&ana())).unwrap();
    stage.transfer(&ana(), id, to(&ada())).unwrap();
    let (now, by) = (stage.now, ada());
    let actor = Actor::Operator(by.who.clone());
    let new = stage.message(MessageRole::Operator, "Hello", Some(&by));
    let checked = Checked::by(answered("Yes"), |_| Ok::<_, ()>(())).unwrap();
    let stale = Err(Refusal::StaleFence);
    assert_eq!(stage.act(id, actor.clone(), |it, on, _| it.reply(&by, slept, new, on, now)), stale);
    assert_eq!(stage.act(id, actor.clone(), |it, _, _| it.release(&by, slept, now)), stale);
    assert_eq!(stage.act(id, actor.clone(), |it, on, _| it.take_over(&by, Some(slept), on, now)), stale);
    assert_eq!(stage.act(id, actor.clone(), |it, _, _| it.transfer(&by, Some(slept), to(&ana()), None, now)), stale);
    assert_eq!(
        stage.act(id, actor, |it, conversation, said| {
            it.resolve(&by, Some(slept), &checked, &ClosingContext { conversation, said }, now)
        }),
        stale
    );
    assert_eq!(stage.resolve(&ada(), id, answered("Yes")), Ok(vec!["escalation.resolved"]), "the present one may");
}

#[test]
fn a_release_gives_control_back_and_the_next_claim_has_a_higher_fence() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    assert_eq!(stage.at(5).release(&ada(), id), Ok(vec!["escalation.released"]));
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Waiting, Control::Agent));
    assert_eq!((stage.of(id).claim.clone(), stage.of(id).fence), (None, Fence(1)));
    stage.claim(&ana(), id).unwrap();
    assert_eq!((stage.of(id).fence, stage.control(id)), (Fence(2), Control::Human));
    assert_eq!(stage.reply(&ada(), id, "Me again"), Err(Refusal::ClaimedByAnother { by: ana().who }));
}

#[test]
fn a_transfer_to_a_colleague_stays_claimed_and_human() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    let claim_by = stage.of(id).deadlines.claim_by;
    assert_eq!(stage.at(4).transfer(&ada(), id, to(&ana())), Ok(vec!["escalation.transferred"]));
    let it = stage.of(id);
    assert_eq!((it.status, it.fence, it.deadlines.claim_by), (Status::Claimed, Fence(2), claim_by));
    assert_eq!(it.holder().map(|claim| (&claim.operator, claim.at)), Some((&ana().who, stage.now)));
    assert_eq!(stage.control(id), Control::Human);
    assert_eq!(stage.reply(&ada(), id, "Still me?"), Err(Refusal::ClaimedByAnother { by: ana().who }));
    assert_eq!(stage.reply(&ana(), id, "I take it from here."), Ok(vec!["message.created"]));
}

#[test]
fn a_transfer_to_a_queue_waits_there_anew() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.at(10).transfer(&ada(), id, TransferTarget::Queue(queue("billing"))).unwrap();
    let it = stage.of(id);
    assert_eq!((it.status, it.queue.name.as_str(), it.holder()), (Status::Waiting, "billing", None));
    assert_eq!(it.deadlines.claim_by, it.deadlines.claim_by_from(stage.now));
    assert_eq!(stage.control(id), Control::Agent);
}

#[test]
fn a_supervisor_takes_what_a_colleague_holds_and_nobody_else_may() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    assert_eq!(stage.transfer(&ana(), id, to(&ana())), Err(Refusal::Forbidden { need: Role::Supervisor }));
    assert_eq!(stage.transfer(&grace(), id, to(&grace())), Ok(vec!["escalation.transferred"]));
    assert_eq!(stage.hold(&grace(), id), Some(Fence(2)));
    assert_eq!(stage.reply(&ada(), id, "Hello"), Err(Refusal::ClaimedByAnother { by: grace().who }));
    assert_eq!(stage.transfer(&grace(), id, to(&ana())), Ok(vec!["escalation.transferred"]));
    assert_eq!(stage.of(id).fence, Fence(3));
}

#[test]
fn take_over_instead_gives_the_operator_of_a_question_the_customer() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.claim(&ada(), id).unwrap();
    assert_eq!(stage.control(id), Control::Agent);
    assert_eq!(stage.take_over(&ada(), id), Ok(vec!["escalation.taken_over"]));
    assert_eq!((stage.control(id), stage.of(id).fence), (Control::Human, Fence(1)));
    assert_eq!(stage.take_over(&ada(), id), Err(Refusal::AlreadyATakeover));
    stage.transfer(&ada(), id, to(&ana())).unwrap();
    assert_eq!(stage.control(id), Control::Human, "it stays a takeover in a colleague's hands");
    stage.release(&ana(), id).unwrap();
    stage.claim(&ada(), id).unwrap();
    assert_eq!(stage.control(id), Control::Agent, "and is a question again for who comes next");
}

#[test]
fn take_over_on_a_waiting_decision_claims_it_too() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    assert_eq!(stage.take_over(&ada(), id), Ok(vec!["escalation.claimed", "escalation.taken_over"]));
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Claimed, Control::Human));
    let won = Refusal::AlreadyClaimed { by: ada().who, at: stage.now };
    assert_eq!(stage.take_over(&ana(), id), Err(won), "the loser learns who won");
}

#[test]
fn a_takeover_is_claimed_and_not_taken_over() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    assert_eq!(stage.take_over(&ada(), id), Err(Refusal::AlreadyATakeover));
    stage.claim(&ada(), id).unwrap();
    assert_eq!(stage.take_over(&ada(), id), Err(Refusal::AlreadyATakeover));
}

#[test]
fn answering_or_deciding_what_waits_claims_it_too() {
    let mut stage = Simulation::new();
    let (question, decision) = (stage.open(AskKind::Question), stage.open(AskKind::Decision));
    let both = Ok(vec!["escalation.claimed", "escalation.resolved"]);
    assert_eq!(stage.resolve(&ada(), question, answered("It was a test charge.")), both);
    assert_eq!(stage.resolve(&ana(), decision, decided(Verdict::Approve, 300, Verdict::Approve)), both);
    assert_eq!(stage.of(question).claim.as_ref().map(|claim| &claim.operator), Some(&ada().who));
    assert_eq!(stage.of(decision).fence, Fence(1));
}

#[test]
fn a_viewer_changes_nothing() {
    for kind in [AskKind::Takeover, AskKind::Question, AskKind::Decision] {
        for claimed in [false, true] {
            let mut stage = Simulation::new();
            let id = stage.open(kind);
            if claimed {
                stage.claim(&ada(), id).unwrap();
            }
            let before = stage.world.clone();
            let no = Err(Refusal::Forbidden { need: Role::Operator });
            assert_eq!(stage.claim(&eve(), id), no);
            assert_eq!(stage.release(&eve(), id), no);
            assert_eq!(stage.take_over(&eve(), id), no);
            assert_eq!(stage.reply(&eve(), id, "Hello"), no);
            assert_eq!(stage.note(&eve(), id), no);
            assert_eq!(stage.resolve(&eve(), id, answered("Yes")), no);
            assert_eq!(stage.transfer(&eve(), id, to(&eve())), Err(Refusal::Forbidden { need: Role::Supervisor }));
            let (by, now) = (eve(), stage.now);
            let shown = stage.act(id, Actor::Operator(by.who.clone()), |it, _, _| {
                it.transfer(&by, Some(it.fence), to(&by), Some(text("Mine")), now)
            });
            assert_eq!(shown, no);
            assert_eq!(stage.world, before);
        }
    }
}
