//! Which tools a question wants.
//!
//! In: a question, the tools. Out: at most two calls with their arguments, or what is missing for one.
//! Never: a tool that only happens to be the least bad.

use serde_json::{Map, Value};
use toolgate_search::Index;

use super::fill::{self, Filled};
use super::risky;
use super::talk::Talk;
use super::words::words;
use crate::Tool;

/// Hits that are looked at.
const HITS: usize = 6;
/// What a hit has to score for a question to be about it at all.
const LEAST: f32 = 0.24;
/// The share of the best score that the second call needs.
const SECOND: f32 = 0.86;
/// The share that is enough where a better tool lacks an argument.
const INSTEAD: f32 = 0.6;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Choice {
    /// These are to be called.
    Call(Vec<(String, Map<String, Value>)>),
    /// A tool fits, and the question does not say everything it needs.
    Lacks { tool: String, parameter: String },
    /// No tool fits.
    Nothing,
}

/// Chooses.
pub(super) fn choose(talk: &Talk<'_>, tools: &[Tool], index: &Index) -> Choice {
    let asked = words(talk.question);
    let mut calls = Vec::new();
    let (mut lacks, mut least) = (None, LEAST);
    for hit in index.search(talk.question, HITS) {
        if hit.score < least || calls.len() == 2 {
            break;
        }
        let Some(tool) = tools.iter().find(|tool| tool.name == *hit.key) else { continue };
        if !risky::may_choose(&tool.name, &asked) {
            continue;
        }
        match fill::fill(tool, talk.question, &asked) {
            Filled::All(arguments) => {
                least = least.max(hit.score * SECOND);
                calls.push((tool.name.clone(), arguments));
            }
            Filled::Lacks(parameter) if calls.is_empty() => {
                least = least.max(hit.score * INSTEAD);
                lacks = lacks.or_else(|| Some((tool.name.clone(), parameter)));
            }
            Filled::Lacks(_) => {}
        }
    }
    match (calls.is_empty(), lacks) {
        (false, _) => Choice::Call(calls),
        (true, Some((tool, parameter))) => Choice::Lacks { tool, parameter },
        (true, None) => Choice::Nothing,
    }
}
