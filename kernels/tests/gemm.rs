//! Matrix products: every instruction set, every layout, around every edge of the tiles.

mod support;

use graft_kernels::Isa;
use graft_kernels::gemm::{self, Epilogue, GemmShape, MatRef, gemm};
use support::{
    Verdict, bits, every_isa, exact, floats, integers, pick, poisoned, same_on_any_pool, stream, within,
};

/// Sizes around the edges of all tiles (4 × 8, 6 × 16, 14 × 32), of the strips and of the blocks.
const M: [usize; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 27, 28, 29, 225];
const N: [usize; 16] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 127, 513];
const K: [usize; 15] = [0, 1, 2, 3, 4, 5, 9, 27, 64, 65, 255, 256, 257, 515, 1030];

/// How the operands lie in memory.
#[derive(Copy, Clone, Debug)]
struct Layout {
    a_transposed: bool,
    b_transposed: bool,
}

fn view(data: &[f32], rows: usize, cols: usize, transposed: bool) -> MatRef<'_> {
    if transposed { MatRef::row_major(data, rows).transposed() } else { MatRef::row_major(data, cols) }
}

/// `multiply` on integers, against sums in i64, with bias and ReLU.
fn check(
    shape: GemmShape,
    layout: Layout,
    case: u64,
    multiply: impl Fn(MatRef<'_>, MatRef<'_>, Epilogue<'_>, &mut [f32]),
) -> Verdict {
    let GemmShape { m, n, k } = shape;
    let mut s = stream(case);
    let (a, b, bias) = (integers(&mut s, m * k), integers(&mut s, k * n), integers(&mut s, n));
    let (a, b) = (view(&a, m, k, layout.a_transposed), view(&b, k, n, layout.b_transposed));
    let sum = |i: usize, j: usize| (0..k).map(|k| a.at(i, k) as i64 * b.at(k, j) as i64).sum::<i64>();
    let sums: Vec<i64> = (0..m * n).map(|at| sum(at / n, at % n)).collect();
    let finished: Vec<i64> =
        sums.iter().enumerate().map(|(at, s)| (s + bias[at % n] as i64).max(0)).collect();
    let mut c = poisoned(m * n);
    multiply(a, b, Epilogue::default(), &mut c);
    exact(&format!("{shape:?} {layout:?} c"), &c, &sums)?;
    c.fill(f32::NAN);
    multiply(a, b, Epilogue { bias: Some(&bias), relu: true }, &mut c);
    exact(&format!("{shape:?} {layout:?} relu(c + bias)"), &c, &finished)
}

/// Every m with every n, and a k and a layout that change from pair to pair.
fn shapes() -> impl Iterator<Item = (u64, GemmShape, Layout)> {
    let pairs = M.into_iter().flat_map(|m| N.into_iter().map(move |n| (m, n)));
    pairs.enumerate().flat_map(|(pair, (m, n))| {
        (0..4).map(move |l| {
            let case = pair as u64 * 4 + l;
            let mut s = stream(case);
            let k = K[pick(&mut s, 0..=K.len() - 1)];
            (case, GemmShape { m, n, k }, Layout { a_transposed: l & 1 == 1, b_transposed: l & 2 == 2 })
        })
    })
}

#[test]
fn integers_come_out_exactly() {
    let isas = every_isa();
    for (case, shape, layout) in shapes() {
        for &isa in &isas {
            let verdict = check(shape, layout, case, |a, b, e, c| gemm(isa, shape, a, b, e, c));
            verdict.unwrap_or_else(|e| panic!("{isa}: {e}"));
        }
    }
}

#[test]
fn a_wrong_kernel_is_caught() {
    let shape = GemmShape { m: 15, n: 33, k: 257 };
    let layout = Layout { a_transposed: false, b_transposed: false };
    let isa = Isa::best();
    let short = GemmShape { k: shape.k - 1, ..shape };
    assert!(
        check(shape, layout, 0, |a, b, e, c| gemm(isa, short, a, b, e, c)).is_err(),
        "the last k is left out"
    );
    let no_relu = |a: MatRef<'_>, b: MatRef<'_>, e: Epilogue<'_>, c: &mut [f32]| {
        gemm(isa, shape, a, b, Epilogue { relu: false, ..e }, c);
    };
    assert!(check(shape, layout, 0, no_relu).is_err(), "ReLU is left out");
    let corner = |a: MatRef<'_>, b: MatRef<'_>, e: Epilogue<'_>, c: &mut [f32]| {
        gemm(isa, shape, a, b, e, c);
        c[shape.m * shape.n - 1] = f32::NAN;
    };
    assert!(check(shape, layout, 0, corner).is_err(), "the last corner is never written");
}

