//! Reading a body whole.
//!
//! Enters: a body that arrives in pieces. Leaves: its bytes, without a copy when it comes in one
//! piece. Never: more bytes than the limit, or longer than the time allowed; more bytes of large
//! bodies, over all requests, than there is room for.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Sleep;
use toolgate_call::{Case, Refusal};

use super::budget::{Budget, Charge, FREE};
use crate::discard::{GENEROUS, discard};

/// What holds for every body.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) bytes: usize,
    pub(super) time: Duration,
    pub(super) budget: &'a Arc<Budget>,
}

/// A body, and its part of the memory for bodies if it is large.
pub(super) type Whole = (Bytes, Option<Charge>);

/// The bytes of a body.
pub(super) async fn whole(body: Incoming, limits: Limits<'_>) -> Result<Whole, Refusal> {
    let Limits { bytes: limit, time, .. } = limits;
    if announced(&body) > limit {
        Box::pin(discard(body, GENEROUS)).await;
        return Err(too_large(limit));
    }
    let mut collecting = pin!(collect(body, limits));
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let mut first = true;
    poll_fn(|cx| {
        if let Poll::Ready(collected) = collecting.as_mut().poll(cx) {
            return Poll::Ready(collected);
        }
        // A small body is there at the second look, which costs less than a timer.
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        timer.as_mut().poll(cx).map(|()| {
            let message = format!("the body did not arrive within {} s", time.as_secs());
            Err(Refusal::new(Case::BodyLate, message))
        })
    })
    .await
}

async fn collect(mut body: Incoming, limits: Limits<'_>) -> Result<Whole, Refusal> {
    let expected = announced(&body);
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    let mut charge = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        let size = first.len() + all.len() + data.len();
        if let Err(refusal) = room_for(size, limits, &mut charge) {
            Box::pin(discard(body, GENEROUS)).await;
            return Err(refusal);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(expected.max(size));
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok((if all.is_empty() { first } else { all.freeze() }, charge))
}

/// Whether a body may have that size.
fn room_for(size: usize, limits: Limits<'_>, charge: &mut Option<Charge>) -> Result<(), Refusal> {
    if size > limits.bytes {
        return Err(too_large(limits.bytes));
    }
    if size <= FREE {
        return Ok(());
    }
    charge.get_or_insert_with(|| limits.budget.open()).grow(size)
}

/// What the head says of the size of a body, which is never more than the limit here.
fn announced(body: &Incoming) -> usize {
    usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)
}

/// Whoever leaves in the middle of a body has cancelled; anything else is not HTTP.
fn broken(error: &hyper::Error) -> Refusal {
    let reset =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    let left = error.is_incomplete_message() || error.is_canceled() || reset.is_some_and(is_gone);
    let (case, message) = if left {
        (Case::Cancelled, "the caller left before its body was whole")
    } else {
        (Case::BodyIncomplete, "the body broke off")
    };
    Refusal::new(case, message).detail(error.to_string())
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(Case::BodyTooLarge, format!("the body is larger than {limit} bytes"))
}
