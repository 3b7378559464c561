//! One request and its answer on the wire.
//!
//! Enters: a request. Leaves: status, headers and a body that is read with the connection it came
//! on. Never: more bytes than the limit; never waits longer than it may for the next of them.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use toolgate_call::Ledger;

use super::Inner;
use super::conn::broken;
use super::failure::Failure;
use super::pool::{Lease, Pool};
use super::request::Outgoing;
use super::show;
use super::site::Site;

/// How much of an error's body is worth reading.
pub(super) const ERROR_BODY: usize = 64 * 1024;
/// For how long the end of a body is waited for that nobody needs, and how much of it may be there.
const WIND_UP: Duration = Duration::from_secs(1);
const WIND_UP_FRAMES: usize = 16;

/// The head of an answer, and its body.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: AnswerBody,
}

/// A body that drives its own connection.
pub(super) struct AnswerBody {
    body: Incoming,
    lease: Lease,
    metrics: Arc<toolgate_telemetry::TargetMetrics>,
    quiet: Option<Pin<Box<Sleep>>>,
}

/// POSTs a message; the answer's head has come when this is done.
pub(super) async fn send(
    target: &Inner,
    outgoing: Outgoing,
    ledger: &Ledger,
) -> Result<Answered, Failure> {
    show::sent(http::Method::POST, target, outgoing, ledger).await
}

/// Sends a request as it is, to an absolute URL of that site. Whoever wants its credentials with it goes by
/// [`show`].
pub(super) async fn send_by(
    (method, url): (http::Method, &Uri),
    site: &Site,
    outgoing: Outgoing,
    ledger: &Ledger,
) -> Result<Answered, Failure> {
    let Outgoing { headers, body, whose: _ } = outgoing;
    let mut lease = Pool::lease(&site.pool, ledger).await?;
    site.metrics.sent(body.len());
    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.path_and_query().cloned().map(Uri::from).unwrap_or_default();
    *request.headers_mut() = headers;
    let head = lease.conn()?.send(request, ledger).await?;
    let (parts, body) = head.into_parts();
    let metrics = Arc::clone(&site.metrics);
    let body = AnswerBody { body, lease, metrics, quiet: None };
    Ok(Answered { status: parts.status, headers: parts.headers, body })
}

// === impl AnswerBody ===

impl AnswerBody {
    /// The next bytes; `None` at the end, when the connection has gone back to rest.
    pub(super) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        patience: Duration,
    ) -> Poll<Option<Result<Bytes, Failure>>> {
        match self.poll_frame(cx) {
            Poll::Ready(next) => {
                self.quiet = None;
                Poll::Ready(next)
            }
            Poll::Pending => {
                let until = Instant::now() + patience;
                let quiet =
                    self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                quiet.as_mut().poll(cx).map(|()| Some(Err(Failure::Idle(patience))))
            }
        }
    }

    /// Whoever waits for the next bytes has another patience from now on.
    pub(super) fn wait_anew(&mut self) {
        self.quiet = None;
    }

    /// Lets go of a body of which nothing more is of interest. Its end is near, as a rule, and the
    /// connection can be used again then: it is read on for a moment, beside the call.
    pub(super) fn wind_up(mut self, target: &Inner, cx: &mut Context<'_>) {
        for _ in 0..WIND_UP_FRAMES {
            match self.poll_frame(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None | Some(Err(_))) => return,
                Poll::Pending => break,
            }
        }
        let permit = Arc::clone(&target.aside).try_acquire_owned();
        let (Ok(permit), Ok(runtime)) = (permit, tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            let rest = self.read_all(ERROR_BODY, WIND_UP);
            let _ended = tokio::time::timeout(WIND_UP, rest).await;
            drop(permit);
        });
    }

    /// All of it.
    pub(super) async fn read_all(
        mut self,
        limit: usize,
        patience: Duration,
    ) -> Result<Bytes, Failure> {
        let announced = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(Failure::TooLarge(limit));
        }
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(data) = poll_fn(|cx| self.poll_data(cx, patience)).await {
            let data = data?;
            if first.len() + rest.len() + data.len() > limit {
                return Err(Failure::TooLarge(limit));
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

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            match self.lease.conn() {
                Ok(conn) => conn.drive(cx),
                Err(failure) => return Poll::Ready(Some(Err(failure))),
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.end(cx);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(broken(&error)))),
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.metrics.received(data.len());
                    return Poll::Ready(Some(Ok(data)));
                }
            }
        }
    }

    /// Lets the connection notice that the exchange is over, and rest.
    fn end(&mut self, cx: &mut Context<'_>) {
        if let Ok(conn) = self.lease.conn() {
            conn.drive(cx);
        }
        self.lease.finish();
    }
}
