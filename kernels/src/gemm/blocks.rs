//! How C is cut into the rectangles that one task computes each.
//!
//! A rectangle packs its own rows of A and its own columns of B, so it should be large: each number of A is copied once
//! for all its columns, each of B once for all its rows. 512 columns of B, 512 deep, are 1 MB: an L2 of 2 MB keeps
//! them from tile to tile; a smaller one reads them from L3, each number for MR rows at a time. Rows are not held anywhere
//! and may be many. Several threads want a rectangle each: the longer side is halved, which costs the least copying, but not
//! below 4 tiles. (Two for each, so that a thread that was held up may leave one to the others, cost all of them 1 to 2 %.)
//!
//! None of this touches the order of any sum: the size of a rectangle is free to be whatever is fastest.

use super::GemmShape;

/// Most rows of a rectangle.
const ROWS: usize = 4096;

/// Most columns.
const COLUMNS: usize = 512;

/// Sides of the rectangles of C: [rows, columns], for tiles of `mr` × `nr`.
pub(crate) fn block_size(shape: GemmShape, mr: usize, nr: usize, threads: usize) -> [usize; 2] {
    let mut size = [even(shape.m, ROWS / mr * mr, mr), even(shape.n, COLUMNS, nr)];
    let least = [4 * mr, 4 * nr];
    let tasks = |[mc, nc]: [usize; 2]| shape.m.div_ceil(mc) * shape.n.div_ceil(nc);
    while tasks(size) < threads {
        let side = usize::from(size[1] >= size[0]);
        let side = if size[side] > least[side] { side } else { 1 - side };
        if size[side] <= least[side] {
            break;
        }
        size[side] = even([shape.m, shape.n][side], least[side].max(size[side].div_ceil(2)), [mr, nr][side]);
    }
    // Rectangles of one column for all threads alike: seven for two of them would leave one waiting for an eighth of the time.
    let parts = shape.m.div_ceil(size[0]);
    if parts > threads {
        size[0] = shape.m.div_ceil(parts.next_multiple_of(threads)).next_multiple_of(mr);
    }
    size
}

/// `len` cut into equal parts of at most `at_most`: the length of one, rounded up to a multiple of `unit`.
fn even(len: usize, at_most: usize, unit: usize) -> usize {
    let len = len.max(1);
    len.div_ceil(len.div_ceil(at_most)).next_multiple_of(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_even_and_busy_both_cores() {
        let size = |m, n| block_size(GemmShape { m, n, k: 1000 }, 14, 32, 4);
        assert_eq!(size(8 * 50176, 64), [4018, 64]);
        assert_eq!(size(32, 4096), [42, 512]);
        assert_eq!(block_size(GemmShape { m: 784, n: 512, k: 1000 }, 14, 32, 1), [784, 512]);
        for (m, n) in [(1, 1), (1, 4096), (196, 512), (27, 64), (5000, 3), (2048, 2048), (0, 7)] {
            let [mc, nc] = size(m, n);
            assert!(mc > 0 && mc <= 4096 && nc > 0 && nc <= 512 && nc % 32 == 0, "{m}×{n}: {mc}×{nc}");
            if m * n > 8 * 64 * 128 {
                assert!(m.div_ceil(mc) * n.div_ceil(nc) >= 4, "{m}×{n}: {mc}×{nc}");
            }
        }
    }
}
