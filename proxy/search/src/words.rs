//! The words of a text, and how well they fit those of a question (BM25: Robertson and Zaragoza,
//! "The Probabilistic Relevance Framework", 2009).
//!
//! In: texts. Out: their words without endings; scores. Never: a word that says nothing.

use std::collections::HashMap;

/// How soon a word that is said again stops to count.
const K1: f32 = 1.2;

/// How much a long entry is held against it.
const B: f32 = 0.75;

/// Words that say nothing about what is wanted, sorted.
const EMPTY: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "all",
    "already",
    "also",
    "an",
    "and",
    "any",
    "anybody",
    "anyone",
    "are",
    "as",
    "at",
    "back",
    "be",
    "been",
    "before",
    "between",
    "but",
    "by",
    "can",
    "cannot",
    "could",
    "did",
    "do",
    "does",
    "down",
    "else",
    "everybody",
    "everyone",
    "few",
    "for",
    "from",
    "further",
    "get",
    "give",
    "go",
    "got",
    "had",
    "has",
    "have",
    "he",
    "her",
    "here",
    "him",
    "his",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "itself",
    "just",
    "last",
    "let",
    "make",
    "may",
    "me",
    "might",
    "more",
    "most",
    "must",
    "my",
    "new",
    "no",
    "not",
    "now",
    "of",
    "off",
    "on",
    "once",
    "one",
    "only",
    "or",
    "our",
    "out",
    "over",
    "own",
    "please",
    "put",
    "same",
    "see",
    "she",
    "should",
    "show",
    "so",
    "some",
    "somebody",
    "someone",
    "something",
    "still",
    "such",
    "take",
    "tell",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "things",
    "this",
    "those",
    "to",
    "too",
    "under",
    "until",
    "up",
    "us",
    "use",
    "very",
    "want",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "why",
    "will",
    "with",
    "without",
    "would",
    "you",
    "your",
];

/// Endings of words that say the same, the longest first. What is left of `ies` and `ied` ends in `y`.
const ENDINGS: &[&str] = &["ings", "ing", "ies", "ied", "ed", "es", "ly", "s", "e"];

/// Letters that have to be left of a word.
const STEM: usize = 3;

/// How much of a question an entry says, rare words counting more: each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Share {
    /// By how often and in how few words it says it: BM25, as a share of what could be had.
    pub(crate) score: f32,
    /// Whether it says it at all.
    pub(crate) covered: f32,
}

/// Which entries say which word, and how often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postings {
    of: HashMap<String, Vec<(usize, f32)>>,
    /// The lengths of entries, by slot.
    lengths: Vec<f32>,
}

impl Postings {
    /// Counts the words of an entry, each text of it with a weight.
    pub(crate) fn add<'a>(&mut self, slot: usize, texts: impl IntoIterator<Item = (&'a str, f32)>) {
        let mut counts = HashMap::<String, f32>::new();
        for (text, weight) in texts {
            words(text).for_each(|word| *counts.entry(word).or_default() += weight);
        }
        if self.lengths.len() <= slot {
            self.lengths.resize(slot + 1, 0.0);
        }
        if let Some(length) = self.lengths.get_mut(slot) {
            *length = counts.values().sum();
        }
        for (word, count) in counts {
            self.of.entry(word).or_default().push((slot, count));
        }
    }

    /// Forgets an entry.
    pub(crate) fn remove(&mut self, slot: usize) {
        self.of.retain(|_, at| {
            at.retain(|(other, _)| *other != slot);
            !at.is_empty()
        });
        if let Some(length) = self.lengths.get_mut(slot) {
            *length = 0.0;
        }
    }

    /// For each slot, how much of a question its entry says. What is not `seen` counts for nothing:
    /// how rare a word is, and how long an entry, is told by the others alone.
    pub(crate) fn shares(&self, question: &str, seen: &[bool]) -> Vec<Share> {
        let is_seen = |slot: usize| seen.get(slot).copied().unwrap_or_default();
        let mut shares = vec![Share::default(); self.lengths.len()];
        let lengths = self.lengths.iter().enumerate().filter(|(slot, _)| is_seen(*slot));
        let entries = seen.iter().filter(|seen| **seen).count();
        let mean = lengths.map(|(_, length)| length).sum::<f32>() / entries.max(1) as f32;
        let mut asked = words(question).collect::<Vec<_>>();
        asked.sort_unstable();
        asked.dedup();
        let mut ideal = 0.0;
        for word in &asked {
            let all = self.of.get(word).map(Vec::as_slice).unwrap_or_default();
            let at = || all.iter().filter(|(slot, _)| is_seen(*slot));
            let weight = rarity(entries, at().count());
            ideal += weight;
            for (slot, count) in at() {
                let length = self.lengths.get(*slot).copied().unwrap_or_default();
                let dampened = count / (count + K1 * (1.0 - B + B * length / mean));
                if let Some(share) = shares.get_mut(*slot) {
                    share.score += weight * dampened;
                    share.covered += weight;
                }
            }
        }
        if ideal > 0.0 {
            for share in &mut shares {
                share.score /= ideal;
                share.covered /= ideal;
            }
        }
        shares
    }
}

/// The words of a text that say something, without their endings.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    telling(text).map(stem)
}

/// The words of a text that say something, as they stand, in lower case.
pub fn telling(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.filter(|word| !is_empty(word))
}

/// An identifier as one would say it: `k8s___getPodLogs` is `k8s get pod logs`.
pub(crate) fn spoken(name: &str) -> String {
    let mut said = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for letter in name.chars() {
        let joins = matches!(letter, '_' | '-' | '.' | '/' | ':');
        let rises = letter.is_uppercase() && before.is_lowercase();
        if (joins || rises) && !said.ends_with(' ') && !said.is_empty() {
            said.push(' ');
        }
        if rises {
            said.extend(letter.to_lowercase());
        } else if !joins {
            said.push(letter);
        }
        before = letter;
    }
    said.truncate(said.trim_end().len());
    said
}

/// What a word is worth that so many of all entries say.
fn rarity(entries: usize, saying: usize) -> f32 {
    let (entries, saying) = (entries as f32, saying as f32);
    (1.0 + (entries - saying + 0.5) / (saying + 0.5)).ln()
}

fn is_empty(word: &str) -> bool {
    EMPTY.binary_search(&word).is_ok()
}

/// A word without its ending, such that what is left still has three letters.
pub(crate) fn stem(mut word: String) -> String {
    let stem = |ending: &str| {
        let stem = word.strip_suffix(ending)?;
        stem.chars().nth(STEM - 1).map(|_| (stem.len(), ending.starts_with("ie")))
    };
    if let Some((length, ends_in_y)) = ENDINGS.iter().find_map(|ending| stem(ending)) {
        word.truncate(length);
        if ends_in_y {
            word.push('y');
        }
    }
    word
}
