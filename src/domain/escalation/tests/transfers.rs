//! Tests of transfers: the target opens the escalation or acts within two minutes, or it returns to its queue.

use crate::domain::{
    actor::Actor,
    ask::AskKind,
    claim::ACCEPTED_WITHIN,
    conversation::Control,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    escalation::{Escalation, Status},
    event::{EventKind, ReturnedTransfer, TransferTarget},
    ids::EscalationId,
    message::MessageRole,
    operator::Operator,
    outcome::Resolution,
    refusal::Refusal,
    stage::{AppendedKinds, Simulation, ada, ana, answered, grace, opening, queue},
    time::{Span, Timestamp},
};

fn to(operator: &Operator) -> TransferTarget {
    TransferTarget::Operator(operator.who.clone())
}

/// Opens an escalation that Ada claims and transfers to Ana.
fn transferred(kind: AskKind) -> (Simulation, EscalationId) {
    let mut stage = Simulation::new();
    let id = stage.open(kind);
    stage.claim(&ada(), id).unwrap();
    stage.transfer(&ada(), id, to(&ana())).unwrap();
    (stage, id)
}

#[test]
fn a_transfer_that_nobody_accepts_returns_to_its_queue_after_two_minutes() {
    let (mut stage, id) = transferred(AskKind::Takeover);
    assert_eq!(stage.of(id).clock_at(), Some(stage.now + ACCEPTED_WITHIN), "the deadline is kept with the escalation");
    assert_eq!(stage.of(id).due_at(), None, "it is no deadline of the agent's");
    stage.say(id, MessageRole::Customer, "Hello?").unwrap();
    stage.note(&ada(), id).unwrap();
    stage.later(Span(ACCEPTED_WITHIN.0 - 1));
    assert_eq!(stage.fall_due(id), Err(Refusal::NotDue));
    assert_eq!((stage.of(id).status, stage.control(id)), (Status::Claimed, Control::Human));

    assert_eq!(stage.later(Span(1)).fall_due(id), Ok(vec!["escalation.released"]));
    let it = stage.of(id);
    assert_eq!((it.status, it.queue.clone(), it.holder()), (Status::Waiting, queue("default"), None));
    assert_eq!(it.deadlines.claim_by, it.deadlines.claim_by_from(stage.now), "its wait begins anew");
    assert_eq!(stage.control(id), Control::Agent);
    let event = &stage.world.frames.last().unwrap().event;
    assert_eq!(event.actor, Actor::System);
    let returned = Some(ReturnedTransfer { from: ada().who, to: ana().who });
    assert!(matches!(&event.kind, EventKind::Released { returned: it, .. } if *it == returned), "{event:?}");
    assert_eq!(stage.fall_due(id), Err(Refusal::NotDue), "once");
    assert_eq!(stage.reply(&ana(), id, "Here I am"), Err(Refusal::NotClaimed));
}

#[test]
fn whatever_the_target_does_accepts_it() {
    type Act = fn(&mut Simulation, EscalationId) -> AppendedKinds;
    let acts: [(&str, Act); 6] = [
        ("opens it", |stage, id| stage.accept(&ana(), id)),
        ("claims it", |stage, id| stage.claim(&ana(), id)),
        ("replies", |stage, id| stage.reply(&ana(), id, "Hello Dana.")),
        ("leaves a note", |stage, id| stage.note(&ana(), id)),
        ("transfers it", |stage, id| stage.transfer(&ana(), id, to(&ana()))),
        ("resolves it", |stage, id| stage.resolve(&ana(), id, Resolution::bare(Disposition::Handled))),
    ];
    for (act, does) in acts {
        let (mut stage, id) = transferred(AskKind::Takeover);
        does(stage.later(Span::minutes(1)), id).unwrap();
        assert!(stage.of(id).claim.as_ref().is_none_or(|claim| claim.offer.is_none()), "{act}");
        assert_eq!(stage.later(Span::minutes(5)).accept(&ana(), id), Ok(vec![]), "{act}: there is nothing to accept");
        let closed = stage.of(id).status == Status::Resolved;
        let due = if closed { Ok(vec!["escalation.not_picked_up"]) } else { Err(Refusal::NotDue) };
        assert_eq!(stage.fall_due(id), due, "{act}");
    }
}

