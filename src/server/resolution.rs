//! Turns what an operator's page sends into a resolution: validates the data and applies edits to the stored arguments.

use serde_json::Value;

use super::{
    contract::short,
    schema::{CheckFailure, MOST_PROBLEMS, Schemas, is_too_deep},
};
use crate::domain::{
    ask::{Action, Ask, Verdict},
    checked::Checked,
    field_problem::FieldProblem,
    json::{Json, MAX_DEPTH, too_deep, unescaped_name},
    json_text::JsonText,
    outcome::{ActionDecision, DecisionRequest, Edit, Resolution},
    refusal::Refusal,
};

/// The largest size of edited arguments in bytes, the same as for proposed ones.
const LARGEST_ARGUMENTS: usize = 256 * 1024;
/// The message about a number that not every reader can represent exactly.
const NUMBER_BEYOND: &str = "A number must not be beyond ±2^53: write it as text.";

/// Validates a resolution against the schemas of the ask, and turns the requests of the page into decisions: an
/// approval or a rejection carries the stored arguments, an edit carries those with its changes.
pub fn check(schemas: &Schemas, ask: &Ask, sent: Resolution<DecisionRequest>) -> Result<Checked<Resolution>, Refusal> {
    if sent.ask_revision != ask.revision {
        return Err(Refusal::AskChanged);
    }
    let mut found = vec![];
    let data = sent.data.as_ref().map(Json::from);
    if sent.data.as_ref().is_some_and(is_too_deep) {
        found.push(FieldProblem::new("/data", too_deep()));
    } else if data.is_some_and(|data| data.has_number_beyond()) {
        found.push(FieldProblem::new("/data", NUMBER_BEYOND));
    }
    let mut actions = vec![];
    for (i, request) in sent.actions.into_iter().enumerate() {
        let at = format!("/actions/{i}");
        // Only actions that the ask has can be decided. The escalation itself refuses missing actions and a wrong
        // order.
        match ask.actions.iter().find(|action| action.id == request.id) {
            Some(action) => match decide(schemas, action, request, &at)? {
                Ok(decision) => actions.push(decision),
                Err(problems) => found.extend(problems),
            },
            None => found.push(FieldProblem::new(format!("{at}/id"), "The agent did not propose this action.")),
        }
    }
    if !found.is_empty() {
        return Err(Refusal::InvalidFields { problems: found });
    }
    let resolution = Resolution {
        ask_revision: sent.ask_revision,
        disposition: sent.disposition,
        next: sent.next,
        answer: sent.answer,
        data: sent.data,
        actions,
        note_to_agent: sent.note_to_agent,
        avoidable: sent.avoidable,
        warnings: vec![],
    };
    Checked::by(resolution, |resolution| {
        resolution.warnings = check_data(schemas, ask, resolution)?;
        Ok(())
    })
}

/// Refuses data that does not fit its schema. Returns warnings for the agent where the data could not be checked.
fn check_data(schemas: &Schemas, ask: &Ask, resolution: &Resolution) -> Result<Vec<FieldProblem>, Refusal> {
    // A decision's disposition follows from its actions.
    let carries_data = match resolution.actions.as_slice() {
        [] => resolution.disposition.carries_data(),
        decisions => Verdict::disposition(decisions.iter().map(|it| it.decision)).carries_data(),
    };
    if !carries_data {
        return Ok(vec![]);
    }
    let data = resolution.data.as_ref().unwrap_or(&Value::Null);
    let found =
        if let Some(schema) = &ask.response_schema { schemas.problems(schema, data, "/data") } else { Ok(vec![]) };
    match found {
        Ok(found) if found.is_empty() => Ok(vec![]),
        Ok(problems) => Err(Refusal::InvalidFields { problems }),
        Err(CheckFailure::Unusable(why)) => Ok(vec![not_checked("/data", &why)]),
        Err(CheckFailure::OutOfTime) => Err(Refusal::NotCheckedInTime),
    }
}

/// Builds the warning for an agent whose schema was not applied.
fn not_checked(at: &str, why: &str) -> FieldProblem {
    FieldProblem::new(at, format!("was not checked: {}", short(why)))
}

