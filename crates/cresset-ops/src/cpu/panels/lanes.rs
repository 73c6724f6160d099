//! What registers of either set of instructions do alike, so that a loop is written once and compiled for each.
//!
//! A body over [`Lanes`] is always inlined, without closures around these functions, into one that has the instructions: only
//! there do they become single ones.

use std::arch::x86_64::*;

use super::{Tile, Turn, avx2, avx512};

/// States what each function of [`Lanes`] is.
macro_rules! instructions {
    ($($name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $body:expr;)*) => {$(
        #[inline(always)]
        #[allow(unused_unsafe)] // masks of AVX-512 are plain numbers
        unsafe fn $name($($argument: $type),*) $(-> $result)? {
            // SAFETY: the caller's.
            unsafe { $body }
        }
    )*};
}

/// A register of f32.
///
/// # Safety
/// Of all functions: the machine has the instructions, and the memory they name may be read and written.
pub trait Lanes: Copy {
    /// How many numbers it has.
    const COUNT: usize;

    /// The bits of the first so many lanes.
    #[inline(always)]
    fn first(lanes: usize) -> u32 {
        (1 << lanes.min(Self::COUNT)) - 1
    }

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(x: Self, to: *mut f32);
    unsafe fn plus(x: Self, y: Self) -> Self;
    unsafe fn minus(x: Self, y: Self) -> Self;
    unsafe fn times(x: Self, y: Self) -> Self;
    /// `x·y + z`, rounded once.
    unsafe fn fused(x: Self, y: Self, z: Self) -> Self;
    /// The numbers of lanes whose bits are set, and zeros.
    unsafe fn load_some(from: *const f32, bits: u32) -> Self;
    /// The same of every second number from there on.
    unsafe fn load_seconds(from: *const f32, bits: u32) -> Self;
    /// Stores lanes whose bits are set.
    unsafe fn store_some(x: Self, to: *mut f32, bits: u32);
    /// The same, or more: what lies behind is written later.
    unsafe fn store_over(x: Self, to: *mut f32, bits: u32);
    /// Of the numbers of two registers the first, third, fifth and so on, and the others.
    unsafe fn parted(low: Self, high: Self) -> [Self; 2];
    /// The numbers of one and the other in turn.
    unsafe fn woven(left: Self, right: Self) -> [Self; 2];
    /// Writes lines as columns.
    unsafe fn turn(job: &Turn);
    /// Stores a tile's sums where its runs say.
    unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[Self; V]; R]);
}

impl Lanes for __m512 {
    const COUNT: usize = avx512::LANES;

    instructions! {
        splat(x: f32) -> Self = _mm512_set1_ps(x);
        load(from: *const f32) -> Self = _mm512_loadu_ps(from);
        store(x: Self, to: *mut f32) = _mm512_storeu_ps(to, x);
        plus(x: Self, y: Self) -> Self = _mm512_add_ps(x, y);
        minus(x: Self, y: Self) -> Self = _mm512_sub_ps(x, y);
        times(x: Self, y: Self) -> Self = _mm512_mul_ps(x, y);
        fused(x: Self, y: Self, z: Self) -> Self = _mm512_fmadd_ps(x, y, z);
        load_some(from: *const f32, bits: u32) -> Self = _mm512_maskz_loadu_ps(bits as __mmask16, from);
        load_seconds(from: *const f32, bits: u32) -> Self = {
            let both = _pdep_u32(bits, 0x5555_5555);
            let low = _mm512_maskz_loadu_ps(both as __mmask16, from);
            let high = _mm512_maskz_loadu_ps((both >> 16) as __mmask16, from.wrapping_add(Self::COUNT));
            Self::parted(low, high)[0]
        };
        store_some(x: Self, to: *mut f32, bits: u32) = _mm512_mask_storeu_ps(to, bits as __mmask16, x);
        // Masks are for nothing, lines of the cache that a register is in the fewer the better.
        store_over(x: Self, to: *mut f32, bits: u32) = _mm512_mask_storeu_ps(to, bits as __mmask16, x);
        parted(low: Self, high: Self) -> [Self; 2] = {
            let evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odds = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            [_mm512_permutex2var_ps(low, evens, high), _mm512_permutex2var_ps(low, odds, high)]
        };
        woven(left: Self, right: Self) -> [Self; 2] = {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            [_mm512_permutex2var_ps(left, low, right), _mm512_permutex2var_ps(left, high, right)]
        };
        turn(job: &Turn) = avx512::turn(job);
    }

