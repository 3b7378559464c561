//! Vectors of entries, made once.
//!
//! In: entries and questions. Out: vectors. Never: an entry's vector twice, while it is remembered;
//! more of them than was agreed; a question.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entry::{Digest, Entry};
use crate::model::{Model, dot, normalise};

/// What the vector of everyday words counts, where that of an entry's own counts 1.
const EVERYDAY: f32 = 0.75;

/// A vector that an index and an embedder share.
pub(crate) type Vector = Arc<[f32]>;

/// A model, and what it made of entries.
///
/// It outlives the indices that use it, so that a new index of the same entries costs nothing.
#[derive(Debug)]
pub struct Embedder {
    model: &'static Model,
    most: usize,
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    vectors: HashMap<Digest, Vector>,
    /// The oldest first.
    order: VecDeque<Digest>,
}

impl Embedder {
    /// An embedder that remembers the vectors of so many entries (about 1.6 kB each), and forgets
    /// the oldest for a new one.
    #[must_use]
    pub fn new(model: &'static Model, most: usize) -> Self {
        Self { model, most, made: Mutex::default() }
    }

    /// Makes an entry's vector, unless it is remembered: about a quarter of a millisecond for each
    /// of its words. It can be called from several threads and holds none up.
    pub fn embed(&self, entry: &Entry) {
        let digest = entry.digest();
        if self.remembered(&digest).is_none() {
            let vector = self.vector(entry);
            self.remember(digest, vector);
        }
    }

    /// How many vectors are remembered.
    #[must_use]
    pub fn remembered_entries(&self) -> usize {
        self.made().vectors.len()
    }

    pub(crate) fn remembered(&self, digest: &Digest) -> Option<Vector> {
        self.made().vectors.get(digest).map(Arc::clone)
    }

    pub(crate) fn question(&self, question: &str) -> Vec<f32> {
        self.model.embed(question)
    }

    /// The sum of what an entry says and of what people say for it: an inner product with it is the
    /// sum of two.
    fn vector(&self, entry: &Entry) -> Vector {
        let mut sum = match (entry.title.as_str(), entry.text.as_str()) {
            ("", text) => self.model.embed(text),
            (title, "") => self.model.embed(title),
            (title, text) => self.model.embed(&format!("{title}: {text}")),
        };
        let everyday = entry.everyday();
        if !everyday.is_empty() {
            let said = self.model.embed(&everyday);
            sum.iter_mut().zip(said).for_each(|(sum, said)| *sum += EVERYDAY * said);
            normalise(&mut sum);
        }
        sum.into()
    }

    fn remember(&self, digest: Digest, vector: Vector) {
        let mut made = self.made();
        if made.vectors.insert(digest, vector).is_none() {
            made.order.push_back(digest);
        }
        while made.order.len() > self.most {
            let Some(oldest) = made.order.pop_front() else { break };
            made.vectors.remove(&oldest);
        }
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How alike two vectors of length 1 are, from -1 to 1.
#[must_use]
pub fn likeness(left: &[f32], right: &[f32]) -> f32 {
    dot(left, right)
}
