//! The body of an answer while it is sent. One that its client does not take is dropped after a while, with all that it
//! holds; and what waits for the answer to have left is done when it has.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    response::Response,
};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use super::connection::{Departure, RequestInProgress};

/// What is to be done once an answer has left without an error; an extension of it.
#[derive(Clone, Default)]
struct Departures(Arc<Mutex<Vec<Departure>>>);

/// Does something once an answer has left without an error: when the kernel has taken all of it to send.
pub fn when_left(response: &mut Response, departure: impl FnOnce() + Send + 'static) {
    let departures = response.extensions_mut().get_or_insert_default::<Departures>();
    departures.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(departure));
}

/// What waits for an answer to have left, to be done by who sends it.
pub fn take_departures(response: &mut Response) -> Vec<Departure> {
    let departures = response.extensions_mut().remove::<Departures>().unwrap_or_default();
    let mut departures = departures.0.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *departures)
}

/// The client does not take the answer.
#[derive(Debug, thiserror::Error)]
#[error("the client did not read on")]
pub struct StalledClient;

/// What is being sent, as far as it has not been given up.
pub struct Content(Mutex<Sending>);

struct Sending {
    /// None once the client has waited for too long.
    kept: Option<(Body, RequestInProgress)>,
    /// Since when the client could take what is there and has not asked for more.
    untaken_since: Option<Instant>,
    departures: Vec<Departure>,
    is_complete: bool,
}

impl Content {
    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what the client has not taken for so long; otherwise when that would be.
    pub fn drop_if_stalled(&self, after: Duration, now: Instant) -> Option<Instant> {
        let mut sending = self.sending();
        let until = sending.untaken_since? + after;
        if until > now {
            return Some(until);
        }
        let dropped = (sending.kept.take(), std::mem::take(&mut sending.departures));
        // Not under the lock: what is dropped may ask for it.
        drop(sending);
        drop(dropped);
        None
    }
}

/// The body that hyper sends.
pub struct ResponseBody(Arc<Content>);

impl ResponseBody {
    /// The body of a response to a request.
    pub fn of(response: Response, begun: RequestInProgress) -> axum::http::Response<Self> {
        let mut response = response;
        let departures = take_departures(&mut response);
        response.map(|body| {
            let sending = Sending { kept: None, untaken_since: None, departures, is_complete: body.is_end_stream() };
            let content = Arc::new(Content(Mutex::new(sending)));
            begun.answers(&content);
            content.sending().kept = Some((body, begun));
            Self(content)
        })
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let sending = &mut *self.0.sending();
        sending.untaken_since = None;
        let Some((body, _)) = &mut sending.kept else { return Poll::Ready(Some(Err(axum::Error::new(StalledClient)))) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        match &frame {
            None => sending.is_complete = true,
            Some(Ok(_)) => {
                sending.is_complete = body.is_end_stream();
                sending.untaken_since = Some(Instant::now());
            }
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.sending().kept.as_ref().is_some_and(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.sending().kept.as_ref().map(|(body, _)| body.size_hint()).unwrap_or_default()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let mut sending = self.0.sending();
        let (kept, departures) = (sending.kept.take(), std::mem::take(&mut sending.departures));
        let is_complete = sending.is_complete;
        drop(sending);
        if let Some((_, begun)) = kept.filter(|_| is_complete) {
            departures.into_iter().for_each(|departure| begun.departs(departure));
        }
    }
}
