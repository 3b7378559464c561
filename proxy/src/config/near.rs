//! Which known word a misspelt one was probably meant to be.
//!
//! In: the word written and the words allowed. Out: the nearest, when it is near
//! enough to be worth proposing. It never guesses across more than a third of
//! the letters.

/// Longer words are not compared: the cost is quadratic.
const LONGEST: usize = 64;

/// The nearest candidate, or `None` when none is close.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = plain(word);
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let reach = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(far, _)| *far <= reach)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Letters that matter: `maxResponse`, `max-response` and `max_response` are one word.
fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Optimal string alignment distance: insert, delete, replace, swap neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, &x) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(b.len() + 1);
        current.push(row + 1);
        for (column, &y) in b.iter().enumerate() {
            let left = current.last().copied().unwrap_or(usize::MAX);
            let replace = at(&above, column) + usize::from(x != y);
            let mut best = replace.min(left + 1).min(at(&above, column + 1) + 1);
            let swapped = row > 0
                && column > 0
                && a.get(row - 1) == Some(&y)
                && b.get(column - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    at(&above, b.len())
}

fn at(row: &[usize], column: usize) -> usize {
    // Every row holds b.len() + 1 numbers; an absent one can only lose the minimum.
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}
