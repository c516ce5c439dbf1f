//! SQL with a variable number of rows, for batches. Only this module builds SQL text at run time.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use sqlx::AssertSqlSafe;

/// About the maximum number of binds of a statement. The databases accept 30 times as many, but SQLite compares each
/// numbered placeholder with all before it, so the cost of a statement is quadratic in its binds.
const MOST_BINDS: usize = 1_024;
/// The maximum number of commands in a batch. Up to this number of rows go into one statement, so that a batch needs no
/// more statements than a command. Each template has at most this many texts, plus one for each larger power of two.
const ANY_NUMBER: usize = 64;

/// The cache of statements, by template and number of rows. There are few of either.
type Built = HashMap<(&'static str, usize), Arc<str>>;
static BUILT: LazyLock<Mutex<Built>> = LazyLock::new(Mutex::default);

/// Replaces `{rows}` in a template by `($1, $2), ($3, $4), …`. This is safe, because a template is part of the program
/// and only numbered placeholders are inserted.
pub fn with_rows(template: &'static str, columns: usize, rows: usize) -> AssertSqlSafe<Arc<str>> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let sql = built.entry((template, rows)).or_insert_with(|| {
        let tuples: Vec<String> = (0..rows)
            .map(|row| {
                let binds: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
                format!("({})", binds.join(", "))
            })
            .collect();
        template.replace("{rows}", &tuples.join(", ")).into()
    });
    AssertSqlSafe(Arc::clone(sql))
}

/// Splits rows with so many columns into chunks, one for each statement. Up to 64 rows form one chunk. More rows are
/// split into the largest powers of two that fit, so that there are few different statements.
pub fn chunks<T>(rows: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    let most = (1 << (MOST_BINDS / columns.max(1)).max(1).ilog2()).max(ANY_NUMBER);
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = match rest.len() {
            0 => return None,
            few @ 1..=ANY_NUMBER => few,
            many => most.min(1 << many.ilog2()),
        };
        let (chunk, after) = rest.split_at(size);
        rest = after;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(rows: usize, columns: usize) -> Vec<usize> {
        chunks(&vec![(); rows], columns).map(<[()]>::len).collect()
    }

    #[test]
    fn a_batch_is_one_statement_and_much_is_many_of_a_few_kinds() {
        assert_eq!((sizes(0, 9), sizes(1, 9), sizes(63, 13), sizes(64, 2)), (vec![], vec![1], vec![63], vec![64]));
        assert_eq!(sizes(140, 9), [64, 64, 12]);
        assert_eq!(sizes(1_000, 2), [512, 256, 128, 64, 40]);
        for columns in [1, 2, 4, 7, 9, 13] {
            let sizes = sizes(10_000, columns);
            assert_eq!(sizes.iter().sum::<usize>(), 10_000);
            assert!(sizes.iter().all(|rows| rows * columns <= MOST_BINDS), "{columns}: {sizes:?}");
        }
    }
}
