//! One stream of changes, on a connection of its own.
//!
//! Enters: a wish. Leaves: the stream's messages, one by one. Never: a limit but on connecting: a
//! target may be quiet for hours, and some send not even a head before their first event.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use toolgate_call::{Ledger, Watched};
use toolgate_telemetry::TargetMetrics;

use super::pace::Pace;
use super::said::{acknowledged, refused};
use super::wish::{Footing, Wish};
use super::{ANSWER, Ending};
use crate::http::Inner;
use crate::http::conn::{Conn, broken};
use crate::http::failure::Failure;
use crate::http::show;
use crate::http::sse::SseDecoder;
use crate::wire::{Incoming, read_message};

/// See the module.
pub(super) struct Stream {
    pub(super) footing: Footing,
    pub(super) id: u64,
    /// The resources that it was asked to tell of.
    pub(super) uris: Watched,
    conn: Conn,
    body: hyper::body::Incoming,
    decoder: SseDecoder,
    metrics: Arc<TargetMetrics>,
}

// === impl Stream ===

impl Stream {
    /// Opens it; within: why there is none.
    pub(super) async fn open(mut wish: Wish) -> Result<Result<Self, Ending>, Failure> {
        let io = wish.pool.connector.connect(&wish.metrics).await?;
        let mut conn = Conn::new(io).await?;
        let mut request = std::mem::take(&mut wish.request);
        let shown = show::own(&wish.credentials, &wish.url, (&mut request, &wish.body)).await?;
        wish.metrics.sent(wish.body.len());
        let head = conn.send(request, &Ledger::new(Instant::now())).await?;
        if head.status() == StatusCode::UNAUTHORIZED {
            // The next one is opened with something else, if there is anything else.
            show::refused(&wish.credentials, shown.as_ref()).await;
        }
        if head.status().as_u16() == 404 && wish.is_missed() {
            return Ok(Err(Ending::Lost));
        }
        if let Some(ending) = refused(&head) {
            return Ok(Err(ending));
        }
        let Wish { footing, id, uris, limit, metrics, .. } = wish;
        let (body, decoder) = (head.into_body(), SseDecoder::new(limit));
        Ok(Ok(Self { footing, id, uris, conn, body, decoder, metrics }))
    }

    /// A subscription by today's wishes that the target has acknowledged, however often it must be
    /// asked for; `None`: nothing is wished any more.
    pub(super) async fn successor(target: Weak<Inner>) -> Option<Self> {
        let mut pace = Pace::default();
        loop {
            let wish = Wish::of(&*target.upgrade()?)?;
            let since = Instant::now();
            match tokio::time::timeout(ANSWER, Self::ready(wish)).await {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(why)) => tracing::debug!(?why, "no other subscription yet"),
                Err(_) => tracing::debug!("no other subscription is acknowledged"),
            }
            tokio::time::sleep(pace.after(since.elapsed())).await;
        }
    }

    async fn ready(wish: Wish) -> Result<Self, Ending> {
        let opened = Self::open(wish).await;
        let mut stream = opened.unwrap_or_else(|failure| Err(Ending::of(&failure)))?;
        loop {
            let data = stream.next().await.map_err(|failure| Ending::of(&failure))?;
            let Some(data) = data else { return Err(Ending::closed()) };
            let accepted = match read_message(data) {
                Ok(Incoming::Notice { method, raw, .. }) => acknowledged(&method, &raw),
                Ok(Incoming::Answer { .. }) => Some(false),
                Ok(Incoming::Request { .. }) | Err(_) => None,
            };
            match accepted {
                Some(true) => return Ok(stream),
                Some(false) => return Err(Ending::closed()),
                None => {}
            }
        }
    }

    /// The data of the next event; `None` at the end. What was read is not lost if nobody waits for
    /// the rest.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            if let Some(data) = self.decoder.next().map_err(Failure::TooLarge)? {
                return Ok(Some(data));
            }
            let Some(data) = poll_fn(|cx| poll_data(&mut self.conn, &mut self.body, cx)).await
            else {
                return Ok(None);
            };
            let data = data?;
            self.metrics.received(data.len());
            self.decoder.push(&data);
        }
    }
}

/// The next bytes of a body, read with the connection it comes on.
fn poll_data(
    conn: &mut Conn,
    body: &mut hyper::body::Incoming,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Failure>>> {
    loop {
        conn.drive(cx);
        let frame = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(broken(&error)))),
            Some(Ok(frame)) => frame,
        };
        if let Ok(data) = frame.into_data() {
            return Poll::Ready(Some(Ok(data)));
        }
    }
}
