//! The exponential function, in operations that every instruction set has and rounds alike.
//!
//! The C library's `expf` cannot be inlined, so a loop that calls it stays scalar, and its last bit is the library's
//! choice. This one is straight-line code, vectorises, and gives the same bits everywhere.
//!
//! ```text
//! eˣ = 2ⁿ · eʳ,   n = round(x / ln 2),   r = x − n·ln 2,   |r| ≤ ½ ln 2 ≈ 0.347
//! ```
//!
//! * `n` is found by adding and subtracting 1.5·2²³: the addition leaves no room for a fraction, so it rounds.
//! * `ln 2` is split in two, `0.693359375` (nine bits, so that n times it is exact) and the small rest
//!   (W. Cody, W. Waite, *Software manual for the elementary functions*, 1980), so `r` keeps its full precision.
//! * `eʳ` is `1 + r + r²·p(r)`, with the minimax polynomial of S. Moshier's Cephes library (`expf`).
//! * `2ⁿ` is written into the exponent bits, in two halves: the result may be subnormal, or infinite, where 2ⁿ alone
//!   cannot be written as a float.
//!
//! Error: below 1 ulp; the test runs through millions of arguments.

/// 1.5·2²³: a float of this size counts in ones.
const ROUND: f32 = 12_582_912.0;
/// The leading nine bits of ln 2.
const LN2_HIGH: f32 = 0.693_359_4;
/// ln 2 − `LN2_HIGH`.
const LN2_LOW: f32 = -2.121_944_4e-4;
/// `p`, from the constant term up.
const P: [f32; 6] = [0.5, 0.166_666_66, 4.166_579_6e-2, 8.333_452e-3, 1.398_199_9e-3, 1.987_569_1e-4];

/// eˣ; 0 below −104, ∞ above 88.73, NaN for NaN.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or ∞ anyway, and `n` must fit. Both comparisons are false for NaN.
    let x = if x < -105.0 { -105.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let p = ((((P[5] * r + P[4]) * r + P[3]) * r + P[2]) * r + P[1]) * r + P[0];
    let e = (p * (r * r) + r) + 1.0;
    // The low bits of `shifted` are `n` as an integer. (For NaN they are rubbish, but `e` is NaN, and stays it.)
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    e * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The distance from eˣ, in units of the last place of the correctly rounded result.
    fn error_in_ulp(x: f32, y: f32) -> f64 {
        let exact = f64::from(x).exp();
        let rounded = exact as f32;
        let ulp = f64::from(rounded.next_up()) - f64::from(rounded);
        (f64::from(y) - exact).abs() / ulp
    }

    #[test]
    fn stays_below_one_ulp() {
        let mut worst = (0.0f64, 0.0f32);
        // Every 397th float from −104 to −2⁻³⁰ and from 2⁻³⁰ to 88.7: all exponents, all kinds of mantissa.
        for (from, to) in [(-(0.5f32.powi(30)), -104.0), (0.5f32.powi(30), 88.7f32)] {
            for bits in (from.to_bits()..to.to_bits()).step_by(397) {
                let x = f32::from_bits(bits);
                let error = error_in_ulp(x, exp(x));
                if error > worst.0 {
                    worst = (error, x);
                }
            }
        }
        assert!(worst.0 < 1.0, "{} ulp at {}", worst.0, worst.1);
        assert!(worst.0 > 0.5, "no function of f32 can do better: the test measures nothing");
    }

    #[test]
    fn ends_are_right() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-104.5), 0.0);
        assert_eq!(exp(-103.9), f32::from_bits(1));
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(88.73), f32::INFINITY);
        assert!(exp(88.72).is_finite());
        assert!(exp(f32::NAN).is_nan() && exp(-f32::NAN).is_nan());
    }
}
