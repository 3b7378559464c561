//! What people say who do not say the technical word.
//!
//! In: the words of a tool. Out: everyday words for them, from a list that is part of the binary.
//! Never: words for a word that the list does not name.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use crate::words::{stem, words};

/// A technical word in each line, sorted; behind the colon what is said for it.
pub(crate) const LIST: &str = include_str!("everyday.txt");

/// Most words or phrases for one entry: more of them say everything, and so nothing.
const MOST: usize = 16;

/// What is said for the words of these texts, the first words' first, each once.
pub(crate) fn everyday<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    static READ: OnceLock<HashMap<String, Vec<&'static str>>> = OnceLock::new();
    let list = READ.get_or_init(read);
    let named = texts.into_iter().flat_map(words);
    let phrases = named.filter_map(|word| list.get(&word)).flatten().copied();
    let mut said = HashSet::new();
    let phrases = phrases.filter(|phrase| said.insert(*phrase)).take(MOST);
    phrases.collect::<Vec<_>>().join(", ")
}

/// Technical words of one stem share what is said for them.
fn read() -> HashMap<String, Vec<&'static str>> {
    let mut list = HashMap::<_, Vec<_>>::new();
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    for (word, phrases) in lines.filter_map(|line| line.split_once(':')) {
        let said = list.entry(stem(word.to_owned())).or_default();
        said.extend(phrases.split(',').map(str::trim));
    }
    list
}
