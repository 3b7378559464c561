//! The order of hits, and which of them are left.
//!
//! In: scores. Out: the best, in order. Never: an order that depends on the one they came in.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::words::Share;

/// An entry that covers so much of a question says it plainly.
const PLAIN: f32 = 0.5;

/// An entry that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The entry's key.
    pub key: Arc<str>,
    /// How well it answers. It compares with other hits of the same question alone.
    pub score: f32,
}

/// A hit, and how much of the question its entry says.
pub(crate) struct Scored {
    pub(crate) hit: Hit,
    pub(crate) said: Share,
}

/// The best hits in order; those that are as good, by their keys. If `plain`, what says the question
/// plainly is not lost to what only means it: of such entries those that would be among the best by
/// words are among the best.
pub(crate) fn best(mut hits: Vec<Scored>, most: usize, plain: bool) -> Vec<Hit> {
    if most > 0 && most < hits.len() {
        let kept = if plain { keep_plain(&mut hits, most) } else { 0 };
        if let Some((_, others)) = hits.split_at_mut_checked(kept)
            && let Some(last) = (most - kept).checked_sub(1)
        {
            others.select_nth_unstable_by(last, by_score);
        }
    }
    hits.truncate(most);
    hits.sort_unstable_by(by_score);
    hits.into_iter().map(|scored| scored.hit).collect()
}

/// Brings to the front what is said plainly, at most so many. Says how many they are.
fn keep_plain(hits: &mut [Scored], most: usize) -> usize {
    let (front, _, _) = hits.select_nth_unstable_by(most, by_words);
    front.sort_unstable_by(by_words);
    front.iter().take_while(|hit| is_plain(hit)).count()
}

fn by_words(left: &Scored, right: &Scored) -> Ordering {
    let plain = is_plain(right).cmp(&is_plain(left));
    let order = plain.then_with(|| right.said.score.total_cmp(&left.said.score));
    order.then_with(|| by_score(left, right))
}

fn is_plain(hit: &Scored) -> bool {
    hit.said.covered >= PLAIN
}

fn by_score(left: &Scored, right: &Scored) -> Ordering {
    let order = right.hit.score.total_cmp(&left.hit.score);
    order.then_with(|| left.hit.key.cmp(&right.hit.key))
}
