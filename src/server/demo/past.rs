//! Replays the past hours of the demo in order of time, on a clock that is moved from step to step. Agents use the JSON
//! API; operators and deadlines run commands of the [`Desk`]. So the demo holds only data that could really occur.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{agent::DemoAgent, cast::Cast, error::DemoError};
use crate::{
    domain::{
        claim::Fence,
        ids::{EscalationId, MessageId},
        outcome::{DecisionRequest, Resolution},
        queue::Urgency,
        text::{NoteText, tags},
        time::{Span, Timestamp},
    },
    server::{
        self,
        clock::Clock,
        config::Settings,
        contract::rfc3339,
        core::{
            command::{ActorVerb, Command, OperatorVerb, SystemVerb},
            desk::Desk,
        },
        keys::ApiKey,
        router,
    },
};

/// The script of an escalation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// The name of the agent that opens the escalation.
    agent: String,
    minutes_ago: i64,
    /// The body of the request that opens the escalation.
    open: Value,
    #[serde(default)]
    then: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// The seconds since the previous step.
    after: i64,
    #[serde(rename = "do")]
    deed: Deed,
}

/// An action in a script. Operators are named by their public names.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Deed {
    Claim {
        by: String,
    },
    Release {
        by: String,
    },
    Reply {
        by: String,
        text: String,
    },
    Note {
        by: String,
        text: String,
    },
    Mark {
        by: String,
        urgency: Option<Urgency>,
        tags: String,
    },
    TakeOver {
        by: String,
    },
    Resolve {
        by: String,
        with: Resolution<DecisionRequest>,
    },
    FollowUp {
        by: String,
        text: String,
    },
    /// The agent adds a message in a role, such as the customer's.
    Say {
        role: String,
        text: String,
    },
    /// The receipt of the operator's last reply.
    Receipt {
        state: String,
        detail: Option<String>,
    },
    Cancel {
        reason: String,
    },
    /// The agent receives the outcome.
    Take,
    Acknowledge,
    /// The deadline of the escalation is processed.
    FallDue,
}

/// The state of a script while it runs.
struct Played {
    agent: DemoAgent,
    id: EscalationId,
    fence: Option<Fence>,
    replied: Option<MessageId>,
}

/// The scripts, one after another in the file. Their steps are interleaved by time.
const STORIES: &str = include_str!("past.json");
/// The time between the messages of a transcript that has no timestamps.
const BETWEEN_MESSAGES: Span = Span::seconds(40);

/// Fills an empty database and closes it. The clock ends at the present time.
pub async fn fill(settings: &Settings, guest: ApiKey) -> Result<Cast, DemoError> {
    let stories: Vec<Story> = serde_json::from_str(STORIES).map_err(|error| DemoError::Script(error.to_string()))?;
    let present = Clock::system().now();
    let mut order: Vec<(Timestamp, usize, Option<usize>)> = vec![];
    for (i, story) in stories.iter().enumerate() {
        let mut at = present + Span::minutes(-story.minutes_ago);
        order.push((at, i, None));
        for (j, step) in story.then.iter().enumerate() {
            at = at + Span::seconds(step.after);
            order.push((at, i, Some(j)));
        }
    }
    order.sort();
    let began = order.first().map_or(present, |(at, ..)| *at + Span::minutes(-1));
    let hands = Arc::new(AtomicI64::new(began.0));
    let clock = {
        let hands = Arc::clone(&hands);
        Clock::told_by(move || Timestamp(hands.load(Ordering::SeqCst)))
    };
    let desk = server::open(settings, clock).await?;
    let cast = Cast::hire(&desk, guest).await?;
    let router = router::router(desk.clone(), Arc::new(settings.clone()));
    let mut played: Vec<Option<Played>> = stories.iter().map(|_| None).collect();
    for (at, i, step) in order {
        let story = &stories[i];
        hands.store(at.0, Ordering::SeqCst);
        let told = match (step, &mut played[i]) {
            (None, place) => {
                let hired = cast.scripted().find(|agent| agent.name == story.agent);
                let agent = DemoAgent::new(&router, hired.ok_or_else(|| unknown(&story.agent))?);
                let id = agent.opens(&dated(story.open.clone(), at)).await?;
                let id = id.parse().map_err(|_| unknown(&id))?;
                *place = Some(Played { agent, id, fence: None, replied: None });
                Ok(())
            }
            (Some(j), Some(played)) => play(&desk, &cast, played, &story.then[j].deed).await,
            (Some(_), None) => Err(unknown("a step before the open")),
        };
        told.map_err(|error| DemoError::Script(format!("story {i} of {}, step {step:?}: {error}", story.agent)))?;
    }
    hands.store(present.0, Ordering::SeqCst);
    desk.background_tasks().close();
    desk.background_tasks().wait().await;
    desk.store().close().await;
    Ok(cast)
}

