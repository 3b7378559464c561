//! The line between HTTP and MCP.
//!
//! Enters: an identified request for `/mcp`. Leaves: a `Call` for the services behind, and their
//! `Reply` or `Refusal` as a response. Never: lets an HTTP type further in.

mod budget;
mod read;
mod several;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method as HttpMethod, Request, Response, header};
use hyper::body::Incoming;
use toolgate_call::{
    By, Call, Case, Deadline, Era, Lifecycle, Method, Phase, Refusal, Reply, SessionRef,
};
use toolgate_telemetry::{Shed, Telemetry};
use tower::{Layer, Service};

use crate::authn::Authenticator;
use crate::decode::{self, Decoded, Known, Rejected};
use crate::encode::{self, Context as Encoding};
use crate::exchange::{Asked, Exchange};
use crate::front::UNREAD;
use crate::sse::stopping;
use crate::{Answering, Body, discard, observe, refuse};

use budget::{Budget, Charge};
use read::Limits;
pub use several::Negotiated;
use several::Several;

/// What the line needs to know.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// The largest body, in bytes.
    pub body: usize,
    /// The most bytes of all bodies above 64 KiB that are held at once.
    pub bodies: usize,
    /// The deepest nesting of a body.
    pub depth: usize,
    /// How long a body may take to arrive.
    pub read_timeout: Duration,
    /// The longest that any call may take, whatever its tool allows.
    pub ceiling: Duration,
    /// How long an event stream may be quiet before a comment is sent.
    pub keep_alive: Duration,
}

/// Makes [`Rpc`].
#[derive(Clone, Debug)]
pub struct RpcLayer {
    /// Limits.
    pub config: RpcConfig,
    /// Writes the challenge of a missing scope.
    pub auth: Arc<Authenticator>,
    /// Counts revisions.
    pub telemetry: Arc<Telemetry>,
    /// Knows when there is no time left for a call.
    pub lifecycle: Arc<Lifecycle>,
    /// Knows which revision a session has agreed on.
    pub negotiated: Negotiated,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Rpc<S> {
    inner: S,
    line: Arc<Line>,
}

/// What all requests share.
#[derive(Debug)]
struct Line {
    layer: RpcLayer,
    budget: Arc<Budget>,
}

/// What a request brought.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the common one, and not worth a box"
)]
enum Arrived {
    /// One message, and what its body is charged.
    One(Decoded, Option<Charge>),
    /// An array of them.
    Several(Several),
}

// === impl RpcLayer ===

impl<S> Layer<S> for RpcLayer {
    type Service = Rpc<S>;

    fn layer(&self, inner: S) -> Rpc<S> {
        let budget = Budget::new(self.config.bodies);
        Rpc { inner, line: Arc::new(Line { layer: self.clone(), budget }) }
    }
}

// === impl Rpc ===

impl<S> Service<Request<Incoming>> for Rpc<S>
where
    S: Service<Call, Response = Reply, Error = Refusal> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The services behind shed in `call`; they are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Answering {
        let (line, inner) = (Arc::clone(&self.line), self.inner.clone());
        Box::pin(async move { Ok(line.serve(inner, request).await) })
    }
}

impl Line {
    async fn serve<S>(self: &Arc<Self>, inner: S, request: Request<Incoming>) -> Response<Body>
    where
        S: Service<Call, Response = Reply, Error = Refusal> + Clone + Send + 'static,
        S::Future: Send,
    {
        let Some(exchange) = Exchange::of(&request) else {
            return refuse::early(&Refusal::internal("a request without a record"), None, None);
        };
        let (json, sse) = accepted(request.headers());
        let arrived = self.decode(&exchange, request, (json, sse)).await;
        // The charge for a large body is given back when the call has been answered.
        let (decoded, _charge) = match arrived {
            Ok(Arrived::One(decoded, charge)) => (decoded, charge),
            Ok(Arrived::Several(several)) => {
                return Box::pin(self.several(inner, &exchange, several, (json, sse))).await;
            }
            Err(rejected) => return self.rejected(&exchange, rejected),
        };
        self.answer(inner, &exchange, decoded, (json, sse)).await
    }

