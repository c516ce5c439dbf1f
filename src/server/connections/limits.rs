//! The limits and timeouts of connections.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many file descriptors are reserved for the database, files and other programs.
const RESERVE: u64 = 64;
/// The most connections, even if there are more file descriptors.
const MOST_CONNECTIONS: u64 = 10_000;

/// The limits and timeouts of connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// The most connections at once.
    pub most: usize,
    /// The timeout from the connection to the end of the head of its first request.
    pub first_request: Duration,
    /// The timeout from the end of a response to the head of the next request.
    pub idle: Duration,
    /// The timeout while the client reads none of the data that is ready.
    pub stalled: Duration,
    /// The timeout while the client sends none of the announced body.
    pub silent_upload: Duration,
    /// The timeout from the head of a request to the end of its body.
    pub upload: Duration,
}

impl ConnectionLimits {
    /// Returns the limits of a server, with as many connections as this process may have file descriptors for. Raises
    /// the limit of file descriptors to what the system allows.
    pub fn of_process() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of descriptors was not raised");
        }
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = descriptors.saturating_sub(RESERVE.min(descriptors / 2)).min(MOST_CONNECTIONS);
        Self {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            first_request: Duration::from_secs(15),
            // Longer than proxies keep an idle connection for reuse: Caddy two minutes, nginx one.
            idle: Duration::from_secs(150),
            stalled: Duration::from_secs(30),
            silent_upload: Duration::from_secs(30),
            upload: Duration::from_secs(120),
        }
    }
}
