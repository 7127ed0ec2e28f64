//! NEON: 32 registers of 4 floats.

use std::arch::aarch64::{
    float32x4_t, vabsq_f32, vaddq_f32, vbicq_u32, vcleq_f32, vdivq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32,
    vmaxq_f32, vmulq_f32, vreinterpretq_f32_u32, vreinterpretq_u32_f32, vst1q_f32, vsubq_f32,
};

use super::Simd;
use crate::isa::Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    fn vectorize<R>(self, op: impl FnOnce() -> R) -> R {
        op() // every aarch64 target of Rust's is compiled with NEON
    }

    #[inline(always)]
    fn splat(self, v: f32) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vdupq_n_f32(v) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> float32x4_t {
        let from = &from[..4];
        // SAFETY: `self` proves NEON, and `from` has 4 floats.
        unsafe { vld1q_f32(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: float32x4_t, to: &mut [f32]) {
        let to = &mut to[..4];
        // SAFETY: as for `load`.
        unsafe { vst1q_f32(to.as_mut_ptr(), v) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // This instruction gives NaN where either is.
        // SAFETY: `self` proves NEON.
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    fn abs(self, v: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe { vabsq_f32(v) }
    }

    #[inline(always)]
    fn drop_up_to(self, v: float32x4_t, limit: float32x4_t) -> float32x4_t {
        // SAFETY: `self` proves NEON.
        unsafe {
            let dropped = vcleq_f32(vabsq_f32(v), limit);
            vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), dropped))
        }
    }

    #[inline(always)]
    fn relu(self, v: float32x4_t) -> float32x4_t {
        self.max(self.splat(0.0), v)
    }

    #[inline(always)]
    fn prefetch<T>(self, _: &[T], _: usize) {
        // `core::arch::aarch64::_prefetch` is not stable yet.
    }

    #[inline(always)]
    fn prefetch_far<T>(self, _: &[T], _: usize) {}
}
