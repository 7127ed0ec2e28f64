//! The register tile, in which nearly all the time of a network is spent.
//!
//! A tile is a rectangle of C that fits into the registers, MR rows of NR columns. For each k it takes one column of
//! A and one row of B, and adds their outer product:
//!
//! ```text
//!              b[k][0..NR]            NV vectors
//!            ┌────────────┐
//!  a[0][k] · │ acc[0][..] │          MR × NR multiply-adds for MR + NR numbers read:
//!  a[1][k] · │ acc[1][..] │          the larger the tile, the less memory it needs
//!     ⋮      │     ⋮      │
//!            └────────────┘
//! ```
//!
//! The loop is written once for each layout of A ([`super::panels`]), over [`Simd`]; the instruction set decides how large a
//! rectangle fits ([`with_tile`]):
//!
//! | | registers | tile | accumulators + b + a |
//! |---|---|---|---|
//! | AVX-512 | 32 of 16 floats | 14 × 32 | 28 + 2 + 1 |
//! | AVX2 + FMA | 16 of 8 | 6 × 16 | 12 + 2 + 1 |
//! | NEON | 32 of 4 | 6 × 16 | 24 + 4 + 1 |
//! | portable, as SSE2 | 16 of 4 | 4 × 8 | 8 + 2 + 1 |
//!
//! Per k, AVX-512 makes 2 loads of b, 14 broadcasts of a and 28 fused multiply-adds. A CPU that starts one 512-bit
//! multiply-add a cycle (AMD Zen 4) or two (Zen 5, Intel servers) can load twice a cycle, so the multiplier is the limit,
//! as it is for AVX2 (2 + 6 loads, 12 multiply-adds). The fused ones have more than the 8 to 10 independent accumulators
//! that hide the latency of a multiply-add (4 to 5 cycles, two started in each). The portable one has just 8; each costs
//! a multiplication and an addition, so fewer are needed to keep the units busy.
//!
//! # The order of sums
//!
//! Output (i, j) is the chain `acc = a·b + acc` over the k of one call, from zero and in order; which tile computes
//! it, in which row or lane, makes no difference. That chain is what [`tile`] promises, and what the tests of
//! batches and threads rely on: the fused tiles (all but portable, which rounds the product first) agree bit for bit.

use super::panels::Panel;
use crate::isa::Isa;
use crate::simd::{Portable, Simd};

/// How many k one block has: the length of one chain of additions.
///
/// Long enough that adding a finished tile to C (about 2 accesses a number) is small against 256 multiply-adds; short
/// enough that 14 rows of A (14 KB) stay in an L1 of 32 KB, and that rounding errors stay small.
pub(crate) const KC: usize = 256;

/// Numbers of a cache line.
pub(crate) const LINE: usize = 16;

/// As many numbers as a cache line has.
pub(crate) type Line = [f32; LINE];

/// Rows of a tile that are stored without a jump.
const ROWS_UNROLLED: usize = 7;

/// Where a tile writes its part of C.
pub(crate) trait Target<const NR: usize> {
    /// How many rows it has, at most MR.
    fn count(&self) -> usize;

    /// Row `i` of them.
    fn row(&mut self, i: usize) -> &mut [f32; NR];
}

/// The rows of C as rows of some memory of the tile's width: the first of every `stride` of them.
pub(crate) struct Rows<'a, const NR: usize> {
    c: &'a mut [[f32; NR]],
    count: usize,
    stride: usize,
}

impl<'a, const NR: usize> Rows<'a, NR> {
    /// All of `c`.
    #[inline(always)]
    pub(crate) fn all(c: &'a mut [[f32; NR]]) -> Self {
        Self { count: c.len(), c, stride: 1 }
    }

    /// `count` rows of `c`, the first and every `stride`-th after it.
    #[inline(always)]
    pub(crate) fn every(c: &'a mut [[f32; NR]], count: usize, stride: usize) -> Self {
        Self { c, count, stride }
    }
}

impl<const NR: usize> Target<NR> for Rows<'_, NR> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.count
    }

    #[inline(always)]
    fn row(&mut self, i: usize) -> &mut [f32; NR] {
        &mut self.c[i * self.stride]
    }
}

/// What will be wanted soon and is asked for while a tile runs, so that the wait for it costs nothing.
#[derive(Copy, Clone, Default)]
pub(crate) struct Ahead<'a> {
    /// Into L1: the A of the next tile.
    pub(crate) a: &'a [Line],
    /// Into L1: rows of C, so many numbers behind the tile's own (0: these themselves).
    pub(crate) c: Option<usize>,
    /// Into L2: what will be wanted a little later.
    pub(crate) far: Far<'a>,
}

/// Cache lines in equal distances, some of them for every 16 steps of k: so that they are asked for evenly, while there is
/// something else to do.
#[derive(Copy, Clone, Default)]
pub(crate) struct Far<'a> {
    /// The memory that they lie in.
    pub(crate) data: &'a [f32],
    /// Number of the first; need not exist, and nor need those that follow.
    pub(crate) first: usize,
    /// How many for each 16 steps.
    pub(crate) count: usize,
    /// Numbers from one to the next of them.
    pub(crate) apart: usize,
    /// Numbers from those of 16 steps to those of the next 16.
    pub(crate) step: usize,
}

/// Other work, of which a tile does a little at every 16 k: what waits for memory costs nothing beside what does not.
pub(crate) trait Beside {
    /// A little of it. Nothing in it may be a call, for which the tile would put its accumulators away.
    fn step(&mut self);
}

