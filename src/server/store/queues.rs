//! Queues: their names, who serves them, what they fill in. Settings, outside the log; read anew by every request, so that
//! each server follows at once.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::rows::{chunks, with_rows};
use crate::{
    domain::{
        deadline::Within,
        ids::{OperatorId, QueueId, WorkspaceId},
        queue::{Defaults, Members, QueueRef, Urgency},
        refusal::Refusal,
        text::{Name, NoteText},
        time::{Span, Timestamp},
    },
    server::{clock::mint, error::Error, store::Store},
};

/// The queue of escalations that name none. It keeps its name and is never removed.
pub const DEFAULT: &str = "default";

/// A queue as its settings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    pub itself: QueueRef,
    pub defaults: Defaults,
    pub members: Members,
}

const COLUMNS: usize = 7;

/// A queue by its name, and what it fills in.
pub async fn named(store: &Store, workspace: WorkspaceId, name: &str) -> Result<Option<(QueueRef, Defaults)>, Error> {
    let sql = "select id, name, urgency, claim_within, resolve_within, expire_after, expiry_note from queue \
               where workspace_id = $1 and name = $2";
    let row = sqlx::query(sql).bind(workspace.to_string()).bind(name.to_owned()).fetch_optional(store.reader()).await?;
    row.as_ref().map(|row| Ok((queue_ref(row)?, defaults(row)?))).transpose()
}

/// Every queue, by name.
pub async fn all(store: &Store, workspace: WorkspaceId) -> Result<Vec<QueueRef>, Error> {
    let sql = "select id, name from queue where workspace_id = $1 order by name";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    rows.iter().map(queue_ref).collect()
}

/// Every queue as its settings show it, by name.
pub async fn settings(store: &Store, workspace: WorkspaceId) -> Result<Vec<Queue>, Error> {
    let sql = "select q.id, q.name, q.urgency, q.claim_within, q.resolve_within, q.expire_after, q.expiry_note, \
               m.operator_id from queue q left join queue_member m on m.workspace_id = q.workspace_id \
               and m.queue_id = q.id where q.workspace_id = $1 order by q.name, m.operator_id";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    let mut queues: Vec<Queue> = vec![];
    for row in &rows {
        let itself = queue_ref(row)?;
        if queues.last().is_none_or(|last| last.itself.id != itself.id) {
            queues.push(Queue { itself, defaults: defaults(row)?, members: Members::default() });
        }
        let member: Option<String> = row.try_get(COLUMNS)?;
        if let (Some(member), Some(queue)) = (member, queues.last_mut()) {
            queue.members.0.push(operator(member)?);
        }
    }
    Ok(queues)
}

fn queue_ref(row: &AnyRow) -> Result<QueueRef, Error> {
    let (id, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let broken = |column| Error::Inconsistent { table: "queue", column, id: id.clone() };
    let name = Name::parse(name).map_err(|_| broken("name"))?;
    Ok(QueueRef { id: id.parse().map_err(|_| broken("id"))?, name })
}

fn defaults(row: &AnyRow) -> Result<Defaults, Error> {
    let id: String = row.try_get(0)?;
    let broken = |column| Error::Inconsistent { table: "queue", column, id: id.clone() };
    let span = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Span));
    let urgency = row.try_get::<Option<String>, _>(2)?.map(|text| {
        let known = Urgency::ALL.into_iter().find(|it| it.as_str() == text);
        known.ok_or_else(|| broken("urgency"))
    });
    let note =
        row.try_get::<Option<String>, _>(6)?.map(|text| NoteText::parse(text).map_err(|_| broken("expiry_note")));
    Ok(Defaults {
        urgency: urgency.transpose()?,
        within: Within { claim: span(3)?, resolve: span(4)?, expire: span(5)? },
        expiry_note: note.transpose()?,
    })
}

fn operator(text: String) -> Result<OperatorId, Error> {
    text.parse().map_err(|_| Error::Inconsistent { table: "queue_member", column: "operator_id", id: text })
}

/// The queues that have members of whom an operator is none.
pub const ELSEWHERE: &str = "select queue_id from queue_member where workspace_id = $1 group by queue_id \
    having max(case when operator_id = $2 then 1 else 0 end) = 0";

/// The queues that an operator does not serve.
pub async fn elsewhere(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
) -> Result<Vec<QueueId>, Error> {
    let query = sqlx::query(ELSEWHERE).bind(workspace.to_string()).bind(operator.to_string());
    let id = |row: &AnyRow| {
        let text: String = row.try_get(0)?;
        text.parse().map_err(|_| Error::Inconsistent { table: "queue_member", column: "queue_id", id: text })
    };
    query.fetch_all(connection).await?.iter().map(id).collect()
}

/// The members of these queues. One that is served by everybody is left out.
pub const MEMBERS: &str =
    "select workspace_id, queue_id, operator_id from queue_member where (workspace_id, queue_id) in (values {rows})";

/// The members of some queues, a row each.
pub async fn members(
    connection: &mut AnyConnection,
    of: &[(WorkspaceId, QueueId)],
) -> Result<Vec<((WorkspaceId, QueueId), OperatorId)>, Error> {
    let mut found = vec![];
    for some in chunks(of, 2) {
        let query = sqlx::query(with_rows(MEMBERS, 2, some.len()));
        let query = some.iter().fold(query, |query, (ws, id)| query.bind(ws.to_string()).bind(id.to_string()));
        for row in query.fetch_all(&mut *connection).await? {
            let (workspace, queue): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let broken = |column| Error::Inconsistent { table: "queue_member", column, id: queue.clone() };
            let workspace = workspace.parse().map_err(|_| broken("workspace_id"))?;
            let id = queue.parse().map_err(|_| broken("queue_id"))?;
            found.push(((workspace, id), operator(row.try_get(2)?)?));
        }
    }
    Ok(found)
}

