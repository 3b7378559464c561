//! Processes that end in the middle, and files that end in the middle.
//!
//! In: copies of a file as a crash leaves it. Out: nothing. Never: half a turn; a turn that is gone
//! while a later one is there.

use super::super::file::Place;
use super::super::{keep, list};
use super::*;

/// Copies what a crash would leave, the log cut and changed as wanted.
fn image(of: &Folder, log: impl FnOnce(&mut Vec<u8>)) -> Folder {
    let copy = Folder::new();
    fs::copy(of.file(), copy.file()).expect("a copy");
    let mut bytes = fs::read(beside(&of.file(), "-wal")).expect("a log");
    log(&mut bytes);
    fs::write(beside(&copy.file(), "-wal"), bytes).expect("a copy");
    copy
}

async fn asked(memory: &Local) -> Vec<String> {
    let all = events(memory, "ada", "one").await;
    assert_eq!(all.len() % 2, 0, "no half of a turn");
    all.chunks(2).for_each(|both| assert_eq!(both[0].turn, both[1].turn));
    all.iter().step_by(2).map(|event| event.text.clone()).collect()
}

fn questions(count: u32) -> Vec<String> {
    (0..count).map(|n| format!("The box {n} is in rack {n}.")).collect()
}

async fn told(folder: &Folder, count: u32) -> Local {
    let memory = folder.open();
    for (n, text) in (0..).zip(questions(count)) {
        let turn = turn(&format!("t{n}"), ("ada", "one"), &text, days_ago(100 - n));
        memory.remember(&turn).await.expect("it is kept");
    }
    memory
}

#[tokio::test]
async fn every_turn_that_was_kept_is_there_after_a_crash() {
    let folder = Folder::new();
    let memory = told(&folder, 10).await;
    memory.settled().await;
    let copy = image(&folder, |_| ());
    let after = copy.open();
    assert_eq!(asked(&after).await, questions(10));
    assert!(words(&after, "ada", "where is box 7").await[0].contains("rack 7"));
    assert_eq!(after.health().oldest.map(|age| age > DAY), Some(true));
    assert_eq!(after.counted().lost, 0);
}

#[tokio::test]
async fn what_was_kept_and_not_learnt_is_learnt_at_the_next_start() {
    let folder = Folder::new();
    let place = Place::new(Some(&folder.file())).expect("a place");
    let writer = place.writer(true).expect("it opens");
    for (n, text) in (0..).zip(questions(3)) {
        let turn = turn(&format!("t{n}"), ("ada", "one"), &text, days_ago(9 - n));
        keep::remember(&writer, &turn, WIDE).expect("it is kept");
    }
    drop(writer);
    let memory = folder.open();
    assert_eq!(memory.health().waiting, 3, "known at once");
    memory.settled().await;
    assert_eq!(memory.health().waiting, 0);
    assert_eq!(records(&memory, "ada", Namespace::Semantic).await.len(), 3);
    assert_eq!(asked(&memory).await, questions(3));
}

#[tokio::test]
async fn a_log_that_ends_anywhere_loses_the_last_turns_alone() {
    let folder = Folder::new();
    let memory = told(&folder, 12).await;
    memory.settled().await;
    let whole = fs::read(beside(&folder.file(), "-wal")).expect("a log").len();
    let mut kept = Vec::new();
    for part in 0..=16 {
        let copy = image(&folder, |log| log.truncate(whole * part / 16 + part % 3));
        let after = copy.open();
        let left = asked(&after).await;
        assert_eq!(left, questions(12)[..left.len()], "cut at {part}/16");
        after.settled().await;
        let facts = records(&after, "ada", Namespace::Semantic).await;
        assert_eq!(facts.len(), left.len(), "what is there is learnt");
        tell(&after, ("ada", "one"), "The next thing is here.", days_ago(1)).await;
        assert_eq!(asked(&after).await.len(), left.len() + 1, "and it goes on");
        kept.push(left.len());
    }
    assert!(kept.is_sorted(), "{kept:?}");
    assert_eq!((kept[0], kept[16]), (0, 12), "{kept:?}");
}

#[tokio::test]
async fn a_log_that_is_damaged_in_the_middle_counts_up_to_there() {
    let folder = Folder::new();
    let memory = told(&folder, 12).await;
    memory.settled().await;
    for part in 1..8 {
        let copy = image(&folder, |log| {
            let at = log.len() * part / 16;
            log[at..at + 64].fill(0xa5);
        });
        let after = copy.open();
        let left = asked(&after).await;
        assert_eq!(left, questions(12)[..left.len()], "damaged at {part}/16");
        assert!(left.len() < 12);
    }
}

#[tokio::test]
async fn a_memory_that_is_never_closed_leaves_a_file_that_opens() {
    let folder = Folder::new();
    let memory = told(&folder, 5).await;
    std::mem::forget(memory);
    let again = folder.open();
    assert_eq!(asked(&again).await, questions(5));
}

#[tokio::test]
async fn two_handles_of_one_file_see_each_others_turns() {
    let folder = Folder::new();
    let (one, other) = (folder.open(), folder.open());
    tell(&one, ("ada", "one"), "The office is in Porto.", days_ago(2)).await;
    assert!(words(&other, "ada", "where is the office").await[0].contains("Porto"));
    tell(&other, ("ada", "one"), "The car is in Riga.", days_ago(1)).await;
    assert!(words(&one, "ada", "where is the car").await[0].contains("Riga"));
    let forget = crate::Forget::Session(session("one"));
    one.forget(&actor("ada"), &forget).await.expect("it is forgotten");
    assert_eq!(found(&other, "ada", "where is the office").await, Vec::new());
    tell(&one, ("ada", "two"), "The office is in Oslo.", days_ago(1)).await;
    assert_eq!(words(&other, "ada", "where is the office").await, ["The office is in Oslo."]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_handles_that_write_at_once_lose_nothing_and_learn_each_turn_once() {
    let folder = Folder::new();
    let handles = [folder.open(), folder.open()];
    let write = |at: usize| {
        let memory = &handles[at];
        async move {
            for n in 0..40_u32 {
                // Every fourth turn is handed to both.
                let id =
                    [format!("both-{n}"), format!("{at}-{n}")][usize::from(n % 4 != 0)].clone();
                let text = format!("The box {id} is in rack {n}.");
                let turn = turn(&id, ("ada", "one"), &text, days_ago(100 - n));
                memory.remember(&turn).await.expect("it is kept");
            }
        }
    };
    tokio::join!(write(0), write(1));
    // Whoever learns last: both have to be told.
    for handle in &handles {
        handle.sweep(now()).await.expect("it is swept");
        handle.settled().await;
        handle.sweep(now()).await.expect("it is swept");
    }
    assert_eq!(events(&handles[0], "ada", "one").await.len(), 2 * (40 + 30));
    for handle in &handles {
        assert_eq!(records(handle, "ada", Namespace::Semantic).await.len(), 70);
        assert_eq!((handle.counted().lost, handle.health().waiting), (0, 0));
    }
}

#[test]
fn a_reader_cannot_write() {
    for path in [true, false] {
        let folder = Folder::new();
        let file = folder.file();
        let place = Place::new(path.then_some(file.as_path())).expect("a place");
        let _writer = place.writer(true).expect("it opens");
        let reader = place.reader().expect("it opens");
        assert!(reader.execute("DELETE FROM events", []).is_err());
        let none = list::sessions(&reader, "ada", (super::super::Cursor::LATEST, 0), None);
        assert_eq!(none.expect("a page").entries, Vec::new());
    }
}
