//! What is concluded from what was said, and what is not.
//!
//! In: sentences. Out: nothing. Never: the sentences of the labelled set.

use proptest::prelude::*;

use super::super::extract::conclusions;
use super::*;

fn kinds(said: &str) -> Vec<(Namespace, String)> {
    conclusions(said).into_iter().map(|found| (found.namespace, found.content)).collect()
}

#[test]
fn preferences_are_wishes_that_last() {
    for said in [
        "I prefer tables.",
        "Please always answer in German.",
        "Call me Kit.",
        "Don't use emojis.",
        "From now on, keep your answers short",
        "I'd rather have lists",
        "My favourite editor is helix.",
        "Could you please reply in French from now on?",
        "never restart anything in production",
        "use Helm instead of Kustomize",
    ] {
        let found = kinds(said);
        assert_eq!(found, [(Namespace::Preferences, said.to_owned())]);
    }
}

#[test]
fn facts_are_what_is_so_for_longer() {
    for said in [
        "Our staging cluster is called pelican.",
        "We deploy on Thursdays.",
        "checkout-api runs in eu-west-1",
        "Remember that Priya owns billing",
        "We moved the wiki to Notion.",
    ] {
        let found = kinds(said);
        assert_eq!(found, [(Namespace::Semantic, said.to_owned())]);
    }
}

#[test]
fn what_is_asked_or_passes_is_neither() {
    for said in [
        "Is our staging cluster called pelican?",
        "The API is down.",
        "the pods are crashing",
        "I would like to know which pods crash",
        "Why does checkout fail?",
        "restart the checkout deployment",
        "call me back when it is done",
        "don't worry about it",
        "We are seeing errors",
        "do you prefer tables?",
        "",
    ] {
        assert_eq!(kinds(said), [], "{said}");
    }
}

#[test]
fn what_is_pasted_or_quoted_is_not_the_users_own() {
    let pasted = "Look:\n```\nI prefer tables.\n```\n> Our cluster is called pelican.\nthanks";
    assert_eq!(kinds(pasted), []);
    assert_eq!(kinds(&format!("I prefer {}.", "very ".repeat(99))), []);
    let twice = "I prefer lists. I prefer lists. Our cluster is called pelican.";
    assert_eq!(kinds(twice).len(), 2);
    let many = "The box is in the rack v1.2. ".repeat(100);
    assert_eq!(kinds(&many).len(), 1);
}

proptest! {
    #[test]
    fn any_text_is_read(said: String) {
        for found in conclusions(&said) {
            prop_assert!(said.contains(&found.content));
        }
    }

    #[test]
    fn any_words_are_read(words in proptest::collection::vec("i|we|prefer|use|over|to|from|don't|no|longer|always|never|instead|of|remember|that|my|our|the|is|called|moved|for|call|me|\\.|\\?|tables|x-1", 0..12)) {
        let _read = conclusions(&words.join(" "));
    }
}
