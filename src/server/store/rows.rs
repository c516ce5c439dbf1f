//! SQL with as many rows as a batch has: the one place that builds SQL text at run time.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use sqlx::AssertSqlSafe;

/// PostgreSQL takes 65,535 binds a statement, SQLite 32,766; a round number below both.
const MOST_BINDS: usize = 30_000;

/// Every statement built so far, by template and number of rows; there are few of either.
type Built = HashMap<(&'static str, usize), Arc<str>>;
static BUILT: LazyLock<Mutex<Built>> = LazyLock::new(Mutex::default);

/// Replaces `{rows}` in a template by `($1, $2), ($3, $4), …`. Safe, since a template is part of the program and what is
/// put in is only numbered placeholders.
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

/// How many rows of so many columns one statement may carry.
pub fn most_rows(columns: usize) -> usize {
    MOST_BINDS / columns
}
