//! Agents and their keys.

use std::collections::HashSet;

use sqlx::{AnyConnection, Row};

use super::{
    Store,
    rows::{chunks, with_rows},
};
use crate::{
    domain::{
        agent::AgentRef,
        ids::{AgentId, WorkspaceId},
        text::Name,
        time::Timestamp,
    },
    server::{clock::mint, error::Error, keys::ApiKey},
};

/// What is known of a key: whose it is, and how to tell that it is that.
#[derive(Debug)]
pub struct StoredKey {
    pub workspace: WorkspaceId,
    pub agent: AgentRef,
    pub secret_sha256: Vec<u8>,
    pub revoked_at: Option<Timestamp>,
}

/// A key by its public id, revoked or not. A public id is unique among all workspaces: it is what tells the workspace.
pub async fn key(store: &Store, public_id: &str) -> Result<Option<StoredKey>, Error> {
    let sql = "select k.workspace_id, k.agent_id, a.name, k.secret_sha256, k.revoked_at from api_key k \
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
        },
        secret_sha256: row.try_get(3)?,
        revoked_at: row.try_get::<Option<i64>, _>(4)?.map(Timestamp),
    }))
}

/// Gives an agent of this name its key. An agent whose keys are all revoked gets a new one and stays itself; one that
/// has a key is refused (`None`), so that nobody adds a second by mistake.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Option<AgentId>, Error> {
    const AGENT: &str = "insert into agent (workspace_id, id, name, created_at) values ($1, $2, $3, $4) \
        on conflict (workspace_id, name) do nothing";
    const KEY: &str = "insert into api_key (public_id, workspace_id, agent_id, secret_sha256, created_at) \
        values ($1, $2, $3, $4, $5)";
    const HAS_KEY: &str = "select public_id from api_key where workspace_id = $1 and agent_id = $2 \
        and revoked_at is null limit 1";
    let query = sqlx::query(AGENT).bind(workspace.to_string()).bind(AgentId::new(mint()).to_string());
    query.bind(name.to_string()).bind(now.0).execute(&mut *connection).await?;
    let Some(agent) = find(connection, workspace, name).await? else {
        return Err(Error::Internal("the agent just added is not there".into()));
    };
    let query = sqlx::query(HAS_KEY).bind(workspace.to_string()).bind(agent.to_string());
    if query.fetch_optional(&mut *connection).await?.is_some() {
        return Ok(None);
    }
    let query = sqlx::query(KEY).bind(key.public_id().to_owned()).bind(workspace.to_string());
    let query = query.bind(agent.to_string()).bind(key.sha256().to_vec()).bind(now.0);
    query.execute(&mut *connection).await?;
    Ok(Some(agent))
}

/// Revokes every key of an agent; false when there is no agent of this name.
pub async fn revoke(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str =
        "update api_key set revoked_at = $3 where workspace_id = $1 and agent_id = $2 and revoked_at is null";
    let Some(agent) = find(connection, workspace, name).await? else { return Ok(false) };
    let query = sqlx::query(SQL).bind(workspace.to_string()).bind(agent.to_string()).bind(now.0);
    query.execute(connection).await?;
    Ok(true)
}

/// Those of these agents that have ever acknowledged an outcome.
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

/// Notes that an agent acknowledges outcomes; only the first time counts.
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

async fn find(connection: &mut AnyConnection, workspace: WorkspaceId, name: &Name) -> Result<Option<AgentId>, Error> {
    let sql = "select id from agent where workspace_id = $1 and name = $2";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(name.to_string());
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(None) };
    let id: String = row.try_get(0)?;
    Ok(Some(id.parse().map_err(|_| Error::Inconsistent { table: "agent", column: "id", id })?))
}
