//! Lists, page by page.
//!
//! In: more entries than a page has. Out: nothing. Never: an entry twice, or none of its pages.

use proptest::prelude::*;

use super::super::cursor::Cursor;
use super::super::list::PAGE;
use super::*;
use crate::{Page, Role, Why};

async fn page_of(memory: &Local, from: Option<&str>) -> Page<Event> {
    memory.events(&actor("ada"), &session("one"), from).await.expect("a page")
}

#[tokio::test]
async fn events_come_the_newest_page_first_each_in_order() {
    let memory = memory();
    // Two turns a day; some share their time.
    for n in 0..61_u32 {
        let asked = format!("question {n}");
        let turn = turn(&format!("t{n}"), ("ada", "one"), &asked, days_ago(100 - n / 2));
        memory.remember(&turn).await.expect("it is kept");
    }
    let first = page_of(&memory, None).await;
    assert_eq!(first.entries.len(), PAGE);
    assert_eq!(first.entries.last().expect("one").text, "Noted.");
    let second = page_of(&memory, first.next.as_deref()).await;
    let third = page_of(&memory, second.next.as_deref()).await;
    assert_eq!((second.entries.len(), third.entries.len(), third.next), (PAGE, 22, None));
    let all = [third.entries, second.entries, first.entries].concat();
    assert!(all.is_sorted_by_key(|event| event.at));
    let ids = all.iter().map(|event| event.id.as_str()).collect::<std::collections::HashSet<_>>();
    assert_eq!(ids.len(), 122);
    assert_eq!(all, events(&memory, "ada", "one").await);
}

#[tokio::test]
async fn what_comes_meanwhile_moves_no_page() {
    let memory = memory();
    for n in 0..40_u32 {
        let turn = turn(&format!("t{n}"), ("ada", "one"), &format!("q{n}"), days_ago(100 - n));
        memory.remember(&turn).await.expect("it is kept");
    }
    let first = page_of(&memory, None).await;
    let later = turn("later", ("ada", "one"), "later", days_ago(1));
    memory.remember(&later).await.expect("it is kept");
    let second = page_of(&memory, first.next.as_deref()).await;
    assert_eq!((second.entries.len(), second.next), (30, None));
    assert!(second.entries.iter().all(|event| !first.entries.contains(event)));
}

#[tokio::test]
async fn an_event_says_all_that_was_handed_in() {
    let memory = memory();
    let turn = turn("t1", ("ada", "one"), "how many pods?", days_ago(1));
    memory.remember(&turn).await.expect("it is kept");
    let [asked, answered] = events(&memory, "ada", "one").await.try_into().expect("two");
    let asked_too = Event {
        id: "t1/user".to_owned(),
        turn: "t1".to_owned(),
        role: Role::User,
        text: turn.asked,
        at: turn.at,
        tools: Vec::new(),
        took: None,
        model: None,
    };
    assert_eq!(asked, asked_too);
    let answered_too = Event {
        id: "t1/assistant".to_owned(),
        turn: "t1".to_owned(),
        role: Role::Assistant,
        text: turn.answered,
        at: turn.at + turn.took,
        tools: turn.tools,
        took: Some(turn.took),
        model: Some(turn.model),
    };
    assert_eq!(answered, answered_too);
}

#[tokio::test]
async fn sessions_and_records_have_pages_too_the_latest_first() {
    let memory = memory();
    for n in 0..120_u32 {
        let name = format!("s{n}");
        let said = format!("The box {n} is in rack {n}.\nAnd more.");
        let turn = turn(&format!("t{n}"), ("ada", &name), &said, days_ago(200 - n));
        memory.remember(&turn).await.expect("it is kept");
    }
    memory.settled().await;
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let page = memory.sessions(&actor("ada"), from.as_deref()).await.expect("a page");
        assert!(page.entries.len() <= PAGE);
        all.extend(page.entries);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let names = all.iter().map(|each| each.session.to_string()).collect::<Vec<_>>();
    assert_eq!(names, (0..120).rev().map(|n| format!("s{n}")).collect::<Vec<_>>());
    assert_eq!(all[0].title, "The box 119 is in rack 119.");
    assert_eq!((all[0].began, all[0].turns), (days_ago(81), 1));
    let facts = records(&memory, "ada", Namespace::Semantic).await;
    assert_eq!(facts.len(), 120);
    assert!(facts.is_sorted_by(|left, right| left.at >= right.at));
}

#[tokio::test]
async fn what_is_no_cursor_is_refused() {
    let memory = memory();
    for word in ["", "v1", "v1-1", "v2-1-1", "v1-g-1", "v1--", "' OR 1=1", &"v1-".repeat(99)] {
        let failed = memory.sessions(&actor("ada"), Some(word)).await.expect_err(word);
        assert_eq!(failed.why, Why::NotSupported);
    }
}

proptest! {
    #[test]
    fn a_cursor_is_read_as_it_was_written(at: i64, id: i64) {
        let cursor = Cursor { at, id };
        prop_assert_eq!(Cursor::read(Some(&cursor.word())), Ok(cursor));
    }

    #[test]
    fn any_word_is_a_cursor_or_none(word: String) {
        let _read = Cursor::read(Some(&word));
    }
}
