//! The outermost layer: names the request and keeps its record.
//!
//! Enters: any HTTP request. Leaves: the same, with an `Exchange`; and the response with
//! `X-Request-Id` and a record that is written at its last byte, of a panic too. Never: looks at
//! the body.

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use toolgate_call::trace::{self, Claims, Remote};
use toolgate_call::{Lifecycle, Method, Peer, Refusal, Ruling};
use toolgate_telemetry::Telemetry;
use toolgate_telemetry::audit::{AuditDecision, AuditDenial};
use tower::{Layer, Service};

use crate::exchange::{Exchange, Finisher};
use crate::{Body, refuse};

/// Where the id of a request comes from and goes to.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const AMZN: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// The longest id that is taken from a caller.
const LONGEST_ID: usize = 128;

/// Makes [`Record`].
#[derive(Clone, Debug)]
pub struct RecordLayer {
    /// Takes the record.
    pub telemetry: Arc<Telemetry>,
    /// Tells a caller who left from a gateway that did.
    pub lifecycle: Arc<Lifecycle>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Record<S> {
    inner: S,
    layer: RecordLayer,
}

// === impl RecordLayer ===

impl<S> Layer<S> for RecordLayer {
    type Service = Record<S>;

    fn layer(&self, inner: S) -> Record<S> {
        Record { inner, layer: self.clone() }
    }
}

// === impl Record ===

impl<S, B> Service<Request<B>> for Record<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let request_id = accepted_id(&request).unwrap_or_else(new_id);
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let lifecycle = Arc::clone(&self.layer.lifecycle);
        let said = (claims(request.headers()), host(&request));
        let exchange = Arc::new(Exchange::new(request_id, peer, said, lifecycle));
        request.extensions_mut().insert(Arc::clone(&exchange));
        let telemetry = Arc::clone(&self.layer.telemetry);
        let active = telemetry.gateway.request_started();
        let finisher = Finisher { exchange, telemetry, _active: active };
        let answering = catch_unwind(AssertUnwindSafe(|| self.inner.call(request)));
        Box::pin(async move {
            let answered = match answering {
                Ok(answering) => caught(answering).await,
                Err(panic) => Err(panic),
            };
            let mut response = match answered {
                Ok(response) => response?,
                Err(panic) => broken(&finisher.exchange, &*panic),
            };
            turned_away(&finisher).await;
            if let Ok(value) = HeaderValue::from_str(&finisher.exchange.request_id) {
                response.headers_mut().insert(REQUEST_ID, value);
            }
            Ok(response.map(|body| body.recorded(finisher)))
        })
    }
}

/// A request that was turned away before anything behind saw it is written down before its caller
/// hears of it.
async fn turned_away(Finisher { exchange, telemetry, .. }: &Finisher) {
    let Some(audit) = telemetry.audit() else { return };
    let Some(ending) = exchange.ending.get() else { return };
    let Some((rule, reason)) = ending.denied_by.zip(ending.outcome.reason) else { return };
    if exchange.ledger.ruling().is_some() {
        return;
    }
    exchange.ledger.rule(Ruling::Denied);
    let words = ending.detail.as_deref().unwrap_or_default();
    let method = exchange.request.get().map_or(Method::Other, |asked| asked.method);
    let trace = exchange.place(telemetry, None, None);
    let decision = AuditDecision {
        denied: Some(AuditDenial { reason, words, explanation: None }),
        rule,
        principal: exchange.principal.get().map(|principal| &**principal),
        peer: exchange.peer,
        server: exchange.server().map(|server| &*server.name),
        method: method.label(),
        name: None,
        plan: None,
        request_id: &exchange.request_id,
        trace: Some(trace.own.trace),
    };
    // It is refused in any case; the loss was counted.
    let _lost = audit.decided(&decision).settled().await;
}

/// The host that the caller wrote, without a copy over HTTP/1.1.
fn host<B>(request: &Request<B>) -> Option<HeaderValue> {
    let Some(authority) = request.uri().authority() else {
        return request.headers().get(header::HOST).cloned();
    };
    HeaderValue::from_str(authority.as_str()).ok()
}

/// What the headers say of a trace; nothing that is not well formed.
fn claims(headers: &HeaderMap) -> Claims {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let header = text(&TRACEPARENT).and_then(Remote::from_traceparent);
    let state = header.and_then(|_| trace::state(text(&TRACESTATE)?));
    Claims {
        meta: None,
        header: header.map(|remote| (remote, state)),
        amzn: text(&AMZN).and_then(Remote::from_amzn),
    }
}

/// The answer, or the panic that came instead of it.
pub(crate) async fn caught<F: Future>(answering: F) -> std::thread::Result<F::Output> {
    let mut answering = pin!(answering);
    poll_fn(|cx| {
        // What was in the middle of something is dropped, and not used again.
        let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

/// A fault of ours, and never of a caller who left.
pub(crate) fn broken(exchange: &Exchange, panic: &(dyn Any + Send)) -> Response<Body> {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("no message");
    tracing::error!(request_id = %exchange.request_id, said, "a panic while a request was served");
    refuse::early(&Refusal::internal(format!("a panic: {said}")), Some(exchange), None)
}

/// The caller's id, if it is one that can go into a log as it is.
fn accepted_id<B>(request: &Request<B>) -> Option<Arc<str>> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let fits = (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(plain);
    fits.then(|| Arc::from(text))
}

fn new_id() -> Arc<str> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    // An id, not a secret: a fast generator will do.
    let mut random = [0; 10];
    fastrand::fill(&mut random);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = uuid::Uuid::encode_buffer();
    Arc::from(&*id.hyphenated().encode_lower(&mut text))
}
