//! Which vector instructions the loops use, chosen once at run time.

#[cfg(target_arch = "x86_64")]
pub use found::{Simd, simd};

#[cfg(target_arch = "x86_64")]
mod found {
    use std::sync::OnceLock;

    /// A set of vector instructions.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Simd {
        /// What the target always has.
        Portable,
        /// AVX2 with fused multiply-add.
        Avx2,
        /// AVX-512 (F, BW, DQ, VL).
        Avx512,
    }

    /// The best set this machine has, or the one `CRESSET_SIMD` names (`portable`, `avx2`, `avx512`) if it has it.
    #[inline]
    pub fn simd() -> Simd {
        static FOUND: OnceLock<Simd> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let best = detect();
            match std::env::var("CRESSET_SIMD").as_deref() {
                Ok("portable") => Simd::Portable,
                Ok("avx2") if best != Simd::Portable => Simd::Avx2,
                _ => best,
            }
        })
    }

    fn detect() -> Simd {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        match (avx2, avx512) {
            (true, true) => Simd::Avx512,
            (true, false) => Simd::Avx2,
            (false, _) => Simd::Portable,
        }
    }
}

/// Compiles `$body`, a generic `#[inline(always)]` function of an [`crate::math::Fma`], once for every set of vector
/// instructions, as a function `$name` that calls the one for this machine.
///
/// Debug builds have the portable loops alone: three copies of every loop would make the edit-compile-test loop minutes
/// long. So has every target but x86-64, whose base set says it all.
macro_rules! for_every_simd {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        $vis fn $name($($arg: $type),*) {
            #[cfg(all(target_arch = "x86_64", not(debug_assertions)))]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt,f16c")]
                fn avx512($($arg: $type),*) {
                    $body::<$crate::math::Fused>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt,f16c")]
                fn avx2($($arg: $type),*) {
                    $body::<$crate::math::Fused>($($arg),*)
                }
                match $crate::cpu::simd::simd() {
                    // SAFETY: `simd()` found these features on this machine. (Machines with AVX-512 or AVX2 have the
                    // small ones too: bmi, lzcnt, popcnt and f16c came with AVX2's generation or before.)
                    $crate::cpu::simd::Simd::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    $crate::cpu::simd::Simd::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::cpu::simd::Simd::Portable => {}
                }
            }
            // Its own function: what is marked inline is compiled again in every part of the crate that calls it.
            #[inline(never)]
            fn portable($($arg: $type),*) {
                // Other targets have a fused multiply-add in their base set, or do without.
                #[cfg(target_arch = "aarch64")]
                return $body::<$crate::math::Fused>($($arg),*);
                #[cfg(not(target_arch = "aarch64"))]
                $body::<$crate::math::Separate>($($arg),*)
            }
            portable($($arg),*)
        }
    };
}

pub(crate) use for_every_simd;
