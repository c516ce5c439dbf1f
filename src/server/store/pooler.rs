//! Detects a connection pooler in transaction mode, like PgBouncer, between this process and PostgreSQL. Such a pooler
//! runs each transaction in whichever session is free, and so loses settings, prepared statements and LISTEN.

use std::time::Duration;

use sqlx::{AnyConnection, Connection, Executor, Row};

/// The number of connections that are compared. With three, a pooler of two processes must accept two of them in the
/// same process.
const CONNECTIONS: usize = 3;
/// The number of times each connection is asked for its session.
const ROUNDS: usize = 2;
/// The timeout of the check. A pooler in session mode lets a connection wait while every session is taken.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns whether connections to this address share sessions. An error or a timeout counts as no, because a database
/// that is short of connections must not prevent the start.
pub async fn shares_sessions(url: &str) -> bool {
    match tokio::time::timeout(PATIENCE, sessions(url)).await {
        Ok(Ok(seen)) => are_shared(&seen),
        Ok(Err(error)) => {
            tracing::warn!(%error, "PostgreSQL did not give {CONNECTIONS} connections to compare");
            false
        }
        Err(_) => {
            tracing::warn!("PostgreSQL did not give {CONNECTIONS} connections in time");
            false
        }
    }
}

/// Returns, for each of several connections, the sessions that it had one after the other. All connections stay open
/// meanwhile.
async fn sessions(url: &str) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(AnyConnection::connect(url).await?);
    }
    let mut seen = vec![vec![]; CONNECTIONS];
    for _ in 0..ROUNDS {
        for (connection, seen) in connections.iter_mut().zip(&mut seen) {
            seen.push(session(connection).await?);
        }
    }
    for connection in connections {
        connection.close().await?;
    }
    Ok(seen)
}

/// Returns the current session of a connection. A bare text is sent without a prepared statement, which would fail in a
/// session where another connection has prepared one of the same name.
async fn session(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    connection.fetch_one("select cast(pg_backend_pid() as text)").await?.try_get(0)
}

/// Returns whether any session was shared. Without a pooler, and with one in session mode, a connection stays in its
/// session, and no other connection uses it.
fn are_shared(seen: &[Vec<String>]) -> bool {
    let changes = seen.iter().any(|one| one.iter().any(|session| session != &one[0]));
    let meets = seen.iter().enumerate().any(|(n, one)| seen[..n].iter().any(|other| other.contains(&one[0])));
    changes || meets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_are_shared_are_told_from_those_that_are_not() {
        let seen = |all: [[&str; 2]; 3]| all.map(|one| one.map(str::to_owned).to_vec());
        assert!(!are_shared(&seen([["7", "7"], ["8", "8"], ["9", "9"]])));
        // The pooler gives the session that became free last.
        assert!(are_shared(&seen([["7", "7"], ["7", "7"], ["7", "7"]])));
        // The pooler gives sessions in turn.
        assert!(are_shared(&seen([["7", "8"], ["9", "7"], ["8", "9"]])));
        assert!(are_shared(&seen([["7", "8"], ["9", "10"], ["11", "12"]])));
        // A pooler of two processes.
        assert!(are_shared(&seen([["7", "7"], ["8", "8"], ["7", "7"]])));
    }
}
