//! The record of one HTTP exchange while it lasts.
//!
//! Enters: what each layer of `admit` learns, once each. Leaves: one `CallRecord` when the last
//! byte is out or the caller is gone. Never: read by a stage behind `admit` (they get the `Call`).

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{HeaderValue, Request};
use toolgate_call::trace::{Claims, Said};
use toolgate_call::{
    Case, Ledger, Lifecycle, Method, Outcome, Phase, Principal, RawJson, Reason, Refusal, Server,
    SubjectToken, Trace, Version,
};
use toolgate_telemetry::{ActiveRequest, Beginning, CallRecord, Telemetry};

/// What is known of an exchange. Every fact is set at most once.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request_id: Arc<str>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) peer: Option<std::net::IpAddr>,
    /// Which server it is for; empty: the gateway as a whole.
    pub(crate) server: OnceLock<Arc<Server>>,
    pub(crate) principal: OnceLock<Arc<Principal>>,
    /// The token that this is by, if some target exchanges tokens.
    pub(crate) subject: OnceLock<SubjectToken>,
    pub(crate) request: OnceLock<Asked>,
    /// What the headers say of a trace.
    pub(crate) claims: Claims,
    /// The host that the caller wrote.
    host: Option<HeaderValue>,
    pub(crate) trace: OnceLock<Arc<Trace>>,
    pub(crate) ending: OnceLock<Ending>,
    /// Whether the answer has begun, as a stream.
    pub(crate) streamed: AtomicBool,
    /// Whether its calls have exchanges, and records, of their own.
    is_batch: AtomicBool,
    lifecycle: Arc<Lifecycle>,
}

/// What was asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) version: Option<Version>,
    pub(crate) id: Option<RawJson>,
    pub(crate) session: bool,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<String>,
    pub(crate) status: u16,
    pub(crate) streamed: bool,
    /// The rule by which the request was turned away before it was read.
    pub(crate) denied_by: Option<&'static str>,
}

/// Writes the record when it is dropped: it lives in the future, then in the response's body.
#[derive(Debug)]
pub(crate) struct Finisher {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) telemetry: Arc<Telemetry>,
    /// Counts the exchange as active until then.
    pub(crate) _active: ActiveRequest,
}

// === impl Exchange ===

impl Exchange {
    pub(crate) fn new(
        request_id: Arc<str>,
        peer: Option<std::net::IpAddr>,
        (claims, host): (Claims, Option<HeaderValue>),
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        Self {
            request_id,
            ledger: Arc::new(Ledger::new(Instant::now())),
            peer,
            server: OnceLock::new(),
            principal: OnceLock::new(),
            subject: OnceLock::new(),
            request: OnceLock::new(),
            claims,
            host,
            trace: OnceLock::new(),
            ending: OnceLock::new(),
            streamed: AtomicBool::new(false),
            is_batch: AtomicBool::new(false),
            lifecycle,
        }
    }

    /// The exchange of one call of a batch, counted from 1. From here on it is the calls that are
    /// recorded, and not the request that brought them.
    pub(crate) fn member(&self, number: usize) -> Arc<Self> {
        self.is_batch.store(true, Relaxed);
        let request_id = Arc::from(format!("{}.{number}", self.request_id));
        let (claims, lifecycle) = (self.claims.clone(), Arc::clone(&self.lifecycle));
        let member = Self::new(request_id, self.peer, (claims, self.host.clone()), lifecycle);
        if let Some(principal) = self.principal.get() {
            member.principal.get_or_init(|| Arc::clone(principal));
        }
        if let Some(subject) = self.subject.get() {
            member.subject.get_or_init(|| subject.clone());
        }
        if let Some(server) = self.server.get() {
            member.server.get_or_init(|| Arc::clone(server));
        }
        Arc::new(member)
    }

