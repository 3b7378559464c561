//! One record each call, of what was decided and why.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use toolgate_call::{
    Answer, Call, Case, Era, Method, Permitted, Plan, Policy, RawJson, Refusal, Reply, Ruling,
};
use toolgate_telemetry::audit::{AuditConfig, Fsync, Rotation};
use toolgate_telemetry::{AccessLogTo, Config, Telemetry};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{Book, call};
use crate::{AuditLayer, Explain, Plainly, Replying, ScopeLayer};

static NUMBER: AtomicUsize = AtomicUsize::new(0);

struct Log(Arc<Telemetry>, PathBuf);

impl Log {
    fn new(required: bool, buffer: usize) -> Self {
        let folder = std::env::temp_dir().join(format!(
            "guard-audit-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Relaxed)
        ));
        std::fs::create_dir(&folder).unwrap();
        let rotation = Rotation { bytes: 1 << 20, age: None, files: None, kept_bytes: None };
        let (path, fsync) = (folder.join("audit.jsonl"), Fsync::Always);
        let audit =
            AuditConfig { path, required, fsync, rotation, buffer, outcomes: true, copied: false };
        let config =
            Config { audit: Some(audit), access_log: AccessLogTo::Memory, ..Config::default() };
        Self(Telemetry::new(config).unwrap(), folder)
    }

    /// Passes a call through the gate, to a service that answers so.
    async fn passed(
        &self,
        call: Call,
        explain: Arc<dyn Explain>,
        answer: fn() -> Result<Reply, Refusal>,
    ) -> Result<(), Case> {
        let audit = AuditLayer::new(Arc::clone(&self.0), explain);
        let inner =
            service_fn(move |_: Permitted| -> Replying { Box::pin(async move { answer() }) });
        let policy = Arc::new(Policy::scoped(["gateway/invoke"].into_iter().collect()));
        let scope = ScopeLayer::new(policy, Arc::new(Book), Arc::clone(&self.0));
        let gate = audit.layer(scope.layer(audit.layer(inner)));
        gate.oneshot(call).await.map(drop).map_err(|refusal| refusal.case())
    }

    /// Kind, rule and reason of each decision.
    fn decisions(&self) -> Vec<String> {
        self.0.close_audit();
        let text = std::fs::read_to_string(self.1.join("audit.jsonl")).unwrap();
        let field = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!("\"{name}\":\"")).unwrap_or_default();
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let decided = text.lines().filter(|line| line.contains("\"method\""));
        let told = |line| ["kind", "rule", "reason"].map(|name| field(line, name)).join(" ");
        decided.map(told).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.close_audit();
        std::fs::remove_dir_all(&self.1).unwrap();
    }
}

fn fine() -> Result<Reply, Refusal> {
    Ok(Reply::one(Era::Modern, Answer::result(RawJson::literal("{}"))))
}

fn broken() -> Result<Reply, Refusal> {
    Err(Refusal::new(Case::Internal, "broken"))
}

fn good(name: &str) -> Call {
    call(Method::ToolsCall, Some(name), &["gateway/invoke"])
}

#[tokio::test]
async fn each_call_has_one_decision_and_a_failure_behind_the_gate_is_none() {
    let log = Log::new(true, 1 << 20);
    let plainly = || -> Arc<dyn Explain> { Arc::new(Plainly) };
    let allowed = good("t___open");
    let ledger = Arc::clone(&allowed.ledger);
    assert_eq!(log.passed(allowed, plainly(), fine).await, Ok(()));
    assert_eq!(ledger.ruling(), Some(Ruling::Allowed));
    assert_eq!(log.passed(good("t___open"), plainly(), broken).await, Err(Case::Internal));
    let denied = good("t___write");
    let ledger = Arc::clone(&denied.ledger);
    assert_eq!(log.passed(denied, plainly(), fine).await, Err(Case::ScopeMissing));
    assert_eq!(ledger.ruling(), Some(Ruling::Denied));
    assert_eq!(log.passed(good("t___no"), plainly(), fine).await, Err(Case::ToolUnknown));
    assert_eq!(
        log.decisions(),
        ["allow scopes ", "allow scopes ", "deny scopes forbidden", "deny request target_unknown"]
    );
}

#[tokio::test]
async fn what_must_be_recorded_and_cannot_is_refused_and_nothing_is_sent() {
    let log = Log::new(true, 300);
    let sent = || -> Result<Reply, Refusal> { unreachable!("sent without a record") };
    let long = Call { request_id: Arc::from("r".repeat(400)), ..good("t___open") };
    assert_eq!(log.passed(long, Arc::new(Plainly), sent).await, Err(Case::AuditUnavailable));
    assert!(log.decisions().is_empty());
}

#[tokio::test]
async fn what_need_not_be_recorded_goes_on_without_a_record() {
    let log = Log::new(false, 300);
    let long = Call { request_id: Arc::from("r".repeat(400)), ..good("t___open") };
    assert_eq!(log.passed(long, Arc::new(Plainly), fine).await, Ok(()));
    assert!(log.0.render().contains("toolgate_audit_records_lost_total{reason=\"queue_full\"} 1"));
}

/// Knows more than the kind of rule.
#[derive(Debug)]
struct Knowing;

impl Explain for Knowing {
    fn rule(
        &self,
        _: &Call,
        plan: Option<&Plan>,
        _: Option<&Refusal>,
    ) -> std::borrow::Cow<'static, str> {
        format!("rule of {}", plan.map_or("-", |plan| &*plan.full)).into()
    }

    fn explanation(&self, _: &Call, _: Option<&Plan>, _: &Refusal) -> Option<String> {
        Some(r#"{"lacks":["k8s/write"]}"#.to_owned())
    }
}

#[tokio::test]
async fn whoever_knows_the_rules_names_them_and_explains_denials() {
    let log = Log::new(true, 1 << 20);
    let knowing = || -> Arc<dyn Explain> { Arc::new(Knowing) };
    assert_eq!(log.passed(good("t___open"), knowing(), fine).await, Ok(()));
    assert_eq!(log.passed(good("t___write"), knowing(), fine).await, Err(Case::ScopeMissing));
    assert_eq!(log.decisions(), ["allow rule of t___open ", "deny rule of t___write forbidden"]);
    let text = std::fs::read_to_string(log.1.join("audit.jsonl")).unwrap();
    assert_eq!(text.matches(r#""explanation":{"lacks":["k8s/write"]}"#).count(), 1);
}
