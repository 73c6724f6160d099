//! The functions of `torch.special` that have no shorter name. Each is its formula.

use std::f64::consts::FRAC_1_SQRT_2;

use cresset_tensor::Result;

use crate::{Apply, Expr, Operand, select};

macro_rules! one_operand {
    ($($(#[$doc:meta])* $method:ident |$x:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self) -> Result<Self> {
            Self::formula(&[self], &[], |x, _| {
                let $x: Expr = x[0];
                $formula
            })
        }
    )*};
}

/// Special functions; integers become floating point.
pub trait Special: Apply {
    one_operand! {
        /// `-x·ln x`, the entropy of a probability: 0 at 0, `-∞` below.
        entr |x| {
            let inside = select(x.gt(0), -(x * x.log()), select(x.eq(0), x * 0.0, f64::NEG_INFINITY));
            select(x.isnan(), x * 1.0, inside)
        };
        /// `eˣ²·erfc(x)`: `erfc` without its decay.
        ///
        /// ```
        /// use cresset_ops::prelude::*;
        /// let x = Array::new([0.0, 100.0]);
        /// assert_eq!(x.erfcx()?.to_vec::<f64>()?, [1.0, 0.005641613782989433]);
        /// # Ok::<(), Error>(())
        /// ```
        erfcx |x| x.erfcx();
        /// The normal distribution function: `½·erfc(-x/√2)`.
        ndtr |x| 0.5 * (x * -FRAC_1_SQRT_2).erfc();
        /// The inverse of [`ndtr`](Self::ndtr): `-∞` at 0, `∞` at 1, NaN outside.
        ndtri |x| x.ndtri();
        /// `ln ndtr(x)`, accurate in both tails.
        log_ndtr |x| x.log_ndtr();
        /// `e^-|x|·I₀(x)`.
        i0e |x| x.i0e();
        /// The modified Bessel function of the first kind of order 1.
        i1 |x| x.i1();
        /// `e^-|x|·I₁(x)`.
        i1e |x| x.i1e();
        /// The Bessel function of the first kind of order 0.
        bessel_j0 |x| x.bessel_j0();
        /// The Bessel function of the first kind of order 1.
        bessel_j1 |x| x.bessel_j1();
        /// The Bessel function of the second kind of order 0: `-∞` at 0, NaN below.
        bessel_y0 |x| x.bessel_y0();
        /// The Bessel function of the second kind of order 1: `-∞` at 0, NaN below.
        bessel_y1 |x| x.bessel_y1();
        /// The modified Bessel function of the first kind of order 0; the same as `i0`.
        modified_bessel_i0 |x| x.i0();
        /// The modified Bessel function of the first kind of order 1; the same as [`i1`](Self::i1).
        modified_bessel_i1 |x| x.i1();
        /// The modified Bessel function of the second kind of order 0: `∞` at 0, NaN below.
        modified_bessel_k0 |x| x.modified_bessel_k0();
        /// The modified Bessel function of the second kind of order 1: `∞` at 0, NaN below.
        modified_bessel_k1 |x| x.modified_bessel_k1();
        /// `eˣ·K₀(x)`.
        scaled_modified_bessel_k0 |x| x.scaled_modified_bessel_k0();
        /// `eˣ·K₁(x)`.
        scaled_modified_bessel_k1 |x| x.scaled_modified_bessel_k1();
        /// `sin(x)/x`, 1 at 0.
        spherical_bessel_j0 |x| x.spherical_bessel_j0();
        /// Airy's function `Ai(x)`. It has no derivative.
        airy_ai |x| x.airy_ai();
    }

    /// `self·ln(1 + other)`: 0 where `self` is 0, unless `other` is NaN.
    #[track_caller]
    fn xlog1py<'a>(&self, other: impl Into<Operand<'a, Self>>) -> Result<Self> {
        other.into().with(self, |x, y| {
            // As `xlogy`: of 0 too the slope is that logarithm, where it is a number.
            let nothing = x.eq(0).and(y.isnan().or(y.gt(-1).and(y.lt(f64::INFINITY))).logical_not());
            x * select(nothing, 0, y).log1p()
        })
    }

    /// Hurwitz's zeta function `Σₖ (k + q)⁻ˣ` of `x`, this, and `q`. Its derivative is with regard to `q` only.
    #[track_caller]
    fn zeta<'a>(&self, q: impl Into<Operand<'a, Self>>) -> Result<Self> {
        q.into().with(self, |x, q| x.zeta(q))
    }
}

impl<T: Apply> Special for T {}