fn unknown(what: &str) -> DemoError {
    DemoError::Script(format!("{what} is unknown"))
}

/// Adds timestamps before the opening to messages that have none.
fn dated(mut open: Value, opened: Timestamp) -> Value {
    let is_native = open["conversation"]["format"].is_null();
    if let Some(messages) = open.pointer_mut("/conversation/messages").and_then(Value::as_array_mut)
        && is_native
    {
        let mut at = opened;
        for message in messages.iter_mut().rev().filter_map(Value::as_object_mut) {
            at = at + Span(-BETWEEN_MESSAGES.0);
            message.entry("at").or_insert_with(|| json!(rfc3339(at)));
        }
    }
    open
}

async fn play(desk: &Desk, cast: &Cast, played: &mut Played, deed: &Deed) -> Result<(), DemoError> {
    let hand = |name: &str| cast.hand(desk, name).ok_or_else(|| unknown(name));
    let noted = |text: &str| NoteText::parse(text).map_err(|problem| DemoError::Script(format!("a note {problem}")));
    let held = |fence: Option<Fence>| fence.ok_or_else(|| unknown("the fence"));
    let escalation = played.id;
    let path = |verb: &str| format!("/escalations/{escalation}/{verb}");
    let by_system = async |verb| desk.run(Command::new(cast.workspace, escalation, ActorVerb::System(verb))).await;
    match deed {
        Deed::Claim { by } => played.fence = Some(hand(by)?.claims(escalation).await?),
        Deed::Reply { by, text } => {
            let done = hand(by)?.replies(escalation, held(played.fence)?, text).await?;
            played.replied = done.message.map(|message| message.id);
        }
        Deed::Resolve { by, with } => {
            let hand = hand(by)?;
            let current = hand.sees(escalation).await?;
            hand.resolves(&current.escalation, played.fence, [with.clone()]).await?;
        }
        Deed::TakeOver { by } => {
            let verb = OperatorVerb::TakeOver { fence: played.fence };
            played.fence = Some(hand(by)?.does(escalation, verb).await?.current.escalation.fence);
        }
        Deed::Release { by } => {
            let fence = held(played.fence.take())?;
            hand(by)?.does(escalation, OperatorVerb::Release { fence }).await?;
        }
        Deed::Note { by, text } => {
            hand(by)?.does(escalation, OperatorVerb::Note { text: noted(text)? }).await?;
        }
        Deed::FollowUp { by, text } => {
            hand(by)?.does(escalation, OperatorVerb::FollowUp { note: Some(noted(text)?) }).await?;
        }
        Deed::Mark { by, urgency, tags: words } => {
            let words = tags(words).map_err(|problem| DemoError::Script(format!("a tag {problem}")))?;
            let verb = OperatorVerb::Mark { urgency: *urgency, tags: Some(words) };
            hand(by)?.does(escalation, verb).await?;
        }
        Deed::Say { role, text } => {
            if !played.agent.says(&escalation.to_string(), role, text).await? {
                return Err(unknown("who may say this"));
            }
        }
        Deed::Receipt { state, detail } => {
            let message = played.replied.ok_or_else(|| unknown("what the receipt is of"))?;
            let receipt = json!({"message_id": message, "state": state, "detail": detail});
            played.agent.post(&path("receipts"), &receipt).await?;
        }
        Deed::Cancel { reason } => drop(played.agent.post(&path("cancel"), &json!({"reason": reason})).await?),
        Deed::Acknowledge => drop(played.agent.post(&path("acknowledge"), &json!({})).await?),
        // The API records this delivery when a response has been sent; here it gets the time of this step.
        Deed::Take => drop(by_system(SystemVerb::Deliver).await?),
        Deed::FallDue => drop(by_system(SystemVerb::FallDue).await?),
    }
    Ok(())
}