    #[inline(always)]
    unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[Self; V]; R]) {
        // SAFETY: the caller's.
        unsafe { avx512::in_runs(tile, sums) }
    }
}

impl Lanes for __m256 {
    const COUNT: usize = avx2::LANES;

    instructions! {
        splat(x: f32) -> Self = _mm256_set1_ps(x);
        load(from: *const f32) -> Self = _mm256_loadu_ps(from);
        store(x: Self, to: *mut f32) = _mm256_storeu_ps(to, x);
        plus(x: Self, y: Self) -> Self = _mm256_add_ps(x, y);
        minus(x: Self, y: Self) -> Self = _mm256_sub_ps(x, y);
        times(x: Self, y: Self) -> Self = _mm256_mul_ps(x, y);
        fused(x: Self, y: Self, z: Self) -> Self = _mm256_fmadd_ps(x, y, z);
        // Where all are meant, without a mask: bands of an image were copied in half the time so, and there are processors on
        // which a masked store takes ten times as long.
        load_some(from: *const f32, bits: u32) -> Self = {
            if bits & ALL == ALL { _mm256_loadu_ps(from) } else { _mm256_maskload_ps(from, mask(bits)) }
        };
        load_seconds(from: *const f32, bits: u32) -> Self = {
            if bits & ALL == ALL {
                // Of the second register one number less is looked at: the last may be no longer there.
                let (low, high) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(Self::COUNT - 1)));
                let both = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_10_00>(low, high));
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(both))
            } else {
                let mask = mask(bits);
                let evens = _mm256_setr_epi32(-1, 0, -1, 0, -1, 0, -1, 0);
                let low = _mm256_permutevar8x32_epi32(mask, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
                let high_mask = _mm256_permutevar8x32_epi32(mask, _mm256_setr_epi32(4, 4, 5, 5, 6, 6, 7, 7));
                let low = _mm256_maskload_ps(from, _mm256_and_si256(low, evens));
                let high = from.wrapping_add(Self::COUNT);
                Self::parted(low, _mm256_maskload_ps(high, _mm256_and_si256(high_mask, evens)))[0]
            }
        };
        store_some(x: Self, to: *mut f32, bits: u32) = {
            if bits & ALL == ALL { _mm256_storeu_ps(to, x) } else { _mm256_maskstore_ps(to, mask(bits), x) }
        };
        store_over(x: Self, to: *mut f32, _bits: u32) = _mm256_storeu_ps(to, x);
        // A shuffle goes through each half alone: quarters are put in order after it.
        parted(low: Self, high: Self) -> [Self; 2] = {
            let evens = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(low, high));
            let odds = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(low, high));
            [
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(evens)),
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(odds)),
            ]
        };
        woven(left: Self, right: Self) -> [Self; 2] = {
            let (near, far) = (_mm256_unpacklo_ps(left, right), _mm256_unpackhi_ps(left, right));
            [_mm256_permute2f128_ps::<0x20>(near, far), _mm256_permute2f128_ps::<0x31>(near, far)]
        };
        turn(job: &Turn) = avx2::turn(job);
    }

    #[inline(always)]
    unsafe fn in_runs<const R: usize, const V: usize>(tile: &Tile, sums: [[Self; V]; R]) {
        // SAFETY: the caller's.
        unsafe { avx2::in_runs(tile, sums) }
    }
}

/// The bits of all lanes of AVX2.
const ALL: u32 = 0xff;

/// The mask of AVX2 for lanes whose bits are set.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(bits: u32) -> __m256i {
    let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits as i32), lanes), lanes)
}
