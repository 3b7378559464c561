//! Reading a body whole.
//!
//! Enters: a body that arrives in pieces. Leaves: its bytes, without a copy when it comes in one
//! piece. Never: more bytes than the limit, or longer than the time allowed.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Sleep;
use toolgate_call::{Case, Refusal};

/// How much of a body that is too large is read and thrown away, and for how long.
const DISCARDED: usize = 32 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);

/// The bytes of a body; `limits` are the most bytes and the longest time.
pub(super) async fn whole(body: Incoming, limits: (usize, Duration)) -> Result<Bytes, Refusal> {
    let (limit, time) = limits;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        Box::pin(discard(body)).await;
        return Err(too_large(limit));
    }
    let mut collecting = pin!(collect(body, limit));
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
            Err(Refusal::new(Case::BodyIncomplete, message))
        })
    })
    .await
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let refusal = Refusal::new(Case::BodyIncomplete, "the body broke off");
            refusal.detail(error.to_string())
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            Box::pin(discard(body)).await;
            return Err(too_large(limit));
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut all = BytesMut::with_capacity(first.len() + rest.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&rest);
    Ok(all.freeze())
}

/// Reads on for a while and keeps nothing: a client that writes all of its body before it reads
/// would find the connection closed and never see why.
async fn discard(mut body: Incoming) {
    let discarding = async {
        let mut left = DISCARDED;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // Whether it came to its end or ran out of time, the refusal goes out now.
    let _ended = tokio::time::timeout(PATIENCE, discarding).await;
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(Case::BodyTooLarge, format!("the body is larger than {limit} bytes"))
}
