//! The order of hits, and which of them are left.
//!
//! In: scores. Out: the best, in order. Never: an order that depends on the one they came in.

use std::cmp::Ordering;
use std::sync::Arc;

/// An entry that says so much of a question says it plainly: it is not lost to one that only means it.
const PLAIN: f32 = 0.25;

/// One of so many hits, at least, is kept for what is said plainly.
pub(crate) const KEPT: usize = 3;

/// An entry that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The entry's key.
    pub key: Arc<str>,
    /// How well it answers. It compares with other hits of the same question alone.
    pub score: f32,
}

/// A hit, and the share of the question that its entry says.
pub(crate) struct Scored {
    pub(crate) hit: Hit,
    pub(crate) said: f32,
}

/// The best hits in order; those that are as good, by their keys. The `kept` that say most of the
/// question are among them, if they say it plainly.
pub(crate) fn best(mut hits: Vec<Scored>, most: usize, kept: usize) -> Vec<Hit> {
    let by_said = |hit: &Scored| if hit.said >= PLAIN { hit.said } else { 0.0 };
    if most < hits.len() && kept > 0 {
        let order = |left: &Scored, right: &Scored| {
            by_said(right).total_cmp(&by_said(left)).then_with(|| by_score(left, right))
        };
        let (front, _, _) = hits.select_nth_unstable_by(kept, order);
        front.sort_unstable_by(order);
        let plain = front.iter().take_while(|hit| hit.said >= PLAIN).count();
        let (_, others) = hits.split_at_mut(plain);
        if let Some(last) = (most - plain).checked_sub(1) {
            others.select_nth_unstable_by(last, by_score);
        }
    } else if most > 0 && most < hits.len() {
        hits.select_nth_unstable_by(most - 1, by_score);
    }
    hits.truncate(most);
    hits.sort_unstable_by(by_score);
    hits.into_iter().map(|scored| scored.hit).collect()
}

fn by_score(left: &Scored, right: &Scored) -> Ordering {
    let order = right.hit.score.total_cmp(&left.hit.score);
    order.then_with(|| left.hit.key.cmp(&right.hit.key))
}
