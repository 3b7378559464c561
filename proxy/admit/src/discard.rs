//! A body that nobody wants.
//!
//! Enters: the body of a request that is refused. Leaves: nothing; it was read for a while and
//! thrown away, because a connection that is closed over unread bytes is reset, and its caller
//! never sees why it was refused. Never: more than a bounded size and time; a body that its sender
//! waits to be asked for.

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Version, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Of a caller that is let in, but sends too much.
pub(crate) const GENEROUS: Budget =
    Budget { bytes: 32 * 1024 * 1024, time: Duration::from_secs(2) };
/// Of anybody.
const SMALL: Budget = Budget { bytes: 1024 * 1024, time: Duration::from_millis(500) };

/// How much is thrown away, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    bytes: usize,
    time: Duration,
}

/// Throws away the body of a request that is refused by its head.
pub(crate) async fn unread(head: &Parts, body: Incoming) {
    let asks = head.headers.get(header::EXPECT).is_some();
    // A stream of HTTP/2 ends without its connection.
    if asks || body.is_end_stream() || head.version == Version::HTTP_2 {
        return;
    }
    discard(body, SMALL).await;
}

/// Reads on for a while and keeps nothing.
pub(crate) async fn discard(mut body: Incoming, budget: Budget) {
    let discarding = async {
        let mut left = budget.bytes;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // Whether it came to its end or ran out of time, the refusal goes out now.
    let _ended = tokio::time::timeout(budget.time, discarding).await;
}
