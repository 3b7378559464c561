//! The entries that can be found, and the order in which they answer a question.
//!
//! In: entries, questions. Out: hits, the best first. Never: more entries or text than was agreed;
//! a model's work inside [`Index::insert`]; an order that depends on when an entry came.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use crate::embedder::{Embedder, Vector, likeness};
use crate::entry::{Digest, Entry};
use crate::rank::{Hit, Scored, best};
use crate::words::Postings;

/// What a word of a title counts, where one of a text counts 1.
const TITLE: f32 = 2.0;

/// What a term counts.
const TERM: f32 = 0.5;

/// What it is worth that an entry says all that a question says, where the likeness of meaning goes
/// to 1. Chosen by the questions that are there for it (`eval/questions.txt`), as are the others.
const WORDS: f32 = 0.6;

/// What it is worth that an entry covers the whole question, however many words it takes; half of it
/// is worth a quarter of that.
const COVERED: f32 = 0.2;

/// What it is worth that all of a question is said by everyday words for an entry's technical ones.
const EVERYDAY: f32 = 0.3;

/// What can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of an entry's texts together. What is beyond is not searched.
    pub bytes: usize,
    /// Most bytes of a question. What is beyond is not looked at.
    pub question: usize,
}

/// The index holds as many entries as was agreed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the search index holds {0} entries and takes no more")]
pub struct Full(pub usize);

/// What an order goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranking {
    /// Words alone.
    Words,
    /// Meaning alone.
    Meaning,
    /// Both.
    #[default]
    Both,
}

/// Entries that can be found.
#[derive(Clone, Debug)]
pub struct Index {
    limits: Limits,
    embedder: Option<Arc<Embedder>>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_key: HashMap<Arc<str>, usize>,
    postings: Postings,
    everyday: Postings,
}

#[derive(Clone, Debug)]
struct Slot {
    key: Arc<str>,
    digest: Digest,
    kept: Kept,
}

/// What is left of an entry.
#[derive(Clone, Debug)]
enum Kept {
    /// All of it, as it has no vector yet.
    Waiting(Arc<Entry>),
    Vector(Vector),
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 8 * 1024, question: 2 * 1024 }
    }
}

impl Index {
    /// An index without entries. Without an embedder it ranks by words alone.
    #[must_use]
    pub fn new(embedder: Option<Arc<Embedder>>, limits: Limits) -> Self {
        Self {
            limits,
            embedder,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            postings: Postings::default(),
            everyday: Postings::default(),
        }
    }

    /// An index of these entries, with their vectors.
    ///
    /// # Errors
    /// They are more than the limit.
    pub fn build(
        embedder: Option<Arc<Embedder>>,
        limits: Limits,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<Self, Full> {
        let mut index = Self::new(embedder, limits);
        entries.into_iter().try_for_each(|entry| index.insert(entry))?;
        index.embed();
        Ok(index)
    }

    /// Takes an entry, in the place of the one with the same key. It is found by its words at once,
    /// and by its meaning if the embedder remembers one like it; else it waits for its vector.
    ///
    /// # Errors
    /// There is no place for another key.
    pub fn insert(&mut self, entry: Entry) -> Result<(), Full> {
        let entry = entry.cut(self.limits.bytes);
        let digest = entry.digest();
        if self.holds(&entry.key, &digest) {
            return Ok(());
        }
        self.remove(&entry.key);
        if self.by_key.len() >= self.limits.entries {
            return Err(Full(self.limits.entries));
        }
        let at = self.free.pop().unwrap_or(self.slots.len());
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        let texts = [(entry.title.as_str(), TITLE), (entry.text.as_str(), 1.0)];
        let terms = entry.terms.iter().map(|term| (term.as_str(), TERM));
        self.postings.add(at, texts.into_iter().chain(terms));
        self.everyday.add(at, [(entry.everyday().as_str(), 1.0)]);
        let key = Arc::<str>::from(entry.key.as_str());
        let vector = self.embedder.as_ref().and_then(|embedder| embedder.remembered(&digest));
        let kept = vector.map_or_else(|| Kept::Waiting(Arc::new(entry)), Kept::Vector);
        self.by_key.insert(Arc::clone(&key), at);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(Slot { key, digest, kept });
        }
        Ok(())
    }

