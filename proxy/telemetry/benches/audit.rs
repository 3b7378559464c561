//! What a record of the audit log costs its call.
//!
//! In: a decision. Out: time until the record is handed over, and until it is durable. It writes to the
//! folder for temporary files.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use divan::Bencher;
use toolgate_call::{Principal, Trace};
use toolgate_telemetry::audit::{AuditConfig, AuditDecision, Fsync, Rotation};
use toolgate_telemetry::{AccessLogTo, Config, Telemetry};

fn main() {
    divan::main();
}

/// A log, and the folder that it lies in.
struct Log(Arc<Telemetry>, PathBuf);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.close_audit();
        let _left = std::fs::remove_dir_all(&self.1);
    }
}

#[expect(clippy::unwrap_used, reason = "a bench without a log has nothing to measure")]
fn log(required: bool, fsync: Fsync) -> Log {
    let folder = PathBuf::from(format!("/tmp/audit-bench-{}", fastrand::u64(..)));
    std::fs::create_dir(&folder).unwrap();
    let rotation = Rotation { bytes: 64 << 20, age: None, files: Some(1), kept_bytes: None };
    let path = folder.join("audit.jsonl");
    let audit = AuditConfig {
        path,
        required,
        fsync,
        rotation,
        buffer: 64 << 20,
        outcomes: true,
        copied: false,
    };
    let config = Config { audit: Some(audit), access_log: AccessLogTo::Off, ..Config::default() };
    Log(Telemetry::new(config).unwrap(), folder)
}

fn principal() -> Principal {
    let client = Some(Arc::from("1h57kf5cpq17m0eml12example"));
    Principal { issuer: Arc::from("main"), client, ..Principal::anonymous() }
}

fn decision<'a>(principal: &'a Principal, trace: &Trace) -> AuditDecision<'a> {
    AuditDecision {
        denied: None,
        rule: "scopes",
        principal: Some(principal),
        peer: Some([10, 20, 30, 40].into()),
        server: Some("oncall"),
        method: "tools/call",
        name: Some("github___search_issues"),
        plan: None,
        request_id: "0198c1a2-7d53-7cc1-8f6e-2b1d9a7f3c55",
        trace: Some(trace.own.trace),
    }
}

/// Handed over; nobody waits.
#[divan::bench(sample_count = 100, sample_size = 100)]
fn handed_over(bencher: Bencher<'_, '_>) {
    let log = log(false, Fsync::Never);
    let (principal, trace) = (principal(), Trace::unrecorded());
    let decision = decision(&principal, &trace);
    bencher.bench_local(|| drop(log.0.audit().map(|audit| audit.decided(black_box(&decision)))));
}

fn waited_for(bencher: Bencher<'_, '_>, fsync: Fsync, at_once: usize) {
    let log = log(true, fsync);
    let (principal, trace) = (principal(), Trace::unrecorded());
    let decision = decision(&principal, &trace);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    bencher.bench_local(|| {
        let records: Vec<_> = (0..at_once)
            .filter_map(|_| log.0.audit().map(|audit| audit.decided(&decision)))
            .collect();
        runtime.block_on(async {
            for record in records {
                let _lost = record.settled().await;
            }
        });
    });
}

/// Written, but left to the system.
#[divan::bench(sample_count = 200, sample_size = 5)]
fn written(bencher: Bencher<'_, '_>) {
    waited_for(bencher, Fsync::Never, 1);
}

/// Durable, one call alone.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn durable_alone(bencher: Bencher<'_, '_>) {
    waited_for(bencher, Fsync::Always, 1);
}

/// Durable, a hundred calls at once.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn durable_a_hundred(bencher: Bencher<'_, '_>) {
    waited_for(bencher, Fsync::Always, 100);
}
