//! Convolution: every algorithm on every instruction set, forward and backward, at the shapes where things go wrong.

mod support;

use graft_kernels::conv2d::{Algorithm, Conv2dShape, Finish, Padding};
use graft_kernels::{Buffer, Isa};
use support::conv2d::{
    Convolution, Data, Ours, all, check, data, expected, for_each_product, pooled_len, shape, whole_numbers,
};
use support::{bits, every_isa, floats, pick, poisoned, same_on_any_pool, stream, within};

/// The edges of maps, tiles and blocks: one pixel, fewer pixels than a tile has rows, one more; three channels, one more
/// or less than a vector; more taps than one block of k has.
fn boundary_shapes() -> Vec<Conv2dShape> {
    let mut all = Vec::new();
    for padding in [Padding::Same, Padding::Valid] {
        for [h, w] in [[1, 1], [2, 3], [3, 2], [5, 5], [7, 9], [14, 14]] {
            for (k, stride) in [(1, [1, 1]), (2, [1, 1]), (3, [1, 1]), (3, [2, 2]), (5, [1, 2]), (3, [3, 1])]
            {
                for [n, cin, cout] in [[1, 1, 1], [2, 3, 4], [3, 13, 15], [1, 17, 33], [2, 16, 7]] {
                    if padding == Padding::Same || (k <= h && k <= w) {
                        all.push(shape([n, h, w, cin], [k, k, cin, cout], stride, padding));
                    }
                }
            }
        }
    }
    all.push(shape([0, 4, 4, 2], [3, 3, 2, 2], [1, 1], Padding::Same));
    all.push(shape([2, 4, 4, 0], [3, 3, 0, 2], [1, 1], Padding::Same));
    all.push(shape([2, 4, 4, 2], [3, 3, 2, 0], [1, 1], Padding::Same));
    all.push(shape([1, 15, 1, 64], [3, 3, 64, 31], [1, 1], Padding::Same));
    // Sums of more channels than one chain of Winograd's has.
    all.push(shape([1, 8, 8, 128], [3, 3, 128, 65], [1, 1], Padding::Same));
    all.push(shape([1, 5, 6, 131], [3, 3, 131, 33], [1, 1], Padding::Valid));
    all.push(shape([1, 6, 5, 40], [3, 3, 40, 260], [1, 1], Padding::Same));
    for [n, cin, cout] in [[33, 3, 16], [5, 31, 17], [2, 33, 40]] {
        all.push(shape([n, 5, 9, cin], [3, 3, cin, cout], [1, 1], Padding::Same));
        all.push(shape([n, 9, 5, cin], [3, 3, cin, cout], [1, 1], Padding::Valid));
    }
    // The first layer's tile goes along a row.
    for w in 1..=31 {
        all.push(shape([2, 3, w, 3], [3, 3, 3, 33], [1, 1], Padding::Same));
    }
    all.push(shape([1, 4, 47, 3], [3, 3, 3, 65], [1, 1], Padding::Valid));
    // The gradient of the weights sums over more than one chunk of pixels.
    all.push(shape([3, 41, 71, 3], [3, 3, 3, 5], [1, 1], Padding::Same));
    all
}

