//! The index, as far as words go.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::rank::{Scored, best};
use crate::words::Share;
use crate::{Entry, Full, Hit, Index, Limits, Ranking};

fn limits(entries: usize) -> Limits {
    Limits { entries, ..Limits::default() }
}

fn index(notes: &[(&str, &str)]) -> Index {
    let notes = notes.iter().map(|(key, text)| Entry::note(key, text));
    Index::build(None, limits(100), notes).expect("they fit")
}

fn keys(index: &Index, question: &str) -> Vec<String> {
    index.search(question, 10).iter().map(|hit| hit.key.to_string()).collect()
}

#[test]
fn what_shares_a_word_is_found_and_nothing_else() {
    let index =
        index(&[("a", "purge a queue"), ("b", "invoke a function"), ("c", "purge a cache")]);
    assert_eq!(keys(&index, "purging queues"), ["a", "c"]);
    assert_eq!(keys(&index, "nothing of that"), [""; 0]);
    assert_eq!(keys(&index, ""), [""; 0]);
    assert_eq!(index.waiting().count(), 0, "nobody would make their vectors");
}

#[test]
fn a_title_counts_more_than_a_text_and_a_text_more_than_a_term() {
    let title = Entry { key: "title".into(), title: "queue".into(), ..Entry::default() };
    let text = Entry { key: "text".into(), text: "queue".into(), ..Entry::default() };
    let term = Entry { key: "term".into(), terms: vec!["queue".into()], ..Entry::default() };
    let pad = |mut entry: Entry| {
        entry.text.push_str(" of some other words");
        entry
    };
    let entries = [pad(term), pad(text), pad(title)];
    let index = Index::build(None, limits(3), entries).expect("they fit");
    assert_eq!(keys(&index, "queue"), ["title", "text", "term"]);
}

#[test]
fn an_entry_takes_the_place_of_the_one_with_its_key() {
    let mut index = index(&[("a", "purge a queue"), ("b", "queue")]);
    index.insert(Entry::note("a", "invoke a function")).expect("its place is taken");
    assert_eq!(
        (keys(&index, "queue"), keys(&index, "function")),
        (vec!["b".into()], vec!["a".into()])
    );
    assert_eq!(index.len(), 2);
}

#[test]
fn what_was_removed_is_not_found_and_leaves_its_place() {
    let mut index = index(&[("a", "purge a queue"), ("b", "queue")]);
    assert!(index.remove("a") && !index.remove("a"));
    assert_eq!(keys(&index, "purge queue"), ["b"]);
    index.insert(Entry::note("c", "cache")).expect("there is a place");
    assert_eq!((keys(&index, "purge"), keys(&index, "cache")), (vec![], vec!["c".into()]));
    assert!(!index.is_empty());
}

#[test]
fn a_full_index_takes_no_other_key() {
    let mut index = Index::new(None, limits(1));
    index.insert(Entry::note("a", "queue")).expect("the first");
    assert_eq!(index.insert(Entry::note("b", "queue")), Err(Full(1)));
    index.insert(Entry::note("a", "cache")).expect("a change");
    assert_eq!((keys(&index, "cache"), keys(&index, "queue")), (vec!["a".into()], vec![]));
}

#[test]
fn what_is_beyond_a_limit_is_not_looked_at() {
    let limits = Limits { entries: 9, bytes: 10, question: 10 };
    let long = Entry {
        key: "a".into(),
        title: "1234".into(),
        text: "67é queue".into(),
        terms: vec!["cache".into()],
        technical: false,
    };
    let index = Index::build(None, limits, [long]).expect("it fits");
    assert_eq!(keys(&index, "67é"), ["a"]);
    assert_eq!((keys(&index, "queue"), keys(&index, "cache")), (vec![], vec![]));
    assert_eq!(keys(&index, "zzzz zzzz 67é"), [""; 0]);
}

#[test]
fn at_most_so_many_are_named_and_equals_go_by_their_keys() {
    let notes = ["d", "b", "a", "c"].map(|key| (key, "queue"));
    let index = index(&notes);
    assert_eq!(keys(&index, "queue"), ["a", "b", "c", "d"]);
    for (most, named) in [(0, 0), (1, 1), (3, 3), (9, 4)] {
        assert_eq!(index.search("queue", most).len(), named);
    }
}

