//! Integrals and derivatives of functions known at points: trapezoids, differences, gradients.

use cresset_tensor::{Axes, DType, Error, Result, Shape};

use super::{Joining, Reductions, Scans, Shaping, Slicing};
use crate::{Apply, op::Reduction};

/// Where the points of a function lie.
#[derive(Clone, Copy, Debug)]
pub enum Spacing<'a, T> {
    /// At equal distances.
    Step(f64),
    /// At these places: a list, or as many lists as there are functions.
    Points(&'a T),
}

impl<T> From<f64> for Spacing<'_, T> {
    fn from(step: f64) -> Self {
        Spacing::Step(step)
    }
}

impl<'a, T: Apply> From<&'a T> for Spacing<'a, T> {
    fn from(points: &'a T) -> Self {
        Spacing::Points(points)
    }
}

/// Where the points of a function of several variables lie.
#[derive(Clone, Copy, Debug)]
pub enum Spacings<'a, T> {
    /// At the same distances in all dimensions.
    Same(f64),
    /// For each dimension as it says.
    Each(&'a [Spacing<'a, T>]),
}

impl<T> From<f64> for Spacings<'_, T> {
    fn from(step: f64) -> Self {
        Spacings::Same(step)
    }
}

impl<'a, T> From<&'a [Spacing<'a, T>]> for Spacings<'a, T> {
    fn from(list: &'a [Spacing<'a, T>]) -> Self {
        Spacings::Each(list)
    }
}

impl<'a, T, const N: usize> From<&'a [Spacing<'a, T>; N]> for Spacings<'a, T> {
    fn from(list: &'a [Spacing<'a, T>; N]) -> Self {
        Spacings::Each(list)
    }
}

/// The options of [`Differences::diff_with`].
#[derive(Clone, Copy, Debug)]
pub struct DiffOptions<'a, T> {
    /// How often.
    pub n: i64,
    /// Along which dimension.
    pub dim: i64,
    /// What is put before.
    pub prepend: Option<&'a T>,
    /// What is put after.
    pub append: Option<&'a T>,
}

impl<T> Default for DiffOptions<'_, T> {
    fn default() -> Self {
        DiffOptions { n: 1, dim: -1, prepend: None, append: None }
    }
}

