//! Lists as operators see them: one index walk per state, merged here.

use sqlx::{AnyConnection, Row as _};

use super::{escalations::parse, workspaces};
use crate::{
    domain::{
        escalation::Status,
        ids::{OperatorId, WorkspaceId},
        inbox::{Counts, Page, Query, Row, SortKey, View},
    },
    server::error::Error,
};

/// Rows a page.
const PAGE: usize = 50;

/// One walk through one state, for each kind of list.
pub const WAITING_LONGEST: &str = "select row from escalation where workspace_id = $1 and status = $2 \
    and (opened_at, id) > ($3, $4) order by opened_at, id limit $5";
pub const MINE: &str = "select row from escalation where workspace_id = $1 and status = 'claimed' and claimed_by = $2 \
    and (opened_at, id) > ($3, $4) order by opened_at, id limit $5";
pub const NEWEST: &str = "select row from escalation where workspace_id = $1 and status = $2 and closed_at is not null \
    and closed_at <= $3 and (closed_at < $3 or id > $4) order by closed_at desc, id limit $5";
/// The counts of all lists.
pub const COUNTS: &str = "select status, claimed_by, count(*) from escalation where workspace_id = $1 \
    and status in ('waiting', 'claimed', 'expired') group by status, claimed_by";

/// The rows after a key, and how far they reach. Within a snapshot, so that rows and `seq` are of one moment.
pub async fn page(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    query: Query,
    after: Option<SortKey>,
) -> Result<Page, Error> {
    let seq = workspaces::head(connection, workspace).await?;
    let newest_first = query.view.newest_first();
    let sql = match query.view {
        View::Mine => MINE,
        _ if newest_first => NEWEST,
        _ => WAITING_LONGEST,
    };
    let (at, id) = match after {
        Some((key, id)) => (if newest_first { -key } else { key }, id.to_string()),
        None => (if newest_first { i64::MAX } else { i64::MIN }, String::new()),
    };
    let mut rows: Vec<Row> = vec![];
    for status in query.view.statuses() {
        let which = if query.view == View::Mine { query.me.to_string() } else { status.as_str().to_owned() };
        let found = sqlx::query(sql)
            .bind(workspace.to_string())
            .bind(which)
            .bind(at)
            .bind(id.clone())
            .bind(PAGE as i64 + 1)
            .fetch_all(&mut *connection)
            .await?;
        for row in found {
            rows.push(parse("escalation", "row", &row.try_get::<String, _>(0)?)?);
        }
    }
    rows.sort_by_key(|row| query.key(row));
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    Ok(Page { seq, bound: rows.last().filter(|_| more).map(|last| query.key(last)), rows })
}

/// How many are on each list.
pub async fn counts(connection: &mut AnyConnection, workspace: WorkspaceId, me: OperatorId) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for row in sqlx::query(COUNTS).bind(workspace.to_string()).fetch_all(connection).await? {
        let (status, claimed_by): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        let broken = |column| Error::Inconsistent { table: "escalation", column, id: status.clone() };
        let known = Status::ALL.into_iter().find(|it| it.as_str() == status).ok_or_else(|| broken("status"))?;
        let claimed_by = claimed_by.map(|text| text.parse().map_err(|_| broken("claimed_by"))).transpose()?;
        counts.add(known, claimed_by, me, row.try_get(2)?);
    }
    Ok(counts)
}
