//! The labelled set: what it promises, and what memory makes of it.
//!
//! In: the files in `eval/`. Out: nothing. Never: less than the model alone finds; a record of another.

use std::collections::HashSet;

use toolgate_search::words;

use crate::Question as Asked;
use crate::{Actor, Config, Local, Memory, MemoryError, Session, Turn};

#[path = "../../../eval/asked.rs"]
mod asked;
#[path = "../../../eval/set.rs"]
mod set;

use set::{Fact, MOST, Question};

fn said(facts: &[Fact], question: &Question, key: &str) -> HashSet<String> {
    let of = |fact: &&Fact| (fact.actor, fact.key) == (question.actor, key);
    let fact = facts.iter().find(of).unwrap_or_else(|| panic!("{question:?}"));
    words(fact.said).collect()
}

#[test]
fn the_set_is_what_it_says() {
    let (facts, questions) = (set::facts(), set::questions());
    let actors = facts.iter().map(|fact| fact.actor).collect::<HashSet<_>>();
    assert_eq!((actors.len(), facts.len()), (8, 216));
    let of = |kind: &'static str| questions.iter().filter(move |question| question.kind == kind);
    assert!(questions.len() >= 200 && of("para").count() >= 160);
    assert!(of("newer").count() >= 24 && of("time").count() >= 24 && of("other").count() >= 32);
    for question in questions.iter().filter(|question| question.kind != "other") {
        let fact = said(&facts, question, question.answer.expect("an answer"));
        let asked = words(question.asked).collect::<HashSet<_>>();
        if question.kind == "para" {
            assert!(fact.is_disjoint(&asked), "{question:?}");
        }
        if let Some(earlier) = question.superseded {
            said(&facts, question, earlier);
        }
    }
    assert!(of("other").all(|question| question.answer.is_none()));
    let (tune, _) = set::tune();
    assert!(tune.iter().all(|fact| !actors.contains(fact.actor) && !fact.answered.is_empty()));
}

/// What `examples/recall` prints.
#[tokio::test]
async fn more_is_recalled_than_by_the_model_alone_and_nothing_of_another() {
    let (facts, questions) = (set::facts(), set::questions());
    let memory = asked::told(&facts).await.expect("it is told");
    // From a score of 0.3 on, which is what the agent asks for if nobody says otherwise.
    let found = asked::asked(&memory, &questions, 0.3).await.expect("it answers");
    assert_eq!(asked::violations(&questions, &found), 0);
    // Whatever the score, where there is nothing to find.
    let mut others = questions.clone();
    others.retain(|question| question.kind == "other");
    let all = asked::asked(&memory, &others, 0.0).await.expect("it answers");
    assert!(all.iter().all(|found| found.len() == MOST), "they are one's own");
    assert_eq!(asked::violations(&others, &all), 0);
    let alone = set::by_full_precision(&facts, &questions);
    let both = asked::keys(&found);
    assert_eq!(set::recall(&questions, &both, ("newer", MOST)), 1.0);
    assert_eq!(set::recall(&questions, &both, ("time", 1)), 1.0);
    for kind in ["para", "newer", "time"] {
        let alone = set::recall(&questions, &alone, (kind, MOST));
        let both = set::recall(&questions, &both, (kind, MOST));
        assert!(both >= alone, "{kind}: {both}, by the model alone {alone}");
    }
}
