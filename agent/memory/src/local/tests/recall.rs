//! What was said is found again.
//!
//! In: turns and questions. Out: nothing. Never: a file, but where a memory is opened again.

use super::super::Config;
use super::*;

#[tokio::test]
async fn what_is_told_in_one_session_is_recalled_in_another() {
    let folder = Folder::new();
    let first = folder.open();
    tell(&first, ("ada", "one"), "Our staging cluster is called pelican.", days_ago(2)).await;
    tell(&first, ("ada", "one"), "Please show me the pods of checkout", days_ago(2)).await;
    let question = "what name does the pre-production environment have";
    assert!(words(&first, "ada", question).await[0].contains("pelican"), "in the same process");
    drop(first);
    let second = folder.open();
    let found = found(&second, "ada", question).await;
    assert!(found[0].content.contains("pelican"), "in another one: {found:?}");
    assert_eq!(found[0].session.as_ref().map(Session::as_str), Some("one"));
    assert_eq!(found[0].at, days_ago(2));
    assert_eq!(second.backend(), "local");
}

#[tokio::test]
async fn the_same_turn_is_kept_once() {
    let memory = memory();
    let turn = turn("t1", ("ada", "one"), "Our database is Postgres 16.", days_ago(1));
    for _ in 0..3 {
        memory.remember(&turn).await.expect("it is kept");
        memory.settled().await;
    }
    assert_eq!(events(&memory, "ada", "one").await.len(), 2);
    assert_eq!(records(&memory, "ada", Namespace::Semantic).await.len(), 1);
    assert_eq!(records(&memory, "ada", Namespace::Conversation).await.len(), 1);
}

#[tokio::test]
async fn hits_are_at_most_so_many_at_least_so_good_and_in_order() {
    let memory = memory();
    for (days, text) in (1..).zip([
        "The checkout service keeps its carts in Redis.",
        "The billing job runs at three at night.",
        "Our laptops are replaced every four years.",
        "The office is in Porto.",
        "Redis of checkout has 8 GB of memory.",
        "I am allergic to peanuts.",
    ]) {
        tell(&memory, ("ada", "one"), text, days_ago(days)).await;
    }
    let question = "where does checkout store its carts, in Redis?";
    let all = ask(&memory, "ada", question, (100, 0.0)).await;
    assert_eq!(all.len(), 6, "each turn once: {all:?}");
    assert!(all.is_sorted_by(|left, right| left.score >= right.score), "{all:?}");
    assert!(all.iter().all(|record| (0.0..=1.0).contains(&record.score)), "{all:?}");
    assert!(all[0].content.contains("carts"));
    for most in [0, 1, 2, 5] {
        assert_eq!(ask(&memory, "ada", question, (most, 0.0)).await, all[..most]);
    }
    let threshold = all[1].score;
    assert_eq!(ask(&memory, "ada", question, (100, threshold)).await, all[..2]);
    assert!(ask(&memory, "ada", question, (100, 1.01)).await.is_empty());
    assert_eq!(ask(&memory, "ada", question, (usize::MAX, 0.0)).await.len(), 6);
}

#[tokio::test]
async fn odd_questions_are_answered() {
    let memory = memory();
    let long = "why ".repeat(20_000);
    for question in ["", " ", "?", "\" OR 1=1 --", "* NEAR(", "日本語", "\u{0}", &long] {
        assert!(found(&memory, "nobody", question).await.is_empty());
    }
    tell(&memory, ("ada", "one"), "The cache is on node seven.", days_ago(1)).await;
    for question in ["", " ", "?", "\" OR 1=1 --", "* NEAR(", "日本語", "\u{0}", &long] {
        found(&memory, "ada", question).await;
    }
    tell(&memory, ("ada", "one"), "", days_ago(1)).await;
    tell(&memory, ("ada", "one"), &"ü".repeat(100_000), days_ago(1)).await;
    assert!(words(&memory, "ada", "which node has the cache").await[0].contains("seven"));
}

#[tokio::test]
async fn a_time_in_a_question_is_the_time_of_what_is_found() {
    let memory = memory();
    // Now is a Thursday.
    for (days, what) in [(9, "blue"), (2, "green"), (1, "yellow"), (40, "violet")] {
        let text = format!("Please roll out the {what} release of the shop");
        tell(&memory, ("ada", "one"), &text, days_ago(days)).await;
    }
    for (question, what) in [
        ("which release of the shop did I roll out last Tuesday?", "green"),
        ("which release of the shop did I roll out yesterday?", "yellow"),
        ("which release of the shop did I roll out last week?", "blue"),
        ("which release of the shop did I roll out in January?", "violet"),
        ("on 31 January 2026, which release of the shop was it?", "violet"),
        ("which release of the shop did I roll out six weeks ago", "violet"),
    ] {
        let found = words(&memory, "ada", question).await;
        assert!(found[0].contains(what), "{question}: {found:?}");
        assert_eq!(found.len(), 4, "the others are not hidden");
    }
}

#[tokio::test]
async fn shelves_are_given_up_for_others_and_filled_again() {
    let config = Config { search_bytes: 1, ..forever() };
    let memory = Local::open(config).expect("it opens");
    tell(&memory, ("ada", "one"), "The office is in Porto.", days_ago(1)).await;
    tell(&memory, ("bob", "one"), "The office is in Riga.", days_ago(1)).await;
    for _ in 0..2 {
        assert!(words(&memory, "ada", "where is the office").await[0].contains("Porto"));
        assert!(words(&memory, "bob", "where is the office").await[0].contains("Riga"));
    }
    assert_eq!(memory.counted().loaded, 4);
    assert_eq!(memory.inner.shelves.filled().1, 1);
}

#[tokio::test]
async fn a_turn_that_nobody_waits_for_is_kept_and_waits_no_more() {
    use std::task::{Context, Waker};
    let memory = memory();
    let turn = turn("t1", ("ada", "one"), "The office is in Porto.", days_ago(1));
    let mut remember = memory.remember(&turn);
    let _polled = remember.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(remember);
    memory.sweep(now()).await.expect("written after it");
    memory.settled().await;
    assert_eq!(events(&memory, "ada", "one").await.len(), 2);
    assert_eq!(memory.health().waiting, 0);
}
