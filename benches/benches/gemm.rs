//! Matrix products: those inside VGG16's convolutions and dense layers, and square ones.
//!
//! The baseline is the crate `matrixmultiply`, reached as a convolution of 1×1, which is a matrix product (and copies
//! its left operand once, as any im2col does).

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Once, data, flops, isas, run};
use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Padding};
use graft_kernels::gemm::{Epilogue, GemmShape, MatRef, gemm, reference};
use std::hint::black_box;

/// m, n, k: two squares; block1_conv2, block3_conv2 and block5_conv1; a dense head at batch 32; fc2 for one picture.
const SHAPES: [[usize; 3]; 7] = [
    [256, 256, 256],
    [1024, 1024, 1024],
    [50176, 64, 576],
    [3136, 256, 2304],
    [196, 512, 4608],
    [32, 1024, 25088],
    [1, 4096, 4096],
];

fn main() {
    run(|c| SHAPES.into_iter().for_each(|[m, n, k]| product(c, GemmShape { m, n, k })));
}

fn product(c: &mut Criterion, s: GemmShape) {
    let GemmShape { m, n, k } = s;
    let (a, b, mut out) = (data(1, m * k), data(2, k * n), vec![0.0; m * n]);
    let check = row_check(s, 0, &a, &b).and(row_check(s, m - 1, &a, &b));
    let mut group = c.benchmark_group(format!("gemm {m}x{n}x{k}"));
    group.throughput(flops(2 * m * n * k));
    let one_by_one =
        Conv2dShape::new([1, m, 1, k], [1, 1, k, n], [1, 1], Padding::Valid).expect("a small product");
    let matrixmultiply = |c: &mut [f32]| {
        conv2d::forward(Isa::Portable, Algorithm::Im2colGemm, &one_by_one, &a, &b, None, false, c);
    };
    let ours = |isa: Isa, c: &mut [f32]| {
        gemm(isa, s, MatRef::row_major(&a, k), MatRef::row_major(&b, n), Epilogue::default(), c);
    };
    let mut measure = |name: &str, compute: &dyn Fn(&mut [f32])| {
        let mut checked = Once::default();
        group.bench_function(name, |bencher| {
            checked.run(|| {
                out.fill(f32::NAN);
                compute(&mut out);
                check.judge(name, &out);
            });
            bencher.iter(|| compute(black_box(&mut out)));
        });
    };
    measure("matrixmultiply", &matrixmultiply);
    for isa in isas() {
        measure(isa.name(), &|c: &mut [f32]| ours(isa, c));
    }
    group.finish();
}

/// Some columns of one row of the product.
fn row_check(s: GemmShape, row: usize, a: &[f32], b: &[f32]) -> Check {
    let columns: Vec<usize> = (0..s.n).step_by(s.n.div_ceil(5)).chain([s.n - 1]).collect();
    let b: Vec<f32> = (0..s.k).flat_map(|k| columns.iter().map(move |&j| b[k * s.n + j])).collect();
    let index = columns.iter().map(|j| row * s.n + j).collect();
    Check::new(index, s.k, [&a[row * s.k..][..s.k], &b], |a, b| {
        let shape = GemmShape { m: 1, n: columns.len(), ..s };
        let mut c = vec![0.0; columns.len()];
        reference::gemm(shape, MatRef::row_major(a, s.k), MatRef::row_major(b, columns.len()), &mut c);
        c
    })
}
