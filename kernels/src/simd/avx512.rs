//! AVX-512: 32 registers of 16 floats.

use std::arch::x86_64::{
    __m512, _CMP_NLE_UQ, _CMP_UNORD_Q, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch, _mm_sfence, _mm512_abs_ps,
    _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_div_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_mov_ps,
    _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    _mm512_stream_ps, _mm512_sub_ps,
};

use super::Simd;
use crate::isa::Avx512;

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const STREAMS: bool = true;

    #[inline(always)]
    fn vectorize<R>(self, op: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")]
        fn run<R>(op: impl FnOnce() -> R) -> R {
            op()
        }
        // SAFETY: an `Avx512` is made only where all these features were detected.
        unsafe { run(op) }
    }

    #[inline(always)]
    fn splat(self, v: f32) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_set1_ps(v) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        let from = &from[..16];
        // SAFETY: `self` proves AVX-512, and `from` has 16 floats; any alignment will do.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, v: __m512, to: &mut [f32]) {
        let to = &mut to[..16];
        // SAFETY: as for `load`.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) }
    }

    #[inline(always)]
    unsafe fn stream(self, v: __m512, to: &mut [f32]) {
        let to = &mut to[..16];
        if to.as_ptr().addr().is_multiple_of(64) {
            // SAFETY: as for `store`; the line begins where the instruction demands it, and the caller fences before anybody
            // reads it.
            unsafe { _mm512_stream_ps(to.as_mut_ptr(), v) }
        } else {
            self.store(v, to);
        }
    }

    #[inline(always)]
    fn fence(self) {
        // SAFETY: `self` proves AVX-512, which comes with SSE; it only waits.
        unsafe { _mm_sfence() }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        // The instruction gives its second operand where either is NaN; so a NaN of the first is put back.
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a), a) }
    }

    #[inline(always)]
    fn abs(self, v: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_abs_ps(v) }
    }

    #[inline(always)]
    fn drop_up_to(self, v: __m512, limit: __m512) -> __m512 {
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(_mm512_abs_ps(v), limit), v) }
    }

    #[inline(always)]
    fn relu(self, v: __m512) -> __m512 {
        // The second operand where either is NaN: `v` it has to be.
        // SAFETY: `self` proves AVX-512.
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), v) }
    }

    #[inline(always)]
    fn prefetch<T>(self, near: &[T], offset: usize) {
        // SAFETY: a prefetch reads nothing that the program could see, and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(near.as_ptr().wrapping_add(offset).cast()) }
    }

    #[inline(always)]
    fn prefetch_far<T>(self, near: &[T], offset: usize) {
        // SAFETY: as for `prefetch`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(near.as_ptr().wrapping_add(offset).cast()) }
    }
}
