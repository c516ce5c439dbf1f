//! Changes of operators by admins and by the operators themselves: roles, names, passwords, preferences. Sign-in is in
//! `operators` and `sessions`.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{Store, operators, sessions};
use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::{Operator, Preferences, Role},
        text::Name,
        time::Timestamp,
    },
    server::error::Error,
};

/// An operator as admins see them.
#[derive(Debug, Clone)]
pub struct Member {
    pub operator: Operator,
    pub email: String,
    pub added_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
    /// The time of the operator's last stored sign-in.
    pub signed_in_at: Option<Timestamp>,
}

/// Returns every operator of a workspace, by name.
pub async fn all(store: &Store, workspace: WorkspaceId) -> Result<Vec<Member>, Error> {
    const SQL: &str = "select o.id, o.name, o.public_name, o.role, o.email, o.created_at, o.disabled_at, \
        (select max(s.at) from sign_in s where s.workspace_id = o.workspace_id and s.operator_id = o.id) \
        from operator o where o.workspace_id = $1 order by o.name, o.id";
    let rows = sqlx::query(SQL).bind(workspace.to_string()).fetch_all(store.reader()).await?;
    rows.iter().map(member).collect()
}

/// Returns an operator of a workspace.
pub async fn one(store: &Store, workspace: WorkspaceId, id: OperatorId) -> Result<Option<Member>, Error> {
    const SQL: &str = "select o.id, o.name, o.public_name, o.role, o.email, o.created_at, o.disabled_at, \
        (select max(s.at) from sign_in s where s.workspace_id = o.workspace_id and s.operator_id = o.id) \
        from operator o where o.workspace_id = $1 and o.id = $2";
    let query = sqlx::query(SQL).bind(workspace.to_string()).bind(id.to_string());
    query.fetch_optional(store.reader()).await?.as_ref().map(member).transpose()
}

fn member(row: &AnyRow) -> Result<Member, Error> {
    let who = operators::who(row)?;
    let broken = |column| Error::Inconsistent { table: "operator", column, id: who.id.to_string() };
    let role = row.try_get::<String, _>(3)?.parse().map_err(|_| broken("role"))?;
    Ok(Member {
        operator: Operator { who, role },
        email: row.try_get(4)?,
        added_at: Timestamp(row.try_get(5)?),
        disabled_at: row.try_get::<Option<i64>, _>(6)?.map(Timestamp),
        signed_in_at: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
    })
}

/// Returns whether any operator was ever added to this installation.
pub async fn has_operators(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    Ok(sqlx::query("select id from operator limit 1").fetch_optional(connection).await?.is_some())
}

/// Returns whether there is another enabled admin in addition to `but`. The caller must hold the lock of the
/// workspace's head.
pub async fn has_another_admin(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    but: OperatorId,
) -> Result<bool, sqlx::Error> {
    let sql = "select id from operator where workspace_id = $1 and id <> $2 and role = 'admin' \
               and disabled_at is null limit 1";
    let query = sqlx::query(sql).bind(workspace.to_string()).bind(but.to_string());
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// Sets the role of an operator. Returns false when there is no such operator.
pub async fn set_role(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: OperatorId,
    role: Role,
) -> Result<bool, sqlx::Error> {
    let sql = "update operator set role = $3 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(role.to_string());
    Ok(update.execute(connection).await?.rows_affected() == 1)
}

/// Disables an operator from a given time on, or enables them (`None`). Returns false when there is no such operator.
pub async fn set_disabled(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: OperatorId,
    at: Option<Timestamp>,
) -> Result<bool, sqlx::Error> {
    let sql = "update operator set disabled_at = $3 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string()).bind(at.map(|at| at.0));
    Ok(update.execute(connection).await?.rows_affected() == 1)
}

/// Stores the hash of an operator's new password.
pub async fn set_password(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: OperatorId,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    let sql = "update operator set password_hash = $3 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    update.bind(password_hash.to_owned()).execute(connection).await.map(drop)
}

/// The settings that operators change themselves.
#[derive(Debug, Clone)]
pub struct Profile {
    pub name: Name,
    pub public_name: Name,
    pub preferences: Preferences,
}

/// Returns an operator's own settings. Locks their row until the transaction ends, so that two concurrent changes do
/// not undo each other.
pub async fn lock_profile(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: OperatorId,
) -> Result<Profile, Error> {
    // An update is the only way to lock a row that works on both databases.
    let sql = "update operator set preferences = preferences where workspace_id = $1 and id = $2 \
               returning id, name, public_name, preferences";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    let row = update.fetch_one(connection).await?;
    let who = operators::who(&row)?;
    let preferences = sessions::preferences(&row, 3)?;
    Ok(Profile { name: who.name, public_name: who.public_name, preferences })
}

/// Stores an operator's own settings.
pub async fn set_profile(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    id: OperatorId,
    profile: &Profile,
) -> Result<(), Error> {
    let json = serde_json::to_string(&profile.preferences).map_err(|problem| Error::Internal(problem.to_string()))?;
    let sql = "update operator set name = $3, public_name = $4, preferences = $5 where workspace_id = $1 and id = $2";
    let update = sqlx::query(sql).bind(workspace.to_string()).bind(id.to_string());
    let update = update.bind(profile.name.to_string()).bind(profile.public_name.to_string()).bind(json);
    update.execute(connection).await?;
    Ok(())
}
