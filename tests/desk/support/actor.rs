//! A random actor for tests: an agent and an operator in one, so that all commands meet.

use std::sync::{Arc, Mutex};

use bailout::{
    domain::{disposition::Disposition, event::TransferTarget, outcome::Resolution, queue::QueueRef, text::NoteText},
    server::{core::command::OperatorVerb, store::queues},
};
use reqwest::Method;
use serde_json::json;

use super::{
    chance::Chance,
    person::Person,
    server::{Agent, id},
};

/// The ids that all actors act on, the newest last.
pub type Known = Arc<Mutex<Vec<String>>>;

/// An agent and an operator who act at random.
pub struct Actor {
    pub bot: Agent,
    pub person: Person,
    pub colleague: Person,
    pub known: Known,
    pub chance: Chance,
}

impl Actor {
    /// Acts this many times in sequence.
    pub async fn acts(mut self, turns: usize) {
        for _ in 0..turns {
            self.turn().await;
        }
    }

    /// Acts once. A refused action changes nothing.
    async fn turn(&mut self) {
        let it = {
            let known = self.known.lock().expect("ids");
            let recent = known.len().min(25);
            known[known.len() - 1 - self.chance.below(recent)].clone()
        };
        let current = self.person.desk.current(self.person.workspace, id(&it)).await.expect("a read").expect("one");
        let fence = current.escalation.fence;
        let escalation = id(&it);
        match self.chance.below(21) {
            0..=2 => self.opens().await,
            3 | 4 => drop(self.bot.says(&it, "customer", "**Hello?**\n\n- one\n- two").await),
            5 => drop(self.bot.says(&it, if self.chance.once_in(2) { "agent" } else { "system" }, "Let me see.").await),
            6..=8 => drop(self.person.claims(&it).await),
            9 => drop(self.person.releases(&it, fence).await),
            10 => {
                let to = match self.chance.once_in(2) {
                    true => TransferTarget::Operator(self.colleague.operator.who.clone()),
                    false => TransferTarget::Queue(self.some_queue().await),
                };
                let note = self.chance.once_in(2).then(|| NoteText::parse("Yours.").expect("a note"));
                drop(self.person.does(escalation, OperatorVerb::Transfer { fence: Some(fence), to, note }).await);
            }
            11 => drop(self.person.does(escalation, OperatorVerb::TakeOver { fence: Some(fence) }).await),
            12 | 13 => drop(self.person.replies(&it, fence, "A `word` from *here*.").await),
            14 => {
                let text = NoteText::parse("She is a regular.").expect("a note");
                drop(self.person.does(escalation, OperatorVerb::Note { text }).await);
            }
            15 | 16 => {
                let said = *self.chance.one(&[Disposition::Handled, Disposition::Declined, Disposition::Referred]);
                drop(self.person.resolves(&it, Some(fence), Resolution::bare(said)).await);
            }
            17 => drop(self.bot.post(&format!("/escalations/{it}/cancel"), json!({"reason": "Never mind."})).await),
            18 => drop(self.bot.post(&format!("/escalations/{it}/acknowledge"), json!({})).await),
            19 => {
                let said = format!("Corrected {} times.", self.chance.below(1_000));
                let body = json!({"summary": said, "customer": {"name": said}, "ask": {"prompt": said}});
                drop(self.bot.asks(Method::PATCH, &format!("/escalations/{it}"), Some(body), &[]).await);
            }
            _ => drop(self.bot.get(&format!("/escalations/{it}")).await),
        }
    }

    async fn some_queue(&mut self) -> QueueRef {
        let all = queues::all(self.person.desk.store(), self.person.workspace).await.expect("queues");
        self.chance.one(&all).clone()
    }

    async fn opens(&mut self) {
        let conversation = json!({"id": format!("conv_{}", self.chance.below(30)), "messages": []});
        let more = match self.chance.below(4) {
            0 => json!({"ask": {"kind": "question"}, "conversation": conversation}),
            1 => json!({"ask": {"kind": "decision", "actions": [{"id": "a", "name": "pay"}]}}),
            2 => json!({"conversation": conversation, "deadlines": {"expire_after_seconds": 60}}),
            _ => json!({"conversation": conversation}),
        };
        let queue = self.some_queue().await.name.to_string();
        let mut body = json!({"reason": {"code": "other", "text": "help"}, "routing": {"queue": queue}});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        // A conversation has at most one open takeover, so this may be refused.
        if let Some(id) = self.bot.post("/escalations", body).await.body["id"].as_str() {
            self.known.lock().expect("ids").push(id.to_owned());
        }
    }
}
