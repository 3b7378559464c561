//! The arithmetic: matrices in 8 bits, states in 16, sums in 32.
//!
//! In: numbers. Out: numbers. Never: a sum that overflows (they wrap, but see [`MOST_WIDTH`]).
//!
//! Loops are written so that the compiler makes vector instructions of them on any processor: on
//! x86-64 the inner one is a multiply-and-add of eight pairs of 16 bits.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

use super::read::{Flaw, Reader};
use super::wide::{self, BLOCK, TILE};

/// Largest value of a state in 16 bits. Weights go to 127.
const MOST: f32 = 8191.0;

/// Most numbers in a row: `MOST_WIDTH * 127 * 8191` is below 2^31.
pub(crate) const MOST_WIDTH: usize = 2048;

/// Under the root of a variance (so it is in the reference).
const EPSILON: f32 = 1e-12;

/// Rows of 8-bit numbers, each with its scale, where the model's bytes are.
#[derive(Debug)]
pub(crate) struct Rows {
    width: usize,
    scales: Vec<f32>,
    numbers: &'static [u8],
}

/// A linear map.
#[derive(Debug)]
pub(crate) struct Linear {
    bias: Vec<f32>,
    rows: Rows,
}

/// A layer norm.
#[derive(Debug)]
pub(crate) struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// States in 16 bits, each with its scale.
pub(crate) struct States {
    scales: Vec<f32>,
    numbers: Vec<i16>,
}

impl Rows {
    pub(crate) fn read(reader: &mut Reader, rows: usize, width: usize) -> Result<Self, Flaw> {
        let scales = reader.floats(rows)?;
        let numbers = reader.bytes(rows.checked_mul(width).ok_or(Flaw::Shape)?)?;
        Ok(Self { width, scales, numbers })
    }

    /// One row, as numbers. A row that is not there leaves `to` as it is.
    pub(crate) fn copy(&self, row: usize, to: &mut [f32]) {
        let numbers = self.numbers.chunks_exact(self.width).nth(row).unwrap_or_default();
        let scale = self.scales.get(row).copied().unwrap_or_default();
        for (to, number) in to.iter_mut().zip(numbers) {
            *to = f32::from(number.cast_signed()) * scale;
        }
    }
}

impl Linear {
    pub(crate) fn read(reader: &mut Reader, rows: usize, width: usize) -> Result<Self, Flaw> {
        Ok(Self { bias: reader.floats(rows)?, rows: Rows::read(reader, rows, width)? })
    }

    /// Maps every state; the results lie one behind the other. The same numbers at every level.
    pub(crate) fn apply(&self, states: &States, level: Level) -> Vec<f32> {
        let mut out = vec![0.0; states.scales.len() * self.bias.len()];
        dispatch!(level, simd => self.map(simd, states, &mut out));
        out
    }

    #[inline(always)]
    fn map<S: Simd>(&self, simd: S, states: &States, out: &mut [f32]) {
        let (width, height) = (self.rows.width, self.bias.len());
        let mut tile = vec![0_i16; TILE * width];
        let packed = self.rows.numbers.chunks_exact(TILE * width);
        let maps = self.rows.scales.as_chunks::<TILE>().0.iter().zip(self.bias.as_chunks().0);
        for (at, (packed, map)) in packed.zip(maps).enumerate() {
            wide::unpack(simd, packed, &mut tile);
            let blocks = states.numbers.chunks(BLOCK * width).zip(states.scales.chunks(BLOCK));
            for ((states, scales), out) in blocks.zip(out.chunks_mut(BLOCK * height)) {
                let outs = out
                    .chunks_exact_mut(height)
                    .filter_map(|out| out.as_chunks_mut().0.get_mut(at));
                let sums = wide::products::<S>(simd, &tile, states);
                for ((out, sums), by) in outs.zip(sums).zip(scales) {
                    *out = scaled(sums, *by, map);
                }
            }
        }
    }
}

impl Norm {
    pub(crate) fn read(reader: &mut Reader, width: usize) -> Result<Self, Flaw> {
        Ok(Self { scale: reader.floats(width)?, shift: reader.floats(width)? })
    }

    /// Gives one state the mean 0 and the variance 1, then its scale and shift.
    pub(crate) fn apply(&self, state: &mut [f32]) {
        let count = state.len() as f32;
        let mean = state.iter().sum::<f32>() / count;
        let variance = state.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
        let by = 1.0 / (variance + EPSILON).sqrt();
        for ((x, scale), shift) in state.iter_mut().zip(&self.scale).zip(&self.shift) {
            *x = (*x - mean) * by * scale + shift;
        }
    }
}

impl States {
    /// States of `width` numbers each, which lie one behind the other.
    #[expect(clippy::cast_possible_truncation, reason = "at most `MOST`, and it saturates")]
    pub(crate) fn of(states: &[f32], width: usize) -> Self {
        let mut numbers = Vec::with_capacity(states.len());
        let mut scales = Vec::with_capacity(states.len() / width.max(1));
        for state in states.chunks_exact(width) {
            let largest = state.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let by = if largest > 0.0 { MOST / largest } else { 0.0 };
            // Half away from zero, without a call into the mathematics library.
            numbers.extend(state.iter().map(|x| (x * by + 0.5_f32.copysign(*x)) as i16));
            scales.push(largest / MOST);
        }
        Self { scales, numbers }
    }

    /// The numbers of the first state, and its scale.
    pub(crate) fn one(&self) -> (&[i16], f32) {
        (&self.numbers, self.scales.first().copied().unwrap_or_default())
    }
}

/// The inner product of two rows.
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (left, right) in left.iter().zip(right) {
        for ((sum, l), r) in sums.iter_mut().zip(left).zip(right) {
            *sum += l * r;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(l, r)| l * r);
    sums.iter().sum::<f32>() + rest.sum::<f32>()
}

/// Gives a vector the length 1. The vector of nothing stays as it is.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Makes shares of one out of scores.
pub(crate) fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().fold(f32::MIN, |most, x| most.max(*x));
    scores.iter_mut().for_each(|x| *x = (*x - largest).exp());
    let sum = scores.iter().sum::<f32>();
    scores.iter_mut().for_each(|x| *x /= sum);
}

/// The Gaussian error linear unit, with the error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
pub(crate) fn gelu(states: &mut [f32]) {
    for x in states {
        let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * z);
        let sum = 1.061_405_4_f32.mul_by(t, -1.453_152);
        let sum = sum.mul_by(t, 1.421_413_7).mul_by(t, -0.284_496_74).mul_by(t, 0.254_829_6) * t;
        let erf = (1.0 - sum * (-z * z).exp()).copysign(*x);
        *x *= 0.5 * (1.0 + erf);
    }
}

trait MulBy {
    /// `self * by + and`, rounded twice, so that no processor calls a function for it.
    fn mul_by(self, by: f32, and: f32) -> f32;
}

impl MulBy for f32 {
    fn mul_by(self, by: f32, and: f32) -> f32 {
        self * by + and
    }
}

/// What a tile makes of one state.
#[inline(always)]
fn scaled(sums: [i32; TILE], by: f32, (scales, bias): (&[f32; TILE], &[f32; TILE])) -> [f32; TILE] {
    let mut out = *bias;
    for ((out, sum), scale) in out.iter_mut().zip(sums).zip(scales) {
        *out += sum as f32 * by * scale;
    }
    out
}
