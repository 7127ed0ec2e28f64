//! Winograd's convolution F(4×4, 3×3): 36 multiplications for 16 outputs, where the definition needs 144.
//!
//! # The idea
//!
//! The picture is cut into tiles of 4×4 outputs, which see 6×6 inputs. A tile and a filter are each taken to 36 *points*
//! by small fixed matrices ([`mod@transform`] derives them), where a convolution is nothing but 36 products; and since the
//! way back is linear too, the sum over the input channels is made before it. So for each point there is one matrix
//! product, over all tiles and all channels, and it is these that the time goes into:
//!
//! ```text
//!               Bᵀ d B                                      Aᵀ m A
//! x ── tiles ───────────▶ V[point] (tiles, cin)  ┐
//!                                                ├─ M[point] = V·U (tiles, cout) ───────────▶ y, bias, ReLU, pool
//! w ─────────────────────▶ U[point] (cin, cout)  ┘
//!               G g Gᵀ
//! ```
//!
//! The products are a quarter of the direct count, 2.25 times as many where a map of 7×7 leaves most of a tile unused;
//! the transforms take 5 additions, or multiplications fused with them, for each number of V, 3 or 4 for each of M.
//!
//! # What it costs in precision
//!
//! The matrices amplify rounding errors: with these points, about three times those of the direct sum. Sums of 128
//! channels at a time (`driver`) halve that again. Against f64 a layer of VGG16 comes out within a relative L2 of 2e-6,
//! and the whole network within 2e-6 of Keras. F(6×6) would save another tenth of the whole for ten times the error.
//! An infinity becomes NaN, as ∞ - ∞ is; NaN stays NaN.
//!
//! # Where what is
//!
//! | file | |
//! |---|---|
//! | `transform` | the matrices, why they are what they are, along one axis |
//! | `plan` | how pictures are cut into tiles, blocks, regions |
//! | `filters`, `input`, `output` | the transforms of a tile, and the order of the numbers in memory |
//! | `driver` | the loops around them, and how cores share the work; forward, and backward to the input |
//! | `weights` | backward to the filters: how its sums are divided |
//! | `gradient`, `taps` | the transforms of a tile of dy, and of the sums |
//!
//! Sources: S. Winograd, *Arithmetic complexity of computations* (1980); A. Lavin and S. Gray, *Fast algorithms for
//! convolutional neural networks* (CVPR 2016); B. Barabasz et al., *Error analysis and improving the accuracy of Winograd
//! convolution for deep neural networks* (2020), on the choice of points and the order of sums.

mod driver;
mod filters;
mod gradient;
mod input;
mod output;
mod plan;
mod taps;
mod transform;
mod views;
mod weights;

use self::driver::Pass;
use self::filters::Taps;
use self::plan::Maps;
pub(super) use self::weights::backward_weights;
use super::{Conv2dShape, Finish};
use crate::gemm::tile::{WithTile, with_tile};
use crate::isa::Isa;
use crate::parallel::with_scratch;
use crate::simd::Simd;
use crate::{Buffer, OutOfMemory};

/// Whether a convolution of these sizes can be computed so: 3×3 filters that move by one.
pub(super) fn can(s: &Conv2dShape) -> bool {
    [s.kh, s.kw] == [3, 3] && s.stride == [1, 1] && s.cin > 0
}

/// How many of the direct count's multiplications remain, those for unused parts of tiles included.
pub(super) fn share_of_products(s: &Conv2dShape) -> f64 {
    let [down, across] = Maps::forward(s).tiles();
    (down * across * transform::PLANES) as f64 / (s.out_h() * s.out_w() * s.kh * s.kw) as f64
}

/// The filters at the points, to be kept for many batches.
pub(super) fn filters_at_points(isa: Isa, s: &Conv2dShape, w: &[f32]) -> Result<Buffer, OutOfMemory> {
    let taps = Taps::Forward(s, w);
    let mut u = Buffer::for_overwrite(packed_len(isa, taps))?;
    with_tile(isa, Pack { taps, u: &mut u });
    Ok(u)
}

/// y = x ∗ w, finished; with `kept` filters, or those of `w`.
pub(super) fn forward(
    isa: Isa,
    s: &Conv2dShape,
    x: &[f32],
    w: &[f32],
    kept: Option<&[f32]>,
    finish: Finish<'_>,
    y: &mut [f32],
) {
    let m = Maps::forward(s);
    match kept {
        Some(u) => with_tile(isa, Pass { m, x, u, finish, y }),
        None => packed(isa, Taps::Forward(s, w), |u| with_tile(isa, Pass { m, x, u, finish, y })),
    }
}

/// dx = dy ∗ (w turned by 180°, channels swapped).
pub(super) fn backward_input(isa: Isa, s: &Conv2dShape, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let m = Maps::backward(s);
    packed(isa, Taps::Backward(s, w), |u| {
        with_tile(isa, Pass { m, x: dy, u, finish: Finish::default(), y: dx });
    });
}

/// Lends `body` the filters at the points.
fn packed(isa: Isa, taps: Taps<'_>, body: impl FnOnce(&[f32])) {
    with_scratch(packed_len(isa, taps), |u| {
        with_tile(isa, Pack { taps, u });
        body(u);
    });
}

/// Writes the filters at the points.
struct Pack<'a> {
    taps: Taps<'a>,
    u: &'a mut [f32],
}

impl WithTile for Pack<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        filters::pack::<S, NR>(s, self.taps, self.u);
    }
}

/// Numbers of the filters at the points.
fn packed_len(isa: Isa, taps: Taps<'_>) -> usize {
    struct Len([usize; 2]);
    impl WithTile for Len {
        type Output = usize;
        fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, _: S) -> usize {
            filters::packed_len::<NR>(self.0)
        }
    }
    with_tile(isa, Len(taps.channels()))
}
