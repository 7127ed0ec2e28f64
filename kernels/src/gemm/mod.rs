//! Matrix multiplication, C = A·B, on which dense layers and convolutions stand.
//!
//! Three nested ideas, each in a file of its own:
//!
//! 1. `tile` (and `panels`): a rectangle of C held in registers does MR·NR multiply-adds for MR + NR numbers read.
//! 2. `pack`: the operands are copied, a block at a time, into the order in which a tile reads them.
//! 3. `driver` (and `blocks`): the loops that keep one operand in L1, the other in L2, and every core busy.
//!
//! Two exceptions: `few_rows`, up to 8 of them, are limited by memory and stream B unpacked; `short_rows`, of up to 64
//! numbers, are over so soon that they want the barest loops there are. [`mod@reference`] is the product as the textbook has it.
//!
//! Every output is summed in an order that depends on k alone: chains of 256 multiply-adds, and the chains
//! added from first to last. So its bits do not depend on the number of threads, on m, on n, or on its place in C.
//! Its error is at most γₙ·Σ|a·b| with n = 256 + ⌈k/256⌉, and one more for the portable tile, which rounds each product
//! before it is added (Higham, *Accuracy and stability of numerical algorithms*, §4.2).

mod blocks;
pub(crate) mod driver;
mod few_rows;
pub(crate) mod pack;
pub(crate) mod panels;
pub mod reference;
mod short_rows;
pub(crate) mod tile;

use self::pack::NarrowRef;
use crate::half::Narrow;
use crate::isa::Isa;

/// The sizes of a product: A is (m, k), B is (k, n), C is (m, n).
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct GemmShape {
    /// Rows of A and of C.
    pub m: usize,
    /// Columns of B and of C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
}

/// A matrix to read: element (i, j) is `data[i * strides[0] + j * strides[1]]`.
#[derive(Copy, Clone, Debug)]
pub struct MatRef<'a> {
    data: &'a [f32],
    strides: [usize; 2],
}

impl<'a> MatRef<'a> {
    /// A matrix of `cols` columns whose rows follow each other.
    pub fn row_major(data: &'a [f32], cols: usize) -> Self {
        Self { data, strides: [cols, 1] }
    }

    /// The transposed matrix: the same numbers, read the other way.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { data: self.data, strides: [self.strides[1], self.strides[0]] }
    }

    /// Element (i, j).
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> f32 {
        self.data[i * self.strides[0] + j * self.strides[1]]
    }

    fn covers(&self, rows: usize, cols: usize) -> bool {
        rows == 0
            || cols == 0
            || (rows - 1) * self.strides[0] + (cols - 1) * self.strides[1] < self.data.len()
    }
}

/// What happens to a finished sum before it is stored: `y = sum + bias[column]`, then ReLU.
#[derive(Copy, Clone, Default, Debug)]
pub struct Epilogue<'a> {
    /// One number for each column.
    pub bias: Option<&'a [f32]>,
    /// Negative results become zero; NaN stays NaN.
    pub relu: bool,
}

impl Epilogue<'_> {
    /// Whether sums are stored as they are.
    pub(crate) fn is_nothing(&self) -> bool {
        self.bias.is_none() && !self.relu
    }

    /// Finishes `c`, a part of a row that starts at column `start`.
    #[inline(always)]
    pub(crate) fn apply(&self, start: usize, c: &mut [f32]) {
        if let Some(bias) = self.bias {
            c.iter_mut().zip(&bias[start..]).for_each(|(c, b)| *c += b);
        }
        if self.relu {
            // As `relu::forward`: not `f32::max`, which would swallow a NaN.
            c.iter_mut().for_each(|c| *c = if *c <= 0.0 { 0.0 } else { *c });
        }
    }
}

/// `c` = a · b, then bias and ReLU as `epilogue` says; c: (m, n) row-major, overwritten.
///
/// # Panics
/// If an operand is smaller than `shape` says.
///
/// ```
/// use graft_kernels::{Isa, gemm::{gemm, Epilogue, GemmShape, MatRef}};
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0]);
/// let mut c = [0.0; 2];
/// let shape = GemmShape { m: 2, n: 1, k: 2 };
/// gemm(Isa::best(), shape, MatRef::row_major(&a, 2), MatRef::row_major(&b, 1), Epilogue::default(), &mut c);
/// assert_eq!(c, [3.0, 7.0]);
/// ```
pub fn gemm(isa: Isa, shape: GemmShape, a: MatRef<'_>, b: MatRef<'_>, epilogue: Epilogue<'_>, c: &mut [f32]) {
    let GemmShape { m, n, k } = shape;
    assert!(a.covers(m, k), "gemm: A has {} numbers, too few for {m} × {k}", a.data.len());
    assert!(b.covers(k, n), "gemm: B has {} numbers, too few for {k} × {n}", b.data.len());
    assert_eq!(c.len(), m * n, "gemm: C is {m} × {n}");
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n), "gemm: one bias for each of {n} columns");
    if m <= few_rows::MAX_ROWS && b.strides[1] == 1 {
        few_rows::multiply(isa, shape, a, b.data, b.strides[0], epilogue, c);
    } else if short_rows::are_short(shape, a) {
        short_rows::multiply(isa, shape, a, b, epilogue, c);
    } else {
        driver::multiply(isa, shape, &a, &b, epilogue, c);
    }
}

/// As [`gemm`], with `b` kept in 16 bits and row-major: the bits that its numbers as f32 would give, for half the reading.
///
/// # Panics
/// If an operand is smaller than `shape` says.
pub fn gemm_narrow(
    isa: Isa,
    shape: GemmShape,
    a: MatRef<'_>,
    b: Narrow<'_>,
    epilogue: Epilogue<'_>,
    c: &mut [f32],
) {
    let GemmShape { m, n, k } = shape;
    assert!(a.covers(m, k), "gemm: A has {} numbers, too few for {m} × {k}", a.data.len());
    assert_eq!(b.len(), k * n, "gemm: B is {k} × {n}");
    assert_eq!(c.len(), m * n, "gemm: C is {m} × {n}");
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n), "gemm: one bias for each of {n} columns");
    match b {
        _ if m > few_rows::MAX_ROWS => {
            driver::multiply(isa, shape, &a, &NarrowRef { data: b, cols: n }, epilogue, c);
        }
        Narrow::F16(b) => few_rows::multiply(isa, shape, a, b, n, epilogue, c),
        Narrow::Bf16(b) => few_rows::multiply(isa, shape, a, b, n, epilogue, c),
    }
}
