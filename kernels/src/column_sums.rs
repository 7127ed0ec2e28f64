//! The gradient of a bias: the sum of dy over everything but its channels.

use std::ops::Deref;

use rayon::prelude::*;

use crate::isa::Isa;
use crate::parallel::with_scratch;

/// Rows that are added up in f32, one chain for each column; the sums of these blocks are then added in f64. So the
/// error does not grow with the number of rows, and neither the cuts nor the order depends on the number of threads.
const ROWS: usize = 256;

/// `sums[j] = Σᵢ matrix[i][j]` for a row-major matrix of `sums.len()` columns.
pub(crate) fn column_sums(isa: Isa, matrix: &[f32], sums: &mut [f32]) {
    let len = ROWS * sums.len();
    if len > 0 {
        let blocks = matrix.par_chunks(len);
        sums_of_blocks(isa, blocks, sums, |block| block);
    }
}

/// The same of what `update` makes of each number of the matrix and of `other` at its place: the matrix holds that then.
/// One pass over memory does both.
pub(crate) fn updated_column_sums(
    isa: Isa,
    matrix: &mut [f32],
    other: &[f32],
    update: impl Fn(f32, f32) -> f32 + Sync,
    sums: &mut [f32],
) {
    assert_eq!(matrix.len(), other.len(), "a matrix and what it is updated by");
    let len = ROWS * sums.len();
    if len > 0 {
        let blocks = matrix.par_chunks_mut(len).zip(other.par_chunks(len));
        sums_of_blocks(isa, blocks, sums, |(block, other)| {
            isa.vectorize(
                #[inline(always)]
                || block.iter_mut().zip(other).for_each(|(m, o)| *m = update(*m, *o)),
            );
            block
        });
    }
}

/// The sums of the columns of all blocks, each of [`ROWS`] rows (the last one of less), as `rows` gives them.
fn sums_of_blocks<B: Send, R: Deref<Target = [f32]>>(
    isa: Isa,
    blocks: impl IndexedParallelIterator<Item = B>,
    sums: &mut [f32],
    rows: impl Fn(B) -> R + Sync,
) {
    let (cols, count) = (sums.len(), blocks.len());
    with_scratch(count * cols, |parts| {
        let jobs = parts.par_chunks_mut(cols).zip(blocks);
        jobs.with_min_len(2).for_each(|(sum, block)| {
            let rows = rows(block);
            let rows = &*rows;
            sum.fill(0.0);
            isa.vectorize(
                #[inline(always)]
                || rows.chunks_exact(cols).for_each(|row| sum.iter_mut().zip(row).for_each(|(s, v)| *s += v)),
            );
        });
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = (0..count).map(|b| f64::from(parts[b * cols + j])).sum::<f64>() as f32;
        }
    });
}
