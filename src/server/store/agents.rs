//! Agents and their API keys.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Store,
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        agent::AgentRef,
        ids::{AgentId, WorkspaceId},
        text::Name,
        time::{Span, Timestamp},
    },
    server::{clock::mint, error::Error, keys::ApiKey},
};

/// A stored API key: its workspace and agent, and the hash that verifies its secret.
#[derive(Debug)]
pub struct StoredKey {
    pub workspace: WorkspaceId,
    pub agent: AgentRef,
    pub secret_sha256: Vec<u8>,
    /// The time at which the key ends or ended.
    pub revoked_at: Option<Timestamp>,
    pub used_at: Option<Timestamp>,
}

/// Returns a key by its public id, revoked or not. A public id is unique across all workspaces, so it determines the
/// workspace.
pub async fn key(store: &Store, public_id: &str) -> Result<Option<StoredKey>, Error> {
    let sql = "select k.workspace_id, k.agent_id, a.name, k.secret_sha256, k.revoked_at, k.used_at, a.is_test \
        from api_key k \
        join agent a on a.workspace_id = k.workspace_id and a.id = k.agent_id where k.public_id = $1";
    let row = sqlx::query(sql).bind(public_id.to_owned()).fetch_optional(store.reader()).await?;
    let Some(row) = row else { return Ok(None) };
    let (workspace, agent, name): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let broken = |table, column| Error::Inconsistent { table, column, id: agent.clone() };
    Ok(Some(StoredKey {
        workspace: workspace.parse().map_err(|_| broken("api_key", "workspace_id"))?,
        agent: AgentRef {
            id: agent.parse().map_err(|_| broken("api_key", "agent_id"))?,
            name: Name::parse(name).map_err(|_| broken("agent", "name"))?,
            test: row.try_get::<i64, _>(6)? != 0,
        },
        secret_sha256: row.try_get(3)?,
        revoked_at: row.try_get::<Option<i64>, _>(4)?.map(Timestamp),
        used_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp),
    }))
}

/// The reason why an agent was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// Nobody should add a second key by mistake.
    #[error("There is an agent of this name, and it has a key.")]
    HasKey,
    #[error("There is a test agent of this name. Choose another name.")]
    IsTest,
    #[error("There is an agent of this name that is no test agent. Choose another name.")]
    IsNoTest,
}

/// Adds a key to the agent of this name, and creates the agent if needed: a test agent if this is a test key. An agent whose
/// keys are all revoked keeps its identity and gets a new key.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Result<AgentId, NotAdded>, Error> {
    const AGENT: &str = "insert into agent (workspace_id, id, name, created_at, is_test) values ($1, $2, $3, $4, $5) \
        on conflict (workspace_id, name) do nothing";
    const HAS_KEY: &str = "select public_id from api_key where workspace_id = $1 and agent_id = $2 \
        and (revoked_at is null or revoked_at > $3) limit 1";
    let query = sqlx::query(AGENT).bind(workspace.to_string()).bind(AgentId::new(mint()).to_string());
    let query = query.bind(name.to_string()).bind(now.0).bind(i64::from(key.is_test()));
    query.execute(&mut *connection).await?;
    let Some(AgentRef { id: agent, test, .. }) = find(connection, workspace, name).await? else {
        return Err(Error::Internal("the agent just added is not there".into()));
    };
    if test != key.is_test() {
        return Ok(Err(if test { NotAdded::IsTest } else { NotAdded::IsNoTest }));
    }
    let query = sqlx::query(HAS_KEY).bind(workspace.to_string()).bind(agent.to_string());
    if query.bind(now.0).fetch_optional(&mut *connection).await?.is_some() {
        return Ok(Err(NotAdded::HasKey));
    }
    add_key(connection, workspace, agent, key, now).await?;
    Ok(Ok(agent))
}

/// Adds another key to an agent.
pub async fn add_key(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    agent: AgentId,
    key: &ApiKey,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let sql = "insert into api_key (public_id, workspace_id, agent_id, secret_sha256, created_at) \
               values ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(key.public_id().to_owned()).bind(workspace.to_string());
    let query = query.bind(agent.to_string()).bind(key.sha256().to_vec()).bind(now.0);
    query.execute(connection).await.map(drop)
}

/// Revokes every key of an agent. Returns false when there is no agent of this name.
pub async fn revoke(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(agent) = find(connection, workspace, name).await? else { return Ok(false) };
    end_keys(connection, workspace, agent.id, "", now).await?;
    Ok(true)
}

/// Ends all keys of an agent except one at a given time, which may lie in the future. Keys that end earlier are
/// unchanged.
pub const END_KEYS: &str = "update api_key set revoked_at = $4 where workspace_id = $1 and agent_id = $2 \
    and public_id <> $3 and (revoked_at is null or revoked_at > $4)";

/// Runs [`END_KEYS`]. `but` is the public id of the key to keep, empty for none.
pub async fn end_keys(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    agent: AgentId,
    but: &str,
    ends_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query(END_KEYS).bind(workspace.to_string()).bind(agent.to_string()).bind(but.to_owned());
    query.bind(ends_at.0).execute(connection).await.map(drop)
}

