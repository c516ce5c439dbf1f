//! Links that work once: to set up the installation, to join a workspace, or to choose a new password. Only the hash of
//! a link's secret is stored. Used and revoked links are deleted.

use sqlx::{AnyConnection, Row, any::AnyRow};

use super::Store;
use crate::{
    domain::{
        ids::{OperatorId, WorkspaceId},
        operator::Role,
        time::{Span, Timestamp},
    },
    server::error::Error,
};

/// The lifetime of a link to choose a new password.
pub const RESET_LASTS: Span = Span::hours(24);

/// The purpose of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Create the first admin.
    SetUp,
    /// Join with a role.
    Invite(Role),
    /// Choose a new password.
    Reset(OperatorId),
}

impl LinkPurpose {
    fn kind(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::Invite(_) => "invite",
            Self::Reset(_) => "reset",
        }
    }
}

/// Adds the condition that a link is valid at time `$2`. A link to set up is invalid once an operator exists. A link
/// made by an admin is invalid once its maker is disabled or no longer an admin.
macro_rules! good {
    ($sql:literal) => {
        concat!(
            $sql,
            " and ends_at > $2 and (kind <> 'set_up' or not exists (select 1 from operator)) \
             and (made_by is null or exists (select 1 from operator o where o.workspace_id = one_time_link.workspace_id \
             and o.id = one_time_link.made_by and o.role = 'admin' and o.disabled_at is null))"
        )
    };
}

/// A link that is still valid.
#[derive(Debug, Clone)]
pub struct OneTimeLink {
    /// The hash of its secret, which identifies it in the database.
    pub digest: Vec<u8>,
    pub workspace: WorkspaceId,
    pub purpose: LinkPurpose,
    pub ends_at: Timestamp,
}

/// Adds a link and deletes expired ones. `made_by` is an admin, except for the link to set up.
pub async fn add(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    digest: &[u8; 32],
    (purpose, made_by): (LinkPurpose, Option<OperatorId>),
    now: Timestamp,
    ends_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (role, operator) = match purpose {
        LinkPurpose::SetUp => (None, None),
        LinkPurpose::Invite(role) => (Some(role.to_string()), None),
        LinkPurpose::Reset(operator) => (None, Some(operator.to_string())),
    };
    let sql = "delete from one_time_link where workspace_id = $1 and ends_at <= $2";
    sqlx::query(sql).bind(workspace.to_string()).bind(now.0).execute(&mut *connection).await?;
    let sql = "insert into one_time_link (secret_sha256, workspace_id, kind, role, operator_id, created_at, ends_at, \
               made_by) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    let insert = sqlx::query(sql).bind(digest.to_vec()).bind(workspace.to_string()).bind(purpose.kind()).bind(role);
    let insert = insert.bind(operator).bind(now.0).bind(ends_at.0);
    insert.bind(made_by.map(|by| by.to_string())).execute(connection).await.map(drop)
}

/// Returns a valid link. A link to set up is not found once an operator exists.
pub async fn find(store: &Store, digest: &[u8; 32], now: Timestamp) -> Result<Option<OneTimeLink>, Error> {
    let sql = good!(
        "select secret_sha256, workspace_id, kind, role, operator_id, ends_at from one_time_link where secret_sha256 = $1"
    );
    let row = sqlx::query(sql).bind(digest.to_vec()).bind(now.0).fetch_optional(store.reader()).await?;
    row.as_ref().map(link).transpose()
}

/// Deletes and returns a valid link. Of two concurrent callers only one gets it. A rollback makes it usable again.
pub async fn take(connection: &mut AnyConnection, digest: &[u8], now: Timestamp) -> Result<Option<OneTimeLink>, Error> {
    let sql = concat!(
        good!("delete from one_time_link where secret_sha256 = $1"),
        " returning secret_sha256, workspace_id, kind, role, operator_id, ends_at"
    );
    let row = sqlx::query(sql).bind(digest.to_vec()).bind(now.0).fetch_optional(connection).await?;
    row.as_ref().map(link).transpose()
}

/// Returns the valid invitations of a workspace, newest first.
pub async fn invitations(store: &Store, workspace: WorkspaceId, now: Timestamp) -> Result<Vec<OneTimeLink>, Error> {
    let sql = concat!(
        good!(
            "select secret_sha256, workspace_id, kind, role, operator_id, ends_at from one_time_link \
             where workspace_id = $1 and kind = 'invite'"
        ),
        " order by created_at desc, secret_sha256"
    );
    let rows = sqlx::query(sql).bind(workspace.to_string()).bind(now.0).fetch_all(store.reader()).await?;
    rows.iter().map(link).collect()
}

/// Revokes an invitation. Returns false when there is none with this digest.
pub async fn revoke_invitation(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    digest: &[u8],
) -> Result<bool, sqlx::Error> {
    let sql = "delete from one_time_link where workspace_id = $1 and secret_sha256 = $2 and kind = 'invite'";
    let done = sqlx::query(sql).bind(workspace.to_string()).bind(digest.to_vec()).execute(connection).await?;
    Ok(done.rows_affected() > 0)
}

/// Revokes every link to set up the installation.
pub async fn revoke_set_up(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<(), sqlx::Error> {
    let sql = "delete from one_time_link where workspace_id = $1 and kind = 'set_up'";
    sqlx::query(sql).bind(workspace.to_string()).execute(connection).await.map(drop)
}

/// Revokes every link to choose the password of an operator.
pub async fn revoke_resets(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    operator: OperatorId,
) -> Result<(), sqlx::Error> {
    let sql = "delete from one_time_link where workspace_id = $1 and kind = 'reset' and operator_id = $2";
    sqlx::query(sql).bind(workspace.to_string()).bind(operator.to_string()).execute(connection).await.map(drop)
}

fn link(row: &AnyRow) -> Result<OneTimeLink, Error> {
    let (workspace, kind): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let (role, operator): (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
    let broken = |column| Error::Inconsistent { table: "one_time_link", column, id: workspace.clone() };
    let purpose = match kind.as_str() {
        "set_up" => Some(LinkPurpose::SetUp),
        "invite" => role.and_then(|role| role.parse().ok()).map(LinkPurpose::Invite),
        "reset" => operator.and_then(|id| id.parse().ok()).map(LinkPurpose::Reset),
        _ => None,
    };
    Ok(OneTimeLink {
        digest: row.try_get(0)?,
        purpose: purpose.ok_or_else(|| broken("kind"))?,
        ends_at: Timestamp(row.try_get(5)?),
        workspace: workspace.parse().map_err(|_| broken("workspace_id"))?,
    })
}
