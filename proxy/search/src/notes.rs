//! Texts of one owner, looked through whole: no order, no limit, no text kept.
//!
//! In: texts with their vectors; questions. Out: for each text, how near it is to a question. Never:
//! a text; a place that changes its meaning; a guess instead of a look (every vector is compared).
//!
//! A vector is kept in 8 bits with a scale: 384 bytes, of which a hundred thousand go through the
//! processor in a few milliseconds. What the rounding costs is the caller's to make up, who can
//! compare the best few again.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

use crate::model::{States, wide};
use crate::words::Postings;

/// Largest number of a vector in 8 bits.
const MOST: f32 = 127.0;

/// What a text costs beside its vector, about: its words, and where it stands.
const BESIDE: usize = 160;

/// Texts that can be looked through, each by the place it was given.
#[derive(Debug, Default)]
pub struct Notes {
    width: usize,
    numbers: Vec<i8>,
    scales: Vec<f32>,
    postings: Postings,
}

/// How near a text is to a question.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Near {
    /// How alike the vectors are, from -1 to 1.
    pub like: f32,
    /// How well its words fit, as a share of what could be had: BM25, from 0 to 1.
    pub said: f32,
    /// How much of the question it says, rare words counting more, from 0 to 1.
    pub covered: f32,
}

// === impl Notes ===

impl Notes {
    /// None yet; vectors have so many numbers, a multiple of 32.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Takes a text, and says its place: they are counted from 0.
    #[expect(clippy::cast_possible_truncation, reason = "at most `MOST`, and it saturates")]
    pub fn push(&mut self, text: &str, vector: &[f32]) -> usize {
        let place = self.scales.len();
        let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        let by = if largest > 0.0 { MOST / largest } else { 0.0 };
        let whole = vector.iter().map(|x| (x * by + 0.5_f32.copysign(*x)) as i8);
        self.numbers.extend(whole.chain(std::iter::repeat(0)).take(self.width));
        self.scales.push(largest / MOST);
        self.postings.add(place, [(text, 1.0)]);
        place
    }

    /// How many numbers a vector has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// How many places were given.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// About how much memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.numbers.len() + self.scales.len() * (size_of::<f32>() + BESIDE)
    }

    /// How near each text is to a question, by place. Those that are not `seen` count for nothing:
    /// the rest is as near as if they were not there.
    #[must_use]
    pub fn look(&self, question: &str, asked: &[f32], seen: &[bool]) -> Vec<Near> {
        let mut likes = vec![0.0; self.scales.len()];
        if asked.len() == self.width && self.width.is_multiple_of(wide::PIECE) && self.width > 0 {
            let states = States::of(asked, self.width);
            let level = Level::new();
            dispatch!(level, simd => self.compare(simd, &states, &mut likes));
        }
        let shares = self.postings.shares(question, seen);
        let all = shares.into_iter().zip(likes).zip(seen);
        all.map(|((share, like), seen)| match seen {
            true => Near { like, said: share.score, covered: share.covered },
            false => Near::default(),
        })
        .collect()
    }

    #[inline(always)]
    fn compare<S: Simd>(&self, simd: S, asked: &States, likes: &mut [f32]) {
        let (numbers, scale) = asked.one();
        let rows = self.numbers.chunks_exact(self.width).zip(&self.scales);
        for ((row, by), like) in rows.zip(likes) {
            *like = wide::product(simd, row, numbers) as f32 * by * scale;
        }
    }
}
