//! Starts background tasks and restarts those that end before the server stops. A panic in a task ends that task alone.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::server::{ops::readiness::Readiness, request_id::last_words};

/// Pause before a task is started again. Each end within a minute adds as much.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause. A task that keeps dying dies at least five times a minute, so that `/readyz` stays red.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs a background task until the server stops. `start` is called for each new run.
pub fn supervise<F>(
    readiness: Arc<Readiness>,
    shutdown: CancellationToken,
    task: &'static str,
    mut start: impl FnMut() -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        loop {
            let ended = tokio::spawn(start()).await;
            // The runtime aborts tasks only when it stops itself.
            if shutdown.is_cancelled() || ended.as_ref().is_err_and(|error| error.is_cancelled()) {
                return;
            }
            let why = match ended {
                Ok(()) => "it ended".to_owned(),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => last_words(&*panic).to_owned(),
                    Err(error) => error.to_string(),
                },
            };
            let deaths = readiness.task_died(task);
            tracing::error!(task, why, deaths, "a background task died; it is started again");
            let pause = (PAUSE * u32::try_from(deaths).unwrap_or(u32::MAX).min(100)).min(LONGEST_PAUSE);
            if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_started_again() {
        let (readiness, shutdown) = (Arc::new(Readiness::default()), CancellationToken::new());
        let (runs, works) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let start = {
            let (runs, works) = (Arc::clone(&runs), Arc::clone(&works));
            move || {
                let (run, works) = (runs.fetch_add(1, Ordering::SeqCst), Arc::clone(&works));
                async move {
                    assert!(run > 0, "the first run panics");
                    works.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        };
        supervise(Arc::clone(&readiness), shutdown, "the watcher", start);
        // Printing the backtrace of the panic may take seconds, and holds this thread.
        tokio::time::timeout(Duration::from_secs(60), works.notified()).await.expect("a second run");
        assert_eq!((runs.load(Ordering::SeqCst), readiness.restarts()), (2, 1));
        assert_eq!(readiness.dying_task(), None, "dying once is not dying again and again");
    }

    #[tokio::test]
    async fn a_task_that_ends_with_the_server_is_not_started_again() {
        let (readiness, shutdown) = (Arc::new(Readiness::default()), CancellationToken::new());
        let (runs, stop) = (Arc::new(AtomicUsize::new(0)), shutdown.clone());
        let start = {
            let runs = Arc::clone(&runs);
            move || {
                runs.fetch_add(1, Ordering::SeqCst);
                stop.clone().cancelled_owned()
            }
        };
        supervise(Arc::clone(&readiness), shutdown.clone(), "the watcher", start);
        tokio::task::yield_now().await;
        shutdown.cancel();
        tokio::time::sleep(PAUSE * 2).await;
        assert_eq!((runs.load(Ordering::SeqCst), readiness.restarts()), (1, 0));
    }
}
