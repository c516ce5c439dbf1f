//! Tests that the two databases have the same tables, columns, nullability and keys, except for the search index, which
//! is specific to each database.

use std::collections::BTreeSet;

use bailout::{
    domain::time::Timestamp,
    server::store::{Opener, Store},
};
use sqlx::Row;

use crate::support::Engine;

/// A table's column: its table, its name, its type in SQLite's terms, whether it is not null, whether it is in the
/// primary key.
type Column = (String, String, String, bool, bool);

async fn columns(engine: Engine) -> Option<BTreeSet<Column>> {
    const SQLITE: &str = "select m.name, c.name, lower(c.type), c.\"notnull\", c.pk from sqlite_schema m \
        join pragma_table_info(m.name) c where m.type = 'table' and m.name not like '\\_sqlx%' escape '\\' \
        and m.name not like 'sqlite\\_%' escape '\\' and m.name not like 'passage%'";
    const POSTGRES: &str = "select cast(c.table_name as text), cast(c.column_name as text), \
        case c.data_type when 'bigint' then 'integer' when 'bytea' then 'blob' else cast(c.data_type as text) end, \
        cast(case c.is_nullable when 'NO' then 1 else 0 end as bigint), \
        cast((select count(*) from information_schema.key_column_usage k join information_schema.table_constraints t \
            on t.constraint_name = k.constraint_name and t.table_name = k.table_name \
            where t.constraint_type = 'PRIMARY KEY' and k.table_name = c.table_name \
            and k.column_name = c.column_name) as bigint) \
        from information_schema.columns c where c.table_schema = 'public' and c.table_name not like '\\_sqlx%' and c.table_name <> 'passage'";
    let database = tokio::task::spawn_blocking(move || engine.database()).await.expect("a database")?;
    let url = match engine {
        Engine::Sqlite => format!("{}?mode=rwc", database.url),
        Engine::Postgres => database.url.clone(),
    };
    let store = Store::open(&url, Opener::Server, Timestamp(0)).await.expect("a store");
    let sql = if engine == Engine::Sqlite { SQLITE } else { POSTGRES };
    let rows = sqlx::query(sql).fetch_all(store.reader()).await.expect("columns");
    Some(
        rows.iter()
            .map(|row| {
                let text = |at: usize| row.get::<String, _>(at);
                (text(0), text(1), text(2), row.get::<i64, _>(3) == 1, row.get::<i64, _>(4) > 0)
            })
            .collect(),
    )
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let sqlite = columns(Engine::Sqlite).await.expect("SQLite is always there");
    assert!(sqlite.len() > 60, "{sqlite:?}");
    if let Some(postgres) = columns(Engine::Postgres).await {
        assert_eq!(sqlite, postgres);
    }
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused() {
    let database = Engine::Sqlite.database().expect("SQLite is always there");
    let url = format!("{}?mode=rwc", database.url);
    let first = Store::open(&url, Opener::Server, Timestamp(0)).await.expect("a store");
    let second = Store::open(&url, Opener::Server, Timestamp(0)).await;
    assert!(second.is_err_and(|error| error.to_string().contains("another Bailout server")), "two servers on one file");
    // An admin command may open it while the server runs, and another server may after this one has stopped.
    Store::open(&url, Opener::Admin, Timestamp(0)).await.expect("a store for a command");
    drop(first);
    Store::open(&url, Opener::Server, Timestamp(0)).await.expect("a store again");
}
