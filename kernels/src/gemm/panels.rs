//! The layouts in which a tile finds its rows of A, each with the loop over k that reads it.
//!
//! Which is best depends on where the numbers come from. [`Lines`] and [`Columns`] are copies, made by whichever way memory
//! is read fast ([`super::pack`]); [`InPlace`] and [`Pixels`] are no copies at all.

use super::tile::{Ahead, Beside, LINE, Line, Target};
use crate::simd::Simd;

/// Steps of k that follow each other without a jump: counting costs the units that multiply a few percent of their time.
const UNROLLED: usize = 4;

/// Channels of a picture.
pub(crate) const RGB: usize = 3;

/// Height and width of the window of [`Pixels`].
pub(crate) const TAPS: usize = 3;

/// At most MR rows of A, for the k of one call.
pub(crate) trait Panel: Copy {
    /// `acc[i][j] += a[i][k]·b[k][j]` for all k of `b`, in order.
    ///
    /// What is `ahead`, in it the rows of `c`, and what is to be done beside are for [`Lines`], whose loops are long enough for all
    /// of it; [`InPlace`] asks for rows of C, one for each of its first k; the others do nothing but multiply.
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        ahead: Ahead<'_>,
        c: &mut impl Target<NR>,
        other: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    );
}

/// 16 k of the first row, 16 of the second, and so on for all rows; then the next 16 k. A row's numbers are copied a
/// cache line at a time, and a tile finds all of its rows at distances known to the compiler.
#[derive(Copy, Clone)]
pub(crate) struct Lines<'a>(pub(crate) &'a [Line]);

impl Panel for Lines<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        ahead: Ahead<'_>,
        c: &mut impl Target<NR>,
        other: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    ) {
        let (lines, tail) = (self.0.as_chunks::<R>().0, b.len() % LINE);
        let (whole, b_tail) = b.as_chunks::<LINE>();
        let mut next_a = ahead.a.as_chunks::<R>().0.iter();
        let mut far = ahead.far.first;
        let c_rows = R.div_ceil(whole.len().max(1));
        for (step, (a, b)) in lines.iter().zip(whole).enumerate() {
            if let Some(behind) = ahead.c {
                for row in step * c_rows..R.min((step + 1) * c_rows) {
                    ask_for_row(s, c, row, behind);
                }
            }
            other.step();
            for line in next_a.next().into_iter().flatten() {
                s.prefetch(line, 0);
            }
            for i in 0..ahead.far.count {
                s.prefetch_far(ahead.far.data, far + i * ahead.far.apart);
            }
            far += ahead.far.step;
            for first in (0..LINE).step_by(UNROLLED) {
                for k in 0..UNROLLED {
                    let k = first + k;
                    outer_product(
                        s,
                        #[inline(always)]
                        |i| a[i][k],
                        &b[k],
                        acc,
                    );
                }
            }
        }
        if tail > 0 {
            let a = &lines[whole.len()];
            for (k, b) in (0..LINE).zip(b_tail) {
                outer_product(
                    s,
                    #[inline(always)]
                    |i| a[i][k],
                    b,
                    acc,
                );
            }
        }
    }
}

/// `a[k][first + i]`: columns of A, each in a cache line.
#[derive(Copy, Clone)]
pub(crate) struct Columns<'a> {
    /// A line for each k.
    pub(crate) a: &'a [Line],
    /// Where the first row is in each.
    pub(crate) first: usize,
}

impl Panel for Columns<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        _: Ahead<'_>,
        _: &mut impl Target<NR>,
        _: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    ) {
        let Self { a, first } = self;
        assert!(first <= LINE - R && a.len() == b.len());
        for (a, b) in a.iter().zip(b) {
            let a = a[first..].first_chunk::<R>().expect("R rows in a line");
            outer_product(
                s,
                #[inline(always)]
                |i| a[i],
                b,
                acc,
            );
        }
    }
}

/// Short rows of A where they lie, the first at the start of `a` and each `stride` numbers after the one before: there is
/// nothing to copy, and they are near enough to one another not to fall on each other in L1.
#[derive(Copy, Clone)]
pub(crate) struct InPlace<'a> {
    /// From the first number of the first row on.
    pub(crate) a: &'a [f32],
    /// From one row to the next.
    pub(crate) stride: usize,
}

impl Panel for InPlace<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        ahead: Ahead<'_>,
        c: &mut impl Target<NR>,
        _: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    ) {
        let mut rows = [&self.a[..0]; R];
        for i in 0..R {
            rows[i] = &self.a[i * self.stride..][..b.len()];
        }
        for (k, b) in b.iter().enumerate() {
            if let Some(behind) = ahead.c.filter(|_| k < R) {
                ask_for_row(s, c, k, behind);
            }
            outer_product(
                s,
                #[inline(always)]
                |i| rows[i][k],
                b,
                acc,
            );
        }
    }
}

/// Three rows of pixels: row i of A is what a window of 3×3 sees from pixel i on, `a[ky][i + kx][c]`.
#[derive(Copy, Clone)]
pub(crate) struct Pixels<'a>(pub(crate) [&'a [[f32; RGB]]; TAPS]);

impl Panel for Pixels<'_> {
    #[inline(always)]
    fn multiply<S: Simd, const R: usize, const NR: usize, const NV: usize>(
        self,
        s: S,
        b: &[[f32; NR]],
        _: Ahead<'_>,
        _: &mut impl Target<NR>,
        _: &mut impl Beside,
        acc: &mut [[S::V; NV]; R],
    ) {
        let b = b.first_chunk::<{ TAPS * TAPS * RGB }>().expect("filters of 3×3×3");
        for ky in 0..TAPS {
            let a = &self.0[ky][..R + TAPS - 1];
            for kx in 0..TAPS {
                for channel in 0..RGB {
                    outer_product(
                        s,
                        #[inline(always)]
                        |i| a[i + kx][channel],
                        &b[(ky * TAPS + kx) * RGB + channel],
                        acc,
                    );
                }
            }
        }
    }
}

/// Asks for a row of C, or for that which lies so many numbers behind it.
#[inline(always)]
fn ask_for_row<S: Simd, const NR: usize>(s: S, c: &mut impl Target<NR>, row: usize, behind: usize) {
    let c = &*c.row(row);
    (0..NR).step_by(LINE).for_each(|line| s.prefetch(c, behind + line));
}

/// `acc[i][j] += a(i)·b[j]`.
#[inline(always)]
fn outer_product<S: Simd, const R: usize, const NR: usize, const NV: usize>(
    s: S,
    a: impl Fn(usize) -> f32,
    b: &[f32; NR],
    acc: &mut [[S::V; NV]; R],
) {
    let mut row = [s.splat(0.0); NV];
    for j in 0..NV {
        row[j] = s.load(&b[j * S::LANES..]);
    }
    for i in 0..R {
        let a = s.splat(a(i));
        for j in 0..NV {
            acc[i][j] = s.mul_add(a, row[j], acc[i][j]);
        }
    }
}
