//! Normalisation of each sample by itself: of layers, groups, vectors and neighbourhoods.

use cresset_tensor::{Axes, DType, Error, Layout, Result, Shape};

use super::{
    Elementwise, Norms,
    activation::per_channel,
    fused::{shaped, sum_formula},
    reduction::named,
};
use crate::{Apply, op::Op, select, view::View};

/// Normalisation of each sample by itself.
pub trait Normalizations: Apply {
    /// `(x - mean)/√(variance + ε)·weight + bias`, over the last dimensions, whose shape is `normalized_shape`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([[1.0, 3.0], [10.0, 30.0]]);
    /// assert_eq!(x.layer_norm([2], None, None, 0.0)?.to_vec::<f64>()?, [-1.0, 1.0, -1.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn layer_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        Ok(self.native_layer_norm(normalized_shape, weight, bias, eps)?.0)
    }

    /// [`layer_norm`](Self::layer_norm) with the mean and `1/√(variance + ε)` of every row.
    #[track_caller]
    fn native_layer_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<(Self, Self, Self)> {
        let dims = check_rows("layer_norm", self, &normalized_shape.into(), &[weight, bias])?;
        let [y, mean, scale] = normalize_rows(self, dims, eps)?;
        Ok((affine(y, weight, bias)?, mean, scale))
    }

    /// `x/√(mean(x²) + ε)·weight`, over the last dimensions. Without an `ε` it is the dtype's machine epsilon.
    #[track_caller]
    fn rms_norm(
        &self,
        normalized_shape: impl Into<Shape>,
        weight: Option<&Self>,
        eps: Option<f64>,
    ) -> Result<Self> {
        let dims = check_rows("rms_norm", self, &normalized_shape.into(), &[weight])?;
        if !self.dtype().is_float() {
            return Err(Error::dtype("rms_norm", format!("needs floating point, not {}", self.dtype())));
        }
        let kept = self.rank() - dims;
        let count = self.shape()[kept..].iter().product::<usize>();
        let numbers = [(1.0 / count as f64).into()];
        // Narrow floats would overflow: their squares are summed in f32.
        let square = match self.dtype() {
            DType::F16 | DType::BF16 => sum_formula(&[self], &numbers, kept..self.rank(), true, |x, n| {
                x[0].cast(DType::F32).square() * n[0]
            })?,
            DType::F64
            | DType::F32
            | DType::I64
            | DType::I32
            | DType::I16
            | DType::I8
            | DType::U8
            | DType::Bool => {
                sum_formula(&[self], &numbers, kept..self.rank(), true, |x, n| x[0].square() * n[0])?
            }
        };
        let eps = eps.unwrap_or(self.dtype().epsilon());
        let scale = Self::formula(&[&square], &[eps.into()], |x, n| (x[0] + n[0]).rsqrt())?;
        match weight {
            None => Self::formula(&[self, &scale], &[], |x, _| (x[0] * x[1]).cast_like(x[0])),
            Some(weight) => {
                Self::formula(&[self, &scale, weight], &[], |x, _| (x[0] * x[1]).cast_like(x[0]) * x[2])
            }
        }
    }

    /// Each group of channels (dimension 1) of each sample with mean 0 and variance 1, then `·weight + bias` by channel.
    #[track_caller]
    fn group_norm(
        &self,
        num_groups: usize,
        weight: Option<&Self>,
        bias: Option<&Self>,
        eps: f64,
    ) -> Result<Self> {
        let fail = |why: &str| Err(Error::shape("group_norm", format!("{why}, got shape {}", self.shape())));
        let [samples, channels, spatial @ ..] = &**self.shape() else {
            return fail("expected at least 2 dimensions");
        };
        if num_groups == 0 || !channels.is_multiple_of(num_groups) {
            return fail(&format!("the channels must fall into {num_groups} groups"));
        }
        let area = spatial.iter().product::<usize>();
        if *channels == 0 || area == 0 {
            return fail("expected at least one channel and one element of each");
        }
        if samples * channels / num_groups * area == 1 {
            return fail("expected more than 1 value per group");
        }
        let (samples, channels) = (*samples, *channels);
        Ok(self.native_group_norm(weight, bias, samples, channels, area, num_groups, eps)?.0)
    }

    /// [`group_norm`](Self::group_norm) of `n` samples of `c` channels of `hxw` elements, with the mean and
    /// `1/√(variance + ε)` of each group.
    #[track_caller]
    fn native_group_norm(
        &self,
        weight: Option<&Self>,
        bias: Option<&Self>,
        n: usize,
        c: usize,
        hxw: usize,
        group: usize,
        eps: f64,
    ) -> Result<(Self, Self, Self)> {
        let fail = |why: String| Err(Error::shape("group_norm", why));
        if group == 0 || !c.is_multiple_of(group) {
            return fail(format!("{c} channels do not fall into {group} groups"));
        }
        if self.rank() < 2
            || self.shape()[1] != c
            || n.checked_mul(c).and_then(|x| x.checked_mul(hxw)) != Some(self.numel())
        {
            return fail(format!(
                "{n} samples of {c} channels of {hxw} elements do not make shape {}",
                self.shape()
            ));
        }
        for parameter in [weight, bias].into_iter().flatten() {
            if *parameter.shape() != [c] {
                return fail(format!("weight and bias must have shape [{c}], not {}", parameter.shape()));
            }
        }
        let grouped = shaped(self, [n, group, c / group * hxw].into())?;
        let [y, mean, scale] = normalize_rows(&grouped, 1, eps)?;
        let y = shaped(&y, self.shape().clone())?;
        let by_channel = |x: Option<&Self>| x.map(|x| per_channel(x, self.rank())).transpose();
        let y = affine(y, by_channel(weight)?.as_ref(), by_channel(bias)?.as_ref())?;
        Ok((y, shaped(&mean, [n, group].into())?, shaped(&scale, [n, group].into())?))
    }

    /// `x/max(‖x‖ₚ, ε)` along some dimensions. PyTorch's defaults are `p` 2, dimension 1, `ε` 10⁻¹².
    #[track_caller]
    fn normalize(&self, p: f64, dim: impl Into<Axes>, eps: f64) -> Result<Self> {
        if !self.dtype().is_float() {
            return Err(Error::dtype("normalize", format!("needs floating point, not {}", self.dtype())));
        }
        let dims = dim.into().resolve("normalize", self.rank())?;
        let norm = self.norm_dim(p, named(&dims), true)?;
        Self::formula(&[self, &norm], &[eps.into()], |x, n| x[0] / select(x[1].lt(n[0]), n[0], x[1]))
    }

    /// `x/(k + α/size·Σx²)^β`, the sum over `size` neighbouring channels (dimension 1). PyTorch's defaults are `α` 10⁻⁴,
    /// `β` 0.75, `k` 1.
    #[track_caller]
    fn local_response_norm(&self, size: usize, alpha: f64, beta: f64, k: f64) -> Result<Self> {
        if self.rank() < 3 {
            return Err(Error::shape(
                "local_response_norm",
                format!("needs samples, channels and at least one dimension more, not {}", self.shape()),
            ));
        }
        if size == 0 {
            return Err(Error::argument("local_response_norm", "size must be at least 1"));
        }
        if self.numel() == 0 {
            return Ok(self.clone());
        }
        if self.dtype().is_float() && self.dtype().size() == 2 {
            // Squares may exceed what half precision holds.
            let wide = self.to_dtype(DType::F32)?;
            return wide.local_response_norm(size, alpha, beta, k)?.to_dtype(self.dtype());
        }
        let mut padded = self.shape().clone();
        padded[1] = padded[1].saturating_add(size - 1);
        padded.checked_numel("local_response_norm")?;
        let inside = View::Slice { dim: 1, start: size / 2, len: self.shape()[1], step: 1 };
        let square = Self::formula(&[self], &[], |x, _| x[0].square())?;
        let padded = Self::apply_one(
            Op::Unview { view: inside, base: Layout::contiguous(padded).into() },
            &[&square],
        )?;
        let windows = View::Unfold { dim: 1, size, step: 1, dilation: 1 };
        let windows = Self::apply_one(Op::View(windows), &[&padded])?;
        let sums = sum_formula(&[&windows], &[], [self.rank()], false, |x, _| x[0])?;
        // The mean is in the input's dtype, of integers too.
        let mean = match self.dtype().is_float() {
            true => Self::formula(&[&sums], &[size.into()], |x, n| x[0] / n[0])?,
            false => Self::formula(&[&sums], &[size.into()], |x, n| x[0].trunc_divide(n[0]))?,
        };
        let numbers = [alpha.into(), beta.into(), k.into()];
        Self::formula(&[self, &mean], &numbers, |x, n| x[0] / (x[1] * n[0] + n[2]).pow(n[1]))
    }
}

