//! What does not work, and why it says it does not.
//!
//! In: files that are none, disks that are full. Out: nothing. Never: a file of somebody written over.

use super::*;
use crate::{MemoryError, Why};

fn refused(path: &Path) -> MemoryError {
    let config = Config { path: Some(path.to_owned()), ..forever() };
    Local::open(config).expect_err("it cannot be opened")
}

/// Runs a statement on the connection that writes.
async fn pragma(memory: &Local, name: &'static str, value: i64) {
    let set = memory.jobs().expect("open").run(move |connection| {
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).or_else(|error| {
            // Some say nothing.
            if error == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(error) }
        })
    });
    set.await.expect("it is set");
}

#[test]
fn a_file_that_is_no_memory_is_damaged_and_stays_as_it_was() {
    let folder = Folder::new();
    let letters = "Dear Ada, ".repeat(1_000);
    fs::write(folder.file(), &letters).expect("a file");
    let failed = refused(&folder.file());
    assert_eq!(failed.why, Why::Corrupt);
    assert!(failed.message.contains("memory.db") && failed.message.contains("move it away"));
    assert_eq!(fs::read_to_string(folder.file()).expect("a file"), letters);
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = Folder::new();
    let memory = folder.open();
    pragma(&memory, "user_version", 9).await;
    drop(memory);
    let before = fs::read(folder.file()).expect("a file");
    let failed = refused(&folder.file());
    assert_eq!(failed.why, Why::NotSupported);
    assert!(failed.message.contains("version 9"), "{failed}");
    assert_eq!(fs::read(folder.file()).expect("a file"), before);
}

#[tokio::test]
async fn a_file_that_is_damaged_inside_is_corrupt_and_no_panic() {
    let folder = Folder::new();
    let memory = folder.open();
    for n in 0..50 {
        tell(&memory, ("ada", "one"), &format!("The box {n} is in rack {n}."), days_ago(9)).await;
    }
    drop(memory);
    let mut bytes = fs::read(folder.file()).expect("a file");
    bytes[8_192..].fill(0xa5);
    fs::write(folder.file(), bytes).expect("a file");
    let config = folder.config();
    let failed = match Local::open(config) {
        Err(failed) => failed,
        Ok(memory) => memory
            .remember(&turn("t", ("ada", "one"), "hello", days_ago(1)))
            .await
            .expect_err("it is damaged"),
    };
    assert_eq!(failed.why, Why::Corrupt, "{failed}");
}

#[test]
fn a_place_that_is_no_file_is_unavailable() {
    let folder = Folder::new();
    assert_eq!(refused(&folder.0).why, Why::Unavailable, "a folder");
    fs::write(folder.file(), "").expect("a file");
    let below = refused(&folder.file().join("memory.db"));
    assert_eq!(below.why, Why::Unavailable, "below a file");
    assert!(below.message.contains("memory.db"));
}

/// Nobody makes a folder or a file there, whoever they are.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_must_not_be_written_is_denied() {
    assert_eq!(refused(Path::new("/sys/kernel/memory.db")).why, Why::Denied);
    assert_eq!(refused(Path::new("/sys/toolgate/memory.db")).why, Why::Denied);
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let file = folder.0.join("deep/er/memory.db");
    let config = Config { path: Some(file.clone()), ..forever() };
    let _memory = Local::open(config).expect("it opens");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&beside(&file, "-wal")), 0o600);
    assert_eq!(mode(file.parent().expect("a folder")), 0o700);
}

#[tokio::test]
async fn a_full_disk_is_said_and_counted_and_passes() {
    let folder = Folder::new();
    let memory = folder.open();
    tell(&memory, ("ada", "one"), "The office is in Porto.", days_ago(2)).await;
    // SQLite says of its own limit what it says of a disk's.
    pragma(&memory, "max_page_count", 1).await;
    let long = "x".repeat(2_000_000);
    let failed = memory.remember(&turn("t1", ("ada", "one"), &long, days_ago(1))).await;
    assert_eq!(failed.expect_err("there is no room").why, Why::Full);
    assert_eq!((memory.counted().lost, memory.health().lost), (1, 1));
    assert!(!memory.health().ok, "{:?}", memory.health());
    assert_eq!(memory.health().waiting, 0);
    let found = words(&memory, "ada", "where is the office").await;
    assert!(found[0].contains("Porto"), "what is there is found meanwhile");
    pragma(&memory, "max_page_count", 1_000_000).await;
    memory.remember(&turn("t1", ("ada", "one"), &long, days_ago(1))).await.expect("there is room");
    memory.settled().await;
    assert!(memory.health().ok);
    assert_eq!(events(&memory, "ada", "one").await.len(), 4);
}

