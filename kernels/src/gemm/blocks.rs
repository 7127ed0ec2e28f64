//! How C is cut into the rectangles that one task computes each.
//!
//! A rectangle packs its own rows of A, and reads its own columns of B, so it should be large: each number of A is used
//! for all its columns, each of B for all its rows. With 224 rows (16 tiles of AVX-512) fetching B costs a few per
//! cent of the work. 512 columns of B, KC deep, are 512 KB: an L2 of 1 MB or more keeps them from tile to tile; a
//! smaller one reads them from L3, each number for MR rows at a time. Small products are cut finer, down to 4 tiles a
//! side, so that every core has a part.
//!
//! None of this touches the order of any sum: the size of a rectangle is free to be whatever is fastest.

use super::GemmShape;

/// As many rectangles as there should be at least: both cores of a small machine, and balance among them.
const TASKS: usize = 8;

/// Sides of the rectangles of C: [rows, columns], for tiles of `mr` × `nr`.
pub(crate) fn block_size(shape: GemmShape, mr: usize, nr: usize) -> [usize; 2] {
    let mut size = [even(shape.m, 224 / mr * mr, 1), even(shape.n, 512, nr)];
    let least = [4 * mr, 4 * nr];
    let tasks = |[mc, nc]: [usize; 2]| shape.m.div_ceil(mc) * shape.n.div_ceil(nc);
    while tasks(size) < TASKS {
        let side = usize::from(size[1] >= size[0]);
        let side = if size[side] > least[side] { side } else { 1 - side };
        if size[side] <= least[side] {
            break;
        }
        let unit = [1, nr][side];
        size[side] = even([shape.m, shape.n][side], least[side].max(size[side].div_ceil(2)), unit);
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
        let size = |m, n| block_size(GemmShape { m, n, k: 1000 }, 14, 32);
        assert_eq!(size(8 * 50176, 64), [224, 64]);
        assert_eq!(size(32, 4096), [32, 512]);
        for (m, n) in [(1, 1), (1, 4096), (196, 512), (27, 64), (5000, 3), (2048, 2048), (0, 7)] {
            let [mc, nc] = size(m, n);
            assert!(mc > 0 && mc <= 224 && nc > 0 && nc <= 512 && nc % 32 == 0, "{m}×{n}: {mc}×{nc}");
            if m * n > 8 * 64 * 128 {
                assert!(m.div_ceil(mc) * n.div_ceil(nc) >= 8, "{m}×{n}: {mc}×{nc}");
            }
        }
    }
}
