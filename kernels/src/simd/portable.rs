//! What runs everywhere: 4 floats by the crate `wide`, which is one register of SSE2 or NEON.
//!
//! A product is rounded before it is added. `f32::mul_add` would fuse the two, but where the baseline of the target has
//! no such instruction (x86-64 has none) it is a call into the C library, a hundred times slower.

use wide::f32x4;

use super::Simd;

/// The token of [`Isa::Portable`](crate::Isa::Portable); it proves nothing, and needs to prove nothing.
#[derive(Copy, Clone)]
pub(crate) struct Portable;

impl Simd for Portable {
    type V = f32x4;
    const LANES: usize = 4;

    #[inline(always)]
    fn vectorize<R>(self, op: impl FnOnce() -> R) -> R {
        op()
    }

    #[inline(always)]
    fn splat(self, v: f32) -> f32x4 {
        f32x4::splat(v)
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> f32x4 {
        f32x4::new([from[0], from[1], from[2], from[3]])
    }

    #[inline(always)]
    fn store(self, v: f32x4, to: &mut [f32]) {
        to[..4].copy_from_slice(&v.to_array());
    }

    #[inline(always)]
    fn add(self, a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }

    #[inline(always)]
    fn sub(self, a: f32x4, b: f32x4) -> f32x4 {
        a - b
    }

    #[inline(always)]
    fn mul(self, a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }

    #[inline(always)]
    fn div(self, a: f32x4, b: f32x4) -> f32x4 {
        a / b
    }

    #[inline(always)]
    fn mul_add(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        a * b + c
    }

    #[inline(always)]
    fn max(self, a: f32x4, b: f32x4) -> f32x4 {
        let [a, b] = [a.to_array(), b.to_array()];
        f32x4::new(std::array::from_fn(|i| if b[i] > a[i] || b[i].is_nan() { b[i] } else { a[i] }))
    }

    #[inline(always)]
    fn abs(self, v: f32x4) -> f32x4 {
        v.abs()
    }

    #[inline(always)]
    fn drop_up_to(self, v: f32x4, limit: f32x4) -> f32x4 {
        let [v, limit] = [v.to_array(), limit.to_array()];
        f32x4::new(std::array::from_fn(|i| if v[i].abs() <= limit[i] { 0.0 } else { v[i] }))
    }

    #[inline(always)]
    fn relu(self, v: f32x4) -> f32x4 {
        f32x4::new(v.to_array().map(|v| if v <= 0.0 { 0.0 } else { v }))
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &[T], _: usize) {}

    #[inline(always)]
    fn prefetch_far<T>(self, _: &[T], _: usize) {}
}
