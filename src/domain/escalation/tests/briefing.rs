//! Tests of briefings: they give facts with times and public names, suffice by themselves, and never give orders.

use serde_json::json;

use crate::domain::{
    actor::Actor,
    ask::{AskKind, Verdict},
    claim::Stint,
    deadline::RequestedDeadlines,
    disposition::Disposition,
    event::TransferTarget,
    message::MessageRole,
    outcome::{ClosingContext, ExecutedBy, Resolution},
    stage::{Simulation, ada, ana, answered, arguments, decided, opening, text},
    time::{Span, Timestamp},
};

#[test]
fn a_takeover_that_two_operators_held_one_after_the_other() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    let start = stage.now;
    stage.at(2).claim(&ada(), id).unwrap();
    stage.at(3).reply(&ada(), id, "I ask a colleague.").unwrap();
    stage.at(4).release(&ada(), id).unwrap();
    stage.at(7).claim(&ana(), id).unwrap();
    stage.say(id, MessageRole::Customer, "Thanks.").unwrap();
    let resolution = Resolution {
        note_to_agent: Some(text("She gets a refund in 3 days.")),
        ..Resolution::bare(Disposition::Handled)
    };
    stage.at(9).resolve(&ana(), id, resolution).unwrap();
    let stint =
        |operator, from, to| Stint { operator, from: start + Span::minutes(from), to: Some(start + Span::minutes(to)) };
    assert_eq!(stage.of(id).stints, [stint(ada().who, 2, 4), stint(ana().who, 7, 9)]);
    assert_eq!(
        stage.outcome(id).briefing,
        "Ada, a human operator, was in control from 10:02 to 10:04 UTC. \
         Ana, a human operator, was in control from 10:07 to 10:09 UTC. \
         That has ended; you are in control again. Outcome: handled. \
         2 messages were exchanged meanwhile. Note: She gets a refund in 3 days."
    );
}

#[test]
fn a_transfer_ends_one_stint_and_begins_the_next() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.at(1).claim(&ada(), id).unwrap();
    stage.at(5).transfer(&ada(), id, TransferTarget::Operator(ana().who)).unwrap();
    stage.at(8).resolve(&ana(), id, Resolution::bare(Disposition::Abandoned)).unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "Ada, a human operator, was in control from 10:01 to 10:05 UTC. \
         Ana, a human operator, was in control from 10:05 to 10:08 UTC. \
         That has ended; you are in control again. Outcome: abandoned."
    );
}

#[test]
fn nobody_came() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.at(1).say(id, MessageRole::Customer, "Anyone?").unwrap();
    stage.at(15).fall_due(id).unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "The escalation was open from 10:00 to 10:15 UTC and expired without an outcome from a human. \
         You were in control throughout. Outcome: unanswered. No decision was made. \
         1 message was exchanged meanwhile."
    );
}

#[test]
fn a_day_later_the_times_have_dates() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    stage.at(30).claim(&ada(), id).unwrap();
    stage.at(24 * 60).fall_due(id).unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "The escalation was open from 2026-11-22 10:00 to 2026-11-23 10:00 UTC and expired without an outcome from a \
         human. You were in control throughout. Outcome: unanswered. No decision was made."
    );
}

#[test]
fn a_question_answered_while_it_waits() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.at(6).resolve(&ada(), id, answered("The limit is 200 EUR.")).unwrap();
    assert_eq!(stage.of(id).stints, []);
    assert_eq!(
        stage.outcome(id).briefing,
        "Ada, a human operator, answered at 10:06 UTC. You were in control throughout. \
         Outcome: answered. Answer: The limit is 200 EUR."
    );
}

#[test]
fn a_question_taken_over_by_one_and_answered_by_another() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.at(1).take_over(&ana(), id).unwrap();
    stage.at(2).release(&ana(), id).unwrap();
    stage.at(6).resolve(&ada(), id, answered("Yes.")).unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "Ana, a human operator, was in control from 10:01 to 10:02 UTC. Ada, a human operator, answered at 10:06 UTC. \
         That has ended; you are in control again. Outcome: answered. Answer: Yes."
    );
}