/// Returns the decision about one action. An edit that changes nothing is an approval, where the agent allows one. An
/// edit with changes is checked against the schema, except for faults that the proposal already had. The inner error is
/// for the operator to correct.
fn decide(
    schemas: &Schemas,
    action: &Action,
    request: DecisionRequest,
    at: &str,
) -> Result<Result<ActionDecision, Vec<FieldProblem>>, Refusal> {
    let at = format!("{at}/arguments");
    let proposed = action.arguments.json();
    let edited = match request.decision {
        Verdict::Edit => match apply_edits(&proposed, &request.edits, &at) {
            Ok(edited) => edited,
            Err(found) => return Ok(Err(found)),
        },
        _ if request.edits.is_empty() => proposed.clone(),
        Verdict::Approve | Verdict::Reject | Verdict::Respond => {
            return Ok(Err(vec![FieldProblem::new(at, "Only an edit changes arguments.")]));
        }
    };
    let changed = edited != proposed;
    let arguments = if changed { JsonText::from(&edited) } else { action.arguments.clone() };
    let decision = match request.decision {
        Verdict::Edit if !changed && action.allowed.contains(&Verdict::Approve) => Verdict::Approve,
        decision => decision,
    };
    let found = if decision.is_go_ahead() { schemas.faults(action, &arguments) } else { Ok(vec![]) };
    let warnings = match found {
        Ok(found) => {
            if changed {
                // This check costs about as much as the one before it. If it fails, all faults count as new.
                let new = new_faults(&found, schemas.faults(action, &action.arguments).unwrap_or_default());
                if !new.is_empty() {
                    return Ok(Err(new.into_iter().take(MOST_PROBLEMS).map(|fault| sentence(fault, &at)).collect()));
                }
            }
            let to_outcome = |fault: FieldProblem| FieldProblem::new(format!("{at}{}", fault.pointer), fault.detail);
            found.into_iter().take(MOST_PROBLEMS).map(to_outcome).collect()
        }
        // Only changed arguments must be checked in time. Unchanged ones get a warning instead.
        Err(CheckFailure::OutOfTime) if changed => return Err(Refusal::NotCheckedInTime),
        Err(CheckFailure::OutOfTime) => vec![not_checked(&at, "that took too long")],
        Err(CheckFailure::Unusable(why)) => vec![not_checked(&at, &why)],
    };
    Ok(Ok(ActionDecision {
        id: request.id,
        decision,
        arguments,
        comment: request.comment,
        executed_by: request.executed_by,
        warnings,
    }))
}

/// Returns the faults that the proposal did not have. Each old fault excuses one fault: at its own pointer, or at that
/// of another item of its list, because items move when one is removed.
fn new_faults(now: &[FieldProblem], mut old: Vec<FieldProblem>) -> Vec<&FieldProblem> {
    let mut left: Vec<&FieldProblem> = vec![];
    for fault in now {
        match old.iter().position(|known| known == fault) {
            Some(at) => drop(old.swap_remove(at)),
            None => left.push(fault),
        }
    }
    left.retain(|fault| {
        let moved =
            |known: &FieldProblem| known.detail == fault.detail && is_same_field(&known.pointer, &fault.pointer);
        let at = old.iter().position(moved);
        at.map(|at| old.swap_remove(at)).is_none()
    });
    left
}

/// Returns whether two pointers differ only in the numbers of items.
fn is_same_field(one: &str, other: &str) -> bool {
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || (is_number(one) && is_number(other)) => {}
            _ => return false,
        }
    }
}

/// Returns the proposed arguments with an operator's edits. Values that no edit names keep their order and the text of
/// their numbers.
fn apply_edits(proposed: &Json, edits: &[Edit], at: &str) -> Result<Json, Vec<FieldProblem>> {
    let mut edited = proposed.clone();
    let mut found = vec![];
    for edit in edits {
        let mut refuse =
            |detail: String| found.push(FieldProblem::new(format!("{at}{}", short(&edit.pointer)), detail));
        if edit.pointer.matches('/').count() > MAX_DEPTH {
            refuse(too_deep());
            continue;
        }
        let value = match edit.json.as_deref().map(Json::parse).transpose() {
            Ok(value) => value,
            Err(error) => {
                refuse(format!("This is not JSON: {error}."));
                continue;
            }
        };
        if value.as_ref().is_some_and(Json::has_number_beyond) {
            refuse(NUMBER_BEYOND.to_owned());
        } else if value.as_ref().is_some_and(Json::has_null_character) {
            refuse("Text must not contain U+0000.".to_owned());
        } else if !edited.set(&edit.pointer, value) {
            refuse("There is no such place in the arguments.".to_owned());
        }
    }
    let text = edited.to_string();
    if !matches!(edited, Json::Object(_)) {
        found.push(FieldProblem::new(at, "Arguments are a JSON object."));
    } else if text.len() > LARGEST_ARGUMENTS {
        found.push(FieldProblem::new(at, "Arguments have at most 256 KiB."));
    } else if edited.is_deeper(MAX_DEPTH) {
        found.push(FieldProblem::new(at, too_deep()));
    }
    if found.is_empty() { Ok(edited) } else { Err(found) }
}

