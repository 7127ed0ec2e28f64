//! Winograd's convolution: what the tests of all algorithms do not ask. How large its errors may be, whether mistakes of
//! its kind are seen, and whether the ways to the same numbers are the same to the bit.

mod support;

use graft_kernels::Isa;
use graft_kernels::conv2d::{self, Algorithm, Conv2dShape, Finish, KeptFilters, Padding};
use graft_kernels::max_pool2d;
use support::conv2d::{
    Convolution, Data, Ours, data, expected, for_each_product, pooled_len, shape, whole_numbers,
};
use support::winograd::{self, Matrices, Mistake};
use support::{bits, every_isa, exact, floats, pick, poisoned, same_on_any_pool, stream, within};

fn three_by_three(input: [usize; 4], cout: usize, padding: Padding) -> Conv2dShape {
    shape(input, [3, 3, input[3], cout], [1, 1], padding)
}

fn every_winograd() -> impl Iterator<Item = Ours> {
    every_isa().into_iter().map(|isa| Ours(isa, Algorithm::Winograd))
}

/// The shapes at which errors are bounded and mistakes shown: tiles cut off below and to the right, channels that fill
/// neither a line nor a panel, more of them than a chain has, more tiles than a chunk of the gradient.
fn judged_shapes() -> [Conv2dShape; 4] {
    [
        three_by_three([2, 9, 7, 60], 40, Padding::Same),
        three_by_three([1, 8, 11, 131], 17, Padding::Valid),
        three_by_three([1, 6, 7, 19], 150, Padding::Same),
        three_by_three([2, 30, 37, 5], 3, Padding::Same),
    ]
}

/// y, dx and dw by definition.
fn by_definition(s: &Conv2dShape, d: &Data) -> [Vec<f64>; 3] {
    let [mut y, mut dx, mut dw] = [s.y_len(), s.x_len(), s.w_len()].map(|len| vec![0.0_f64; len]);
    for_each_product(s, |ix, iw, iy| {
        let [x, w, g] = [d.x[ix], d.w[iw], d.dy[iy]].map(f64::from);
        y[iy] += x * w;
        dx[ix] += g * w;
        dw[iw] += g * x;
    });
    [y, dx, dw]
}

/// What the errors of y, dx and dw are relative to: the sums of Winograd's matrices with every number and every
/// coefficient taken as positive.
fn magnitudes(s: &Conv2dShape, d: &Data) -> [Vec<f64>; 3] {
    let abs = |v: &[f32]| v.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let (m, [x, w, dy]) = (Matrices::right().magnitudes(), [&d.x, &d.w, &d.dy].map(|v| abs(v)));
    [
        winograd::forward(&m, s, &x, &w, Mistake::None),
        winograd::backward_input(&m, s, &w, &dy, Mistake::None),
        winograd::backward_weights(&m, s, &x, &dy),
    ]
}

/// Roundings in a row on the way to an output: at most five for a transform along one axis, one for the filter, two for
/// each term of a chain of 128 (the portable tile rounds the product too), one for each chain.
fn roundings(channels: usize) -> usize {
    2 * 5 + 1 + 2 * channels.min(128) + channels.div_ceil(128) + 2 * 5
}

/// And on the way to a tap: two transforms there, a chain over a chunk of up to 32 tiles, the way back, one rounding for the
/// division and one for a tap that is taken for zero; and the sum over the chunks, which have half as many at least.
fn roundings_of_taps(tiles: usize) -> usize {
    2 * 5 + 2 * 5 + 2 * tiles.min(32) + 2 * 6 + 2 + tiles.div_ceil(16)
}

fn tiles(s: &Conv2dShape) -> usize {
    s.n * s.out_h().div_ceil(4) * s.out_w().div_ceil(4)
}

