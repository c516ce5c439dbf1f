//! Receives request bodies. A body fails if the client sends nothing for a while, or does not finish in time.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::limits::ConnectionLimits;

/// The error when a body does not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub struct UploadTooSlow;

/// A request body that is being received.
pub struct UploadBody {
    body: Incoming,
    limits: ConnectionLimits,
    /// The deadline for the whole body.
    until: Instant,
    /// The timer of the next timeout; created when the body has to wait for the client.
    fails: Option<Pin<Box<Sleep>>>,
}

impl UploadBody {
    pub fn new(body: Incoming, limits: ConnectionLimits) -> Self {
        Self { body, limits, until: Instant::now() + limits.upload, fails: None }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let it = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut it.body).poll_frame(cx) {
            it.fails = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let (silent, until) = (it.limits.silent_upload, it.until);
        let fails = it.fails.get_or_insert_with(|| Box::pin(sleep_until(until.min(Instant::now() + silent))));
        fails.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(UploadTooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
