//! Matrix products: those inside VGG16's convolutions and dense layers, and square ones.
//!
//! The baseline is the crate `matrixmultiply`, reached as a convolution of 1×1, which is a matrix product (and copies
//! its left operand once, as any im2col does).

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Flops, Sheet, Variant, data, flops, isas, run_rated};
use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Finish, Padding};
use graft_kernels::gemm::{Epilogue, GemmShape, MatRef, gemm, reference};

/// m, n, k: two squares; block1_conv1 and 2, block3_conv2 and block5_conv1; a dense head at batch 32; fc2 for one
/// picture.
const SHAPES: [[usize; 3]; 8] = [
    [256, 256, 256],
    [2048, 2048, 2048],
    [50176, 64, 27],
    [50176, 64, 576],
    [3136, 256, 2304],
    [196, 512, 4608],
    [32, 1024, 25088],
    [1, 4096, 4096],
];

fn main() {
    run_rated(|c, sheet| SHAPES.into_iter().for_each(|[m, n, k]| product(c, sheet, GemmShape { m, n, k })));
}

fn product(c: &mut Criterion, sheet: &mut Sheet, s: GemmShape) {
    let GemmShape { m, n, k } = s;
    let (a, b, mut out) = (data(1, m * k), data(2, k * n), vec![0.0; m * n]);
    let check = row_check(s, 0, &a, &b).and(row_check(s, m - 1, &a, &b));
    let name = format!("gemm {m}x{n}x{k}");
    let mut group = c.benchmark_group(&name);
    let count = Flops::direct(2 * m * n * k);
    group.throughput(flops(count.direct));
    let one_by_one =
        Conv2dShape::new([1, m, 1, k], [1, 1, k, n], [1, 1], Padding::Valid).expect("a small product");
    let library = Variant { name: "matrixmultiply".to_owned(), isa: None };
    sheet.measure((&name, &mut group), library, count, (&check, &mut out), |c| {
        conv2d::forward(
            Isa::Portable,
            Algorithm::Im2colGemm,
            &one_by_one,
            &a,
            &b,
            None,
            Finish::default(),
            c,
        );
    });
    for isa in isas() {
        let ours = Variant { name: isa.name().to_owned(), isa: Some(isa) };
        sheet.measure((&name, &mut group), ours, count, (&check, &mut out), |c| {
            gemm(isa, s, MatRef::row_major(&a, k), MatRef::row_major(&b, n), Epilogue::default(), c);
        });
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
