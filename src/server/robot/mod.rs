//! Robot: the worker that answers the escalations of test agents, so that agents can be tested without a person. Its next
//! step with a test follows from the stored state, and its time is a column, as a deadline is. So a restart loses none, and
//! when several servers take the same step, the writer lets one of them.

pub mod answer;
mod filler;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::time::{Instant, sleep};

use crate::{
    domain::{
        claim::Fence,
        escalation::{Escalation, by_agent::NewMessage},
        ids::{EscalationId, MessageId, WorkspaceId},
        message::{Author, MessageRole},
        operator::Operator,
        outcome::{DecisionRequest, Resolution},
        refusal::Refusal,
        rehearsal::{Rehearsal, RobotStep, not_followed},
        text::{ClientMessageId, ReplyText},
    },
    server::{
        clock::mint,
        core::{
            command::{ActorVerb, Command, CommandResult, OperatorVerb},
            desk::Desk,
        },
        error::Error,
        resolution,
        store::escalations,
    },
};

/// How often Robot looks for what is due.
const EVERY: Duration = Duration::from_millis(500);
/// The number of tests in which Robot takes a step at once.
const AT_ONCE: i64 = 32;
/// The pause after a step that failed. An error of the database ends by itself; one of this program is then logged once a
/// minute.
const PAUSE: Duration = Duration::from_secs(60);
/// The most tests whose steps have failed lately. Robot forgets them when there are more, and tries all again.
const MOST_FAILED: usize = 1_000;
/// The reply to each message of a customer.
const NOTED: &str = "Thank you, noted. One moment, please.";

/// Takes the steps that are due, until the server stops.
pub async fn work(desk: Desk) {
    let mut failed: HashMap<EscalationId, Instant> = HashMap::new();
    while desk.shutdown().run_until_cancelled(sleep(EVERY)).await.is_some() {
        failed.retain(|_, at| at.elapsed() < PAUSE);
        if let Err(error) = take_steps(&desk, &mut failed).await {
            tracing::warn!(%error, "Robot cannot see which tests wait for it; it looks again");
        }
    }
}

/// Takes one step in each test in which one is due. A test in which the step fails does not hold up others.
async fn take_steps(desk: &Desk, failed: &mut HashMap<EscalationId, Instant>) -> Result<(), Error> {
    if failed.len() > MOST_FAILED {
        failed.clear();
    }
    // Tests whose step failed are still due, so the batch is larger by their number.
    let most = AT_ONCE.saturating_add(i64::try_from(failed.len()).unwrap_or(i64::MAX));
    let mut due = escalations::robot_due(desk.store(), desk.clock().now(), most).await?;
    due.retain(|(_, id)| !failed.contains_key(id));
    let steps = due.iter().map(|(workspace, id)| take_step(desk, *workspace, *id));
    for (result, (_, id)) in join_all(steps).await.into_iter().zip(&due) {
        match result {
            // Another server has taken this step, or the test ended meanwhile.
            Ok(()) | Err(Error::Refused { .. } | Error::Unavailable | Error::Overloaded) => {}
            Err(error) => {
                tracing::error!(%error, escalation = %id, "Robot could not go on with a test; it tries again in a minute");
                failed.insert(*id, Instant::now());
            }
        }
    }
    Ok(())
}

async fn take_step(desk: &Desk, workspace: WorkspaceId, id: EscalationId) -> Result<(), Error> {
    let Some(current) = desk.current(workspace, id).await? else { return Ok(()) };
    let it = &*current.escalation;
    let Some((_, step)) = it.robot_step().filter(|(at, _)| *at <= desk.clock().now()) else { return Ok(()) };
    let (rehearsal, problem) = match Rehearsal::of(&it.opening) {
        Ok(rehearsal) => (rehearsal, None),
        Err(problem) => (Rehearsal::default(), Some(problem)),
    };
    match step {
        RobotStep::Claim => run(desk, workspace, id, OperatorVerb::Claim).await.map(drop),
        RobotStep::Speak => {
            for (i, text) in rehearsal.messages().into_iter().enumerate() {
                say(desk, workspace, it, &format!("robot-{i}"), text).await?;
            }
            Ok(())
        }
        RobotStep::Reply => {
            let name = format!("robot-noted-{}", it.said_seq);
            say(desk, workspace, it, &name, ReplyText::from_static(NOTED)).await
        }
        RobotStep::Resolve => end(desk, workspace, it, &rehearsal, problem).await,
    }
}

async fn run(
    desk: &Desk,
    workspace: WorkspaceId,
    id: EscalationId,
    verb: OperatorVerb,
) -> Result<CommandResult, Error> {
    desk.run(Command::new(workspace, id, ActorVerb::Operator(Operator::robot(), verb))).await
}

/// Says something to the customer, once under each name.
async fn say(desk: &Desk, workspace: WorkspaceId, it: &Escalation, name: &str, text: ReplyText) -> Result<(), Error> {
    let message = NewMessage {
        id: MessageId::new(mint()),
        client_message_id: ClientMessageId::parse(name).map_err(|problem| Error::Internal(problem.to_string()))?,
        role: MessageRole::Operator,
        text: text.widen(),
        at: None,
        author: Some(Author::from(&Operator::robot().who)),
    };
    run(desk, workspace, it.id, OperatorVerb::Reply { fence: it.fence, message }).await.map(drop)
}

/// Ends the test as rehearsed or, when that is not possible, otherwise, with a note that says why.
async fn end(
    desk: &Desk,
    workspace: WorkspaceId,
    it: &Escalation,
    rehearsal: &Rehearsal,
    mut problem: Option<String>,
) -> Result<(), Error> {
    let robot = Operator::robot();
    if let Some(whole) = answer::rehearsed(rehearsal, it) {
        match resolve(desk, workspace, &robot, it, Some(it.fence), [whole]).await {
            Err(Error::Refused { refusal: Refusal::InvalidFields { problems }, .. }) => {
                let all: Vec<String> = problems.iter().map(|it| format!("{} {}", it.pointer, it.detail)).collect();
                problem = Some(not_followed(&all.join(" ")));
            }
            done => return done.map(drop),
        }
    }
    let resolutions = answer::resolutions(it, rehearsal.disposition, problem.as_deref());
    match resolve(desk, workspace, &robot, it, Some(it.fence), resolutions).await {
        Err(Error::Refused { refusal: Refusal::InvalidFields { problems }, .. }) => {
            Err(Error::Internal(format!("Robot knows no end that is taken: {problems:?}")))
        }
        done => done.map(drop),
    }
}

/// Resolves with the first resolution that is accepted, in the name of an operator whose resolutions are made up.
pub async fn resolve(
    desk: &Desk,
    workspace: WorkspaceId,
    by: &Operator,
    it: &Escalation,
    fence: Option<Fence>,
    tried: impl IntoIterator<Item = Resolution<DecisionRequest>>,
) -> Result<CommandResult, Error> {
    let mut refused = Error::from(Refusal::field("/disposition", "nothing was tried"));
    for sent in tried {
        let opening = Arc::clone(&it.opening);
        let check = move |schemas: &_| resolution::check(schemas, &opening.ask, sent);
        let done = match desk.schemas().run(check).await? {
            Ok(resolution) => {
                let verb = OperatorVerb::Resolve { fence, resolution };
                desk.run(Command::new(workspace, it.id, ActorVerb::Operator(by.clone(), verb))).await
            }
            Err(refusal) => Err(refusal.into()),
        };
        match done {
            Err(problem @ Error::Refused { refusal: Refusal::InvalidFields { .. }, .. }) => refused = problem,
            done => return done,
        }
    }
    Err(refused)
}
