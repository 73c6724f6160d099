//! Softmax and its kin.

use cresset_tensor::{DType, Error, Result};

use super::{
    Elementwise,
    dropout::random_numbers,
    fused::{formula_over, sum_formula},
};
use crate::{
    Apply, Expr,
    op::{Op, Reduce, Reduction},
};

/// Softmax and its kin.
pub trait Softmaxes: Apply {
    /// `eˣ/Σeˣ` along a dimension.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// assert_eq!(Array::new([7.0, 7.0]).softmax(-1)?.to_vec::<f64>()?, [0.5, 0.5]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn softmax(&self, dim: i64) -> Result<Self> {
        let dim = self.shape().axis("softmax", dim)?;
        Self::apply_one(Op::Softmax { dim, log: false }, &[self])
    }

    /// [`softmax`](Self::softmax) of the numbers converted to a dtype first.
    #[track_caller]
    fn softmax_dtype(&self, dim: i64, dtype: DType) -> Result<Self> {
        self.to_dtype(dtype)?.softmax(dim)
    }

    /// `x - log Σeˣ` along a dimension.
    #[track_caller]
    fn log_softmax(&self, dim: i64) -> Result<Self> {
        let dim = self.shape().axis("log_softmax", dim)?;
        Self::apply_one(Op::Softmax { dim, log: true }, &[self])
    }

    /// [`log_softmax`](Self::log_softmax) of the numbers converted to a dtype first.
    #[track_caller]
    fn log_softmax_dtype(&self, dim: i64, dtype: DType) -> Result<Self> {
        self.to_dtype(dtype)?.log_softmax(dim)
    }

    /// `e⁻ˣ/Σe⁻ˣ` along a dimension.
    #[track_caller]
    fn softmin(&self, dim: i64) -> Result<Self> {
        Self::formula(&[self], &[], |x, _| -x[0])?.softmax(dim)
    }

    /// [`softmin`](Self::softmin) of the numbers converted to a dtype first.
    #[track_caller]
    fn softmin_dtype(&self, dim: i64, dtype: DType) -> Result<Self> {
        self.to_dtype(dtype)?.softmin(dim)
    }

    /// A sample of the [Gumbel-softmax distribution](https://arxiv.org/abs/1611.00712) over a dimension: softmax of
    /// the logits with Gumbel noise, divided by `tau`. A hard one is one-hot, with the derivative of the soft one.
    #[track_caller]
    fn gumbel_softmax(&self, tau: f64, hard: bool, dim: i64) -> Result<Self> {
        if !self.dtype().is_float() {
            return Err(Error::dtype(
                "gumbel_softmax",
                format!("needs floating point, not {}", self.dtype()),
            ));
        }
        let [seed, base] = random_numbers(self.numel());
        // -log(-log u) of a uniform u strictly between 0 and 1. f32 has no digits for what lies between 1 - 2⁻²⁴ and
        // 1, but has them for small numbers: there the tail of large noise is drawn from.
        let noisy = Self::formula(&[self], &[seed, base, (1.0 / tau).into()], |x, n| {
            let uniform = (Expr::random(n[0], n[1]) + 0.5) * 0.5f64.powi(32);
            let exponential = -(-uniform).log1p();
            (x[0] - exponential.log().cast_like(x[0])) * n[2]
        })?;
        let soft = noisy.softmax(dim)?;
        if !hard {
            return Ok(soft);
        }
        let axis = soft.shape().axis("gumbel_softmax", dim)?;
        let fixed = Self::constant(soft.array().clone());
        let one_hot = one_hot_of_largest(&fixed, axis)?;
        Self::formula(&[&one_hot, &soft, &fixed], &[], |x, _| x[0].cast_like(x[1]) + (x[1] - x[2]))
    }

    /// The derivative of softmax, of the gradient (this) and softmax's output: `y·(dy - Σ dy·y)`. PyTorch's
    /// `_softmax_backward_data`.
    #[track_caller]
    fn softmax_backward_data(&self, output: &Self, dim: i64, input_dtype: DType) -> Result<Self> {
        if self.shape() != output.shape() {
            return Err(Error::shape(
                "softmax_backward_data",
                format!("gradient {} and output {} must have one shape", self.shape(), output.shape()),
            ));
        }
        let axis = self.shape().axis("softmax_backward_data", dim)?;
        let dims = (self.rank() > 0).then_some(axis);
        let inner = sum_formula(&[self, output], &[], dims, true, |x, _| x[0] * x[1])?;
        Self::formula(&[self, output, &inner], &[], |x, _| x[1] * (x[0] - x[2]))?.to_dtype(input_dtype)
    }
}

impl<T: Apply> Softmaxes for T {}

/// True where the first largest along a dimension lies.
fn one_hot_of_largest<T: Apply>(x: &T, dim: usize) -> Result<T> {
    if x.rank() == 0 || x.numel() == 0 {
        return T::formula(&[x], &[], |x, _| x[0].eq(x[0]));
    }
    let reduce =
        Reduce { kind: Reduction::ArgMax, dims: [dim].into_iter().collect(), keepdim: true, map: None };
    let place = T::apply_one(Op::Reduce(Box::new(reduce)), &[x])?;
    let inner: usize = x.shape()[dim + 1..].iter().product();
    formula_over(x.shape(), &[&place], &[inner.into(), x.shape()[dim].into()], |x, n| {
        Expr::index().floor_divide(n[0]).remainder(n[1]).eq(x[0])
    })
}
