//! Tests of the updates of agents.

use serde_json::json;

use crate::domain::{
    ask::{Action, Ask, AskKind, Verdict},
    escalation::Escalation,
    event::EventKind,
    field_problem::FieldProblem,
    json_text::JsonText,
    opening::{ContextItem, Customer},
    outcome::Resolution,
    queue::Urgency,
    refusal::Refusal,
    stage::{Simulation, ada, arguments, decided, text},
    update::{ChangedValue, OpeningUpdate, UpdatedPart},
};

fn change(pointer: &str, before: Option<&str>, after: Option<&str>) -> ChangedValue {
    ChangedValue { pointer: pointer.into(), before: before.map(Into::into), after: after.map(Into::into) }
}

/// Returns the update of the event, and its changes.
fn updated(escalation: &Escalation, update: OpeningUpdate) -> Option<(OpeningUpdate, Vec<ChangedValue>)> {
    match escalation.update(update).unwrap().pop() {
        Some(EventKind::Updated { update, changes, .. }) => Some((*update, changes)),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_update_holds_only_what_changes() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let opening = stage.of(id).opening.clone();
    let same = OpeningUpdate {
        summary: opening.summary.clone(),
        tried: Some(opening.tried.clone()),
        context: Some(opening.context.clone()),
        customer: opening.customer().cloned(),
        urgency: Some(stage.of(id).urgency),
        ask: Some(opening.ask.clone()),
    };
    assert_eq!(updated(stage.of(id), same), None);
    let item = ContextItem { label: text("Order"), value: Some(text("A-1")), url: None };
    let dana = Customer { email: Some(text("dana@example.com")), ..Customer::default() };
    let update = OpeningUpdate {
        summary: Some(text("Both charges.")),
        context: Some(vec![item]),
        customer: Some(dana),
        urgency: Some(Urgency::Urgent),
        ..OpeningUpdate::default()
    };
    let (update, changes) = updated(stage.of(id), update).unwrap();
    let parts = [UpdatedPart::Summary, UpdatedPart::Context, UpdatedPart::Customer, UpdatedPart::Urgency];
    assert_eq!(update.parts(), parts);
    // Known facts about the customer stay.
    let customer = update.customer.clone().unwrap();
    assert_eq!(customer.name, opening.customer().and_then(|it| it.name.clone()));
    for expected in [
        change("/summary", opening.summary.as_ref().map(|it| it.as_str()), Some("Both charges.")),
        change("/urgency", Some(stage.of(id).urgency.as_str()), Some("urgent")),
        change("/context", Some(""), Some("Order: A-1")),
        change("/conversation/customer/email", None, Some("dana@example.com")),
    ] {
        assert!(changes.contains(&expected), "{expected:?} is not in {changes:?}");
    }
    assert_eq!(changes.len(), 4);
}

#[test]
fn the_values_of_an_ask_are_compared_one_by_one() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let ask = stage.of(id).opening.ask.clone();
    let action = |id: &str, name: &str, of| Action {
        id: text(id),
        name: text(name),
        arguments: arguments(of),
        ..ask.actions[0].clone()
    };
    let actions = vec![action("a1", "refund", json!({"eur": 250, "note": {"a": 1}})), action("a3", "call", json!({}))];
    let update = OpeningUpdate { ask: Some(Ask { actions, ..ask.clone() }), ..OpeningUpdate::default() };
    let (update, changes) = updated(stage.of(id), update).unwrap();
    let next = update.ask.unwrap();
    assert_eq!((next.version(), next.actions[0].since, next.actions[1].since), (2, 1, 1));
    let mut expected = vec![
        change("/ask/actions/a1/arguments/eur", Some("300"), Some("250")),
        change("/ask/actions/a1/arguments/note", None, Some("{\n  \"a\": 1\n}")),
        change("/ask/actions/a3", None, Some("call")),
    ];
    expected.insert(0, change("/ask/actions", Some("write"), None));
    assert_eq!(changes, expected);
    assert_eq!(expected[1].in_words(), ["eur", "“300”", "“250”"]);
    assert_eq!(expected[3].in_words(), ["action", "nothing", "“call”"]);
}

