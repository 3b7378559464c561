//! What happens at the front door, beside the calls themselves.
//!
//! Enters: events of connections, streams, sessions and limits. Leaves: counters and gauges; the
//! gauges go back when their guard is dropped. Never: a call's outcome (see `calls`).

use std::sync::Arc;
use std::time::Instant;

use metrics::Gauge;
use toolgate_call::{AskKind, Version};
use toolgate_telemetry_catalog::{
    ConnectionRejected, Direction, GrantEvent, LoopEnd, QuestionEnd, RateScope, Refresh,
    SecretRead, SecretSource, SessionEvent, Shed, StreamEnd, gateway as family,
};

use crate::auth::count;
use crate::cells::Counter;
use crate::handles::{Counters, Histograms, Pairs};
use crate::registry::Registry;

/// Metrics of the front door.
#[derive(Debug)]
pub struct GatewayMetrics {
    requests_active: Gauge,
    connections_active: Gauge,
    connections_accepted: Counter,
    connections_rejected: Counters<ConnectionRejected>,
    streams_active: Gauge,
    stream_duration: Arc<Histograms<StreamEnd>>,
    protocol: Pairs<Version, Direction>,
    translations: Counters<Direction>,
    shed: Counters<Shed>,
    rate_limited: Counters<RateScope>,
    repeated: Counters<LoopEnd>,
    buckets_evicted: Counter,
    sessions: Counters<SessionEvent>,
    questions: Pairs<AskKind, QuestionEnd>,
    parked: Gauge,
    grant_events: Counters<GrantEvent>,
    grants: Gauge,
    grants_pending: Gauge,
    pins_reloads: Counters<Refresh>,
    lists_over_budget: Gauge,
    policy_reloads: Counters<Refresh>,
    keys_reloads: Counters<Refresh>,
    secret_reads: Pairs<SecretSource, SecretRead>,
}

/// A call in flight. Dropping it takes it off the gauge.
#[derive(Debug)]
#[must_use = "the call counts as active only while this lives"]
pub struct ActiveRequest(Gauge);

/// An open connection. Dropping it takes it off the gauge.
#[derive(Debug)]
#[must_use = "the connection counts as active only while this lives"]
pub struct ActiveConnection(Gauge);

/// A call that waits for its caller. Dropping it takes it off the gauge.
#[derive(Debug)]
#[must_use = "the call counts as parked only while this lives"]
pub struct ParkedCall(Gauge);

/// An open event stream. Dropping it means that the caller has left.
#[derive(Debug)]
#[must_use = "the stream counts as active only while this lives"]
pub struct ActiveStream {
    active: Gauge,
    duration: Arc<Histograms<StreamEnd>>,
    since: Instant,
    end: StreamEnd,
}

// === impl GatewayMetrics ===

impl GatewayMetrics {
    pub(crate) fn new(registry: &Registry, version: &str) -> Self {
        registry.gauge(&family::BUILD_INFO, &[version]).set(1.0);
        Self {
            requests_active: registry.gauge(&family::REQUESTS_ACTIVE, &[]),
            connections_active: registry.gauge(&family::CONNECTIONS_ACTIVE, &[]),
            connections_accepted: registry.counter(&family::CONNECTIONS_ACCEPTED, &[]),
            connections_rejected: Counters::new(registry, &family::CONNECTIONS_REJECTED, &[]),
            streams_active: registry.gauge(&family::STREAMS_ACTIVE, &[]),
            stream_duration: Arc::new(Histograms::new(registry, &family::STREAM_DURATION, &[])),
            protocol: Pairs::new(registry, &family::PROTOCOL_REQUESTS, &[]),
            translations: Counters::new(registry, &family::TRANSLATIONS, &[]),
            shed: Counters::new(registry, &family::SHED, &[]),
            rate_limited: Counters::new(registry, &family::RATE_LIMITED, &[]),
            repeated: Counters::new(registry, &family::LOOPS, &[]),
            buckets_evicted: registry.counter(&family::BUCKETS_EVICTED, &[]),
            sessions: Counters::new(registry, &family::SESSIONS, &[]),
            questions: Pairs::new(registry, &family::QUESTIONS, &[]),
            parked: registry.gauge(&family::PARKED, &[]),
            grant_events: Counters::new(registry, &family::GRANT_EVENTS, &[]),
            grants: registry.gauge(&family::GRANTS, &[]),
            grants_pending: registry.gauge(&family::GRANTS_PENDING, &[]),
            pins_reloads: Counters::new(registry, &family::PINS_RELOADS, &[]),
            lists_over_budget: registry.gauge(&family::LISTS_OVER_BUDGET, &[]),
            policy_reloads: Counters::new(registry, &family::POLICY_RELOADS, &[]),
            keys_reloads: Counters::new(registry, &family::KEYS_RELOADS, &[]),
            secret_reads: Pairs::new(registry, &family::SECRET_READS, &[]),
        }
    }

