//! What happens on the way to one target, and at it.
//!
//! Enters: events from `reach` and `target`. Leaves: counters, gauges and histograms under the
//! target's configured name. Never: anything of the caller's, and never a gauge for something
//! that the target does not have (a process, a breaker): such series are made when first told of.

mod credentials;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::Gauge;
use toolgate_call::{Method, Outcome, Reason};
use toolgate_telemetry_catalog::{
    Circuit, ConnectPhase, ContractAction, ContractChange, Flow, Health, ListCause, Metric,
    PoolState, Refresh, Restart, RetryResult, SchemaChange, Suppressed, TimeoutPhase, Word,
    resilience, target as family,
};

use crate::audit::{Audit, AuditContract};
use crate::auth::count;
use crate::cells::{Counter, Histogram};
use crate::handles::{ByReason, Counters, Pairs, Slots};
use crate::registry::Registry;

pub use credentials::CredentialMetrics;

/// Metrics of one target.
#[derive(Debug)]
pub struct TargetMetrics {
    name: Arc<str>,
    audit: Option<Arc<Audit>>,
    registry: Arc<Registry>,
    attempts: Slots<ByReason>,
    retries: Slots<Counters<RetryResult>>,
    suppressed: Counters<Suppressed>,
    timeouts: Counters<TimeoutPhase>,
    circuit_rejected: Counter,
    circuit: Mutex<Option<Breaker>>,
    in_use: Gauge,
    health: Counters<Health>,
    bytes: Counters<Flow>,
    lists: Pairs<Refresh, ListCause>,
    reestablished: Counter,
    left_out: Counter,
    forgotten: Counter,
    told: Told,
}

/// Series that exist once something was told of them.
struct Told {
    per_call: OnceLock<Histogram>,
    connect: [OnceLock<Histogram>; 3],
    budget: OnceLock<Gauge>,
    limit: OnceLock<Gauge>,
    pool: OnceLock<[Gauge; 2]>,
    up: OnceLock<Gauge>,
    tools: OnceLock<[Gauge; 3]>,
    changes: OnceLock<Counters<SchemaChange>>,
    contracts: Slots<Counter>,
    quarantined: OnceLock<Gauge>,
    process_up: OnceLock<Gauge>,
    restarts: OnceLock<Counters<Restart>>,
    credentials: OnceLock<CredentialMetrics>,
    function: OnceLock<[Histogram; 2]>,
}

/// The breaker, as last told.
#[derive(Debug)]
struct Breaker {
    state: Circuit,
    gauges: Vec<Gauge>,
    transitions: Counters<Circuit>,
    open_duration: Histogram,
    /// Since when it has not been closed.
    opened: Option<Instant>,
}

/// A call that is at the target. Dropping it takes it off the gauge.
#[derive(Debug)]
#[must_use = "the permit counts as in use only while this lives"]
pub struct InUse(Gauge);

// === impl TargetMetrics ===

impl TargetMetrics {
    pub(crate) fn new(registry: &Arc<Registry>, name: &str, audit: Option<Arc<Audit>>) -> Self {
        let (store, labels): (&Registry, &[&str]) = (registry, &[name]);
        Self {
            name: Arc::from(name),
            audit,
            registry: Arc::clone(registry),
            attempts: Slots::new(Method::labels().count()),
            retries: Slots::new(Reason::ALL.len()),
            suppressed: Counters::new(store, &resilience::RETRY_SUPPRESSED, labels),
            timeouts: Counters::new(store, &resilience::TIMEOUTS, labels),
            circuit_rejected: store.counter(&resilience::CIRCUIT_REJECTED, labels),
            circuit: Mutex::new(None),
            in_use: store.gauge(&resilience::CONCURRENCY_IN_USE, labels),
            health: Counters::new(store, &family::HEALTH_CHECKS, labels),
            bytes: Counters::new(store, &family::BYTES, labels),
            lists: Pairs::new(store, &family::LIST_REFRESH, labels),
            reestablished: store.counter(&family::REESTABLISHED, labels),
            left_out: store.counter(&family::TOOLS_LEFT_OUT, labels),
            forgotten: store.counter(&family::CONTRACTS_FORGOTTEN, labels),
            told: Told::new(),
        }
    }