    /// The server that it is for; `None`: the gateway as a whole.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.get().map(|server| &**server)
    }

    /// The exchange that the record layer put into the request.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Arc<Self>> {
        request.extensions().get::<Arc<Self>>().map(Arc::clone)
    }

    /// How it ended if nobody has said so: the caller left, or the gateway did.
    pub(crate) fn unsaid(&self) -> Ending {
        let phase = self.ledger.phase().as_str();
        let (reason, status, detail) = if std::thread::panicking() {
            (Reason::Internal, 500, format!("a panic in phase {phase}"))
        } else if self.lifecycle.is_over() {
            (Reason::Shutdown, 499, format!("cut off in phase {phase}: the gateway stops"))
        } else if self.ledger.phase() == Phase::Write {
            let detail = "the caller left or did not read, in phase write".to_owned();
            (Reason::ClientCancelled, 499, detail)
        } else {
            (Reason::ClientCancelled, 499, format!("the caller left in phase {phase}"))
        };
        Ending {
            outcome: Outcome::failed(reason, false),
            detail: Some(detail),
            status,
            streamed: self.streamed.load(Relaxed),
            denied_by: None,
        }
    }

    /// Its place in a trace. What `_meta` says is heard the first time only: a request that is
    /// refused before it is read has only headers. `name` is that of what was called.
    pub(crate) fn place(
        &self,
        telemetry: &Telemetry,
        meta: Option<Said>,
        name: Option<&str>,
    ) -> &Arc<Trace> {
        self.trace.get_or_init(|| {
            let claims = meta.map(|said| Claims { meta: Some(said), ..self.claims.clone() });
            let claims = claims.as_ref().unwrap_or(&self.claims);
            // Whoever was not let in has no say in what is recorded.
            let call = self.principal.get().map(|_| self.beginning(name));
            Arc::new(telemetry.place(claims, call.as_ref()))
        })
    }

    fn beginning<'a>(&'a self, name: Option<&'a str>) -> Beginning<'a> {
        let host = self.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
        let method = self.request.get().map_or(Method::Other, |asked| asked.method);
        Beginning { method, name, host }
    }

    /// Notes the end. The first word counts.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.get_or_init(|| ending);
    }
}

// === impl Ending ===

impl Ending {
    pub(crate) fn refused(refusal: &Refusal, status: u16, streamed: bool) -> Self {
        Self {
            outcome: Outcome::failed(refusal.reason(), refusal.is_retry_safe()),
            detail: Some(refusal.operator_detail().unwrap_or(refusal.message()).to_owned()),
            status,
            streamed,
            denied_by: rule(refusal.case()),
        }
    }
}

/// The rule, of what is turned away for who calls or from where.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others say what is wrong with a request")]
const fn rule(case: Case) -> Option<&'static str> {
    match case {
        Case::TokenMissing | Case::TokenInvalid | Case::KeysUnavailable => Some("authentication"),
        Case::Host => Some("hosts"),
        Case::Origin => Some("origins"),
        _ => None,
    }
}

// === impl Finisher ===

impl Drop for Finisher {
    fn drop(&mut self) {
        let exchange = &self.exchange;
        if exchange.is_batch.load(Relaxed) {
            return;
        }
        let phases = exchange.ledger.phases_at(Instant::now());
        let ending = exchange.ending.get_or_init(|| exchange.unsaid());
        let asked = exchange.request.get();
        let trace = exchange.place(&self.telemetry, None, None);
        self.telemetry.finish(&CallRecord {
            method: asked.map_or(Method::Other, |asked| asked.method),
            version: asked.and_then(|asked| asked.version),
            outcome: ending.outcome,
            status: ending.status,
            ledger: &exchange.ledger,
            phases,
            principal: exchange.principal.get().map(|principal| &**principal),
            server: exchange.server().map(|server| &server.name),
            request_id: &exchange.request_id,
            trace: Some(trace),
            kept: false,
            id: asked.and_then(|asked| asked.id.as_ref()).map(RawJson::as_bytes),
            detail: ending.detail.as_deref(),
            session: asked.is_some_and(|asked| asked.session),
            streamed: ending.streamed,
            peer: exchange.peer,
        });
    }
}
