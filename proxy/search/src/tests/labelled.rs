//! The labelled set: what it promises, and what search makes of it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::words::words;
use crate::{Embedder, Entry, Index, Limits, Model, Ranking};

#[path = "../../eval/set.rs"]
mod set;

use set::{Question, Tool};

fn said(tool: &Tool) -> HashSet<String> {
    let name = tool.name.replace('_', " ");
    let parameters = tool.parameters.iter().map(|parameter| parameter.replace('_', " "));
    let texts = [name, tool.description.to_owned()].into_iter().chain(parameters);
    texts.flat_map(|text| words(&text).collect::<Vec<_>>()).collect()
}

fn answers<'a>(tools: &'a [Tool], question: &'a Question) -> impl Iterator<Item = &'a Tool> {
    question.answers.iter().map(|answer| {
        tools.iter().find(|tool| tool.name == *answer).unwrap_or_else(|| panic!("{answer}"))
    })
}

#[test]
fn the_set_is_what_it_says() {
    let (tools, questions) = (set::tools(), set::questions());
    assert!(tools.len() >= 150);
    let names = tools.iter().map(|tool| tool.name).collect::<HashSet<_>>();
    assert_eq!(names.len(), tools.len());
    let count = |split, kind| {
        questions.iter().filter(|question| (question.split, question.kind) == (split, kind)).count()
    };
    assert!(count("held", "para") + count("fresh", "para") >= 100);
    assert!(count("other", "para") >= 120);
    assert!(count("held", "words") >= 40);
    for question in questions.iter().filter(|question| question.split != "own") {
        let asked = words(question.asked).collect::<HashSet<_>>();
        assert!(!question.answers.is_empty(), "{}", question.asked);
        for tool in answers(&tools, question) {
            let shared = said(tool).intersection(&asked).count();
            assert_eq!(shared > 0, question.kind == "words", "{} / {}", question.asked, tool.name);
        }
    }
}

/// What `examples/recall` prints, with room for questions that someone adds.
#[test]
fn more_is_found_than_full_precision_finds_and_nothing_is_lost_to_words() {
    let (tools, questions) = (set::tools(), set::questions());
    let embedder = Embedder::new(Model::embedded().expect("the model"), tools.len());
    let entries = tools.iter().map(Tool::entry);
    let index =
        Index::build(Some(Arc::new(embedder)), Limits::default(), entries).expect("they fit");
    let recall = |question: &Question, ranking| {
        let hits = index.search_by(question.asked, 10, ranking, |_| 0.0);
        let found = question.answers.iter();
        let found = found.filter(|answer| hits.iter().any(|hit| *hit.key == ***answer));
        found.count() as f32 / question.answers.len() as f32
    };
    let mut hard = Vec::new();
    for question in questions.iter().filter(|question| question.split != "tune") {
        let both = recall(question, Ranking::Both);
        assert!(both >= recall(question, Ranking::Words), "lost to words: {}", question.asked);
        if question.kind == "para" {
            hard.push(both);
        }
    }
    let mean = hard.iter().sum::<f32>() / hard.len() as f32;
    assert!(mean >= 0.7, "recall@10 of paraphrases is {mean}");
}
