//! Vectors: the few operations of which hand-written kernels are made, once for each instruction set.
//!
//! A kernel that [`Isa::vectorize`](crate::Isa::vectorize) cannot produce from plain loops (a register tile, a transform
//! of many streams at once) is written over the trait [`Simd`] instead, and becomes a kernel of every instruction set.
//! The trait is all that differs between them: how many floats a register holds, and what its instructions are called.
//!
//! A value of a type that implements [`Simd`] is a token of [`crate::isa`]: the proof that the CPU has the instructions.
//! The functions below are therefore safe to call wherever a token is. They are *fast* only inside a function that is
//! compiled for the instruction set, so every function between [`Simd::vectorize`] and them is `#[inline(always)]`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

pub(crate) use portable::Portable;

/// An instruction set whose registers hold [`LANES`](Self::LANES) floats.
pub(crate) trait Simd: Copy + Send + Sync {
    /// A register.
    type V: Copy;

    /// Floats in a register.
    const LANES: usize;

    /// Whether [`stream`](Self::stream) goes past the caches.
    const STREAMS: bool = false;

    /// Runs `op` compiled for this instruction set.
    fn vectorize<R>(self, op: impl FnOnce() -> R) -> R;

    /// The same number in every lane.
    fn splat(self, v: f32) -> Self::V;

    /// The first numbers of `from`.
    ///
    /// # Panics
    /// If there are less than a register holds. Callers pass arrays, so that the check is made by the compiler.
    fn load(self, from: &[f32]) -> Self::V;

    /// Overwrites the first numbers of `to`.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    fn store(self, v: Self::V, to: &mut [f32]);

    /// Overwrites the first numbers of `to`, which nobody will read for long: where it can, past the caches, so that the line
    /// they lie in is not fetched first.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    ///
    /// # Safety
    /// This thread calls [`fence`](Self::fence) before anybody reads them: such a write is in no order with others.
    #[inline(always)]
    unsafe fn stream(self, v: Self::V, to: &mut [f32]) {
        self.store(v, to);
    }

    /// Waits until all that this thread streamed is where everybody sees it.
    #[inline(always)]
    fn fence(self) {}

    /// a + b.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;

    /// a - b.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;

    /// a · b.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;

    /// a · b + c, rounded once where the instruction set can (all but the portable one).
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// The larger of both; NaN if either is.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// |v|.
    fn abs(self, v: Self::V) -> Self::V;

    /// Zero where |v| is at most `limit`; NaN stays.
    fn drop_up_to(self, v: Self::V, limit: Self::V) -> Self::V;

    /// a / b.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;

    /// Zero for what is negative; NaN stays.
    fn relu(self, v: Self::V) -> Self::V;

    /// Asks for the cache line `offset` numbers after the first of `near`, which need not be within it: it will be read
    /// soon. Only a hint.
    fn prefetch<T>(self, near: &[T], offset: usize);

    /// The same for a line that will be read later: it is to come into L2, not into L1.
    fn prefetch_far<T>(self, near: &[T], offset: usize);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    /// Every operation on 16 numbers at a time, in the order of the list of expectations below.
    #[inline(always)]
    fn results<S: Simd>(s: S, a: &[f32; 16], b: &[f32; 16]) -> Vec<f32> {
        let mut out = vec![f32::NAN; 10 * 16];
        for at in (0..16).step_by(S::LANES) {
            let (x, y) = (s.load(&a[at..]), s.load(&b[at..]));
            let all = [
                s.add(x, y),
                s.sub(x, y),
                s.mul(x, y),
                s.mul_add(x, y, s.splat(0.5)),
                s.max(x, y),
                s.max(y, x),
                s.relu(x),
                s.div(x, y),
                s.abs(x),
                s.drop_up_to(x, s.splat(2.0)),
            ];
            s.prefetch(&a[..], at + 1000);
            for (i, v) in all.into_iter().enumerate() {
                s.store(v, &mut out[i * 16 + at..]);
            }
        }
        out
    }

    /// `a` streamed to a place that begins so many numbers after the start of a line.
    #[inline(always)]
    fn streamed<S: Simd>(s: S, a: &[f32; 16], offset: usize) -> [f32; 16] {
        let mut lines = crate::Buffer::zeroed(32);
        for at in (0..16).step_by(S::LANES) {
            // SAFETY: the fence is below, and nobody reads before.
            unsafe { s.stream(s.load(&a[at..]), &mut lines[offset + at..]) };
        }
        s.fence();
        *lines[offset..].first_chunk().expect("16 numbers")
    }

    #[test]
    fn what_is_streamed_arrives_wherever_it_begins() {
        let a: [f32; 16] = std::array::from_fn(|i| i as f32);
        for offset in 0..16 {
            for isa in Isa::available() {
                let found = match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512(s) => s.vectorize(|| streamed(s, &a, offset)),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2(s) => s.vectorize(|| streamed(s, &a, offset)),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon(s) => s.vectorize(|| streamed(s, &a, offset)),
                    Isa::Portable => streamed(Portable, &a, offset),
                };
                assert_eq!(found, a, "{isa}, offset {offset}");
            }
        }
    }

    fn of(isa: Isa, a: &[f32; 16], b: &[f32; 16]) -> Vec<f32> {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512(s) => s.vectorize(|| results(s, a, b)),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2(s) => s.vectorize(|| results(s, a, b)),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon(s) => s.vectorize(|| results(s, a, b)),
            Isa::Portable => results(Portable, a, b),
        }
    }

    #[test]
    fn lanes_are_what_scalars_are() {
        let nan = f32::NAN;
        let a = [
            1.5,
            -2.0,
            0.0,
            -0.5,
            nan,
            3.0,
            nan,
            f32::INFINITY,
            7.0,
            -7.0,
            0.125,
            -64.0,
            2.0,
            4.0,
            8.0,
            -16.0,
        ];
        let b = [2.0, 3.0, -1.0, -0.25, 1.0, nan, nan, 1.0, -7.0, 7.0, 64.0, 0.125, 0.5, 0.25, -1.0, -1.0];
        let max = |a: f32, b: f32| if a.is_nan() || b.is_nan() { nan } else { a.max(b) };
        let of_scalars: [fn(f32, f32) -> f32; 4] =
            [|a, b| a + b, |a, b| a - b, |a, b| a * b, |a, b| a * b + 0.5];
        for isa in Isa::available() {
            let found = of(isa, &a, &b);
            for i in 0..16 {
                let (a, b) = (a[i], b[i]);
                let relu = if a.is_nan() { nan } else { a.max(0.0) };
                let dropped = if a.abs() <= 2.0 { 0.0 } else { a };
                let others = [max(a, b), max(b, a), relu, a / b, a.abs(), dropped];
                let expected = of_scalars.map(|f| f(a, b)).into_iter().chain(others);
                for (op, e) in expected.enumerate() {
                    let f = found[op * 16 + i];
                    assert!(
                        f == e || (f.is_nan() && e.is_nan()),
                        "{isa}, operation {op}, {a} and {b}: {f}, not {e}"
                    );
                }
            }
        }
    }
}
