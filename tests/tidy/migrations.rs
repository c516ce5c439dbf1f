//! Migrations are written once, for SQLite. Those of PostgreSQL have other names of types, and are derived from them.

use std::{fs, path::Path};

use crate::{list, name_of};

/// Migrations that are written for each database, because more than types differ: the functions for JSON, the tables of the
/// search index, and the change of a primary key.
const WRITTEN_TWICE: [&str; 7] = [
    "0003_lists.sql",
    "0005_picked_up.sql",
    "0006_queues.sql",
    "0008_search.sql",
    "0010_drafts_by_name.sql",
    "0011_search_index.sql",
    "0013_found_by_agents.sql",
];
/// Migrations whose texts sort by the collation of the database. What they store is only compared for equality.
const WITHOUT_COLLATION: [&str; 2] = ["0007_people.sql", "0012_key_usage.sql"];

#[test]
fn both_databases_have_the_same_migrations() {
    let [sqlite, postgres] = ["sqlite", "postgres"].map(|database| {
        let mut names: Vec<String> =
            list(&Path::new("migrations").join(database)).iter().map(|it| name_of(it)).collect();
        names.sort();
        names
    });
    assert_eq!(sqlite, postgres, "migrations have the same numbers and names for both databases");
    for name in sqlite.iter().filter(|name| !WRITTEN_TWICE.contains(&name.as_str())) {
        let read = |database: &str| fs::read_to_string(format!("migrations/{database}/{name}")).expect("a migration");
        let mut derived = for_postgres(&statements(&read("sqlite")));
        if WITHOUT_COLLATION.contains(&name.as_str()) {
            derived = derived.replace(COLLATION, "");
        }
        assert_eq!(statements(&read("postgres")), derived, "{name} for PostgreSQL is not what the one for SQLite says");
    }
}

#[test]
fn types_are_the_only_difference() {
    let sqlite = "create table note (\n    text text not null,\n    at integer,\n    secret blob\n) strict;\n\
        alter table note add column integer integer not null default 0;\nupdate note set text = 'text';";
    let postgres = "create table note (\n    text text collate \"C\" not null,\n    at bigint,\n    secret bytea\n);\n\
        alter table note add column integer bigint not null default 0;\nupdate note set text = 'text';";
    assert_eq!(for_postgres(sqlite), postgres);
}

/// The order of texts by their bytes, which SQLite has by default.
const COLLATION: &str = " collate \"C\"";

/// Returns the statements without comments and empty lines.
fn statements(sql: &str) -> String {
    let lines = sql.lines().filter(|line| !line.starts_with("--") && !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Changes the types of columns, and the end of tables.
fn for_postgres(sqlite: &str) -> String {
    let lines = sqlite.lines().map(|line| {
        // A column is declared on a line of its own, by its name and its type.
        let declared =
            if line.starts_with("alter table ") { line.find(" add column ").map(|at| at + 12) } else { None };
        let Some(at) = declared.or_else(|| line.starts_with("    ").then_some(4)) else {
            return line.replace(") strict;", ");");
        };
        let (before, column) = line.split_at(at);
        let mut words: Vec<String> = column.split(' ').map(str::to_owned).collect();
        if let Some(kind) = words.get_mut(1) {
            let (name, end) = kind.split_at(kind.find([',', ';']).unwrap_or(kind.len()));
            let changed = match name {
                "integer" => "bigint".to_owned(),
                "blob" => "bytea".to_owned(),
                "text" => format!("text{COLLATION}"),
                other => other.to_owned(),
            };
            *kind = changed + end;
        }
        format!("{before}{}", words.join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}
