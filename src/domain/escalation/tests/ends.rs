//! Tests of the three final states: resolved, expired, cancelled.

use crate::domain::{
    actor::Actor,
    ask::AskKind,
    conversation::Control,
    disposition::Disposition,
    escalation::Status,
    event::TransferTarget,
    ids::EscalationId,
    message::MessageRole,
    outcome::Resolution,
    refusal::Refusal,
    stage::{Simulation, ada, ana, billing_bot, grace, text},
    time::Span,
};

type End = fn(&mut Simulation, EscalationId);

const ENDS: [(End, Status); 4] = [
    (|stage, id| drop(stage.cancel(id).unwrap()), Status::Cancelled),
    (|stage, id| drop(stage.at(15).fall_due(id).unwrap()), Status::Expired),
    (
        |stage, id| {
            stage.claim(&ada(), id).unwrap();
            stage.cancel(id).unwrap();
        },
        Status::Cancelled,
    ),
    (
        |stage, id| {
            stage.claim(&ada(), id).unwrap();
            stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
        },
        Status::Resolved,
    ),
];

#[test]
fn nothing_that_changes_it_comes_after_an_end() {
    for (end, status) in ENDS {
        let mut stage = Simulation::new();
        let id = stage.open(AskKind::Takeover);
        end(&mut stage, id);
        assert_eq!((stage.of(id).status, stage.control(id)), (status, Control::Agent));
        let (before, no) = (stage.world.clone(), Err(Refusal::AlreadyClosed));
        for by in [ada(), ana(), grace()] {
            let to = TransferTarget::Operator(by.who.clone());
            assert_eq!(stage.claim(&by, id), no);
            assert_eq!(stage.release(&by, id), no);
            assert_eq!(stage.take_over(&by, id), no);
            assert_eq!(stage.reply(&by, id, "Hello"), no);
            assert_eq!(stage.resolve(&by, id, Resolution::bare(Disposition::Declined)), no);
            let (now, actor) = (stage.now, Actor::Operator(by.who.clone()));
            let shown = stage.act(id, actor, |it, _, _| it.transfer(&by, Some(it.fence), to, None, now));
            assert_eq!(shown, no);
        }
        assert_eq!(stage.transfer(&grace(), id, TransferTarget::Operator(grace().who)), no);
        for role in [MessageRole::Customer, MessageRole::Agent, MessageRole::System] {
            assert_eq!(stage.say(id, role, "Hello?"), no);
        }
        assert_eq!(stage.cancel(id), no);
        assert_eq!(stage.fall_due(id), Err(Refusal::NotDue));
        assert_eq!(stage.world, before);

        let told =
            if status == Status::Cancelled { Err(Refusal::NotDue) } else { Ok(vec!["escalation.not_picked_up"]) };
        assert_eq!(stage.later(Span::hours(48)).fall_due(id), told, "the clock ends nothing twice");
        assert_eq!(stage.of(id).status, status);
        assert_eq!(stage.note(&ana(), id), Ok(vec!["note.created"]));
        assert_eq!(stage.deliver(id), Ok(vec!["escalation.delivered"]));
        assert_eq!(stage.acknowledge(id), Ok(vec!["escalation.acknowledged"]));
        let settled = stage.of(id).clone();
        stage.later(Span::hours(1));
        assert_eq!((stage.deliver(id), stage.acknowledge(id)), (Ok(vec![]), Ok(vec![])), "only the first counts");
        assert_eq!(*stage.of(id), settled);
    }
}

#[test]
fn nothing_is_received_before_it_has_ended() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    for claimed in [false, true] {
        if claimed {
            stage.claim(&ada(), id).unwrap();
        }
        assert_eq!(stage.acknowledge(id), Err(Refusal::NotClosed));
        assert_eq!(stage.deliver(id), Err(Refusal::NotClosed));
    }
}

#[test]
fn a_cancelled_one_says_why() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    stage.claim(&ada(), id).unwrap();
    stage.at(3).cancel(id).unwrap();
    let outcome = stage.outcome(id);
    assert_eq!(outcome.resolution.disposition, Disposition::Cancelled);
    assert_eq!(outcome.resolution.note_to_agent, Some(text("Dana found it herself.")));
    assert_eq!(outcome.by, Actor::Agent(billing_bot()));
}

#[test]
fn a_customer_who_races_the_end_is_in_the_outcome_or_told_that_it_is_over() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.reply(&ada(), id, "Anything else?").unwrap();
    stage.say(id, MessageRole::Customer, "Yes: why twice?").unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let asked = stage.said(id)[1].id;
    assert_eq!(stage.outcome(id).messages.last(), Some(&asked));
    assert_eq!(stage.outcome(id).unanswered, [asked]);
    assert_eq!(stage.say(id, MessageRole::Customer, "Hello?"), Err(Refusal::AlreadyClosed));
}

#[test]
fn send_and_resolve_has_the_last_word_in_the_outcome() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.say(id, MessageRole::Customer, "Is it done?").unwrap();
    stage.reply(&ada(), id, "It is. Good-bye!").unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let said: Vec<_> = stage.said(id).iter().map(|message| message.id).collect();
    assert_eq!(stage.outcome(id).messages, said);
    assert_eq!(stage.outcome(id).unanswered, []);
}