/// Integrals and derivatives.
pub trait Differences: Apply {
    /// The integral along a dimension by the trapezoidal rule: `Σ (xᵢ₊₁ - xᵢ)·(yᵢ + yᵢ₊₁)/2`. Integers become floating
    /// point.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let y = Array::new([1.0, 2.0, 4.0]);
    /// assert_eq!(y.trapezoid(1.0, -1)?.item::<f64>()?, 4.5);
    /// assert_eq!(y.trapezoid(&Array::new([0.0, 1.0, 3.0]), -1)?.item::<f64>()?, 7.5);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn trapezoid<'a>(&self, spacing: impl Into<Spacing<'a, Self>>, dim: i64) -> Result<Self> {
        let dim = along("trapezoid", self, dim)?;
        let [before, after] = neighbours(self, dim)?;
        // Counted from the end, as shapes are where points and functions broadcast.
        let last = dim as i64 - self.rank() as i64;
        match spacing.into() {
            Spacing::Step(step) => Self::reduce_formula(
                &[&before, &after],
                &[step.into()],
                Reduction::Sum,
                last,
                false,
                |x, n| (x[0] + x[1]) * (n[0] / 2),
            ),
            Spacing::Points(points) => {
                let [left, right] = neighbours(&placed("trapezoid", points, self, dim)?, dim)?;
                let inputs = [&left, &right, &before, &after];
                Self::reduce_formula(&inputs, &[], Reduction::Sum, last, false, |x, _| {
                    (x[1] - x[0]) * (x[2] + x[3]) / 2
                })
            }
        }
    }

    /// [`trapezoid`](Self::trapezoid) under its name of before.
    #[track_caller]
    fn trapz<'a>(&self, spacing: impl Into<Spacing<'a, Self>>, dim: i64) -> Result<Self> {
        self.trapezoid(spacing, dim)
    }

    /// The running integral along a dimension by the trapezoidal rule: one element less than there are points.
    #[track_caller]
    fn cumulative_trapezoid<'a>(&self, spacing: impl Into<Spacing<'a, Self>>, dim: i64) -> Result<Self> {
        let dim = along("cumulative_trapezoid", self, dim)?;
        let [before, after] = neighbours(self, dim)?;
        let parts = match spacing.into() {
            Spacing::Step(step) => {
                Self::formula(&[&before, &after], &[step.into()], |x, n| (x[0] + x[1]) * (n[0] / 2))?
            }
            Spacing::Points(points) => {
                let [left, right] = neighbours(&placed("cumulative_trapezoid", points, self, dim)?, dim)?;
                Self::formula(&[&left, &right, &before, &after], &[], |x, _| {
                    (x[1] - x[0]) * (x[2] + x[3]) / 2
                })?
            }
        };
        parts.cumsum(dim as i64)
    }

    /// The differences of neighbours along the last dimension.
    #[track_caller]
    fn diff(&self) -> Result<Self> {
        self.diff_with(DiffOptions::default())
    }

    /// The `n`-fold differences of neighbours along a dimension; of `bool` whether they differ.
    #[track_caller]
    fn diff_with(&self, options: DiffOptions<'_, Self>) -> Result<Self> {
        let DiffOptions { n, dim, prepend, append } = options;
        if n < 0 {
            return Err(Error::argument("diff", format!("the order must not be negative: {n}")));
        }
        let dim = along("diff", self, dim)?;
        if n == 0 {
            return self.copy();
        }
        let parts: Vec<&Self> = prepend.into_iter().chain([self]).chain(append).collect();
        let mut x = if parts.len() == 1 {
            self.clone()
        } else {
            let owned: Vec<Self> = parts.into_iter().cloned().collect();
            Self::cat(&owned, dim as i64).map_err(|error| error.of("diff"))?
        };
        for _ in 0..n.min(x.shape()[dim] as i64) {
            let [before, after] = neighbours(&x, dim)?;
            x = if x.dtype() == DType::Bool {
                Self::formula(&[&before, &after], &[], |x, _| x[0].bitwise_xor(x[1]))?
            } else {
                Self::formula(&[&before, &after], &[], |x, _| x[1] - x[0])?
            };
        }
        Ok(x)
    }

    /// The derivatives along every dimension, estimated by central differences of points at distance 1.
    #[track_caller]
    fn gradient(&self) -> Result<Vec<Self>> {
        self.gradient_with(1.0, .., 1)
    }

    /// The derivatives along dimensions, estimated by differences that are exact for polynomials of degree two inside
    /// and of degree `edge_order` at the edges. There is one step for all dimensions, or a spacing for each.
    #[track_caller]
    fn gradient_with<'a>(
        &self,
        spacing: impl Into<Spacings<'a, Self>>,
        dims: impl Into<Axes>,
        edge_order: usize,
    ) -> Result<Vec<Self>> {
        if self.dtype() == DType::U8 {
            return Err(Error::dtype("gradient", "not defined for uint8; convert with to_dtype first"));
        }
        if !(1..=2).contains(&edge_order) {
            return Err(Error::argument("gradient", format!("edge_order must be 1 or 2, not {edge_order}")));
        }
        let dims = dims.into().resolve("gradient", self.rank())?;
        let (one, spacing) = match spacing.into() {
            Spacings::Same(step) => (step, None),
            Spacings::Each(list) => (1.0, Some(list)),
        };
        if let Some(list) = spacing
            && list.len() != dims.len()
        {
            return Err(Error::argument(
                "gradient",
                format!("{} spacings for {} dimensions", list.len(), dims.len()),
            ));
        }
        let mut gradients = Vec::with_capacity(dims.len());
        for (i, &dim) in dims.iter().enumerate() {
            let size = self.shape()[dim];
            if size <= edge_order {
                return Err(Error::shape(
                    "gradient",
                    format!("needs at least {} points in dimension {dim}, not {size}", edge_order + 1),
                ));
            }
            gradients.push(match spacing.and_then(|list| list.get(i)) {
                Some(Spacing::Points(points)) => {
                    if points.rank() != 1 || points.numel() != size {
                        return Err(Error::shape(
                            "gradient",
                            format!(
                                "needs a list of the {size} points of dimension {dim}, not {}",
                                points.shape()
                            ),
                        ));
                    }
                    uneven(self, dim, points, edge_order)?
                }
                Some(Spacing::Step(step)) => even(self, dim, *step, edge_order)?,
                None => even(self, dim, one, edge_order)?,
            });
        }
        Ok(gradients)
    }
}

impl<T: Apply> Differences for T {}

/// The dimension, which a single number has not.
#[track_caller]
fn along<T: Apply>(name: &'static str, x: &T, dim: i64) -> Result<usize> {
    if x.rank() == 0 {
        return Err(Error::shape(name, "needs at least one dimension"));
    }
    x.shape().axis(name, dim)
}

/// All but the last, and all but the first along a dimension.
#[track_caller]
fn neighbours<T: Apply>(x: &T, dim: usize) -> Result<[T; 2]> {
    let dim_from_end = dim as i64;
    let n = x.shape().get(dim).copied().unwrap_or(1).saturating_sub(1) as i64;
    let second = 1.min(x.shape().get(dim).copied().unwrap_or(1)) as i64;
    Ok([x.narrow(dim_from_end, 0, n)?, x.narrow(dim_from_end, second, n)?])
}

