//! Sums of products, as many at once as the processor has room for.
//!
//! In: rows and states in whole numbers. Out: their inner products, exact, so that the width of the
//! processor's registers makes no difference. Never: unsafe code of ours; which instructions there
//! are is asked when the program runs, by the crate `fearless_simd`.

use fearless_simd::prelude::*;

/// Rows of a matrix that lie side by side: the first two numbers of each, then the next two of each, so
/// that a register has as many sums as it has room for, and none has to be added up in the end.
pub(crate) const TILE: usize = 32;

/// Most states that meet a tile at once: each number of the tile is loaded once for all of them.
pub(crate) const BLOCK: usize = 8;

/// Most numbers that a processor multiplies as one; every row is made of whole pieces.
pub(crate) const PIECE: usize = 32;

/// Numbers that are multiplied as one.
const fn lanes<S: Simd>() -> usize {
    <S::i16s as SimdBase<S>>::LEN
}

/// How many of so many states should meet a tile at once: about the same number each time, and as many
/// as there are registers for. At least one.
pub(crate) fn at_once<S: Simd>(states: usize) -> usize {
    let most = if lanes::<S>() == PIECE { BLOCK } else { 6 };
    states.div_ceil(states.div_ceil(most).max(1)).max(1)
}

/// Lays states of this width side by side, as the rows of a tile lie: two numbers of each, in 32 bits.
#[inline(always)]
pub(crate) fn side_by_side(states: &[i16], width: usize) -> Vec<i32> {
    let count = states.len() / width;
    let mut laid = vec![0; count * width / 2];
    for (at, state) in states.chunks_exact(width).enumerate() {
        let (pairs, _) = state.as_chunks();
        for (to, pair) in laid.iter_mut().skip(at).step_by(count).zip(pairs) {
            *to = both(*pair);
        }
    }
    laid
}

/// Two numbers as they lie in memory.
#[inline(always)]
const fn both([one, other]: [i16; 2]) -> i32 {
    let ([a, b], [c, d]) = (one.to_ne_bytes(), other.to_ne_bytes());
    i32::from_ne_bytes([a, b, c, d])
}

/// The inner products of the rows of a tile with up to [`BLOCK`] states that lie side by side.
#[inline(always)]
pub(crate) fn products<S: Simd>(simd: S, tile: &[u8], states: &[i32]) -> [[i32; TILE]; BLOCK] {
    let mut sums = [[0; TILE]; BLOCK];
    match states.len() * TILE * 2 / tile.len().max(1) {
        0 => {}
        1 => block::<S, 1>(simd, tile, states, &mut sums),
        2 => block::<S, 2>(simd, tile, states, &mut sums),
        3 => block::<S, 3>(simd, tile, states, &mut sums),
        4 => block::<S, 4>(simd, tile, states, &mut sums),
        5 => block::<S, 5>(simd, tile, states, &mut sums),
        6 => block::<S, 6>(simd, tile, states, &mut sums),
        7 => block::<S, 7>(simd, tile, states, &mut sums),
        _ => block::<S, BLOCK>(simd, tile, states, &mut sums),
    }
    sums
}

/// As many rows at once as two registers have sums for.
#[inline(always)]
fn block<S: Simd, const N: usize>(simd: S, tile: &[u8], states: &[i32], to: &mut [[i32; TILE]]) {
    let lanes = lanes::<S>();
    for part in 0..TILE / lanes {
        let mut sums = [[S::i32s::splat(simd, 0); 2]; N];
        let (pieces, _) = tile.as_chunks::<{ 2 * TILE }>();
        for (piece, states) in pieces.iter().zip(states.as_chunks::<N>().0) {
            let Some(rows) = piece.chunks_exact(2 * lanes).nth(part) else { return };
            let (low, high) = S::u8s::from_slice(simd, rows).bitcast::<S::i8s>().widen();
            for ([lows, highs], state) in sums.iter_mut().zip(states) {
                let state: S::i16s = S::i32s::splat(simd, *state).bitcast();
                *lows += state.pairwise_dot_product(low);
                *highs += state.pairwise_dot_product(high);
            }
        }
        for (to, sums) in to.iter_mut().zip(sums) {
            let to = to.chunks_exact_mut(lanes / 2).skip(2 * part);
            to.zip(sums).for_each(|(to, sums)| sums.store_slice(to));
        }
    }
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
