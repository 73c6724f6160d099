//! Memory beyond the caches: fetched before it is needed, and written without being read first.

/// Elements of so many bytes in all no longer fit the caches, so that what is written is better not kept in them: with
/// ordinary stores six steps over 16 MiB take a fourth longer, over 4 MiB as long.
pub const BEYOND: usize = 24 << 20;

/// Asks for the cache line of an address, which need not be memory.
#[inline(always)]
pub fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is allowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Copies past the caches, where the machine can: a line that is stored whole is not read before. Whoever reads it on
/// another thread must be told so after a [`fence`].
///
/// # Safety
/// There are so many bytes at both places, which do not overlap and which nobody else writes, or reads at `to`.
pub unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) {
    #[cfg(all(target_arch = "x86_64", not(debug_assertions)))]
    {
        use super::simd::{Simd, simd};
        use std::arch::x86_64::{__m256i, __m512i, _mm256_stream_si256, _mm512_stream_si512};
        /// # Safety
        /// As of `copy`; the target is aligned, and so many whole lines.
        #[target_feature(enable = "avx512f")]
        unsafe fn avx512(from: *const __m512i, to: *mut __m512i, lines: usize) {
            for i in 0..lines {
                // SAFETY: the caller's.
                unsafe { _mm512_stream_si512(to.add(i), from.add(i).read_unaligned()) };
            }
        }
        /// # Safety
        /// As of `copy`; the target is aligned, and so many whole lines.
        #[target_feature(enable = "avx")]
        unsafe fn avx(from: *const __m256i, to: *mut __m256i, lines: usize) {
            for i in 0..2 * lines {
                // SAFETY: the caller's.
                unsafe { _mm256_stream_si256(to.add(i), from.add(i).read_unaligned()) };
            }
        }
        if to.addr().is_multiple_of(64) && bytes.is_multiple_of(64) {
            match simd() {
                // SAFETY: the machine has these instructions; there are so many lines, and the target is aligned.
                Simd::Avx512 => return unsafe { avx512(from.cast(), to.cast(), bytes / 64) },
                // SAFETY: as above.
                Simd::Avx2 => return unsafe { avx(from.cast(), to.cast(), bytes / 64) },
                Simd::Portable => {}
            }
        }
    }
    // SAFETY: the caller's.
    unsafe { std::ptr::copy_nonoverlapping(from, to, bytes) };
}

/// What [`copy`] wrote before is seen by whoever is told of it after.
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