    async fn answer<S>(
        &self,
        mut inner: S,
        exchange: &Arc<Exchange>,
        decoded: Decoded,
        accepts: (bool, bool),
    ) -> Response<Body>
    where
        S: Service<Call, Response = Reply, Error = Refusal>,
    {
        let cx = self.context(exchange, &decoded, accepts);
        if decoded.method == Method::Listen && !accepts.1 {
            let message = "accept text/event-stream: a subscription is a stream";
            return encode::refused(&cx, &not_acceptable(message), None);
        }
        let Some(call) = self.call(exchange, decoded, accepts.1) else {
            return encode::refused(&cx, &Refusal::internal("a request without a principal"), None);
        };
        match self.within_life(inner.call(call)).await {
            Ok(reply) => encode::encode(cx, reply).await,
            Err(refusal) => {
                let challenge = self.layer.auth.challenge(&refusal, exchange.server());
                encode::refused(&cx, &refusal, challenge)
            }
        }
    }

    /// The reply, or word that the gateway stops. Whoever ends the grace period has the connection
    /// polled (HTTP/2: each stream), and with it this.
    async fn within_life<F>(&self, replying: F) -> Result<Reply, Refusal>
    where
        F: Future<Output = Result<Reply, Refusal>>,
    {
        let mut replying = std::pin::pin!(replying);
        std::future::poll_fn(|task| {
            let polled = replying.as_mut().poll(task);
            if polled.is_pending() && self.layer.lifecycle.is_over() {
                return Poll::Ready(Err(stopping()));
            }
            polled
        })
        .await
    }

    async fn decode(
        &self,
        exchange: &Exchange,
        request: Request<Incoming>,
        (json, sse): (bool, bool),
    ) -> Result<Arrived, Rejected> {
        exchange.ledger.enter(Phase::Read);
        let (parts, body) = request.into_parts();
        let refused = match parts.method {
            HttpMethod::POST if json || sse => is_json(&parts.headers),
            HttpMethod::GET if sse => {
                return bodiless(&parts.headers, Method::OpenStream);
            }
            HttpMethod::DELETE if json || sse => {
                return bodiless(&parts.headers, Method::EndSession);
            }
            HttpMethod::GET => Err(not_acceptable("accept text/event-stream: a GET is a stream")),
            HttpMethod::POST | HttpMethod::DELETE => {
                let message = "accept application/json or text/event-stream, best both";
                Err(not_acceptable(message))
            }
            _ => {
                let message = "only POST, GET and DELETE are served here";
                Err(Refusal::new(Case::HttpMethod, message))
            }
        };
        if let Err(refusal) = refused {
            Box::pin(discard::unread(&parts, body)).await;
            return Err(Rejected { refusal, known: Known::of(&parts.headers) });
        }
        let limits = Limits {
            bytes: self.layer.config.body,
            time: self.layer.config.read_timeout,
            budget: &self.budget,
        };
        let (bytes, charge) = read::whole(body, limits).await.map_err(|refusal| {
            if refusal.case() == Case::Overloaded {
                self.layer.telemetry.gateway.shed(Shed::Gateway);
            }
            Rejected { refusal, known: Known::of(&parts.headers) }
        })?;
        exchange.ledger.add_bytes_in(bytes.len());
        match decode::decode(&parts.headers, &bytes, self.layer.config.depth) {
            Ok(decoded) => Ok(Arrived::One(decoded, charge)),
            Err(rejected) if rejected.refusal.case() == Case::Batch => {
                Ok(Arrived::Several(Several { headers: parts.headers, body: bytes, charge }))
            }
            Err(rejected) => Err(rejected),
        }
    }

    fn rejected(&self, exchange: &Exchange, rejected: Rejected) -> Response<Body> {
        let Rejected { refusal, known } = rejected;
        let id = known.id.clone();
        exchange.request.get_or_init(|| Asked {
            method: known.method.unwrap_or(Method::Other),
            version: known.version,
            id: known.id,
            session: known.session,
        });
        exchange.place(&self.layer.telemetry, known.said, None);
        refuse::respond(&refusal, id.as_ref(), UNREAD, Some(exchange), None)
    }

