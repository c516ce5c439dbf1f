//! Reading rows up to a number of bytes. A row limit alone would not bound the size of an answer.

use futures::{Stream, TryStreamExt};
use sqlx::any::AnyRow;

use crate::server::error::Error;

/// About the maximum number of bytes of one answer to an agent.
pub const ANSWER: usize = 256 * 1024;

/// The rows that were read.
#[derive(Debug)]
pub struct Portion<T> {
    pub items: Vec<T>,
    /// True if there were more rows than fitted.
    pub is_cut: bool,
}

/// Reads rows one at a time until they have `most` bytes together, but at least one. `item` converts a row and returns
/// its number of bytes.
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
