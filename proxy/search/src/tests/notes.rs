//! Texts looked through whole, against a plain loop.

use proptest::prelude::*;

use crate::{Notes, likeness};

const WIDTH: usize = 64;

fn unit(mut numbers: Vec<f32>) -> Vec<f32> {
    crate::model::normalise(&mut numbers);
    numbers
}

proptest! {
    #[test]
    fn likeness_is_that_of_the_vectors_but_for_the_rounding(
        kept in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, WIDTH), 1..20),
        asked in prop::collection::vec(-1.0_f32..1.0, WIDTH),
    ) {
        let mut notes = Notes::new(WIDTH);
        let kept = kept.into_iter().map(unit).collect::<Vec<_>>();
        for (place, vector) in kept.iter().enumerate() {
            prop_assert_eq!(notes.push("", vector), place);
        }
        let asked = unit(asked);
        let near = notes.look("", &asked, &vec![true; kept.len()]);
        for (near, vector) in near.iter().zip(&kept) {
            prop_assert!((near.like - likeness(vector, &asked)).abs() < 0.02);
        }
    }
}

#[test]
fn what_is_not_seen_counts_for_nothing() {
    let mut notes = Notes::new(WIDTH);
    let vector = unit(vec![1.0; WIDTH]);
    notes.push("the canary is red", &vector);
    notes.push("the canary is green", &vector);
    let near = notes.look("canary", &vector, &[true, false]);
    let mut alone = Notes::new(WIDTH);
    alone.push("the canary is red", &vector);
    assert_eq!(near[0], alone.look("canary", &vector, &[true])[0]);
    assert!(near[0].like > 0.99 && near[0].covered > 0.99);
    assert_eq!(near[1], crate::Near::default());
    assert!(notes.look("canary", &vector, &[]).is_empty());
}

#[test]
fn vectors_of_another_width_are_like_nothing() {
    let mut notes = Notes::new(WIDTH);
    notes.push("short", &[1.0]);
    notes.push("long", &vec![1.0; 2 * WIDTH]);
    assert_eq!(notes.len(), 2);
    let near = notes.look("short", &[1.0], &[true, true]);
    assert!(near.iter().all(|near| near.like == 0.0) && near[0].said > 0.0);
}