#[test]
fn integers_come_out_exactly_at_every_boundary() {
    let all = all();
    for (case, s) in boundary_shapes().iter().enumerate() {
        let d = whole_numbers(s, case as u64);
        let e = expected(s, &d);
        for ours in &all {
            check(ours, s, &d, &e).unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

#[test]
fn integers_come_out_exactly_at_random_shapes() {
    let all = all();
    for case in 0..2000 {
        let mut r = stream(1_000_000 + case);
        // Every other one is a layer as VGG16 has them: 3×3, moved by one.
        let (kernel, stride) = if case % 2 == 0 {
            ([3, 3], [1, 1])
        } else {
            ([(); 2].map(|()| pick(&mut r, 1..=5)), [(); 2].map(|()| pick(&mut r, 1..=3)))
        };
        let padding = if r.next_u32().is_multiple_of(2) { Padding::Same } else { Padding::Valid };
        let least = |k: usize| if padding == Padding::Valid { k } else { 1 };
        let [h, w] = kernel.map(|k| pick(&mut r, least(k)..=least(k) + 7));
        let [n, cin, cout] = [pick(&mut r, 1..=3), pick(&mut r, 1..=18), pick(&mut r, 1..=36)];
        let s = shape([n, h, w, cin], [kernel[0], kernel[1], cin, cout], stride, padding);
        let d = whole_numbers(&s, case);
        let e = expected(&s, &d);
        for ours in &all {
            check(ours, &s, &d, &e).unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

/// A convolution with one mistake.
#[derive(Copy, Clone, Debug)]
enum Wrong {
    DroppedTap,
    SwappedStride,
    PaddingAfterFirst,
    FlippedKernel,
    NoBias,
    LastPixelUnwritten,
    LastPixelUncounted,
    BiasOfOnePicture,
    GradientByUnturnedFilter,
    GradientPaddedAsForward,
}

const RIGHT: Ours = Ours(Isa::Portable, Algorithm::Reference);

impl Convolution for Wrong {
    fn forward(&self, s: &Conv2dShape, x: &[f32], w: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        match self {
            Self::DroppedTap => {
                let mut w = w.to_vec();
                w[s.w_len() - s.cin * s.cout..].fill(0.0);
                RIGHT.forward(s, x, &w, finish, y);
            }
            Self::SwappedStride => {
                let swapped = Conv2dShape { stride: [s.stride[1], s.stride[0]], ..*s };
                let mut all = vec![0.0; swapped.y_len()];
                RIGHT.forward(&swapped, x, w, finish, &mut all);
                y.iter_mut().zip(all.iter().cycle()).for_each(|(y, v)| *y = *v);
            }
            Self::PaddingAfterFirst => {
                // The odd zero before the map, not after it: the map moved down by one row of zeros.
                let mut moved = vec![0.0; s.x_len()];
                let (row, picture) = (s.w * s.cin, s.h * s.w * s.cin);
                for n in 0..s.n {
                    let from = &x[n * picture..(n + 1) * picture - row];
                    moved[n * picture + row..(n + 1) * picture].copy_from_slice(from);
                }
                RIGHT.forward(s, &moved, w, finish, y);
            }
            Self::FlippedKernel => {
                let taps: Vec<f32> = w.rchunks(s.cin * s.cout).flatten().copied().collect();
                RIGHT.forward(s, x, &taps, finish, y);
            }
            Self::NoBias => RIGHT.forward(s, x, w, Finish { bias: None, ..finish }, y),
            Self::LastPixelUnwritten => {
                RIGHT.forward(s, x, w, finish, y);
                y[s.y_len() - s.cout..].fill(f32::NAN);
            }
            _ => RIGHT.forward(s, x, w, finish, y),
        }
    }
    fn backward_input(&self, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
        match self {
            Self::GradientByUnturnedFilter => {
                // The gradient turns the filter itself, so turn it here to undo that.
                let turned: Vec<f32> = w.rchunks(s.cin * s.cout).flatten().copied().collect();
                RIGHT.backward_input(s, &turned, dy, dx);
            }
            Self::GradientPaddedAsForward => {
                // dx[i] = Σ dy[i + k' - p]·w[k - 1 - k'] asks for p = k - 1 - pad; with p = pad, the gradient of pixel i
                // goes to pixel i + k - 1 - 2·pad. What falls off the map is lost.
                let mut right = vec![0.0; s.x_len()];
                RIGHT.backward_input(s, w, dy, &mut right);
                let down = s.kh - 1 - 2 * s.pad()[0];
                let row = s.w * s.cin;
                dx.fill(0.0);
                for (dx, right) in dx.chunks_mut(s.h * row).zip(right.chunks(s.h * row)) {
                    dx[down * row..].copy_from_slice(&right[..(s.h - down) * row]);
                }
            }
            _ => RIGHT.backward_input(s, w, dy, dx),
        }
    }
    fn backward_weights(&self, s: &Conv2dShape, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let mut dy = dy.to_vec();
        if let Self::LastPixelUncounted = self {
            dy[s.y_len() - s.cout..].fill(0.0);
        }
        RIGHT.backward_weights(s, x, &dy, dw);
    }
    fn backward_bias(&self, s: &Conv2dShape, dy: &[f32], db: &mut [f32]) {
        let dy = if let Self::BiasOfOnePicture = self { &dy[..s.y_len() / s.n] } else { dy };
        let rows = Conv2dShape { n: dy.len() * s.n / s.y_len(), ..*s };
        RIGHT.backward_bias(&rows, dy, db);
    }
}

#[test]
fn a_wrong_convolution_is_caught() {
    use Wrong::*;
    let s = shape([2, 8, 6, 3], [3, 3, 3, 5], [2, 1], Padding::Same);
    let d = whole_numbers(&s, 0);
    let e = expected(&s, &d);
    check(&RIGHT, &s, &d, &e).expect("the right one passes");
    let forward = [DroppedTap, SwappedStride, PaddingAfterFirst, FlippedKernel, NoBias, LastPixelUnwritten];
    let backward = [LastPixelUncounted, BiasOfOnePicture, GradientByUnturnedFilter, GradientPaddedAsForward];
    for wrong in forward.into_iter().chain(backward) {
        let verdict = check(&wrong, &s, &d, &e);
        assert!(verdict.is_err(), "{wrong:?} passes");
        if let GradientByUnturnedFilter | GradientPaddedAsForward = wrong {
            assert!(verdict.unwrap_err().starts_with("dx["), "{wrong:?}: another result is wrong");
        }
    }
}

#[test]
fn the_adjoint_identity_holds_exactly_at_shapes_of_vgg16() {
    // ⟨conv(x, w), dy⟩ = ⟨x, dx⟩ = ⟨w, dw⟩, as all three are Σ x·w·dy over the same products.
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| a as i64 * b as i64).sum::<i64>();
    for (case, (input, filters)) in [
        ([1, 28, 28, 64], [3, 3, 64, 128]),
        ([2, 14, 14, 128], [3, 3, 128, 128]),
        ([1, 56, 56, 3], [3, 3, 3, 64]),
    ]
    .into_iter()
    .enumerate()
    {
        let s = shape(input, filters, [1, 1], Padding::Same);
        let d = whole_numbers(&s, case as u64);
        for ours in all().into_iter().filter(|ours| ours.1 != Algorithm::Reference) {
            let (mut y, mut dx, mut dw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(&s, &d.x, &d.w, Finish::default(), &mut y);
            ours.backward_input(&s, &d.w, &d.dy, &mut dx);
            ours.backward_weights(&s, &d.x, &d.dy, &mut dw);
            assert_eq!(dot(&y, &d.dy), dot(&d.x, &dx), "{ours:?} {s:?}: dx");
            assert_eq!(dot(&y, &d.dy), dot(&d.w, &dw), "{ours:?} {s:?}: dw");
        }
    }
}

#[test]
fn floats_stay_within_the_bound_of_the_theory() {
    for (case, s) in [
        shape([2, 9, 7, 60], [3, 3, 60, 40], [1, 1], Padding::Same),
        shape([1, 12, 13, 33], [5, 3, 33, 17], [2, 3], Padding::Valid),
        shape([2, 70, 70, 3], [3, 3, 3, 20], [1, 1], Padding::Same),
    ]
    .iter()
    .enumerate()
    {
        let d = data(s, case as u64, floats);
        let zeros = |len: usize| (vec![0.0_f64; len], vec![0.0_f64; len]);
        let (mut y, mut dx, mut dw) = (zeros(s.y_len()), zeros(s.x_len()), zeros(s.w_len()));
        for_each_product(s, |ix, iw, iy| {
            let [x, w, g] = [d.x[ix], d.w[iw], d.dy[iy]].map(f64::from);
            for (sums, i, product) in [(&mut y, iy, x * w), (&mut dx, ix, g * w), (&mut dw, iw, g * x)] {
                sums.0[i] += product;
                sums.1[i] += product.abs();
            }
        });
        // Winograd's errors are of another kind: see `winograd.rs`.
        for ours in all().into_iter().filter(|ours| ours.1 != Algorithm::Winograd) {
            // Ours: chains of 256, then the chains, then chunks. The library's: not known, so one chain at worst.
            let roundings = |terms: usize| match ours.1 {
                Algorithm::Reference => 1,
                Algorithm::Im2colGemm => terms + 1,
                _ => 257 + terms.div_ceil(256),
            };
            let (mut fy, mut fdx, mut fdw) = (poisoned(s.y_len()), poisoned(s.x_len()), poisoned(s.w_len()));
            ours.forward(s, &d.x, &d.w, Finish::default(), &mut fy);
            ours.backward_input(s, &d.w, &d.dy, &mut fdx);
            ours.backward_weights(s, &d.x, &d.dy, &mut fdw);
            within("y", &fy, &y.0, &y.1, roundings(s.taps()))
                .and_then(|()| within("dx", &fdx, &dx.0, &dx.1, roundings(s.kh * s.kw * s.cout)))
                .and_then(|()| within("dw", &fdw, &dw.0, &dw.1, roundings(s.pixels())))
                .unwrap_or_else(|e| panic!("{ours:?} {s:?}: {e}"));
        }
    }
}

/// Forward and backward in one piece.
fn everything(ours: Ours, s: &Conv2dShape, d: &Data) -> Vec<f32> {
    let (mut y, mut pooled, mut dx) = (poisoned(s.y_len()), poisoned(pooled_len(s)), poisoned(s.x_len()));
    let (mut dw, mut db) = (poisoned(s.w_len()), poisoned(s.cout));
    let finish = Finish { bias: Some(&d.bias), relu: true, pool: false };
    ours.forward(s, &d.x, &d.w, finish, &mut y);
    ours.forward(s, &d.x, &d.w, Finish { pool: true, ..finish }, &mut pooled);
    ours.backward_input(s, &d.w, &d.dy, &mut dx);
    ours.backward_weights(s, &d.x, &d.dy, &mut dw);
    ours.backward_bias(s, &d.dy, &mut db);
    [y, pooled, dx, dw, db].concat()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for s in [
        shape([2, 33, 35, 24], [3, 3, 24, 40], [1, 1], Padding::Same),
        shape([3, 60, 60, 3], [3, 3, 3, 16], [1, 1], Padding::Same),
        shape([1, 15, 15, 70], [3, 3, 70, 66], [2, 2], Padding::Same),
        // Winograd's cores share the regions of the first shape; here one core takes regions, seven share panels; below,
        // the filters are too many for anything but panels.
        shape([1, 7, 9, 40], [3, 3, 40, 131], [1, 1], Padding::Same),
        shape([200, 1, 2, 344], [3, 3, 344, 344], [1, 1], Padding::Same),
    ] {
        let d = data(&s, 0, floats);
        for ours in all() {
            same_on_any_pool(&format!("{ours:?} {s:?}"), || everything(ours, &s, &d));
        }
    }
}

#[test]
fn a_picture_has_the_same_bits_alone_and_in_a_batch() {
    for s in [
        shape([5, 13, 11, 40], [3, 3, 40, 48], [1, 1], Padding::Same),
        shape([33, 7, 6, 17], [3, 3, 17, 33], [1, 1], Padding::Valid),
    ] {
        alone_and_in_a_batch(&s);
    }
}

/// The map of a first layer is streamed to memory where it is large, as that of both pictures is and that of one is not, and
/// begins on a line, as a buffer does.
#[test]
fn a_large_map_of_a_first_layer_has_the_same_bits() {
    let s = shape([2, 130, 132, 3], [3, 3, 3, 64], [1, 1], Padding::Same);
    let (d, one) = (data(&s, 0, floats), Conv2dShape { n: 1, ..s });
    let finish = Finish { bias: Some(&d.bias), relu: true, pool: false };
    for ours in every_isa().into_iter().map(|isa| Ours(isa, Algorithm::Direct)) {
        let mut y = Buffer::from(&poisoned(s.y_len())[..]);
        ours.forward(&s, &d.x, &d.w, finish, &mut y);
        for (n, y) in y.chunks_exact(one.y_len()).enumerate() {
            let mut alone = poisoned(one.y_len());
            ours.forward(&one, &d.x[n * one.x_len()..][..one.x_len()], &d.w, finish, &mut alone);
            assert!(bits(&alone) == bits(y), "{ours:?}: picture {n}");
        }
    }
}

fn alone_and_in_a_batch(s: &Conv2dShape) {
    let d = data(s, 0, floats);
    let one = Conv2dShape { n: 1, ..*s };
    let finish = Finish { bias: Some(&d.bias), relu: false, pool: false };
    for ours in all() {
        let (mut y, mut dx) = (poisoned(s.y_len()), poisoned(s.x_len()));
        ours.forward(s, &d.x, &d.w, finish, &mut y);
        ours.backward_input(s, &d.w, &d.dy, &mut dx);
        for n in 0..s.n {
            let (x, dy) = (&d.x[n * one.x_len()..][..one.x_len()], &d.dy[n * one.y_len()..][..one.y_len()]);
            let (mut y1, mut dx1) = (poisoned(one.y_len()), poisoned(one.x_len()));
            ours.forward(&one, x, &d.w, finish, &mut y1);
            ours.backward_input(&one, &d.w, dy, &mut dx1);
            assert!(bits(&y1) == bits(&y[n * one.y_len()..][..one.y_len()]), "{ours:?}: y of picture {n}");
            assert!(bits(&dx1) == bits(&dx[n * one.x_len()..][..one.x_len()]), "{ours:?}: dx of picture {n}");
        }
    }
}

#[test]
fn nan_in_nan_out_through_relu_and_pooling_too() {
    let s = shape([1, 6, 12, 20], [3, 3, 20, 20], [1, 1], Padding::Same);
    for ours in all() {
        // A tile of Winograd's is lost as a whole where any of its 6×6 pixels is; nothing else may be.
        let tiles = ours.1 == Algorithm::Winograd;
        let [row, column] = [2, 3];
        let sees = |at: usize, pixel: usize| at.abs_diff(pixel) <= 1;
        let shares =
            |at: usize, pixel: usize| tiles && (4 * (at / 4)..4 * (at / 4) + 6).contains(&(pixel + 1));
        let (mut x, w, bias) = (vec![1.0; s.x_len()], vec![-1.0; s.w_len()], vec![0.0; s.cout]);
        x[(row * s.w + column) * s.cin] = f32::NAN;
        let finish = Finish { bias: Some(&bias), relu: true, pool: false };
        let mut y = poisoned(s.y_len());
        ours.forward(&s, &x, &w, finish, &mut y);
        for (i, y) in y.iter().enumerate() {
            let (oy, ox) = (i / s.cout / s.w, i / s.cout % s.w);
            let near = sees(oy, row) && sees(ox, column);
            let lost = y.is_nan() && (near || shares(oy, row) && shares(ox, column));
            assert!(lost || (!near && *y == 0.0), "{ours:?}: ({oy}, {ox}) is {y}");
        }
        let mut pooled = poisoned(pooled_len(&s));
        ours.forward(&s, &x, &w, Finish { pool: true, ..finish }, &mut pooled);
        for (i, found) in pooled.iter().enumerate() {
            let (c, oy, ox) = (i % s.cout, i / s.cout / (s.w / 2) * 2, i / s.cout % (s.w / 2) * 2);
            let cell = |cell: usize| y[((oy + cell / 2) * s.w + ox + cell % 2) * s.cout + c];
            assert_eq!(found.is_nan(), (0..4).any(|i| cell(i).is_nan()), "{ours:?}: pooled ({oy}, {ox})");
        }

        let (mut dy, mut dx, mut dw) = (vec![1.0; s.y_len()], poisoned(s.x_len()), poisoned(s.w_len()));
        dy[7] = f32::NAN; // pixel (0, 0), channel 7
        ours.backward_input(&s, &w, &dy, &mut dx);
        for (i, dx) in dx.iter().enumerate() {
            let (y, x) = (i / s.cin / s.w, i / s.cin % s.w);
            let near = sees(y, 0) && sees(x, 0);
            let may = near || shares(y, 0) && shares(x, 0);
            assert!(if dx.is_nan() { may } else { !near }, "{ours:?}: dx of ({y}, {x}) is {dx}");
        }
        for lost in [f32::NAN, f32::INFINITY] {
            dy[7] = lost;
            ours.backward_weights(&s, &vec![1.0; s.x_len()], &dy, &mut dw);
            for (i, dw) in dw.iter().enumerate() {
                let (ky, kx) = (i / s.cout / s.cin / 3, i / s.cout / s.cin % 3);
                // The implicit product multiplies the zeros of the padding as well, and NaN · 0 is NaN.
                let sees = ky > 0 && kx > 0;
                let expected = i % s.cout != 7 || !sees || !dw.is_finite();
                assert!(expected, "{ours:?}: dw of ({ky}, {kx}) swallowed {lost}");
                assert!(i % s.cout == 7 || dw.is_finite(), "{ours:?}: dw of another channel");
            }
        }
    }
}
