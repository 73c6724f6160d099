//! Norms, and what is made of them.

use cresset_tensor::{Array, Axes, DType, Error, Result};

use super::{
    Arithmetic, Elementwise, Matrices, Rearranging, Reductions, Shaping, Slicing,
    reduction::{axes, check_float, named},
};
use crate::{Apply, Operand, expr::select, op::Reduction};

/// Each step makes a small singular value half as large again: enough for all that f64 tells from zero.
const NEWTON_STEPS: usize = 100;

/// Norms.
pub trait Norms: Apply {
    /// The root of the sum of squares of all elements.
    #[track_caller]
    fn norm(&self) -> Result<Self> {
        self.norm_dim(2.0, .., false)
    }

    /// The norm `(Σ|x|ᵖ)^(1/p)` over some dimensions: for `p` of ±infinity the largest or smallest `|x|`, for 0 how
    /// many are not zero. Where it has no derivative, the gradient is zero, as in PyTorch.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[3.0, -4.0], [0.0, 0.0]]);
    /// assert_eq!(x.norm_dim(2.0, 1, false)?.to_vec::<f64>()?, [5.0, 0.0]);
    /// assert_eq!(x.norm_dim(f64::INFINITY, .., false)?.item::<f64>()?, 4.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn norm_dim(&self, p: f64, dims: impl Into<Axes>, keepdim: bool) -> Result<Self> {
        check_float("norm", self)?;
        let dims = named(&axes("norm", dims, self.rank())?);
        if self.dtype().size() == 2 && p != 0.0 {
            // The powers may exceed what half precision holds, though the norm does not.
            return self.to_dtype(DType::F32)?.norm_dim(p, dims, keepdim)?.to_dtype(self.dtype());
        }
        if p.is_infinite() {
            let kind = if p > 0.0 { Reduction::Max } else { Reduction::Min };
            return Self::reduce_formula(&[self], &[], kind, dims, keepdim, |x, _| x[0].abs());
        }
        let sum = Reduction::Sum;
        if p == 0.0 {
            return Self::reduce_formula(&[self], &[], sum, dims, keepdim, |x, _| x[0].ne(0).cast_like(x[0]));
        }
        if p == 1.0 {
            return Self::reduce_formula(&[self], &[], sum, dims, keepdim, |x, _| x[0].abs());
        }
        if p == 2.0 {
            let squares = Self::reduce_formula(&[self], &[], sum, dims, keepdim, |x, _| x[0].square())?;
            return root(&squares);
        }
        // Zeros are kept away from powers whose derivative is infinite there.
        let zero = |p: f64| 0f64.powf(p).into();
        let powers = Self::reduce_formula(&[self], &[p.into(), zero(p)], sum, dims, keepdim, |x, n| {
            let none = x[0].eq(0);
            select(none, n[1], select(none, 1, x[0].abs()).pow(n[0]))
        })?;
        Self::formula(&[&powers], &[(1.0 / p).into(), zero(1.0 / p)], |x, n| {
            let none = x[0].eq(0);
            select(none, n[1], select(none, 1, x[0]).pow(n[0]))
        })
    }

    /// The sum of the singular values of every matrix in two dimensions: PyTorch's `norm("nuc")`.
    ///
    /// It is `⟨A, Q⟩`, where `A = Q·H` with orthogonal `Q` and positive `H`. `Q` is found by products of matrices
    /// alone, so there are derivatives of every order.
    #[track_caller]
    fn nuclear_norm(&self, rows: i64, columns: i64, keepdim: bool) -> Result<Self> {
        check_float("norm", self)?;
        let dims = axes("norm", [rows, columns], self.rank())?;
        let &[first, second] = &dims[..] else {
            return Err(Error::shape("norm", format!("shape {} holds no matrix", self.shape())));
        };
        let wide = self.to_dtype(DType::F64)?.movedim([first, second], [-2isize, -1])?;
        let wide =
            if wide.shape()[wide.rank() - 2] < wide.shape()[wide.rank() - 1] { wide.mT()? } else { wide };
        let size = wide.norm_dim(2.0, [-2i64, -1], true)?;
        // Singular values between 0 and 1, which every step brings nearer to 1, and leaves 0 where they are.
        let mut factor = Self::formula(&[&wide, &size], &[], |x, _| x[0] / select(x[1].eq(0), 1, x[1]))?;
        for _ in 0..NEWTON_STEPS {
            let product = factor.matmul(&factor.mT()?.matmul(&factor)?)?;
            let next = Self::formula(&[&factor, &product], &[], |x, _| 1.5 * x[0] - 0.5 * x[1])?;
            let step = Array::reduce_formula(
                &[next.array(), factor.array()],
                &[],
                Reduction::Max,
                ..,
                false,
                |x, _| (x[0] - x[1]).abs(),
            );
            factor = next;
            if self.numel() == 0 || step?.item::<f64>()? < 1e-13 {
                break;
            }
        }
        let sum =
            Self::reduce_formula(&[&wide, &factor], &[], Reduction::Sum, [-2i64, -1], false, |x, _| {
                x[0] * x[1]
            })?;
        let norm = sum.to_dtype(self.dtype())?;
        if keepdim { norm.unsqueeze(first as i64)?.unsqueeze(second as i64) } else { Ok(norm) }
    }

    /// The norm of the difference to another array, broadcast together.
    #[track_caller]
    fn dist<'a>(&self, other: impl Into<Operand<'a, Self>>, p: f64) -> Result<Self> {
        self.sub(other)?.norm_dim(p, .., false)
    }

    /// Every slice along a dimension whose `p`-norm exceeds `maxnorm` scaled down to it.
    #[track_caller]
    fn renorm(&self, p: f64, dim: i64, maxnorm: f64) -> Result<Self> {
        check_float("renorm", self)?;
        if self.rank() < 2 {
            return Err(Error::shape(
                "renorm",
                format!("needs at least two dimensions, not shape {}", self.shape()),
            ));
        }
        if p.is_nan() || p <= 0.0 || maxnorm.is_nan() || maxnorm < 0.0 {
            return Err(Error::argument(
                "renorm",
                format!("p must be positive and maxnorm not negative: {p} and {maxnorm}"),
            ));
        }
        let dim = self.shape().axis("renorm", dim)?;
        let others: Vec<usize> = (0..self.rank()).filter(|&other| other != dim).collect();
        let norm = self.norm_dim(p, others, true)?;
        Self::formula(&[self, &norm], &[maxnorm.into()], |x, n| {
            x[0] * select(x[1].gt(n[0]), n[0] / (x[1] + 1e-7), 1)
        })
    }

    /// The sum of a matrix's diagonal.
    #[track_caller]
    fn trace(&self) -> Result<Self> {
        if self.rank() != 2 {
            return Err(Error::shape("trace", format!("needs a matrix, not shape {}", self.shape())));
        }
        self.diagonal(0, 0, 1)?.sum()
    }
}

impl<T: Apply> Norms for T {}

/// The square root, with a gradient of zero at zero, as PyTorch has it for norms and deviations.
#[track_caller]
pub(super) fn root<T: Apply>(x: &T) -> Result<T> {
    T::formula(&[x], &[], |x, _| {
        let none = x[0].eq(0);
        select(none, 0, select(none, 1, x[0]).sqrt())
    })
}
