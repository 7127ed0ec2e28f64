//! The most that a core can multiply and add, whatever the memory does: what a kernel's rate is a percentage of.
//!
//! A multiply-add has to wait some 4 cycles for the one before it on the same register, while a core begins up to two in
//! each cycle. So chains of them run side by side, enough of them to hide the wait and few enough to stay in registers.
//! Nothing is read from memory.

use std::hint::black_box;

use crate::isa::Isa;

/// Computes `steps` multiply-adds in each of a dozen or more registers of this instruction set, on the calling thread;
/// tells how many floating-point operations that were, two a multiply-add.
///
/// ```
/// use graft_kernels::{Isa, peak};
/// let begun = std::time::Instant::now();
/// let flops = peak::multiply_add(Isa::best(), 100_000);
/// println!("{:.0} GFLOP/s", flops as f64 / begun.elapsed().as_nanos() as f64);
/// ```
pub fn multiply_add(isa: Isa, steps: u64) -> u64 {
    let accumulators = match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Avx512` is made only where AVX-512 F was detected.
        Isa::Avx512(_) => unsafe { avx512(steps) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Avx2` is made only where AVX2 and FMA were detected.
        Isa::Avx2(_) => unsafe { avx2(steps) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a `Neon` is made only where NEON was detected.
        Isa::Neon(_) => unsafe { neon(steps) },
        Isa::Portable => portable(steps),
    };
    2 * steps * accumulators
}

/// 24 of 32 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(steps: u64) -> u64 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (a, b) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
    let mut chains = [b; 24];
    for _ in 0..steps {
        for chain in &mut chains {
            *chain = _mm512_fmadd_ps(*chain, a, b);
        }
    }
    black_box(chains);
    24 * 16
}

/// 12 of 16 registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(steps: u64) -> u64 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (a, b) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
    let mut chains = [b; 12];
    for _ in 0..steps {
        for chain in &mut chains {
            *chain = _mm256_fmadd_ps(*chain, a, b);
        }
    }
    black_box(chains);
    12 * 8
}

/// 24 of 32 registers.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
fn neon(steps: u64) -> u64 {
    use std::arch::aarch64::{vdupq_n_f32, vfmaq_f32};
    let (a, b) = (vdupq_n_f32(black_box(0.5)), vdupq_n_f32(black_box(1.0)));
    let mut chains = [b; 24];
    for _ in 0..steps {
        for chain in &mut chains {
            *chain = vfmaq_f32(b, *chain, a);
        }
    }
    black_box(chains);
    24 * 4
}

/// 12 of SSE2's 16 registers; a multiplication and an addition, as in the portable tile.
fn portable(steps: u64) -> u64 {
    use wide::f32x4;
    let (a, b) = (f32x4::splat(black_box(0.5)), f32x4::splat(black_box(1.0)));
    let mut chains = [b; 12];
    for _ in 0..steps {
        for chain in &mut chains {
            *chain = *chain * a + b;
        }
    }
    black_box(chains);
    12 * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_counts_its_own_lanes() {
        let counts: Vec<_> =
            Isa::available().iter().map(|&isa| (isa.name(), multiply_add(isa, 10))).collect();
        for (name, flops) in counts {
            let lanes = match name {
                "avx512" => 24 * 16,
                "avx2" => 12 * 8,
                "neon" => 24 * 4,
                _ => 12 * 4,
            };
            assert_eq!(flops, 20 * lanes, "{name}");
        }
    }
}
