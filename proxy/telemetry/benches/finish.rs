//! What telemetry costs a call: `cargo bench -p toolgate-telemetry`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use toolgate_call::{
    Hint, Kind, Ledger, Method, Outcome, Phase, Plan, Principal, RetryPlan, Scopes, Trace, Version,
};
use toolgate_telemetry::catalog::Dimension;
use toolgate_telemetry::{AccessLogTo, CallRecord, CloudConfig, Config, Telemetry};

fn main() {
    divan::main();
}

fn plan() -> Arc<Plan> {
    let retry =
        RetryPlan { attempts: 1, base: Duration::ZERO, multiplier: 1.0, max: Duration::ZERO };
    Arc::new(Plan {
        kind: Kind::Tool,
        target: Arc::from("search"),
        name: Arc::from("web_search"),
        full: Arc::from("search___web_search"),
        server: None,
        scopes: Scopes::default(),
        read_only: Hint::Yes,
        idempotent: Hint::Unknown,
        timeout: Duration::from_secs(30),
        retry,
        concurrency: None,
        quarantined: false,
        definition: None,
    })
}

fn principal() -> Principal {
    Principal {
        issuer: Arc::from("cognito"),
        subject: Arc::from("4f1c6a3e-90aa-4a55-9d54-0b2f1f0c7a11"),
        client: Some(Arc::from("3kq0b8v7rfs2c1e6o9d5h4j2am")),
        scopes: Scopes::default(),
        claims: toolgate_call::Claims::default(),
        expires: None,
    }
}

fn ledger() -> Ledger {
    let ledger = Ledger::new(Instant::now());
    ledger.set_plan(&plan());
    for (n, phase) in Phase::ALL.into_iter().enumerate() {
        let at = Duration::from_micros(37 * (1 + n as u64));
        ledger.enter_at(phase, ledger.start() + at);
    }
    ledger.add_bytes_in(310);
    ledger.add_bytes_out(1_250);
    ledger
}

#[expect(clippy::unwrap_used, reason = "a bench without telemetry has nothing to measure")]
fn finish(bencher: Bencher<'_, '_>, config: Config) {
    let telemetry = Telemetry::new(config).unwrap();
    let (ledger, principal, trace) = (ledger(), principal(), Trace::unrecorded());
    let record = CallRecord {
        method: Method::ToolsCall,
        version: Some(Version::LATEST),
        outcome: Outcome::OK,
        status: 200,
        ledger: &ledger,
        phases: ledger.phases_at(ledger.start() + Duration::from_millis(1)),
        principal: Some(&principal),
        server: None,
        request_id: "0198c1a2-7d53-7cc1-8f6e-2b1d9a7f3c55",
        trace: Some(&trace),
        kept: false,
        id: Some(b"17"),
        detail: None,
        session: false,
        streamed: false,
        peer: Some(IpAddr::V4(Ipv4Addr::new(10, 20, 30, 40))),
    };
    bencher.bench_local(|| telemetry.finish(black_box(&record)));
}

fn logging(access_log: AccessLogTo) -> Config {
    Config { access_log, ..Config::default() }
}

/// Counters and histograms only.
#[divan::bench(sample_count = 200, sample_size = 500)]
fn finish_without_log(bencher: Bencher<'_, '_>) {
    finish(bencher, logging(AccessLogTo::Off));
}

/// With the access line, written to the null device.
#[divan::bench(sample_count = 200, sample_size = 500)]
fn finish_with_log(bencher: Bencher<'_, '_>) {
    finish(bencher, logging(AccessLogTo::File("/dev/null".into())));
}

/// Without the log, and everything kept for CloudWatch.
#[divan::bench(sample_count = 200, sample_size = 500)]
fn finish_for_cloudwatch(bencher: Bencher<'_, '_>) {
    let cloudwatch =
        CloudConfig { dimensions: Dimension::ALL.to_vec(), tools: 50, values: 150, requests: true };
    finish(bencher, Config { cloudwatch: Some(cloudwatch), ..logging(AccessLogTo::Off) });
}