/// Points in as many dimensions as the function has: a list of them along the dimension.
#[track_caller]
fn placed<T: Apply>(name: &'static str, points: &T, y: &T, dim: usize) -> Result<T> {
    let mut shape = Shape::repeat(1, y.rank());
    if points.rank() == 1 && y.rank() > 1 {
        if points.numel() != y.shape()[dim] {
            return Err(Error::shape(
                name,
                format!("{} points for the {} of dimension {dim}", points.numel(), y.shape()[dim]),
            ));
        }
        shape[dim] = points.numel();
    } else if points.rank() <= y.rank() {
        let extra = y.rank() - points.rank();
        shape[extra..].copy_from_slice(points.shape());
    } else {
        return Err(Error::shape(
            name,
            format!("points of shape {} have more dimensions than {}", points.shape(), y.shape()),
        ));
    }
    points.reshape(shape)
}

/// Slices of `len` along a dimension that start at each place.
#[track_caller]
fn slices<T: Apply, const N: usize>(x: &T, dim: usize, starts: [usize; N], len: usize) -> Result<Vec<T>> {
    starts.iter().map(|&start| x.narrow(dim as i64, start as i64, len as i64)).collect()
}

/// Central differences at equal distances.
#[track_caller]
fn even<T: Apply>(x: &T, dim: usize, step: f64, edge_order: usize) -> Result<T> {
    let n = x.shape()[dim];
    let slope =
        |from: &T, to: &T, over: f64| T::formula(&[from, to], &[over.into()], |x, n| (x[1] - x[0]) / n[0]);
    let inner = slices(x, dim, [0, 2.min(n)], n - 2)?;
    let inner = slope(&inner[0], &inner[1], 2.0 * step)?;
    let (first, last) = if edge_order == 1 {
        let ends = slices(x, dim, [0, 1, n - 2, n - 1], 1)?;
        (slope(&ends[0], &ends[1], step)?, slope(&ends[2], &ends[3], step)?)
    } else {
        // The parabola through three points.
        let edge = |at: [usize; 3], over: f64| {
            let ends = slices(x, dim, at, 1)?;
            T::formula(&[&ends[0], &ends[1], &ends[2]], &[over.into()], |x, n| {
                (4 * x[1] - 3 * x[0] - x[2]) / n[0]
            })
        };
        (edge([0, 1, 2], 2.0 * step)?, edge([n - 1, n - 2, n - 3], -2.0 * step)?)
    };
    T::cat(&[first, inner, last], dim as i64)
}

/// Differences at points that lie anywhere: the slope of the parabola through three of them.
#[track_caller]
fn uneven<T: Apply>(x: &T, dim: usize, points: &T, edge_order: usize) -> Result<T> {
    let n = x.shape()[dim];
    let mut shape = Shape::repeat(1, x.rank());
    shape[dim] = n;
    let points = points.reshape(shape)?;
    // At the middle one of three points.
    let (y, t) = (slices(x, dim, [0, 1, 2.min(n)], n - 2), slices(&points, dim, [0, 1, 2.min(n)], n - 2));
    let (y, t) = (y?, t?);
    let inner = T::formula(&[&y[0], &y[1], &y[2], &t[0], &t[1], &t[2]], &[], |x, _| {
        let (left, right) = (x[4] - x[3], x[5] - x[4]);
        let both = left + right;
        -right / (left * both) * x[0] + (right - left) / (left * right) * x[1] + left / (right * both) * x[2]
    })?;
    let edge = |at: [usize; 3]| {
        if edge_order == 1 {
            let (y, t) = (slices(x, dim, [at[0], at[1]], 1)?, slices(&points, dim, [at[0], at[1]], 1)?);
            return T::formula(&[&y[0], &y[1], &t[0], &t[1]], &[], |x, _| (x[1] - x[0]) / (x[3] - x[2]));
        }
        // At the outer one.
        let (y, t) = (slices(x, dim, at, 1)?, slices(&points, dim, at, 1)?);
        T::formula(&[&y[0], &y[1], &y[2], &t[0], &t[1], &t[2]], &[], |x, _| {
            let (near, far) = (x[4] - x[3], x[5] - x[4]);
            let both = near + far;
            -(near + both) / (near * both) * x[0] + both / (near * far) * x[1] - near / (far * both) * x[2]
        })
    };
    let inward = |from: usize, step: isize| {
        let at = |i: isize| from.saturating_add_signed(step * i).min(n - 1);
        [at(0), at(1), at(2)]
    };
    T::cat(&[edge(inward(0, 1))?, inner, edge(inward(n - 1, -1))?], dim as i64)
}
