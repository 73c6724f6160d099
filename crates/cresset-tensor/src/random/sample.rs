//! From random bits to numbers of a distribution: pure functions without branches, so that loops over them are SIMD and
//! GPUs compute the same.
//!
//! Logarithm, sine and cosine are polynomials of our own: the system's differ from system to system, and have no
//! vector form. Those that end in `x4` or `x2` make so many elements of a block, for [`Stream::fill`].
//!
//! [`Stream::fill`]: super::Stream::fill

use std::f32::consts as single;
use std::f64::consts as double;

use half::{bf16, f16};

/// Uniform over `[0, 1)`: the multiples of 2⁻²⁴.
#[inline(always)]
pub fn uniform_f32(bits: u32) -> f32 {
    // Signed, because processors before AVX-512 convert only those.
    (bits >> 8) as i32 as f32 * (1.0 / (1 << 24) as f32)
}

/// Uniform over `[0, 1)`: the multiples of 2⁻⁵³.
#[inline(always)]
pub fn uniform_f64(bits: u64) -> f64 {
    (bits >> 11) as i64 as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Uniform over `[0, 1)`: the multiples of 2⁻¹¹. (A rounded [`uniform_f32`] could be 1.)
#[inline(always)]
pub fn uniform_f16(bits: u32) -> f16 {
    f16::from_f32((bits >> 21) as f32 * (1.0 / (1 << 11) as f32))
}

/// Uniform over `[0, 1)`: the multiples of 2⁻⁸. (A rounded [`uniform_f32`] could be 1.)
#[inline(always)]
pub fn uniform_bf16(bits: u32) -> bf16 {
    bf16::from_f32((bits >> 24) as f32 * (1.0 / (1 << 8) as f32))
}

/// Uniform over `(0, 1]`, small numbers with all their digits: what a logarithm is taken of.
#[inline(always)]
pub fn positive_f32(bits: u32) -> f32 {
    bits as f32 * (1.0 / (1u64 << 32) as f32) + 0.5 / (1u64 << 32) as f32
}

/// Uniform over `(0, 1]`, as [`positive_f32`].
#[inline(always)]
pub fn positive_f64(bits: u64) -> f64 {
    (bits >> 11) as i64 as f64 * (1.0 / (1u64 << 53) as f64) + 0.5 / (1u64 << 53) as f64
}

/// Two independent standard normal numbers (Box and Muller): `√(−2 ln u) · (cos 2πv, sin 2πv)`.
#[inline(always)]
pub fn normal_f32(u: u32, v: u32) -> [f32; 2] {
    let radius = (-2.0 * ln_f32(positive_f32(u))).sqrt();
    let [cos, sin] = turn_f32(v);
    [radius * cos, radius * sin]
}

/// Two independent standard normal numbers, as [`normal_f32`].
#[inline(always)]
pub fn normal_f64(u: u64, v: u64) -> [f64; 2] {
    let radius = (-2.0 * ln_f64(positive_f64(u))).sqrt();
    let [cos, sin] = turn_f64(v);
    [radius * cos, radius * sin]
}

/// One of `0..range`, for a range up to 2³² (a larger one counts as that): `⌊bits · range / 2⁶⁴⌋`. No number is more than 2⁻³² likelier than another.
#[inline(always)]
pub fn integer_u32(bits: u64, range: u64) -> u64 {
    let (high, low) = (bits >> 32, bits & 0xFFFF_FFFF);
    // Above that the products would overflow: the caller's mistake must not become a panic.
    let range = range.min(1 << 32);
    (high * range + ((low * range) >> 32)) >> 32
}

/// One of `0..range`: `⌊block · range / 2¹²⁸⌋`; a range of zero stands for 2⁶⁴. No number is more than 2⁻⁶⁴ likelier
/// than another.
#[inline(always)]
pub fn integer_u64(block: [u32; 4], range: u64) -> u64 {
    let [low, high] = pair(block);
    if range == 0 {
        return high;
    }
    let range = u128::from(range);
    ((u128::from(high) * range + ((u128::from(low) * range) >> 64)) >> 64) as u64
}

/// The two 64-bit words of a block.
#[inline(always)]
pub fn pair(block: [u32; 4]) -> [u64; 2] {
    let [a, b, c, d] = block;
    [u64::from(b) << 32 | u64::from(a), u64::from(d) << 32 | u64::from(c)]
}

/// [`uniform_f32`] of each word.
#[inline(always)]
pub fn uniform_f32x4(block: [u32; 4]) -> [f32; 4] {
    block.map(uniform_f32)
}

/// [`uniform_f64`] of each half.
#[inline(always)]
pub fn uniform_f64x2(block: [u32; 4]) -> [f64; 2] {
    pair(block).map(uniform_f64)
}

/// [`uniform_f16`] of each word.
#[inline(always)]
pub fn uniform_f16x4(block: [u32; 4]) -> [f16; 4] {
    block.map(uniform_f16)
}

/// [`uniform_bf16`] of each word.
#[inline(always)]
pub fn uniform_bf16x4(block: [u32; 4]) -> [bf16; 4] {
    block.map(uniform_bf16)
}

/// [`normal_f32`] of the first two words and of the last two.
#[inline(always)]
pub fn normal_f32x4(block: [u32; 4]) -> [f32; 4] {
    let [a, b] = normal_f32(block[0], block[1]);
    let [c, d] = normal_f32(block[2], block[3]);
    [a, b, c, d]
}

/// [`normal_f64`] of the two halves.
#[inline(always)]
pub fn normal_f64x2(block: [u32; 4]) -> [f64; 2] {
    let [u, v] = pair(block);
    normal_f64(u, v)
}

/// [`integer_u32`] of each half.
#[inline(always)]
pub fn integer_u32x2(block: [u32; 4], range: u64) -> [u64; 2] {
    pair(block).map(|bits| integer_u32(bits, range))
}

/// `a₀ + x(a₁ + x(a₂ + …))`.
macro_rules! polynomial {
    ($x:expr, $last:expr) => { $last };
    ($x:expr, $first:expr, $($rest:expr),+) => { $first + $x * polynomial!($x, $($rest),+) };
}

/// The natural logarithm of a positive normal number, to about one unit in the last place.
///
/// With `x = 2ᵉ·m`, `m` within `√½..√2` and `s = (m−1)/(m+1)`: `ln x = e·ln 2 + 2 artanh s`.
#[inline(always)]
pub fn ln_f32(x: f32) -> f32 {
    let bits = x.to_bits();
    let m = f32::from_bits((bits & 0x007F_FFFF) | 0x3F80_0000);
    let above = m > single::SQRT_2;
    let m = if above { 0.5 * m } else { m };
    let e = (bits >> 23) as i32 - 127 + i32::from(above);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let tail = z * polynomial!(z, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0);
    e as f32 * single::LN_2 + 2.0 * (s + s * tail)
}

/// As [`ln_f32`].
#[inline(always)]
pub fn ln_f64(x: f64) -> f64 {
    let bits = x.to_bits();
    let m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
    let above = m > double::SQRT_2;
    let m = if above { 0.5 * m } else { m };
    let e = (bits >> 52) as i32 - 1023 + i32::from(above);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    #[rustfmt::skip]
    let tail = z * polynomial!(
        z, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0,
        1.0 / 21.0
    );
    e as f64 * double::LN_2 + 2.0 * (s + s * tail)
}

/// Cosine and sine of `v / 2³²` turns.
///
/// The nearest quarter turn is taken off exactly, in integers; what is left is within an eighth of a turn.
#[inline(always)]
pub fn turn_f32(v: u32) -> [f32; 2] {
    let quarter = v.wrapping_add(1 << 29) >> 30;
    let x = v.wrapping_sub(quarter << 30) as i32 as f32 * (single::TAU / (1u64 << 32) as f32);
    let z = x * x;
    let sin = x + x * z * polynomial!(z, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0);
    let cos = 1.0 + z * polynomial!(z, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0);
    let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    // Quarters 1 and 2 lie left, quarters 2 and 3 below.
    let left = (quarter.wrapping_add(1) & 2) << 30;
    let below = (quarter & 2) << 30;
    [f32::from_bits(c.to_bits() ^ left), f32::from_bits(s.to_bits() ^ below)]
}

/// Cosine and sine of `v / 2⁶⁴` turns, as [`turn_f32`].
#[inline(always)]
pub fn turn_f64(v: u64) -> [f64; 2] {
    let quarter = v.wrapping_add(1 << 61) >> 62;
    let x = v.wrapping_sub(quarter << 62) as i64 as f64 * (double::TAU / (1u128 << 64) as f64);
    let z = x * x;
    // Reciprocals of the factorials of 3, 5, … and of 2, 4, …
    #[rustfmt::skip]
    let sin = x + x * z * polynomial!(
        z, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0, 1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0, 1.0 / 355_687_428_096_000.0
    );
    #[rustfmt::skip]
    let cos = 1.0 + z * polynomial!(
        z, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0, 1.0 / 479_001_600.0,
        -1.0 / 87_178_291_200.0, 1.0 / 20_922_789_888_000.0, -1.0 / 6_402_373_705_728_000.0
    );
    let (c, s) = if quarter & 1 == 0 { (cos, sin) } else { (sin, cos) };
    let left = (quarter.wrapping_add(1) & 2) << 62;
    let below = (quarter & 2) << 62;
    [f64::from_bits(c.to_bits() ^ left), f64::from_bits(s.to_bits() ^ below)]
}
