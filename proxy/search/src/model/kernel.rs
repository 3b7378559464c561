//! The arithmetic: matrices in 8 bits, states in 16, sums in 32.
//!
//! In: numbers. Out: numbers. Never: a sum that overflows (they wrap, but see [`MOST_WIDTH`]).
//!
//! Loops are written so that the compiler makes vector instructions of them on any processor: on
//! x86-64 the inner one is a multiply-and-add of eight pairs of 16 bits.

use fearless_simd::prelude::*;

use super::read::{Flaw, Reader};
use super::wide::{self, TILE};

/// Largest value of a state in 16 bits. Weights go to 127.
const MOST: f32 = 8191.0;

/// Most numbers in a row: `MOST_WIDTH * 127 * 8191` is below 2^31.
pub(crate) const MOST_WIDTH: usize = 2048;

/// Sums that grow at once where numbers are added up, so that each need not wait for the one before.
/// Always so many, whatever the processor: the order of additions decides the last bits.
const SUMS: usize = 16;

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

    /// Maps every state; the results lie one behind the other.
    #[inline(always)]
    pub(crate) fn apply<S: Simd>(&self, simd: S, states: &States) -> Vec<f32> {
        let mut out = vec![0.0; states.scales.len() * self.bias.len()];
        // A function of its own, so that a layer has its code once and not for each of its maps.
        simd.vectorize(
            #[inline(always)]
            || self.map(simd, states, &mut out),
        );
        out
    }

    #[inline(always)]
    fn map<S: Simd>(&self, simd: S, states: &States, out: &mut [f32]) {
        let (width, height) = (self.rows.width, self.bias.len());
        let each = wide::at_once::<S>(states.scales.len());
        let blocks = states.numbers.chunks(each * width);
        let blocks = blocks.map(|states| wide::side_by_side(states, width)).collect::<Vec<_>>();
        let tiles = self.rows.numbers.chunks_exact(TILE * width);
        let maps = self.rows.scales.as_chunks().0.iter().zip(self.bias.as_chunks().0);
        for (at, (tile, map)) in tiles.zip(maps).enumerate() {
            let blocks = blocks.iter().zip(states.scales.chunks(each));
            for ((states, scales), out) in blocks.zip(out.chunks_mut(each * height)) {
                let outs = out
                    .chunks_exact_mut(height)
                    .filter_map(|out| out.as_chunks_mut().0.get_mut(at));
                let sums = wide::products::<S>(simd, tile, states);
                for ((out, sums), by) in outs.zip(&sums).zip(scales) {
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
    #[inline(always)]
    pub(crate) fn apply(&self, state: &mut [f32]) {
        let count = state.len() as f32;
        let mean = sum_of(state, |x| x) / count;
        let variance = sum_of(state, |x| (x - mean) * (x - mean)) / count;
        let by = 1.0 / (variance + EPSILON).sqrt();
        for ((x, scale), shift) in state.iter_mut().zip(&self.scale).zip(&self.shift) {
            *x = (*x - mean) * by * scale + shift;
        }
    }
}

impl States {
    /// States of `width` numbers each, which lie one behind the other.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "at most `MOST`, and it saturates")]
    pub(crate) fn of(states: &[f32], width: usize) -> Self {
        let mut numbers = Vec::with_capacity(states.len());
        let mut scales = Vec::with_capacity(states.len() / width.max(1));
        for state in states.chunks_exact(width) {
            let largest = largest(state);
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

/// Adds to each number its counterpart.
#[inline(always)]
pub(crate) fn add(to: &mut [f32], what: &[f32]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += what;
    }
}

/// The sum of what becomes of each number, in as many sums as [`SUMS`] at once.
#[inline(always)]
pub(crate) fn sum_of(numbers: &[f32], becomes: impl Fn(f32) -> f32) -> f32 {
    let (numbers, rest) = numbers.as_chunks::<SUMS>();
    let mut sums = [0.0_f32; SUMS];
    for numbers in numbers {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += becomes(*number);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|number| becomes(*number)).sum::<f32>()
}

/// The largest of the numbers without their signs.
#[inline(always)]
fn largest(numbers: &[f32]) -> f32 {
    let larger = |most: f32, x: &f32| if x.abs() > most { x.abs() } else { most };
    let (numbers, rest) = numbers.as_chunks::<SUMS>();
    let mut most = [0.0_f32; SUMS];
    for numbers in numbers {
        for (most, number) in most.iter_mut().zip(numbers) {
            *most = larger(*most, number);
        }
    }
    rest.iter().fold(most.iter().fold(0.0, larger), larger)
}

/// The inner product of two rows.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<SUMS>();
    let (right, right_rest) = right.as_chunks::<SUMS>();
    let mut sums = [0.0_f32; SUMS];
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

/// What a tile makes of one state.
#[inline(always)]
fn scaled(
    sums: &[i32; TILE],
    by: f32,
    (scales, bias): (&[f32; TILE], &[f32; TILE]),
) -> [f32; TILE] {
    let mut out = *bias;
    for ((out, sum), scale) in out.iter_mut().zip(sums).zip(scales) {
        *out += *sum as f32 * by * scale;
    }
    out
}
