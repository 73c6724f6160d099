//! Muon: momentum whose matrices are made orthogonal before each step.

use cresset_autograd::{Apply, Array, DType, Error, Result, Scalar, Tensor};
use cresset_ops::prelude::*;
use cresset_tensor::State;

use crate::{
    Descent, Kept, Method, Place,
    options::{Value, builders, not_negative, options, require},
};

/// How the rate depends on the shape of a parameter: PyTorch's `adjust_lr_fn`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdjustLr {
    /// `√max(1, rows/columns)`, as in the first publication.
    Original,
    /// `0.2·√max(rows, columns)`, so that AdamW's rates can be used.
    MatchRmsAdamw,
    /// `√(rows/columns)`.
    SpectralUnclamped,
}

impl Value for AdjustLr {
    #[inline]
    fn to_state(&self) -> State {
        State::from(match self {
            AdjustLr::Original => "original",
            AdjustLr::MatchRmsAdamw => "match_rms_adamw",
            AdjustLr::SpectralUnclamped => "spectral_unclamped",
        })
    }

    #[inline]
    fn from_state(state: &State) -> Result<AdjustLr> {
        match state.text()? {
            "original" => Ok(AdjustLr::Original),
            "match_rms_adamw" => Ok(AdjustLr::MatchRmsAdamw),
            "spectral_unclamped" => Ok(AdjustLr::SpectralUnclamped),
            other => Err(Error::argument(
                "Muon",
                format!(
                    "there is no adjust_lr_fn '{other}', only original, match_rms_adamw, spectral_unclamped"
                ),
            )),
        }
    }
}

options! {
    /// Options of [`Muon`].
    MuonOptions of "Muon" {
        /// The learning rate.
        lr: f64 = 1e-3,
        /// Parameters decay by this times the rate before each step.
        weight_decay: f64 = 0.1,
        /// How much of the average of gradients is kept.
        momentum: f64 = 0.95,
        /// Looks ahead along the average.
        nesterov: bool = true,
        /// `a`, `b`, `c` of the iteration `X ← aX + (bXXᵀ + c(XXᵀ)²)X`.
        ns_coefficients: (f64, f64, f64) = (3.4445, -4.775, 2.0315),
        /// The smallest norm that is divided by.
        eps: f64 = 1e-7,
        /// How often it is iterated.
        ns_steps: usize = 5,
        /// How the rate depends on the shape.
        adjust_lr_fn: Option<AdjustLr> = None,
    }
    check(options) {
        let MuonOptions { lr, weight_decay, momentum, ns_steps, .. } = *options;
        not_negative("Muon", &[("lr", lr), ("weight_decay", weight_decay), ("momentum", momentum)])?;
        require(ns_steps < 100, "Muon", "ns_steps", ns_steps, "below 100")
    }
}

/// Muon: `m ← momentum·m + (1 − momentum)·∇`, and `p ← p·(1 − lr·weight_decay) − lr'·O(m)`, where `O` is nearly the nearest
/// orthogonal matrix, found by a few steps of Newton and Schulz in bfloat16, and `lr'` depends on the shape. For matrices
/// inside of networks; give the other parameters to [`AdamW`](crate::AdamW).
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{AdjustLr, Muon};
/// let w = Tensor::new([[1.0f32, 2.0], [3.0, 4.0]]).requires_grad();
/// let optimizer = Muon::new([&w], 1e-3).adjust_lr_fn(AdjustLr::MatchRmsAdamw);
/// # Ok::<(), Error>(())
/// ```
pub type Muon = Descent<MuonOptions>;

builders! { Muon:
    /// Parameters decay by this times the rate before each step.
    weight_decay: f64,
    /// How much of the average of gradients is kept.
    momentum: f64,
    /// Looks ahead along the average.
    nesterov: bool,
    /// The smallest norm that is divided by.
    eps: f64,
    /// How often it is iterated.
    ns_steps: usize,
}

impl Muon {
    /// `a`, `b`, `c` of the iteration `X ← aX + (bXXᵀ + c(XXᵀ)²)X`.
    #[must_use]
    #[inline]
    pub fn ns_coefficients(self, a: f64, b: f64, c: f64) -> Self {
        self.with(|options| options.ns_coefficients = (a, b, c))
    }

