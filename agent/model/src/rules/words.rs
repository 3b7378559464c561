//! A question's words.
//!
//! In: a text. Out: its words without punctuation, quoted texts as one. Never: a word that says
//! nothing taken for a name.

/// A word, or a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// In small letters.
    pub(super) low: String,
    pub(super) quoted: bool,
}

/// Words that every question has.
const EMPTY: &[&str] = &[
    "a",
    "about",
    "all",
    "am",
    "an",
    "and",
    "any",
    "are",
    "as",
    "at",
    "be",
    "been",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "for",
    "from",
    "get",
    "give",
    "had",
    "has",
    "have",
    "here",
    "how",
    "i",
    "if",
    "in",
    "into",
    "is",
    "it",
    "its",
    "just",
    "last",
    "let",
    "list",
    "look",
    "me",
    "most",
    "much",
    "many",
    "my",
    "name",
    "new",
    "no",
    "not",
    "now",
    "of",
    "on",
    "one",
    "or",
    "our",
    "out",
    "past",
    "please",
    "right",
    "same",
    "see",
    "show",
    "since",
    "so",
    "some",
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
    "this",
    "those",
    "to",
    "up",
    "us",
    "use",
    "was",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "would",
    "you",
    "your",
    "each",
    "every",
    "other",
    "another",
    "own",
    "whole",
    "first",
    "named",
    "called",
    "currently",
    "today",
    "yesterday",
    "again",
    "find",
    "check",
    "describe",
];

/// Words of operations that are rarely anybody's name.
const COMMON: &[&str] = &[
    "alarm",
    "alarms",
    "answers",
    "call",
    "calls",
    "cluster",
    "clusters",
    "config",
    "container",
    "containers",
    "count",
    "cpu",
    "deployment",
    "deployments",
    "details",
    "doing",
    "error",
    "errors",
    "event",
    "events",
    "failed",
    "failing",
    "function",
    "functions",
    "health",
    "healthy",
    "hour",
    "hours",
    "info",
    "latency",
    "limit",
    "list",
    "log",
    "logs",
    "memory",
    "metric",
    "metrics",
    "minute",
    "minutes",
    "namespace",
    "namespaces",
    "node",
    "nodes",
    "pod",
    "pods",
    "query",
    "ready",
    "region",
    "restart",
    "restarted",
    "restarts",
    "running",
    "server",
    "service",
    "services",
    "slow",
    "slowest",
    "state",
    "status",
    "target",
    "targets",
    "tool",
    "tools",
    "unhealthy",
    "usage",
    "using",
    "workspace",
    "workspaces",
    "broken",
    "down",
    "detail",
    "day",
    "days",
    "seconds",
    "busy",
    "scale",
    "replicas",
    "lines",
    "crash",
    "crashing",
    "kubernetes",
    "aws",
    "version",
];

// === impl Word ===

impl Word<'_> {
    /// Whether it can only be a name: no word of the language looks so.
    pub(super) fn is_name(&self) -> bool {
        if self.quoted {
            return true;
        }
        let text = self.text;
        let inner = text.contains(['-', '_', '/', ':']) || text.contains('.');
        let mixed = text.bytes().any(|byte| byte.is_ascii_digit())
            && text.bytes().any(|byte| byte.is_ascii_alphabetic());
        (inner || mixed) && super::times::length(text).is_none()
    }

    /// Whether it may be a name.
    pub(super) fn may_name(&self) -> bool {
        let says_nothing =
            || EMPTY.contains(&self.low.as_str()) || COMMON.contains(&self.low.as_str());
        let number = || self.text.parse::<f64>().is_ok();
        self.is_name() || (!self.text.is_empty() && !says_nothing() && !number())
    }
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = quoted(rest, first).unwrap_or_else(|| plain(rest));
        words.extend(word);
        rest = after.trim_start();
    }
    words
}

/// Words that tell one question from another, without their endings.
pub(super) fn content(text: &str) -> Vec<String> {
    let mut stems: Vec<String> = Vec::new();
    let all = words(text).into_iter().flat_map(|word| {
        let parts = word.low.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned);
        parts.collect::<Vec<_>>()
    });
    for word in all.filter(|word| word.len() > 1 && !EMPTY.contains(&word.as_str())) {
        let stem = stem(&word);
        if !stems.contains(&stem) {
            stems.push(stem);
        }
    }
    stems
}

/// Whether the text has one of these words.
pub(super) fn says(words: &[Word<'_>], any_of: &[&str]) -> bool {
    words.iter().any(|word| any_of.contains(&word.low.as_str()))
}

/// The parts of a name: `listPods`, `list_pods` and `list-pods` have two.
pub(super) fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut small = false;
    for letter in name.chars() {
        let splits = !letter.is_alphanumeric() || (small && letter.is_uppercase());
        if splits {
            parts.push(String::new());
        }
        small = letter.is_lowercase();
        if letter.is_alphanumeric()
            && let Some(last) = parts.last_mut()
        {
            last.extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A word without its ending, roughly: as good as the comparison of two short texts needs.
fn stem(word: &str) -> String {
    let endings = ["ing", "ies", "es", "ed", "s"];
    let stems = endings.iter().filter_map(|ending| word.strip_suffix(ending));
    let mut long = stems.filter(|stem| stem.len() > 2);
    long.next().unwrap_or(word).trim_end_matches('e').to_owned()
}

type Found<'a> = (Option<Word<'a>>, &'a str);

fn quoted(text: &str, first: char) -> Option<Found<'_>> {
    let close = match first {
        '"' | '`' | '\'' => first,
        '“' => '”',
        '‘' => '’',
        _ => return None,
    };
    let (_, inside) = text.split_at_checked(first.len_utf8())?;
    let (inside, after) = inside.split_once(close)?;
    // `it's` has no beginning, `'s` no end before a letter.
    let ends = !after.chars().next().is_some_and(char::is_alphanumeric);
    let fits = ends && !inside.trim().is_empty();
    fits.then(|| (Some(Word { text: inside, low: inside.to_lowercase(), quoted: true }), after))
}

fn plain(text: &str) -> Found<'_> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end).unwrap_or((text, ""));
    let word = word.trim_matches(|letter: char| ",.;:!?()[]{}<>\"'`“”".contains(letter));
    let low = || word.to_lowercase();
    ((!word.is_empty()).then(|| Word { text: word, low: low(), quoted: false }), after)
}

#[cfg(test)]
mod tests {
    //! What counts as a word, and as a name.

    use super::*;

    #[test]
    fn quoted_texts_are_one_word_and_punctuation_is_none() {
        let words = words("Why's \"a b\" slow, in `kube-system`? 'x y' (now)");
        let texts: Vec<&str> = words.iter().map(|word| word.text).collect();
        assert_eq!(texts, ["Why's", "a b", "slow", "in", "kube-system", "x y", "now"]);
        assert!(words[1].quoted && words[4].quoted && !words[2].quoted);
    }

    #[test]
    fn names_are_told_from_words() {
        let name = |text| words(text).first().is_some_and(Word::is_name);
        assert!(name("web-1") && name("kube_system") && name("v2") && name("\"prod\""));
        assert!(!name("pods") && !name("15m") && !name("200"));
        let may = |text| words(text).first().is_some_and(Word::may_name);
        assert!(may("shop") && !may("pods") && !may("the") && !may("200"));
    }

    #[test]
    fn parts_and_stems() {
        assert_eq!(parts("listPods"), ["list", "pods"]);
        assert_eq!(parts("k8s___list-pods"), ["k8s", "list", "pods"]);
        assert_eq!(content("Which clusters are deployed?"), content("the cluster deploys"));
    }
}
