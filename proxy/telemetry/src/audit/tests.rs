//! What the audit log promises: nothing is lost, changed or cut off unseen.

mod copies;
mod edits;
mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toolgate_call::{Claim, Principal, Reason};

use super::{
    Audit, AuditConfig, AuditDecision, AuditDenial, AuditMetrics, Fsync, Problem, Rotation,
    Verified, Verify, files_of,
};
use crate::registry::Registry;

/// A folder that is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("audit-{}", fastrand::u64(..)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("audit.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn config(path: &Path, fsync: Fsync) -> AuditConfig {
    let rotation = Rotation { bytes: 1 << 30, age: None, files: None, kept_bytes: None };
    let path = path.to_owned();
    AuditConfig {
        path,
        required: true,
        fsync,
        rotation,
        buffer: 1 << 20,
        outcomes: true,
        copied: false,
    }
}

fn open(config: AuditConfig) -> std::io::Result<(Arc<Audit>, Arc<AuditMetrics>)> {
    let registry = Registry::new(100);
    let metrics = Arc::new(AuditMetrics::new(&registry));
    Audit::open(config, &metrics, &registry).map(|audit| (audit, metrics))
}

fn allow(request_id: &str) -> AuditDecision<'_> {
    AuditDecision {
        denied: None,
        rule: "scopes",
        principal: None,
        peer: Some([127, 0, 0, 1].into()),
        server: None,
        method: "tools/call",
        name: Some("t___echo"),
        plan: None,
        request_id,
        trace: None,
    }
}

/// Writes so many records, and waits for each.
async fn write(audit: &Audit, records: usize) {
    for n in 0..records {
        audit.decided(&allow(&format!("r{n}"))).settled().await.unwrap();
    }
}

fn verified(path: &Path) -> Result<Verified, Problem> {
    let (files, head) = files_of(path).unwrap();
    let mut verify = Verify::new(head);
    for file in &files {
        verify.file(file).unwrap()?;
    }
    verify.end(path)
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_record_has_all_that_is_known_and_no_secret() {
    let folder = Folder::new();
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    let mut principal = Principal::anonymous();
    principal.subject = Arc::from("alice\nBearer abc.def");
    principal.client = Some(Arc::from("client-1"));
    principal.scopes = ["b", "a"].into_iter().collect();
    let groups = Claim::List(Box::from([Box::from("ops"), Box::from("Bearer abc.def")]));
    let claims = [("groups", groups), ("level", Claim::Number(-3)), ("staff", Claim::Bool(true))];
    principal.claims = claims.into_iter().map(|(name, it)| (Box::from(name), it)).collect();
    let denied = AuditDenial {
        reason: Reason::Forbidden,
        words: "needs x, has eyJhbGciOi.eyJzdWIi.c2ln",
        explanation: Some(r#"{"missing":["x"]}"#),
    };
    let decision = AuditDecision {
        denied: Some(denied),
        principal: Some(&principal),
        server: Some("ops"),
        ..allow("r1")
    };
    audit.decided(&decision).settled().await.unwrap();
    audit.close();
    let record = lines(&folder.log()).pop().unwrap();
    for (field, value) in [
        ("seq", serde_json::json!(2)),
        ("kind", "deny".into()),
        ("issuer", "anonymous".into()),
        ("subject", "alice\nBearer [redacted]".into()),
        ("client", "client-1".into()),
        ("scopes", "a b".into()),
        (
            "claims",
            serde_json::json!({"groups": ["ops", "Bearer [redacted]"], "level": -3, "staff": true}),
        ),
        ("peer", "127.0.0.1".into()),
        ("server", "ops".into()),
        ("method", "tools/call".into()),
        ("name", "t___echo".into()),
        ("rule", "scopes".into()),
        ("reason", "forbidden".into()),
        ("words", "needs x, has [redacted]".into()),
        ("explanation", serde_json::json!({"missing": ["x"]})),
        ("request_id", "r1".into()),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    assert_eq!(verified(&folder.log()).unwrap().records, 2);
}

#[tokio::test]
async fn an_explanation_that_is_no_object_on_one_line_is_left_out() {
    let folder = Folder::new();
    let (audit, _) = open(config(&folder.log(), Fsync::Never)).unwrap();
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000));
    for wrong in ["", "[]", "{\"a\":1}}", "{\"a\":\n1}", &*long] {
        let explanation = Some(wrong);
        let denied = AuditDenial { reason: Reason::Forbidden, words: "", explanation };
        let decision = AuditDecision { denied: Some(denied), ..allow("r") };
        audit.decided(&decision).settled().await.unwrap();
    }
    audit.close();
    assert_eq!(verified(&folder.log()).unwrap().records, 6);
    assert!(lines(&folder.log()).iter().all(|line| line.get("explanation").is_none()));
}

#[tokio::test]
async fn many_records_share_one_sync() {
    let folder = Folder::new();
    let (audit, metrics) = open(config(&folder.log(), Fsync::Always)).unwrap();
    let mut waiting = Vec::new();
    for n in 0..500 {
        waiting.push(audit.decided(&allow(&n.to_string())));
    }
    for recording in waiting {
        recording.settled().await.unwrap();
    }
    audit.close();
    assert_eq!(verified(&folder.log()).unwrap().records, 501);
    assert!(metrics.syncs() < 250, "{} syncs", metrics.syncs());
}

#[tokio::test]
async fn a_full_queue_and_a_closed_log_refuse_and_the_loss_is_counted_and_recorded() {
    let folder = Folder::new();
    let small = AuditConfig { buffer: 100, ..config(&folder.log(), Fsync::Always) };
    let (audit, metrics) = open(small).unwrap();
    let lost = audit.decided(&allow("r")).settled().await;
    assert_eq!(lost, Err(toolgate_telemetry_catalog::AuditLoss::QueueFull));
    audit.close();
    let lost = audit.decided(&allow("r")).settled().await;
    assert_eq!(lost, Err(toolgate_telemetry_catalog::AuditLoss::Stopped));
    assert_eq!(metrics.losses(), 2);
    let record = lines(&folder.log()).pop().unwrap();
    assert_eq!(
        (&record["kind"], &record["lost"]),
        (&"lost".into(), &serde_json::json!({"queue_full": 1}))
    );
    assert_eq!(verified(&folder.log()).unwrap().records, 2);
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_in_time() {
    let folder = Folder::new();
    let every = Fsync::Interval(Duration::from_secs(60));
    let optional = AuditConfig { required: false, ..config(&folder.log(), every) };
    let (audit, _) = open(optional).unwrap();
    write(&audit, 100).await;
    audit.close();
    assert_eq!(verified(&folder.log()).unwrap().records, 101);
}
