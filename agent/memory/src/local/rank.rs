//! Which records bear on a question, and how much.
//!
//! In: how near records are. Out: their order. Never: what was superseded before what supersedes
//! it; one thing twice: what was concluded from a turn stands for the turn.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use toolgate_search::Near;

use super::shelf::Card;
use super::time::DAY;
use crate::Namespace;

/// What it is worth that a record says all that a question says, where likeness goes to 1. Chosen by
/// the questions that are there for it (`eval/tune.txt`), as are the others.
const WORDS: f32 = 0.35;
/// What it is worth that it covers the whole question; half of it is worth a quarter of that.
const COVERED: f32 = 0.15;
/// What a preference is worth more than something said.
const PREFERENCE: f32 = 0.06;
/// What a fact is worth more.
const FACT: f32 = 0.04;
/// What it is worth that something was said just now. A month halves it.
const FRESH: f32 = 0.01;
/// Days of a month.
const MONTH: f32 = 30.0;
/// What it is worth that something was said when the question asks about.
const IN_TIME: f32 = 0.3;
/// What is left of a record from another time.
const OUT_OF_TIME: f32 = 0.6;
/// Scores are drawn out so that what begins to bear on a question has one of 0.3.
const DRAWN: f32 = 0.6;
/// Records that are ranked at a time, of which the best are kept.
const HEAP: usize = 1_024;

/// A record, and how relevant it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    pub(super) card: Card,
    /// What of the score is not likeness.
    pub(super) beside: f32,
    pub(super) like: f32,
    /// What the likeness counts.
    pub(super) by: f32,
}

/// When it is, and what time a question asks about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: i64,
    pub(super) span: Option<(i64, i64)>,
}

// === impl Ranked ===

impl Ranked {
    fn new((card, near): (Card, Near), times: Times) -> Self {
        let kind = match card.namespace {
            Namespace::Preferences => PREFERENCE,
            Namespace::Semantic => FACT,
            Namespace::Conversation => 0.0,
        };
        let days = (times.now - card.at).max(0) as f32 / DAY as f32;
        let fresh = FRESH / (1.0 + days / MONTH);
        let words = WORDS * near.said + COVERED * near.covered * near.covered;
        let (by, more) = match times.span {
            Some((from, to)) if card.at >= from && card.at < to => (1.0, IN_TIME),
            Some(_) => (OUT_OF_TIME, 0.0),
            None => (1.0, 0.0),
        };
        // A record that has nothing to do with the question is none the better for its kind.
        let beside = by * words + more + kind + fresh;
        Self { card, beside, like: near.like, by }
    }

    /// From 0 to 1.
    pub(super) fn score(&self) -> f32 {
        (self.by * self.like.max(0.0) + self.beside).clamp(0.0, 1.0)
    }
}

/// The best so many, in no order, with what supersedes the superseded ones among them: `look` looks
/// for one by its number.
pub(super) fn candidates(
    found: impl Iterator<Item = (Card, Near)>,
    times: Times,
    most: usize,
    look: impl Fn(i64) -> Option<(Card, Near)>,
) -> Vec<Ranked> {
    let mut best = Vec::new();
    let mut least = f32::NEG_INFINITY;
    for near in found {
        let ranked = Ranked::new(near, times);
        if ranked.score() < least {
            continue;
        }
        best.push(ranked);
        if best.len() >= most.saturating_add(HEAP) {
            least = cut(&mut best, most).unwrap_or(least);
        }
    }
    cut(&mut best, most);
    let mut known = best.iter().map(|ranked| ranked.card.id).collect::<HashSet<_>>();
    let wanted = best.iter().filter_map(|ranked| ranked.card.superseded_by);
    let wanted = wanted.filter(|by| known.insert(*by)).collect::<Vec<_>>();
    best.extend(wanted.into_iter().filter_map(look).map(|near| Ranked::new(near, times)));
    best
}

/// Keeps the best so many, and says the least score among them.
fn cut(all: &mut Vec<Ranked>, most: usize) -> Option<f32> {
    if most >= all.len() {
        return None;
    }
    if let Some(last) = most.checked_sub(1) {
        all.select_nth_unstable_by(last, by_score);
    }
    all.truncate(most);
    all.last().map(Ranked::score)
}

/// The order of what was found.
pub(super) fn ordered(mut found: Vec<Ranked>) -> Vec<(Card, f32)> {
    found.sort_unstable_by(by_score);
    let scores =
        found.iter().map(|ranked| (ranked.card.id, ranked.score())).collect::<HashMap<_, _>>();
    let concluded = found.iter().filter(|ranked| ranked.card.namespace != Namespace::Conversation);
    let mut told = HashMap::<i64, f32>::new();
    for ranked in concluded {
        let best = told.entry(ranked.card.event).or_default();
        *best = best.max(ranked.score());
    }
    let mut order = Vec::with_capacity(found.len());
    for ranked in &found {
        let said = ranked.card.namespace == Namespace::Conversation;
        let score = match ranked.card.superseded_by {
            // Only what was said is told of, and after what holds now.
            Some(_) if !said => continue,
            Some(by) => {
                scores.get(&by).map_or(ranked.score(), |newer| ranked.score().min(newer * 0.98))
            }
            None => ranked.score(),
        };
        // A conclusion that is about as good stands for what it was drawn from: if it is superseded,
        // neither is told of.
        let whole = ranked.score() * 0.8;
        let stands = told.get(&ranked.card.event).is_some_and(|best| said && *best >= whole);
        if !stands {
            order.push((ranked.card, score.powf(DRAWN)));
        }
    }
    order.sort_by(|left, right| {
        right.1.total_cmp(&left.1).then(right.0.at.cmp(&left.0.at)).then(left.0.id.cmp(&right.0.id))
    });
    order
}

fn by_score(left: &Ranked, right: &Ranked) -> Ordering {
    let order = right.score().total_cmp(&left.score());
    order.then(right.card.at.cmp(&left.card.at)).then(left.card.id.cmp(&right.card.id))
}
