//! Agents and an operator who keep a server busy, through all its restarts, until they are told to stop.

use std::{sync::Arc, time::Duration};

use bailout::server::clock::mint;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{browser::Browser, chance::Chance};

/// The number of concurrent writers.
const WRITERS: usize = 4;

/// The running writers.
pub struct Writers {
    tasks: JoinSet<()>,
    reached: watch::Sender<i64>,
    stop: CancellationToken,
}

impl Writers {
    /// Starts writing, in turn for each of these agents.
    pub fn start(url: &str, keys: &[String], operator: &Arc<Browser>, chance: &mut Chance) -> Self {
        let (mut tasks, stop, reached) = (JoinSet::new(), CancellationToken::new(), watch::Sender::new(0));
        for n in 0..WRITERS {
            let writer = Writer {
                http: reqwest::Client::new(),
                url: url.to_owned(),
                key: keys[n % keys.len()].clone(),
                operator: Arc::clone(operator),
                reached: reached.clone(),
                chance: chance.split(),
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                stop.run_until_cancelled(writer.write()).await;
            });
        }
        Self { tasks, reached, stop }
    }

    /// Returns the highest seq that any writer was answered with.
    pub fn reached(&self) -> watch::Receiver<i64> {
        self.reached.subscribe()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }
}

struct Writer {
    http: reqwest::Client,
    url: String,
    key: String,
    operator: Arc<Browser>,
    reached: watch::Sender<i64>,
    chance: Chance,
}

impl Writer {
    /// Writes one escalation after another. An escalation that fails while the server is down is abandoned.
    async fn write(mut self) {
        loop {
            if self.tell().await.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn tell(&mut self) -> Option<()> {
        let conversation = json!({"id": mint().to_string(), "messages": [{"role": "customer", "text": "Hi"}]});
        let opening = json!({"reason": {"code": "other", "text": "help"}, "conversation": conversation});
        let id = self.post("/escalations", opening).await?["id"].as_str()?.to_owned();
        for n in 0..6 {
            if n == 3 {
                let claimed = self.operator.calls("claim", &format!("id={id}")).send().await.ok()?;
                let claim: Value = claimed.json().await.ok()?;
                let fence = &claim["Ok"]["fence"];
                let reply = format!("id={id}&fence={fence}&client_message_id={}&text=**Hello**", mint());
                self.operator.calls("reply", &reply).send().await.ok()?;
            }
            let text = "word ".repeat(1 + self.chance.below(100));
            let said = json!({"client_message_id": mint().to_string(), "role": "customer", "text": text});
            self.post(&format!("/escalations/{id}/messages"), said).await?;
        }
        self.post(&format!("/escalations/{id}/cancel"), json!({"reason": "Never mind."})).await?;
        Some(())
    }

    async fn post(&self, path: &str, body: Value) -> Option<Value> {
        let request = self.http.post(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key).json(&body);
        let answer = request.send().await.ok()?;
        let answer: Value = answer.status().is_success().then_some(answer)?.json().await.ok()?;
        let seq = answer["seq"].as_i64()?;
        self.reached.send_modify(|reached| *reached = seq.max(*reached));
        Some(answer)
    }
}
