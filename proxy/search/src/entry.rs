//! What is found.
//!
//! In: a tool's definition, or a note. Out: its texts, cut to a limit; the hash of all that search
//! sees of it. Never: a schema; the names of parameters are terms.

use aws_lc_rs::digest::{Context, SHA256};

use crate::everyday::everyday;
use crate::words::spoken;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// Something that can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What a hit names. Not searched.
    pub key: String,
    /// A few words that stand for the whole.
    pub title: String,
    /// What it is and does, or what was said.
    pub text: String,
    /// Words that belong to it and are no sentence.
    pub terms: Vec<String>,
    /// Whether it is written in technical words, to which everyday ones are to be added.
    pub technical: bool,
}

impl Entry {
    /// A tool, by its name, its description and the names of its parameters.
    #[must_use]
    pub fn tool<'a>(
        name: &str,
        description: &str,
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            key: name.to_owned(),
            title: spoken(name),
            text: description.to_owned(),
            terms: parameters.into_iter().map(spoken).collect(),
            technical: true,
        }
    }

    /// A note, with a key that says nothing.
    #[must_use]
    pub fn note(key: &str, text: &str) -> Self {
        Self { key: key.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    /// The entry with at most so many bytes in all, the title's first.
    pub(crate) fn cut(mut self, most: usize) -> Self {
        let mut left = most;
        for text in [&mut self.title, &mut self.text].into_iter().chain(&mut self.terms) {
            text.truncate(text.floor_char_boundary(left));
            left = left.saturating_sub(text.len());
        }
        self.terms.retain(|term| !term.is_empty());
        self
    }

    /// Everyday words for its technical ones.
    pub(crate) fn everyday(&self) -> String {
        let texts = [self.title.as_str(), self.text.as_str()];
        if self.technical { everyday(texts) } else { String::new() }
    }

    /// The hash of what search sees: not of the key.
    pub(crate) fn digest(&self) -> Digest {
        let mut context = Context::new(&SHA256);
        context.update(&[u8::from(self.technical)]);
        for text in [&self.title, &self.text].into_iter().chain(&self.terms) {
            context.update(&text.len().to_le_bytes());
            context.update(text.as_bytes());
        }
        let mut digest = Digest::default();
        digest.iter_mut().zip(context.finish().as_ref()).for_each(|(to, byte)| *to = *byte);
        digest
    }
}
