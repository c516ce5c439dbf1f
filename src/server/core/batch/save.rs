//! Saves the changes of a batch, with one statement per table.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use sqlx::AnyConnection;

use super::state::Batch;
use crate::{
    domain::ids::WorkspaceId,
    server::{
        core::log::RecordedEvent,
        error::Error,
        store::{
            Dialect, agents, escalations, events, messages,
            passages::Passage,
            search::{self, SearchIndex},
            workspaces,
        },
    },
};

impl Batch<'_> {
    /// Saves the changes with one statement per table, and returns the new events by workspace.
    pub async fn save(
        self,
        tx: &mut AnyConnection,
        dialect: Dialect,
    ) -> Result<BTreeMap<WorkspaceId, Vec<Arc<RecordedEvent>>>, Error> {
        let changed: Vec<_> = self.changed.iter().filter_map(|key| Some((key.0, self.escalations.get(key)?))).collect();
        if changed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys: HashSet<_> = changed.iter().map(|(ws, (it, _))| (*ws, it.conversation.clone())).collect();
        let conversations: Vec<_> = keys.iter().filter_map(|key| Some((key.0, self.conversations.get(key)?))).collect();
        let new_messages: Vec<_> = self.new_messages.iter().map(|(ws, id, message)| (*ws, *id, message)).collect();
        let answers: Vec<_> =
            self.new_answers.iter().filter_map(|name| Some((name, self.answers.get(name)?))).collect();
        escalations::save(tx, &changed).await?;
        escalations::save_conversations(tx, &conversations).await?;
        messages::insert(tx, &new_messages).await?;
        messages::save_receipts(tx, &self.replies).await?;
        events::insert(tx, &self.new_events).await?;
        for is_indexed in [true, false] {
            let is_here =
                |it: &&Passage| self.heads.get(&it.workspace).is_some_and(|head| head.is_indexed == is_indexed);
            let passages: Vec<&Passage> = self.new_passages.iter().filter(is_here).collect();
            search::index(tx, dialect, SearchIndex::in_use(dialect, is_indexed), &passages).await?;
        }
        events::insert_answers(tx, &answers, self.now).await?;
        for (workspace, agent) in &self.first_acknowledged {
            agents::acknowledged(tx, *workspace, *agent, self.now).await?;
        }
        for (workspace, head) in &self.heads {
            workspaces::move_head(tx, *workspace, head.seq, head.open).await?;
        }
        let mut events: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (workspace, event) in self.new_events {
            events.entry(workspace).or_default().push(event);
        }
        Ok(events)
    }
}
