//! Sends response bodies. A body that the client does not read is dropped after a timeout, with all that it holds.
//! Callbacks that wait for the response run once it has been sent.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{body::Bytes, response::Response};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use super::connection::{Departure, RequestInProgress, ResponseInProgress};

/// The callbacks to run once a response has been sent without an error; stored as a response extension.
#[derive(Clone, Default)]
struct Departures(Arc<Mutex<Vec<Departure>>>);

/// Runs a callback once a response has been sent without an error: when the kernel has accepted all of it.
pub fn when_left(response: &mut Response, departure: impl FnOnce() + Send + 'static) {
    let departures = response.extensions_mut().get_or_insert_default::<Departures>();
    departures.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(departure));
}

/// Takes the callbacks of a response. The caller must run them once the response has been sent.
pub fn take_departures(response: &mut Response) -> Vec<Departure> {
    let departures = response.extensions_mut().remove::<Departures>().unwrap_or_default();
    let mut departures = departures.0.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *departures)
}

/// The error when the client does not read the response.
#[derive(Debug, thiserror::Error)]
#[error("the client did not read on")]
pub struct StalledClient;

/// The body that hyper sends.
pub struct ResponseBody(Arc<ResponseInProgress>);

impl ResponseBody {
    /// Wraps the body of a response to a request.
    pub fn of(response: Response, begun: RequestInProgress) -> axum::http::Response<Self> {
        let mut response = response;
        let departures = take_departures(&mut response);
        response.map(|body| Self(begun.answers_with(body, departures)))
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
