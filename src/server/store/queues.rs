//! Queues: their names, members and defaults. These settings are outside the log. Every request reads them again, so
//! that each server applies changes at once. A change first locks the workspace's head, so that it comes completely
//! before or after any write to the log.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::rows::{chunks, with_rows};
use crate::{
    domain::{
        deadline::RequestedDeadlines,
        ids::{OperatorId, QueueId, WorkspaceId},
        queue::{QueueDefaults, QueueMembers, QueueRef, Urgency},
        refusal::Refusal,
        text::{Name, NoteText},
        time::{Span, Timestamp},
    },
    server::{
        clock::mint,
        error::Error,
        store::{Store, workspaces},
    },
};

/// The name of the queue for escalations that name none. This queue cannot be renamed or removed.
pub const DEFAULT: &str = "default";

/// A queue with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    pub itself: QueueRef,
    pub defaults: QueueDefaults,
    pub members: QueueMembers,
}

const COLUMNS: usize = 7;

/// Returns a queue in use by its current or a former name, and its defaults. The case of English letters does not
/// matter, but a name with exactly the same case comes first.
pub async fn named(
    store: &Store,
    workspace: WorkspaceId,
    name: &str,
) -> Result<Option<(QueueRef, QueueDefaults)>, Error> {
    let sql = "select id, name, urgency, claim_within, resolve_within, expire_after, expiry_note from queue \
               where workspace_id = $1 and removed_at is null and id = coalesce(\
               (select id from queue where workspace_id = $1 and lower(name) = lower($2) order by name <> $2, id limit 1), \
               (select queue_id from queue_former_name where workspace_id = $1 and lower(name) = lower($2) \
               order by name <> $2, name limit 1))";
    let row = sqlx::query(sql).bind(workspace.to_string()).bind(name.to_owned()).fetch_optional(store.reader()).await?;
    row.as_ref().map(|row| Ok((queue_ref(row)?, defaults(row)?))).transpose()
}

/// Returns every queue in use, by name.
pub async fn all(store: &Store, workspace: WorkspaceId) -> Result<Vec<QueueRef>, Error> {
    let sql = "select id, name from queue where workspace_id = $1 and removed_at is null order by name";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    rows.iter().map(queue_ref).collect()
}

/// Returns every removed queue, by name.
pub async fn removed(store: &Store, workspace: WorkspaceId) -> Result<Vec<QueueRef>, Error> {
    let sql = "select id, name from queue where workspace_id = $1 and removed_at is not null order by name";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    rows.iter().map(queue_ref).collect()
}

/// Returns the former names of queues, by which agents still find them.
pub async fn former_names(store: &Store, workspace: WorkspaceId) -> Result<Vec<QueueRef>, Error> {
    let sql = "select queue_id, name from queue_former_name where workspace_id = $1 order by name";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    rows.iter().map(queue_ref).collect()
}

