//! What the commands say of a log, whole or not.

use std::fs;
use std::path::PathBuf;

use toolgate_telemetry::audit::{AuditConfig, AuditDecision, AuditDenial, Fsync, Rotation};
use toolgate_telemetry::{Config, Telemetry};

use super::{Audit, run};
use crate::cli::{Cli, Command};
use crate::exit::Exit;
use clap::Parser as _;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A log of two files with a refusal among the calls.
async fn log() -> (Folder, PathBuf) {
    let folder = Folder(std::env::temp_dir().join(format!("audit-cli-{}", fastrand::u64(..))));
    fs::create_dir(&folder.0).unwrap();
    let path = folder.0.join("audit.jsonl");
    let audit = AuditConfig {
        path: path.clone(),
        required: true,
        fsync: Fsync::Always,
        rotation: Rotation { bytes: 1_500, age: None, files: None, kept_bytes: None },
        buffer: 1 << 20,
        outcomes: true,
        copied: false,
    };
    let telemetry = Telemetry::new(Config { audit: Some(audit), ..Config::default() }).unwrap();
    for n in 0..5 {
        let denied = (n == 3).then_some(AuditDenial {
            reason: toolgate_call::Reason::Forbidden,
            words: "no\u{1b}[31m scope",
            explanation: None,
        });
        let mut principal = toolgate_call::Principal::anonymous();
        principal.subject = format!("user-{n}").into();
        let decision = AuditDecision {
            denied,
            rule: "scopes",
            principal: Some(&principal),
            peer: None,
            server: None,
            method: "tools/call",
            name: Some("k8s___restart"),
            plan: None,
            request_id: "r",
            trace: None,
        };
        telemetry.audit().unwrap().decided(&decision).settled().await.unwrap();
    }
    telemetry.close_audit();
    (folder, path)
}

fn command(line: &[&str]) -> (Exit, String) {
    let args = ["toolgate", "audit"].iter().chain(line);
    let Command::Audit(what) = Cli::try_parse_from(args).unwrap().command else { unreachable!() };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(&what, &mut out, &mut err);
    assert!(matches!(what, Audit::Query(_) | Audit::Verify(_)));
    (exit, String::from_utf8([out, err].concat()).unwrap())
}

#[tokio::test]
async fn a_log_is_whole_until_its_end_is_cut_off_with_its_head_or_without() {
    let (folder, path) = log().await;
    let file = path.to_str().unwrap();
    let (exit, said) = command(&["verify", file]);
    assert_eq!(exit, Exit::Ok, "{said}");
    assert!(said.starts_with("whole: 6 records in 2 files, to 6:"), "{said}");
    let head = fs::read_to_string(folder.0.join("audit.jsonl.head")).unwrap();

    let text = fs::read_to_string(&path).unwrap();
    let cut: String = text.split_inclusive('\n').take(text.lines().count() - 1).collect();
    fs::write(&path, cut).unwrap();
    let (exit, said) = command(&["verify", file]);
    assert_eq!(exit, Exit::Differs);
    assert!(said.contains("the end was cut off: records 6 to 6 are missing"), "{said}");

    fs::remove_file(folder.0.join("audit.jsonl.head")).unwrap();
    let (exit, said) = command(&["verify", file]);
    assert_eq!(exit, Exit::Differs, "{said}");
    assert!(said.contains("there is no head beside it"), "{said}");
    assert_eq!(command(&["verify", file, "--without-head"]).0, Exit::Ok);
    let (exit, said) = command(&["verify", file, "--head", head.trim(), "--output", "json"]);
    assert_eq!(exit, Exit::Differs);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["whole"], &said["line"]), (&false.into(), &0.into()));
}

#[tokio::test]
async fn records_are_found_by_who_what_and_how_it_was_decided() {
    let (_folder, path) = log().await;
    let file = path.to_str().unwrap();
    let (exit, said) = command(&["query", file, "--decision", "deny"]);
    assert_eq!((exit, said.lines().count()), (Exit::Ok, 1), "{said}");
    assert!(said.contains("anonymous:user-3  k8s___restart  forbidden  r  no\u{fffd}[31m scope"));
    for (more, found) in [
        (vec!["--actor", "user-1"], 1),
        (vec!["--actor", "anonymous:user-1"], 1),
        (vec!["--actor", "user-9"], 0),
        (vec!["--tool", "k8s___restart"], 5),
        (vec!["--tool", "k8s___restart", "--decision", "allow"], 4),
        (vec!["--request-id", "r", "--since", "2020"], 5),
        (vec!["--until", "2020"], 0),
    ] {
        let line = [&["query", file, "--output", "json"], &more[..]].concat();
        let (exit, said) = command(&line);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (exit, said["records"].as_array().unwrap().len()),
            (Exit::Ok, found),
            "{more:?}"
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let (exit, said) = command(&["verify", "/nowhere/audit.jsonl"]);
    assert_eq!(exit, Exit::Config);
    assert!(said.starts_with("error: /nowhere/audit.jsonl: "), "{said}");
}
