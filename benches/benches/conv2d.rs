//! VGG16's nine convolutions, forward and backward, by rung of the ladder and by instruction set.

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Once, data, flops, isas, run, shapes};
use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Padding, reference};
use std::hint::black_box;

fn main() {
    run(|c| {
        // The whole ladder, where its lowest rung takes milliseconds.
        ladder(c, "tiny", &shapes::convolution(1, 14, 32, 32), &Algorithm::LADDER);
        for (name, s) in shapes::convolutions() {
            ladder(c, name, &s, &[Algorithm::Im2colGemm, Algorithm::Direct]);
        }
    });
}

/// The operands of one convolution.
struct Operands {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

/// The three products of one layer. They have the same number of operations.
fn ladder(c: &mut Criterion, name: &str, s: &Conv2dShape, algorithms: &[Algorithm]) {
    let o = Operands { x: data(1, s.x_len()), w: data(2, s.w_len()), dy: data(3, s.y_len()) };
    let variants = variants(algorithms);
    let (mut y, mut dx, mut dw) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()], vec![0.0; s.w_len()]);

    let check = forward_check(s, &o);
    product(c, &format!("conv2d {name} forward"), s, &variants, &check, &mut y, |algorithm, isa, y| {
        conv2d::forward(isa, algorithm, s, &o.x, &o.w, None, false, y);
    });
    let check = backward_input_check(s, &o);
    product(
        c,
        &format!("conv2d {name} backward_input"),
        s,
        &variants,
        &check,
        &mut dx,
        |algorithm, isa, dx| {
            conv2d::backward_input(isa, algorithm, s, &o.w, &o.dy, dx);
        },
    );
    let check = backward_weights_check(s, &o);
    product(
        c,
        &format!("conv2d {name} backward_weights"),
        s,
        &variants,
        &check,
        &mut dw,
        |algorithm, isa, dw| {
            conv2d::backward_weights(isa, algorithm, s, &o.x, &o.dy, dw);
        },
    );
}

/// Only the direct convolution has kernels of ours for each instruction set.
fn variants(algorithms: &[Algorithm]) -> Vec<(Algorithm, Isa)> {
    let isas = |algorithm| if algorithm == Algorithm::Direct { isas() } else { vec![Isa::Portable] };
    algorithms
        .iter()
        .flat_map(|&algorithm| isas(algorithm).into_iter().map(move |isa| (algorithm, isa)))
        .collect()
}

/// Checks and measures every variant of one product.
fn product(
    c: &mut Criterion,
    group: &str,
    s: &Conv2dShape,
    variants: &[(Algorithm, Isa)],
    check: &Check,
    output: &mut [f32],
    compute: impl Fn(Algorithm, Isa, &mut [f32]),
) {
    let mut group = c.benchmark_group(group);
    group.throughput(flops(2 * s.pixels() * s.taps() * s.cout));
    for &(algorithm, isa) in variants {
        let name = match algorithm {
            Algorithm::Direct => format!("{algorithm} {isa}"),
            _ => algorithm.to_string(),
        };
        let mut checked = Once::default();
        group.bench_function(&name, |b| {
            checked.run(|| {
                output.fill(f32::NAN);
                compute(algorithm, isa, output);
                check.judge(&name, output);
            });
            b.iter(|| compute(algorithm, isa, black_box(&mut *output)));
        });
    }
    group.finish();
}

/// Two corners and the middle of a map.
fn sample(s: &Conv2dShape) -> [[usize; 2]; 3] {
    [[0, 0], [s.h / 2, s.w / 3], [s.h - 1, s.w - 1]]
}

/// The 3×3 pixels around one, zeros beyond the edge: all that a 3×3 filter sees from there.
fn around([row, col]: [usize; 2], s: &Conv2dShape, channels: usize, map: &[f32]) -> Vec<f32> {
    let mut patch = Vec::with_capacity(9 * channels);
    for h in (0..3).map(|i| (row + i).wrapping_sub(1)) {
        for w in (0..3).map(|j| (col + j).wrapping_sub(1)) {
            match h < s.h && w < s.w {
                true => patch.extend(&map[(h * s.w + w) * channels..][..channels]),
                false => patch.resize(patch.len() + channels, 0.0),
            }
        }
    }
    patch
}

/// All channels of some pixels of y, each computed from the patch around it.
fn forward_check(s: &Conv2dShape, o: &Operands) -> Check {
    let one = Conv2dShape { n: 1, h: 3, w: 3, padding: Padding::Valid, ..*s };
    let at = |pixel: [usize; 2]| {
        let index = (0..s.cout).map(|c| (pixel[0] * s.w + pixel[1]) * s.cout + c).collect();
        Check::new(index, s.taps(), [&around(pixel, s, s.cin, &o.x), &o.w], |x, w| {
            let mut y = vec![0.0; s.cout];
            reference::forward(&one, x, w, None, false, &mut y);
            y
        })
    };
    sample(s).map(at).into_iter().reduce(Check::and).expect("three pixels")
}

/// All channels of some pixels of dx: the middle pixel of a map of 3×3.
fn backward_input_check(s: &Conv2dShape, o: &Operands) -> Check {
    let three = Conv2dShape { n: 1, h: 3, w: 3, ..*s };
    let at = |pixel: [usize; 2]| {
        let index = (0..s.cin).map(|c| (pixel[0] * s.w + pixel[1]) * s.cin + c).collect();
        Check::new(index, 9 * s.cout, [&o.w, &around(pixel, s, s.cout, &o.dy)], |w, dy| {
            let mut dx = vec![0.0; 9 * s.cin];
            reference::backward_input(&three, w, dy, &mut dx);
            dx[4 * s.cin..5 * s.cin].to_vec()
        })
    };
    sample(s).map(at).into_iter().reduce(Check::and).expect("three pixels")
}

/// The nine weights between some pairs of channels, from these channels alone.
fn backward_weights_check(s: &Conv2dShape, o: &Operands) -> Check {
    let pair = Conv2dShape { cin: 1, cout: 1, ..*s };
    let channel =
        |map: &[f32], c, channels| map.iter().skip(c).step_by(channels).copied().collect::<Vec<_>>();
    let at = |[ci, co]: [usize; 2]| {
        let index = (0..9).map(|tap| (tap * s.cin + ci) * s.cout + co).collect();
        let (x, dy) = (channel(&o.x, ci, s.cin), channel(&o.dy, co, s.cout));
        Check::new(index, s.pixels(), [&x, &dy], |x, dy| {
            let mut dw = vec![0.0; 9];
            reference::backward_weights(&pair, x, dy, &mut dw);
            dw
        })
    };
    at([0, 0]).and(at([s.cin - 1, s.cout - 1])).and(at([s.cin / 2, s.cout / 3]))
}
