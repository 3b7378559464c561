//! A sentence as words, without what people put in front of them.
//!
//! In: a sentence. Out: its words in lower case, and whether it is to be kept in mind. Never: its
//! punctuation.

use toolgate_search::words;

/// What is said before something and adds nothing.
const FILLERS: &[&str] = &[
    "ok",
    "okay",
    "also",
    "and",
    "but",
    "so",
    "well",
    "btw",
    "by the way",
    "hi",
    "hello",
    "hey",
    "please",
    "actually",
    "thanks",
    "thank you",
    "sorry",
    "oh",
    "no",
    "yes",
    "right",
    "then",
    "anyway",
    "just so you know",
    "for the record",
    "for your information",
    "heads up",
    "correction",
    "update",
    "as i said",
    "again",
    "listen",
    "look",
    "hmm",
    "wait",
    "small thing",
    "one more thing",
    "first",
    "second",
    "finally",
    "i think",
    "i guess",
    "to be clear",
];

/// What asks to keep something in mind.
const REMEMBER: &[&str] = &[
    "remember that",
    "remember this",
    "remember",
    "keep in mind that",
    "keep in mind",
    "note that",
    "note",
    "fyi",
    "don't forget that",
    "don't forget",
    "do not forget that",
    "do not forget",
    "bear in mind that",
    "for future reference",
    "make a note that",
    "make a note",
    "take note that",
    "you should know that",
    "you should know",
    "let it be known that",
];

/// What asks for the same from now on.
const FROM_NOW: &[&str] = &[
    "from now on",
    "going forward",
    "in future",
    "in the future",
    "from here on",
    "as of today",
    "as of now",
    "starting today",
    "starting now",
    "in general",
    "generally",
    "by default",
    "for me",
    "as a rule",
    "whenever possible",
    "when possible",
    "in all our chats",
];

/// What makes a wish of a question.
const WISH: &[&str] = &[
    "can you",
    "could you",
    "would you",
    "will you",
    "you can",
    "you should",
    "you must",
    "i want you to",
    "i need you to",
    "i'd like you to",
    "i would like you to",
    "make sure to",
    "make sure you",
    "be sure to",
    "try to",
    "feel free to",
    "you may",
    "it would be nice if you",
    "i'd prefer that you",
    "i'd prefer it if you",
    "i'd prefer if you",
];

/// A sentence.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    words: Vec<String>,
    /// To be kept in mind.
    pub(super) told: bool,
    /// For all that is to come.
    pub(super) standing: bool,
    /// A wish, in the words of one.
    pub(super) wished: bool,
    /// It asks something.
    pub(super) asks: bool,
}

// === impl Phrase ===

impl Phrase {
    /// Reads a sentence.
    pub(super) fn new(sentence: &str) -> Self {
        let words = split(sentence);
        let asks = sentence.trim_end().ends_with('?');
        let mut phrase = Self { words, told: false, standing: false, wished: false, asks };
        phrase.standing = phrase.holds(&["always"]) || phrase.holds(&["never"]);
        while phrase.begins_with_less() {}
        for words in FROM_NOW {
            phrase.standing |= phrase.drops(words);
        }
        phrase
    }

    /// The words.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }

    /// A word, or nothing.
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    /// Whether it begins so.
    pub(super) fn begins(&self, with: &str) -> Option<usize> {
        self.continues(0, with)
    }

    /// Whether it goes on so; if it does, where that ends.
    pub(super) fn continues(&self, at: usize, with: &str) -> Option<usize> {
        let mut end = at;
        for word in with.split(' ') {
            if self.word(end) != word {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// The first that it begins with.
    pub(super) fn begins_with(&self, any: &[&str]) -> Option<usize> {
        any.iter().find_map(|words| self.begins(words))
    }

    /// Whether it holds any of these words.
    pub(super) fn holds(&self, any: &[&str]) -> bool {
        self.words.iter().any(|word| any.contains(&word.as_str()))
    }

    /// Where such words are, and where they end.
    pub(super) fn find(&self, with: &str) -> Option<(usize, usize)> {
        (0..self.words.len()).find_map(|at| Some((at, self.continues(at, with)?)))
    }

    /// The stems of the words between two places.
    pub(super) fn stems(&self, from: usize, to: usize) -> Vec<String> {
        let between = self.words.get(from..to.min(self.words.len())).unwrap_or_default();
        let mut stems = words(&between.join(" ")).collect::<Vec<_>>();
        stems.dedup();
        stems
    }

    /// The words from one place up to what ends a thing that is named: its use, its reason.
    pub(super) fn named(&self, from: usize) -> Vec<String> {
        let ends = |at: &usize| {
            matches!(
                self.word(*at),
                "for"
                    | "to"
                    | "because"
                    | "since"
                    | "when"
                    | "in"
                    | "on"
                    | "as"
                    | "with"
                    | "and"
                    | "now"
                    | "but"
                    | "instead"
                    | "so"
                    | "from"
                    | "at"
                    | "by"
                    | "anymore"
            )
        };
        let end = (from..self.words.len()).find(ends).unwrap_or(self.words.len());
        self.stems(from, end)
    }

    fn begins_with_less(&mut self) -> bool {
        self.skips(REMEMBER, |phrase| phrase.told = true)
            || self.skips(FROM_NOW, |phrase| phrase.standing = true)
            || self.skips(WISH, |phrase| phrase.wished = true)
            || self.skips(FILLERS, |_| ())
    }

    fn skips(&mut self, any: &[&str], then: fn(&mut Self)) -> bool {
        let Some(end) = self.begins_with(any).filter(|end| *end < self.words.len()) else {
            return false;
        };
        self.words.drain(..end);
        then(self);
        true
    }

    fn drops(&mut self, words: &str) -> bool {
        let Some((from, to)) = self.find(words) else { return false };
        self.words.drain(from..to);
        true
    }
}

/// Words, with what stands inside them: `don't`, `eu-west-1`, `checkout_api`, `v1.2`.
fn split(sentence: &str) -> Vec<String> {
    let plain = sentence.replace('\u{2019}', "'");
    let words = plain.split(|letter: char| {
        letter.is_whitespace() || matches!(letter, ',' | ':' | '(' | ')' | '"' | '`')
    });
    let words = words.map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
