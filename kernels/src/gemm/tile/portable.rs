//! The tile that runs everywhere: 4 rows of one 8-float vector of `wide`, which is two SSE2 or NEON registers.
//!
//! The product is rounded before it is added. `f32::mul_add` would fuse the two, but where the baseline of the target
//! has no such instruction (x86-64 has none) it is a call into the C library, a hundred times slower.

use wide::f32x8;

use super::{KC, Panel, Tile};

pub(crate) const MR: usize = 4;
pub(crate) const NR: usize = 8;

/// The tile; it needs no proof.
pub(crate) fn tile() -> Tile<MR, NR> {
    Tile(run)
}

fn run(a: Panel<'_, MR>, b: &[[f32; NR]], c: &mut [[f32; NR]]) {
    match c.len() {
        1 => rows::<1>(a, b, c),
        2 => rows::<2>(a, b, c),
        3 => rows::<3>(a, b, c),
        4 => rows::<4>(a, b, c),
        other => unreachable!("a tile of {other} rows"),
    }
}

/// R rows, where R is known to the compiler, so that the accumulators are registers.
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

#[inline(always)]
fn sum<const R: usize>(a: impl Fn(usize, usize) -> f32, b: &[[f32; NR]], c: &mut [[f32; NR]; R]) {
    let mut acc = [f32x8::ZERO; R];
    for k in 0..b.len() {
        let b = f32x8::from(b[k]);
        for i in 0..R {
            acc[i] += f32x8::splat(a(i, k)) * b;
        }
    }
    for i in 0..R {
        c[i] = acc[i].to_array();
    }
}