#[test]
fn a_decision_with_an_edit_and_an_action_the_operator_carried_out() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let mut resolution = decided(Verdict::Edit, 240, Verdict::Approve);
    resolution.actions[1].executed_by = ExecutedBy::Operator;
    stage.at(9).resolve(&ada(), id, resolution).unwrap();
    let outcome = stage.outcome(id);
    assert_eq!(outcome.resolution.actions[0].arguments, arguments(json!({"eur": 240})));
    assert_eq!(
        outcome.briefing,
        "Ada, a human operator, decided at 10:09 UTC. You were in control throughout. Outcome: approved with edits. \
         Action refund: approved with edited arguments {\"eur\":240}. \
         Action write: approved, with arguments {\"to\":\"Dana\"}. \
         The operator has already carried out action write."
    );
}

#[test]
fn an_answer_instead_of_an_action_is_told() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let mut resolution = decided(Verdict::Respond, 300, Verdict::Approve);
    resolution.actions[0].comment = Some(text("Ask her for the order number first"));
    stage.resolve(&ada(), id, resolution).unwrap();
    let briefing = &stage.outcome(id).briefing;
    let told = "Outcome: instructed. Action refund: not to be run; the operator answers: \
                Ask her for the order number first. Action write: approved, with arguments";
    assert!(briefing.contains(told), "{briefing}");
}

#[test]
fn actions_of_one_name_are_told_apart() {
    let mut stage = Simulation::new();
    let mut same = opening(AskKind::Decision, Some("chat"));
    same.ask.actions[1].name = same.ask.actions[0].name.clone();
    let id = stage.open_as(same, RequestedDeadlines::default());
    stage.resolve(&ada(), id, decided(Verdict::Approve, 300, Verdict::Approve)).unwrap();
    let briefing = &stage.outcome(id).briefing;
    assert!(briefing.contains("Action refund (a1): approved") && briefing.contains("Action refund (a2): approved"));
}

#[test]
fn a_rejection_says_why() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let mut resolution = decided(Verdict::Reject, 300, Verdict::Reject);
    resolution.actions[0].comment = Some(text("Only one charge was booked."));
    stage.resolve(&ada(), id, resolution).unwrap();
    let briefing = &stage.outcome(id).briefing;
    assert!(
        briefing.contains("Action refund: rejected: Only one charge was booked. Action write: rejected: No."),
        "{briefing}"
    );
}

#[test]
fn what_people_wrote_comes_last_and_ends() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.at(1).say(id, MessageRole::Customer, "Well?").unwrap();
    let resolution = Resolution {
        answer: Some(text("Yes, and ask again")),
        note_to_agent: Some(text("Be kind. 9 messages were exchanged meanwhile. ")),
        ..Resolution::bare(Disposition::Answered)
    };
    stage.at(6).resolve(&ada(), id, resolution).unwrap();
    let briefing = &stage.outcome(id).briefing;
    let end = "Outcome: answered. 1 message was exchanged meanwhile. \
               Answer: Yes, and ask again. Note: Be kind. 9 messages were exchanged meanwhile.";
    assert!(briefing.ends_with(end), "{briefing}");
}

#[test]
fn a_withdrawn_one_names_who_withdrew_it() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    stage.at(3).cancel(id).unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "billing-bot withdrew the escalation at 10:03 UTC. You were in control throughout. Outcome: cancelled. \
         Note: Dana found it herself."
    );

    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.at(1).claim(&ada(), id).unwrap();
    let by = Actor::Operator(ana().who);
    let now: Timestamp = stage.at(4).now;
    stage
        .act(id, by.clone(), |it, conversation, said| {
            it.cancel(text("A test."), &by, &ClosingContext { conversation, said }, now)
        })
        .unwrap();
    assert_eq!(
        stage.outcome(id).briefing,
        "Ada, a human operator, was in control from 10:01 to 10:04 UTC. Ana withdrew the escalation at 10:04 UTC. \
         That has ended; you are in control again. Outcome: cancelled. Note: A test."
    );
}

#[test]
fn the_private_name_and_the_notes_stay_in_the_console() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Takeover);
    stage.claim(&ada(), id).unwrap();
    stage.note(&ada(), id).unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let briefing = &stage.outcome(id).briefing;
    assert!(!briefing.contains("Lovelace") && !briefing.contains("regular"), "{briefing}");
}
