//! Numbers of 16 bits, as a form to keep weights and features in: f16 (IEEE 754 binary16) and bf16 (the upper half of
//! an f32), converted in bulk.
//!
//! | | exponent | mantissa | largest | relative error |
//! |---|---|---|---|---|
//! | f16 | 5 bits | 10 bits | 65504 | 2⁻¹¹ |
//! | bf16 | 8 bits | 7 bits | 3.4·10³⁸ | 2⁻⁸ |
//!
//! Both round to nearest, ties to even; beyond the largest lies ±∞, and NaN stays NaN. f16 goes through the crate
//! `half`, which uses the CPU's own conversion. bf16 is a shift of 16 bits:
//!
//! ```text
//! bits + 0x7FFF + (bit 16 of bits), then >> 16
//! ```
//!
//! adds just under half of the last kept bit, and the rest of the half where that bit is odd. (A carry out of the
//! mantissa raises the exponent, which is right, up to ∞.) Only a NaN could be carried into something else.

use crate::Isa;
use crate::elementwise::BLOCK;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

/// Numbers of 16 bits, of either kind.
#[derive(Copy, Clone, Debug)]
pub enum Narrow<'a> {
    /// IEEE 754 binary16.
    F16(&'a [f16]),
    /// The upper halves of f32s.
    Bf16(&'a [bf16]),
}

impl Narrow<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F16(v) => v.len(),
            Self::Bf16(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those from `first` on as f32, exactly; as many as `to` has room for.
    #[inline(always)]
    pub(crate) fn widen(&self, first: usize, to: &mut [f32]) {
        match self {
            Self::F16(v) => widen(&v[first..][..to.len()], to),
            Self::Bf16(v) => widen(&v[first..][..to.len()], to),
        }
    }
}

/// f32 to f16. `to` and `from` are of one length, here and below, or the function panics.
pub fn f32_to_f16(from: &[f32], to: &mut [f16]) {
    blocks(from, to, |from, to| to.convert_from_f32_slice(from));
}

/// f16 to f32, exactly.
pub fn f16_to_f32(from: &[f16], to: &mut [f32]) {
    blocks(from, to, |from, to| from.convert_to_f32_slice(to));
}

/// f32 to bf16.
pub fn f32_to_bf16(isa: Isa, from: &[f32], to: &mut [bf16]) {
    blocks(from, to, |from, to| {
        isa.vectorize(
            #[inline(always)]
            || {
                for (to, &from) in to.iter_mut().zip(from) {
                    *to = round_to_bf16(from);
                }
            },
        );
    });
}

/// bf16 to f32, exactly.
pub fn bf16_to_f32(isa: Isa, from: &[bf16], to: &mut [f32]) {
    blocks(from, to, |from, to| {
        isa.vectorize(
            #[inline(always)]
            || widen(from, to),
        );
    });
}

/// Numbers that are kept in some way, and are f32s when they are used.
pub(crate) trait Wide: Copy + Sync {
    /// As f32, exactly.
    fn wide(self) -> f32;
}

impl Wide for f32 {
    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }
}

impl Wide for bf16 {
    #[inline(always)]
    fn wide(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

/// By integers, which every compiler makes vectors of; the CPU's own conversion is a call for each eight numbers, and that is
/// slower than the memory they come from.
///
/// The exponent's excess is 15 in the one and 127 in the other. A number too small for an exponent of its own is given the
/// least one, and the 1 that this puts before its digits is taken away again.
impl Wide for f16 {
    #[inline(always)]
    fn wide(self) -> f32 {
        const EXPONENT: u32 = 0x1F << 23;
        const EXCESS: u32 = (127 - 15) << 23;
        const LEAST: u32 = EXCESS + (1 << 23);
        let bits = u32::from(self.to_bits());
        let digits = (bits & 0x7FFF) << 13;
        let normal = digits + EXCESS;
        let small = (f32::from_bits(digits + LEAST) - f32::from_bits(LEAST)).to_bits();
        let infinite = normal + EXCESS;
        let value = match digits & EXPONENT {
            0 => small,
            EXPONENT => infinite,
            _ => normal,
        };
        f32::from_bits(value | (bits & 0x8000) << 16)
    }
}

/// As many as `to` has room for, as f32.
#[inline(always)]
fn widen<W: Wide>(from: &[W], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.wide());
}

#[inline(always)]
fn round_to_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16;
    // The quiet bit: a NaN whose mark lies in the lower half must not turn into ∞.
    let nan = bits >> 16 | 0x40;
    bf16::from_bits(if x.is_nan() { nan } else { rounded } as u16)
}

fn blocks<A: Sync, B: Send>(from: &[A], to: &mut [B], convert: impl Fn(&[A], &mut [B]) + Sync + Send) {
    assert_eq!(from.len(), to.len(), "source and destination differ in length");
    to.par_chunks_mut(BLOCK).zip(from.par_chunks(BLOCK)).for_each(|(to, from)| convert(from, to));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bf16_survives_and_rounding_is_to_nearest_even() {
        for isa in Isa::available() {
            let all: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).collect();
            let mut wide = vec![0.0; all.len()];
            bf16_to_f32(isa, &all, &mut wide);
            // Each value, and values just below, at and just above the middle to the next one.
            for offset in [0u32, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] {
                let x: Vec<f32> = wide.iter().map(|v| f32::from_bits(v.to_bits() | offset)).collect();
                let mut narrow = vec![bf16::ZERO; x.len()];
                f32_to_bf16(isa, &x, &mut narrow);
                for (x, &y) in x.iter().zip(&narrow) {
                    assert_eq!(y.is_nan(), x.is_nan());
                    assert!(
                        x.is_nan() || y.to_bits() == bf16::from_f32(*x).to_bits(),
                        "{isa}: {x} became {y}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_f16_is_widened_as_the_cpu_does() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let (mut by_integers, mut by_cpu) = (vec![1.0; all.len()], vec![0.0; all.len()]);
        Narrow::F16(&all).widen(0, &mut by_integers);
        f16_to_f32(&all, &mut by_cpu);
        for (a, b) in by_integers.iter().zip(&by_cpu) {
            assert!(a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(), "{a} is not {b}");
        }
    }

    #[test]
    fn every_f16_survives() {
        let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let mut wide = vec![f32::NAN; all.len()];
        f16_to_f32(&all, &mut wide);
        let mut back = vec![f16::ZERO; all.len()];
        f32_to_f16(&wide, &mut back);
        for ((a, b), w) in all.iter().zip(&back).zip(wide) {
            assert!(a.is_nan() && b.is_nan() && w.is_nan() || a.to_bits() == b.to_bits());
        }
        let mut rounded = [f16::ZERO; 4];
        f32_to_f16(&[1.0 + 2f32.powi(-11), 1.0 + 3.0 * 2f32.powi(-11), 65519.0, 65520.0], &mut rounded);
        assert_eq!(rounded.map(f16::to_f32), [1.0, 1.0 + 2f32.powi(-9), 65504.0, f32::INFINITY]);
    }
}
