//! Every wait for another process ends: a client that sends nothing, and a database that does not answer, must not hold
//! what others need.

use crate::code;

/// Calls that wait for a peer: a client, a database, or a receiver of alerts.
const CALLS: [&str; 7] =
    [".accept()", ".acquire()", ".connect(", "connect_with(", ".into_data_stream()", " to_bytes(", ".request("];
/// Calls that end the wait. One of them stands in the same function.
const TIMEOUTS: [&str; 3] = ["timeout(", "within(", "bound("];
/// Pools without a deadline for each query.
const BARE_POOLS: [&str; 4] = ["AnyPool", "PgPool", "SqlitePool", "PgPoolOptions"];
/// Files whose waits end elsewhere.
const ELSEWHERE: [(&str, &str); 10] = [
    ("src/server/api/json.rs", "the bodies of requests have timeouts in connections/upload.rs"),
    ("src/server/connections/mod.rs", "no caller waits for the next connection"),
    ("src/server/console/pages.rs", "the bodies of requests have timeouts in connections/upload.rs"),
    ("src/server/demo/agent.rs", "the scripted agents call the router of their own process"),
    ("src/server/site/confirm.rs", "the bodies of requests have timeouts in connections/upload.rs"),
    ("src/server/store/backup.rs", "a command of an admin reads a file"),
    ("src/server/store/deadline.rs", "the pool has a timeout for connections, and the deadlines are made here"),
    ("src/server/store/lock.rs", "SQLite waits for a lock as long as busy_timeout says"),
    ("src/server/store/mod.rs", "the pool has a timeout for connections; migrations take as long as they take"),
    ("src/server/workers/wakeups.rs", "the listener waits for notifications, and its connection has keepalives"),
];

/// The waits of a file that no timeout ends.
pub fn waits_end(path: &str, text: &str) -> Vec<String> {
    if !path.starts_with("src/server/") || ELSEWHERE.iter().any(|(file, _)| *file == path) {
        return vec![];
    }
    let code = code(text);
    let functions = code.split("fn ").filter(|function| !TIMEOUTS.iter().any(|timeout| function.contains(timeout)));
    let waits = functions.flat_map(|function| CALLS.into_iter().filter(|call| function.contains(call)));
    let waits = waits.map(|call| format!("waits for a peer without a timeout: {call}"));
    let pools = BARE_POOLS.into_iter().filter(|pool| crate::names(&code, pool));
    waits.chain(pools.map(|pool| format!("uses {pool}, whose queries have no deadline: use the Store"))).collect()
}
