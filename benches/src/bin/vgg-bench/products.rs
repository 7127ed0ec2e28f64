//! Matrix products of VGG16's sizes, and the machine's own limit.

use graft_benches::{data, peak};
use graft_kernels::Isa;
use graft_kernels::gemm::{self, Epilogue, GemmShape, MatRef};

use crate::Result;
use crate::clock::Clock;

/// m, k, n: a large square; convolutions as products (4·block-3 filters by pixels, block1_conv2, …, block4_conv2 of one
/// picture); a dense layer at batch 32.
const SHAPES: [[usize; 3]; 8] = [
    [2048, 2048, 2048],
    [512, 4608, 784],
    [25088, 576, 64],
    [32, 25088, 4096],
    [50176, 27, 64],
    [12544, 1152, 128],
    [3136, 2304, 256],
    [784, 4608, 512],
];

/// A, B and C row-major.
pub(crate) fn gemm(clock: &Clock, isa: Isa) -> Result<()> {
    for [m, k, n] in SHAPES {
        let (a, b, mut c) = (data(1, m * k), data(2, k * n), vec![0.0; m * n]);
        let (a, b) = (MatRef::row_major(&a, k), MatRef::row_major(&b, n));
        let timing = clock.measure(2, || {
            gemm::gemm(isa, GemmShape { m, n, k }, a, b, Epilogue::default(), &mut c);
            Ok(())
        })?;
        clock.tell_rate(&format!("gemm-{m}x{k}x{n}"), 2.0 * m as f64 * k as f64 * n as f64, &timing)?;
    }
    Ok(())
}

/// Multiply-adds between registers, on all threads at once.
pub(crate) fn peak(clock: &Clock) -> Result<()> {
    for isa in Isa::available() {
        let mut flops = 0.0;
        let timing = clock.measure(2, || {
            flops = peak::run(isa) as f64;
            Ok(())
        })?;
        clock.tell_rate(&format!("peak-{isa}"), flops, &timing)?;
    }
    Ok(())
}