/// Returns the settings of every queue in use, by name.
pub async fn settings(store: &Store, workspace: WorkspaceId) -> Result<Vec<QueueSettings>, Error> {
    let sql = "select q.id, q.name, q.urgency, q.claim_within, q.resolve_within, q.expire_after, q.expiry_note, \
               m.operator_id from queue q left join queue_member m on m.workspace_id = q.workspace_id \
               and m.queue_id = q.id where q.workspace_id = $1 and q.removed_at is null order by q.name, m.operator_id";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    let mut queues: Vec<QueueSettings> = vec![];
    for row in &rows {
        let itself = queue_ref(row)?;
        if queues.last().is_none_or(|last| last.itself.id != itself.id) {
            queues.push(QueueSettings { itself, defaults: defaults(row)?, members: QueueMembers::default() });
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

fn defaults(row: &AnyRow) -> Result<QueueDefaults, Error> {
    let id: String = row.try_get(0)?;
    let broken = |column| Error::Inconsistent { table: "queue", column, id: id.clone() };
    let span = |column: usize| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Span));
    let urgency =
        row.try_get::<Option<String>, _>(2)?.map(|text| Urgency::named(&text).ok_or_else(|| broken("urgency")));
    let note =
        row.try_get::<Option<String>, _>(6)?.map(|text| NoteText::parse(text).map_err(|_| broken("expiry_note")));
    Ok(QueueDefaults {
        urgency: urgency.transpose()?,
        within: RequestedDeadlines { claim: span(3)?, resolve: span(4)?, expire: span(5)? },
        expiry_note: note.transpose()?,
    })
}

fn operator(text: String) -> Result<OperatorId, Error> {
    text.parse().map_err(|_| Error::Inconsistent { table: "queue_member", column: "operator_id", id: text })
}

/// The queues that have members, among them not this operator.
pub const ELSEWHERE: &str = "select queue_id from queue_member where workspace_id = $1 group by queue_id \
    having max(case when operator_id = $2 then 1 else 0 end) = 0";

/// Returns the queues that an operator does not serve.
pub async fn not_served_by(
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

/// The members of these queues. A queue without members is served by every operator and has no rows here.
pub const MEMBERS: &str =
    "select workspace_id, queue_id, operator_id from queue_member where (workspace_id, queue_id) in (values {rows})";

/// Returns the members of these queues, a pair for each.
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

/// Those of these queues that are in use.
pub const IN_USE: &str =
    "select id, name, workspace_id from queue where removed_at is null and (workspace_id, id) in (values {rows})";

/// Returns those of these queues that are in use, with their current names.
pub async fn in_use(
    connection: &mut AnyConnection,
    of: &[(WorkspaceId, QueueId)],
) -> Result<Vec<(WorkspaceId, QueueRef)>, Error> {
    let mut found = vec![];
    for some in chunks(of, 2) {
        let query = sqlx::query(with_rows(IN_USE, 2, some.len()));
        let query = some.iter().fold(query, |query, (ws, id)| query.bind(ws.to_string()).bind(id.to_string()));
        for row in query.fetch_all(&mut *connection).await? {
            let text: String = row.try_get(2)?;
            let broken = |_| Error::Inconsistent { table: "queue", column: "workspace_id", id: text.clone() };
            found.push((text.parse().map_err(broken)?, queue_ref(&row)?));
        }
    }
    Ok(found)
}

/// Returns the version of each workspace's queues. The version increases when something changes that open pages show:
/// names and members.
pub async fn versions(store: &Store) -> Result<Vec<(WorkspaceId, i64)>, Error> {
    let rows = sqlx::query("select id, members_version from workspace").fetch_all(store.reader()).await?;
    let version = |row: &AnyRow| {
        let text: String = row.try_get(0)?;
        let id = text.parse().map_err(|_| Error::Inconsistent { table: "workspace", column: "id", id: text })?;
        Ok((id, row.try_get(1)?))
    };
    rows.iter().map(version).collect()
}

/// Returns the version of one workspace's queues: see [`versions`].
pub async fn version(store: &Store, workspace: WorkspaceId) -> Result<i64, Error> {
    let sql = "select members_version from workspace where id = $1";
    Ok(sqlx::query(sql).bind(workspace.to_string()).fetch_one(store.reader()).await?.try_get(0)?)
}

/// Removes an operator from every queue. A queue that is left without members is served by every operator.
pub async fn leave(connection: &mut AnyConnection, workspace: WorkspaceId, operator: OperatorId) -> Result<(), Error> {
    let sql = "delete from queue_member where workspace_id = $1 and operator_id = $2";
    let left =
        sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).execute(&mut *connection).await?;
    if left.rows_affected() > 0 {
        bump_version(connection, workspace).await?;
    }
    Ok(())
}

/// Increases the version of the workspace's queues, so that open pages detect that they are stale: see [`versions`].
async fn bump_version(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<(), Error> {
    let sql = "update workspace set members_version = members_version + 1 where id = $1";
    sqlx::query(sql).bind(workspace.to_string()).execute(connection).await?;
    Ok(())
}

/// Adds a queue that every operator serves, or brings back a removed queue of this name with its settings. Refused when
/// a queue has this name in whatever case.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    name: &Name,
    now: Timestamp,
) -> Result<QueueId, Error> {
    workspaces::lock_head(connection, workspace).await?;
    let others = alike(connection, workspace, name).await?;
    if let Some(other) = others.iter().find(|it| it.queue.name != *name) {
        return Err(other.has_it());
    }
    let sql = "insert into queue (workspace_id, id, name, created_at) values ($1, $2, $3, $4) \
               on conflict (workspace_id, name) do update set removed_at = null where queue.removed_at is not null \
               returning id";
    let insert = sqlx::query(sql).bind(workspace.to_string()).bind(QueueId::new(mint()).to_string());
    let insert = insert.bind(name.to_string()).bind(now.0).fetch_optional(&mut *connection).await?;
    let id: String = insert.ok_or_else(taken)?.try_get(0)?;
    take_name(connection, workspace, name).await?;
    bump_version(connection, workspace).await?;
    id.parse().map_err(|_| Error::Inconsistent { table: "queue", column: "id", id })
}

fn taken() -> Error {
    Refusal::field("/name", "There is a queue of this name.").into()
}

/// A queue with the same name, ignoring case.
struct Alike {
    queue: QueueRef,
    is_removed: bool,
}

impl Alike {
    /// Returns the refusal that this queue has the name.
    fn has_it(&self) -> Error {
        let name = &self.queue.name;
        let sentence = match self.is_removed {
            true => {
                format!("A queue that was removed has this name: {name}. Add that one again, or choose another name.")
            }
            false => format!("There is a queue {name}, and case alone tells no names apart."),
        };
        Refusal::field("/name", sentence).into()
    }
}

/// Returns the queues with a name, ignoring case, including removed ones. The comparison is not done in SQL, because
/// SQLite only knows the case of English letters.
async fn alike(connection: &mut AnyConnection, workspace: WorkspaceId, name: &Name) -> Result<Vec<Alike>, Error> {
    let sql = "select id, name, removed_at from queue where workspace_id = $1";
    let rows = sqlx::query(sql).bind(workspace.to_string()).fetch_all(connection).await?;
    let read = |row: &AnyRow| {
        let is_removed = row.try_get::<Option<i64>, _>(2)?.is_some();
        Ok::<_, Error>(Alike { queue: queue_ref(row)?, is_removed })
    };
    let all: Vec<Alike> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let folded = |name: &Name| name.as_str().to_lowercase();
    Ok(all.into_iter().filter(|it| folded(&it.queue.name) == folded(name)).collect())
}

/// Deletes a former name that is now the name of a queue, so that it leads to no other queue.
async fn take_name(connection: &mut AnyConnection, workspace: WorkspaceId, name: &Name) -> Result<(), Error> {
    let sql = "delete from queue_former_name where workspace_id = $1 and lower(name) = lower($2)";
    sqlx::query(sql).bind(workspace.to_string()).bind(name.to_string()).execute(connection).await?;
    Ok(())
}

/// Returns the name of a queue in use.
async fn name_of(connection: &mut AnyConnection, workspace: WorkspaceId, id: QueueId) -> Result<String, Error> {
    let sql = "select name from queue where workspace_id = $1 and id = $2 and removed_at is null";
    let row = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).fetch_optional(connection).await?;
    Ok(row.ok_or(Refusal::NotFound)?.try_get(0)?)
}

