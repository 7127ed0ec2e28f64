//! The gradient of a bias: the sum of dy over everything but its channels.

use rayon::prelude::*;

use crate::isa::Isa;
use crate::parallel::with_scratch;

/// Rows that are added up in f32, one chain for each column; the sums of these blocks are then added in f64. So the
/// error does not grow with the number of rows, and neither the cuts nor the order depends on the number of threads.
const ROWS: usize = 256;

/// `sums[j] = Σᵢ matrix[i][j]` for a row-major matrix of `sums.len()` columns.
pub(crate) fn column_sums(isa: Isa, matrix: &[f32], sums: &mut [f32]) {
    let cols = sums.len();
    if cols == 0 {
        return;
    }
    let blocks = (matrix.len() / cols).div_ceil(ROWS);
    with_scratch(blocks * cols, |parts| {
        let jobs = parts.par_chunks_mut(cols).zip(matrix.par_chunks(ROWS * cols));
        jobs.with_min_len(8).for_each(|(sum, rows)| {
            sum.fill(0.0);
            isa.vectorize(
                #[inline(always)]
                || rows.chunks_exact(cols).for_each(|row| sum.iter_mut().zip(row).for_each(|(s, v)| *s += v)),
            );
        });
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum = (0..blocks).map(|b| f64::from(parts[b * cols + j])).sum::<f64>() as f32;
        }
    });
}
