//! What a user's own words say about what they want and what is so.
//!
//! In: what was said. Out: preferences and facts, each in the words it was said in, with what it is
//! about. Never: an answer's words, or a tool's; what was pasted; a guess: what fits no rule is only
//! remembered as said.

mod fact;
mod phrase;
mod preference;
mod topic;

use crate::Namespace;
pub(super) use fact::supersedes;
use phrase::Phrase;

/// Sentences that are looked at.
const SENTENCES: usize = 40;
/// Most bytes of a sentence: what is longer was pasted.
const LONGEST: usize = 300;

/// Something that was concluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conclusion {
    pub(super) namespace: Namespace,
    /// The sentence.
    pub(super) content: String,
    /// What it is about: of two about the same the later one holds.
    pub(super) subject: Option<String>,
    /// The words, without endings, of what it takes the place of.
    pub(super) replaces: Vec<String>,
}

/// What one sentence says.
struct Found {
    namespace: Namespace,
    subject: Option<String>,
    replaces: Vec<String>,
}

/// What was said, as preferences and facts.
pub(super) fn conclusions(said: &str) -> Vec<Conclusion> {
    let mut found: Vec<Conclusion> = Vec::new();
    for sentence in sentences(said).take(SENTENCES) {
        let Some(concluded) = conclude(sentence) else { continue };
        // Said twice in one breath is said once.
        if !found.iter().any(|earlier| earlier.content == concluded.content) {
            found.push(concluded);
        }
    }
    found
}

fn conclude(sentence: &str) -> Option<Conclusion> {
    let phrase = Phrase::new(sentence);
    let found = preference::read(&phrase).or_else(|| fact::read(&phrase))?;
    let Found { namespace, subject, replaces } = found;
    Some(Conclusion { namespace, content: sentence.to_owned(), subject, replaces })
}

/// The sentences of a text that are the user's own: not fenced, not quoted, not endless.
fn sentences(said: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    let lines = said.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence && !line.trim_start().starts_with('>')
    });
    let parts = lines.flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            let (sentence, after) = cut(rest)?;
            rest = after;
            Some(sentence)
        })
    });
    parts.map(str::trim).filter(|part| !part.is_empty() && part.len() <= LONGEST)
}

/// A sentence, with its end, and what comes after it. A dot inside a word ends nothing.
fn cut(text: &str) -> Option<(&str, &str)> {
    if text.trim().is_empty() {
        return None;
    }
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let ends = matches!(letter, '.' | '!' | '?' | ';');
        let last = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        if ends && last {
            return text.split_at_checked(at + letter.len_utf8());
        }
    }
    Some((text, ""))
}