/// Takes a queue out of use: agents no longer find it, and nothing can be transferred to it. Its open escalations stay
/// in it, visible to those who serve it, until they are closed. [`add`] brings the queue back.
pub async fn remove(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: QueueId,
    now: Timestamp,
) -> Result<(), Error> {
    workspaces::lock_head(connection, workspace).await?;
    if name_of(connection, workspace, id).await? == DEFAULT {
        return Err(Refusal::field("/id", "The default queue stays: it takes what names no other.").into());
    }
    let sql = "update queue set removed_at = $3 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(now.0);
    update.execute(&mut *connection).await?;
    bump_version(connection, workspace).await
}

/// Renames a queue. Agents still find it by the old name until another queue takes that name.
async fn rename(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    queue: &QueueRef,
    was: &str,
) -> Result<(), Error> {
    if was == DEFAULT {
        return Err(Refusal::field("/name", "The default queue keeps its name: agents rely on it.").into());
    }
    let others = alike(connection, workspace, &queue.name).await?;
    if let Some(other) = others.iter().find(|it| it.queue.id != queue.id) {
        return Err(other.has_it());
    }
    take_name(connection, workspace, &queue.name).await?;
    let sql = "update queue set name = $3 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(queue.id.to_string()).bind(queue.name.to_string());
    update.execute(&mut *connection).await?;
    let sql = "insert into queue_former_name (workspace_id, name, queue_id) values ($1, $2, $3)";
    let insert = sqlx::query(sql).bind(workspace.to_string()).bind(was.to_owned()).bind(queue.id.to_string());
    insert.execute(connection).await?;
    Ok(())
}

/// Changes a queue's name, defaults and members. The change also applies to the open escalations in it.
pub async fn change(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    queue: &QueueSettings,
) -> Result<(), Error> {
    workspaces::lock_head(connection, workspace).await?;
    let was = name_of(connection, workspace, queue.itself.id).await?;
    let renamed = was != queue.itself.name.as_str();
    if renamed {
        rename(connection, workspace, &queue.itself, &was).await?;
    }
    let (ws, id) = (workspace.to_string(), queue.itself.id.to_string());
    let sql = "update queue set urgency = $3, claim_within = $4, resolve_within = $5, expire_after = $6, \
               expiry_note = $7 where workspace_id = $1 and id = $2";
    let QueueDefaults { urgency, within, expiry_note } = &queue.defaults;
    let update = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(urgency.map(Urgency::as_str));
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
        // Only operators of the workspace become members.
        let sql = "insert into queue_member (workspace_id, queue_id, operator_id) select workspace_id, $2, id \
                   from operator where workspace_id = $1 and id = $3 on conflict do nothing";
        let insert = sqlx::query(sql).bind(ws.clone()).bind(id.clone()).bind(operator.to_string());
        changed += insert.execute(&mut *connection).await?.rows_affected();
    }
    if renamed || changed > 0 {
        bump_version(connection, workspace).await?;
    }
    Ok(())
}
