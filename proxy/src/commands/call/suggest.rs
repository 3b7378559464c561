//! Which tool was probably meant.
//!
//! Enters: the name typed and the names there are. Leaves: up to three of them. Never: a guess
//! across more than a third of the letters.

/// How many are proposed.
const MOST: usize = 3;
/// Longer names are not compared: the cost is quadratic.
const LONGEST: usize = 128;

/// The names that are near, the nearest first.
pub(super) fn near<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = letters(typed);
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| distance_to(&wanted, name).map(|far| (far, name)))
        .collect();
    found.sort();
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How far, if it is near: to the whole name, or to the tool's part of it.
fn distance_to(wanted: &[char], name: &str) -> Option<usize> {
    let tool = name.split_once("___").map_or(name, |(_, tool)| tool);
    let far = distance(wanted, &letters(name)).min(distance(wanted, &letters(tool)));
    (far <= (wanted.len() / 3).max(1)).then_some(far)
}

/// Letters and digits in lower case: `clock__now` and `clock___now` are one.
fn letters(name: &str) -> Vec<char> {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).take(LONGEST).collect()
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, x) in a.iter().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
