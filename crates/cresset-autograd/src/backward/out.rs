//! Where gradients come out of a pass: shown to hooks, kept for outputs, added to leaves.

use std::sync::Arc;

use cresset_ops::{Apply, Error, Result, backend, methods::prelude::*};

use super::Carrier;
use crate::{
    Tensor,
    history::{Leaf, Node, Watch, lock},
    tensor::Hook,
};

/// Shows the gradients to those who watch.
pub fn watch<T: Carrier>(node: &Node, dys: &mut [Option<T>]) -> Result<()> {
    let Some(watches) = node.watches.any().map(|list| list.clone()) else { return Ok(()) };
    for (output, watch) in watches {
        let Some(dy) = dys[output].take() else { continue };
        dys[output] = Some(match watch {
            Watch::Hook(_, hook) => hooked(&[hook], dy)?,
            Watch::Keep(leaf) => {
                let mut place = lock(&leaf.gradient);
                let new = dy.to_tensor();
                *place = Some(match place.take() {
                    Some(old) => old.add(&new)?,
                    None => owned(new)?,
                });
                dy
            }
        });
    }
    Ok(())
}

/// What hooks make of a gradient, one after the other.
pub fn hooked<T: Carrier>(hooks: &[Hook], gradient: T) -> Result<T> {
    let mut gradient = gradient;
    for hook in hooks {
        if let Some(other) = hook(&gradient.to_tensor())? {
            if other.shape() != gradient.shape() {
                return Err(Error::gradient(
                    "register_hook",
                    format!(
                        "a hook returned shape {} for a gradient of shape {}",
                        other.shape(),
                        gradient.shape()
                    ),
                ));
            }
            gradient = T::of_tensor(&other);
        }
    }
    Ok(gradient)
}

/// A gradient nobody else holds: it may be written in place later.
fn owned(gradient: Tensor) -> Result<Tensor> {
    let array = gradient.array_ref();
    let alone = Arc::strong_count(array.storage()) == 1 && array.is_contiguous();
    if alone || gradient.needs_grad() {
        return Ok(gradient);
    }
    Ok(Tensor::constant(backend::contiguous(array)?))
}

/// Adds a gradient to a leaf, after its hooks.
pub fn collect<T: Carrier>(leaf: &Leaf, gradient: T) -> Result<()> {
    let hooks: Vec<Hook> = lock(&leaf.hooks).iter().map(|(_, hook)| hook.clone()).collect();
    let gradient = hooked(&hooks, gradient)?;
    let new = gradient.to_tensor();
    drop(gradient);
    let mut place = lock(&leaf.gradient);
    match place.as_ref() {
        None => *place = Some(owned(new)?),
        Some(old) if T::RECORDS || old.needs_grad() => *place = Some(old.add(&new)?),
        // Whoever holds the gradient sees it grow, as in PyTorch.
        Some(old) => {
            old.add_(&new)?;
        }
    }
    Ok(())
}
