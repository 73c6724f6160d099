//! Distances and similarities of vectors, with the derivatives that PyTorch gives where the distance is zero.

use cresset_tensor::{DType, Error, Result};

use super::{
    Elementwise, Shaping,
    fused::{reduce_formula, squeezed, transposed, unsqueezed},
    matrix::check_dtypes,
};
use crate::{
    Apply, Array,
    op::{Op, Reduction},
};

/// From this many rows on, Euclidean distances go through a matrix product.
const BY_PRODUCT: usize = 25;

/// How `cdist` computes Euclidean distances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ComputeMode {
    /// `|x|² + |y|² − 2·x·y` as a matrix product where there are more than 25 rows on either side: faster, and less
    /// accurate for points close to each other.
    #[default]
    UseMatmulIfNecessary,
    /// The same: below that size a product gains nothing, and differences are more accurate.
    UseMatmul,
    /// Never as a matrix product.
    DoNotUseMatmul,
}

impl std::str::FromStr for ComputeMode {
    type Err = Error;

    /// From PyTorch's name.
    fn from_str(name: &str) -> Result<ComputeMode> {
        Ok(match name {
            "use_mm_for_euclid_dist_if_necessary" => ComputeMode::UseMatmulIfNecessary,
            "use_mm_for_euclid_dist" => ComputeMode::UseMatmul,
            "donot_use_mm_for_euclid_dist" => ComputeMode::DoNotUseMatmul,
            _ => return Err(Error::argument("cdist", format!("there is no compute mode '{name}'"))),
        })
    }
}

/// Distances.
pub trait Distances: Apply {
    /// The distances `(Σ|x − y|ᵖ)^(1/p)` of every row of `self` (`[…, m, d]`) to every row of the other (`[…, n, d]`):
    /// `[…, m, n]`. `p = 0` counts differing elements, `p = ∞` takes the largest difference.
    #[track_caller]
    fn cdist(&self, other: &Self, p: f64) -> Result<Self> {
        self.cdist_with(other, p, ComputeMode::default())
    }

    /// [`cdist`](Self::cdist) with a choice of how.
    #[track_caller]
    fn cdist_with(&self, other: &Self, p: f64, mode: ComputeMode) -> Result<Self> {
        check_floats("cdist", self, other)?;
        let (x, y) = (self.shape(), other.shape());
        if x.rank() < 2 || y.rank() < 2 || x[x.rank() - 1] != y[y.rank() - 1] {
            return Err(Error::shape(
                "cdist",
                format!("needs rows of one length on both sides: {x} and {y}"),
            ));
        }
        if p.is_nan() || p < 0.0 {
            return Err(Error::argument("cdist", format!("p must not be negative, but is {p}")));
        }
        if self.dtype().size() == 2 {
            // Squares may exceed what half precision holds, though distances do not.
            let (a, b) = (self.to_dtype(DType::F32)?, other.to_dtype(DType::F32)?);
            return a.cdist_with(&b, p, mode)?.to_dtype(self.dtype());
        }
        let (rows, columns) = (x[x.rank() - 2], y[y.rank() - 2]);
        let product = p == 2.0
            && match mode {
                ComputeMode::DoNotUseMatmul => false,
                ComputeMode::UseMatmulIfNecessary | ComputeMode::UseMatmul => {
                    rows > BY_PRODUCT || columns > BY_PRODUCT
                }
            };
        if product {
            return euclidean(self, other);
        }
        let (a, b) = (unsqueezed(self, x.rank() - 1)?, unsqueezed(other, y.rank() - 2)?);
        distance("cdist", &a, &b, 0.0, p, false)
    }

