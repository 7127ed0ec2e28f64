//! VGG16's nine convolutions, forward and backward, by rung of the ladder and by instruction set, for one picture; for
//! eight, on the best instruction set.

#![forbid(unsafe_code)]

use graft_benches::{Check, Criterion, Flops, Sheet, Variant, data, flops, isas, run_rated, shapes};
use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Finish, KeptFilters, Padding, reference};

fn main() {
    run_rated(|c, sheet| {
        // The whole ladder, where its lowest rung takes milliseconds.
        ladder(c, sheet, "tiny", &shapes::convolution(1, 14, 32, 32), &rungs(&Algorithm::LADDER, &isas()));
        let fast: Vec<_> =
            Algorithm::LADDER.into_iter().filter(|&rung| rung != Algorithm::Reference).collect();
        for (name, s) in shapes::convolutions(1) {
            ladder(c, sheet, name, &s, &rungs(&fast, &isas()));
        }
        for (name, s) in shapes::convolutions(8) {
            ladder(c, sheet, &format!("{name} of 8 pictures"), &s, &rungs(&fast, &isas()[..1]));
        }
    });
}

/// A rung of the ladder with the instruction set it uses, where it is for us to choose.
type Rung = (Algorithm, Option<Isa>);

/// These algorithms on these instruction sets; the lower ones have no kernels of ours for each.
fn rungs(algorithms: &[Algorithm], isas: &[Isa]) -> Vec<Rung> {
    let on = |&algorithm: &Algorithm| match algorithm {
        Algorithm::Reference | Algorithm::Im2colGemm => vec![(algorithm, None)],
        _ => isas.iter().map(|&isa| (algorithm, Some(isa))).collect(),
    };
    algorithms.iter().flat_map(on).collect()
}

/// The operands of one convolution.
struct Operands {
    x: Vec<f32>,
    w: Vec<f32>,
    dy: Vec<f32>,
}

/// The three products of one layer. They have the same number of operations.
fn ladder(c: &mut Criterion, sheet: &mut Sheet, name: &str, s: &Conv2dShape, rungs: &[Rung]) {
    let o = Operands { x: data(1, s.x_len()), w: data(2, s.w_len()), dy: data(3, s.y_len()) };
    let (mut y, mut dx, mut dw) = (vec![0.0; s.y_len()], vec![0.0; s.x_len()], vec![0.0; s.w_len()]);
    let mut product = |what: &str,
                       rungs: &[Rung],
                       (check, output): (&Check, &mut [f32]),
                       compute: &dyn Fn(Algorithm, Isa, &mut [f32])| {
        let name = format!("conv2d {name} {what}");
        let mut group = c.benchmark_group(&name);
        let direct = 2 * s.pixels() * s.taps() * s.cout;
        group.throughput(flops(direct));
        for &(algorithm, isa) in rungs {
            let carried_out = (direct as f64 * algorithm.share_of_products(s)).round() as usize;
            let by = isa.map_or_else(|| algorithm.to_string(), |isa| format!("{algorithm} {isa}"));
            let (variant, count) = (Variant { name: by, isa }, Flops { direct, carried_out });
            sheet.measure((&name, &mut group), variant, count, (check, &mut *output), |output| {
                compute(algorithm, isa.unwrap_or(Isa::Portable), output);
            });
        }
        group.finish();
    };
    let check = forward_check(s, &o);
    product("forward", rungs, (&check, &mut y), &|algorithm, isa, y| {
        conv2d::forward(isa, algorithm, s, &o.x, &o.w, None, Finish::default(), y);
    });
    // As a frozen base does it: what can be made of the filters beforehand has been made.
    for &(algorithm, isa) in rungs {
        let keep = |isa| KeptFilters::new(isa, algorithm, s, &o.w).expect("room for the filters");
        if let Some(kept) = isa.and_then(keep) {
            let kept = Some(&kept);
            product("forward, filters kept", &[(algorithm, isa)], (&check, &mut y), &|algorithm, isa, y| {
                conv2d::forward(isa, algorithm, s, &o.x, &o.w, kept, Finish::default(), y);
            });
        }
    }
    product("backward_input", rungs, (&backward_input_check(s, &o), &mut dx), &|algorithm, isa, dx| {
        conv2d::backward_input(isa, algorithm, s, &o.w, &o.dy, dx);
    });
    product("backward_weights", rungs, (&backward_weights_check(s, &o), &mut dw), &|algorithm, isa, dw| {
        conv2d::backward_weights(isa, algorithm, s, &o.x, &o.dy, dw);
    });
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
