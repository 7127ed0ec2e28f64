//! Pillow's antialiased filters, bit for bit.
//!
//! Resizing is a convolution evaluated at the centres of the target's pixels. A filter k of half-width r (its support,
//! in pixels) is centred at (i + ½)·s and weighs every source pixel j whose centre j + ½ it covers:
//!
//! ```text
//! y[i] = Σ_j w[i,j] · x[j],    w[i,j] ∝ k((j + ½ − (i + ½)·s) / max(s, 1)),    Σ_j w[i,j] = 1
//! ```
//!
//! The maximum is the antialiasing: when the picture shrinks (s > 1) the filter is stretched until it spans target
//! pixels, so every source pixel has its say; when the picture grows, the filter interpolates and needs no stretching.
//! At the border the weights that fall outside are dropped and the rest normalised.
//!
//! The filters are separable, so the picture is filtered along its rows and the result along its columns, or the other
//! way round. Pillow does so in integers: weights are rounded to 22 fractional bits (8 of the pixel, 22 of the weight,
//! and 2 for a sign and overshoot fill an i32), and the picture between the passes is bytes again, so that the order
//! of the passes shows in the result. Rows come first, but since Pillow 13 columns do where that saves much work
//! ([`columns_first`]). Doing all of this the same way makes every byte equal, on every machine. Source:
//! `src/libImaging/Resample.c` of Pillow, after Alexander Karpinskiy.
//!
//! The `fast_image_resize` crate computes the same with weights of 16 bits, and in an order of its own: one value in
//! eight then comes out a grey level off, or many levels off where the cubic and the sinc overshoot. Equality was
//! preferred, and need not be slower: `passes.rs` says how the sums are computed.

use graft_kernels::Isa;

use super::passes::{along_columns, along_rows};
use crate::Rgb8;

/// A filter: its half-width, and its height at a distance from the centre, both in pixels.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    support: f64,
    weight: fn(f64) -> f64,
}

/// The triangle.
pub(super) const BILINEAR: Filter =
    Filter { support: 1.0, weight: |x| if x.abs() < 1.0 { 1.0 - x.abs() } else { 0.0 } };

/// Keys's cubic with a = −½ (*Cubic convolution interpolation for digital image processing*, 1981).
pub(super) const BICUBIC: Filter = Filter { support: 2.0, weight: cubic };

/// sinc(x)·sinc(x/3) within three pixels.
pub(super) const LANCZOS: Filter =
    Filter { support: 3.0, weight: |x| if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 } };

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// `None` if there is no memory for it.
pub(super) fn resize(isa: Isa, image: &Rgb8, height: usize, width: usize, filter: Filter) -> Option<Rgb8> {
    let across = |image: &Rgb8| along_rows(isa, image, &Taps::new(image.width, width, filter)?);
    let down = |image: &Rgb8| along_columns(isa, image, &Taps::new(image.height, height, filter)?);
    match (image.height == height, image.width == width) {
        (true, _) => across(image),
        (_, true) => down(image),
        _ if columns_first(image, height, width) => across(&down(image)?),
        _ => down(&across(image)?),
    }
}

/// Pillow's rule since version 13: columns first if that takes off more than twice as many rows as columns go.
fn columns_first(image: &Rgb8, height: usize, width: usize) -> bool {
    let rows_off = image.height as i128 - height as i128;
    let columns_off = image.width as i128 - width as i128;
    rows_off > 0 && rows_off > 2 * columns_off
}

/// Fractional bits of a weight.
pub(super) const BITS: u32 = 32 - 8 - 2;
/// For each target pixel along one axis: the first source pixel it looks at, and the weights from there on.
pub(super) struct Taps {
    pub(super) spans: Vec<Span>,
    weights: Vec<i32>,
}

pub(super) struct Span {
    pub(super) first: usize,
    count: usize,
    /// Where the weights stand.
    at: usize,
}

