//! What gradients are computed with on the way back: arrays, or tensors where gradients are to have gradients.

use std::sync::Arc;

use cresset_ops::{Apply, Array, Result};
use smallvec::SmallVec;

use crate::{
    Tensor,
    history::Node,
    mode,
    rules::{Context, Gradients},
};

/// What says the gradients of an operation's inputs, over tensors.
pub(crate) type Rule = fn(&Context<Tensor>, &[Option<Tensor>]) -> Result<Gradients<Tensor>>;

/// What gradients are computed with: arrays, or tensors where the gradients are to have gradients.
pub(crate) trait Carrier: Apply {
    /// Of a saved input.
    fn of_tensor(tensor: &Tensor) -> Self;
    /// Of a saved output of a node.
    fn of_output(array: &Array, node: &Arc<Node>, output: usize) -> Self;
    /// As a tensor.
    fn to_tensor(&self) -> Tensor;
    /// Whether what is computed with it is recorded.
    const RECORDS: bool;
    /// The gradients that a rule gives which is compiled for tensors alone.
    fn over_tensors(context: &Context<Self>, dys: &[Option<Self>], rule: Rule) -> Result<Gradients<Self>>;
}

impl Carrier for Array {
    fn of_tensor(tensor: &Tensor) -> Array {
        tensor.array_ref().clone()
    }
    fn of_output(array: &Array, _: &Arc<Node>, _: usize) -> Array {
        array.clone()
    }
    fn to_tensor(&self) -> Tensor {
        Tensor::constant(self.clone())
    }
    const RECORDS: bool = false;
    fn over_tensors(context: &Context<Array>, dys: &[Option<Array>], rule: Rule) -> Result<Gradients<Array>> {
        let tensors = |arrays: &[Option<Array>]| -> SmallVec<[Option<Tensor>; 2]> {
            arrays.iter().map(|array| array.clone().map(Tensor::constant)).collect()
        };
        let (inputs, outputs, dys) = (tensors(context.inputs), tensors(context.outputs), tensors(dys));
        let &Context { op, edges, output_metas, wanted, .. } = context;
        let context = Context { op, inputs: &inputs, outputs: &outputs, edges, output_metas, wanted };
        // The driver looks for what is not finite where a rule is done.
        let gradients = mode::with(|mode| mode.anomaly = false, || rule(&context, &dys))?;
        Ok(gradients.into_iter().map(|dx| dx.map(|dx| dx.array_ref().clone())).collect())
    }
}

impl Carrier for Tensor {
    fn of_tensor(tensor: &Tensor) -> Tensor {
        tensor.clone()
    }
    fn of_output(array: &Array, node: &Arc<Node>, output: usize) -> Tensor {
        if array.dtype().is_float() {
            Tensor::computed(array.clone(), node, output)
        } else {
            Tensor::constant(array.clone())
        }
    }
    fn to_tensor(&self) -> Tensor {
        self.clone()
    }
    const RECORDS: bool = true;
    fn over_tensors(
        context: &Context<Tensor>,
        dys: &[Option<Tensor>],
        rule: Rule,
    ) -> Result<Gradients<Tensor>> {
        rule(context, dys)
    }
}