#[test]
fn floats_stay_within_the_bound_of_the_matrices() {
    for (case, s) in judged_shapes().iter().enumerate() {
        let d = data(s, case as u64, floats);
        let ([y, dx, dw], [y_of, dx_of, dw_of]) = (by_definition(s, &d), magnitudes(s, &d));
        for ours in every_winograd() {
            let (mut fy, mut fdx, mut fdw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(s, &d.x, &d.w, Finish::default(), &mut fy);
            ours.backward_input(s, &d.w, &d.dy, &mut fdx);
            ours.backward_weights(s, &d.x, &d.dy, &mut fdw);
            within("y", &fy, &y, &y_of, roundings(s.cin))
                .and_then(|()| within("dx", &fdx, &dx, &dx_of, roundings(s.cout)))
                .and_then(|()| within("dw", &fdw, &dw, &dw_of, roundings_of_taps(tiles(s))))
                .unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

fn rounded(v: &[f64]) -> Vec<f32> {
    v.iter().map(|&v| v as f32).collect()
}

#[test]
fn a_wrong_winograd_is_caught_by_both_judges() {
    let s = three_by_three([1, 9, 7, 131], 33, Padding::Same);
    let (d, floats) = (whole_numbers(&s, 0), data(&s, 0, floats));
    let (e, by_definition, magnitudes) =
        (expected(&s, &d), by_definition(&s, &floats), magnitudes(&s, &floats));
    let wrong = [
        (Matrices::right(), Mistake::None),
        (Matrices::right(), Mistake::TransposedTile),
        (Matrices::right(), Mistake::DroppedChain),
        (Matrices::right(), Mistake::DroppedLine),
        (Matrices::right(), Mistake::Unpadded),
        (Matrices::without_a_divisor(), Mistake::None),
    ];
    for (index, (m, mistake)) in wrong.iter().enumerate() {
        let y = |d: &Data| rounded(&winograd::forward(m, &s, &d.x, &d.w, *mistake));
        let dx = |d: &Data| rounded(&winograd::backward_input(m, &s, &d.w, &d.dy, *mistake));
        let verdicts = [
            exact("y", &y(&d), &e.y),
            within("y", &y(&floats), &by_definition[0], &magnitudes[0], roundings(s.cin)),
            exact("dx", &dx(&d), &e.dx),
            within("dx", &dx(&floats), &by_definition[1], &magnitudes[1], roundings(s.cout)),
        ];
        for verdict in verdicts {
            assert_eq!(verdict.is_ok(), index == 0, "{mistake:?} ({index}): {verdict:?}");
        }
    }
    for (m, right) in [(Matrices::right(), true), (Matrices::without_a_divisor(), false)] {
        // The divisors of the taps are applied in f64, which leaves whole numbers whole but for its own rounding.
        let dw = |d: &Data| winograd::backward_weights(&m, &s, &d.x, &d.dy);
        let whole: Vec<f32> = rounded(&dw(&d).iter().map(|v| (v * 1e6).round() / 1e6).collect::<Vec<_>>());
        let within =
            within("dw", &rounded(&dw(&floats)), &by_definition[2], &magnitudes[2], roundings_of_taps(6));
        assert_eq!([exact("dw", &whole, &e.dw).is_ok(), within.is_ok()], [right; 2]);
    }
}

/// A few numbers of y, dx or dw: where they are, and what they are in f64.
fn sampled(len: usize, of: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
    let mut r = stream(len as u64);
    (0..600).map(|_| pick(&mut r, 0..=len - 1)).map(|i| (i, of(i))).collect()
}

/// Relative L2 of the error, and the largest error in units of the root mean square.
fn errors(found: &[f32], expected: &[(usize, f64)]) -> [f64; 2] {
    let difference = |&(i, e): &(usize, f64)| f64::from(found[i]) - e;
    let squares = |of: &dyn Fn(&(usize, f64)) -> f64| expected.iter().map(|e| of(e).powi(2)).sum::<f64>();
    let size = squares(&|e| e.1);
    let largest = expected.iter().map(|e| difference(e).abs()).fold(0.0, f64::max);
    [(squares(&difference) / size).sqrt(), largest / (size / expected.len() as f64).sqrt()]
}

/// Pixels of x from which output pixel (oy, ox) of the first picture is made, each with its tap.
fn seen(s: Conv2dShape, [oy, ox]: [usize; 2]) -> impl Iterator<Item = ([usize; 2], usize)> {
    (0..9).filter_map(move |tap| {
        let [y, x] = [(oy + tap / 3).checked_sub(1)?, (ox + tap % 3).checked_sub(1)?];
        (y < s.h && x < s.w).then_some(([y, x], tap))
    })
}

#[test]
fn layers_of_vgg16_come_within_4e_6_of_f64() {
    let sizes = [
        (224, 64, 64),
        (112, 64, 128),
        (112, 128, 128),
        (56, 128, 256),
        (56, 256, 256),
        (28, 256, 512),
        (28, 512, 512),
        (14, 512, 512),
    ];
    for (side, cin, cout) in sizes {
        let s = three_by_three([1, side, side, cin], cout, Padding::Same);
        let d = data(&s, side as u64, floats);
        let product = |a: f32, b: f32| f64::from(a) * f64::from(b);
        let y = sampled(s.y_len(), |i| {
            let (o, at) = (i % cout, [i / cout / side, i / cout % side]);
            let pixel = |([y, x], tap): ([usize; 2], usize)| {
                let x = &d.x[(y * side + x) * cin..][..cin];
                (0..cin).map(|k| product(x[k], d.w[(tap * cin + k) * cout + o])).sum::<f64>()
            };
            seen(s, at).map(pixel).sum()
        });
        let dx = sampled(s.x_len(), |i| {
            let (k, at) = (i % cin, [i / cin / side, i / cin % side]);
            let pixel = |([y, x], tap): ([usize; 2], usize)| {
                let (dy, w) = (&d.dy[(y * side + x) * cout..], &d.w[((8 - tap) * cin + k) * cout..]);
                (0..cout).map(|o| product(dy[o], w[o])).sum::<f64>()
            };
            seen(s, at).map(pixel).sum()
        });
        let dw = sampled(s.w_len(), |i| {
            let (o, k, tap) = (i % cout, i / cout % cin, i / cout / cin);
            let of_pixel = |p: usize| {
                let found = seen(s, [p / side, p % side]).find(|(_, t)| *t == tap);
                found.map_or(0.0, |([y, x], _)| product(d.dy[p * cout + o], d.x[(y * side + x) * cin + k]))
            };
            (0..side * side).map(of_pixel).sum()
        });
        for ours in every_winograd() {
            let (mut fy, mut fdx, mut fdw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(&s, &d.x, &d.w, Finish::default(), &mut fy);
            ours.backward_input(&s, &d.w, &d.dy, &mut fdx);
            ours.backward_weights(&s, &d.x, &d.dy, &mut fdw);
            for (what, found, expected) in [("y", &fy, &y), ("dx", &fdx, &dx), ("dw", &fdw, &dw)] {
                let [l2, largest] = errors(found, expected);
                println!("{what} of {side}² {cin} → {cout}, {}: L2 {l2:.2e}, largest {largest:.2e}", ours.0);
                // NaN is not less.
                assert!(l2 < 4e-6 && largest < 2e-5, "{what} of {side}² {cin} → {cout}, {ours:?}");
            }
        }
    }
}

#[test]
fn integers_come_out_exactly_however_the_cores_share_the_work() {
    for (case, s) in [
        // By region everywhere; by region on few threads only; by panel only: rows of a picture, then many pictures. All but
        // the first have several groups of panels.
        three_by_three([3, 34, 43, 16], 33, Padding::Same),
        three_by_three([1, 14, 14, 165], 140, Padding::Same),
        three_by_three([1, 59, 62, 344], 344, Padding::Same),
        three_by_three([210, 2, 4, 350], 340, Padding::Same),
    ]
    .iter()
    .enumerate()
    {
        let d = whole_numbers(s, case as u64);
        let everything = |ours: Ours| {
            let (mut y, mut dx, mut dw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(s, &d.x, &d.w, Finish::default(), &mut y);
            ours.backward_input(s, &d.w, &d.dy, &mut dx);
            ours.backward_weights(s, &d.x, &d.dy, &mut dw);
            // No zero is negative.
            [y, dx, dw].concat().into_iter().map(|v| v + 0.0).collect::<Vec<_>>()
        };
        // The direct one is held to the definition by the tests of all algorithms.
        let expected = everything(Ours(Isa::best(), Algorithm::Direct));
        for ours in every_winograd() {
            same_on_any_pool(&format!("{ours:?} {s:?}"), || {
                let found = everything(ours);
                let wrong = found.iter().zip(&expected).position(|(f, e)| f != e);
                assert_eq!(wrong, None, "{ours:?} {s:?}");
                found
            });
        }
    }
}

#[test]
fn kept_filters_and_fused_pooling_change_no_bit() {
    for s in [
        three_by_three([3, 34, 43, 24], 33, Padding::Same),
        three_by_three([2, 5, 5, 40], 140, Padding::Same),
        three_by_three([1, 6, 9, 17], 16, Padding::Valid),
        three_by_three([2, 1, 7, 16], 16, Padding::Same),
        three_by_three([2, 7, 1, 16], 16, Padding::Same),
        three_by_three([201, 2, 2, 344], 344, Padding::Same),
    ] {
        let d = data(&s, 0, floats);
        for Ours(isa, algorithm) in every_winograd() {
            let kept = KeptFilters::new(isa, algorithm, &s, &d.w).expect("room");
            assert!(kept.is_some());
            for relu in [false, true] {
                let forward = |pool, kept: Option<&KeptFilters>| {
                    let mut y = poisoned(if pool { pooled_len(&s) } else { s.y_len() });
                    let finish = Finish { bias: Some(&d.bias), relu, pool };
                    conv2d::forward(isa, algorithm, &s, &d.x, &d.w, kept, finish, &mut y);
                    y
                };
                let map = forward(false, None);
                let mut pooled = poisoned(pooled_len(&s));
                max_pool2d::forward(isa, &s.pooled(), &map, &mut pooled);
                assert!(bits(&forward(false, kept.as_ref())) == bits(&map), "{isa} {s:?}: kept filters");
                for kept in [None, kept.as_ref()] {
                    assert!(bits(&forward(true, kept)) == bits(&pooled), "{isa} {s:?}: pooled in the store");
                }
            }
        }
    }
}

#[test]
fn filters_kept_for_another_instruction_set_or_other_channels_are_not_used() {
    let s = three_by_three([1, 8, 8, 16], 32, Padding::Same);
    let other = three_by_three([1, 8, 8, 32], 16, Padding::Same);
    let d = data(&s, 0, floats);
    let run = |isa, kept: Option<&KeptFilters>| {
        let mut y = poisoned(s.y_len());
        conv2d::forward(isa, Algorithm::Winograd, &s, &d.x, &d.w, kept, Finish::default(), &mut y);
        bits(&y)
    };
    let wrong = vec![1.0; s.w_len()];
    for made_for in Isa::available() {
        let of = |s| KeptFilters::new(made_for, Algorithm::Winograd, s, &wrong).expect("room");
        for isa in every_isa() {
            assert!(run(isa, of(&other).as_ref()) == run(isa, None));
            // Where they are taken, the result is another.
            assert_eq!(run(isa, of(&s).as_ref()) == run(isa, None), made_for != isa);
        }
    }
}

/// A channel that one pixel reaches has no gradient for most taps: it is zero by definition, and has to be, as an
/// optimiser that divides gradients by their own size would follow any noise there.
#[test]
fn taps_that_no_pixel_reaches_have_no_gradient() {
    let s = three_by_three([1, 24, 24, 16], 35, Padding::Same);
    let mut d = data(&s, 0, floats);
    d.x.fill(0.0);
    for channel in 0..s.cin {
        d.x[channel] = 0.3 + channel as f32; // pixel (0, 0)
    }
    for ours in every_winograd() {
        let mut dw = poisoned(s.w_len());
        ours.backward_weights(&s, &d.x, &d.dy, &mut dw);
        let beyond = |i: &usize| i / s.cout / s.cin / 3 == 2 || i / s.cout / s.cin % 3 == 2;
        let noise = (0..dw.len()).filter(beyond).filter(|&i| dw[i] != 0.0).count();
        assert_eq!(noise, 0, "{ours:?}");
    }
}