    fn context(
        &self,
        exchange: &Arc<Exchange>,
        decoded: &Decoded,
        (accepts_json, accepts_sse): (bool, bool),
    ) -> Encoding {
        self.layer
            .telemetry
            .gateway
            .protocol(decoded.version, toolgate_telemetry::Direction::Client);
        exchange.request.get_or_init(|| Asked {
            method: decoded.method,
            version: Some(decoded.version),
            id: decoded.id.clone(),
            session: decoded.session != SessionRef::None,
        });
        Encoding {
            id: decoded.id.clone(),
            era: decoded.version.era(),
            accepts_json,
            accepts_sse,
            observer: exchange.principal.get().is_some_and(|p| p.scopes.contains(observe::SCOPE)),
            keep_alive: self.layer.config.keep_alive,
            lifecycle: Arc::clone(&self.layer.lifecycle),
            exchange: Arc::clone(exchange),
        }
    }

    /// The gateway's limit of a call, or the caller's if that is shorter.
    fn deadline(&self, waits: Option<Duration>) -> Deadline {
        let now = Instant::now();
        let most = Deadline::after(now, self.layer.config.ceiling);
        waits.map_or(most, |waits| most.sooner(Deadline::after(now, waits).set_by(By::Caller)))
    }

    fn call(&self, exchange: &Exchange, decoded: Decoded, hears: bool) -> Option<Call> {
        exchange.ledger.enter(Phase::Authorize);
        let name = decoded.name.as_deref();
        let trace = Arc::clone(exchange.place(&self.layer.telemetry, decoded.said, name));
        Some(Call {
            method: decoded.method,
            id: decoded.id,
            name: decoded.name,
            kind: decoded.kind,
            cursor: decoded.cursor,
            version: decoded.version,
            meta: decoded.meta,
            mirrored: decoded.mirrored,
            frame: decoded.frame,
            abilities: decoded.abilities,
            hears,
            session: decoded.session,
            principal: Arc::clone(exchange.principal.get()?),
            subject: exchange.subject.get().cloned(),
            server: exchange.server.get().map(Arc::clone),
            peer: exchange.peer,
            request_id: Arc::clone(&exchange.request_id),
            deadline: self.deadline(decoded.waits),
            ledger: Arc::clone(&exchange.ledger),
            trace,
        })
    }
}

/// GET and DELETE of the older era.
fn bodiless(headers: &HeaderMap, method: Method) -> Result<Arrived, Rejected> {
    let rejected = |refusal| {
        let known = Known { method: Some(method), ..Known::of(headers) };
        Rejected { refusal, known }
    };
    let version = decode::legacy_version(headers).map_err(rejected)?;
    let session = decode::claimed_session(headers).map_err(rejected)?;
    if version.era() == Era::Modern {
        let message = "2026-07-28 has no sessions: only POST is served";
        return Err(rejected(Refusal::new(Case::HttpMethod, message)));
    }
    Ok(Arrived::One(Decoded::bare(method, version, session), None))
}

/// Whether JSON, and whether an event stream, is accepted. A missing header accepts both.
fn accepted(headers: &HeaderMap) -> (bool, bool) {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return (true, true);
    }
    let (mut json, mut sse) = (false, false);
    for item in values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        if parts.any(|part| is_one_of(part, &["q=0", "q=0.0", "q=0.00", "q=0.000"])) {
            continue;
        }
        json |= is_one_of(kind, &["*/*", "application/*", "application/json"]);
        sse |= is_one_of(kind, &["*/*", "text/*", "text/event-stream"]);
    }
    (json, sse)
}

/// Media types and their parameters are the same in capitals (RFC 9110 section 8.3.1).
fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn not_acceptable(message: &'static str) -> Refusal {
    Refusal::new(Case::NotAcceptable, message)
}

fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let bare = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    if bare.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    Err(Refusal::new(Case::ContentType, "send `Content-Type: application/json`"))
}