#[test]
fn floats_stay_within_the_bound_of_the_theory() {
    for isa in every_isa() {
        for (case, [m, n, k]) in [[3, 70, 700], [30, 40, 1000], [17, 33, 2600]].into_iter().enumerate() {
            let mut s = stream(case as u64);
            let (a, b) = (floats(&mut s, m * k), floats(&mut s, k * n));
            let sum = |i: usize, j: usize, f: fn(f64) -> f64| -> f64 {
                (0..k).map(|p| f(f64::from(a[i * k + p]) * f64::from(b[p * n + j]))).sum()
            };
            let all = |f: fn(f64) -> f64| (0..m * n).map(|at| sum(at / n, at % n, f)).collect::<Vec<_>>();
            let (expected, magnitude) = (all(|v| v), all(f64::abs));
            let mut c = poisoned(m * n);
            let (a, b) = (MatRef::row_major(&a, k), MatRef::row_major(&b, n));
            gemm(isa, GemmShape { m, n, k }, a, b, Epilogue::default(), &mut c);
            // One chain of 256 (two roundings each where nothing is fused), and one addition for each chain.
            let roundings = 257 + k.div_ceil(256);
            within("c", &c, &expected, &magnitude, roundings).unwrap_or_else(|e| panic!("{isa}: {e}"));
            let reference = {
                let mut c = poisoned(m * n);
                gemm::reference::gemm(GemmShape { m, n, k }, a, b, &mut c);
                c
            };
            within("reference", &reference, &expected, &magnitude, 1).unwrap();
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_among_others() {
    let mut s = stream(0);
    let (m, n) = (29, 70);
    for (isa, k) in every_isa().into_iter().flat_map(|isa| [(isa, 600), (isa, 27)]) {
        let (a, b) = (floats(&mut s, m * k), floats(&mut s, k * n));
        let rows = |from: usize, to: usize| {
            let mut c = poisoned((to - from) * n);
            let shape = GemmShape { m: to - from, n, k };
            let (a, b) = (MatRef::row_major(&a[from * k..], k), MatRef::row_major(&b, n));
            gemm(isa, shape, a, b, Epilogue::default(), &mut c);
            bits(&c)
        };
        let all = rows(0, m);
        for (from, to) in (0..m).flat_map(|from| [1, 2, 5, 8, 9, 15].map(|len| (from, (from + len).min(m)))) {
            assert!(rows(from, to) == all[from * n..to * n], "{isa}: rows {from}..{to} of {m}");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut s = stream(0);
    for [m, n, k] in [[300, 200, 300], [3, 2000, 300], [31, 1500, 270], [3000, 70, 27]] {
        let (a, b) = (floats(&mut s, m * k), floats(&mut s, k * n));
        for isa in every_isa() {
            same_on_any_pool(&format!("{isa} {m}×{n}×{k}"), || {
                let mut c = poisoned(m * n);
                let (a, b) = (MatRef::row_major(&a, k), MatRef::row_major(&b, n));
                gemm(isa, GemmShape { m, n, k }, a, b, Epilogue::default(), &mut c);
                c
            });
        }
    }
}

#[test]
fn nan_in_nan_out_through_relu_too() {
    for isa in every_isa() {
        for m in [2, 20] {
            let (n, k) = (40, 300);
            let (mut a, mut b) = (vec![1.0; m * k], vec![1.0; k * n]);
            a[k + 299] = f32::NAN;
            b[7] = f32::NAN;
            let mut c = vec![0.0; m * n];
            let (a, b) = (MatRef::row_major(&a, k), MatRef::row_major(&b, n));
            gemm(
                isa,
                GemmShape { m, n, k },
                a,
                b,
                Epilogue { bias: Some(&vec![1.0; n]), relu: true },
                &mut c,
            );
            for (at, v) in c.iter().enumerate() {
                assert_eq!(v.is_nan(), at / n == 1 || at % n == 7, "{isa}: ({}, {})", at / n, at % n);
            }
        }
    }
}