/// Returns a fault as a sentence about its field, for the operator who edits it.
fn sentence(fault: &FieldProblem, at: &str) -> FieldProblem {
    let name = unescaped_name(fault.pointer.rsplit('/').next().unwrap_or_default());
    let name = if fault.pointer.is_empty() { "This" } else { name.as_str() };
    FieldProblem::new(format!("{at}{}", fault.pointer), short(&format!("{name} {}.", fault.detail)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{ask::AskKind, disposition::Disposition, json::MAX_DEPTH, outcome::ExecutedBy, text::Text};

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, _| json!([value]))
    }

    #[test]
    fn what_is_too_deep_to_be_read_again_is_refused() {
        assert!(!is_too_deep(&nested(MAX_DEPTH)) && is_too_deep(&nested(MAX_DEPTH + 1)));
        let ask = Ask::bare(AskKind::Question);
        let said = |levels| Resolution { data: Some(nested(levels)), ..Resolution::bare(Disposition::Answered) };
        assert!(check(&Schemas::default(), &ask, said(MAX_DEPTH)).is_ok());
        let Err(Refusal::InvalidFields { problems }) = check(&Schemas::default(), &ask, said(MAX_DEPTH + 1)) else {
            panic!("it was taken")
        };
        assert_eq!((problems[0].pointer.as_str(), problems[0].detail.as_str()), ("/data", too_deep().as_str()));
        let action = Action { arguments: JsonText::parse("{}").unwrap(), ..card(None) };
        let ask = Ask { actions: vec![action], ..Ask::bare(AskKind::Decision) };
        let said = |levels| edited(&[("/a", &nested(levels).to_string())]);
        assert!(check(&Schemas::default(), &ask, said(MAX_DEPTH - 1)).is_ok());
        let Err(Refusal::InvalidFields { problems }) = check(&Schemas::default(), &ask, said(MAX_DEPTH)) else {
            panic!("it was taken")
        };
        assert_eq!(problems[0].pointer, "/actions/0/arguments");
    }

    const PROPOSED: &str = r#"{ "order": 4721, "eur": "250", "rate": 0.10, "lines": [1.0, 2] }"#;

    fn card(schema: Option<Value>) -> Action {
        Action {
            id: Text::parse("a").unwrap(),
            name: Text::parse("refund").unwrap(),
            arguments: JsonText::parse(PROPOSED).unwrap(),
            arguments_schema: schema.as_ref().map(JsonText::from),
            allowed: vec![Verdict::Approve, Verdict::Edit, Verdict::Reject],
            faults: vec![],
            since: 0,
        }
    }

    fn says(decision: Verdict, edits: &[(&str, &str)]) -> Resolution<DecisionRequest> {
        let edit = |(pointer, json): &(&str, &str)| Edit { pointer: (*pointer).into(), json: Some((*json).into()) };
        let request = DecisionRequest {
            id: Text::parse("a").unwrap(),
            decision,
            edits: edits.iter().map(edit).collect(),
            comment: None,
            executed_by: ExecutedBy::Agent,
        };
        Resolution { actions: vec![request], ..Resolution::bare(Disposition::Approved) }
    }

    fn edited(edits: &[(&str, &str)]) -> Resolution<DecisionRequest> {
        says(Verdict::Edit, edits)
    }

    /// Returns an ask with text where the schema wants a number, and a number where it wants text.
    fn strict() -> Ask {
        let schema = json!({"properties": {
            "order": {"type": "string"}, "eur": {"type": "number", "maximum": 300}, "rate": {"type": "number"},
        }});
        Ask { actions: vec![card(Some(schema))], ..Ask::bare(AskKind::Decision) }
    }

    #[test]
    fn an_approval_carries_the_proposed_bytes_and_the_faults_they_had() {
        let checked = check(&Schemas::default(), &strict(), says(Verdict::Approve, &[])).unwrap();
        let decision = &checked.get().actions[0];
        assert_eq!((decision.decision, decision.arguments.as_str()), (Verdict::Approve, PROPOSED));
        let warned: Vec<_> = decision.warnings.iter().map(|it| (it.pointer.as_str(), it.detail.as_str())).collect();
        assert_eq!(warned, [("/actions/0/arguments/order", "is a number"), ("/actions/0/arguments/eur", "is text")]);
        assert!(check(&Schemas::default(), &strict(), says(Verdict::Approve, &[("/eur", "1")])).is_err());
    }

    #[test]
    fn an_edit_changes_its_place_and_is_checked_without_the_old_faults() {
        let checked = check(&Schemas::default(), &strict(), edited(&[("/lines/1", "2.50")])).unwrap();
        let decision = &checked.get().actions[0];
        let expected = r#"{"order":4721,"eur":"250","rate":0.10,"lines":[1.0,2.50]}"#;
        assert_eq!((decision.decision, decision.arguments.as_str()), (Verdict::Edit, expected));
        assert_eq!(decision.warnings.len(), 2);
        let pointers = |edits: &[(&str, &str)]| match check(&Schemas::default(), &strict(), edited(edits)) {
            Err(Refusal::InvalidFields { problems }) => {
                problems.into_iter().map(|it| it.pointer + ": " + &it.detail).collect()
            }
            _ => vec![],
        };
        assert_eq!(pointers(&[("/eur", "301")]), ["/actions/0/arguments/eur: eur is more than 300."]);
        assert_eq!(pointers(&[("/rate", "\"x\"")]), ["/actions/0/arguments/rate: rate is text."]);
        assert_eq!(pointers(&[("/rate", "9007199254740993")]), [format!("/actions/0/arguments/rate: {NUMBER_BEYOND}")]);
        assert_eq!(pointers(&[("/order/x", "1")]).len(), 1);
        assert_eq!(pointers(&[("", "[]")]), ["/actions/0/arguments: Arguments are a JSON object."]);
        assert_eq!(pointers(&[("/order", "nonsense")]).len(), 1);
        assert_eq!(pointers(&[("/eur", "300")]), Vec::<String>::new());
        assert_eq!(pointers(&[("/a".repeat(40_000).as_str(), "1")]).len(), 1);
        assert_eq!(pointers(&[("/order", r#""a\\u0000b""#)]), Vec::<String>::new());
        assert_eq!(pointers(&[("/order", r#""a\u0000b""#)]).len(), 1);
    }

    #[test]
    fn an_old_fault_is_excused_where_its_item_has_moved() {
        let schema = json!({"properties": {"l": {"items": {"properties": {"n": {"type": "integer"}}}}}});
        let items = |from: usize| (from..30).map(|n| format!(r#"{{"n":"{n}"}}"#)).collect::<Vec<_>>().join(",");
        let text = format!(r#"{{"l":[{{"n":1}},{}]}}"#, items(0));
        let action = Action { arguments: JsonText::parse(&text).unwrap(), ..card(Some(schema)) };
        let ask = Ask { actions: vec![action], ..Ask::bare(AskKind::Decision) };
        assert!(
            check(&Schemas::default(), &ask, edited(&[("/l", &format!("[{}]", items(0)))])).is_ok(),
            "the first is removed"
        );
        assert!(check(&Schemas::default(), &ask, edited(&[("/l/1/n", "5")])).is_ok(), "one of many is mended");
        assert!(
            check(&Schemas::default(), &ask, edited(&[("/l/0/n", "\"x\"")])).is_err(),
            "and a new one is found behind them"
        );
    }

    #[test]
    fn an_edit_that_changes_nothing_is_an_approval() {
        let checked =
            check(&Schemas::default(), &strict(), edited(&[("/rate", " 0.10 "), ("/order", "4721")])).unwrap();
        let decision = &checked.get().actions[0];
        assert_eq!((decision.decision, decision.arguments.as_str()), (Verdict::Approve, PROPOSED));
    }

    #[test]
    fn whole_numbers_that_doubles_mistake_are_refused_in_data() {
        let ask = Ask::bare(AskKind::Question);
        let said = |data| Resolution { data: Some(data), ..Resolution::bare(Disposition::Answered) };
        assert!(check(&Schemas::default(), &ask, said(json!({"n": 9_007_199_254_740_993_u64}))).is_err());
        assert!(check(&Schemas::default(), &ask, said(json!({"n": 9_007_199_254_740_992_u64}))).is_ok());
    }

    #[test]
    fn data_that_breaks_the_schema_is_refused_with_pointers() {
        let schema = json!({"type": "object", "required": ["eur"], "properties": {"eur": {"type": "number"}}});
        let ask = Ask { response_schema: Some((&schema).into()), ..Ask::bare(AskKind::Takeover) };
        let said = |data| Resolution { data, ..Resolution::bare(Disposition::Handled) };
        assert!(check(&Schemas::default(), &ask, said(Some(json!({"eur": 240})))).is_ok());
        let Err(Refusal::InvalidFields { problems }) =
            check(&Schemas::default(), &ask, said(Some(json!({"eur": "much"}))))
        else {
            panic!("a text is no number")
        };
        assert_eq!(problems[0].pointer, "/data/eur");
        assert!(check(&Schemas::default(), &ask, said(None)).is_err());
        assert!(check(&Schemas::default(), &ask, Resolution::bare(Disposition::Declined)).is_ok());
    }
}
