//! What goes on while the demo runs: agents press the button now and then, show customers what operators reply, pass on
//! what customers answer, and take outcomes back. One at a time they are what an agent's developer would write.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{DemoError, agent::DemoAgent, customer::DemoCustomer, until};

/// What can come up while the demo runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    agent: String,
    /// The body of the request. Each time it is opened it is another conversation, and another customer.
    open: Value,
}

/// Who the customers are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    customers: Vec<String>,
    stories: Vec<Story>,
    /// The conversation that waits for whoever signed in.
    star: Value,
}

const SCRIPT: &str = include_str!("live.json");
/// How many may be open at once, those that were there at the start included.
const MOST_OPEN: usize = 25;
/// How long it takes until the next one comes up, in seconds.
const UNTIL_THE_NEXT: std::ops::RangeInclusive<u64> = 20..=60;
/// How long a customer takes to write, in seconds.
const WRITES_FOR: std::ops::RangeInclusive<u64> = 2..=6;
/// How long one waits for what happens, in seconds, before one asks again.
const WAITS_FOR: u64 = 25;
/// One customer in so many gives up, after this long.
const GIVES_UP_ONCE_IN: u64 = 12;
const GIVES_UP_AFTER: Duration = Duration::from_secs(150);
/// How long after a request failed an agent goes on where it was.
const GOES_ON_AFTER: Duration = Duration::from_secs(10);
/// How long after its end the conversation for whoever signed in begins anew.
const STAR_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Plays the agents until the server stops.
pub struct LivePlay {
    agents: Vec<(&'static str, DemoAgent)>,
    concierge: DemoAgent,
    room: Arc<Semaphore>,
    chance: Rng,
    script: Script,
    /// The end of the play.
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

    /// Opens the conversation that waits for whoever signed in; the escalation's id.
    pub async fn open_star(&self) -> Result<String, DemoError> {
        self.concierge.opens(&self.script.star).await
    }

    /// Goes on with what is open, then opens more. `star` is the id that [`LivePlay::open_star`] answered.
    pub async fn play(mut self, star: String) {
        for (_, agent) in self.agents.clone() {
            let open = match agent.get("/escalations?status=open&limit=200").await {
                Ok((_, open)) => open,
                Err(error) => {
                    tracing::error!(%error, "a scripted agent does not know what it has open");
                    continue;
                }
            };
            for escalation in open["items"].as_array().into_iter().flatten() {
                let Some(id) = escalation["id"].as_str().map(str::to_owned) else { continue };
                let room = Arc::clone(&self.room).try_acquire_owned().ok();
                self.keep_up(&agent, id, escalation["seq"].as_i64(), false, room);
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
            conversation.insert("external_id".into(), json!(format!("conv-{round}")));
            let name = self.chance.choice(&self.script.customers);
            conversation.insert("customer".into(), json!({"external_id": format!("cus-{round}"), "name": name}));
        }
        let id = agent.opens(&request).await?;
        let gives_up = self.chance.u64(..GIVES_UP_ONCE_IN) == 0;
        self.keep_up(&agent, id, None, gives_up, Some(room));
        Ok(())
    }

    /// Stays with one escalation, in a task of its own; what was heard of it `after` tells.
    fn keep_up(
        &mut self,
        agent: &DemoAgent,
        id: String,
        after: Option<i64>,
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

/// Keeps one customer there for whoever signed in.
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

/// One escalation of an agent, from its side.
struct Bout {
    agent: DemoAgent,
    id: String,
    /// What of it was heard. Without this it begins at the open.
    after: Option<i64>,
    customer: DemoCustomer,
    chance: Rng,
    gives_up: bool,
}

impl Bout {
    /// To the end, or until the agent has no key any more.
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

    /// Waits for what happens and does what an agent does then, until it is closed and the outcome taken.
    async fn goes_on(&mut self, opened: Instant) -> Result<(), DemoError> {
        loop {
            let cursor = self.after.map(|after| format!("&after={after}")).unwrap_or_default();
            let path = format!("/escalations/{}/wait?seconds={WAITS_FOR}{cursor}", self.id);
            let (status, heard) = self.agent.get(&path).await?;
            if !status.is_success() {
                return Err(DemoError::Script(format!("{path}: {heard}")));
            }
            let said: Vec<&Value> =
                heard["events"].as_array().into_iter().flatten().filter(|it| is_reply(it)).collect();
            for event in &said {
                self.shows(&event["data"]["message"]).await?;
            }
            match heard["escalation"]["status"].as_str() {
                Some("waiting") if self.gives_up && opened.elapsed() > GIVES_UP_AFTER => {
                    let reason = json!({"reason": "The customer found the answer in the help pages."});
                    self.agent.post(&format!("/escalations/{}/cancel", self.id), &reason).await?;
                }
                Some("waiting" | "claimed") => {
                    if let Some(last) = said.last() {
                        self.answers(last["data"]["message"]["text"].as_str().unwrap_or_default()).await?;
                    }
                    // Not before: what fails on the way is done again.
                    self.after = heard["seq"].as_i64();
                }
                // What came back carried the outcome, so it is delivered; this says that it is understood.
                _ => {
                    sleep(Duration::from_secs(self.chance.u64(1..=3))).await;
                    self.agent.post(&format!("/escalations/{}/acknowledge", self.id), &json!({})).await?;
                    return Ok(());
                }
            }
        }
    }

    /// Shows an operator's message to the customer, and says so.
    async fn shows(&self, message: &Value) -> Result<(), DemoError> {
        let receipt = json!({"message_id": message["id"], "state": "shown"});
        self.agent.post(&format!("/escalations/{}/receipts", self.id), &receipt).await.map(drop)
    }

    async fn answers(&mut self, said: &str) -> Result<(), DemoError> {
        let Some(answer) = self.customer.answers(said) else { return Ok(()) };
        sleep(Duration::from_secs(1)).await;
        self.agent.post(&format!("/escalations/{}/typing", self.id), &json!({})).await?;
        sleep(Duration::from_secs(self.chance.u64(WRITES_FOR))).await;
        // It may have ended meanwhile; then nobody is there to hear it.
        self.agent.says(&self.id, "customer", answer).await.map(drop)
    }
}

fn is_reply(event: &Value) -> bool {
    event["type"] == "message.created" && event["data"]["message"]["role"] == "operator"
}
