//! One layer: every token looks at every other, then thinks for itself.
//!
//! In: the states of a text's tokens, one behind the other. Out: their new ones, in their place.
//! Never: looks at another text.

use fearless_simd::{Level, Simd, dispatch};

use super::kernel::{Linear, Norm, States, add, dot};
use super::read::{Flaw, Reader};
use super::{Shape, curve};

/// The maps and norms of a layer, in the order in which they are applied.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Query, key and value of a token, one behind the other.
    asks: Linear,
    answers: Linear,
    looked: Norm,
    widens: Linear,
    narrows: Linear,
    thought: Norm,
}

impl Layer {
    pub(crate) fn read(reader: &mut Reader, shape: Shape) -> Result<Self, Flaw> {
        let Shape { width, inner, .. } = shape;
        Ok(Self {
            asks: Linear::read(reader, 3 * width, width)?,
            answers: Linear::read(reader, width, width)?,
            looked: Norm::read(reader, width)?,
            widens: Linear::read(reader, inner, width)?,
            narrows: Linear::read(reader, width, inner)?,
            thought: Norm::read(reader, width)?,
        })
    }

    /// Passes the states on. The same numbers at every level.
    pub(crate) fn pass(&self, states: &mut [f32], shape: Shape, level: Level) {
        dispatch!(level, simd => self.pass_by(simd, states, shape));
    }

    #[inline(always)]
    fn pass_by<S: Simd>(&self, simd: S, states: &mut [f32], shape: Shape) {
        let Shape { width, heads, inner } = shape;
        let asked = self.asks.apply(simd, &States::of(states, width));
        let seen = attend(&asked, width, heads);
        add(states, &self.answers.apply(simd, &States::of(&seen, width)));
        states.chunks_exact_mut(width).for_each(|state| self.looked.apply(state));
        let mut wide = self.widens.apply(simd, &States::of(states, width));
        curve::gelu(&mut wide);
        add(states, &self.narrows.apply(simd, &States::of(&wide, inner)));
        states.chunks_exact_mut(width).for_each(|state| self.thought.apply(state));
    }
}

/// For each token and head, the values of all tokens, mixed by how well their keys fit its query.
#[inline(always)]
fn attend(asked: &[f32], width: usize, heads: usize) -> Vec<f32> {
    let size = width / heads;
    let by = 1.0 / (size as f32).sqrt();
    let mut seen = vec![0.0; asked.len() / 3];
    let mut shares = vec![0.0; asked.len() / (3 * width)];
    for head in (0..width).step_by(size) {
        let (key, value) = (width + head, 2 * width + head);
        for (token, seen) in asked.chunks_exact(3 * width).zip(seen.chunks_exact_mut(width)) {
            let query = piece(token, head, size);
            for (share, other) in shares.iter_mut().zip(asked.chunks_exact(3 * width)) {
                *share = dot(query, piece(other, key, size)) * by;
            }
            curve::softmax(&mut shares);
            let Some(seen) = seen.get_mut(head..head + size) else { continue };
            for (share, other) in shares.iter().zip(asked.chunks_exact(3 * width)) {
                for (seen, said) in seen.iter_mut().zip(piece(other, value, size)) {
                    *seen += share * said;
                }
            }
        }
    }
    seen
}

#[inline(always)]
fn piece(numbers: &[f32], at: usize, size: usize) -> &[f32] {
    numbers.get(at..at + size).unwrap_or_default()
}