impl<T: Apply> Normalizations for T {}

/// `Op::Normalize` with its three outputs.
#[track_caller]
pub(super) fn normalize_rows<T: Apply>(x: &T, dims: usize, epsilon: f64) -> Result<[T; 3]> {
    let mut outputs = T::apply(Op::Normalize { dims, epsilon }, &[x])?.into_iter();
    match (outputs.next(), outputs.next(), outputs.next()) {
        (Some(y), Some(mean), Some(scale)) => Ok([y, mean, scale]),
        _ => Err(Error::argument("layer_norm", "the operation has three outputs")),
    }
}

/// `y·weight + bias`, where there are any.
#[track_caller]
pub(super) fn affine<T: Apply>(y: T, weight: Option<&T>, bias: Option<&T>) -> Result<T> {
    match (weight, bias) {
        (None, None) => Ok(y),
        (Some(weight), None) => T::formula(&[&y, weight], &[], |x, _| x[0] * x[1]),
        (None, Some(bias)) => T::formula(&[&y, bias], &[], |x, _| x[0] + x[1]),
        (Some(weight), Some(bias)) => T::formula(&[&y, weight, bias], &[], |x, _| x[0] * x[1] + x[2]),
    }
}

/// How many dimensions a row has, if the input and its parameters fit.
fn check_rows<T: Apply>(
    name: &'static str,
    x: &T,
    normalized_shape: &Shape,
    parameters: &[Option<&T>],
) -> Result<usize> {
    if normalized_shape.rank() == 0 {
        return Err(Error::shape(name, "normalized_shape must have at least one dimension"));
    }
    if let Some(parameter) =
        parameters.iter().flatten().find(|parameter| parameter.shape() != normalized_shape)
    {
        return Err(Error::shape(
            name,
            format!("weight and bias must have shape {normalized_shape}, not {}", parameter.shape()),
        ));
    }
    if !x.shape().ends_with(normalized_shape) {
        return Err(Error::shape(
            name,
            format!("the last dimensions of {} must be {normalized_shape}", x.shape()),
        ));
    }
    Ok(normalized_shape.rank())
}
