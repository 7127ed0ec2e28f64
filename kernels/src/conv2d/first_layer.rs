//! The first layer of a network: 3×3 filters that move by one over pictures of three channels.
//!
//! Three channels are too few for everything else: an implicit product spends as long on packing 27 numbers a pixel as on
//! multiplying them, and Winograd's transforms work on 16 channels at a time. But they have a charm of their own. In NHWC
//! the windows of neighbouring pixels lie 3 numbers apart, so that the register tile can read a row of *pixels* as the
//! rows of its matrix: nothing is packed at all, only a frame of zeros put around three rows at a time.

use rayon::prelude::*;

use super::Conv2dShape;
use crate::gemm::Epilogue;
use crate::gemm::panels::{Pixels, RGB, TAPS};
use crate::gemm::tile::{Ahead, LINE, Rows, WithTile, tile, with_tile};
use crate::isa::Isa;
use crate::parallel::{even_parts, with_scratch};
use crate::simd::Simd;

/// How many pixels before its turn one is asked for, to be written: 27 products a number take less time than its way from
/// memory.
const PIXELS_AHEAD: usize = 28;

/// Numbers of a map (8 MB) from which on it is streamed to memory: no L2 holds it until the next layer reads it, and a line
/// that is written as a whole need not be fetched.
const STREAMED: usize = 1 << 21;

/// Whether this is such a layer.
pub(super) fn can(s: &Conv2dShape) -> bool {
    [s.kh, s.kw, s.cin] == [TAPS, TAPS, RGB] && s.stride == [1, 1]
}

/// y = x ∗ w, then bias and ReLU.
pub(super) fn forward(
    isa: Isa,
    s: &Conv2dShape,
    x: &[f32],
    w: &[f32],
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    with_tile(isa, Layer { shape: s, x, w, epilogue, y });
}

struct Layer<'a> {
    shape: &'a Conv2dShape,
    x: &'a [f32],
    w: &'a [f32],
    epilogue: Epilogue<'a>,
    y: &'a mut [f32],
}

impl WithTile for Layer<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Self { shape, x, w, epilogue, y } = self;
        let (out_w, cout) = (shape.out_w(), shape.cout);
        let panels = cout.div_ceil(NR);
        let framed = out_w + TAPS - 1;
        let stream = S::STREAMS && y.len() >= STREAMED;
        with_scratch(panels * shape.taps() * NR, |filters| {
            let filters = filters.as_chunks_mut::<NR>().0;
            pack(w, cout, filters);
            let filters = &*filters;
            y.par_chunks_mut(out_w * cout).enumerate().for_each(|(row, y)| {
                with_scratch(TAPS * framed * RGB, |pixels| {
                    let pixels = pixels.as_chunks_mut::<RGB>().0;
                    frame(shape, x, row, pixels);
                    let (first, rest) = pixels.split_at(framed);
                    let rows = [first, &rest[..framed], &rest[framed..]];
                    s.vectorize(
                        #[inline(always)]
                        || one_row::<S, MR, NR, NV>(s, rows, filters, epilogue, stream, cout, y),
                    );
                });
            });
        });
    }
}

/// Filters (27, cout) in panels of NR columns, with zeros after the last.
fn pack<const NR: usize>(w: &[f32], cout: usize, panels: &mut [[f32; NR]]) {
    let taps = w.len() / cout;
    for (panel, to) in panels.chunks_exact_mut(taps).enumerate() {
        let width = NR.min(cout - panel * NR);
        for (to, from) in to.iter_mut().zip(w.chunks_exact(cout)) {
            to[..width].copy_from_slice(&from[panel * NR..][..width]);
            to[width..].fill(0.0);
        }
    }
}

/// The three rows of pixels that row `row` of the output (of all pictures) sees, with the zeros around them.
fn frame(s: &Conv2dShape, x: &[f32], row: usize, to: &mut [[f32; RGB]]) {
    let (picture, top, [pad_y, pad_x]) = (row / s.out_h(), row % s.out_h(), s.pad());
    let len = to.len() / TAPS;
    for (ky, to) in to.chunks_exact_mut(len).enumerate() {
        to.fill([0.0; RGB]);
        if let Some(y) = (top + ky).checked_sub(pad_y).filter(|&y| y < s.h) {
            let from = &x.as_chunks::<RGB>().0[(picture * s.h + y) * s.w..][..s.w];
            to[pad_x..][..s.w].copy_from_slice(from);
        }
    }
}

/// A row of outputs, MR pixels at a time.
#[inline(always)]
fn one_row<S: Simd, const MR: usize, const NR: usize, const NV: usize>(
    s: S,
    rows: [&[[f32; RGB]]; TAPS],
    filters: &[[f32; NR]],
    epilogue: Epilogue<'_>,
    stream: bool,
    cout: usize,
    y: &mut [f32],
) {
    let mut sums = [[0.0; NR]; MR];
    for pixels in even_parts(0..y.len() / cout, MR) {
        let seen = pixels.start..pixels.end + TAPS - 1;
        let [upper, middle, lower] = rows;
        let a = Pixels([&upper[seen.clone()], &middle[seen.clone()], &lower[seen]]);
        let y = &mut y[pixels.start * cout..];
        for (panel, b) in filters.chunks_exact(TAPS * TAPS * RGB).enumerate() {
            let sums = &mut sums[..pixels.len()];
            tile::<S, MR, NR, NV>(s, a, b, Ahead::default(), false, Rows::all(sums));
            let (first, width) = (panel * NR, NR.min(cout - panel * NR));
            if !stream {
                for i in 0..pixels.len() {
                    for line in (first..first + width).step_by(LINE) {
                        s.prefetch(y, (i + PIXELS_AHEAD) * cout + line);
                    }
                }
            }
            if width == NR {
                let bias =
                    epilogue.bias.map_or(&[0.0; NR], |bias| bias[first..].first_chunk().expect("NR columns"));
                finish(s, sums, bias, epilogue.relu, stream, cout, &mut y[first..]);
            } else {
                for (sums, y) in sums.iter().zip(y.chunks_exact_mut(cout)) {
                    let y = &mut y[first..][..width];
                    y.copy_from_slice(&sums[..width]);
                    epilogue.apply(first, y);
                }
            }
        }
    }
    if stream {
        s.fence();
    }
}

/// The sums of some pixels with bias and ReLU, to the first NR of every `cout` numbers of `y`.
#[inline(always)]
fn finish<S: Simd, const NR: usize>(
    s: S,
    sums: &[[f32; NR]],
    bias: &[f32; NR],
    relu: bool,
    stream: bool,
    cout: usize,
    y: &mut [f32],
) {
    for (i, sums) in sums.iter().enumerate() {
        let y: &mut [f32; NR] = y[i * cout..].first_chunk_mut().expect("NR columns");
        for lane in (0..NR).step_by(S::LANES) {
            let v = s.add(s.load(&sums[lane..]), s.load(&bias[lane..]));
            let v = if relu { s.relu(v) } else { v };
            if stream {
                // SAFETY: `one_row`, the only caller, fences before it gives the row back.
                unsafe { s.stream(v, &mut y[lane..]) }
            } else {
                s.store(v, &mut y[lane..]);
            }
        }
    }
}
