//! Whatever the processor can do at once, the same comes out.

use fearless_simd::{Level, Simd, dispatch};
use proptest::prelude::*;

#[cfg(feature = "model")]
use crate::model::Model;
use crate::model::wide::{BLOCK, PIECE, TILE, at_once, products, side_by_side};

/// Every level that this processor has, the least first.
fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let between = [best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)];
    #[cfg(not(target_arch = "x86_64"))]
    let between = [None; 2];
    let between = between.into_iter().flatten();
    [Level::baseline()].into_iter().chain(between).chain([best]).collect()
}

/// One after the other, as one reads it.
fn plain(rows: &[u8], states: &[i16], width: usize) -> Vec<Vec<i32>> {
    let product = |row: &[u8], state: &[i16]| {
        let pairs = row.iter().zip(state);
        pairs.map(|(row, state)| i32::from(row.cast_signed()) * i32::from(*state)).sum::<i32>()
    };
    let sums = |state| rows.chunks(width).map(|row| product(row, state)).collect();
    states.chunks(width).map(sums).collect()
}

/// Rows one behind the other, as a tile has them.
fn tile(rows: &[u8], width: usize) -> Vec<u8> {
    let pair = |at: usize| rows.chunks(width).flat_map(move |row| [row[at], row[at + 1]]);
    (0..width).step_by(2).flat_map(pair).collect()
}

fn at(level: Level, tile: &[u8], states: &[i16]) -> [[i32; TILE]; BLOCK] {
    let states = side_by_side(states, tile.len() / TILE);
    dispatch!(level, simd => products(simd, tile, &states))
}

proptest! {
    #[test]
    fn sums_are_those_of_a_plain_loop(
        (width, rows, states) in (1..5_usize, 0..=BLOCK).prop_flat_map(|(pieces, states)| (
            Just(PIECE * pieces),
            prop::collection::vec(any::<u8>(), TILE * PIECE * pieces),
            prop::collection::vec(-8191..=8191_i16, states * PIECE * pieces),
        )),
    ) {
        let wanted = plain(&rows, &states, width);
        let tile = tile(&rows, width);
        for level in levels() {
            let sums = at(level, &tile, &states);
            prop_assert!(sums.iter().zip(&wanted).all(|(sums, wanted)| sums[..] == wanted[..]), "{level:?}");
            prop_assert!(sums.iter().skip(wanted.len()).all(|sums| *sums == [0; TILE]));
        }
    }

    /// None is left out, none is asked for more than there is room for, and blocks are about the same.
    #[test]
    fn states_meet_a_tile_in_blocks_that_fit(count in 0..300_usize) {
        for level in levels() {
            let each = dispatch!(level, simd => each(simd, count));
            prop_assert!((1..=BLOCK).contains(&each));
            let blocks = count.div_ceil(each);
            prop_assert!(blocks * each < count + blocks.max(1), "{each} of {count}");
        }
    }
}

fn each<S: Simd>(_: S, count: usize) -> usize {
    at_once::<S>(count)
}

/// The largest numbers there are, in rows as long as they may be, do not overflow.
#[test]
fn the_largest_sum_is_exact() {
    let width = crate::model::MOST_WIDTH;
    let (tile, states) = (vec![127; TILE * width], vec![8191; BLOCK * width]);
    for level in levels() {
        assert_eq!(at(level, &tile, &states), [[2_130_446_336; TILE]; BLOCK]);
    }
}

#[cfg(feature = "model")]
#[test]
fn every_level_makes_the_same_vectors() {
    let model = Model::embedded().expect("the embedded model");
    for text in
        ["", "a", "why do users get bad gateway, which backends are down", &"pod ".repeat(300)]
    {
        let wanted = model.embed_at(text, Level::baseline());
        for level in levels() {
            assert!(model.embed_at(text, level) == wanted, "{level:?}: {text:.20}");
        }
        assert_eq!(model.embed(text), wanted);
    }
}