    /// The target's configured name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// One attempt ended. One that met a limit of time is counted under that limit, whoever kept
    /// it: the target's own client or the deadline.
    pub fn attempt(&self, method: Method, outcome: Outcome, took: Duration) {
        if let Some(phase) = outcome.reason.and_then(timed_out) {
            self.timeouts.add(phase);
        }
        if let Some(row) = self.attempts.get(method as usize, ByReason::default) {
            row.record(outcome.reason, took.as_secs_f64(), |error| {
                let labels = [method.label(), &*self.name, error];
                self.registry.histogram(&family::OPERATION_DURATION, &labels)
            });
        }
    }

    /// A call ended after so many attempts.
    pub fn attempts_per_call(&self, attempts: u32) {
        let make = || self.registry.histogram(&resilience::ATTEMPTS, &[&*self.name]);
        self.told.per_call.get_or_init(make).record(f64::from(attempts));
    }

    /// A failure with that reason was followed by another attempt, which succeeded or did not.
    pub fn retried(&self, cause: Reason, success: bool) {
        let result = if success { RetryResult::Success } else { RetryResult::Failure };
        let make =
            || Counters::new(&self.registry, &resilience::RETRIES, &[&*self.name, cause.as_str()]);
        if let Some(row) = self.retries.get(cause as usize, make) {
            row.add(result);
        }
    }

    /// A failed attempt was not repeated.
    pub fn retry_suppressed(&self, why: Suppressed) {
        self.suppressed.add(why);
    }

    /// The part of the budget for retries that is left, 0 to 1.
    pub fn retry_budget(&self, left: f64) {
        self.gauge(&self.told.budget, &resilience::RETRY_BUDGET).set(left.clamp(0.0, 1.0));
    }

    /// The state of the breaker. Say it once at the start, too: until then there is no series.
    pub fn circuit(&self, state: Circuit) {
        let mut told = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = told.get_or_insert_with(|| Breaker::new(&self.registry, &self.name, state));
        breaker.become_state(state);
    }

    /// The open breaker refused an attempt.
    pub fn circuit_rejected(&self) {
        self.circuit_rejected.increment(1);
    }

    /// How many calls may be at the target at once.
    pub fn concurrency_limit(&self, limit: usize) {
        self.gauge(&self.told.limit, &resilience::CONCURRENCY_LIMIT).set(count(limit));
    }

    /// A call has a permit. Keep the guard as long as the permit.
    pub fn permit(&self) -> InUse {
        self.in_use.increment(1.0);
        InUse(self.in_use.clone())
    }

    /// A step of connecting took so long.
    pub fn connected(&self, phase: ConnectPhase, took: Duration) {
        if let Some(slot) = self.told.connect.get(phase.index()) {
            let labels = [&*self.name, phase.word()];
            slot.get_or_init(|| self.registry.histogram(&family::CONNECT_DURATION, &labels))
                .record(took.as_secs_f64());
        }
    }

    /// Connections kept open, by what they are doing.
    pub fn pool(&self, idle: usize, in_use: usize) {
        let make = |state: PoolState| {
            self.registry.gauge(&family::POOL_CONNECTIONS, &[&*self.name, state.word()])
        };
        let both = || [make(PoolState::Idle), make(PoolState::InUse)];
        let [idle_gauge, in_use_gauge] = self.told.pool.get_or_init(both);
        idle_gauge.set(count(idle));
        in_use_gauge.set(count(in_use));
    }

