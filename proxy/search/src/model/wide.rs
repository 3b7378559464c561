//! Sums of products, as many at once as the processor has room for.
//!
//! In: rows and states in whole numbers. Out: their inner products, exact, so that the width of the
//! processor's registers makes no difference. Never: unsafe code of ours; which instructions there
//! are is asked when the program runs, by the crate `fearless_simd`.

use fearless_simd::prelude::*;

/// Rows of a matrix that are unpacked at once and meet every state before the next are.
pub(crate) const TILE: usize = 4;

/// States that meet a row at once: with each, a row's numbers are loaded once for all of them.
pub(crate) const BLOCK: usize = 2;

/// Most numbers that a processor multiplies as one; every row is made of whole pieces.
pub(crate) const PIECE: usize = 32;

/// Numbers that are multiplied as one.
const fn lanes<S: Simd>() -> usize {
    <S::i16s as SimdBase<S>>::LEN
}

/// Makes 16 bits of 8, and lays the rows of a tile side by side: so many numbers of the first row, of
/// the second, and so on, then the next of the first.
#[inline(always)]
pub(crate) fn unpack<S: Simd>(_: S, packed: &[u8], tile: &mut [i16]) {
    match lanes::<S>() {
        32 => unpack_by::<32>(packed, tile),
        16 => unpack_by::<16>(packed, tile),
        _ => unpack_by::<8>(packed, tile),
    }
}

/// A length that the compiler knows makes one instruction of each piece.
#[inline(always)]
fn unpack_by<const LANES: usize>(packed: &[u8], tile: &mut [i16]) {
    let (pieces, _) = tile.as_chunks_mut::<LANES>();
    for (at, row) in packed.chunks_exact(packed.len() / TILE).enumerate() {
        let (row, _) = row.as_chunks::<LANES>();
        for (to, packed) in pieces.iter_mut().skip(at).step_by(TILE).zip(row) {
            *to = packed.map(|number| i16::from(number.cast_signed()));
        }
    }
}

/// The inner products of up to [`BLOCK`] states with the rows of a tile.
#[inline(always)]
pub(crate) fn products<S: Simd>(simd: S, tile: &[i16], states: &[i16]) -> [[i32; TILE]; BLOCK] {
    let width = tile.len() / TILE;
    let mut states = states.chunks_exact(width);
    match (states.next(), states.next()) {
        (Some(one), Some(other)) => block(simd, tile, [one, other]),
        (Some(one), None) => {
            let [sums] = block(simd, tile, [one]);
            [sums, [0; TILE]]
        }
        (None, _) => [[0; TILE]; BLOCK],
    }
}

#[inline(always)]
fn block<S: Simd, const N: usize>(simd: S, tile: &[i16], states: [&[i16]; N]) -> [[i32; TILE]; N] {
    let lanes = lanes::<S>();
    let mut sums = [[S::i32s::splat(simd, 0); TILE]; N];
    let mut states = states.map(|state| state.chunks_exact(lanes));
    for rows in tile.chunks_exact(TILE * lanes) {
        let mut rows = rows.chunks_exact(lanes);
        let rows: [S::i16s; TILE] = std::array::from_fn(|_| load(simd, rows.next()));
        for (sums, state) in sums.iter_mut().zip(&mut states) {
            let state: S::i16s = load(simd, state.next());
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum += state.pairwise_dot_product(row);
            }
        }
    }
    sums.map(|sums| sums.map(|sum| sum.reduce_sum()))
}

/// The inner product of a row in 8 bits and a state in 16.
#[inline(always)]
pub(crate) fn product<S: Simd>(simd: S, row: &[i8], state: &[i16]) -> i32 {
    match lanes::<S>() {
        32 => product_by::<S, 32>(simd, row, state),
        16 => product_by::<S, 16>(simd, row, state),
        _ => product_by::<S, 8>(simd, row, state),
    }
}

#[inline(always)]
fn product_by<S: Simd, const LANES: usize>(simd: S, row: &[i8], state: &[i16]) -> i32 {
    let mut sum = S::i32s::splat(simd, 0);
    let (row, _) = row.as_chunks::<LANES>();
    for (row, state) in row.iter().zip(state.chunks_exact(LANES)) {
        let row = row.map(i16::from);
        let row: S::i16s = load(simd, Some(&row));
        let state: S::i16s = load(simd, Some(state));
        sum += state.pairwise_dot_product(row);
    }
    sum.reduce_sum()
}

#[inline(always)]
fn load<S: Simd>(simd: S, numbers: Option<&[i16]>) -> S::i16s {
    numbers.map_or_else(|| S::i16s::splat(simd, 0), |numbers| S::i16s::from_slice(simd, numbers))
}