    /// A secret was read again.
    pub fn secret_read(&self, source: SecretSource, came_to: SecretRead) {
        self.secret_reads.add(source, came_to);
    }

    /// A call has begun. Keep the guard until the last byte is out or the caller is gone.
    pub fn request_started(&self) -> ActiveRequest {
        self.requests_active.increment(1.0);
        ActiveRequest(self.requests_active.clone())
    }

    /// A connection was accepted. Keep the guard until it is closed.
    pub fn connection_accepted(&self) -> ActiveConnection {
        self.connections_accepted.increment(1);
        self.connections_active.increment(1.0);
        ActiveConnection(self.connections_active.clone())
    }

    /// A connection was turned away.
    pub fn connection_rejected(&self, why: ConnectionRejected) {
        self.connections_rejected.add(why);
    }

    /// An event stream to a caller was opened. Keep the guard until it is closed.
    pub fn stream_opened(&self) -> ActiveStream {
        self.streams_active.increment(1.0);
        ActiveStream {
            active: self.streams_active.clone(),
            duration: Arc::clone(&self.stream_duration),
            since: Instant::now(),
            end: StreamEnd::ClientClose,
        }
    }

    /// A request in that revision passed on that side.
    pub fn protocol(&self, version: Version, side: Direction) {
        self.protocol.add(version, side);
    }

    /// So many lists of tools weigh more than they should.
    pub fn lists_over_budget(&self, lists: usize) {
        self.lists_over_budget.set(count(lists));
    }

    /// The pins file was read again.
    pub fn pins_reloaded(&self, ok: bool) {
        self.pins_reloads.add(if ok { Refresh::Ok } else { Refresh::Failed });
    }

    /// The files of policies were read again, and can be used or not.
    pub fn policies_reloaded(&self, ok: bool) {
        self.policy_reloads.add(if ok { Refresh::Ok } else { Refresh::Failed });
    }

    /// The file of API keys was read again, or could not be.
    pub fn keys_reloaded(&self, ok: bool) {
        self.keys_reloads.add(if ok { Refresh::Ok } else { Refresh::Failed });
    }

    /// A message was translated between the eras for that side.
    pub fn translated(&self, side: Direction) {
        self.translations.add(side);
    }

    /// A call was refused because that limit of concurrency was met.
    pub fn shed(&self, scope: Shed) {
        self.shed.add(scope);
    }

    /// A call was refused because it came too soon after others.
    pub fn rate_limited(&self, scope: RateScope) {
        self.rate_limited.add(scope);
    }

    /// Something became of a call that was like others before.
    pub fn repeated(&self, end: LoopEnd) {
        self.repeated.add(end);
    }

    /// A bucket was forgotten before it was full.
    pub fn bucket_evicted(&self) {
        self.buckets_evicted.increment(1);
    }

    /// Something became of a question of a target's.
    pub fn question(&self, kind: AskKind, end: QuestionEnd) {
        self.questions.add(kind, end);
    }

    /// A call waits for its caller. Keep the guard until it goes on or is given up.
    pub fn parked(&self) -> ParkedCall {
        self.parked.increment(1.0);
        ParkedCall(self.parked.clone())
    }

    /// Something became of what users are asked.
    pub fn grant(&self, event: GrantEvent) {
        self.grant_events.add(event);
    }

    /// So many grants are held, and so many users have not answered.
    pub fn grants(&self, held: usize, pending: usize) {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.grants.set(number(held));
        self.grants_pending.set(number(pending));
    }

    /// Something became of a session of the older era.
    pub fn session(&self, event: SessionEvent) {
        self.sessions.add(event);
    }
}

// === impl guards ===

impl Drop for ParkedCall {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl Drop for ActiveConnection {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl ActiveStream {
    /// The stream ended, and not because the caller left.
    pub fn ended(mut self, end: StreamEnd) {
        self.end = end;
    }
}

impl Drop for ActiveStream {
    fn drop(&mut self) {
        self.active.decrement(1.0);
        self.duration.record(self.end, self.since.elapsed().as_secs_f64());
    }
}
