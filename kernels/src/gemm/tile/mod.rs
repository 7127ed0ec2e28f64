//! The register tile: the one loop in which nearly all the time of a network is spent.
//!
//! A tile is a rectangle of C that fits into the registers, MR rows of NR columns. For each k it takes one column of
//! A and one row of B, and adds their outer product:
//!
//! ```text
//!              b[k][0..NR]            two vectors
//!            ┌────────────┐
//!  a[0][k] · │ acc[0][..] │          MR × NR multiply-adds for MR + NR numbers read:
//!  a[1][k] · │ acc[1][..] │          the larger the tile, the less memory it needs
//!     ⋮      │     ⋮      │
//!            └────────────┘
//! ```
//!
//! The largest that fits decides its size:
//!
//! | | registers | tile | accumulators + b + a |
//! |---|---|---|---|
//! | AVX-512 | 32 of 16 floats | 14 × 32 | 28 + 2 + 1 |
//! | AVX2 + FMA | 16 of 8 | 6 × 16 | 12 + 2 + 1 |
//! | NEON | 32 of 4 | 6 × 16 | 24 + 4 + 1 |
//! | portable, as SSE2 | 16 of 4 | 4 × 8 | 8 + 2 + 1 |
//!
//! The fused ones have more than the 8 to 10 independent accumulators that hide the latency of a multiply-add (4 to 5
//! cycles, two started in each). The portable one has just 8; each costs a multiplication and an addition, so fewer are
//! needed to keep the units busy.
//!
//! # The order of sums
//!
//! Output (i, j) is the chain `acc = a·b + acc` over the k of one block, from zero and in order; which tile computes
//! it, in which row or lane, makes no difference. That chain is what [`Tile::run`] promises, and what the tests of
//! batches and threads rely on: the fused tiles (all but portable, which rounds the product first) agree bit for bit.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;

/// How many k one block has: the length of one chain of additions.
///
/// Long enough that adding a finished tile to C (about 2 accesses a number) is small against 256 multiply-adds; short
/// enough that 14 rows of A (14 KB) stay in an L1 of 32 KB, and that rounding errors stay small.
pub(crate) const KC: usize = 256;

/// At most MR rows of A, for the k of one block, in the layout that was cheaper to pack.
#[derive(Copy, Clone)]
pub(crate) enum Panel<'a, const MR: usize> {
    /// `a[i][k]`: rows of A as they lie in memory, each in a slot of KC numbers.
    Rows(&'a [[f32; KC]]),
    /// `a[k][i]`: columns of A, each padded to MR numbers.
    Columns(&'a [[f32; MR]]),
}

/// What runs one tile: the panel of A, the packed rows of B, and where the sums go.
type Run<const MR: usize, const NR: usize> = unsafe fn(Panel<'_, MR>, &[[f32; NR]], &mut [[f32; NR]]);

/// A register tile of some instruction set; only that set's token makes one (the portable one needs no token).
#[derive(Copy, Clone)]
pub(crate) struct Tile<const MR: usize, const NR: usize>(Run<MR, NR>);

impl<const MR: usize, const NR: usize> Tile<MR, NR> {
    /// `c[i][j] = Σ a[i][k]·b[k][j]` over all k of `b`, for the rows of `c`, at most MR.
    #[inline(always)]
    pub(crate) fn run(self, a: Panel<'_, MR>, b: &[[f32; NR]], c: &mut [[f32; NR]]) {
        // SAFETY: whoever made this tile gave a token, the proof that the CPU has the features of the function; the
        // portable function is a safe one, and needs none.
        unsafe { (self.0)(a, b, c) }
    }
}
