//! What is kept, and what has to go.
//!
//! In: turns older than agreed, and more than agreed. Out: nothing. Never: a wait for the hour of the
//! sweep: it is asked for.

use super::super::Counted;
use super::super::keep::Swept;
use super::*;

/// Rows of tables, whatever their age.
async fn rows(memory: &Local) -> (i64, i64) {
    let counted = memory.jobs().expect("open").run(|connection| {
        connection.query_row(
            "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM records)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    });
    counted.await.expect("they are counted")
}

/// A memory that keeps things for 90 days of the machine's clock, which lists go by.
fn ninety() -> (Local, SystemTime) {
    (Local::open(Config::default()).expect("it opens"), SystemTime::now())
}

#[tokio::test]
async fn what_is_91_days_old_is_gone_from_lists_and_search_and_then_from_the_file() {
    let (memory, now) = ninety();
    tell(&memory, ("ada", "old"), "The old office is in Porto.", now - 91 * DAY).await;
    tell(&memory, ("ada", "new"), "The new office is in Riga.", now - 89 * DAY).await;
    for swept in [false, true] {
        assert_eq!(events(&memory, "ada", "old").await, Vec::new());
        assert_eq!(events(&memory, "ada", "new").await.len(), 2);
        let all = everything(&memory, "ada").await;
        assert!(!all.contains("Porto") && all.contains("Riga"), "{all}");
        let (actor, session) = (actor("ada"), session("asking"));
        let text = "where is the old office in Porto";
        let question =
            Question { actor: &actor, session: &session, text, most: 9, threshold: 0.0, now };
        let found = memory.recall(&question).await.expect("an answer");
        assert!(found.iter().all(|record| !record.content.contains("Porto")), "{found:?}");
        assert_eq!(rows(&memory).await, if swept { (2, 2) } else { (4, 4) });
        if !swept {
            let swept = memory.sweep(now).await.expect("it is swept");
            let expired = Swept { expired_events: 2, expired_records: 2, ..Swept::default() };
            assert_eq!(swept, expired);
        }
    }
    assert_eq!(memory.counted().expired, 4);
    let oldest = memory.health().oldest.expect("something is there");
    assert!(oldest >= 89 * DAY && oldest < 90 * DAY, "{oldest:?}");
}

#[tokio::test]
async fn it_is_swept_when_it_is_opened() {
    let folder = Folder::new();
    let config = Config { path: Some(folder.file()), ..Config::default() };
    let now = SystemTime::now();
    let memory = Local::open(config.clone()).expect("it opens");
    tell(&memory, ("ada", "old"), "The old office is in Porto.", now - 91 * DAY).await;
    drop(memory);
    let memory = Local::open(config).expect("it opens");
    assert_eq!(rows(&memory).await, (0, 0));
    assert_eq!(memory.counted().expired, 4);
    assert_eq!(memory.health().oldest, None);
}

#[tokio::test]
async fn the_oldest_events_of_an_actor_go_for_new_ones_and_are_counted() {
    let config = Config { most_events: 10, ..forever() };
    let memory = Local::open(config).expect("it opens");
    tell(&memory, ("bob", "one"), "hello", days_ago(99)).await;
    for n in 0..8_u32 {
        tell(&memory, ("ada", "one"), &format!("question {n}"), days_ago(50 - n)).await;
    }
    let kept = events(&memory, "ada", "one").await;
    let asked = kept.iter().step_by(2).map(|event| event.text.as_str()).collect::<Vec<_>>();
    assert_eq!(asked, ["question 3", "question 4", "question 5", "question 6", "question 7"]);
    assert_eq!((kept.len(), memory.counted().evicted_events), (10, 6));
    assert_eq!(events(&memory, "bob", "one").await.len(), 2, "another's stay");
    assert!(memory.health().detail.contains('6'), "{:?}", memory.health());
}

#[tokio::test]
async fn a_turn_whose_words_had_to_go_before_they_were_learnt_leaves_nothing() {
    let config = Config { most_events: 1, ..forever() };
    let memory = Local::open(config).expect("it opens");
    for n in 0..5_u32 {
        tell(&memory, ("ada", "one"), &format!("question {n}"), days_ago(50 - n)).await;
    }
    let known = records(&memory, "ada", Namespace::Conversation).await;
    assert_eq!(known, Vec::new());
    assert_eq!(memory.health().waiting, 0);
}

#[tokio::test]
async fn the_superseded_go_before_the_oldest_and_are_counted() {
    let config = Config { most_records: 4, ..forever() };
    let memory = Local::open(config).expect("it opens");
    tell(&memory, ("ada", "one"), "The office is in Porto.", days_ago(90)).await;
    tell(&memory, ("ada", "one"), "I prefer tables.", days_ago(50)).await;
    assert_eq!(memory.counted().evicted_records, 0);
    tell(&memory, ("ada", "one"), "I prefer lists.", days_ago(40)).await;
    assert_eq!(memory.counted().evicted_records, 2);
    let found = words(&memory, "ada", "what do I prefer, and where is the office").await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(!found.concat().contains("tables"), "{found:?}");
    tell(&memory, ("ada", "one"), "The car is in Riga.", days_ago(30)).await;
    assert_eq!(memory.counted().evicted_records, 4);
    let found = words(&memory, "ada", "what do I prefer, and where is the office").await;
    assert!(!found.concat().contains("Porto"), "{found:?}");
}

#[tokio::test]
async fn at_its_limit_a_search_does_not_read_everything_again_for_each_turn() {
    let config = Config { most_records: 256, ..forever() };
    let memory = Local::open(config).expect("it opens");
    for n in 0..200_u32 {
        let text = format!("The box {n} is in rack {n}.");
        tell(&memory, ("ada", "one"), &text, days_ago(300 - n)).await;
        found(&memory, "ada", "where is the box").await;
    }
    let Counted { evicted_records, loaded, .. } = memory.counted();
    assert!(evicted_records >= 400 - 256, "{evicted_records}");
    assert!(loaded < 60, "{loaded}");
    assert!(rows(&memory).await.1 <= 256);
}

#[tokio::test]
async fn a_shelf_lets_go_of_what_has_expired() {
    let (memory, now) = ninety();
    for n in 0..400 {
        let text = format!("The box {n} is in rack {n}.");
        let age = if n == 0 { 1 } else { 89 };
        let turn = turn(&format!("t{n}"), ("ada", "one"), &text, now - age * DAY);
        memory.remember(&turn).await.expect("it is kept");
    }
    memory.settled().await;
    found(&memory, "ada", "where is the box").await;
    assert_eq!(memory.inner.shelves.cards(), 800);
    memory.sweep(now + 2 * DAY).await.expect("it is swept");
    found(&memory, "ada", "where is the box").await;
    assert_eq!(memory.inner.shelves.cards(), 2);
}
