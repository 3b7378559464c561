//! Files that are full, cut off, taken or gone.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{AuditConfig, Folder, Fsync, Rotation, config, lines, open, verified, write};
use crate::audit::file::{LogFile, beside, rotated};
use crate::audit::{AuditContract, files_of};

#[tokio::test]
async fn the_chain_goes_on_across_files_and_restarts_and_old_files_are_deleted() {
    let folder = Folder::new();
    let rotation = Rotation { bytes: 2_000, age: None, files: Some(3), kept_bytes: None };
    for _ in 0..3 {
        let config = config(&folder.log(), Fsync::Always);
        let (audit, _) = open(AuditConfig { rotation: rotation.clone(), ..config }).unwrap();
        write(&audit, 40).await;
    }
    let (files, _) = files_of(&folder.log()).unwrap();
    assert_eq!(files.len(), 4);
    let whole = verified(&folder.log()).unwrap();
    assert_eq!(whole.last.seq, 3 * 41);
    assert!(whole.first > 1);
    for file in files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_log_that_was_just_begun_anew_goes_on_where_the_file_before_ended() {
    let folder = Folder::new();
    drop(open(config(&folder.log(), Fsync::Always)).unwrap());
    // Killed between the two steps of a rotation.
    fs::rename(folder.log(), beside(&folder.log(), &format!("{:020}", 1))).unwrap();
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    write(&audit, 1).await;
    audit.close();
    assert_eq!(rotated(&folder.log()).unwrap().len(), 1);
    assert_eq!(verified(&folder.log()).unwrap().records, 3);
}

#[test]
fn a_file_is_full_after_its_time_too_unless_it_is_empty() {
    let folder = Folder::new();
    let age = Duration::from_secs(3600);
    let rotation = Rotation { bytes: 1_000, age: Some(age), files: None, kept_bytes: None };
    let (mut log, ..) = LogFile::open(&folder.log(), rotation).unwrap();
    let (now, late) = (SystemTime::now(), SystemTime::now() + age);
    assert!(!log.is_full(1, late), "there is nothing in it");
    log.append(b"{}\n", 7).unwrap();
    assert!(!log.is_full(1, now) && log.is_full(1, late));
    log.rotate(late).unwrap();
    assert_eq!(rotated(&folder.log()).unwrap().first().map(|(first, _)| *first), Some(7));
    log.append(b"{}\n", 8).unwrap();
    assert!(!log.is_full(1, late), "its time begins anew");
    assert!(log.is_full(1, late + age));
}

#[tokio::test]
async fn what_became_of_a_changed_tool_is_recorded() {
    let folder = Folder::new();
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    let contract = AuditContract {
        target: "k8s",
        tool: "get\u{1b}",
        changes: "text, breaking",
        action: "quarantine",
        approved: Some([1; 32]),
        seen: None,
    };
    audit.contract(&contract);
    write(&audit, 1).await;
    audit.close();
    let all = lines(&folder.log());
    let record = all.iter().find(|record| record["kind"] == "contract").unwrap();
    for (key, due) in [
        ("target", json!("k8s")),
        ("tool", json!("get\u{1b}")),
        ("changes", json!("text, breaking")),
        ("action", json!("quarantine")),
        ("approved", json!("01".repeat(32))),
        ("definition", json!(null)),
    ] {
        assert_eq!(record[key], due, "{key} of {record}");
    }
    verified(&folder.log()).unwrap();
}

#[tokio::test]
async fn what_is_kept_may_be_limited_in_bytes() {
    let folder = Folder::new();
    let rotation = Rotation { bytes: 1_000, age: None, files: None, kept_bytes: Some(3_000) };
    let config = AuditConfig { rotation, ..config(&folder.log(), Fsync::Never) };
    let (audit, _) = open(config).unwrap();
    write(&audit, 100).await;
    audit.close();
    let kept = rotated(&folder.log()).unwrap();
    let size: u64 = kept.iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum();
    assert!(!kept.is_empty() && size <= 3_000, "{size}");
    verified(&folder.log()).unwrap();
}

#[tokio::test]
async fn an_unfinished_record_is_cut_off_kept_and_recorded() {
    let folder = Folder::new();
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    write(&audit, 2).await;
    drop(audit);
    let mut file = OpenOptions::new().append(true).open(folder.log()).unwrap();
    file.write_all(b"{\"seq\":4,\"prev\":\"00").unwrap();
    assert!(verified(&folder.log()).is_err(), "it is not passed over in silence");
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    write(&audit, 1).await;
    audit.close();
    assert_eq!(verified(&folder.log()).unwrap().records, 5);
    let opened = &lines(&folder.log())[3];
    assert_eq!((&opened["kind"], &opened["torn_bytes"]), (&"opened".into(), &19.into()));
    assert_eq!(fs::read(beside(&folder.log(), "torn")).unwrap(), b"{\"seq\":4,\"prev\":\"00");
}

#[tokio::test]
async fn records_that_are_gone_at_the_start_are_recorded_and_their_numbers_are_not_given_again() {
    let folder = Folder::new();
    let (audit, _) = open(config(&folder.log(), Fsync::Always)).unwrap();
    write(&audit, 4).await;
    drop(audit);
    let text = fs::read_to_string(folder.log()).unwrap();
    let kept: String = text.split_inclusive('\n').take(3).collect();
    fs::write(folder.log(), kept).unwrap();
    assert!(verified(&folder.log()).unwrap_err().what.contains("records 4 to 5 are missing"));
    drop(open(config(&folder.log(), Fsync::Always)).unwrap());
    let opened = lines(&folder.log()).pop().unwrap();
    assert_eq!(
        (&opened["seq"], &opened["missing_from"], &opened["missing_to"]),
        (&6.into(), &4.into(), &5.into())
    );
    let problem = verified(&folder.log()).unwrap_err();
    assert_eq!((problem.line, &*problem.what), (4, "records 4 to 5 are missing"));
}

#[test]
fn two_gateways_do_not_write_one_log() {
    let folder = Folder::new();
    let _first = open(config(&folder.log(), Fsync::Never)).unwrap();
    let second = open(config(&folder.log(), Fsync::Never)).unwrap_err().to_string();
    assert!(second.starts_with("another gateway writes the audit log"), "{second}");
}

#[test]
fn a_log_whose_last_record_does_not_hold_is_not_written_to() {
    let folder = Folder::new();
    drop(open(config(&folder.log(), Fsync::Never)).unwrap());
    let altered = fs::read_to_string(folder.log()).unwrap().replace("opened", "opaque");
    fs::write(folder.log(), &altered).unwrap();
    let error = open(config(&folder.log(), Fsync::Never)).unwrap_err().to_string();
    assert!(error.contains("was altered"), "{error}");
    assert_eq!(fs::read_to_string(folder.log()).unwrap(), altered);
}