    /// Forgets an entry. Says whether there was one. Looks through all words that there are: to change
    /// most of an index, build another.
    pub fn remove(&mut self, key: &str) -> bool {
        let Some(at) = self.by_key.remove(key) else { return false };
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = None;
        }
        self.postings.remove(at);
        self.everyday.remove(at);
        self.free.push(at);
        true
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The entries that have no vector yet. None if there is no embedder.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let slots = self.slots.iter().flatten().filter(|_| self.embedder.is_some());
        slots.filter_map(|slot| match &slot.kept {
            Kept::Waiting(entry) => Some(entry),
            Kept::Vector(_) => None,
        })
    }

    /// Takes up the vectors that the embedder has made meanwhile. Costs no model's work.
    pub fn settle(&mut self) {
        let Some(embedder) = &self.embedder else { return };
        for slot in self.slots.iter_mut().flatten() {
            if matches!(slot.kept, Kept::Waiting(_))
                && let Some(vector) = embedder.remembered(&slot.digest)
            {
                slot.kept = Kept::Vector(vector);
            }
        }
    }

    /// Makes all vectors that are missing, here and now.
    pub fn embed(&mut self) {
        let Some(embedder) = self.embedder.clone() else { return };
        let waiting = self.waiting().map(Arc::clone).collect::<Vec<_>>();
        for entry in waiting {
            embedder.embed(&entry);
            // One by one: the embedder may remember fewer than there are.
            self.settle_one(&entry.key, &embedder);
        }
    }

    /// The entries that answer a question best, at most `most`, the best first.
    #[must_use]
    pub fn search(&self, question: &str, most: usize) -> Vec<Hit> {
        self.search_by(question, most, Ranking::Both, |_| 0.0)
    }

    /// The same, by an order of choice, and with what else speaks for an entry: `prior` is added to
    /// its score. What is worth a tenth decides among those that answer about as well.
    #[must_use]
    pub fn search_by(
        &self,
        question: &str,
        most: usize,
        ranking: Ranking,
        prior: impl Fn(&str) -> f32,
    ) -> Vec<Hit> {
        self.search_where(question, most, ranking, |key| Some(prior(key)))
    }

    /// The same among some of the entries: those for which `prior` is `None` are not looked at, and the
    /// hits and their order are those of an index that has none of them.
    #[must_use]
    pub fn search_where(
        &self,
        question: &str,
        most: usize,
        ranking: Ranking,
        prior: impl Fn(&str) -> Option<f32>,
    ) -> Vec<Hit> {
        let (question, _) = question.split_at(question.floor_char_boundary(self.limits.question));
        let embedder = self.embedder.as_ref().filter(|_| ranking != Ranking::Words);
        let asked = embedder.map(|embedder| embedder.question(question));
        let mut hits = Vec::with_capacity(self.len());
        let priors = self.slots.iter().map(|slot| prior(&slot.as_ref()?.key)).collect::<Vec<_>>();
        let seen = priors.iter().map(Option::is_some).collect::<Vec<_>>();
        let said = self.postings.shares(question, &seen);
        let everyday = self.everyday.shares(question, &seen);
        let slots = self.slots.iter().zip(priors);
        for ((slot, prior), (said, everyday)) in slots.zip(said.into_iter().zip(everyday)) {
            let Some((slot, prior)) = slot.as_ref().zip(prior) else { continue };
            let like = slot.likeness(asked.as_deref());
            let covered = COVERED * said.covered * said.covered;
            let by_words = WORDS * said.score + covered + EVERYDAY * everyday.score;
            let (score, found) = match ranking {
                Ranking::Words => (said.score, said.covered > 0.0),
                Ranking::Meaning => (like.unwrap_or_default(), like.is_some()),
                Ranking::Both => {
                    (like.unwrap_or_default() + by_words, like.is_some() || by_words > 0.0)
                }
            };
            if found {
                let score = score + prior;
                hits.push(Scored { hit: Hit { key: Arc::clone(&slot.key), score }, said });
            }
        }
        best(hits, most, ranking == Ranking::Both)
    }

    fn holds(&self, key: &str, digest: &Digest) -> bool {
        let slot = self.by_key.get(key).and_then(|at| self.slots.get(*at)?.as_ref());
        slot.is_some_and(|slot| slot.digest == *digest)
    }

    fn settle_one(&mut self, key: &str, embedder: &Embedder) {
        let at = self.by_key.get(key).copied();
        let slot = at.and_then(|at| self.slots.get_mut(at)?.as_mut());
        if let Some(slot) = slot
            && let Some(vector) = embedder.remembered(&slot.digest)
        {
            slot.kept = Kept::Vector(vector);
        }
    }
}

impl Slot {
    fn likeness(&self, asked: Option<&[f32]>) -> Option<f32> {
        match (&self.kept, asked) {
            (Kept::Vector(vector), Some(asked)) => Some(likeness(vector, asked)),
            (Kept::Waiting(_), _) | (_, None) => None,
        }
    }
}
