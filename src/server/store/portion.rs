//! Reading rows as far as they have so many bytes together: a count says nothing of their size.

use futures::{Stream, TryStreamExt};
use sqlx::any::AnyRow;

use crate::server::error::Error;

/// About how many bytes one answer to an agent has at most.
pub const ANSWER: usize = 256 * 1024;

/// What was read.
#[derive(Debug)]
pub struct Portion<T> {
    pub items: Vec<T>,
    /// More rows were there than fitted.
    pub is_cut: bool,
}

/// Reads rows one at a time, until they have `most` bytes; at least one. `item` says what a row is and how many bytes it
/// has.
pub async fn read_portion<T>(
    rows: impl Stream<Item = Result<AnyRow, sqlx::Error>>,
    most: usize,
    item: impl Fn(&AnyRow) -> Result<(T, usize), Error>,
) -> Result<Portion<T>, Error> {
    let mut rows = std::pin::pin!(rows);
    let (mut items, mut bytes) = (vec![], 0_usize);
    while let Some(row) = rows.try_next().await? {
        let (item, more) = item(&row)?;
        bytes = bytes.saturating_add(more);
        if bytes > most && !items.is_empty() {
            return Ok(Portion { items, is_cut: true });
        }
        items.push(item);
    }
    Ok(Portion { items, is_cut: false })
}