#[test]
fn a_decision_about_what_was_asked_before_is_refused() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    stage.update(id, "She wants a refund.", Some("May I?")).unwrap();
    let first = decided(Verdict::Approve, 300, Verdict::Approve);
    assert_eq!(stage.resolve(&ada(), id, first.clone()), Err(Refusal::AskChanged));
    assert!(stage.of(id).status.is_open() && stage.of(id).claim.is_none(), "nothing has changed");
    stage.resolve(&ada(), id, Resolution { ask_revision: 1, ..first }).unwrap();
    assert_eq!(stage.of(id).outcome.as_ref().map(|it| it.resolution.ask_revision), Some(1));
    assert_eq!(stage.update(id, "More", None), Err(Refusal::AlreadyClosed));
}

#[test]
fn an_ask_keeps_its_kind_and_a_person_keeps_the_urgency() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Question);
    let other = OpeningUpdate { ask: Some(Ask::bare(AskKind::Takeover)), ..OpeningUpdate::default() };
    assert_eq!(stage.of(id).update(other).unwrap_err().code(), "invalid_field");
    stage.mark(&ada(), id, Some(Urgency::Low), None).unwrap();
    let urgent = OpeningUpdate { urgency: Some(Urgency::Urgent), ..OpeningUpdate::default() };
    assert_eq!(stage.of(id).update(urgent), Ok(vec![]));
}

#[test]
fn a_proposal_that_is_written_otherwise_is_the_same() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let mut ask = stage.of(id).opening.ask.clone();
    ask.actions[0].arguments = JsonText::parse(r#"{ "eur":  300 }"#).unwrap();
    ask.actions[0].faults = vec![FieldProblem::new("/eur", "is much")];
    assert_eq!(updated(stage.of(id), OpeningUpdate { ask: Some(ask.clone()), ..OpeningUpdate::default() }), None);
    // Another verdict that is allowed is a change, which is named.
    ask.actions[0].allowed = vec![Verdict::Approve];
    let (_, changes) = updated(stage.of(id), OpeningUpdate { ask: Some(ask), ..OpeningUpdate::default() }).unwrap();
    assert_eq!(changes, [change("/ask/actions/a1/allowed", Some("approve, edit, reject, respond"), Some("approve"))]);
}

#[test]
fn what_an_update_names_has_limits() {
    let mut stage = Simulation::new();
    let id = stage.open(AskKind::Decision);
    let ask = stage.of(id).opening.ask.clone();
    let with = |of| Ask { actions: vec![Action { arguments: arguments(of), ..ask.actions[0].clone() }], ..ask.clone() };
    let many: serde_json::Map<_, _> = (0..30_000).map(|n| (format!("n{n}"), json!(n))).collect();
    let deep = json!({("~".repeat(100_000)): {"a": "x".repeat(100_000), "b": 1}});
    for of in [json!(many), deep] {
        let (_, changes) =
            updated(stage.of(id), OpeningUpdate { ask: Some(with(of)), ..OpeningUpdate::default() }).unwrap();
        let sizes = changes.iter().map(|it| it.pointer.len() + it.after.as_ref().map_or(0, String::len));
        assert!(changes.len() <= 12 && sizes.max() < Some(1_000), "{changes:?}");
    }
    // Long texts are shown where they differ.
    let long =
        |end: &str| OpeningUpdate { summary: Some(text(&("x".repeat(3_000) + end))), ..OpeningUpdate::default() };
    let event = stage.of(id).update(long("a")).unwrap().remove(0);
    let EventKind::Updated { update, .. } = event else { panic!("{event:?}") };
    let mut opening = (*stage.of(id).opening).clone();
    update.apply(&mut opening);
    let changes = long("b").changes(&opening, Urgency::Normal);
    assert!(
        changes[0].before.as_ref().is_some_and(|text| text.ends_with("xa") && text.starts_with('…')),
        "{changes:?}"
    );
    // An agent cannot fill a page with updates.
    let taken = (0..250).filter(|n| stage.update(id, &format!("Summary {n}"), None).is_ok()).count();
    assert_eq!(taken, 200);
    assert_eq!(stage.update(id, "More", None).unwrap_err().code(), "invalid_field");
}
