//! One connection, driven by the call that uses it.
//!
//! Enters: a stream of bytes. Leaves: one exchange after another. Never: a task of its own: the
//! call polls the connection together with its answer, so that no exchange wakes another task.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use toolgate_call::{Ledger, Phase};

use super::connect::Io;
use super::failure::Failure;

/// How long a connection may wait for its next use, when the target does not say.
const IDLE: Duration = Duration::from_secs(30);

/// What reads and writes a connection.
type Driver = http1::Connection<TokioIo<Box<dyn Io>>, Full<Bytes>>;

/// A connection that can be used for an exchange.
pub(super) struct Conn {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once the connection is over: a request that it has not taken comes back only when it
    /// is dropped.
    driver: Option<Pin<Box<Driver>>>,
    good_until: Instant,
    keep: Duration,
}

// === impl Conn ===

impl Conn {
    pub(super) async fn new(stream: Box<dyn Io>) -> Result<Self, Failure> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::Unsent(error.to_string()))?;
        let good_until = Instant::now() + IDLE;
        Ok(Self { sender, driver: Some(Box::pin(driver)), good_until, keep: IDLE })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        ledger: &Ledger,
    ) -> Result<Response<Incoming>, Failure> {
        ledger.enter(Phase::Send);
        let mut answered = pin!(self.sender.try_send_request(request));
        let mut waiting = false;
        let driver = &mut self.driver;
        let head = poll_fn(|cx| {
            advance(driver, cx);
            let polled = answered.as_mut().poll(cx);
            // The first poll has written what the socket would take.
            if polled.is_pending() && !waiting {
                waiting = true;
                ledger.enter(Phase::Wait);
            }
            polled
        })
        .await;
        let head = head.map_err(|mut error| match error.take_message() {
            Some(_) => Failure::Unsent(error.error().to_string()),
            None => broken(error.error()),
        })?;
        self.keep = announced_keep(head.headers()).unwrap_or(IDLE);
        Ok(head)
    }

    /// Polls the connection: what the body of an answer needs to go on.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        advance(&mut self.driver, cx);
    }

    /// Whether it can be used again: polls it once, which also finds out whether the target has
    /// closed it, or has sent what nobody asked for.
    pub(super) async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            self.drive(cx);
            Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.sender.is_ready() && Instant::now() < self.good_until
    }

    /// Begins a wait for the next use.
    pub(super) fn rest(&mut self) {
        self.good_until = Instant::now() + self.keep;
    }

    /// Whether the wait has been too long.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.driver.is_none() || now >= self.good_until
    }
}

/// Moves a connection on, and lets go of it at its end.
fn advance(driver: &mut Option<Pin<Box<Driver>>>, cx: &mut Context<'_>) {
    if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(cx).is_ready()) {
        *driver = None;
    }
}

/// A broken exchange whose request may have been looked at.
pub(super) fn broken(error: &hyper::Error) -> Failure {
    let garbage = error.is_parse() || error.is_parse_status();
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    let detail = format!("{error}{}", source.unwrap_or_default());
    if garbage { Failure::Protocol(detail) } else { Failure::Broken(detail) }
}

/// A second less than `Keep-Alive: timeout=N` says: a connection that the target is about to close
/// must not carry a call that cannot be repeated.
fn announced_keep(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::HeaderName::from_static("keep-alive"))?.to_str().ok()?;
    let timeout = text.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?;
    let seconds = timeout.parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.saturating_sub(1)).min(IDLE))
}

#[cfg(test)]
mod tests {
    //! Connections that end at the wrong moment.

    use std::time::Duration;

    use super::{Bytes, Conn, Failure, Full, Instant, Ledger, Request};

    #[tokio::test]
    async fn a_request_that_a_closed_connection_has_not_taken_comes_back_at_once() {
        let (near, far) = tokio::io::duplex(1024);
        let mut conn = Conn::new(Box::new(near)).await.unwrap();
        drop(far);
        let ledger = Ledger::new(Instant::now());
        let sent = conn.send(Request::new(Full::new(Bytes::new())), &ledger);
        let sent = tokio::time::timeout(Duration::from_secs(5), sent).await.expect("it hangs");
        assert!(matches!(sent, Err(Failure::Unsent(_))), "{sent:?}");
    }
}
