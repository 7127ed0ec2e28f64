//! Work for several threads: disjoint rectangles of an output, and scratch memory that each thread keeps.
//!
//! Every parallel loop of this crate splits *outputs*. A thread owns a rectangle of the result and computes it from
//! start to end, in an order of sums that depends on the shapes alone; so the bits are the same for every number of
//! threads, and no lock or atomic is needed.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

use crate::Buffer;
use crate::gemm::tile::LINE;

/// From so many numbers on (256 KB) scratch memory is a whole huge page: there is little of it, and it is used all the time.
const WORTH_A_PAGE: usize = 1 << 16;

/// A rectangle of a row-major matrix, borrowed exclusively.
pub(crate) struct BlockMut<'a> {
    start: *mut f32,
    stride: usize,
    rows: usize,
    cols: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `BlockMut` is an exclusive borrow of its numbers, as a `&mut [f32]` is, and `f32` is `Send`.
unsafe impl Send for BlockMut<'_> {}

impl<'a> BlockMut<'a> {
    /// All of a row-major matrix of `cols` columns.
    pub(crate) fn whole(matrix: &'a mut [f32], cols: usize) -> Self {
        let rows = matrix.len() / cols;
        Self { start: matrix.as_mut_ptr(), stride: cols, rows, cols, matrix: PhantomData }
    }

    /// How many rows it has.
    #[inline(always)]
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// These rows and columns of the rectangle.
    #[inline(always)]
    pub(crate) fn part(&mut self, rows: Range<usize>, cols: Range<usize>) -> BlockMut<'_> {
        assert!(
            rows.start <= rows.end
                && rows.end <= self.rows
                && cols.start <= cols.end
                && cols.end <= self.cols
        );
        let start = self.start.wrapping_add(rows.start * self.stride + cols.start);
        BlockMut { start, stride: self.stride, rows: rows.len(), cols: cols.len(), matrix: PhantomData }
    }

    /// Row `i` of the rectangle.
    #[inline(always)]
    pub(crate) fn row(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows);
        // SAFETY: row `i` lies inside the matrix that `whole` borrowed or `for_each_block` cut up, and no other block
        // shares it but the one that this is a `part` of, which is borrowed meanwhile.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(i * self.stride), self.cols) }
    }
}

/// The start of a matrix that several threads write to, each within its own rectangle.
struct Base(*mut f32);

// SAFETY: the pointer is only used to make `BlockMut`s that do not overlap.
unsafe impl Sync for Base {}

impl Base {
    fn at(&self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// Cuts the row-major matrix `c` of `cols` columns into rectangles of at most `size` = [rows, columns], and gives each
/// to `body`, on all threads of the current rayon pool.
pub(crate) fn for_each_block(
    c: &mut [f32],
    cols: usize,
    size: [usize; 2],
    body: impl Fn(Range<usize>, Range<usize>, BlockMut<'_>) + Sync,
) {
    if c.is_empty() {
        return;
    }
    assert_eq!(c.len() % cols, 0, "a matrix of {cols} columns has whole rows");
    let rows = c.len() / cols;
    let across = cols.div_ceil(size[1]);
    let blocks = rows.div_ceil(size[0]) * across;
    let base = Base(c.as_mut_ptr());
    let one = |index: usize| {
        let (i, j) = (index / across * size[0], index % across * size[1]);
        let (i, j) = (i..rows.min(i + size[0]), j..cols.min(j + size[1]));
        let start = base.at(i.start * cols + j.start);
        let block = BlockMut { start, stride: cols, rows: i.len(), cols: j.len(), matrix: PhantomData };
        body(i, j, block);
    };
    if blocks == 1 {
        one(0);
    } else {
        (0..blocks).into_par_iter().for_each(one);
    }
}

/// `range` in equal parts (give or take one), as few as make none longer than `at_most`.
#[inline(always)]
pub(crate) fn even_parts(range: Range<usize>, at_most: usize) -> impl Iterator<Item = Range<usize>> {
    let (start, len) = (range.start, range.len());
    let parts = len.div_ceil(at_most);
    (0..parts).map(move |p| start + share(len, p, parts).start..start + share(len, p, parts).end)
}

/// Part `part` of `len` things in so many parts, equal but for one.
#[inline(always)]
pub(crate) fn share(len: usize, part: usize, parts: usize) -> Range<usize> {
    len * part / parts..len * (part + 1) / parts
}

thread_local! {
    static SCRATCH: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// Lends `body` a 64-byte aligned buffer of `len` numbers *of any value*. The thread keeps the memory for later calls;
/// a call within `body` gets another.
#[inline(always)]
pub(crate) fn with_scratch<R>(len: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = SCRATCH.with_borrow_mut(|kept| take(kept, len));
    let result = body(&mut buffer[..len]);
    SCRATCH.with_borrow_mut(|kept| kept.push(buffer));
    result
}

/// The smallest buffer that is large enough; if none is, a new one takes the place of the largest.
fn take(kept: &mut Vec<Buffer>, len: usize) -> Buffer {
    let fits = (0..kept.len()).filter(|&i| kept[i].len() >= len).min_by_key(|&i| kept[i].len());
    if let Some(i) = fits {
        return kept.swap_remove(i);
    }
    if let Some(i) = (0..kept.len()).max_by_key(|&i| kept[i].len()) {
        kept.swap_remove(i);
    }
    Buffer::zeroed(len.next_multiple_of(if len < WORTH_A_PAGE { LINE } else { Buffer::HUGE }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_matrix_once() {
        for (rows, cols, size) in
            [(5, 7, [2, 3]), (1, 1, [4, 4]), (6, 4, [6, 4]), (9, 2, [1, 1]), (0, 3, [2, 2])]
        {
            let mut c = vec![0.0; rows * cols];
            for_each_block(&mut c, cols, size, |i, j, mut block| {
                for (r, i) in i.enumerate() {
                    assert_eq!(block.row(r).len(), j.len());
                    block.row(r).iter_mut().zip(j.clone()).for_each(|(v, j)| *v += (1 + i * cols + j) as f32);
                }
            });
            let expected: Vec<f32> = (1..=rows * cols).map(|v| v as f32).collect();
            assert_eq!(c, expected);
        }
    }

    #[test]
    fn even_parts_differ_by_at_most_one() {
        for len in 0..60 {
            for at_most in 1..20 {
                let parts: Vec<_> = even_parts(3..3 + len, at_most).collect();
                assert_eq!(parts.len(), len.div_ceil(at_most));
                assert_eq!(parts.iter().map(ExactSizeIterator::len).sum::<usize>(), len);
                assert!(parts.iter().all(|p| p.len() <= at_most && p.len() >= len / parts.len()));
                assert!(parts.windows(2).all(|p| p[0].end == p[1].start));
            }
        }
    }

    #[test]
    fn scratch_may_be_nested_and_grows() {
        with_scratch(8, |a| {
            a.fill(1.0);
            with_scratch(100, |b| b.fill(2.0));
            assert_eq!(a, [1.0; 8]);
        });
        with_scratch(1000, |a| assert_eq!(a.len(), 1000));
    }
}
