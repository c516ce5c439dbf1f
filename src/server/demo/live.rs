//! Simulates agents while the demo runs: they open escalations now and then, show operators' replies to customers, send
//! the customers' answers, and receive outcomes. Each works like an agent that a developer would write.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{agent::DemoAgent, customer::DemoCustomer, error::DemoError, pace::until};

/// The script of an escalation that can be opened while the demo runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    agent: String,
    /// The body of the request. Each opening gets a new conversation and a new customer.
    open: Value,
}

/// The content of `live.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    customers: Vec<String>,
    stories: Vec<Story>,
    /// The request for the escalation that is reserved for the person who signed in.
    star: Value,
}

const SCRIPT: &str = include_str!("live.json");
/// The most escalations open at once, including those from the start.
const MOST_OPEN: usize = 25;
/// The time until the next escalation is opened, in seconds.
const UNTIL_THE_NEXT: std::ops::RangeInclusive<u64> = 20..=60;
/// The time a customer takes to write, in seconds.
const WRITES_FOR: std::ops::RangeInclusive<u64> = 2..=6;
/// The timeout of a wait request, in seconds.
const WAITS_FOR: u64 = 25;
/// Customers give up with a chance of one in this many, once their escalation has waited for this long.
const GIVES_UP_ONCE_IN: u64 = 12;
const GIVES_UP_AFTER: Duration = Duration::from_secs(150);
/// The pause before an agent retries after an error.
const GOES_ON_AFTER: Duration = Duration::from_secs(10);
/// The pause before the reserved escalation is opened again after its end.
const STAR_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The simulation of the agents, until the server stops.
pub struct LivePlay {
    agents: Vec<(&'static str, DemoAgent)>,
    concierge: DemoAgent,
    room: Arc<Semaphore>,
    chance: Rng,
    script: Script,
    /// The token that stops the simulation.
    stop: CancellationToken,
}

impl LivePlay {
    pub fn new(
        agents: Vec<(&'static str, DemoAgent)>,
        concierge: DemoAgent,
        chance: Rng,
        stop: CancellationToken,
    ) -> Result<Self, DemoError> {
        let script = serde_json::from_str(SCRIPT).map_err(|error| DemoError::Script(format!("live.json: {error}")))?;
        Ok(Self { agents, concierge, room: Arc::new(Semaphore::new(MOST_OPEN)), chance, script, stop })
    }

    /// Opens the escalation that is reserved for the person who signed in, and returns its id.
    pub async fn open_star(&self) -> Result<String, DemoError> {
        self.concierge.opens(&self.script.star).await
    }

    /// Continues open escalations, then opens more. `star` is the id that [`LivePlay::open_star`] returned.
    pub async fn play(mut self, star: String) {
        for (_, agent) in self.agents.clone() {
            // The position is read first, so that nothing is missed that happens after the list.
            let read = async {
                let (_, here) = agent.get("/events").await?;
                let (_, open) = agent.get("/escalations?status=open&limit=200").await?;
                Ok::<_, DemoError>((here["cursor"].as_str().map(str::to_owned), open))
            };
            let (here, open) = match read.await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(%error, "a scripted agent does not know what it has open");
                    continue;
                }
            };
            for escalation in open["items"].as_array().into_iter().flatten() {
                let Some(id) = escalation["id"].as_str().map(str::to_owned) else { continue };
                let room = Arc::clone(&self.room).try_acquire_owned().ok();
                self.keep_up(&agent, id, here.clone(), false, room);
            }
        }
        let (concierge, request, chance) = (self.concierge.clone(), self.script.star.clone(), self.chance.fork());
        tokio::join!(self.open_more(), stay(concierge, request, star, chance));
    }

    async fn open_more(mut self) {
        for round in 1_u64.. {
            sleep(Duration::from_secs(self.chance.u64(UNTIL_THE_NEXT))).await;
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
            match self.open_one(round, room).await {
                Ok(()) | Err(DemoError::Dismissed(_)) => {}
                Err(error) => tracing::error!(%error, "a scripted agent could not press the button"),
            }
        }
    }

    async fn open_one(&mut self, round: u64, room: OwnedSemaphorePermit) -> Result<(), DemoError> {
        let missing = || DemoError::Script("live.json: a story lacks its agent".to_owned());
        let story = self.chance.choice(&self.script.stories).ok_or_else(missing)?;
        let (_, agent) = self.agents.iter().find(|(name, _)| *name == story.agent).ok_or_else(missing)?;
        let agent = agent.clone();
        let mut request = story.open.clone();
        if let Some(conversation) = request["conversation"].as_object_mut() {
            conversation.insert("id".into(), json!(format!("conv-{round}")));
            let name = self.chance.choice(&self.script.customers);
            conversation.insert("customer".into(), json!({"id": format!("cus-{round}"), "name": name}));
        }
        let id = agent.opens(&request).await?;
        let gives_up = self.chance.u64(..GIVES_UP_ONCE_IN) == 0;
        self.keep_up(&agent, id, None, gives_up, Some(room));
        Ok(())
    }

