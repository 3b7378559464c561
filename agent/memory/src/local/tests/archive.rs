//! What people see of conversations: titles, timelines, what is found.
//!
//! In: turns, titles and words, some of them hostile. Out: nothing. Never: a look at one actor alone.

use rusqlite::Connection;

use super::*;
use crate::{
    Archive, BadTitle, BadWords, Forget, Page, SessionSummary, Timeline, Title, Why, Words,
};

fn timeline(turn: &str, conversation: &str) -> Timeline {
    let told = format!("[\"{turn}\"]");
    Timeline { turn: turn.to_owned(), session: session(conversation), at: days_ago(1), told }
}

/// What is told of these turns of the conversation.
async fn told(memory: &Local, who: &str, conversation: &str, turns: &[&str]) -> Vec<String> {
    let turns: Vec<String> = turns.iter().map(|turn| (*turn).to_owned()).collect();
    let found = memory.timelines(&actor(who), &session(conversation), &turns).await;
    let mut told: Vec<_> = found.expect("a list").into_iter().map(|it| it.told).collect();
    told.sort();
    told
}

async fn titles(memory: &Local, who: &str) -> Vec<String> {
    named(memory.sessions(&actor(who), None).await.expect("a page"))
}

async fn found_by(memory: &Local, who: &str, words: &str) -> Vec<String> {
    let words = Words::new(words).expect("words");
    named(memory.find(&actor(who), &words, None).await.expect("a page"))
}

fn named(page: Page<SessionSummary>) -> Vec<String> {
    page.entries.into_iter().map(|it| it.title).collect()
}

async fn call(memory: &Local, who: &str, conversation: &str, title: Option<&str>) -> bool {
    let title = title.map(|title| Title::new(title).expect("a title"));
    memory.rename(&actor(who), &session(conversation), title.as_ref()).await.expect("an answer")
}

#[tokio::test]
async fn a_timeline_is_kept_whether_it_comes_before_or_after_its_turn() {
    let memory = memory();
    for (id, first) in [("t1", true), ("t2", false)] {
        let (turn, time) = (turn(id, ("ada", "one"), "hello", days_ago(1)), timeline(id, "one"));
        if first {
            memory.keep_timeline(&actor("ada"), &time).await.expect("it is kept");
        }
        memory.remember(&turn).await.expect("it is kept");
        if !first {
            memory.keep_timeline(&actor("ada"), &time).await.expect("it is kept");
        }
    }
    memory.sweep(now()).await.expect("it is swept");
    assert_eq!(told(&memory, "ada", "one", &["t1", "t2", "t3"]).await, ["[\"t1\"]", "[\"t2\"]"]);
    assert_eq!(told(&memory, "ada", "one", &["t2"]).await, ["[\"t2\"]"]);
    assert_eq!(told(&memory, "ada", "two", &["t1"]).await, [""; 0], "of another session");
    let bobs = Timeline { told: "bob's".to_owned(), ..timeline("t1", "one") };
    memory.keep_timeline(&actor("bob"), &bobs).await.expect("it is kept");
    assert_eq!(told(&memory, "bob", "one", &["t1", "t2"]).await, ["bob's"], "his alone");
    assert_eq!(told(&memory, "ada", "one", &["t1"]).await, ["[\"t1\"]"]);
}

#[tokio::test]
async fn a_timeline_goes_with_its_turn() {
    let memory = memory();
    for (id, conversation) in [("t1", "one"), ("t2", "two"), ("t3", "three")] {
        let turn = turn(id, ("ada", conversation), "Show me the pods", days_ago(1));
        memory.remember(&turn).await.expect("it is kept");
        memory.keep_timeline(&actor("ada"), &timeline(id, conversation)).await.expect("it is kept");
    }
    memory.settled().await;
    let gone = memory.forget(&actor("ada"), &Forget::Session(session("one"))).await;
    assert_eq!(gone, Ok(3), "two events and what was said: timelines are not counted");
    assert_eq!(told(&memory, "ada", "one", &["t1"]).await, [""; 0]);
    assert_eq!(told(&memory, "ada", "two", &["t2"]).await.len(), 1);
    memory.forget(&actor("ada"), &Forget::Everything).await.expect("it is forgotten");
    assert_eq!(rows(&memory, "timelines").await, 0);
}