    /// A function of Lambda ran; and had to be started first, if there is a second time.
    pub fn function_ran(&self, took: Duration, init: Option<Duration>) {
        let make = |metric| self.registry.histogram(metric, &[&*self.name]);
        let both = || [make(&family::FUNCTION_DURATION), make(&family::FUNCTION_INIT)];
        let [runs, starts] = self.told.function.get_or_init(both);
        runs.record(took.as_secs_f64());
        if let Some(init) = init {
            starts.record(init.as_secs_f64());
        }
    }

    /// Body bytes went to the target.
    pub fn sent(&self, bytes: usize) {
        self.bytes.add_many(Flow::Sent, bytes as u64);
    }

    /// Body bytes came from the target.
    pub fn received(&self, bytes: usize) {
        self.bytes.add_many(Flow::Received, bytes as u64);
    }

    /// Whether the target is healthy: its circuit is closed and its last list was fine.
    pub fn up(&self, up: bool) {
        self.gauge(&self.told.up, &family::UP).set(f64::from(u8::from(up)));
    }

    /// A health check ended.
    pub fn health_check(&self, ok: bool) {
        self.health.add(if ok { Health::Ok } else { Health::Failed });
    }

    /// The list of tools was asked for.
    pub fn list_refreshed(&self, cause: ListCause, ok: bool) {
        self.lists.add(if ok { Refresh::Ok } else { Refresh::Failed }, cause);
    }

    /// The list in use: how many tools, and how many bytes. Its weight is reckoned from them.
    pub fn list_size(&self, tools: usize, bytes: usize) {
        let make = |metric| self.registry.gauge(metric, &[&*self.name]);
        let all = || [make(&family::TOOLS), make(&family::LIST_SIZE), make(&family::LIST_TOKENS)];
        let [tools_gauge, bytes_gauge, tokens_gauge] = self.told.tools.get_or_init(all);
        tools_gauge.set(count(tools));
        bytes_gauge.set(count(bytes));
        tokens_gauge.set(count(estimated_tokens(bytes)));
        // From the first list on, so that the first change shows as an increase.
        self.changes();
    }

    /// A later list has so many tools that were changed in that way.
    pub fn tools_changed(&self, how: SchemaChange, tools: usize) {
        self.changes().add_many(how, tools as u64);
    }

    /// What is done about changes of that kind: from here on there is a series for them, so that the
    /// first shows as an increase.
    pub fn contract_rule(&self, change: ContractChange, action: ContractAction) {
        let _made = self.contract(change, action);
    }

    /// A tool was found to differ in that way from its approved definition.
    pub fn contract_changed(&self, change: ContractChange, action: ContractAction) {
        if let Some(counter) = self.contract(change, action) {
            counter.increment(1);
        }
    }

    /// The same for the audit log, once for each tool.
    pub fn contract_seen(&self, contract: &AuditContract<'_>) {
        if let Some(audit) = &self.audit {
            audit.contract(contract);
        }
    }

    /// So many tools are neither listed nor called.
    pub fn tools_quarantined(&self, tools: usize) {
        self.gauge(&self.told.quarantined, &family::TOOLS_QUARANTINED).set(count(tools));
    }

    /// So many first definitions were forgotten.
    pub fn contracts_forgotten(&self, tools: usize) {
        self.forgotten.increment(tools as u64);
    }

    fn contract(&self, change: ContractChange, action: ContractAction) -> Option<&Counter> {
        let labels = [&*self.name, change.word(), action.word()];
        let place = change.index() * ContractAction::ALL.len() + action.index();
        let make = || self.registry.counter(&family::CONTRACT_CHANGES, &labels);
        self.told.contracts.get(place, make)
    }

    /// A tool was left out of its list, since its arguments cannot be sent.
    pub fn tool_left_out(&self) {
        self.left_out.increment(1);
    }

    /// Whether the target's process runs.
    pub fn process_up(&self, up: bool) {
        self.restarts();
        self.gauge(&self.told.process_up, &family::PROCESS_UP).set(f64::from(u8::from(up)));
    }