#[tokio::test]
async fn of_turns_that_are_written_together_each_says_how_it_went() {
    let folder = Folder::new();
    let memory = folder.open();
    tell(&memory, ("ada", "one"), "hello", days_ago(9)).await;
    pragma(&memory, "max_page_count", 1).await;
    let long = "x".repeat(2_000_000);
    let turns = ["small", &long, "tiny"].map(|text| {
        let id = format!("t{}", text.len());
        turn(&id, ("ada", "two"), text, days_ago(1))
    });
    let [small, full, tiny] = &turns;
    let said = tokio::join!(memory.remember(small), memory.remember(full), memory.remember(tiny));
    let said = [said.0, said.1, said.2];
    assert_eq!(said[1].as_ref().map_err(|error| error.why), Err(Why::Full));
    let kept = events(&memory, "ada", "two").await;
    for (turn, said) in turns.iter().zip(&said) {
        let there = kept.iter().any(|event| event.turn == turn.id);
        assert_eq!(there, said.is_ok(), "{}: {said:?}", turn.id);
    }
    let failed = said.iter().filter(|said| said.is_err()).count() as u64;
    assert_eq!(memory.counted().lost, failed);
}

#[tokio::test]
async fn half_of_what_fails_is_not_written_and_what_is_written_with_it_is() {
    let memory = memory();
    let jobs = memory.jobs().expect("open");
    let half = jobs.run(|connection| {
        connection.execute("INSERT INTO actors (name) VALUES ('half')", [])?;
        Err::<(), _>(rusqlite::Error::InvalidQuery)
    });
    let whole = turn("t1", ("ada", "one"), "hello", days_ago(1));
    let (half, whole) = tokio::join!(half, memory.remember(&whole));
    assert_eq!((half.expect_err("it fails").why, whole), (Why::Corrupt, Ok(())));
    let names = jobs.run(|connection| {
        let mut names = connection.prepare("SELECT name FROM actors")?;
        names.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
    });
    assert_eq!(names.await, Ok(vec!["ada".to_owned()]));
}

#[tokio::test]
async fn a_file_that_became_read_only_is_denied() {
    let folder = Folder::new();
    let memory = folder.open();
    tell(&memory, ("ada", "one"), "The office is in Porto.", days_ago(2)).await;
    pragma(&memory, "query_only", 1).await;
    let failed = memory.remember(&turn("t1", ("ada", "one"), "hello", days_ago(1))).await;
    assert_eq!(failed.expect_err("it is not written").why, Why::Denied);
    assert_eq!(memory.counted().lost, 1);
}

#[tokio::test]
async fn what_is_damaged_in_one_record_hides_no_other() {
    let memory = memory();
    for n in 0..5 {
        tell(&memory, ("ada", "one"), &format!("The box {n} is in rack {n}."), days_ago(9)).await;
    }
    let broken = memory.jobs().expect("open").run(|connection| {
        connection.execute("UPDATE records SET vector = x'00' WHERE content LIKE '%box 3%'", [])
    });
    assert_eq!(broken.await, Ok(2));
    let found = ask(&memory, "ada", "where is the box", (9, 0.0)).await;
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn every_reason_has_a_word_of_its_own() {
    let words = Why::ALL.iter().map(|why| why.as_str()).collect::<std::collections::HashSet<_>>();
    assert_eq!(words.len(), Why::ALL.len());
    for why in Why::ALL {
        assert_eq!(serde_json::to_value(why).expect("a word"), why.as_str());
    }
}
