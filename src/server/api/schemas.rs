//! Checks the schemas of an ask, and the proposed arguments by them, when an escalation is opened.

use std::time::{Duration, Instant};

use super::checks::Checks;
use crate::{
    domain::{ask::Ask, field_problem::FieldProblem},
    server::schema::{CheckFailure, MOST_PROBLEMS, Schemas},
};

/// The most patterns that all schemas of an ask may have together: each is compiled before the response.
const MOST_PATTERNS: usize = 256;
/// How long the arguments of all actions may be checked by their schemas, while others wait for their turn.
const CHECKED_WITHIN: Duration = Duration::from_secs(5);

/// Records where proposed arguments break their own schema. The proposal is accepted with warnings, because a person
/// will see it.
pub fn find_faults(schemas: &Schemas, ask: &mut Ask, checks: &mut Checks) {
    let until = Instant::now() + CHECKED_WITHIN;
    for (i, action) in ask.actions.iter_mut().enumerate() {
        let at = format!("/ask/actions/{i}/arguments");
        let found = match Instant::now() < until {
            true => schemas.faults(action, &action.arguments),
            false => Err(CheckFailure::OutOfTime),
        };
        match found {
            Ok(mut faults) => {
                faults.truncate(MOST_PROBLEMS);
                action.faults = faults;
            }
            Err(CheckFailure::OutOfTime) => checks.warn(&*at, "took too long to be checked by arguments_schema"),
            // `unusable` has refused the schema before.
            Err(CheckFailure::Unusable(_)) => {}
        }
        for fault in &action.faults {
            let pointer = format!("{at}{}", fault.pointer);
            checks.warn(pointer, format!("{}, which does not match arguments_schema", fault.detail));
        }
    }
}

/// Returns why schemas of an ask cannot be used, before an operator is asked to answer by them. Patterns that are not
/// checked are warnings.
pub fn unusable(schemas: &Schemas, ask: &Ask, checks: &mut Checks) -> Vec<FieldProblem> {
    let of_actions = ask.actions.iter().enumerate();
    let of_actions =
        of_actions.map(|(i, action)| (format!("/ask/actions/{i}/arguments_schema"), action.arguments_schema.as_ref()));
    let all = [("/ask/response_schema".to_owned(), ask.response_schema.as_ref())].into_iter().chain(of_actions);
    let (mut problems, mut patterns) = (vec![], 0);
    for (pointer, schema) in all.filter_map(|(pointer, schema)| Some((pointer, schema?))) {
        match schemas.compiled(schema) {
            Ok(compiled) => {
                patterns += compiled.patterns();
                let unchecked = "is not checked, because a pattern here looks ahead or back";
                compiled.unchecked().iter().for_each(|at| checks.warn(format!("{pointer}{at}"), unchecked));
            }
            Err(why) => problems.push(FieldProblem::new(pointer, why)),
        }
        if patterns > MOST_PATTERNS {
            problems
                .push(FieldProblem::new("/ask", format!("has at most {MOST_PATTERNS} patterns in all its schemas")));
            break;
        }
    }
    problems
}
