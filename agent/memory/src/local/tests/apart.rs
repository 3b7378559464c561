//! Nobody sees what is another's.
//!
//! In: actors whose names try to be more. Out: nothing. Never: one that only tests well-behaved names.

use super::super::cursor::Cursor;
use super::*;
use crate::{BadName, Forget};

/// Names that try to be another's.
const HOSTILE: &[&str] = &[
    "a/../b",
    "a",
    "b",
    "%",
    "_",
    "a%",
    "A",
    "a ",
    " a",
    "*",
    "a*",
    "'",
    "''",
    "\"",
    "' OR '1'='1",
    "a'; DELETE FROM events; --",
    "a\\",
    "a:b",
    "a/b",
    "/",
    ".",
    "..",
    "{actorId}",
    "NULL",
    "0",
    "1",
    "01",
    "a1",
    "é",
    "e\u{301}",
    "ａ",
    "а",
    "\u{202e}a",
    "a\u{200b}",
    "🦊",
    "ﬀ",
    "ff",
    "ß",
    "ss",
    "İ",
    "i",
];

fn secret(at: usize) -> String {
    format!("The vault code is secret-{at:03}-x.")
}

#[tokio::test]
async fn no_actor_sees_anothers_records_whatever_they_are_called() {
    let folder = Folder::new();
    let memory = folder.open();
    for (at, name) in HOSTILE.iter().enumerate() {
        tell(&memory, (name, "one"), &secret(at), days_ago(1)).await;
    }
    for (at, name) in HOSTILE.iter().enumerate() {
        let found = ask(&memory, name, "what is the vault code", (100, 0.0)).await;
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert_eq!(found[0].content, secret(at));
        let all = everything(&memory, name).await;
        assert!(all.contains(&secret(at)));
        let others = (0..HOSTILE.len()).filter(|other| *other != at);
        let seen = others.filter(|other| all.contains(&secret(*other))).count();
        assert_eq!(seen, 0, "{name}");
    }
    assert_eq!(found(&memory, "c", "what is the vault code").await, Vec::new());
    assert_eq!(found(&memory, "ab", "what is the vault code").await, Vec::new());
}

#[tokio::test]
async fn to_forget_ones_own_leaves_the_others() {
    let memory = memory();
    for (at, name) in HOSTILE.iter().enumerate() {
        tell(&memory, (name, "one"), &secret(at), days_ago(1)).await;
    }
    let theirs = records(&memory, "b", Namespace::Semantic).await[0].id.clone();
    for what in [Forget::Session(session("one")), Forget::Record(theirs), Forget::Everything] {
        memory.forget(&actor("a/../b"), &what).await.expect("it is forgotten");
        memory.forget(&actor("%"), &what).await.expect("it is forgotten");
        for (at, name) in HOSTILE.iter().enumerate() {
            let gone = ["a/../b", "%"].contains(name);
            let found = words(&memory, name, "what is the vault code").await;
            assert_eq!(found, if gone { vec![] } else { vec![secret(at)] }, "{name}");
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_shows_nothing_of_theirs() {
    let memory = memory();
    for n in 0..60 {
        let id = format!("theirs-{n}");
        let turn = turn(&id, ("b", "one"), &format!("secret {n}"), days_ago(1));
        memory.remember(&turn).await.expect("it is kept");
    }
    tell(&memory, ("a", "two"), "hello", days_ago(1)).await;
    let page = memory.events(&actor("b"), &session("one"), None).await.expect("a page");
    let next = page.next.expect("more");
    let mine = memory.events(&actor("a"), &session("one"), Some(&next)).await.expect("a page");
    assert_eq!((mine.entries.len(), mine.next), (0, None));
    let latest = Cursor::LATEST.word();
    let mine = memory.events(&actor("a"), &session("one"), Some(&latest)).await.expect("a page");
    assert!(mine.entries.is_empty());
}

#[tokio::test]
async fn the_same_turn_id_of_two_actors_is_two_turns() {
    let memory = memory();
    for (who, text) in [("a", "The code is one."), ("b", "The code is two.")] {
        memory.remember(&turn("same", (who, "one"), text, days_ago(1))).await.expect("it is kept");
    }
    memory.settled().await;
    assert_eq!(words(&memory, "a", "the code").await, ["The code is one."]);
    assert_eq!(words(&memory, "b", "the code").await, ["The code is two."]);
}

#[test]
fn names_that_cannot_be_kept_apart_are_none() {
    assert_eq!(Actor::new(""), Err(BadName::Empty));
    assert_eq!(Actor::new("a\nb"), Err(BadName::Control));
    assert_eq!(Actor::new("a\0"), Err(BadName::Control));
    assert_eq!(Actor::new(&"a".repeat(257)), Err(BadName::Long));
    assert!(serde_json::from_str::<Actor>("\"\"").is_err());
    assert_eq!(serde_json::from_str::<Session>("\"s\"").expect("a name"), session("s"));
}
