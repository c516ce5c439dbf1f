//! Accepts connections, and closes those that send no request, stay idle, or whose client does not read. The number of
//! connections is limited. At the limit, the connection that has been idle for longest is closed for a new one, so that
//! idle connections cannot keep others out.

mod answer;
mod connection;
mod limits;
mod transport;
mod upload;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::{sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub use self::{
    answer::{take_departures, when_left},
    connection::Departure,
    limits::ConnectionLimits,
    upload::UploadTooSlow,
};

use self::{answer::ResponseBody, connection::OpenConnection, transport::Transport, upload::UploadBody};

/// The most bytes of a response that are buffered for the client, in addition to those that the kernel holds.
const SEND_BUFFER: usize = 64 * 1024;
/// The most concurrent requests on one HTTP/2 connection.
const MOST_STREAMS: u32 = 100;
/// How long to wait after a failed accept, for example for lack of file descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// The open connections, in the order in which they were accepted.
#[derive(Default)]
struct Open {
    connections: Mutex<BTreeMap<u64, Arc<OpenConnection>>>,
    closed: Notify,
}

impl Open {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<OpenConnection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection that has been idle for longest, if any is idle.
    fn make_way(&self) {
        let all = self.all();
        let idle = all.values().filter_map(|connection| Some((connection.idle_since()?, connection)));
        if let Some((_, longest)) = idle.min_by_key(|(since, _)| *since) {
            longest.end();
        }
    }
}

/// Serves connections until `stop` is cancelled, then waits until the requests in progress are answered.
pub async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, stop: CancellationToken) {
    let open = Arc::new(Open::default());
    let mut number = 0;
    while let Some(taken) = stop.run_until_cancelled(next(&listener, &open, limits.most)).await {
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a connection was not taken");
                sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        number += 1;
        tracing::trace!(number, %peer, "a connection was taken");
        let connection = Arc::new(OpenConnection::default());
        open.all().insert(number, Arc::clone(&connection));
        let (router, open, stop) = (router.clone(), Arc::clone(&open), stop.clone());
        tokio::spawn(async move {
            attend(stream, peer, router, connection, limits, stop).await;
            open.all().remove(&number);
            open.closed.notify_one();
        });
    }
    // Several closed connections may cause one notification, so the wait has a timeout.
    while !open.all().is_empty() {
        let _ = tokio::time::timeout(Duration::from_millis(100), open.closed.notified()).await;
    }
}

/// Accepts the next connection, and waits until it is within the limit.
async fn next(listener: &TcpListener, open: &Open, most: usize) -> std::io::Result<(TcpStream, SocketAddr)> {
    let taken = listener.accept().await?;
    while open.all().len() >= most {
        open.make_way();
        // The timeout is needed because a connection may become idle without any being closed.
        let _ = tokio::time::timeout(Duration::from_millis(100), open.closed.notified()).await;
    }
    Ok(taken)
}

/// Answers the requests of one connection until it ends.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    connection: Arc<OpenConnection>,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    // A response must not wait for more data to send.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let answers = Arc::clone(&connection);
    let service = service_fn(move |request: Request<Incoming>| {
        let begun = answers.begin();
        let mut request = request.map(|body| Body::new(UploadBody::new(body, limits)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let response = router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
            Ok::<_, Infallible>(ResponseBody::of(response, begun))
        }
    });
    let transport = Transport::new(stream, Arc::clone(&connection), limits.stalled);
    let mut builder = Builder::new(TokioExecutor::new());
    // `look` limits the time for heads, from the connection on; hyper's own timer would also end idle connections.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(SEND_BUFFER);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MOST_STREAMS).max_send_buf_size(SEND_BUFFER);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(transport), service));
    let mut stopping = false;
    loop {
        let look_at = match connection.look(limits) {
            Some(look_at) => look_at,
            None => return,
        };
        tokio::select! {
            served = serving.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(error, "a connection broke");
                }
                return;
            }
            () = connection.ended() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                serving.as_mut().graceful_shutdown();
            }
            () = sleep_until(look_at) => {}
        }
    }
}