#[tokio::test]
async fn a_timeline_that_comes_after_its_turn_was_forgotten_does_not_stay() {
    let memory = memory();
    tell(&memory, ("ada", "two"), "hello", days_ago(1)).await;
    memory.keep_timeline(&actor("ada"), &timeline("t1", "one")).await.expect("it is kept");
    let waits = Timeline { at: now(), ..timeline("t2", "one") };
    memory.keep_timeline(&actor("ada"), &waits).await.expect("it is kept");
    assert_eq!(rows(&memory, "timelines").await, 2);
    memory.sweep(now()).await.expect("it is swept");
    assert_eq!(rows(&memory, "timelines").await, 1, "a turn may still be written");
    memory.sweep(now() + DAY).await.expect("it is swept");
    assert_eq!(rows(&memory, "timelines").await, 0);
}

#[tokio::test]
async fn timelines_and_titles_go_when_turns_are_too_old() {
    let memory = Local::open(Config { retention: 10 * DAY, ..Config::default() }).expect("open");
    memory.remember(&turn("t1", ("ada", "one"), "hello", days_ago(1))).await.expect("it is kept");
    memory.keep_timeline(&actor("ada"), &timeline("t1", "one")).await.expect("it is kept");
    assert!(call(&memory, "ada", "one", Some("Greeting")).await);
    memory.sweep(now() + 5 * DAY).await.expect("it is swept");
    assert_eq!((rows(&memory, "timelines").await, rows(&memory, "titles").await), (1, 1));
    memory.sweep(now() + 20 * DAY).await.expect("it is swept");
    assert_eq!((rows(&memory, "timelines").await, rows(&memory, "titles").await), (0, 0));
}

#[tokio::test]
async fn a_timeline_goes_when_its_turn_goes_for_a_newer_one() {
    let memory = Local::open(Config { most_events: 4, ..forever() }).expect("it opens");
    for (id, days) in [("t1", 3), ("t2", 2), ("t3", 1)] {
        let turn = turn(id, ("ada", "one"), "hello", days_ago(days));
        memory.remember(&turn).await.expect("it is kept");
        memory.keep_timeline(&actor("ada"), &timeline(id, "one")).await.expect("it is kept");
    }
    assert_eq!(rows(&memory, "timelines").await, 2);
    let told = told(&memory, "ada", "one", &["t1", "t2", "t3"]).await;
    assert_eq!(told, ["[\"t2\"]", "[\"t3\"]"]);
}

#[tokio::test]
async fn a_timeline_has_a_most() {
    let memory = memory();
    let of = |length: usize| Timeline { told: "x".repeat(length), ..timeline("t1", "one") };
    let failed =
        memory.keep_timeline(&actor("ada"), &of(Timeline::MOST + 1)).await.expect_err("too long");
    assert_eq!(failed.why, Why::Full);
    memory.keep_timeline(&actor("ada"), &of(Timeline::MOST)).await.expect("it is kept");
}

#[tokio::test]
async fn a_conversation_is_called_as_somebody_wants() {
    let memory = memory();
    tell(&memory, ("ada", "one"), "Why are answers slow?", days_ago(2)).await;
    tell(&memory, ("ada", "two"), "Where is checkout?", days_ago(1)).await;
    tell(&memory, ("bob", "one"), "Bob's own", days_ago(1)).await;
    assert!(call(&memory, "ada", "one", Some("  Slow answers  ")).await);
    assert_eq!(titles(&memory, "ada").await, ["Where is checkout?", "Slow answers"]);
    assert_eq!(titles(&memory, "bob").await, ["Bob's own"], "of the same name");
    assert!(call(&memory, "ada", "one", Some("Slower")).await);
    tell(&memory, ("ada", "one"), "And now?", days_ago(0)).await;
    assert_eq!(titles(&memory, "ada").await, ["Slower", "Where is checkout?"]);
    assert!(call(&memory, "ada", "one", None).await);
    assert_eq!(titles(&memory, "ada").await[0], "Why are answers slow?");
    assert!(!call(&memory, "ada", "none", Some("x")).await, "there is no such conversation");
    assert!(!call(&memory, "nobody", "one", Some("x")).await);
    assert!(call(&memory, "ada", "one", Some("Slower")).await);
    memory.forget(&actor("ada"), &Forget::Session(session("one"))).await.expect("forgotten");
    tell(&memory, ("ada", "one"), "Begun again", days_ago(0)).await;
    assert_eq!(titles(&memory, "ada").await[0], "Begun again", "its title went with it");
}

