//! The pace that all scripts share: how often they repeat a request to a busy server, and that they end with it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How many times a request to a busy server is tried, and the pause between tries.
pub const TRIES: usize = 30;
pub const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Runs a script until it ends or the server stops. The stop is checked first: at shutdown the waiting API requests are
/// answered, and the script would send another request while the database is closing.
pub async fn until<T>(stop: &CancellationToken, play: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        done = play => Some(done),
    }
}
