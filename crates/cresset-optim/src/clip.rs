//! Gradient clipping: by the norm of all gradients together, and by value.

use std::borrow::Borrow;

use cresset_autograd::{Apply, Array, Device, Error, Result, Tensor};
use cresset_ops::prelude::*;

/// How gradients are clipped by their norm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClipOptions {
    /// The `p` of the norm, `∞` included.
    pub norm_type: f64,
    /// Refuses a norm that is infinite or NaN, rather than spreading it.
    pub error_if_nonfinite: bool,
}

impl Default for ClipOptions {
    #[inline]
    fn default() -> ClipOptions {
        ClipOptions { norm_type: 2.0, error_if_nonfinite: false }
    }
}

/// The norm of the elements of all tensors together, as if they were one vector: PyTorch's `get_total_norm`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::get_total_norm;
/// assert_eq!(get_total_norm([Tensor::new([3.0]), Tensor::new([[4.0]])], 2.0)?, 5.0);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn get_total_norm<T: IntoIterator<Item: Borrow<Tensor>>>(tensors: T, norm_type: f64) -> Result<f64> {
    if norm_type.is_nan() {
        return Err(Error::argument("get_total_norm", "norm_type must be a number or an infinity, not NaN"));
    }
    let mut norms = Vec::new();
    for tensor in tensors {
        let array = tensor.borrow().array();
        // Nothing has no largest element, and adds nothing to a sum.
        if array.numel() > 0 {
            norms.push(array.norm_dim(norm_type, .., false)?);
        }
    }
    if norms.is_empty() {
        return Ok(0.0);
    }
    let count = norms.len();
    Array::from_vec(together(&norms)?, count)?.norm_dim(norm_type, .., false)?.item()
}

/// Numbers without dimensions. Those on a card are brought here at once: to wait for one takes longer than to compute all.
#[inline]
fn together(norms: &[Array]) -> Result<Vec<f64>> {
    let alike = |x: &Array| (x.device(), x.dtype()) == (norms[0].device(), norms[0].dtype());
    if norms[0].device() != Device::Cpu && norms.iter().all(alike) {
        return Array::stack(norms, 0)?.to_f64s();
    }
    norms.iter().map(Array::item).collect()
}

/// Scales all gradients down together so that their norm is at most `max_norm`; returns the norm they had.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::clip_grad_norm_;
/// let w = Tensor::new([3.0, 4.0]).requires_grad();
/// w.square()?.sum()?.backward()?; // [6, 8]
/// assert_eq!(clip_grad_norm_([&w], 5.0)?, 10.0);
/// assert!((w.grad()? - Tensor::new([3.0, 4.0])).abs()?.max()?.item::<f64>()? < 1e-5);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn clip_grad_norm_<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P, max_norm: f64) -> Result<f64> {
    clip_grad_norm_with(parameters, max_norm, ClipOptions::default())
}

/// As [`clip_grad_norm_`], with PyTorch's other arguments.
#[track_caller]
pub fn clip_grad_norm_with<P: IntoIterator<Item: Borrow<Tensor>>>(
    parameters: P,
    max_norm: f64,
    options: ClipOptions,
) -> Result<f64> {
    if max_norm.is_nan() || max_norm < 0.0 {
        return Err(Error::argument(
            "clip_grad_norm_",
            format!("max_norm must be at least 0, not {max_norm}"),
        ));
    }
    let gradients = gradients(parameters);
    let total = get_total_norm(&gradients, options.norm_type)?;
    if options.error_if_nonfinite && !total.is_finite() {
        return Err(Error::gradient(
            "clip_grad_norm_",
            format!(
                "the norm of the gradients is {total}; with error_if_nonfinite off it is spread to all of them"
            ),
        ));
    }
    let scale = max_norm / (total + 1e-6);
    // A norm that is NaN spreads, as in PyTorch.
    if scale.is_nan() || scale < 1.0 {
        for gradient in &gradients {
            gradient.array().mul_(scale)?;
        }
    }
    Ok(total)
}

/// Clips every element of every gradient to `−clip_value … clip_value`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::clip_grad_value_;
/// let w = Tensor::new([3.0, -0.125]).requires_grad();
/// w.square()?.sum()?.backward()?;
/// clip_grad_value_([&w], 1.0)?;
/// assert_eq!(w.grad()?.to_vec::<f64>()?, [1.0, -0.25]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn clip_grad_value_<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P, clip_value: f64) -> Result<()> {
    if clip_value.is_nan() || clip_value < 0.0 {
        let message = format!("clip_value must be at least 0, not {clip_value}");
        return Err(Error::argument("clip_grad_value_", message));
    }
    for gradient in gradients(parameters) {
        let array = gradient.array();
        Array::formulas_into(&[array], &[clip_value.into()], &[array], |x, n| {
            [x[0].minimum(n[0]).maximum(-n[0])]
        })?;
    }
    Ok(())
}

/// The gradients there are.
fn gradients<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P) -> Vec<Tensor> {
    parameters.into_iter().filter_map(|parameter| parameter.borrow().maybe_grad()).collect()
}
