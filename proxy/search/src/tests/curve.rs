//! The curves against those of the mathematics library, in twice the precision.

use proptest::prelude::*;

use crate::model::curve::{exp, gelu, softmax};

proptest! {
    #[test]
    fn the_exponential_is_right_to_a_few_of_its_last_bits(x in -87.0_f32..=0.0) {
        let wanted = f64::from(x).exp();
        let off = (f64::from(exp(x)) - wanted).abs() / wanted;
        prop_assert!(off < 3e-7, "e^{x}: {off}");
    }

    #[test]
    fn shares_are_those_of_the_exponentials(scores in prop::collection::vec(-50.0_f32..50.0, 1..40)) {
        let largest = scores.iter().copied().fold(f32::MIN, f32::max);
        let powers = scores.iter().map(|x| f64::from(x - largest).exp()).collect::<Vec<_>>();
        let mut shares = scores;
        softmax(&mut shares);
        for (share, power) in shares.iter().zip(&powers) {
            let wanted = power / powers.iter().sum::<f64>();
            prop_assert!((f64::from(*share) - wanted).abs() < 1e-6);
        }
    }
}

#[test]
fn far_below_zero_nothing_is_left_and_zero_is_one() {
    assert!(exp(0.0) == 1.0);
    assert!((0.0..2e-38).contains(&exp(-1e30)) && (0.0..2e-38).contains(&exp(f32::MIN)));
}

/// Values of x Φ(x), to seven digits.
#[test]
fn the_linear_unit_is_that_of_the_normal_distribution() {
    let mut states = [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0];
    gelu(&mut states);
    let wanted =
        [-0.004_049_7, -0.158_655_25, -0.154_268_77, 0.0, 0.345_731_23, 0.841_344_8, 2.995_950_3];
    for (is, wanted) in states.iter().zip(wanted) {
        assert!((is - wanted).abs() < 1e-6, "{is}, not {wanted}");
    }
}
