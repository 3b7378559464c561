//! An OpenTelemetry collector that keeps what it is sent.
//!
//! In: OTLP over HTTP or gRPC on a loopback port, and the statuses it is told to answer. Out: the
//! spans, as others would read them. It shares no code with the gateway but the protobuf
//! definitions, which are OpenTelemetry's own.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as Wire;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::canary;
use crate::wait::until;

/// A running collector; dropping it closes its port.
#[derive(Debug)]
pub struct Collector {
    state: Arc<State>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// A span as it arrived.
#[derive(Clone, Debug)]
pub struct Span(Wire);

/// A batch as it came, also one that was refused.
#[derive(Clone, Debug)]
pub struct Batch {
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct State {
    spans: Mutex<Vec<Span>>,
    sent: Mutex<Vec<Batch>>,
    statuses: Mutex<VecDeque<u16>>,
    always: Mutex<Option<u16>>,
    /// Whether spans are counted and thrown away.
    forgets: AtomicBool,
    /// Taken for each answer while there is one: held answers.
    held: Mutex<Option<Arc<Semaphore>>>,
    /// How long each answer takes.
    pause: Mutex<Duration>,
    /// How many spans were taken, also those that were not kept.
    taken: AtomicUsize,
}

type Body = BoxBody<Bytes, Infallible>;

// === impl Collector ===

impl Collector {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("binding")?;
        let (address, state) = (listener.local_addr()?, Arc::new(State::default()));
        let server = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { state, address, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as an endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Keeps no span from now on.
    pub fn forget(&self) {
        self.state.forgets.store(true, Relaxed);
    }

    /// Serves until its process ends.
    ///
    /// # Errors
    /// When the server ends by itself.
    pub async fn forever(mut self) -> Result<()> {
        (&mut self.server).await.context("the collector has ended")
    }

    /// Answers the next batches with these statuses instead of taking them.
    pub fn refuse(&self, statuses: impl IntoIterator<Item = u16>) {
        lock(&self.state.statuses).extend(statuses);
    }

    /// Answers every batch with that status from now on.
    pub fn refuse_all(&self, status: u16) {
        *lock(&self.state.always) = Some(status);
    }

    /// Takes nothing until the given semaphore has permits.
    pub fn hold(&self, until: &Arc<Semaphore>) {
        *lock(&self.state.held) = Some(Arc::clone(until));
    }

    /// Takes so long for every answer from now on.
    pub fn slow_down(&self, pause: Duration) {
        *lock(&self.state.pause) = pause;
    }

    /// How many spans it has taken, also those that it was to forget.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.state.taken.load(Relaxed)
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.state.spans).clone()
    }

    /// How many batches came, also those that were refused.
    #[must_use]
    pub fn batches(&self) -> usize {
        lock(&self.state.sent).len()
    }

    /// All batches so far, byte for byte.
    #[must_use]
    pub fn sent(&self) -> Vec<Batch> {
        lock(&self.state.sent).clone()
    }

    /// The spans of one trace, the oldest first, once its SERVER span is there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn trace(&self, id: &str) -> Result<Vec<Span>> {
        until(format!("the collector has the trace {id}"), async || {
            let mut all = self.spans();
            all.retain(|span| span.trace() == id);
            all.sort_by_key(|span| (span.0.start_time_unix_nano, !span.is_server()));
            Ok(all.iter().any(Span::is_server).then_some(all))
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        for batch in lock(&self.state.sent).iter() {
            canary::watch("a batch of spans", &String::from_utf8_lossy(&batch.body));
        }
        self.server.abort();
    }
}

// === impl Span ===

impl Span {
    /// Its trace, in hex.
    #[must_use]
    pub fn trace(&self) -> String {
        hex(&self.0.trace_id)
    }

    /// Its id, in hex.
    #[must_use]
    pub fn id(&self) -> String {
        hex(&self.0.span_id)
    }

    /// Its parent, in hex; empty for none.
    #[must_use]
    pub fn parent(&self) -> String {
        hex(&self.0.parent_span_id)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it is the span of a call, not of an attempt.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.0.kind == SpanKind::Server as i32
    }

    /// Whether its status is an error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.0.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
    }

    /// The text of an attribute; numbers and truth values are written out.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<String> {
        let found = self.0.attributes.iter().find(|attribute| attribute.key == key)?;
        match found.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.clone()),
            Value::IntValue(number) => Some(number.to_string()),
            Value::DoubleValue(number) => Some(number.to_string()),
            Value::BoolValue(truth) => Some(truth.to_string()),
            Value::ArrayValue(_)
            | Value::KvlistValue(_)
            | Value::BytesValue(_)
            | Value::StringValueStrindex(_) => None,
        }
    }

    /// The names of its events, in order.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        self.0.events.iter().map(|event| event.name.as_str()).collect()
    }

    /// The spans that it links to, in hex.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        self.0.links.iter().map(|link| hex(&link.span_id)).collect()
    }

    /// How long it lasted, in milliseconds.
    #[must_use]
    pub fn millis(&self) -> u64 {
        self.0.end_time_unix_nano.saturating_sub(self.0.start_time_unix_nano) / 1_000_000
    }
}

// === helpers ===

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            let server = auto::Builder::new(TokioExecutor::new());
            // A gateway that is killed breaks off, which is no failure of a test.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let headers = request.headers().clone();
    let grpc = headers.get("content-type").is_some_and(|kind| kind == "application/grpc");
    let packed = headers.get("content-encoding").is_some_and(|coding| coding == "gzip");
    let Ok(body) = request.into_body().collect().await else { return Ok(status(400)) };
    let held = lock(&state.held).clone();
    if let Some(held) = held
        && let Ok(permit) = held.acquire().await
    {
        permit.forget();
    }
    let pause = *lock(&state.pause);
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let bytes = body.to_bytes();
    if !state.forgets.load(Relaxed) {
        lock(&state.sent).push(Batch { headers, body: bytes.clone() });
    }
    let refused = lock(&state.statuses).pop_front().or(*lock(&state.always));
    if let Some(code) = refused {
        return Ok(status(code));
    }
    let message = match (grpc, packed) {
        (true, _) => bytes.slice(5.min(bytes.len())..),
        (false, true) => match unpacked(&bytes) {
            Ok(plain) => plain,
            Err(_) => return Ok(status(400)),
        },
        (false, false) => bytes,
    };
    let Ok(batch) = ExportTraceServiceRequest::decode(message) else { return Ok(status(400)) };
    let scopes = batch.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).map(Span).collect();
    state.taken.fetch_add(spans.len(), Relaxed);
    if !state.forgets.load(Relaxed) {
        lock(&state.spans).extend(spans);
    }
    Ok(if grpc { taken() } else { status(200) })
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain.into())
}

/// gRPC's way to say that all is well: an empty message, and the status in the trailers.
fn taken() -> Response<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let data = Frame::data(Bytes::from_static(&[0; 5]));
    let frames = [Ok::<_, Infallible>(data), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed());
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    *response.status_mut() = code.try_into().unwrap_or_default();
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