    /// The target's process was started again.
    pub fn process_restarted(&self, why: Restart) {
        self.restarts().add(why);
    }

    /// Those of the tokens that are fetched for it.
    pub fn credentials(&self) -> &CredentialMetrics {
        let make = || CredentialMetrics::new(&self.registry, &self.name);
        self.told.credentials.get_or_init(make)
    }

    /// A session at the target was lost and made again.
    pub fn reestablished(&self) {
        self.reestablished.increment(1);
    }

    fn changes(&self) -> &Counters<SchemaChange> {
        let make = || Counters::new(&self.registry, &family::TOOL_SCHEMA_CHANGES, &[&*self.name]);
        self.told.changes.get_or_init(make)
    }

    fn restarts(&self) -> &Counters<Restart> {
        let make = || Counters::new(&self.registry, &family::PROCESS_RESTARTS, &[&*self.name]);
        self.told.restarts.get_or_init(make)
    }

    fn gauge<'a>(&self, slot: &'a OnceLock<Gauge>, metric: &Metric) -> &'a Gauge {
        slot.get_or_init(|| self.registry.gauge(metric, &[&*self.name]))
    }
}

// === impl Breaker ===

impl Breaker {
    fn new(registry: &Registry, target: &str, state: Circuit) -> Self {
        let gauge =
            |word: &Circuit| registry.gauge(&resilience::CIRCUIT_STATE, &[target, word.word()]);
        let breaker = Self {
            state,
            gauges: Circuit::ALL.iter().map(gauge).collect(),
            transitions: Counters::new(registry, &resilience::CIRCUIT_TRANSITIONS, &[target]),
            open_duration: registry.histogram(&resilience::CIRCUIT_OPEN_DURATION, &[target]),
            opened: None,
        };
        breaker.show();
        breaker
    }

    fn become_state(&mut self, state: Circuit) {
        if state != self.state {
            self.state = state;
            self.transitions.add(state);
            self.show();
            self.clock();
        }
    }

    fn clock(&mut self) {
        if self.state != Circuit::Closed {
            self.opened.get_or_insert_with(Instant::now);
        } else if let Some(opened) = self.opened.take() {
            self.open_duration.record(opened.elapsed().as_secs_f64());
        }
    }

    /// Exactly one is 1, which stays true when targets are added up.
    fn show(&self) {
        for (state, gauge) in Circuit::ALL.iter().zip(&self.gauges) {
            gauge.set(f64::from(u8::from(*state == self.state)));
        }
    }
}

// === impl Told ===

impl Told {
    fn new() -> Self {
        Self {
            per_call: OnceLock::new(),
            connect: Default::default(),
            budget: OnceLock::new(),
            limit: OnceLock::new(),
            pool: OnceLock::new(),
            up: OnceLock::new(),
            tools: OnceLock::new(),
            changes: OnceLock::new(),
            contracts: Slots::new(ContractChange::ALL.len() * ContractAction::ALL.len()),
            quarantined: OnceLock::new(),
            process_up: OnceLock::new(),
            restarts: OnceLock::new(),
            credentials: OnceLock::new(),
            function: OnceLock::new(),
        }
    }
}

// === impl guards ===

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// What so many bytes of definitions weigh in a model's context, in tokens, by estimate: a quarter of
/// them, rounded up. Every model has its own way to count; for JSON in English it is about that.
#[must_use]
pub const fn estimated_tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

/// The limit of time that was met, if it was one.
fn timed_out(reason: Reason) -> Option<TimeoutPhase> {
    let limits = [
        (Reason::TimeoutConnect, TimeoutPhase::Connect),
        (Reason::TimeoutFirstByte, TimeoutPhase::FirstByte),
        (Reason::TimeoutIdle, TimeoutPhase::Idle),
        (Reason::TimeoutTotal, TimeoutPhase::Total),
    ];
    limits.into_iter().find_map(|(met, phase)| (met == reason).then_some(phase))
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}