    /// The distances of every pair of rows of a matrix, those of the first row before those of the second and so on.
    #[track_caller]
    fn pdist(&self, p: f64) -> Result<Self> {
        let &[rows, _] = &self.shape()[..] else {
            return Err(Error::shape("pdist", format!("needs a matrix, not shape {}", self.shape())));
        };
        check_floats("pdist", self, self)?;
        if p.is_nan() || p < 0.0 {
            return Err(Error::argument("pdist", format!("p must not be negative, but is {p}")));
        }
        let pairs = || (0..rows as i64).flat_map(|i| (i + 1..rows as i64).map(move |j| (i, j)));
        let index = |list: Vec<i64>| {
            let count = list.len();
            self.beside(Array::from_vec(list, count)?)
        };
        let (first, second) =
            (index(pairs().map(|(i, _)| i).collect())?, index(pairs().map(|(_, j)| j).collect())?);
        let a = Self::apply_one(Op::IndexSelect { dim: 0 }, &[self, &first])?;
        let b = Self::apply_one(Op::IndexSelect { dim: 0 }, &[self, &second])?;
        distance("pdist", &a, &b, 0.0, p, false)
    }

    /// `(Σ|x − y + ε|ᵖ)^(1/p)` along the last dimension, others broadcast.
    #[track_caller]
    fn pairwise_distance(&self, other: &Self, p: f64, eps: f64, keepdim: bool) -> Result<Self> {
        distance("pairwise_distance", self, other, eps, p, keepdim)
    }

    /// `x·y / (max(|x|, ε)·max(|y|, ε))` along a dimension, others broadcast.
    #[track_caller]
    fn cosine_similarity(&self, other: &Self, dim: i64, eps: f64) -> Result<Self> {
        let Some(shape) = self.shape().broadcast(other.shape()) else {
            return Err(Error::shape(
                "cosine_similarity",
                format!("shapes {} and {} do not broadcast together", self.shape(), other.shape()),
            ));
        };
        if !self.dtype().promote(other.dtype()).is_float() {
            return Err(Error::dtype(
                "cosine_similarity",
                format!("needs floating point, not {} and {}", self.dtype(), other.dtype()),
            ));
        }
        let dtype = self.dtype().promote(other.dtype());
        if dtype.size() == 2 {
            // Squares may exceed what half precision holds.
            let (a, b) = (self.to_dtype(DType::F32)?, other.to_dtype(DType::F32)?);
            return a.cosine_similarity(&b, dim, eps)?.to_dtype(dtype);
        }
        let dim = shape.axis("cosine_similarity", dim)?;
        let dims: Vec<usize> = (0..shape.rank()).filter(|&other| other == dim).collect();
        let unit = |x: &Self| {
            let x = x.broadcast_to(&shape)?;
            let squares = reduce_formula(Reduction::Sum, &dims, true, &[&x], &[], |x, _| x[0] * x[0])?;
            let norm = root(&squares)?;
            // The bound is part of the value alone, not of the derivative.
            let excess = Array::formula(&[norm.array()], &[eps.into()], |x, n| (n[0] - x[0]).maximum(0))?;
            Self::formula(&[&x, &norm, &Self::constant(excess)], &[], |x, _| x[0] / (x[1] + x[2]))
        };
        let (a, b) = (unit(self)?, unit(other)?);
        reduce_formula(Reduction::Sum, &dims, false, &[&a, &b], &[], |x, _| x[0] * x[1])
    }
}

impl<T: Apply> Distances for T {}

#[track_caller]
fn check_floats<T: Apply>(name: &'static str, a: &T, b: &T) -> Result<()> {
    check_dtypes(name, a, b)?;
    if a.dtype().is_float() {
        return Ok(());
    }
    Err(Error::dtype(name, format!("needs floating point, not {}; convert with to_dtype", a.dtype())))
}

/// `√x`, whose derivative at zero is zero.
#[track_caller]
fn root<T: Apply>(x: &T) -> Result<T> {
    T::formula(&[x], &[], |x, _| {
        let none = x[0].le(0);
        none.select(0, none.select(1, x[0]).sqrt())
    })
}

/// `√(|x|² + |y|² − 2·x·y)` of every pair of rows.
#[track_caller]
fn euclidean<T: Apply>(a: &T, b: &T) -> Result<T> {
    let squares =
        |x: &T| reduce_formula(Reduction::Sum, &[x.rank() - 1], true, &[x], &[], |x, _| x[0] * x[0]);
    let (x, y) = (squares(a)?, squares(b)?);
    let product = T::apply_one(Op::Matmul, &[a, &transposed(b)?])?;
    let total = T::formula(&[&x, &transposed(&y)?, &product], &[], |x, _| (x[0] + x[1]) - x[2] * 2)?;
    root(&total)
}