impl Beside for () {
    #[inline(always)]
    fn step(&mut self) {}
}

/// Work that is done by tiles of MR rows and NR columns, which are NV registers.
pub(crate) trait WithTile {
    /// What it gives.
    type Output;

    /// Does it.
    fn run<S: Simd, const MR: usize, const NR: usize, const NV: usize>(self, s: S) -> Self::Output;
}

/// Does `work` by the tile that suits this instruction set.
pub(crate) fn with_tile<W: WithTile>(isa: Isa, work: W) -> W::Output {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512(s) => work.run::<_, 14, 32, 2>(s),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(s) => work.run::<_, 6, 16, 2>(s),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(s) => work.run::<_, 6, 16, 4>(s),
        Isa::Portable => work.run::<_, 4, 8, 2>(Portable),
    }
}

/// `c[i][j] = Σ a[i][k]·b[k][j]` over all k of `b`, for the rows of `c`, at most MR; or that sum added to `c`.
///
/// To be called from code that [`Simd::vectorize`] compiles, and inlined into it: as a call, its operands would be written
/// to the stack and read back only after the stores of the tile before, 15 % of the time of a short sum.
#[inline(always)]
pub(crate) fn tile<S: Simd, const MR: usize, const NR: usize, const NV: usize>(
    s: S,
    a: impl Panel,
    b: &[[f32; NR]],
    ahead: Ahead<'_>,
    add: bool,
    c: impl Target<NR>,
) {
    tile_beside::<S, MR, NR, NV>(s, a, b, ahead, add, c, &mut ());
}

/// [`tile`], and some other work beside it, if A is [`Lines`](super::panels::Lines).
#[inline(always)]
pub(super) fn tile_beside<S: Simd, const MR: usize, const NR: usize, const NV: usize>(
    s: S,
    a: impl Panel,
    b: &[[f32; NR]],
    ahead: Ahead<'_>,
    add: bool,
    c: impl Target<NR>,
    other: &mut impl Beside,
) {
    const { assert!(MR <= 14 && NR == NV * S::LANES) };
    match c.count() {
        // A number of rows that the compiler knows, so that the accumulators are registers.
        1 => rows::<S, 1, NR, NV>(s, a, b, ahead, add, c, other),
        2 => rows::<S, 2, NR, NV>(s, a, b, ahead, add, c, other),
        3 => rows::<S, 3, NR, NV>(s, a, b, ahead, add, c, other),
        4 => rows::<S, 4, NR, NV>(s, a, b, ahead, add, c, other),
        5 if MR >= 5 => rows::<S, 5, NR, NV>(s, a, b, ahead, add, c, other),
        6 if MR >= 6 => rows::<S, 6, NR, NV>(s, a, b, ahead, add, c, other),
        7 if MR >= 7 => rows::<S, 7, NR, NV>(s, a, b, ahead, add, c, other),
        8 if MR >= 8 => rows::<S, 8, NR, NV>(s, a, b, ahead, add, c, other),
        9 if MR >= 9 => rows::<S, 9, NR, NV>(s, a, b, ahead, add, c, other),
        10 if MR >= 10 => rows::<S, 10, NR, NV>(s, a, b, ahead, add, c, other),
        11 if MR >= 11 => rows::<S, 11, NR, NV>(s, a, b, ahead, add, c, other),
        12 if MR >= 12 => rows::<S, 12, NR, NV>(s, a, b, ahead, add, c, other),
        13 if MR >= 13 => rows::<S, 13, NR, NV>(s, a, b, ahead, add, c, other),
        14 if MR >= 14 => rows::<S, 14, NR, NV>(s, a, b, ahead, add, c, other),
        other => unreachable!("a tile of {other} rows"),
    }
}

#[inline(always)]
fn rows<S: Simd, const R: usize, const NR: usize, const NV: usize>(
    s: S,
    a: impl Panel,
    b: &[[f32; NR]],
    ahead: Ahead<'_>,
    add: bool,
    mut c: impl Target<NR>,
    other: &mut impl Beside,
) {
    let mut acc = [[s.splat(0.0); NV]; R];
    a.multiply(s, b, ahead, &mut c, other, &mut acc);
    // Short loops by index: the compiler keeps the accumulators in their registers only if it unrolls these, and that it does
    // with nothing longer. Over all 14 rows at once, or by an iterator, it would write them to memory and read them again.
    if add {
        for i in 0..R.min(ROWS_UNROLLED) {
            add_row(s, c.row(i), &mut acc[i]);
        }
        for i in ROWS_UNROLLED..R {
            add_row(s, c.row(i), &mut acc[i]);
        }
    }
    for i in 0..R.min(ROWS_UNROLLED) {
        store_row(s, &acc[i], c.row(i));
    }
    for i in ROWS_UNROLLED..R {
        store_row(s, &acc[i], c.row(i));
    }
}

/// Adds a row of C to accumulators.
#[inline(always)]
fn add_row<S: Simd, const NR: usize, const NV: usize>(s: S, c: &[f32; NR], acc: &mut [S::V; NV]) {
    for j in 0..NV {
        acc[j] = s.add(s.load(&c[j * S::LANES..]), acc[j]);
    }
}

/// A row of accumulators as a row of C.
#[inline(always)]
fn store_row<S: Simd, const NR: usize, const NV: usize>(s: S, acc: &[S::V; NV], c: &mut [f32; NR]) {
    for j in 0..NV {
        s.store(acc[j], &mut c[j * S::LANES..]);
    }
}
