//! Curves: the exponential, and what is made of it.
//!
//! In: numbers. Out: numbers. Never: a call into the mathematics library, nor a branch: the loops
//! become vector instructions, and the numbers are the same on every processor.

/// Added to a number below 2^22 and taken away again, it leaves the nearest whole number.
const WHOLE: f32 = 12_582_912.0;

/// Below this, e^x is taken for e^-87 (1.6e-38, about the least normal number).
const LEAST: f32 = -87.0;

/// The natural logarithm of 2: what of it has few bits, so that small multiples are exact, and the rest.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];

/// Makes shares of one out of scores.
#[inline(always)]
pub(crate) fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().fold(f32::MIN, |most, x| if *x > most { *x } else { most });
    scores.iter_mut().for_each(|x| *x = exp(*x - largest));
    let by = 1.0 / scores.iter().sum::<f32>();
    scores.iter_mut().for_each(|x| *x *= by);
}

/// The Gaussian error linear unit, with the error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub(crate) fn gelu(states: &mut [f32]) {
    for x in states {
        let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * z);
        let sum = 1.061_405_4_f32.mul_by(t, -1.453_152);
        let sum = sum.mul_by(t, 1.421_413_7).mul_by(t, -0.284_496_74).mul_by(t, 0.254_829_6) * t;
        let erf = (1.0 - sum * exp(-z * z)).copysign(*x);
        *x *= 0.5 * (1.0 + erf);
    }
}

/// e^x for x up to 0, to 2e-7 of it: a power of 2, and a polynomial (Taylor's, of the sixth degree) for what is
/// left, which is at most ln 2 / 2.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x > LEAST { x } else { LEAST };
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let whole = shifted - WHOLE;
    let rest = x - whole * LN_2[0] - whole * LN_2[1];
    let sum = (1.0_f32 / 720.0).mul_by(rest, 1.0 / 120.0).mul_by(rest, 1.0 / 24.0);
    let sum = sum.mul_by(rest, 1.0 / 6.0).mul_by(rest, 0.5).mul_by(rest, 1.0).mul_by(rest, 1.0);
    // The lowest bits of `shifted` are the whole number; an exponent has 127 added to it.
    let power = shifted.to_bits().wrapping_add(127).wrapping_shl(23);
    sum * f32::from_bits(power)
}

trait MulBy {
    /// `self * by + and`, rounded twice, so that no processor calls a function for it.
    fn mul_by(self, by: f32, and: f32) -> f32;
}

impl MulBy for f32 {
    #[inline(always)]
    fn mul_by(self, by: f32, and: f32) -> f32 {
        self * by + and
    }
}