/// The p-norm of `a − b + ε` over the last dimension.
#[track_caller]
fn distance<T: Apply>(name: &'static str, a: &T, b: &T, eps: f64, p: f64, keepdim: bool) -> Result<T> {
    let Some(shape) = a.shape().broadcast(b.shape()) else {
        return Err(Error::shape(
            name,
            format!("shapes {} and {} do not broadcast together", a.shape(), b.shape()),
        ));
    };
    if p.is_nan() {
        return Err(Error::argument(name, "p is not a number"));
    }
    // The difference of integers plus ε is floating point, and so is a norm.
    let (a, b) = match a.dtype().promote(b.dtype()) {
        dtype if dtype.is_float() => (a.clone(), b.clone()),
        dtype => (a.to_dtype(dtype.to_float())?, b.to_dtype(dtype.to_float())?),
    };
    let dtype = a.dtype().promote(b.dtype());
    if dtype.size() == 2 {
        // Powers may exceed what half precision holds, though the norm does not.
        let (a, b) = (a.to_dtype(DType::F32)?, b.to_dtype(DType::F32)?);
        return distance(name, &a, &b, eps, p, keepdim)?.to_dtype(dtype);
    }
    let single = shape.rank() == 0;
    let (a, b) = if single { (unsqueezed(&a, 0)?, unsqueezed(&b, 0)?) } else { (a, b) };
    let last = shape.rank().saturating_sub(1);
    if shape.get(last) == Some(&0) && (p < 0.0 || p.is_infinite()) {
        if p < 0.0 {
            return Err(Error::shape(name, format!("a norm with p = {p} of no elements is not defined")));
        }
        // The largest of nothing is the norm's zero.
        return distance(name, &a, &b, eps, 1.0, keepdim);
    }
    let inputs = [&a, &b];
    let numbers = [eps.into(), p.into()];
    let dims = [last];
    // A closure that captures nothing is traced once, so each has its own call.
    macro_rules! total {
        ($kind:ident, $numbers:expr, $f:expr) => {
            reduce_formula(Reduction::$kind, &dims, keepdim, &inputs, $numbers, $f)?
        };
    }
    let y = if p == 0.0 {
        // Zero, but of the distance: it has a derivative, which is zero too.
        #[allow(clippy::erasing_op)]
        let count = total!(Sum, &numbers[..1], |x, n| {
            let d = x[0] - x[1] + n[0];
            d.eq(0).select(d * 0, 1).cast_like(d)
        });
        count
    } else if p == 1.0 {
        total!(Sum, &numbers[..1], |x, n| (x[0] - x[1] + n[0]).abs())
    } else if p == 2.0 {
        root(&total!(Sum, &numbers[..1], |x, n| {
            let d = x[0] - x[1] + n[0];
            d * d
        }))?
    } else if p == f64::INFINITY {
        total!(Max, &numbers[..1], |x, n| (x[0] - x[1] + n[0]).abs())
    } else if p == f64::NEG_INFINITY {
        total!(Min, &numbers[..1], |x, n| (x[0] - x[1] + n[0]).abs())
    } else if p > 0.0 {
        let sum = total!(Sum, &numbers, |x, n| {
            let d = (x[0] - x[1] + n[0]).abs();
            let none = d.eq(0);
            none.select(0, none.select(1, d).pow(n[1]))
        });
        T::formula(&[&sum], &[(1.0 / p).into()], |x, n| {
            let none = x[0].eq(0);
            none.select(0, none.select(1, x[0]).pow(n[0]))
        })?
    } else {
        // A negative power: any zero makes the norm zero, by way of infinity.
        let sum = total!(Sum, &numbers, |x, n| (x[0] - x[1] + n[0]).abs().pow(n[1]));
        T::formula(&[&sum], &[(1.0 / p).into()], |x, n| x[0].pow(n[0]))?
    };
    if single && keepdim { squeezed(&y, 0) } else { Ok(y) }
}
