//! Words, and the everyday ones for them.

use proptest::prelude::*;

use crate::entry::Entry;
use crate::everyday::{LIST, everyday};
use crate::words::{Postings, Share, spoken, words};

fn listed(text: &str) -> Vec<String> {
    words(text).collect()
}

#[test]
fn words_lose_their_endings_and_empty_ones_are_left_out() {
    assert_eq!(listed("Which of the pods are restarting?"), ["pod", "restart"]);
    assert_eq!(listed("policies, policy"), ["policy", "policy"]);
    assert_eq!(listed("k8s_get-pod.logs"), ["k8s", "pod", "log"]);
    assert_eq!(listed("Ünïcode STRASSE"), ["ünïcod", "strass"]);
}

#[test]
fn identifiers_are_said_as_one_would_say_them() {
    for (name, said) in [
        ("k8s___getPodLogs", "k8s get pod logs"),
        ("label_selector", "label selector"),
        ("S3.getObject", "S3 get object"),
        ("__x__", "x"),
        ("", ""),
    ] {
        assert_eq!(spoken(name), said);
    }
}

#[test]
fn a_share_is_what_part_of_the_question_is_said() {
    let mut postings = Postings::default();
    postings.add(0, [("purge queue", 1.0)]);
    postings.add(1, [("purge cache", 1.0)]);
    postings.add(2, [("invoke function", 1.0)]);
    let shares = postings.shares("purge the queue", &[true; 3]);
    let scores = shares.iter().map(|share| share.score).collect::<Vec<_>>();
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{shares:?}");
    assert_eq!((shares[0].covered, shares[2]), (1.0, Share::default()));
    assert!(shares[1].covered < 0.5, "the rarer word is the other one");
    let repeated = postings.shares("queue queue nonsense", &[true; 3]);
    assert!(repeated[0].covered < 0.5, "words that nobody says are part of the question");
    postings.remove(0);
    assert_eq!(postings.shares("queue", &[true; 3]), [Share::default(); 3]);
    assert_eq!(postings.shares("the of", &[true; 3]), [Share::default(); 3]);
}

#[test]
fn the_everyday_words_are_listed_in_order_and_each_says_something() {
    let lines = LIST.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    let names = lines.iter().map(|line| line.split_once(": ").expect("a colon").0);
    assert!(names.is_sorted_by(|left, right| left < right));
    assert!(lines.iter().all(|line| line.split([':', ',']).all(|part| !part.trim().is_empty())));
}

#[test]
fn everyday_words_are_added_once_and_to_what_is_technical() {
    assert_eq!(everyday(["kafka topics", "Kafka"]), "stream, events, queue, channel");
    let tool = Entry::tool("kafka", "", []);
    assert_eq!(tool.everyday(), "stream, events, queue");
    assert_eq!(Entry { technical: false, ..tool }.everyday(), "");
    assert_eq!(Entry::note("1", "kafka").everyday(), "");
    let all = LIST.lines().filter_map(|line| line.split(':').next());
    assert_eq!(everyday(all).split(", ").count(), 16);
}

proptest! {
    #[test]
    fn shares_are_between_nothing_and_all(texts in prop::collection::vec(".{0,40}", 1..6), question in ".{0,40}") {
        let mut postings = Postings::default();
        for (slot, text) in texts.iter().enumerate() {
            postings.add(slot, [(text.as_str(), 2.0)]);
        }
        let shares = postings.shares(&question, &[true; 6]);
        prop_assert_eq!(shares.len(), texts.len());
        prop_assert!(shares.iter().all(|s| s.score >= 0.0 && s.score <= s.covered && s.covered < 1.001), "{:?}", shares);
    }
}
