//! Texts as tokens: BERT's uncased WordPiece.
//!
//! In: a text. Out: the ids of its tokens, between those that open and close every text. Never: a
//! token of a script that the vocabulary was pruned of; such a word is the unknown one.
//!
//! A token's id is its rank in the sorted vocabulary, so that a token is found without a table.

use std::str;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::read::{Flaw, Reader};

/// A word with more characters than this is unknown (so it is in the reference).
const MOST_LETTERS: usize = 100;

/// What goes before a piece that does not begin a word.
const INSIDE: &str = "##";

/// The tokens, sorted.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    tokens: &'static str,
    ends: Vec<usize>,
    opens: usize,
    closes: usize,
    unknown: usize,
}

impl Vocabulary {
    pub(crate) fn read(reader: &mut Reader, count: usize) -> Result<Self, Flaw> {
        let ends = reader.whole(count)?;
        let length = ends.last().copied().unwrap_or_default();
        let tokens = str::from_utf8(reader.bytes(length)?).map_err(|_| Flaw::Vocabulary)?;
        let mut read = Self { tokens, ends, opens: 0, closes: 0, unknown: 0 };
        let sorted = (1..count).all(|id| read.token(id - 1) < read.token(id));
        if !sorted {
            return Err(Flaw::Vocabulary);
        }
        let [opens, closes, unknown] = ["[CLS]", "[SEP]", "[UNK]"].map(|token| read.id("", token));
        read.opens = opens.ok_or(Flaw::Vocabulary)?;
        read.closes = closes.ok_or(Flaw::Vocabulary)?;
        read.unknown = unknown.ok_or(Flaw::Vocabulary)?;
        Ok(read)
    }

    /// The ids of a text's tokens, at most so many.
    pub(crate) fn cut(&self, text: &str, most: usize) -> Vec<usize> {
        let mut ids = vec![self.opens];
        let mut word = String::new();
        for letter in text.nfd().flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)) {
            if ids.len() >= most {
                break;
            }
            match Kind::of(letter) {
                Kind::Letter => word.push(letter),
                Kind::Nothing => {}
                Kind::Space => self.take(&mut word, &mut ids),
                Kind::Alone => {
                    self.take(&mut word, &mut ids);
                    word.push(letter);
                    self.take(&mut word, &mut ids);
                }
            }
        }
        self.take(&mut word, &mut ids);
        ids.truncate(most.saturating_sub(1));
        ids.push(self.closes);
        ids
    }

    /// The token with this id; nothing if there is none.
    pub(crate) fn token(&self, id: usize) -> &'static str {
        let begin = id.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = begin.zip(self.ends.get(id).copied());
        range.and_then(|(begin, end)| self.tokens.get(begin..end)).unwrap_or_default()
    }

    /// Cuts a word into the longest pieces that there are, from its front; and empties it.
    fn take(&self, word: &mut String, ids: &mut Vec<usize>) {
        let began = ids.len();
        let mut rest = word.as_str();
        let mut known = rest.chars().nth(MOST_LETTERS).is_none();
        while known && !rest.is_empty() {
            let before = if ids.len() == began { "" } else { INSIDE };
            match self.longest(before, rest) {
                Some((id, behind)) => {
                    ids.push(id);
                    rest = behind;
                }
                None => known = false,
            }
        }
        if !known {
            ids.truncate(began);
            ids.push(self.unknown);
        }
        word.clear();
    }

    /// The longest piece that a word begins with, and what is behind it.
    fn longest<'a>(&self, before: &str, word: &'a str) -> Option<(usize, &'a str)> {
        let ends = word.char_indices().rev().map(|(at, letter)| at + letter.len_utf8());
        ends.filter_map(|end| word.split_at_checked(end))
            .find_map(|(piece, behind)| Some((self.id(before, piece)?, behind)))
    }

    fn id(&self, before: &str, piece: &str) -> Option<usize> {
        let wanted = || before.bytes().chain(piece.bytes());
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.token(middle).bytes().cmp(wanted()) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// What a character does to the word that it stands in.
enum Kind {
    Letter,
    /// Ends a word.
    Space,
    /// Ends a word and is one.
    Alone,
    /// Is not there.
    Nothing,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            '\0' | '\u{FFFD}' => Self::Nothing,
            _ if letter.is_whitespace() => Self::Space,
            _ if letter.is_control() || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{FEFF}') => {
                Self::Nothing
            }
            _ if letter.is_ascii_punctuation()
                || is_punctuation(letter)
                || is_ideograph(letter) =>
            {
                Self::Alone
            }
            _ => Self::Letter,
        }
    }
}

/// Punctuation beyond ASCII, as far as the vocabulary goes (Unicode's categories P*).
fn is_punctuation(letter: char) -> bool {
    matches!(
        letter,
        '\u{A1}' | '\u{A7}' | '\u{AB}' | '\u{B6}' | '\u{B7}' | '\u{BB}' | '\u{BF}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}'
            | '\u{2053}'..='\u{205E}' | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
    )
}

/// A character that is a word of its own in the languages that do not write spaces.
fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}')
}
