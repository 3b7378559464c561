//! What is to be forgotten is gone: from lists, from search, from the file.
//!
//! In: turns, and what is to be forgotten. Out: nothing. Never: a look at the tables alone.

use super::*;
use crate::Forget;

async fn told() -> Local {
    let memory = memory();
    tell(&memory, ("ada", "one"), "The office is in Porto.", days_ago(9)).await;
    tell(&memory, ("ada", "one"), "Show me the pods of checkout", days_ago(9)).await;
    tell(&memory, ("ada", "two"), "The car is in Riga.", days_ago(8)).await;
    memory
}

#[tokio::test]
async fn a_session_goes_with_what_was_concluded_from_it() {
    let memory = told().await;
    assert!(words(&memory, "ada", "where is the office").await[0].contains("Porto"));
    let gone = memory.forget(&actor("ada"), &Forget::Session(session("one"))).await;
    assert_eq!(gone, Ok(7), "four events, two turns, one fact");
    let left = everything(&memory, "ada").await;
    assert!(!left.contains("Porto") && !left.contains("checkout") && left.contains("Riga"));
    assert_eq!(words(&memory, "ada", "where is the office").await, ["The car is in Riga."]);
    let again = memory.forget(&actor("ada"), &Forget::Session(session("one"))).await;
    assert_eq!(again, Ok(0));
}

#[tokio::test]
async fn everything_goes_and_the_actor_can_begin_again() {
    let memory = told().await;
    found(&memory, "ada", "where is the office").await;
    assert_eq!(memory.forget(&actor("ada"), &Forget::Everything).await, Ok(11));
    assert_eq!(everything(&memory, "ada").await, "[][][][]");
    assert_eq!(found(&memory, "ada", "where is the office").await, Vec::new());
    tell(&memory, ("ada", "three"), "The office is in Oslo.", days_ago(1)).await;
    assert_eq!(words(&memory, "ada", "where is the office").await, ["The office is in Oslo."]);
    assert_eq!(memory.forget(&actor("nobody"), &Forget::Everything).await, Ok(0));
}

#[tokio::test]
async fn a_record_goes_and_takes_along_what_it_was_concluded_from() {
    let memory = told().await;
    let office = found(&memory, "ada", "where is the office").await[0].id.clone();
    assert_eq!(memory.forget(&actor("ada"), &Forget::Record(office.clone())).await, Ok(2));
    let found = words(&memory, "ada", "where is the office").await;
    assert!(!found.concat().contains("Porto"), "{found:?}");
    assert_eq!(events(&memory, "ada", "one").await.len(), 4, "the conversation stays");
    assert_eq!(memory.forget(&actor("ada"), &Forget::Record(office)).await, Ok(0));
}

#[tokio::test]
async fn what_a_forgotten_word_superseded_holds_again() {
    for forgotten in [&["three"] as &[_], &["two", "three"], &["two"]] {
        let memory = memory();
        for (days, name, what) in [(9, "one", "tables"), (5, "two", "lists"), (1, "three", "prose")]
        {
            let text = format!("I prefer {what}.");
            tell(&memory, ("ada", name), &text, days_ago(days)).await;
        }
        for name in forgotten {
            let gone = memory.forget(&actor("ada"), &Forget::Session(session(name))).await;
            assert_eq!(gone, Ok(4));
        }
        let holds = match *forgotten {
            ["two"] => "I prefer prose.",
            ["three"] => "I prefer lists.",
            _ => "I prefer tables.",
        };
        let known = records(&memory, "ada", Namespace::Preferences).await;
        let known = known.iter().map(|record| record.content.as_str()).collect::<Vec<_>>();
        assert_eq!(known, [holds], "without {forgotten:?}");
        assert_eq!(words(&memory, "ada", "I prefer tables.").await[0], holds);
    }
}

#[tokio::test]
async fn a_session_of_many_superseding_words_leaves_what_was_before() {
    let memory = memory();
    tell(&memory, ("ada", "one"), "I prefer tables.", days_ago(9)).await;
    for (days, what) in [(7, "lists"), (6, "prose"), (5, "bullets"), (4, "paragraphs")] {
        tell(&memory, ("ada", "two"), &format!("I prefer {what}."), days_ago(days)).await;
    }
    memory.forget(&actor("ada"), &Forget::Session(session("two"))).await.expect("it is forgotten");
    let known = records(&memory, "ada", Namespace::Preferences).await;
    assert_eq!(known.len(), 1);
    assert_eq!(words(&memory, "ada", "tables or lists").await, ["I prefer tables."]);
}

#[tokio::test]
async fn no_byte_of_what_is_forgotten_is_left_on_the_disk() {
    let folder = Folder::new();
    let memory = folder.open();
    for n in 0..50 {
        let text = format!("The xylophone {n} is in rack {n}.");
        tell(&memory, ("ada", "one"), &text, days_ago(9)).await;
    }
    tell(&memory, ("bob", "one"), "The zeppelin is in rack one.", days_ago(9)).await;
    let holds = |word: &str| {
        ["", "-wal"].iter().any(|end| {
            let bytes = fs::read(beside(&folder.file(), end)).unwrap_or_default();
            bytes.windows(word.len()).any(|at| at == word.as_bytes())
        })
    };
    assert!(holds("xylophone") && holds("zeppelin"));
    found(&memory, "ada", "where is the xylophone").await;
    memory.forget(&actor("ada"), &Forget::Everything).await.expect("it is forgotten");
    assert!(!holds("xylophone") && holds("zeppelin"), "while it is open");
    drop(memory);
    assert!(!holds("xylophone") && holds("zeppelin"), "when it is closed");
    assert!(!beside(&folder.file(), "-wal").exists(), "all is in one file then");
}

#[tokio::test]
async fn what_is_forgotten_before_it_is_learnt_is_not_learnt() {
    let memory = memory();
    for n in 0..20 {
        let turn = turn(&format!("t{n}"), ("ada", "one"), "The office is in Porto.", days_ago(1));
        memory.remember(&turn).await.expect("it is kept");
    }
    memory.forget(&actor("ada"), &Forget::Session(session("one"))).await.expect("it is forgotten");
    memory.settled().await;
    assert_eq!(everything(&memory, "ada").await, "[][][][]");
    assert_eq!(memory.health().waiting, 0);
}
