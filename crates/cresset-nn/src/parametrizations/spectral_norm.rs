//! Spectral norm: a weight divided by its largest singular value, which power iteration follows.

use cresset_autograd::{Apply, Error, Result, Tensor, no_grad};
use cresset_ops::methods::prelude::*;

use super::{Parametrized, Weighted};
use crate::{Buffer, Module, Parameter, Training};

/// A layer whose weight is divided by its largest singular value: PyTorch's `parametrizations.spectral_norm`. In training
/// each forward pass makes one step of power iteration towards the singular vectors.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = SpectralNorm::new(Linear::new(8, 8));
/// let x = Tensor::randn([1, 8]);
/// let longest = layer.weight()?.mv(&x.i(0)?)?.norm()?.item::<f32>()? / x.norm()?.item::<f32>()?;
/// assert!(longest < 1.1);
/// # Ok::<(), Error>(())
/// ```
pub struct SpectralNorm<L> {
    pub(super) parametrized: Parametrized<L, Normed>,
    n_power_iterations: usize,
    eps: f64,
    dim: i64,
}

#[derive(Module)]
#[module(name = "ParametrizationList")]
pub(super) struct Normed {
    original: Parameter,
    #[module(name = "0")]
    vectors: Vectors,
}

/// The singular vectors of the largest singular value, as well as they are known.
#[derive(Module)]
#[module(name = "_SpectralNorm")]
struct Vectors {
    #[module(name = "_u")]
    left: Buffer,
    #[module(name = "_v")]
    right: Buffer,
    training: Training,
}

/// How often the first vectors go through power iteration.
const FIRST: usize = 15;

impl<L: Weighted> SpectralNorm<L> {
    /// One iteration in each forward pass.
    #[track_caller]
    pub fn new(layer: L) -> SpectralNorm<L> {
        let (dim, eps) = (L::OUTPUTS as i64, 1e-12);
        let parametrized = Parametrized::new(layer, |original| first(original, dim, eps));
        SpectralNorm { parametrized, n_power_iterations: 1, eps, dim }
    }

    /// How many iterations in each forward pass of training: 1, unless set.
    pub fn n_power_iterations(mut self, n_power_iterations: usize) -> SpectralNorm<L> {
        self.n_power_iterations = n_power_iterations;
        self
    }

    /// The least length of a vector: 10⁻¹², unless set.
    pub fn eps(mut self, eps: f64) -> SpectralNorm<L> {
        self.eps = eps;
        self
    }

    /// Which dimension of the weight makes the rows of the matrix: that of the outputs, unless set. Draws the first
    /// vectors anew.
    #[track_caller]
    pub fn dim(mut self, dim: i64) -> SpectralNorm<L> {
        self.dim = dim;
        let normed = self.parametrized.of_mut();
        *normed = first(normed.original.clone(), dim, self.eps);
        self
    }

    /// The weight as it is. In training this makes an iteration, as in PyTorch.
    #[track_caller]
    pub fn weight(&self) -> Result<Tensor> {
        let Normed { original, vectors } = self.parametrized.of();
        let weight = original.get()?;
        let matrix = rows(weight, self.dim)?;
        // What is kept for backward is not what the next pass writes to.
        let (mut u, mut v) = (vectors.left.copy()?, vectors.right.copy()?);
        if vectors.training.is_on() && self.n_power_iterations > 0 {
            no_grad(|| -> Result<()> {
                (u, v) =
                    iterated(&matrix.detach(), (u.clone(), v.clone()), self.n_power_iterations, self.eps)?;
                vectors.left.copy_(&u)?;
                vectors.right.copy_(&v).map(drop)
            })?;
        }
        weight.div(&u.dot(&matrix.mv(&v)?)?)
    }

    /// The layer with the weight as it is: PyTorch's `remove_parametrizations`.
    #[track_caller]
    pub fn remove(self) -> Result<L> {
        let weight = no_grad(|| self.weight())?;
        Ok(self.parametrized.with(Parameter::new(weight)))
    }
}

/// A weight with singular vectors that were sought from random ones.
#[track_caller]
#[inline]
fn first(original: Parameter, dim: i64, eps: f64) -> Normed {
    let vectors = || -> Result<(Tensor, Tensor)> {
        let matrix = rows(&original.get()?.detach(), dim)?;
        let [height, width] = [matrix.shape()[0], matrix.shape()[1]];
        let random = |size: usize| {
            Tensor::randn([size]).to_dtype(matrix.dtype())?.to_device(matrix.device())?.normalize(2.0, 0, eps)
        };
        iterated(&matrix, (random(height)?, random(width)?), FIRST, eps)
    };
    let none = || Tensor::zeros([0]);
    let (original, (left, right)) = match no_grad(vectors) {
        Ok(vectors) => (original, vectors),
        // As a parameter that could not be made, the error is told to whoever uses it.
        Err(error) => (Parameter::of(Err(error)), (none(), none())),
    };
    let (left, right) = (Buffer::new(left), Buffer::new(right));
    Normed { original, vectors: Vectors { left, right, training: Training::default() } }
}

/// A weight as a matrix, a dimension as its rows.
#[track_caller]
#[inline]
fn rows(weight: &Tensor, dim: i64) -> Result<Tensor> {
    if weight.rank() < 2 {
        let why = format!("the weight must have at least 2 dimensions, not {}", weight.shape());
        return Err(Error::shape("spectral_norm", why));
    }
    weight.movedim(dim, 0)?.flatten(1..)
}

/// `u = Wv/‖Wv‖`, `v = Wᵀu/‖Wᵀu‖`, again and again.
#[track_caller]
#[inline]
fn iterated(matrix: &Tensor, first: (Tensor, Tensor), times: usize, eps: f64) -> Result<(Tensor, Tensor)> {
    let (mut u, mut v) = first;
    for _ in 0..times {
        u = matrix.mv(&v)?.normalize(2.0, 0, eps)?;
        v = matrix.t()?.mv(&u)?.normalize(2.0, 0, eps)?;
    }
    Ok((u, v))
}