impl Taps {
    pub(super) fn new(from: usize, to: usize, filter: Filter) -> Option<Self> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        // Pillow multiplies by the reciprocal; so does this, for the last bit.
        let shrink = 1.0 / stretch;
        let support = filter.support * stretch;
        let most = (support.ceil() as usize).checked_mul(2)?.checked_add(1)?.min(from);
        let (mut spans, mut weights, mut exact) = (Vec::new(), Vec::new(), Vec::new());
        spans.try_reserve_exact(to).ok()?;
        weights.try_reserve_exact(to.checked_mul(most)?).ok()?;
        exact.try_reserve_exact(most).ok()?;
        for i in 0..to {
            let centre = (i as f64 + 0.5) * scale;
            // Converting to usize cuts negative numbers to 0 and drops fractions of the others.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(from);
            exact.clear();
            exact.extend((first..end).map(|j| (filter.weight)((j as f64 - centre + 0.5) * shrink)));
            let sum: f64 = exact.iter().sum();
            spans.push(Span { first, count: exact.len(), at: weights.len() });
            weights.extend(exact.iter().map(|w| fixed(if sum == 0.0 { *w } else { w / sum })));
        }
        Some(Self { spans, weights })
    }

    pub(super) fn weights(&self, span: &Span) -> &[i32] {
        &self.weights[span.at..][..span.count]
    }
}

/// The weight in 22 fractional bits, rounded half away from zero.
fn fixed(weight: f64) -> i32 {
    (weight * f64::from(1 << BITS) + 0.5_f64.copysign(weight)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_one_at_zero_and_gone_beyond_their_support() {
        for filter in [BILINEAR, BICUBIC, LANCZOS] {
            assert_eq!((filter.weight)(0.0), 1.0);
            for x in [filter.support, filter.support + 0.1, -filter.support - 1e-9] {
                assert!((filter.weight)(x).abs() < 1e-15, "{x}");
            }
        }
        // Interpolating filters leave pixels alone: they are 0 at every other pixel.
        assert!((1..3).all(|x| LANCZOS.weight_at(x).abs() < 1e-15 && BICUBIC.weight_at(x) == 0.0));
    }

    impl Filter {
        fn weight_at(&self, x: i32) -> f64 {
            (self.weight)(f64::from(x))
        }
    }

    #[test]
    fn weights_sum_to_one_within_their_rounding() {
        for (filter, from, to) in [(BILINEAR, 500, 224), (BICUBIC, 60, 224), (LANCZOS, 7, 3), (LANCZOS, 1, 9)]
        {
            let taps = Taps::new(from, to, filter).unwrap();
            for span in &taps.spans {
                let weights = taps.weights(span);
                assert!(span.first + span.count <= from && span.count > 0);
                assert!((weights.iter().sum::<i32>() - (1 << BITS)).unsigned_abs() as usize <= weights.len());
            }
        }
    }

    #[test]
    fn overshoot_is_cut_off() {
        let edge = Rgb8::from_fn(1, 8, |_, x| if x < 4 { [0; 3] } else { [255; 3] });
        let sharp = resize(Isa::best(), &edge, 1, 80, LANCZOS).unwrap();
        let (dark, bright) = sharp.data.split_at(40 * crate::CHANNELS);
        assert!(dark.iter().all(|&v| v < 128) && bright.iter().all(|&v| v >= 128), "{:?}", sharp.data);
    }

    /// Cutting off between the passes tells their order on a picture of black and white.
    #[test]
    fn tall_reductions_take_columns_first() {
        let board =
            |h: usize, w: usize| Rgb8::from_fn(h, w, |y, x| [255 * (((y * 7 + x * x) / 3) % 2) as u8; 3]);
        let bicubic = |image: &Rgb8, h, w| resize(Isa::best(), image, h, w, BICUBIC).unwrap();
        let passes = |image: &Rgb8, sizes: [(usize, usize); 2]| {
            let first = bicubic(image, sizes[0].0, sizes[0].1);
            bicubic(&first, sizes[1].0, sizes[1].1)
        };
        let rows_first = |i: &Rgb8, h, w| passes(i, [(i.height, w), (h, w)]);
        let columns_first = |i: &Rgb8, h, w| passes(i, [(h, i.width), (h, w)]);
        for (from, to, columns) in [
            ((64, 64), (20, 42), false),
            ((64, 64), (19, 42), true),
            ((64, 64), (63, 90), true),
            ((64, 64), (70, 90), false),
        ] {
            let image = board(from.0, from.1);
            let (a, b) = (rows_first(&image, to.0, to.1), columns_first(&image, to.0, to.1));
            assert_ne!(a, b);
            assert_eq!(bicubic(&image, to.0, to.1), if columns { b } else { a }, "{from:?} {to:?}");
        }
    }
}
