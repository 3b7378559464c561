//! The index and the embedder, with the embedded model.

use std::sync::Arc;

use crate::{Embedder, Entry, Index, Limits, Model, Ranking};

fn embedder(most: usize) -> Arc<Embedder> {
    Arc::new(Embedder::new(Model::embedded().expect("the embedded model"), most))
}

fn notes() -> [Entry; 3] {
    [
        Entry::note("cat", "The cat sleeps on the sofa."),
        Entry::note("car", "The engine of my car is broken."),
        Entry::note("tax", "Income is declared to the authorities in May."),
    ]
}

fn first(index: &Index, question: &str) -> String {
    index.search(question, 1).first().map(|hit| hit.key.to_string()).unwrap_or_default()
}

#[test]
fn notes_are_found_by_what_they_mean() {
    let index = Index::build(Some(embedder(9)), Limits::default(), notes()).expect("they fit");
    assert_eq!(first(&index, "a kitten takes a nap"), "cat");
    assert_eq!(first(&index, "the vehicle does not run any more"), "car");
    assert_eq!(first(&index, "when do I owe money to the state"), "tax");
    assert_eq!(index.search("kittens", 9).len(), 3, "everything means something");
    let words = index.search_by("kittens", 9, Ranking::Words, |_| 0.0);
    assert!(words.is_empty(), "and no word is shared");
}

#[test]
fn an_entry_waits_for_its_vector_and_is_found_by_its_words_meanwhile() {
    let embedder = embedder(9);
    let mut index = Index::new(Some(Arc::clone(&embedder)), Limits::default());
    notes().into_iter().try_for_each(|note| index.insert(note)).expect("they fit");
    assert_eq!(index.waiting().count(), 3);
    assert_eq!((first(&index, "sofa").as_str(), first(&index, "kitten").as_str()), ("cat", ""));
    index.waiting().for_each(|entry| embedder.embed(entry));
    assert_eq!(index.waiting().count(), 3, "until it is told");
    index.settle();
    assert_eq!(index.waiting().count(), 0);
    assert_eq!(first(&index, "kitten"), "cat");
}

#[test]
fn what_was_embedded_once_is_not_embedded_again() {
    let embedder = embedder(9);
    let note = Entry::note("a", "a note");
    embedder.embed(&note);
    let mut index = Index::new(Some(Arc::clone(&embedder)), Limits::default());
    index.insert(Entry { key: "b".into(), ..note }).expect("it fits");
    assert_eq!(index.waiting().count(), 0, "a key is not part of what is embedded");
    index.insert(Entry::note("b", "another note")).expect("it fits");
    assert_eq!(index.waiting().count(), 1);
    assert_eq!(embedder.remembered_entries(), 1);
}

#[test]
fn an_embedder_forgets_the_oldest_and_an_index_keeps_its_vectors() {
    let embedder = embedder(1);
    let index = Index::build(Some(Arc::clone(&embedder)), Limits::default(), notes());
    let index = index.expect("they fit");
    assert_eq!((index.waiting().count(), embedder.remembered_entries()), (0, 1));
    let mut again = Index::new(Some(embedder), Limits::default());
    notes().into_iter().try_for_each(|note| again.insert(note)).expect("they fit");
    let waiting = again.waiting().map(|entry| entry.key.as_str());
    assert_eq!(waiting.collect::<Vec<_>>(), ["cat", "car"]);
}

#[test]
fn everything_that_search_sees_is_part_of_what_was_embedded() {
    let whole = Entry::tool("a_b", "c", ["d", "e"]);
    let others = [
        Entry { title: "a".into(), text: "bc".into(), ..whole.clone() },
        Entry { text: "C".into(), ..whole.clone() },
        Entry { terms: vec!["de".into()], ..whole.clone() },
        Entry { technical: false, ..whole.clone() },
    ];
    assert!(others.iter().all(|other| other.digest() != whole.digest()));
    assert_eq!(Entry { key: "other".into(), ..whole.clone() }.digest(), whole.digest());
}
