//! Orthogonal polynomials of `torch.special`, by their recurrences: one formula for each degree, over all elements.

use cresset_tensor::{Array, DType, Error, Result, Scalar};

use crate::{Apply, Expr, Operand, Outputs, select};

/// Degrees above this are refused, as no recurrence in floating point means anything there.
const MOST: f64 = 100_000.0;

/// `Pₖ₊₁ = ((slope·x + shift)·Pₖ - weight·Pₖ₋₁)/divisor` from `P₁ = slope·x + shift` (of its own) and `P₀ = 1`.
struct Recurrence {
    /// Slope and shift of the first degree.
    first: (f64, f64),
    /// Slope, shift, weight and divisor from degree `k` to the next.
    next: fn(f64) -> [f64; 4],
}

/// Both kinds on `[-1, 1]`, where the recurrence is the same, and only the first degree differs.
const fn chebyshev(slope: f64, shift: f64) -> Recurrence {
    Recurrence { first: (slope, shift), next: |_| [2.0, 0.0, 1.0, 1.0] }
}

/// Those of `2x - 1`, on `[0, 1]`.
const fn shifted(slope: f64, shift: f64) -> Recurrence {
    Recurrence { first: (2.0 * slope, shift - slope), next: |_| [4.0, -2.0, 1.0, 1.0] }
}

macro_rules! polynomials {
    ($($(#[$doc:meta])* $method:ident $recurrence:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method<'a>(&self, n: impl Into<Operand<'a, Self>>) -> Result<Self> {
            polynomial(stringify!($method), self, n.into(), &$recurrence)
        }
    )*};
}

/// Polynomials `Pₙ(x)` of `x`, this, and a degree `n` for each element, whose fraction is cut off; 0 for negative
/// degrees. The time is that of the largest degree for all elements.
pub trait Polynomials: Apply {
    polynomials! {
        /// Chebyshev's polynomials of the first kind.
        ///
        /// ```
        /// use cresset_ops::prelude::*;
        /// let x = Array::new([0.5, 2.0]);
        /// assert_eq!(x.chebyshev_polynomial_t(3)?.to_vec::<f64>()?, [-1.0, 26.0]); // 4x³ - 3x
        /// # Ok::<(), Error>(())
        /// ```
        chebyshev_polynomial_t chebyshev(1.0, 0.0);
        /// Chebyshev's polynomials of the second kind.
        chebyshev_polynomial_u chebyshev(2.0, 0.0);
        /// Chebyshev's polynomials of the third kind.
        chebyshev_polynomial_v chebyshev(2.0, -1.0);
        /// Chebyshev's polynomials of the fourth kind.
        chebyshev_polynomial_w chebyshev(2.0, 1.0);
        /// Chebyshev's polynomials of the first kind, of `2x - 1`.
        shifted_chebyshev_polynomial_t shifted(1.0, 0.0);
        /// Chebyshev's polynomials of the second kind, of `2x - 1`.
        shifted_chebyshev_polynomial_u shifted(2.0, 0.0);
        /// Chebyshev's polynomials of the third kind, of `2x - 1`.
        shifted_chebyshev_polynomial_v shifted(2.0, -1.0);
        /// Chebyshev's polynomials of the fourth kind, of `2x - 1`.
        shifted_chebyshev_polynomial_w shifted(2.0, 1.0);
        /// Hermite's polynomials, the physicists'.
        hermite_polynomial_h Recurrence { first: (2.0, 0.0), next: |k| [2.0, 0.0, 2.0 * k, 1.0] };
        /// Hermite's polynomials, the probabilists'.
        hermite_polynomial_he Recurrence { first: (1.0, 0.0), next: |k| [1.0, 0.0, k, 1.0] };
        /// Laguerre's polynomials.
        laguerre_polynomial_l Recurrence { first: (-1.0, 1.0), next: |k| [-1.0, 2.0 * k + 1.0, k, k + 1.0] };
        /// Legendre's polynomials.
        legendre_polynomial_p Recurrence { first: (1.0, 0.0), next: |k| [2.0 * k + 1.0, 0.0, k, k + 1.0] };
    }
}

impl<T: Apply> Polynomials for T {}

#[track_caller]
fn polynomial<T: Apply>(name: &'static str, x: &T, degree: Operand<T>, recurrence: &Recurrence) -> Result<T> {
    let degree = degree.value_beside(x)?;
    let most = largest(degree.array())?;
    if most > MOST {
        return Err(Error::argument(name, format!("degree {most} is too large; the most is {MOST}")));
    }
    let (slope, shift) = recurrence.first;
    // In f64: the terms of a recurrence cancel, and single precision would lose digits that PyTorch keeps.
    let mut pair: Outputs<T> = T::formulas(&[x, &degree], &[slope.into(), shift.into()], |x, n| {
        let degree = x[1];
        let one = Expr::constant(1.0).cast(DType::F64);
        let first = n[0] * x[0].cast(DType::F64) + n[1];
        // NaN as a degree counts as negative.
        [select(degree.ge(1), first, select(degree.gt(-1), one, 0.0)), one]
    })?;
    let mut k = 1.0;
    while k + 1.0 <= most {
        let [slope, shift, weight, divisor] = (recurrence.next)(k);
        let numbers: [Scalar; 5] =
            [slope.into(), shift.into(), weight.into(), divisor.into(), (k + 1.0).into()];
        pair = T::formulas(&[x, &degree, &pair[0], &pair[1]], &numbers, |x, n| {
            let [x, degree, last, before] = [x[0].cast(DType::F64), x[1], x[2], x[3]];
            let next: Expr = ((n[0] * x + n[1]) * last - n[2] * before) / n[3];
            let goes_on = degree.ge(n[4]);
            [select(goes_on, next, last), select(goes_on, last, before)]
        })?;
        k += 1.0;
    }
    // Both promoted, and integers made floating point.
    T::formula(&[x, &degree, &pair[0]], &[], |x, _| x[2].cast_like((x[0] + x[1]) / 1))
}

/// The largest of all numbers that are numbers; 0 where there are none.
fn largest(degrees: &Array) -> Result<f64> {
    Ok(degrees.to_f64s()?.into_iter().fold(0.0, f64::max))
}