#[test]
fn nobody_else_accepts_it() {
    let (mut stage, id) = transferred(AskKind::Question);
    assert_eq!(stage.accept(&ada(), id), Ok(vec![]));
    assert_eq!(stage.accept(&grace(), id), Ok(vec![]));
    stage.mark(&grace(), id, None, Some(vec![])).unwrap();
    assert_eq!(stage.later(ACCEPTED_WITHIN).fall_due(id), Ok(vec!["escalation.released"]));
}

#[test]
fn what_commits_first_wins_between_the_target_and_the_clock() {
    let (mut stage, id) = transferred(AskKind::Takeover);
    assert_eq!(stage.later(ACCEPTED_WITHIN).accept(&ana(), id), Ok(vec!["escalation.accepted"]));
    assert_eq!(stage.fall_due(id), Err(Refusal::NotDue), "the target came first");

    let (mut stage, id) = transferred(AskKind::Takeover);
    stage.later(ACCEPTED_WITHIN).fall_due(id).unwrap();
    assert_eq!(stage.accept(&ana(), id), Ok(vec![]), "the clock came first");
    assert_eq!(stage.of(id).status, Status::Waiting);
}

#[test]
fn each_transfer_has_two_minutes_of_its_own() {
    let (mut stage, id) = transferred(AskKind::Takeover);
    stage.later(Span::seconds(90)).transfer(&grace(), id, to(&ada())).unwrap();
    assert_eq!(stage.later(Span::seconds(90)).fall_due(id), Err(Refusal::NotDue));
    assert_eq!(stage.later(Span::seconds(30)).fall_due(id), Ok(vec!["escalation.released"]));
    let event = &stage.world.frames.last().unwrap().event;
    let returned = Some(ReturnedTransfer { from: grace().who, to: ada().who });
    assert!(matches!(&event.kind, EventKind::Released { returned: it, .. } if *it == returned), "{event:?}");
}

#[test]
fn a_supervisor_who_takes_it_has_nothing_to_accept() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.transfer(&grace(), id, to(&grace())).unwrap();
    assert_eq!(stage.later(Span::minutes(5)).fall_due(id), Err(Refusal::NotDue));
    assert_eq!(stage.of(id).status, Status::Claimed);
}

#[test]
fn a_deadline_of_the_agent_that_comes_first_goes_first() {
    let mut stage = Simulation::new();
    let within = RequestedDeadlines { expire: Some(Span::minutes(1)), ..RequestedDeadlines::default() };
    let id = stage.open_as(opening(AskKind::Question, Some("chat")), within);
    stage.claim(&ada(), id).unwrap();
    stage.transfer(&ada(), id, to(&ana())).unwrap();
    assert_eq!(stage.of(id).clock_at(), stage.of(id).due_at());
    assert_eq!(stage.later(ACCEPTED_WITHIN).fall_due(id), Ok(vec!["escalation.expired"]));
    assert_eq!(stage.resolve(&ana(), id, answered("Too late")), Err(Refusal::AlreadyClosed));
}

#[test]
fn a_claim_of_an_earlier_program_has_nothing_to_accept() {
    let (stage, id) = transferred(AskKind::Takeover);
    let mut stored = serde_json::to_value(stage.of(id)).unwrap();
    stored["claim"].as_object_mut().unwrap().remove("offer").unwrap();
    let it: Escalation = serde_json::from_value(stored).unwrap();
    assert_eq!(it.claim.map(|claim| claim.offer), Some(None));
    let event = r#"{"released":{"at":1,"claim_by":null}}"#;
    let released = EventKind::Released { at: Timestamp(1), claim_by: None, returned: None };
    assert_eq!(serde_json::from_str::<EventKind>(event).unwrap(), released);
}
