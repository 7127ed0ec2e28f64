//! Products of short rows, C (m, n) = A · B for k ≤ 64, the rows of A no more than 64 numbers apart: dense layers of few inputs,
//! the way back through a head of few classes, the patches of a picture's three channels.
//!
//! With so few k a tile takes a tenth of a microsecond, and what is around it counts: to keep account of chains, of blocks of
//! k and of what is to be copied, as [`super::driver`] does, took a quarter of the time. None of it is needed here. All of B's
//! rectangle fits into L2; the rows of A lie near to one another, so that nothing is gained by copying them; one chain is all.
//!
//! ```text
//! for each rectangle of C, in parallel                      see `blocks`
//!     pack B[all, columns] into panels of NR
//!     for each MR rows                                      A where it lies
//!         for each panel of B
//!             C = tile(rows of A, B panel), and the next rows of C are asked for
//!         bias and ReLU
//! ```

use super::blocks::block_size;
use super::driver::Corner;
use super::pack::Right;
use super::panels::InPlace;
use super::tile::{Ahead, Rows, WithTile, tile, with_tile};
use super::{Epilogue, GemmShape, MatRef};
use crate::isa::Isa;
use crate::parallel::{even_parts, for_each_block, with_scratch};
use crate::simd::Simd;

/// Most k.
const MOST_K: usize = 64;

/// Most numbers from one row of A to the next: 14 of them are 3.5 KB, and do not fall on each other in L1.
const MOST_APART: usize = 64;

/// Whether these are the rows of such a product.
pub(super) fn are_short(shape: GemmShape, a: MatRef<'_>) -> bool {
    let [apart, together] = a.strides;
    together == 1 && apart <= MOST_APART && (1..=MOST_K).contains(&shape.k)
}

/// `c` = a · b and the epilogue, where [`are_short`].
pub(super) fn multiply(
    isa: Isa,
    shape: GemmShape,
    a: MatRef<'_>,
    b: MatRef<'_>,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    with_tile(isa, Product { shape, a, b, epilogue, c });
}

/// A product, and where it goes.
struct Product<'a> {
    shape: GemmShape,
    a: MatRef<'a>,
    b: MatRef<'a>,
    epilogue: Epilogue<'a>,
    c: &'a mut [f32],
}

impl WithTile for Product<'_> {
    type Output = ();
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) {
        let Product { shape, a, b, epilogue, c } = self;
        let GemmShape { n, k, .. } = shape;
        let stride = a.strides[0];
        let size = block_size(shape, MR, NR, rayon::current_num_threads());
        for_each_block(c, n, size, |rows, cols, mut block| {
            let width = cols.len();
            with_scratch(width.next_multiple_of(NR) * k, |scratch| {
                let panels = scratch.as_chunks_mut::<NR>().0;
                let mut edge = [[0.0; NR]; MR];
                s.vectorize(
                    #[inline(always)]
                    || {
                        b.pack(s, 0..k, cols.clone(), panels);
                        for part in even_parts(0..rows.len(), MR) {
                            let a = &a.data[(rows.start + part.start) * stride..];
                            let panel = InPlace { a, stride };
                            // A tile is over before its own rows of C could arrive: it asks for those of the next.
                            let next = (part.end < rows.len()).then_some(part.len() * n);
                            let ahead = Ahead { c: next, ..Ahead::default() };
                            let mut c = block.part(part, 0..width);
                            for (b, first) in panels.chunks_exact(k).zip((0..width).step_by(NR)) {
                                let columns = NR.min(width - first);
                                let mut c = Corner(c.part(0..c.rows(), first..first + columns));
                                if columns == NR {
                                    tile::<S, MR, NR, NV>(s, panel, b, ahead, false, &mut c);
                                } else {
                                    let edge = &mut edge[..c.0.rows()];
                                    tile::<S, MR, NR, NV>(
                                        s,
                                        panel,
                                        b,
                                        Ahead::default(),
                                        false,
                                        Rows::all(edge),
                                    );
                                    for (i, sums) in edge.iter().enumerate() {
                                        c.0.row(i).copy_from_slice(&sums[..columns]);
                                    }
                                }
                            }
                            if !epilogue.is_nothing() {
                                (0..c.rows()).for_each(|i| epilogue.apply(cols.start, c.row(i)));
                            }
                        }
                    },
                );
            });
        });
    }
}
