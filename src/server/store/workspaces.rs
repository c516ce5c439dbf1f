//! Workspaces and the installation: heads and epoch.

use sqlx::{Any, AnyConnection, Executor, Row};

use crate::{
    domain::{
        ids::{QueueId, WorkspaceId},
        seq::Seq,
        time::Timestamp,
    },
    server::{clock::mint, error::Error, store::Store},
};

/// Returns the epoch, which names this database's history. Creates the epoch if there is none.
pub async fn epoch(writer: &mut AnyConnection, now: Timestamp) -> Result<String, sqlx::Error> {
    let sql = "insert into installation (id, epoch, created_at) values (1, $1, $2) on conflict do nothing";
    sqlx::query(sql).bind(fresh_epoch()).bind(now.0).execute(&mut *writer).await?;
    named_epoch(writer).await
}

/// Returns the current epoch.
pub async fn named_epoch(pool: impl Executor<'_, Database = Any>) -> Result<String, sqlx::Error> {
    sqlx::query("select epoch from installation where id = 1").fetch_one(pool).await?.try_get(0)
}

/// Replaces the epoch, so that every cursor of the previous one becomes invalid.
pub async fn new_epoch(store: &Store) -> Result<(), sqlx::Error> {
    let sql = "update installation set epoch = $1 where id = 1";
    sqlx::query(sql).bind(fresh_epoch()).execute(store.writer()).await.map(drop)
}

/// Returns the random end of a new UUIDv7: eight base-32 characters.
fn fresh_epoch() -> String {
    crate::domain::ids::EventId::new(mint()).to_string().chars().rev().take(8).collect()
}

/// Makes sure that the workspace `default` and its queue `default` exist. The first caller creates them.
pub async fn default(connection: &mut AnyConnection, now: Timestamp) -> Result<WorkspaceId, Error> {
    let sql = "insert into workspace (id, name, head, open, created_at) values ($1, 'default', 0, 0, $2) on conflict do nothing";
    sqlx::query(sql).bind(WorkspaceId::new(mint()).to_string()).bind(now.0).execute(&mut *connection).await?;
    let row = sqlx::query("select id from workspace where name = 'default'").fetch_one(&mut *connection).await?;
    let text: String = row.try_get(0)?;
    let id = text.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id: text })?;
    let sql =
        "insert into queue (workspace_id, id, name, created_at) values ($1, $2, 'default', $3) on conflict do nothing";
    let queue = QueueId::new(mint()).to_string();
    sqlx::query(sql).bind(format!("{id}")).bind(queue).bind(now.0).execute(&mut *connection).await?;
    Ok(id)
}

/// Returns the seq of the newest event.
pub async fn head(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<Seq, Error> {
    let sql = "select head from workspace where id = $1";
    let row = sqlx::query(sql).bind(workspace.to_string()).fetch_optional(connection).await?;
    Ok(Seq(row.ok_or(crate::domain::refusal::Refusal::NotFound)?.try_get(0)?))
}

/// Returns the newest seq of every workspace, with which a process that missed a wake-up compares.
pub async fn heads(store: &Store) -> Result<Vec<(WorkspaceId, Seq)>, Error> {
    let rows = sqlx::query("select id, head from workspace").fetch_all(store.reader()).await?;
    rows.iter()
        .map(|row| {
            let text: String = row.try_get(0)?;
            let id = text.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id: text })?;
            Ok((id, Seq(row.try_get(1)?)))
        })
        .collect()
}

/// The head of a workspace, locked for the rest of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedHead {
    pub seq: Seq,
    /// The number of open escalations.
    pub open: i64,
    /// The search index has every event up to this seq.
    pub indexed: Seq,
}

/// Locks the head of a workspace for the rest of the transaction.
pub async fn lock_head(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
) -> Result<Option<LockedHead>, sqlx::Error> {
    let sql = "update workspace set head = head where id = $1 returning head, open, indexed_seq";
    let row = sqlx::query(sql).bind(workspace.to_string()).fetch_optional(connection).await?;
    row.map(|row| Ok(LockedHead { seq: Seq(row.try_get(0)?), open: row.try_get(1)?, indexed: Seq(row.try_get(2)?) }))
        .transpose()
}

/// Moves the head forward. A complete search index moves with it, because the writer adds the new events in the same
/// transaction. An index that is being rebuilt stays where it is, so that the background task reaches the new events.
pub async fn move_head(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    head: Seq,
    open: i64,
) -> Result<(), sqlx::Error> {
    let sql = "update workspace set head = $2, open = $3, \
        indexed_seq = case when indexed_seq = head then $2 else indexed_seq end where id = $1";
    sqlx::query(sql).bind(workspace.to_string()).bind(head.0).bind(open).execute(connection).await.map(drop)
}
