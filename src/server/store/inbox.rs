//! The lists of the console: one index scan per shelf and sort order, merged here. Filters are evaluated on the rows
//! themselves, by the same rule as in the browser.

use sqlx::{AnyConnection, Row as _};

use super::{escalations::parse, workspaces};
use crate::{
    domain::{
        escalation::Shelf,
        ids::{OperatorId, QueueId, WorkspaceId},
        inbox::{
            Counts, FilterChoice, FilterChoices, Filters, ListPage, Listing, Query, Row, SortKey, SortOrder, View,
        },
    },
    server::error::Error,
};

/// The number of rows per page.
const PAGE: usize = 50;
/// The number of rows that a filtered list reads at once, and the number after which it returns the rows found so far.
/// The bound then says how far the list was read, and the next page continues there.
const STRIDE: i64 = 250;
const FARTHEST: usize = 2_000;
/// The maximum number of names that a filter offers.
const MOST_CHOICES: i64 = 500;

macro_rules! walk {
    ($among:literal, $key:literal) => {
        concat!(
            "select row from escalation where workspace_id = $1 and ",
            $among,
            " and (",
            $key,
            ", id) > ($3, $4) order by ",
            $key,
            ", id limit $5"
        )
    };
}

/// A scan of one shelf in each sort order, and the index that the scan uses.
pub const SHELF: [(&str, &str); 4] = [
    (walk!("shelf = $2 and closed_at is null", "key_waiting"), "escalation_waiting"),
    (walk!("shelf = $2 and closed_at is null", "key_deadline"), "escalation_deadline"),
    (walk!("shelf = $2", "key_urgency"), "escalation_urgency"),
    (walk!("shelf = $2", "key_newest"), "escalation_newest"),
];
/// The same scans, of the escalations on one operator's desk (`claimed_by`).
pub const MINE: [(&str, &str); 4] = [
    (walk!("shelf = $2 and claimed_by = $6", "key_waiting"), "escalation_mine_waiting"),
    (walk!("shelf = $2 and claimed_by = $6", "key_deadline"), "escalation_mine_deadline"),
    (walk!("shelf = $2 and claimed_by = $6", "key_urgency"), "escalation_mine_urgency"),
    (walk!("shelf = $2 and claimed_by = $6", "key_newest"), "escalation_mine_newest"),
];
/// The counts of all lists.
pub const COUNTS: &str = "select shelf, claimed_by, queue_id, count(*) from escalation where workspace_id = $1 \
    and shelf in ('waiting', 'claimed', 'not_picked_up', 'missed') group by shelf, claimed_by, queue_id";
/// The agents, queues and operators of a workspace, as filter choices.
pub const CHOICES: [&str; 3] = [
    "select id, name from agent where workspace_id = $1 limit $2",
    "select id, case when removed_at is null then name else name || ' (removed)' end from queue \
        where workspace_id = $1 limit $2",
    "select id, name from operator where workspace_id = $1 limit $2",
];

/// Returns the rows after a key, and the key up to which they are complete, for an operator who does not serve the
/// queues `elsewhere`. The caller runs it in a snapshot, so that rows and `seq` are consistent.
pub async fn page(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    query: Query,
    after: Option<SortKey>,
    elsewhere: &[QueueId],
) -> Result<ListPage, Error> {
    let seq = workspaces::head(connection, workspace).await?;
    let serves_all = query.listing.view != View::Queue || elsewhere.is_empty();
    let narrowed = query.listing.filters != Filters::default() || !serves_all;
    // Reads one row more than a page holds, which tells whether there are more.
    let most = if narrowed { STRIDE } else { PAGE as i64 + 1 };
    let (mut rows, mut bound, mut looked_at) = (vec![], after, 0);
    loop {
        let (mut found, reached) = stretch(connection, workspace, query, bound, most).await?;
        looked_at += found.len();
        found.retain(|row| query.shows(row, elsewhere));
        rows.append(&mut found);
        bound = reached;
        if rows.len() > PAGE {
            rows.truncate(PAGE);
            bound = rows.last().map(|last| query.key(last));
        }
        if bound.is_none() || rows.len() == PAGE || looked_at >= FARTHEST {
            return Ok(ListPage { seq, rows, bound });
        }
    }
}

/// Returns every row of a list's shelves after a key, up to the returned key or to the end. Reads at most `most` rows
/// of each shelf.
async fn stretch(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    query: Query,
    after: Option<SortKey>,
    most: i64,
) -> Result<(Vec<Row>, Option<SortKey>), Error> {
    let Listing { view, sort, .. } = query.listing;
    let walks = if view == View::Mine { &MINE } else { &SHELF };
    let (sql, _) = walks[match sort {
        SortOrder::Waiting => 0,
        SortOrder::Deadline => 1,
        SortOrder::Urgency => 2,
        SortOrder::Newest => 3,
    }];
    let (key, id) = after.map_or((i64::MIN, String::new()), |(key, id)| (key, id.to_string()));
    let mut rows: Vec<Row> = vec![];
    let mut reached: Option<SortKey> = None;
    for shelf in view.shelves() {
        let walk =
            sqlx::query(sql).bind(workspace.to_string()).bind(shelf.as_str()).bind(key).bind(id.clone()).bind(most);
        let walk = if view == View::Mine { walk.bind(query.me.to_string()) } else { walk };
        let found = walk.fetch_all(&mut *connection).await?;
        for row in &found {
            rows.push(parse("escalation", "row", &row.try_get::<String, _>(0)?)?);
        }
        // A scan that did not reach its limit has read to the end.
        if let Some(last) = rows.last().filter(|_| found.len() as i64 == most) {
            reached = Some(query.key(last)).into_iter().chain(reached).min();
        }
    }
    rows.retain(|row| reached.is_none_or(|reached| query.key(row) <= reached));
    rows.sort_by_key(|row| query.key(row));
    Ok((rows, reached))
}

/// Returns the number of escalations on each list.
pub async fn counts(
    connection: &mut AnyConnection,
    workspace: WorkspaceId,
    me: OperatorId,
    elsewhere: &[QueueId],
) -> Result<Counts, Error> {
    let mut counts = Counts::default();
    for row in sqlx::query(COUNTS).bind(workspace.to_string()).fetch_all(connection).await? {
        let (shelf, claimed_by, queue): (String, Option<String>, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let broken = |column| Error::Inconsistent { table: "escalation", column, id: shelf.clone() };
        let known = Shelf::named(&shelf).ok_or_else(|| broken("shelf"))?;
        let claimed_by = claimed_by.map(|text| text.parse().map_err(|_| broken("claimed_by"))).transpose()?;
        let queue = queue.parse().map_err(|_| broken("queue_id"))?;
        counts.add(known, claimed_by == Some(me), !elsewhere.contains(&queue), row.try_get(3)?);
    }
    Ok(counts)
}

/// Returns the choices of each filter, by name.
pub async fn choices(connection: &mut AnyConnection, workspace: WorkspaceId) -> Result<FilterChoices, Error> {
    let mut all: [Vec<FilterChoice>; 3] = Default::default();
    for (choices, sql) in all.iter_mut().zip(CHOICES) {
        let rows = sqlx::query(sql).bind(workspace.to_string()).bind(MOST_CHOICES).fetch_all(&mut *connection).await?;
        for row in rows {
            choices.push(FilterChoice { value: row.try_get(0)?, label: row.try_get(1)? });
        }
        choices.sort_by_cached_key(|choice| choice.label.to_lowercase());
    }
    let [agents, queues, people] = all;
    Ok(FilterChoices { agents, queues, people })
}
