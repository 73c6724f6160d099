//! Activations: elementwise functions that networks put between their layers. Each is its formula.
//!
//! A formula says the derivative too, so its branches are written for it: at a kink the derivative is that of the
//! branch PyTorch takes there, and a branch that is not taken is kept from overflowing, since zero times infinity
//! would come back from it.

use cresset_tensor::{Category, DType, Error, Result, Scalar};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::{dropout::random_numbers, fused::shaped};
use crate::{Apply, Expr, op::Op, select, view::View};

/// Declares functions with numbers, each with its in-place form. The block before the formula checks the arguments
/// and says the formula's numbers.
macro_rules! activations {
    ($($(#[$doc:meta])* $method:ident $in_place:ident ($($argument:ident: $type:ty),*) $check:expr, |$this:ident, $x:ident, $n:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self, $($argument: $type),*) -> Result<Self> {
            let $this = self;
            let numbers = $check;
            Self::formula(&[self], &numbers, |x, $n| {
                let $x: Expr = x[0];
                $formula
            })
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place(&self, $($argument: $type),*) -> Result<&Self> {
            let $this = self;
            let numbers = $check;
            Self::formulas_into(&[self], &numbers, &[self], |x, $n| {
                let $x: Expr = x[0];
                [$formula]
            })?;
            Ok(self)
        }
    )*};
}

const NONE: [Scalar; 0] = [];
/// `α` and `λ` of [self-normalising networks](https://arxiv.org/abs/1706.02515): variance 1 maps to itself.
pub(super) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
pub(super) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// `log(1 + eˣ)` for any `x`, with its derivative `1/(1 + e⁻ˣ)`.
///
/// Both branches are the same analytic function, so it does not matter which derivative is taken at zero; `|x|`
/// would have a kink there.
pub(super) fn softplus(x: Expr) -> Expr {
    let positive = x.gt(0);
    select(positive, x, 0) + select(positive, -x, x).exp().log1p()
}

/// `log(1/(1 + e⁻ˣ))` for any `x`.
pub(super) fn logsigmoid(x: Expr) -> Expr {
    let negative = x.lt(0);
    select(negative, x, 0) - select(negative, x, -x).exp().log1p()
}

/// `x` within bounds, with derivative 0 at them.
fn within(x: Expr, low: Expr, high: Expr) -> Expr {
    select(x.le(low), low, select(x.ge(high), high, x))
}

/// `x > 0 ? x : α·(eˣ - 1)` with further factors; the branch not taken sees no large numbers.
fn elu(x: Expr, negative: impl Into<Expr>, inner: impl Into<Expr>) -> Expr {
    let below = x.le(0);
    select(below, negative.into() * (select(below, x, 0) * inner.into()).expm1(), x)
}

/// A bound in the family of the array's dtype: integers keep theirs.
fn bound<T: Apply>(name: &'static str, this: &T, value: impl Into<Scalar>) -> Result<Scalar> {
    let value = value.into();
    match this.dtype().category() {
        Category::Float => Ok(value),
        Category::Int if this.dtype() == DType::U8 && value.to_f64() < 0.0 => {
            Err(Error::argument(name, format!("{value} is not a number of {}", this.dtype())))
        }
        Category::Int => Ok(Scalar::Int(value.to_i64())),
        Category::Bool => Err(Error::dtype(name, "not defined for bool; convert with to_dtype first")),
    }
}

fn within_bounds<T: Apply>(this: &T, low: Scalar, high: Scalar) -> Result<[Scalar; 2]> {
    if low.to_f64() > high.to_f64() {
        return Err(Error::argument(
            "hardtanh",
            format!("min_val {low} cannot be greater than max_val {high}"),
        ));
    }
    Ok([bound("hardtanh", this, low)?, bound("hardtanh", this, high)?])
}

fn nonzero(name: &'static str, what: &str, value: f64) -> Result<Scalar> {
    if value == 0.0 {
        return Err(Error::argument(name, format!("{what} must not be zero")));
    }
    Ok(value.into())
}

/// Activations.
pub trait Activations: Apply {
    activations! {
        /// `max(x, 0)`.
        ///
        /// ```
        /// use cresset_ops::prelude::*;
        /// assert_eq!(Array::new([-1.0, 2.0]).relu()?.to_vec::<f64>()?, [0.0, 2.0]);
        /// # Ok::<(), Error>(())
        /// ```
        relu relu_ () [bound("relu", this, 0)?], |this, x, n| select(x.le(n[0]), n[0], x);
        /// `min(max(x, 0), 6)`.
        relu6 relu6_ () within_bounds(this, 0.into(), 6.into())?, |this, x, n| within(x, n[0], n[1]);
        /// `x` within bounds.
        hardtanh hardtanh_ (min_val: f64, max_val: f64)
            within_bounds(this, min_val.into(), max_val.into())?, |this, x, n| within(x, n[0], n[1]);
        /// `x > 0 ? x : slope·x`; PyTorch's default slope is 0.01.
        leaky_relu leaky_relu_ (negative_slope: f64)
            [negative_slope.into()], |_this, x, n| select(x.gt(0), x, x * n[0]);
        /// `x > 0 ? x : α·(eˣ - 1)`; PyTorch's default `α` is 1.
        elu elu_ (alpha: f64) [alpha.into()], |_this, x, n| elu(x, n[0], 1);
        /// `x > 0 ? x : α·(e^(x/α) - 1)`; PyTorch's default `α` is 1.
        celu celu_ (alpha: f64)
            [nonzero("celu", "alpha", alpha)?, (1.0 / alpha).into()], |_this, x, n| elu(x, n[0], n[1]);
        /// `λ·(x > 0 ? x : α·(eˣ - 1))` with the constants of self-normalising networks.
        selu selu_ () NONE, |_this, x, _n| SELU_SCALE * elu(x, SELU_ALPHA, 1);
        /// Gaussian error linear unit: `x·Φ(x)`.
        gelu gelu_ () NONE, |_this, x, _n| 0.5 * x * (1.0 + (x * FRAC_1_SQRT_2).erf());
        /// `½x·(1 + tanh(√(2/π)·(x + 0.044715x³)))`: PyTorch's `gelu(approximate="tanh")`.
        gelu_tanh gelu_tanh_ () NONE, |_this, x, _n| {
            0.5 * x * (1.0 + (FRAC_1_SQRT_2 * FRAC_2_SQRT_PI * (x + 0.044715 * x * x * x)).tanh())
        };
        /// `x·σ(x)`, also known as swish.
        silu silu_ () NONE, |_this, x, _n| x * x.sigmoid();
        /// `x·tanh(log(1 + eˣ))`.
        mish mish_ () NONE, |_this, x, _n| x * softplus(x).tanh();
        /// `log(1 + e^(βx))/β`, and `x` itself where `βx` exceeds the threshold; PyTorch's defaults are 1 and 20.
        softplus softplus_ (beta: f64, threshold: f64)
            [nonzero("softplus", "beta", beta)?, threshold.into()], |_this, x, n| {
                let scaled = x * n[0];
                select(scaled.gt(n[1]), x, softplus(scaled) / n[0])
            };
        /// `x/(1 + |x|)`.
        softsign softsign_ () NONE, |_this, x, _n| x / (1 + x.abs());
        /// `x - tanh x`.
        tanhshrink tanhshrink_ () NONE, |_this, x, _n| x - x.tanh();
        /// `x` moved towards zero by `λ`, and zero where it would pass it; PyTorch's default `λ` is 0.5.
        softshrink softshrink_ (lambd: f64) {
                if lambd.is_nan() || lambd < 0.0 {
                    return Err(Error::argument("softshrink", format!("lambd must be at least 0, not {lambd}")));
                }
                [lambd.into()]
            }, |_this, x, n| select(x.gt(n[0]), x - n[0], select(x.lt(-n[0]), x + n[0], select(x.isnan(), x, 0)));
        /// `x`, and zero where `|x| ≤ λ`; PyTorch's default `λ` is 0.5.
        hardshrink hardshrink_ (lambd: f64)
            [lambd.into()], |_this, x, n| select(x.ge(-n[0]).and(x.le(n[0])), 0, x);
        /// `min(max(x/6 + ½, 0), 1)`.
        hardsigmoid hardsigmoid_ () NONE, |_this, x, _n| within(x, Expr::constant(-3), Expr::constant(3)) / 6 + 0.5;
        /// `x·hardsigmoid(x)`.
        hardswish hardswish_ () NONE, |_this, x, _n| {
            let (low, high) = (x.le(-3), x.ge(3));
            let inner = select(low.or(high), 0, x);
            select(low, 0, select(high, x, inner * (inner + 3) / 6))
        };
        /// `x > threshold ? x : value`.
        threshold threshold_ (threshold: impl Into<Scalar>, value: impl Into<Scalar>)
            [bound("threshold", this, threshold)?, bound("threshold", this, value)?],
            |this, x, n| select(x.le(n[0]), n[1], x);
        /// `log(1/(1 + e⁻ˣ))`.
        logsigmoid logsigmoid_ () NONE, |_this, x, _n| logsigmoid(x);
    }

    /// `x > 0 ? x : w·x`, with one weight for all, or one for each channel (dimension 1).
    #[track_caller]
    fn prelu(&self, weight: &Self) -> Result<Self> {
        let fail = |message: String| Err(Error::shape("prelu", message));
        if weight.rank() > 1 {
            return fail(format!(
                "the weight must be a number or have one dimension, not {}",
                weight.shape()
            ));
        }
        let by_channel = if weight.numel() == 1 {
            None
        } else {
            let channels = match self.rank() {
                0 => return fail("a single number has no channels for several weights".into()),
                1 => 1,
                _ => self.shape()[1],
            };
            if weight.numel() != channels {
                return fail(format!(
                    "{} weights for {channels} channels of shape {}",
                    weight.numel(),
                    self.shape()
                ));
            }
            Some(per_channel(weight, self.rank())?)
        };
        let weight = match by_channel {
            Some(weight) => weight,
            None => shaped(weight, ().into())?,
        };
        Self::formula(&[self, &weight], &[], |x, _| {
            let positive = x[0].gt(0);
            select(positive, x[0], x[1] * select(positive, 0, x[0]))
        })
    }

    /// `a·σ(b)` of the two halves `a`, `b` of a dimension.
    #[track_caller]
    fn glu(&self, dim: i64) -> Result<Self> {
        if self.rank() == 0 {
            return Err(Error::shape("glu", "a single number has no halves"));
        }
        let dim = self.shape().axis("glu", dim)?;
        let size = self.shape()[dim];
        if !size.is_multiple_of(2) {
            return Err(Error::shape(
                "glu",
                format!("dimension {dim} of shape {} must have an even size to be halved", self.shape()),
            ));
        }
        let half =
            |start| Self::apply_one(Op::View(View::Slice { dim, start, len: size / 2, step: 1 }), &[self]);
        Self::formula(&[&half(0)?, &half(size / 2)?], &[], |x, _| x[0] * x[1].sigmoid())
    }

    /// A leaky ReLU whose slope is drawn for each element uniformly between bounds in training, and is their mean
    /// otherwise. PyTorch's defaults are 1/8 and 1/3.
    #[track_caller]
    fn rrelu(&self, lower: f64, upper: f64, training: bool) -> Result<Self> {
        match rrelu_numbers(self, lower, upper, training)? {
            None => self.leaky_relu((lower + upper) / 2.0),
            Some(numbers) => Self::formula(&[self], &numbers, rrelu),
        }
    }

    /// [`rrelu`](Self::rrelu) in place.
    #[track_caller]
    fn rrelu_(&self, lower: f64, upper: f64, training: bool) -> Result<&Self> {
        match rrelu_numbers(self, lower, upper, training)? {
            None => self.leaky_relu_((lower + upper) / 2.0),
            Some(numbers) => {
                Self::formulas_into(&[self], &numbers, &[self], |x, n| [rrelu(x, n)])?;
                Ok(self)
            }
        }
    }
}

impl<T: Apply> Activations for T {}

fn rrelu(x: &[Expr], n: &[Expr]) -> Expr {
    // 32 random bits as a fraction of one.
    let fraction = Expr::random(n[0], n[1]) * (0.5f64.powi(32));
    select(x[0].gt(0), x[0], x[0] * (n[2] + fraction * n[3]).cast_like(x[0]))
}

fn rrelu_numbers<T: Apply>(this: &T, lower: f64, upper: f64, training: bool) -> Result<Option<[Scalar; 4]>> {
    if lower.is_nan() || upper.is_nan() || lower > upper {
        return Err(Error::argument("rrelu", format!("lower {lower} must not exceed upper {upper}")));
    }
    let [seed, base] = if training { random_numbers(this.numel()) } else { return Ok(None) };
    Ok(Some([seed, base, lower.into(), (upper - lower).into()]))
}

/// A vector of channels in the shape that broadcasts over dimension 1 of `rank` dimensions.
#[track_caller]
pub(super) fn per_channel<T: Apply>(vector: &T, rank: usize) -> Result<T> {
    let mut shape = cresset_tensor::Shape::repeat(1, rank.max(1));
    let last = shape.len() - 1;
    shape[last.min(1)] = vector.numel();
    shaped(vector, shape)
}
