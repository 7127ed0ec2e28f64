//! The tile of NEON: 6 rows of four 4-float registers.
//!
//! Per k: 4 loads of b, 6 of a, 24 fused multiply-adds. `vfmaq_n_f32` is the form of the instruction that multiplies
//! by one lane, so that a needs no broadcast. 8 × 12 would use the registers as well, but channels come in sixteens.

use std::arch::aarch64::{float32x4_t, vdupq_n_f32, vfmaq_n_f32, vld1q_f32, vst1q_f32};

use super::{KC, Panel, Tile};
use crate::isa::Neon;

pub(crate) const MR: usize = 6;
pub(crate) const NR: usize = 16;

/// The tile, for whoever has proof of NEON.
pub(crate) fn tile(_: Neon) -> Tile<MR, NR> {
    Tile(run)
}

#[target_feature(enable = "neon")]
fn run(a: Panel<'_, MR>, b: &[[f32; NR]], c: &mut [[f32; NR]]) {
    match c.len() {
        1 => rows::<1>(a, b, c),
        2 => rows::<2>(a, b, c),
        3 => rows::<3>(a, b, c),
        4 => rows::<4>(a, b, c),
        5 => rows::<5>(a, b, c),
        6 => rows::<6>(a, b, c),
        other => unreachable!("a tile of {other} rows"),
    }
}

/// R rows, where R is known to the compiler, so that the accumulators are registers.
#[target_feature(enable = "neon")]
fn rows<const R: usize>(a: Panel<'_, MR>, b: &[[f32; NR]], c: &mut [[f32; NR]]) {
    let c = c.first_chunk_mut::<R>().expect("R rows of C");
    match a {
        Panel::Rows(a) => {
            let a = a.first_chunk::<R>().expect("R rows of A");
            assert!(b.len() <= KC);
            sum(|i, k| a[i][k], b, c);
        }
        Panel::Columns(a) => {
            let a = &a[..b.len()];
            sum(|i, k| a[k][i], b, c);
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn sum<const R: usize>(a: impl Fn(usize, usize) -> f32, b: &[[f32; NR]], c: &mut [[f32; NR]; R]) {
    let mut acc = [[vdupq_n_f32(0.0); 4]; R];
    for k in 0..b.len() {
        let b = load(&b[k]);
        for i in 0..R {
            let a = a(i, k);
            for j in 0..4 {
                acc[i][j] = vfmaq_n_f32(acc[i][j], b[j], a);
            }
        }
    }
    for i in 0..R {
        store(&mut c[i], acc[i]);
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn load(from: &[f32; NR]) -> [float32x4_t; 4] {
    let p = from.as_ptr();
    // SAFETY: `from` has 16 floats: four loads of 4.
    unsafe { [vld1q_f32(p), vld1q_f32(p.add(4)), vld1q_f32(p.add(8)), vld1q_f32(p.add(12))] }
}

#[target_feature(enable = "neon")]
#[inline]
fn store(to: &mut [f32; NR], v: [float32x4_t; 4]) {
    for (to, v) in to.as_chunks_mut::<4>().0.iter_mut().zip(v) {
        // SAFETY: `to` has 4 floats.
        unsafe { vst1q_f32(to.as_mut_ptr(), v) }
    }
}
