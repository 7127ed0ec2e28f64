//! The tile of AVX-512: 14 rows of two 16-float registers.
//!
//! Per k: 2 loads of b, 14 broadcasts of a, 28 fused multiply-adds. A CPU that starts one 512-bit multiply-add a
//! cycle (AMD Zen 4) or two (Zen 5, Intel servers) has room to load twice a cycle, so the multiplier is the limit.

use std::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{KC, Panel, Tile};
use crate::isa::Avx512;

pub(crate) const MR: usize = 14;
pub(crate) const NR: usize = 32;

/// The tile, for whoever has proof of AVX-512.
pub(crate) fn tile(_: Avx512) -> Tile<MR, NR> {
    Tile(run)
}

#[target_feature(enable = "avx512f")]
fn run(a: Panel<'_, MR>, b: &[[f32; NR]], c: &mut [[f32; NR]]) {
    match c.len() {
        1 => rows::<1>(a, b, c),
        2 => rows::<2>(a, b, c),
        3 => rows::<3>(a, b, c),
        4 => rows::<4>(a, b, c),
        5 => rows::<5>(a, b, c),
        6 => rows::<6>(a, b, c),
        7 => rows::<7>(a, b, c),
        8 => rows::<8>(a, b, c),
        9 => rows::<9>(a, b, c),
        10 => rows::<10>(a, b, c),
        11 => rows::<11>(a, b, c),
        12 => rows::<12>(a, b, c),
        13 => rows::<13>(a, b, c),
        14 => rows::<14>(a, b, c),
        other => unreachable!("a tile of {other} rows"),
    }
}

/// R rows, where R is known to the compiler, so that the accumulators are registers.
#[target_feature(enable = "avx512f")]
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

#[target_feature(enable = "avx512f")]
#[inline]
fn sum<const R: usize>(a: impl Fn(usize, usize) -> f32, b: &[[f32; NR]], c: &mut [[f32; NR]; R]) {
    let mut acc = [[_mm512_setzero_ps(); 2]; R];
    for k in 0..b.len() {
        let b = load(&b[k]);
        for i in 0..R {
            let a = _mm512_set1_ps(a(i, k));
            acc[i][0] = _mm512_fmadd_ps(a, b[0], acc[i][0]);
            acc[i][1] = _mm512_fmadd_ps(a, b[1], acc[i][1]);
        }
    }
    for i in 0..R {
        store(&mut c[i], acc[i]);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(from: &[f32; NR]) -> [__m512; 2] {
    // SAFETY: `from` has 32 floats: two loads of 16, of any alignment.
    unsafe { [_mm512_loadu_ps(from.as_ptr()), _mm512_loadu_ps(from[16..].as_ptr())] }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(to: &mut [f32; NR], v: [__m512; 2]) {
    // SAFETY: `to` has 32 floats: two stores of 16, of any alignment.
    unsafe {
        _mm512_storeu_ps(to.as_mut_ptr(), v[0]);
        _mm512_storeu_ps(to[16..].as_mut_ptr(), v[1]);
    }
}
