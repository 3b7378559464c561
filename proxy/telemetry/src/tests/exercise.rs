//! Uses every method once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_call::{
    AskKind, Hint, Kind, Ledger, Method, Outcome, Phase, Plan, Reason, RetryPlan, Scopes, Version,
};

use crate::{
    AuthResult, CacheEvent, CallRecord, CertificateOf, Circuit, ConnectPhase, ConnectionRejected,
    ContractAction, ContractChange, Direction, GrantEvent, ListCause, OtlpConfig, Protocol,
    QuestionEnd, RefreshCause, RefreshOutcome, Restart, RulesAsked, SchemaChange, SecretRead,
    SecretSource, SessionEvent, Shed, SpansTo, StoreTake, StreamEnd, Suppressed, TargetMetrics,
    Telemetry, TlsEnd, TokenFetch, TraceConfig,
};

const MS: Duration = Duration::from_millis(1);

/// A tool of a target.
pub(crate) fn plan(target: &str, name: &str) -> Arc<Plan> {
    Arc::new(Plan {
        kind: Kind::Tool,
        target: Arc::from(target),
        name: Arc::from(name),
        full: toolgate_call::name::join(target, name).into(),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Unknown,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(30),
        retry: RetryPlan { attempts: 1, base: MS, multiplier: 2.0, max: MS },
        concurrency: None,
        quarantined: false,
        definition: None,
    })
}

/// The record of a call.
pub(crate) fn record(ledger: &Ledger, method: Method, outcome: Outcome) -> CallRecord<'_> {
    CallRecord {
        method,
        version: Some(Version::LATEST),
        outcome,
        status: 200,
        ledger,
        phases: ledger.phases_at(ledger.start() + MS),
        principal: None,
        server: None,
        request_id: "r-1",
        trace: None,
        kept: false,
        id: Some(b"1"),
        detail: None,
        session: false,
        streamed: false,
        peer: None,
    }
}

/// Traces whose backend nobody has started.
pub(crate) fn traced() -> TraceConfig {
    let otlp = OtlpConfig {
        endpoint: "http://127.0.0.1:1".parse().unwrap(),
        protocol: Protocol::Http,
        headers: Vec::new(),
        timeout: Duration::from_secs(1),
        service: "toolgate".to_owned(),
        gzip: false,
        signer: None,
    };
    TraceConfig { to: Some(SpansTo::Otlp(Box::new(otlp))), ..TraceConfig::default() }
}

/// Ends a call.
pub(crate) fn finish(telemetry: &Telemetry, ledger: &Ledger, method: Method, outcome: Outcome) {
    telemetry.finish(&record(ledger, method, outcome));
}

/// Ends a call of a tool, 100 bytes in and 200 out.
pub(crate) fn finish_tool(telemetry: &Telemetry, tool: &Arc<Plan>, outcome: Outcome) {
    let ledger = Ledger::new(Instant::now());
    ledger.set_plan(tool);
    ledger.add_bytes_in(100);
    ledger.add_bytes_out(200);
    ledger.enter(Phase::Write);
    finish(telemetry, &ledger, Method::ToolsCall, outcome);
}

/// Uses every method of every handle.
pub(crate) fn everything(telemetry: &Telemetry) {
    finish_tool(telemetry, &plan("alpha", "echo"), Outcome::OK);
    finish_tool(telemetry, &plan("alpha", "echo"), Outcome::failed(Reason::Dns, true));
    let ledger = Ledger::new(Instant::now());
    for method in [Method::ToolsCall, Method::ToolsList, Method::Other, Method::OpenStream] {
        finish(telemetry, &ledger, method, Outcome::OK);
    }
    gateway(telemetry);
    tls(telemetry);
    auth(telemetry);
    target(&telemetry.target("alpha"));
    telemetry.rule_refreshes().asked(RulesAsked::Ok);
    let store = telemetry.rate_store();
    store.up(true);
    store.not_asked(StoreTake::Crowded);
    store.asked(StoreTake::Taken, MS);
    assert!(telemetry.exporter().unwrap().is_some());
    telemetry.flush();
}

fn gateway(telemetry: &Telemetry) {
    let gateway = &telemetry.gateway;
    drop(gateway.request_started());
    drop(gateway.connection_accepted());
    gateway.connection_rejected(ConnectionRejected::Limit);
    gateway.stream_opened().ended(StreamEnd::Idle);
    gateway.protocol(Version::LATEST_LEGACY, Direction::Client);
    gateway.translated(Direction::Target);
    gateway.shed(Shed::Tool);
    gateway.rate_limited(toolgate_telemetry_catalog::RateScope::Tool);
    gateway.repeated(toolgate_telemetry_catalog::LoopEnd::Slowed);
    gateway.bucket_evicted();
    gateway.pins_reloaded(true);
    gateway.lists_over_budget(1);
    gateway.keys_reloaded(true);
    gateway.policies_reloaded(true);
    gateway.grant(GrantEvent::Granted);
    gateway.grants(1, 1);
    gateway.secret_read(SecretSource::File, SecretRead::Rotated);
    gateway.session(SessionEvent::Created);
    gateway.question(AskKind::Form, QuestionEnd::Answered);
    drop(gateway.parked());
}

fn tls(telemetry: &Telemetry) {
    telemetry.tls.handshake(TlsEnd::Ok);
    telemetry.tls.reloaded(true);
    telemetry.tls.in_use(CertificateOf::Server, 1_800_000_000);
}

fn auth(telemetry: &Telemetry) {
    let auth = &telemetry.auth;
    auth.configured("main");
    auth.request("main", AuthResult::Ok);
    auth.request("", AuthResult::Missing);
    auth.verified(MS, true);
    auth.verified(MS, false);
    auth.cache(CacheEvent::Evicted);
    auth.policy_cache(CacheEvent::Miss);
    auth.jwks_refresh("main", RefreshOutcome::Ok, RefreshCause::Startup, MS);
    auth.jwks_loaded("main", 2, 1.8e9);
    auth.decision("alpha", true);
    auth.decision("", false);
}

fn target(target: &TargetMetrics) {
    target.attempt(Method::ToolsCall, Outcome::OK, MS);
    target.attempt(Method::ToolsCall, Outcome::failed(Reason::Reset, false), MS);
    target.attempts_per_call(2);
    target.retried(Reason::Reset, true);
    target.retry_suppressed(Suppressed::NotIdempotent);
    target.retry_budget(0.5);
    target.circuit(Circuit::Closed);
    target.circuit(Circuit::Open);
    target.circuit(Circuit::Closed);
    target.circuit_rejected();
    target.concurrency_limit(100);
    drop(target.permit());
    target.connected(ConnectPhase::Tls, MS);
    target.pool(1, 2);
    target.sent(10);
    target.received(20);
    target.up(true);
    target.health_check(false);
    target.list_refreshed(ListCause::Notify, true);
    target.list_size(3, 4_000);
    target.tools_changed(SchemaChange::Changed, 2);
    target.contract_rule(ContractChange::Text, ContractAction::Pinned);
    target.contract_changed(ContractChange::Widened, ContractAction::Quarantine);
    target.tools_quarantined(1);
    target.contracts_forgotten(1);
    target.process_up(true);
    target.process_restarted(Restart::Hang);
    target.function_ran(MS, Some(MS));
    target.reestablished();
    target.tool_left_out();
    target.credentials().fetched(TokenFetch::Refused);
    target.credentials().held_until(1.9e9);
    target.credentials().cached(2);
    target.credentials().refused();
    target.credentials().evicted();
}