#[test]
fn what_else_speaks_for_an_entry_decides_among_equals() {
    let index = index(&[("a", "queue"), ("b", "queue"), ("c", "queue")]);
    let hits = index.search_by("queue", 1, crate::Ranking::Both, |key| f32::from(key == "c") * 0.1);
    assert_eq!(hits.iter().map(|hit| &*hit.key).collect::<Vec<_>>(), ["c"]);
}

fn scored(key: &str, score: f32, said: f32) -> Scored {
    let said = Share { score: said / 2.0, covered: said };
    Scored { hit: Hit { key: key.into(), score }, said }
}

#[test]
fn what_is_said_plainly_is_not_lost_to_what_is_only_meant() {
    let hits = |most, plain| {
        let meant = (0..20).map(|at| scored(&format!("m{at:02}"), 0.9, 0.0));
        let said =
            [scored("half", 0.05, 0.5), scored("most", 0.1, 0.8), scored("hardly", 0.2, 0.4)];
        let hits = best(meant.chain(said).collect(), most, plain);
        hits.iter().map(|hit| hit.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(hits(4, true), ["m00", "m01", "most", "half"]);
    assert_eq!(hits(2, true), ["most", "half"]);
    assert_eq!(hits(1, true), ["most"]);
    assert_eq!(hits(3, false), ["m00", "m01", "m02"]);
    assert_eq!(hits(0, true), [""; 0]);
    assert_eq!(hits(99, true).len(), 23);
}

proptest! {
    /// Against a map: after any inserts and removals, what is found by a word is what has it.
    #[test]
    fn an_index_holds_what_was_left_in_it(
        steps in prop::collection::vec((0_u8..6, prop::option::of(0_u8..4)), 0..40),
    ) {
        let mut index = Index::new(None, limits(4));
        let mut wanted = BTreeMap::new();
        for (key, word) in steps {
            let key = format!("k{key}");
            match word {
                Some(word) => {
                    let text = format!("word{word}x");
                    let fits = wanted.len() < 4 || wanted.contains_key(&key);
                    prop_assert_eq!(index.insert(Entry::note(&key, &text)).is_ok(), fits);
                    if fits {
                        wanted.insert(key, text);
                    }
                }
                None => prop_assert_eq!(index.remove(&key), wanted.remove(&key).is_some()),
            }
        }
        prop_assert_eq!(index.len(), wanted.len());
        for word in (0..4).map(|word| format!("word{word}x")) {
            let having = wanted.iter().filter(|(_, text)| **text == word).map(|(key, _)| key.clone());
            prop_assert_eq!(keys(&index, &word), having.collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_text_is_too_odd(title in ".{0,60}", text in ".{0,60}", question in ".{0,60}", bytes in 0_usize..80) {
        let limits = Limits { entries: 2, bytes, question: bytes };
        let entry = Entry { key: "a".into(), title, text, terms: vec![], technical: true };
        let index = Index::build(None, limits, [entry]).expect("it fits");
        prop_assert!(index.search(&question, 3).len() <= 1);
    }
}

/// A few words, so that entries share many.
fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["purge", "queue", "cache", "pod", "node", "alarm"]);
    prop::collection::vec(word, 1..8).prop_map(|words| words.join(" "))
}

proptest! {
    /// Not even the order of the others tells of what is not to be seen.
    #[test]
    fn what_is_not_looked_at_might_as_well_not_be_there(
        notes in prop::collection::vec((text(), any::<bool>()), 1..12),
        question in text(),
    ) {
        let note = |at: usize, text: &str| Entry::note(&format!("{at:02}"), text);
        let all = notes.iter().enumerate().map(|(at, (text, _))| note(at, text));
        let seen = notes.iter().enumerate().filter(|(_, (_, seen))| *seen);
        let alone = Index::build(None, limits(20), seen.map(|(at, (text, _))| note(at, text)));
        let all = Index::build(None, limits(20), all).expect("they fit");
        let may = |key: &str| notes.get(key.parse::<usize>().ok()?)?.1.then_some(0.0);
        let found = all.search_where(&question, 3, Ranking::Both, may);
        prop_assert_eq!(found, alone.expect("they fit").search(&question, 3));
    }
}
