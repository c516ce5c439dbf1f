//! Tests of the clock: what it does, and what it must not do.

use crate::domain::{
    ask::AskKind,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    escalation::Status,
    message::MessageRole,
    opening::Opening,
    refusal::Refusal,
    stage::{Simulation, ada, answered, opening, text},
    time::Span,
};

fn chat(kind: AskKind) -> Opening {
    opening(kind, Some("chat"))
}

#[test]
fn a_takeover_waits_fifteen_minutes_and_never_ends_under_an_operator() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    let deadlines = stage.of(id).deadlines;
    assert_eq!(deadlines.claim_by, Some(stage.now + Span::minutes(15)));
    assert_eq!((deadlines.resolve_by, deadlines.expires_at), (None, None));
    stage.at(14).claim(&ada(), id).unwrap();
    assert_eq!(stage.of(id).due_at(), None);
    assert_eq!(stage.at(30 * 24 * 60).fall_due(id), Err(Refusal::NotDue));
}

#[test]
fn a_question_and_a_decision_live_for_a_day() {
    for kind in [AskKind::Question, AskKind::Decision] {
        let mut stage = Simulation::new();
        let id = stage.open(kind);
        let deadlines = stage.of(id).deadlines;
        assert_eq!((deadlines.claim_by, deadlines.expires_at), (None, Some(stage.now + Span::hours(24))));
        stage.claim(&ada(), id).unwrap();
        assert_eq!(stage.at(24 * 60 - 1).fall_due(id), Err(Refusal::NotDue));
        assert_eq!(stage.at(24 * 60).fall_due(id), Ok(vec!["escalation.expired"]), "hard, also when claimed");
    }
}

#[test]
fn what_the_agent_asked_for_goes_before_the_defaults() {
    let within = RequestedDeadlines {
        claim: Some(Span::minutes(1)),
        resolve: Some(Span::minutes(2)),
        expire: Some(Span::minutes(3)),
    };
    for kind in [AskKind::Takeover, AskKind::Question, AskKind::Decision] {
        let mut stage = Simulation::new();
        let id = stage.open_as(chat(kind), within);
        let (now, deadlines) = (stage.now, stage.of(id).deadlines);
        assert_eq!(deadlines.claim_by, Some(now + Span::minutes(1)));
        assert_eq!(deadlines.resolve_by, Some(now + Span::minutes(2)));
        assert_eq!(deadlines.expires_at, Some(now + Span::minutes(3)));
        stage.at(1).fall_due(id).unwrap();
    }
}

#[test]
fn the_first_hard_deadline_of_the_state_counts_and_resolve_by_never_does() {
    let mut stage = Simulation::new();
    let within = RequestedDeadlines {
        claim: Some(Span::minutes(5)),
        resolve: Some(Span::minutes(1)),
        expire: Some(Span::minutes(8)),
    };
    let id = stage.open_as(chat(AskKind::Takeover), within);
    assert_eq!(stage.at(2).fall_due(id), Err(Refusal::NotDue));
    assert_eq!(stage.of(id).due_at(), stage.of(id).deadlines.claim_by);
    stage.at(4).claim(&ada(), id).unwrap();
    assert_eq!(stage.of(id).due_at(), stage.of(id).deadlines.expires_at);
    stage.at(6).release(&ada(), id).unwrap();
    assert_eq!(stage.of(id).deadlines.claim_by, Some(stage.now + Span::minutes(5)), "its wait began anew");
    assert_eq!(stage.of(id).due_at(), stage.of(id).deadlines.expires_at, "which comes before");
    assert_eq!(stage.at(8).fall_due(id), Ok(vec!["escalation.expired"]));
    assert_eq!(stage.of(id).due_at(), None);
}

#[test]
fn what_commits_first_wins() {
    let mut stage = Simulation::new();
    let claimed = stage.open(AskKind::Takeover);
    stage.at(15).claim(&ada(), claimed).unwrap();
    assert_eq!(stage.fall_due(claimed), Err(Refusal::NotDue), "the claim came first");

    let mut stage = Simulation::new();
    let expired = stage.open(AskKind::Takeover);
    stage.at(15).fall_due(expired).unwrap();
    assert_eq!(stage.claim(&ada(), expired), Err(Refusal::AlreadyClosed), "the clock came first");
}

#[test]
fn a_timeout_never_approves_and_a_late_answer_never_becomes_a_decision() {
    for kind in [AskKind::Takeover, AskKind::Question, AskKind::Decision] {
        let mut stage = Simulation::new();
        let noted = Opening { on_expiry_note: Some(text("Ask again tomorrow.")), ..chat(kind) };
        let id = stage.open_as(noted, RequestedDeadlines::default());
        stage.say(id, MessageRole::Customer, "Anyone?").unwrap();
        stage.at(24 * 60).fall_due(id).unwrap();
        let resolution = &stage.outcome(id).resolution;
        assert_eq!(resolution.disposition, Disposition::Unanswered);
        assert_eq!((&resolution.data, &resolution.answer, resolution.actions.len()), (&None, &None, 0));
        assert_eq!(resolution.note_to_agent, Some(text("Ask again tomorrow.")));
        assert_eq!(stage.outcome(id).unanswered.len(), 1);
        assert_eq!(stage.resolve(&ada(), id, answered("Too late")), Err(Refusal::AlreadyClosed));
        assert_eq!(stage.of(id).status, Status::Expired);
    }
}