    /// Starts a task that handles one escalation, from the cursor `after`.
    fn keep_up(
        &mut self,
        agent: &DemoAgent,
        id: String,
        after: Option<String>,
        gives_up: bool,
        room: Option<OwnedSemaphorePermit>,
    ) {
        let bout = Bout {
            agent: agent.clone(),
            id,
            after,
            customer: DemoCustomer::anyone(self.chance.fork()),
            chance: self.chance.fork(),
            gives_up,
        };
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _room = room;
            until(&stop, bout.play()).await
        });
    }
}

/// Keeps the reserved escalation open: each time it ends, it is opened again.
async fn stay(agent: DemoAgent, request: Value, mut id: String, mut chance: Rng) {
    loop {
        let (customer, own) = (DemoCustomer::star(chance.fork()), chance.fork());
        Bout { agent: agent.clone(), id, after: None, customer, chance: own, gives_up: false }.play().await;
        id = loop {
            sleep(STAR_AGAIN_AFTER).await;
            match agent.opens(&request).await {
                Ok(id) => break id,
                Err(DemoError::Dismissed(_)) => return,
                Err(error) => tracing::error!(%error, "a scripted agent could not press the button"),
            }
        };
    }
}

/// An escalation that an agent handles.
struct Bout {
    agent: DemoAgent,
    id: String,
    /// The cursor of the last event handled; `None` begins at the opening.
    after: Option<String>,
    customer: DemoCustomer,
    chance: Rng,
    gives_up: bool,
}

impl Bout {
    /// Handles the escalation until it ends or the agent's key is revoked.
    async fn play(mut self) {
        let opened = Instant::now();
        while let Err(error) = self.goes_on(opened).await {
            if matches!(error, DemoError::Dismissed(_)) {
                return;
            }
            tracing::error!(%error, id = self.id, "a scripted agent lost its escalation and looks for it again");
            sleep(GOES_ON_AFTER).await;
        }
    }

    /// Waits for events and reacts to them, until the escalation is closed and its outcome acknowledged.
    async fn goes_on(&mut self, opened: Instant) -> Result<(), DemoError> {
        loop {
            let after = self.after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
            let heard = self.reads(&format!("/events?wait={WAITS_FOR}{after}")).await?;
            let said: Vec<&Value> = heard["items"].as_array().into_iter().flatten().filter(|it| is_reply(it)).collect();
            for event in &said {
                self.shows(&event["data"]["message"]).await?;
            }
            let events = heard["items"].as_array().into_iter().flatten();
            // The page carried the outcome, so the outcome is delivered; this request acknowledges it.
            if events.into_iter().any(|event| event["data"]["escalation"]["outcome"].is_object()) {
                sleep(Duration::from_secs(self.chance.u64(1..=3))).await;
                self.agent.post(&format!("/escalations/{}/acknowledge", self.id), &json!({})).await?;
                return Ok(());
            }
            let is_tired = self.gives_up && opened.elapsed() > GIVES_UP_AFTER;
            if is_tired && self.reads("").await?["status"] == "waiting" {
                let reason = json!({"reason": "The customer found the answer in the help pages."});
                self.agent.post(&format!("/escalations/{}/cancel", self.id), &reason).await?;
            } else if let Some(last) = said.last() {
                self.answers(last["data"]["message"]["text"].as_str().unwrap_or_default()).await?;
            }
            // The cursor advances only now, so that failed steps are retried.
            self.after = heard["cursor"].as_str().map(str::to_owned);
        }
    }

    /// Reads what there is at an address of the escalation.
    async fn reads(&self, address: &str) -> Result<Value, DemoError> {
        let path = format!("/escalations/{}{address}", self.id);
        let (status, body) = self.agent.get(&path).await?;
        if status.is_success() { Ok(body) } else { Err(DemoError::Script(format!("{path}: {body}"))) }
    }

    /// Sends the receipt that an operator's message was shown to the customer.
    async fn shows(&self, message: &Value) -> Result<(), DemoError> {
        let receipt = json!({"message_id": message["id"], "state": "shown"});
        self.agent.post(&format!("/escalations/{}/receipts", self.id), &receipt).await.map(drop)
    }

    async fn answers(&mut self, said: &str) -> Result<(), DemoError> {
        let Some(answer) = self.customer.answers(said) else { return Ok(()) };
        sleep(Duration::from_secs(1)).await;
        self.agent.post(&format!("/escalations/{}/typing", self.id), &json!({})).await?;
        sleep(Duration::from_secs(self.chance.u64(WRITES_FOR))).await;
        // The escalation may have ended meanwhile; then the answer is not accepted.
        self.agent.says(&self.id, "customer", answer).await.map(drop)
    }
}

fn is_reply(event: &Value) -> bool {
    event["type"] == "message.created" && event["data"]["message"]["role"] == "operator"
}
