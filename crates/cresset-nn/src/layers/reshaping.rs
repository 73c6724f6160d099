//! Layers that compute nothing of their own: nothing at all, another shape, or what a closure says.

use cresset_autograd::{Result, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{
    Layer, Module, entering,
    module::{See, SeeMut},
    print,
};

/// Gives what it is given: what stands where a layer was taken out.
#[derive(Module, Default)]
pub struct Identity {}

impl Identity {
    /// The identity.
    #[inline]
    pub fn new() -> Identity {
        Identity::default()
    }
}

impl Layer for Identity {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(Ok(x.clone()))
    }
}

/// Several dimensions as one: all but the batch unless said.
///
/// ```
/// use cresset_nn::prelude::*;
/// let y = Flatten::new().forward(&Tensor::zeros([8, 3, 4, 4]))?;
/// assert_eq!(y.shape(), &[8, 48]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct Flatten {
    start_dim: i64,
    end_dim: i64,
}

impl Default for Flatten {
    #[inline]
    fn default() -> Flatten {
        Flatten { start_dim: 1, end_dim: -1 }
    }
}

impl Flatten {
    /// From dimension 1 to the last.
    #[inline]
    pub fn new() -> Flatten {
        Flatten::default()
    }

    /// The first dimension of those that become one.
    #[inline]
    pub fn start_dim(self, start_dim: i64) -> Flatten {
        Flatten { start_dim, ..self }
    }

    /// The last dimension of those that become one.
    #[inline]
    pub fn end_dim(self, end_dim: i64) -> Flatten {
        Flatten { end_dim, ..self }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("start_dim={}, end_dim={}", self.start_dim, self.end_dim)
    }
}

impl Layer for Flatten {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.flatten_dims(self.start_dim, self.end_dim))
    }
}

/// One dimension as several: the inverse of [`Flatten`]. One size may be `-1`, which is what remains.
#[derive(Module)]
#[module(extra)]
pub struct Unflatten {
    dim: i64,
    unflattened_size: Sizes,
}

impl Unflatten {
    /// Dimension `dim` as several of these sizes.
    pub fn new(dim: i64, unflattened_size: impl Into<Sizes>) -> Unflatten {
        Unflatten { dim, unflattened_size: unflattened_size.into() }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("dim={}, unflattened_size={}", self.dim, print::tuple(&self.unflattened_size))
    }
}

impl Layer for Unflatten {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.unflatten(self.dim, self.unflattened_size.clone()))
    }
}

/// A closure as a layer. It has no parameters; what has is a struct with `#[derive(Module)]`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let net = sequential![Linear::new(4, 6), Lambda::new(|x| x.reshape([-1, 2, 3])), Flatten::new()];
/// assert_eq!(net.forward(&Tensor::zeros([5, 4]))?.shape(), &[5, 6]);
/// # Ok::<(), Error>(())
/// ```
pub struct Lambda<F> {
    function: F,
}

impl<F: Fn(&Tensor) -> Result<Tensor> + Send + Sync> Lambda<F> {
    /// A layer that calls it.
    pub fn new(function: F) -> Lambda<F> {
        Lambda { function }
    }
}

impl<F: Send + Sync> Module for Lambda<F> {
    fn parts<'a>(&'a self, _: See<'_, 'a>) {}

    fn parts_mut<'a>(&'a mut self, _: SeeMut<'_, 'a>) {}

    fn kind(&self) -> &str {
        "Lambda"
    }
}

impl<F: Fn(&Tensor) -> Result<Tensor> + Send + Sync> Layer for Lambda<F> {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives((self.function)(x))
    }
}

impl<F: Send + Sync> std::fmt::Debug for Lambda<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lambda()")
    }
}
