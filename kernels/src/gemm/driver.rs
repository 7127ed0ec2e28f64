//! The loops around the tile, the same for every instruction set and every operand that can be packed.
//!
//! ```text
//! for each rectangle of C, in parallel                      block_size
//!     for each block of KC k, in order
//!         pack B[block, columns] into panels of NR           ≤ 512 KB: L2
//!         for each MR rows                                   pack A[rows, block]: 14 KB, L1
//!             for each panel of B                            streams from L2
//!                 acc = tile(A panel, B panel)
//!                 C = acc, or C + acc after the first block, and bias and ReLU after the last
//! ```
//!
//! This is the scheme of Goto and van de Geijn (*Anatomy of high-performance matrix multiplication*, 2008), with the
//! two inner loops in the order that suits a wide tile: the small panel of A stays in L1 and B streams past it, two
//! cache lines for 28 multiply-adds.
//!
//! Rows are cut evenly (32 rows are 11 + 11 + 10, not 14 + 14 + 4), since a tile with fewer rows costs less.

use std::ops::Range;

use super::pack::{Left, Right, block_size};
use super::tile::{KC, Tile};
use super::{Epilogue, GemmShape, tile};
use crate::isa::Isa;
use crate::parallel::{BlockMut, even_parts, for_each_block, with_scratch};

/// `c` (m, n) = a (m, k) · b (k, n), then the epilogue.
pub(crate) fn multiply<A: Left, B: Right>(
    isa: Isa,
    shape: GemmShape,
    a: &A,
    b: &B,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(token) => with_tile(isa, tile::avx512::tile(token), shape, a, b, epilogue, c),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(token) => with_tile(isa, tile::avx2::tile(token), shape, a, b, epilogue, c),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(token) => with_tile(isa, tile::neon::tile(token), shape, a, b, epilogue, c),
        Isa::Portable => with_tile(isa, tile::portable::tile(), shape, a, b, epilogue, c),
    }
}

fn with_tile<const MR: usize, const NR: usize, A: Left, B: Right>(
    isa: Isa,
    tile: Tile<MR, NR>,
    shape: GemmShape,
    a: &A,
    b: &B,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    let size = block_size(shape, MR, NR);
    let depth = shape.k.min(KC);
    for_each_block(c, shape.n, size, |rows, cols, mut block| {
        let b_len = cols.len().next_multiple_of(NR) * depth;
        with_scratch(b_len + MR * KC, |scratch| {
            let (packed_b, packed_a) = scratch.split_at_mut(b_len);
            let packed_b = packed_b.as_chunks_mut::<NR>().0;
            isa.vectorize(
                #[inline(always)]
                || rectangle(tile, shape.k, a, b, epilogue, rows, cols, &mut block, packed_b, packed_a),
            );
        });
    });
}

/// One rectangle of C, from its first block of k to its epilogue.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the body of a closure, named so that it can be read alone")]
fn rectangle<const MR: usize, const NR: usize, A: Left, B: Right>(
    tile: Tile<MR, NR>,
    k: usize,
    a: &A,
    b: &B,
    epilogue: Epilogue<'_>,
    rows: Range<usize>,
    cols: Range<usize>,
    block: &mut BlockMut<'_>,
    packed_b: &mut [[f32; NR]],
    packed_a: &mut [f32],
) {
    let mut acc = [[0.0; NR]; MR];
    // A product of no k at all is still one (empty) block: zeros, and the epilogue.
    for first in (0..k.max(1)).step_by(KC) {
        let ks = first..k.min(first + KC);
        let last = ks.end == k;
        let panels = packed_b.chunks_exact_mut(ks.len().max(1));
        for (panel, start) in panels.zip(cols.clone().step_by(NR)) {
            b.pack(ks.clone(), start..cols.end.min(start + NR), panel);
        }
        for rows_of_tile in even_parts(rows.clone(), MR) {
            let panel_a = a.pack::<MR>(rows_of_tile.clone(), ks.clone(), packed_a);
            let acc = &mut acc[..rows_of_tile.len()];
            for start in cols.clone().step_by(NR) {
                let panel_b = &packed_b[(start - cols.start) / NR * ks.len()..][..ks.len()];
                tile.run(panel_a, panel_b, acc);
                let width = NR.min(cols.end - start);
                for (acc, i) in acc.iter().zip(rows_of_tile.start - rows.start..) {
                    let c = &mut block.row(i)[start - cols.start..][..width];
                    add(c, &acc[..width], first == 0);
                    if last {
                        epilogue.apply(start, c);
                    }
                }
            }
        }
    }
}

/// The sums of one block of k, stored or added.
#[inline(always)]
pub(super) fn add(c: &mut [f32], sums: &[f32], first: bool) {
    if first {
        c.copy_from_slice(sums);
    } else {
        c.iter_mut().zip(sums).for_each(|(c, s)| *c += s);
    }
}