    /// How the rate depends on the shape.
    #[must_use]
    #[inline]
    pub fn adjust_lr_fn(self, adjust: AdjustLr) -> Self {
        self.with(|options| options.adjust_lr_fn = Some(adjust))
    }
}

impl Method for MuonOptions {
    const NAME: &'static str = "Muon";
    const KEEPS: &'static [(&'static str, Kept)] = &[("momentum_buffer", Kept::Array)];

    #[track_caller]
    #[inline]
    fn check_parameter(parameter: &Tensor) -> Result<()> {
        if parameter.rank() == 2 {
            return Ok(());
        }
        Err(Error::shape(
            "Muon",
            format!(
                "parameters must be matrices, not of shape {}; give the others to AdamW",
                parameter.shape()
            ),
        ))
    }

    #[inline]
    fn step(&self, at: &mut Place) -> Result<()> {
        let (parameter, gradient) = (at.parameter().clone(), at.gradient().clone());
        if parameter.numel() == 0 {
            return Ok(());
        }
        at.start("momentum_buffer", 0.0)?;
        let average = at.array("momentum_buffer")?;
        let numbers: [Scalar; 2] = [self.momentum.into(), (1.0 - self.momentum).into()];
        let direction = if self.nesterov {
            let direction = parameter.empty_like()?;
            let targets = [&average, &direction];
            Array::formulas_into(&[&average, &gradient], &numbers, &targets, |x, n| {
                let average = n[0] * x[0] + n[1] * x[1];
                [average, n[1] * x[1] + n[0] * average]
            })?;
            direction
        } else {
            Array::formulas_into(&[&average, &gradient], &numbers, &[&average], |x, n| {
                [n[0] * x[0] + n[1] * x[1]]
            })?;
            average
        };
        let direction = self.orthogonal(&direction)?;
        let (rows, columns) = (parameter.size(0)? as f64, parameter.size(1)? as f64);
        let ratio = match self.adjust_lr_fn {
            None | Some(AdjustLr::Original) => (rows / columns).max(1.0).sqrt(),
            Some(AdjustLr::MatchRmsAdamw) => 0.2 * rows.max(columns).sqrt(),
            Some(AdjustLr::SpectralUnclamped) => (rows / columns).sqrt(),
        };
        let numbers: [Scalar; 2] = [(1.0 - self.lr * self.weight_decay).into(), (self.lr * ratio).into()];
        Array::formulas_into(&[&parameter, &direction], &numbers, &[&parameter], |x, n| {
            [n[0] * x[0] - n[1] * x[1]]
        })
    }
}

impl MuonOptions {
    /// Nearly the nearest orthogonal matrix. Every result is rounded to bfloat16, as it is in PyTorch, and products are
    /// computed of such numbers in float32.
    #[inline]
    fn orthogonal(&self, x: &Array) -> Result<Array> {
        let tall = x.size(0)? > x.size(1)?;
        let x = if tall { x.t()? } else { x.clone() };
        let x = x.to_dtype(DType::BF16)?;
        let numbers = [self.eps.into()];
        let x = Array::formula(&[&x, &x.norm()?], &numbers, |x, n| x[0] / x[1].maximum(n[0]))?;
        let (a, b, c) = self.ns_coefficients;
        let mut x = x.to_dtype(DType::F32)?;
        for _ in 0..self.ns_steps {
            let gram = rounded(&x.matmul(&x.t()?)?)?;
            let update = combined(b, &gram, c, &gram.matmul(&gram)?)?;
            x = combined(a, &x, 1.0, &update.matmul(&x)?)?;
        }
        if tall { x.t() } else { Ok(x) }
    }
}

/// The nearest numbers of bfloat16, in float32.
#[inline]
fn rounded(x: &Array) -> Result<Array> {
    x.to_dtype(DType::BF16)?.to_dtype(DType::F32)
}

/// `a·x + b·y`, rounded.
#[inline]
fn combined(a: f64, x: &Array, b: f64, y: &Array) -> Result<Array> {
    rounded(&Array::formula(&[x, y], &[a.into(), b.into()], |x, n| n[0] * x[0] + n[1] * x[1])?)
}
