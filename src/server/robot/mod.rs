//! Robot: the worker that answers the escalations of test agents, so that agents can be tested without a person. Its next
//! step with a test follows from the stored state, and its time is a column, as a deadline is. So a restart loses none. When
//! several servers take the same step, the writer accepts it once.

pub mod answer;
mod filler;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    domain::{
        claim::Fence,
        escalation::{Escalation, by_agent::NewMessage},
        ids::{EscalationId, MessageId, WorkspaceId},
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
/// The most steps that Robot begins at a time, each of which loads its test, and the most that it takes at once.
const AT_ONCE: i64 = 8;
const MOST_BUSY: usize = 256;
/// The pause after a step that failed, so that an error of this program is logged once a minute.
const PAUSE: Duration = Duration::from_secs(60);
/// The pause after a step that was refused. Most often another server has taken it, and none is due any more. Without a
/// pause, steps that are refused again and again would keep others waiting.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(5);
/// The most tests that pause. Robot forgets them when there are more, and tries all again.
const MOST_PAUSED: usize = 1_000;
/// The reply to each message of a customer.
const NOTED: &str = "Thank you, noted. One moment, please.";

/// The tests in which Robot takes no further step at present.
#[derive(Default)]
struct Apart {
    /// Tests in which a step is being taken.
    busy: HashSet<EscalationId>,
    /// Tests whose step was refused or failed, each until a moment.
    paused: HashMap<EscalationId, Instant>,
}

impl Apart {
    /// Returns the tests in which a step is due now, at most `AT_ONCE`.
    async fn due(&mut self, desk: &Desk) -> Result<Vec<(WorkspaceId, EscalationId)>, Error> {
        self.paused.retain(|_, until| Instant::now() < *until);
        if self.paused.len() > MOST_PAUSED {
            self.paused.clear();
        }
        // These are due as well, so more rows are read by their number.
        let apart = self.busy.len() + self.paused.len();
        let most = AT_ONCE.saturating_add(i64::try_from(apart).unwrap_or(i64::MAX));
        let mut due = escalations::robot_due(desk.store(), desk.clock().now(), most).await?;
        due.retain(|(_, id)| !self.busy.contains(id) && !self.paused.contains_key(id));
        Ok(due)
    }

    /// Notes that a step has ended, and how.
    fn ended(&mut self, id: EscalationId, step: Result<(), Error>) {
        self.busy.remove(&id);
        let pause = match step {
            Ok(()) | Err(Error::Unavailable | Error::Overloaded) => return,
            Err(Error::Refused { .. }) => PAUSE_AFTER_REFUSAL,
            Err(error) => {
                tracing::error!(%error, escalation = %id, "Robot could not go on with a test; it tries again in a minute");
                PAUSE
            }
        };
        self.paused.insert(id, Instant::now() + pause);
    }
}

/// Takes the steps that are due, until the server stops. Claims and words of a test do not wait for the checks of others.
pub async fn work(desk: Desk) {
    // Robot resolves one test at a time: a check may take seconds, and operators need the other turn.
    let turn = Arc::new(Mutex::new(()));
    // The steps run in tasks of their own, so that they go on while this one reads. Dropping the set ends them.
    let (mut apart, mut steps) = (Apart::default(), JoinSet::new());
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = desk.shutdown().cancelled() => return,
            Some(ended) = steps.join_next() => match ended {
                Ok((id, step)) => apart.ended(id, step),
                // The supervisor starts this task again, which forgets who is busy.
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
            _ = tick.tick(), if apart.busy.len() < MOST_BUSY => match apart.due(&desk).await {
                Ok(due) => {
                    for (workspace, id) in due {
                        apart.busy.insert(id);
                        let (desk, turn) = (desk.clone(), Arc::clone(&turn));
                        steps.spawn(async move { (id, take_step(&desk, &turn, workspace, id).await) });
                    }
                }
                Err(error) => tracing::warn!(%error, "Robot cannot see which tests wait for it; it looks again"),
            },
        }
    }
}

async fn take_step(desk: &Desk, turn: &Mutex<()>, workspace: WorkspaceId, id: EscalationId) -> Result<(), Error> {
    let Some(current) = desk.current(workspace, id).await? else { return Ok(()) };
    let it = &*current.escalation;
    let Some((_, step)) = it.robot_step().filter(|(at, _)| *at <= desk.clock().now()) else { return Ok(()) };
    let (rehearsal, problem) = match Rehearsal::of(&it.opening) {
        Ok(rehearsal) => (rehearsal, None),
        Err(problem) => (Rehearsal::default(), Some(problem)),
    };
    if step == RobotStep::Claim {
        return run(desk, workspace, id, OperatorVerb::Claim).await.map(drop);
    }
    // A message that was said before is not said again, so this also ends what a restart interrupted.
    for (i, text) in rehearsal.messages_of(it).into_iter().enumerate() {
        say(desk, workspace, it, &format!("robot-{i}"), text).await?;
    }
    match step {
        RobotStep::Claim | RobotStep::Speak => Ok(()),
        RobotStep::Reply => {
            let name = format!("robot-noted-{}", it.said_seq);
            say(desk, workspace, it, &name, ReplyText::from_static(NOTED)).await
        }
        RobotStep::Resolve => {
            // Many may wait for their turn, so none keeps its test in memory meanwhile. It may have ended or changed then.
            drop(current);
            let _turn = turn.lock().await;
            match desk.current(workspace, id).await? {
                Some(now) if now.escalation.status.is_open() => {
                    end(desk, workspace, &now.escalation, &rehearsal, problem).await
                }
                _ => Ok(()),
            }
        }
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
    let message = NewMessage::of_operator(
        MessageId::new(mint()),
        ClientMessageId::parse(name).map_err(|problem| Error::Internal(problem.to_string()))?,
        text.widen(),
        &Operator::robot().who,
    );
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
            Err(Error::Refused { refusal: refusal @ Refusal::NotCheckedInTime, .. }) => {
                problem = Some(not_followed(&refusal.to_string()));
            }
            done => return done.map(drop),
        }
    }
    let resolutions = answer::resolutions(it, rehearsal.disposition, problem.as_deref());
    match resolve(desk, workspace, &robot, it, Some(it.fence), resolutions).await {
        Err(Error::Refused {
            refusal: refusal @ (Refusal::InvalidFields { .. } | Refusal::NotCheckedInTime), ..
        }) => Err(Error::Internal(format!("Robot knows no end that is taken: {refusal:?}"))),
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
    let mut is_slow = false;
    for sent in tried {
        if is_slow && (sent.data.is_some() || !sent.actions.is_empty()) {
            continue;
        }
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
            // Other data would take as long, so only what carries none is tried then.
            Err(problem @ Error::Refused { refusal: Refusal::NotCheckedInTime, .. }) => {
                (refused, is_slow) = (problem, true);
            }
            done => return done,
        }
    }
    Err(refused)
}
