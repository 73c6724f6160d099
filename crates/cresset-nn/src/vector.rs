//! Parameters as one vector, and back.

use cresset_autograd::{Apply, Error, Result, Tensor, no_grad};
use cresset_ops::methods::prelude::*;

/// All parameters one after the other, as one vector. Gradients flow through it.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = Linear::new(3, 2);
/// let vector = parameters_to_vector(&layer.parameters())?;
/// assert_eq!(vector.shape(), &[8]);
/// vector_to_parameters(&vector.mul(2.0)?, &layer.parameters())?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn parameters_to_vector(parameters: &[Tensor]) -> Result<Tensor> {
    let flat: Vec<Tensor> =
        parameters.iter().map(|parameter| parameter.reshape(-1)).collect::<Result<_>>()?;
    Tensor::cat(&flat, 0)
}

/// Writes a vector into parameters, one after the other. It must be as long as all of them.
#[track_caller]
#[inline]
pub fn vector_to_parameters(vector: &Tensor, parameters: &[Tensor]) -> Result<()> {
    let name = "vector_to_parameters";
    let total: usize = parameters.iter().map(Tensor::numel).sum();
    if vector.rank() != 1 || vector.numel() != total {
        let why = format!(
            "needs a vector of {total} numbers, as many as the parameters have, not {}",
            vector.shape()
        );
        return Err(Error::shape(name, why));
    }
    let mut start = 0;
    for parameter in parameters {
        let length = parameter.numel() as i64;
        let part = vector.detach().narrow(0, start, length)?.reshape(parameter.shape())?;
        no_grad(|| parameter.copy_(&part).map(drop))?;
        start += length;
    }
    Ok(())
}