/// How often the members of each workspace's queues have changed.
pub async fn versions(store: &Store) -> Result<Vec<(WorkspaceId, i64)>, Error> {
    let rows = sqlx::query("select id, members_version from workspace").fetch_all(store.reader()).await?;
    let version = |row: &AnyRow| {
        let text: String = row.try_get(0)?;
        let id = text.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id: text })?;
        Ok((id, row.try_get(1)?))
    };
    rows.iter().map(version).collect()
}

/// How often the members of a workspace's queues have changed.
pub async fn version(store: &Store, workspace: WorkspaceId) -> Result<i64, Error> {
    let sql = "select members_version from workspace where id = $1";
    Ok(sqlx::query(sql).bind(workspace.to_string()).fetch_one(store.reader()).await?.try_get(0)?)
}

/// Takes somebody out of every queue. A queue that is left without members is served by everybody.
pub async fn leave(connection: &mut AnyConnection, workspace: WorkspaceId, operator: OperatorId) -> Result<(), Error> {
    let sql = "delete from queue_member where workspace_id = $1 and operator_id = $2";
    let left =
        sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).execute(&mut *connection).await?;
    if left.rows_affected() > 0 {
        members_changed(connection, workspace).await?;
    }
    Ok(())
}

/// What pages hold was made by other members than there are now: see [`version`].
async fn members_changed(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<(), Error> {
    let sql = "update workspace set members_version = members_version + 1 where id = $1";
    sqlx::query(sql).bind(workspace.to_string()).execute(connection).await?;
    Ok(())
}

/// Adds a queue that everybody serves; refused when there is one of that name.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    now: Timestamp,
) -> Result<QueueId, Error> {
    let id = QueueId::new(mint());
    let sql = "insert into queue (workspace_id, id, name, created_at) values ($1, $2, $3, $4) on conflict do nothing";
    let insert = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(name.to_string()).bind(now.0);
    if insert.execute(connection).await?.rows_affected() == 0 {
        return Err(taken());
    }
    Ok(id)
}

fn taken() -> Error {
    Refusal::field("/name", "There is a queue of this name.").into()
}

/// Changes a queue's name, what it fills in, and its members. What waits there keeps the name under which it was opened.
pub async fn change(connection: &mut AnyConnection, workspace: WorkspaceId, queue: &Queue) -> Result<(), Error> {
    let (ws, id, name) = (workspace.to_string(), queue.itself.id.to_string(), queue.itself.name.to_string());
    // Who changes members at the same time waits here, so that they are those of one of the two.
    let lock = "update workspace set members_version = members_version where id = $1";
    sqlx::query(lock).bind(ws.clone()).execute(&mut *connection).await?;
    let sql = "select name, (select count(*) from queue other where other.workspace_id = $1 and other.name = $3 \
               and other.id <> $2) from queue where workspace_id = $1 and id = $2";
    let known = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(name.clone());
    let known = known.fetch_optional(&mut *connection).await?.ok_or(Refusal::NotFound)?;
    let was_named: String = known.try_get(0)?;
    if was_named == DEFAULT && name != DEFAULT {
        return Err(Refusal::field("/name", "The default queue keeps its name: agents rely on it.").into());
    }
    if known.try_get::<i64, _>(1)? > 0 {
        return Err(taken());
    }
    let sql = "update queue set name = $3, urgency = $4, claim_within = $5, resolve_within = $6, expire_after = $7, \
               expiry_note = $8 where workspace_id = $1 and id = $2";
    let Defaults { urgency, within, expiry_note } = &queue.defaults;
    let update = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(name).bind(urgency.map(Urgency::as_str));
    let update = update.bind(within.claim.map(|it| it.0)).bind(within.resolve.map(|it| it.0));
    let update = update.bind(within.expire.map(|it| it.0)).bind(expiry_note.as_ref().map(NoteText::to_string));
    update.execute(&mut *connection).await?;

    let before = members(connection, &[(workspace, queue.itself.id)]).await?;
    let before: Vec<OperatorId> = before.into_iter().map(|(_, member)| member).collect();
    let gone = before.iter().filter(|it| !queue.members.0.contains(it));
    let new = queue.members.0.iter().filter(|it| !before.contains(it));
    let mut changed = 0;
    for operator in gone {
        let sql = "delete from queue_member where workspace_id = $1 and queue_id = $2 and operator_id = $3";
        let delete = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(operator.to_string());
        changed += delete.execute(&mut *connection).await?.rows_affected();
    }
    for operator in new {
        // Whoever is no operator of the workspace is none of the queue.
        let sql = "insert into queue_member (workspace_id, queue_id, operator_id) select workspace_id, $2, id \
                   from operator where workspace_id = $1 and id = $3 on conflict do nothing";
        let insert = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(operator.to_string());
        changed += insert.execute(&mut *connection).await?.rows_affected();
    }
    if changed > 0 {
        members_changed(connection, workspace).await?;
    }
    Ok(())
}
