//! Tests of outcomes: what an operator may choose, what the agent receives, and what is refused.

use serde_json::json;

use crate::domain::{
    ask::{Ask, AskKind, Verdict},
    deadline::RequestedDeadlines,
    disposition::Disposition,
    ids::EscalationId,
    message::MessageRole,
    opening::Opening,
    outcome::{ExecutedBy, MOST_BYTES, MOST_MESSAGES, Resolution},
    refusal::Refusal,
    stage::{AppendedKinds, Simulation, ada, answered, ask, decided, opening, text},
};

/// Opens one escalation with this ask, which Ada holds.
fn held(ask: Ask) -> (Simulation, EscalationId) {
    let mut stage = Simulation::new();
    let opening = Opening { ask, ..opening(AskKind::Takeover, Some("chat")) };
    let id = stage.open_as(opening, RequestedDeadlines::default());
    stage.claim(&ada(), id).unwrap();
    (stage, id)
}

/// Returns the pointer to the field for which a resolution is refused.
fn refused_at(done: AppendedKinds) -> String {
    match done {
        Err(Refusal::InvalidFields { problems }) => problems[0].pointer.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_dispositions_offered_and_no_others() {
    use Disposition::*;
    let offered: [(AskKind, &[Disposition]); 3] = [
        (AskKind::Takeover, &[Handled, Instructed, Referred, Abandoned, Declined]),
        (AskKind::Question, &[Answered, Instructed, Referred, Abandoned, Declined]),
        (AskKind::Decision, &[Declined, Referred]),
    ];
    for (kind, offered) in offered {
        assert_eq!(held(ask(kind)).0.world.escalations[0].offered(), offered);
        for disposition in Disposition::ALL {
            let (mut stage, id) = held(ask(kind));
            let done =
                stage.resolve(&ada(), id, Resolution { answer: Some(text("So.")), ..Resolution::bare(disposition) });
            match offered.contains(&disposition) {
                true => assert_eq!(done, Ok(vec!["escalation.resolved"]), "{kind:?} {disposition:?}"),
                false => assert_eq!(refused_at(done), "/disposition", "{kind:?} {disposition:?}"),
            }
        }
    }
}

#[test]
fn a_question_taken_over_may_be_handled_or_answered() {
    let (mut stage, id) = held(ask(AskKind::Question));
    stage.take_over(&ada(), id).unwrap();
    let offered = stage.of(id).offered();
    assert_eq!((offered[0], offered.contains(&Disposition::Answered)), (Disposition::Handled, true));
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
}

#[test]
fn an_answer_needs_words_or_data() {
    let (mut stage, id) = held(ask(AskKind::Question));
    assert_eq!(refused_at(stage.resolve(&ada(), id, Resolution::bare(Disposition::Answered))), "/answer");
    stage.resolve(&ada(), id, answered("Yes, refund it.")).unwrap();
    assert_eq!(stage.outcome(id).resolution.answer, Some(text("Yes, refund it.")));

    let (mut stage, id) = held(ask(AskKind::Question));
    let declined = Resolution { disposition: Disposition::Declined, ..answered("Draft") };
    stage.resolve(&ada(), id, declined).unwrap();
    assert_eq!(stage.outcome(id).resolution.answer, None, "only an answered question has an answer");
}

#[test]
fn a_chosen_option_is_the_answer_in_its_exact_words() {
    let options = Ask { options: Some(vec![text("Refund"), text("Voucher")]), ..Ask::bare(AskKind::Question) };
    let (mut stage, id) = held(options);
    for said in [Resolution::bare(Disposition::Answered), answered("voucher"), answered("Voucher ")] {
        assert_eq!(refused_at(stage.resolve(&ada(), id, said)), "/answer");
    }
    let chosen = Resolution { data: Some(json!({"choice": "Voucher"})), ..answered("Voucher") };
    stage.resolve(&ada(), id, chosen).unwrap();
    let made = &stage.outcome(id).resolution;
    assert_eq!((&made.data, &made.answer), (&None, &Some(text("Voucher"))));
}

/// Presence and validity of the data are not tested here, because the check before the verb proves them.
#[test]
fn data_stays_only_with_those_dispositions_that_carry_it() {
    let data = || Some(json!({"refund_eur": 240}));
    let with_schema = |kind| held(Ask { response_schema: Some((&json!({"type": "object"})).into()), ..ask(kind) });
    for (kind, resolution, kept) in [
        (AskKind::Takeover, Resolution::bare(Disposition::Handled), true),
        (AskKind::Takeover, Resolution::bare(Disposition::Instructed), false),
        (AskKind::Question, Resolution::bare(Disposition::Answered), true),
        (AskKind::Question, Resolution::bare(Disposition::Declined), false),
        (AskKind::Decision, decided(Verdict::Approve, 300, Verdict::Approve), true),
        (AskKind::Decision, decided(Verdict::Edit, 240, Verdict::Approve), true),
        (AskKind::Decision, decided(Verdict::Reject, 300, Verdict::Approve), false),
        (AskKind::Decision, decided(Verdict::Respond, 300, Verdict::Approve), false),
        (AskKind::Decision, Resolution::bare(Disposition::Referred), false),
    ] {
        let (mut stage, id) = with_schema(kind);
        stage.resolve(&ada(), id, Resolution { data: data(), ..resolution }).unwrap();
        assert_eq!(stage.outcome(id).resolution.data, data().filter(|_| kept));
    }
    let (mut stage, id) = held(ask(AskKind::Takeover));
    stage.resolve(&ada(), id, Resolution { data: data(), ..Resolution::bare(Disposition::Handled) }).unwrap();
    assert_eq!(stage.outcome(id).resolution.data, None, "nobody asked for data");
}

#[test]
fn the_cards_make_the_disposition_whatever_was_claimed() {
    use Verdict::{Approve, Edit, Reject, Respond};
    for (refund, eur, letter, made) in [
        (Approve, 300, Approve, Disposition::Approved),
        (Edit, 240, Approve, Disposition::ApprovedWithEdits),
        (Edit, 240, Reject, Disposition::Rejected),
        (Reject, 300, Approve, Disposition::Rejected),
        (Approve, 300, Reject, Disposition::Rejected),
        (Respond, 300, Approve, Disposition::Instructed),
        (Respond, 300, Reject, Disposition::Rejected),
    ] {
        let (mut stage, id) = held(ask(AskKind::Decision));
        stage.resolve(&ada(), id, decided(refund, eur, letter)).unwrap();
        assert_eq!(stage.outcome(id).resolution.disposition, made);
        assert_eq!(stage.outcome(id).resolution.actions.len(), 2);
    }
}

#[test]
fn each_card_is_decided_once_as_the_agent_allows() {
    use Verdict::{Approve, Edit, Reject, Respond};
    let (mut stage, id) = held(ask(AskKind::Decision));
    let before = stage.world.clone();
    let mut try_with = |change: fn(&mut Resolution)| {
        let mut resolution = decided(Approve, 300, Approve);
        change(&mut resolution);
        refused_at(stage.resolve(&ada(), id, resolution))
    };
    assert_eq!(try_with(|it| drop(it.actions.pop())), "/actions");
    assert_eq!(try_with(|it| it.actions.reverse()), "/actions");
    assert_eq!(try_with(|it| it.actions[1].id = text("a1")), "/actions");
    assert_eq!(try_with(|it| *it = decided(Approve, 300, Edit)), "/actions/1/decision");
    assert_eq!(try_with(|it| *it = decided(Approve, 300, Respond)), "/actions/1/decision");
    assert_eq!(try_with(|it| *it = decided(Respond, 301, Approve)), "/actions/0/arguments");
    let carried_out = |it: &mut Resolution| {
        *it = decided(Respond, 300, Approve);
        it.actions[0].executed_by = ExecutedBy::Operator;
    };
    assert_eq!(try_with(carried_out), "/actions/0/executed_by");
    let silent = |it: &mut Resolution| {
        *it = decided(Respond, 300, Approve);
        it.actions[0].comment = None;
    };
    assert_eq!(try_with(silent), "/actions/0/comment");
    assert_eq!(try_with(|it| *it = decided(Approve, 301, Approve)), "/actions/0/arguments");
    assert_eq!(try_with(|it| *it = decided(Reject, 301, Approve)), "/actions/0/arguments");
    assert_eq!(stage.world, before);

    let (mut stage, id) = held(ask(AskKind::Takeover));
    let cards = Resolution { disposition: Disposition::Handled, ..decided(Approve, 300, Approve) };
    assert_eq!(refused_at(stage.resolve(&ada(), id, cards)), "/actions");
}

#[test]
fn an_outcome_repeats_what_was_said_since_the_open_but_never_notes_or_context() {
    let (mut stage, id) = held(ask(AskKind::Takeover));
    stage.reply(&ada(), id, "Hello Dana.").unwrap();
    stage.say(id, MessageRole::System, "Invoice opened.").unwrap();
    stage.note(&ada(), id).unwrap();
    stage.say(id, MessageRole::Customer, "Hi.").unwrap();
    stage.say(id, MessageRole::Customer, "Are you there?").unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let said: Vec<_> = stage.said(id).iter().map(|message| message.id).collect();
    let outcome = stage.outcome(id);
    assert_eq!((outcome.messages.as_slice(), outcome.messages_left_out), (said.as_slice(), 0));
    assert_eq!(outcome.unanswered, said[1..], "both since Ada's last word");
}

#[test]
fn an_outcome_repeats_at_most_so_many_messages() {
    let (mut stage, id) = held(ask(AskKind::Takeover));
    for _ in 0..MOST_MESSAGES + 7 {
        stage.say(id, MessageRole::Customer, "Hello?").unwrap();
    }
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    let said: Vec<_> = stage.said(id).iter().map(|message| message.id).collect();
    assert_eq!(stage.outcome(id).messages, said[7..], "the last ones");
    assert_eq!(stage.outcome(id).messages_left_out, 7);
    assert_eq!(stage.outcome(id).unanswered.len(), said.len(), "none of them was answered");
}

#[test]
fn an_outcome_repeats_at_most_so_many_bytes() {
    let (mut stage, id) = held(ask(AskKind::Takeover));
    let long = "ä".repeat(16_000);
    assert_eq!(MOST_BYTES / long.len(), 4);
    for _ in 0..6 {
        stage.reply(&ada(), id, &long).unwrap();
    }
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    assert_eq!((stage.outcome(id).messages.len(), stage.outcome(id).messages_left_out), (4, 2));

    let (mut stage, id) = held(ask(AskKind::Takeover));
    stage.reply(&ada(), id, &"𐍈".repeat(32_000)).unwrap();
    stage.resolve(&ada(), id, Resolution::bare(Disposition::Handled)).unwrap();
    assert_eq!(stage.outcome(id).messages.len(), 1, "the longest message there may be fits alone");
}