#[tokio::test]
async fn conversations_are_found_by_title_and_by_what_was_said() {
    let memory = memory();
    tell(&memory, ("ada", "one"), "Why are answers slow in prod?", days_ago(3)).await;
    tell(&memory, ("ada", "one"), "100% of checkout_api?", days_ago(3)).await;
    tell(&memory, ("ada", "two"), "Pods of the shop in prod", days_ago(2)).await;
    tell(&memory, ("bob", "three"), "Pods of bob in prod", days_ago(1)).await;
    assert!(call(&memory, "ada", "two", Some("Rollout 12")).await);
    let (one, two) = ("Why are answers slow in prod?", "Rollout 12");
    for (words, found) in [
        ("SLOW", &[one] as &[&str]),
        ("prod", &[two, one]),
        ("checkout answers", &[one]),
        ("rollout pods", &[two]),
        ("pods slow", &[]),
        ("noted", &[two, one]),
        ("bob", &[]),
        ("%", &[one]),
        ("_", &[one]),
        ("checkoutXapi", &[]),
        ("\\", &[]),
        ("' OR 1=1 --", &[]),
        ("[\"%\"]", &[]),
    ] {
        assert_eq!(found_by(&memory, "ada", words).await, found, "{words}");
    }
    assert_eq!(found_by(&memory, "nobody", "prod").await, [""; 0]);
}

#[tokio::test]
async fn what_is_found_has_pages() {
    let memory = memory();
    for n in 0..120_u32 {
        let said = format!("{} {n}", if n % 2 == 0 { "even" } else { "odd" });
        let turn = turn(&format!("t{n}"), ("ada", &format!("s{n}")), &said, days_ago(200 - n));
        memory.remember(&turn).await.expect("it is kept");
    }
    let (mut all, mut from, words) = (Vec::new(), None, Words::new("even").expect("words"));
    loop {
        let page = memory.find(&actor("ada"), &words, from.as_deref()).await.expect("a page");
        all.extend(page.entries.into_iter().map(|it| it.title));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let wanted: Vec<_> =
        (0..120).rev().filter(|n| n % 2 == 0).map(|n| format!("even {n}")).collect();
    assert_eq!(all, wanted);
    let failed = memory.find(&actor("ada"), &words, Some("nonsense")).await.expect_err("no cursor");
    assert_eq!(failed.why, Why::NotSupported);
}

#[test]
fn titles_and_words_have_bounds() {
    assert_eq!(Title::new(" \t ").err(), Some(BadTitle::Empty));
    assert_eq!(Title::new("a\nb").err(), Some(BadTitle::Control));
    assert_eq!(Title::new(&"é".repeat(81)).err(), Some(BadTitle::Long));
    assert_eq!(Title::new(&"é".repeat(80)).expect("a title").as_str().chars().count(), 80);
    assert_eq!(Words::new("  ").err(), Some(BadWords::None));
    assert_eq!(Words::new("a b c d e f g h i").err(), Some(BadWords::Many));
    assert_eq!(Words::new(&"a".repeat(201)).err(), Some(BadWords::Many));
    assert_eq!(Words::new(" a  b ").expect("words").iter().collect::<Vec<_>>(), ["a", "b"]);
}

/// A file as version 1 left it: it is brought up to date, and what it holds has no timelines.
#[tokio::test]
async fn a_file_of_the_first_version_still_loads() {
    let folder = Folder::new();
    {
        let first = Connection::open(folder.file()).expect("a file");
        first.execute_batch(include_str!("../schema.sql")).expect("tables");
        first
            .execute_batch(
                "INSERT INTO actors (name) VALUES ('ada');
                 INSERT INTO events (actor, session, turn, role, text, at)
                   VALUES (1, 'one', 't1', 'USER', 'hello', 1773230400000),
                          (1, 'one', 't1', 'ASSISTANT', 'hi', 1773230401000);
                 PRAGMA user_version = 1;",
            )
            .expect("rows");
    }
    let memory = folder.open();
    assert_eq!(titles(&memory, "ada").await, ["hello"]);
    assert_eq!(told(&memory, "ada", "one", &["t1"]).await, [""; 0]);
    memory.keep_timeline(&actor("ada"), &timeline("t1", "one")).await.expect("it is kept");
    assert!(call(&memory, "ada", "one", Some("Greeting")).await);
    drop(memory);
    let memory = folder.open();
    assert_eq!(titles(&memory, "ada").await, ["Greeting"]);
    assert_eq!(told(&memory, "ada", "one", &["t1"]).await.len(), 1);
}

async fn rows(memory: &Local, table: &'static str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let read = memory.read(move |connection, _| connection.query_row(&sql, [], |row| row.get(0)));
    read.await.expect("a count")
}
