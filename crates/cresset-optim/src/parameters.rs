//! What may be optimized: leaves, each once, at least one of which requires a gradient.

use std::{borrow::Borrow, collections::HashSet};

use cresset_autograd::{Apply, Error, Result, Tensor};

/// The parameters of a new group, unless something is wrong with them. `known` are those of the other groups.
#[track_caller]
pub(crate) fn accept<P: IntoIterator<Item: Borrow<Tensor>>>(
    method: &'static str,
    parameters: P,
    known: &HashSet<usize>,
) -> Result<Vec<Tensor>> {
    let parameters: Vec<Tensor> =
        parameters.into_iter().map(|parameter| parameter.borrow().clone()).collect();
    let mut seen = HashSet::new();
    for (i, parameter) in parameters.iter().enumerate() {
        let what = || format!("parameter {i} (shape {})", parameter.shape());
        if !parameter.is_leaf() {
            return Err(Error::gradient(
                method,
                format!(
                    "{} was computed by an operation, so changing it would not change what it was computed from; \
                     optimize that, or make a leaf of it with detach().requires_grad()",
                    what()
                ),
            ));
        }
        if known.contains(&parameter.id()) || !seen.insert(parameter.id()) {
            return Err(Error::argument(
                method,
                format!("{} was given before; a parameter may be in one group, once", what()),
            ));
        }
    }
    // Some may be frozen, as in PyTorch; if all are, nothing would ever change, and nothing would say so.
    if !parameters.is_empty() && !parameters.iter().any(Tensor::needs_grad) {
        return Err(Error::gradient(
            method,
            format!(
                "none of the {} parameters requires a gradient; call requires_grad() on those that are to be trained",
                parameters.len()
            ),
        ));
    }
    Ok(parameters)
}
