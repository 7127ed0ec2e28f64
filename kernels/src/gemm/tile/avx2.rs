//! The tile of AVX2 with FMA: 6 rows of two 8-float registers.
//!
//! Per k: 2 loads of b, 6 broadcasts of a, 12 fused multiply-adds: at two multiply-adds a cycle 6 cycles, in which 12
//! loads could be made and 8 are.

use std::arch::x86_64::{
    __m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{KC, Panel, Tile};
use crate::isa::Avx2;

pub(crate) const MR: usize = 6;
pub(crate) const NR: usize = 16;

/// The tile, for whoever has proof of AVX2 and FMA.
pub(crate) fn tile(_: Avx2) -> Tile<MR, NR> {
    Tile(run)
}

#[target_feature(enable = "avx2,fma")]
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
#[target_feature(enable = "avx2,fma")]
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

#[target_feature(enable = "avx2,fma")]
#[inline]
fn sum<const R: usize>(a: impl Fn(usize, usize) -> f32, b: &[[f32; NR]], c: &mut [[f32; NR]; R]) {
    let mut acc = [[_mm256_setzero_ps(); 2]; R];
    for k in 0..b.len() {
        let b = load(&b[k]);
        for i in 0..R {
            let a = _mm256_set1_ps(a(i, k));
            acc[i][0] = _mm256_fmadd_ps(a, b[0], acc[i][0]);
            acc[i][1] = _mm256_fmadd_ps(a, b[1], acc[i][1]);
        }
    }
    for i in 0..R {
        store(&mut c[i], acc[i]);
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load(from: &[f32; NR]) -> [__m256; 2] {
    // SAFETY: `from` has 16 floats: two loads of 8, of any alignment.
    unsafe { [_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from[8..].as_ptr())] }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn store(to: &mut [f32; NR], v: [__m256; 2]) {
    // SAFETY: `to` has 16 floats: two stores of 8, of any alignment.
    unsafe {
        _mm256_storeu_ps(to.as_mut_ptr(), v[0]);
        _mm256_storeu_ps(to[8..].as_mut_ptr(), v[1]);
    }
}