/// The minimum time between two writes of a key's `used_at`.
const USED_EVERY: Span = Span::minutes(1);

/// Returns whether a key's `used_at` is due to be written.
pub fn is_due(used_at: Option<Timestamp>, now: Timestamp) -> bool {
    used_at.is_none_or(|used_at| now - used_at >= USED_EVERY)
}

/// Records that a key was used. Of several concurrent calls only the first one writes.
pub async fn used(store: &Store, workspace: WorkspaceId, public_id: &str, now: Timestamp) -> Result<(), Error> {
    let sql = "update api_key set used_at = $3 where workspace_id = $1 and public_id = $2 \
               and (used_at is null or used_at <= $4)";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(public_id.to_owned()).bind(now.0);
    update.bind(now.0 - USED_EVERY.0).execute(store.writer()).await?;
    Ok(())
}

/// An agent as admins see it, with its keys.
#[derive(Debug, Clone)]
pub struct KeyedAgent {
    pub agent: AgentRef,
    /// The valid keys, newest first.
    pub keys: Vec<KeyFacts>,
}

/// The public facts of a key.
#[derive(Debug, Clone)]
pub struct KeyFacts {
    pub public_id: String,
    pub created_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// The time at which the key ends, if one is set.
    pub ends_at: Option<Timestamp>,
}

/// Returns every agent of a workspace, by name, with its valid keys.
pub async fn all(store: &Store, workspace: WorkspaceId, now: Timestamp) -> Result<Vec<KeyedAgent>, Error> {
    const SQL: &str = "select a.id, a.name, k.public_id, k.created_at, k.used_at, k.revoked_at, a.is_test from agent a \
        left join api_key k on k.workspace_id = a.workspace_id and k.agent_id = a.id \
        and (k.revoked_at is null or k.revoked_at > $2) \
        where a.workspace_id = $1 order by a.name, a.id, k.created_at desc, k.public_id";
    let mut all: Vec<KeyedAgent> = vec![];
    for row in sqlx::query(SQL).bind(workspace.to_string()).bind(now.0).fetch_all(store.reader()).await? {
        let agent = agent_ref(&row)?;
        if all.last().is_none_or(|last| last.agent.id != agent.id) {
            all.push(KeyedAgent { agent, keys: vec![] });
        }
        if let (Some(public_id), Some(last)) = (row.try_get::<Option<String>, _>(2)?, all.last_mut()) {
            let moment = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Timestamp));
            let (used_at, ends_at) = (moment(4)?, moment(5)?);
            let created_at = Timestamp(row.try_get(3)?);
            last.keys.push(KeyFacts { public_id, created_at, used_at, ends_at });
        }
    }
    Ok(all)
}

/// Returns an agent of a workspace by its id.
pub async fn one(store: &Store, workspace: WorkspaceId, id: AgentId) -> Result<Option<AgentRef>, Error> {
    let sql = "select id, name, is_test from agent where workspace_id = $1 and id = $2";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    query.fetch_optional(store.reader()).await?.as_ref().map(agent_ref).transpose()
}

/// Reads an agent from a row with id, name and `is_test`.
fn agent_ref(row: &AnyRow) -> Result<AgentRef, Error> {
    let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let broken = |column| Error::Inconsistent { table: "agent", column, id: id.clone() };
    let name = Name::parse(name).map_err(|_| broken("name"))?;
    Ok(AgentRef { id: id.parse().map_err(|_| broken("id"))?, name, test: row.try_get::<i64, _>("is_test")? != 0 })
}

/// Returns those of these agents that have ever acknowledged an outcome.
pub async fn acknowledging(
    connection: &mut AnyConnection,
    agents: &[(WorkspaceId, AgentId)],
) -> Result<HashSet<(WorkspaceId, AgentId)>, Error> {
    const SQL: &str = "select workspace_id, id from agent where (workspace_id, id) in (values {rows}) \
        and acknowledged_at is not null";
    let mut found = HashSet::new();
    for agents in chunks(agents, 2) {
        let mut query = sqlx::query(with_rows(SQL, 2, agents.len()));
        for (workspace, agent) in agents {
            query = query.bind(workspace.to_string()).bind(agent.to_string());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (workspace, agent): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "agent", column, id: agent.clone() };
            let workspace = workspace.parse().map_err(|_| broken("workspace_id"))?;
            found.insert((workspace, agent.parse().map_err(|_| broken("id"))?));
        }
    }
    Ok(found)
}

/// Records that an agent acknowledges outcomes. Only the first acknowledgement is written.
pub async fn acknowledged(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    agent: AgentId,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str =
        "update agent set acknowledged_at = $3 where workspace_id = $1 and id = $2 and acknowledged_at is null";
    let query = sqlx::query(SQL).bind(workspace.to_string()).bind(agent.to_string()).bind(now.0);
    query.execute(connection).await?;
    Ok(())
}

async fn find(connection: &mut AnyConnection, workspace: WorkspaceId, name: &Name) -> Result<Option<AgentRef>, Error> {
    let sql = "select id, name, is_test from agent where workspace_id = $1 and name = $2";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(name.to_string());
    query.fetch_optional(connection).await?.as_ref().map(agent_ref).transpose()
}
