//! The short sums of Winograd's `F(2×2, 3×3)`, each down a tile and then across it.
//!
//! Of the algorithm the derivative by the kernel is `Gᵀ·Σ (A·dy·Aᵀ)∘(Bᵀ·x·B)·G`, summed over tiles.

use std::array::from_fn;

use super::lanes::Lanes;

/// States the sums of a line, and makes a function of a tile of them.
macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident: $from:literal to $to:literal, [$($x:ident),*] $sums:block)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// The machine has the instructions.
        #[inline(always)]
        pub unsafe fn $name<L: Lanes>(tile: [[L; $from]; $from]) -> [[L; $to]; $to] {
            #[inline(always)]
            unsafe fn line<L: Lanes>([$($x),*]: [L; $from]) -> [L; $to] {
                // SAFETY: the caller's.
                unsafe { $sums }
            }
            let mut down = [[tile[0][0]; $to]; $from];
            for (sums, column) in down.iter_mut().zip(turned(tile)) {
                // SAFETY: the caller's.
                *sums = unsafe { line(column) };
            }
            let mut across = [[tile[0][0]; $to]; $to];
            for (sums, row) in across.iter_mut().zip(turned(down)) {
                // SAFETY: the caller's.
                *sums = unsafe { line(row) };
            }
            across
        }
    )*};
}

sums! {
    /// `Bᵀ·x·B` of an image.
    of_input: 4 to 4, [a, b, c, d] {
        [L::minus(a, c), L::plus(b, c), L::minus(c, b), L::minus(b, d)]
    }
    /// `G·g·Gᵀ` of a kernel.
    of_kernel: 3 to 4, [a, b, c] {
        let half = L::splat(0.5);
        let (outer, inner) = (L::times(L::plus(a, c), half), L::times(b, half));
        [a, L::plus(outer, inner), L::minus(outer, inner), c]
    }
    /// `Aᵀ·m·A` of products.
    of_products: 4 to 2, [a, b, c, d] {
        [L::plus(L::plus(a, b), c), L::minus(L::minus(b, c), d)]
    }
    /// `A·dy·Aᵀ` of an output.
    of_output: 2 to 4, [a, b] {
        [a, L::plus(a, b), L::minus(a, b), L::minus(L::splat(0.0), b)]
    }
    /// `Gᵀ·m·G` of sums of products.
    of_gradient: 4 to 3, [a, b, c, d] {
        let half = L::splat(0.5);
        let (both, between) = (L::plus(b, c), L::minus(b, c));
        [L::fused(both, half, a), L::times(between, half), L::fused(both, half, d)]
    }
}

/// Rows as columns.
#[inline(always)]
fn turned<L: Copy, const M: usize, const N: usize>(x: [[L; N]; M]) -> [[L; M]; N] {
    from_fn(|j| from_fn(|i| x[i][j]))
}
