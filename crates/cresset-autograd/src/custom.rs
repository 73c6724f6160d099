//! Functions with a backward of the user's own.

use cresset_tensor::Listed;
use std::sync::{Arc, Mutex};

use cresset_ops::{Apply, Array, Error, Outputs, Result};
use smallvec::SmallVec;

use crate::{
    Tensor,
    history::{History, Kind, Meta, Needed, Node, Watches, lock, next_sequence},
    mode::mode,
    no_grad,
    recording::{edges, takes_gradient},
    rules::Some64,
};

/// What a [`Function`] keeps from its forward for its backward.
#[derive(Default)]
pub struct Context {
    saved: Vec<(Tensor, u64)>,
    /// For which inputs a gradient is asked.
    pub needs_input_grad: Vec<bool>,
}

impl Context {
    /// Keeps tensors for the backward, which refuses them if they are overwritten meanwhile.
    pub fn save_for_backward(&mut self, tensors: &[&Tensor]) {
        self.saved = tensors.iter().map(|x| ((*x).clone(), x.array_ref().storage().version())).collect();
    }

    /// What was kept.
    #[track_caller]
    pub fn saved_tensors(&self) -> Result<Vec<Tensor>> {
        self.saved
            .iter()
            .map(|(x, version)| {
                if x.array_ref().storage().version() == *version {
                    Ok(x.clone())
                } else {
                    Err(Error::gradient(
                        "custom function",
                        "a tensor saved for backward was overwritten in place",
                    ))
                }
            })
            .collect()
    }
}

/// An operation with a derivative of your own: PyTorch's `torch.autograd.Function`.
///
/// ```
/// use cresset_autograd::{Context, Function, prelude::*};
/// /// The identity, whose gradient is reversed.
/// struct Reverse;
/// impl Function for Reverse {
///     fn forward(&self, _: &mut Context, x: &[&Tensor]) -> Result<Vec<Tensor>> {
///         Ok(vec![x[0].mul(1.0)?])
///     }
///     fn backward(&self, _: &Context, dy: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
///         Ok(vec![dy[0].as_ref().map(|dy| dy.neg()).transpose()?])
///     }
/// }
/// let x = Tensor::new([1.0]).requires_grad();
/// Reverse.apply(&[&x])?[0].sum()?.backward()?;
/// assert_eq!(x.grad()?.item::<f64>()?, -1.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Function: Send + Sync + Sized + 'static {
    /// The outputs. Runs without recording.
    fn forward(&self, context: &mut Context, inputs: &[&Tensor]) -> Result<Vec<Tensor>>;

    /// The gradients of the inputs, given those of the outputs (`None` where there is none). What it computes by
    /// methods of tensors has derivatives itself.
    fn backward(&self, context: &Context, gradients: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>;

    /// Its name in messages.
    fn name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Runs forward, and records this function.
    #[track_caller]
    fn apply(self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let location = std::panic::Location::caller();
        let recorded = mode().recording && inputs.iter().any(|x| x.needs_grad());
        let wanted = inputs.iter().map(|x| takes_gradient(x)).collect();
        let mut context = Context { saved: Vec::new(), needs_input_grad: wanted };
        let outputs = no_grad(|| self.forward(&mut context, inputs))?;
        if !recorded || outputs.is_empty() {
            return Ok(outputs);
        }
        let arrays: Outputs<Array> = outputs.iter().map(|y| y.array_ref().clone()).listed();
        let node = Node {
            edges: edges(inputs, &Meta::of(&arrays[0])),
            sequence: next_sequence(),
            kind: Kind::Custom(Box::new(Recorded {
                function: self,
                context: Mutex::new(Some(Arc::new(context))),
            })),
            saved: Needed::nothing(),
            outputs: arrays.iter().map(Meta::of).collect(),
            location,
            watches: Watches::default(),
        }
        .shared();
        Ok(arrays
            .into_iter()
            .enumerate()
            .map(|(i, array)| {
                if array.dtype().is_float() {
                    Tensor::computed(array, &node, i)
                } else {
                    Tensor::constant(array)
                }
            })
            .collect())
    }
}

/// What the driver calls.
pub(crate) trait Backward: Send + Sync {
    fn name(&self) -> &'static str;
    fn backward(
        &self,
        node: &Node,
        gradients: &[Option<Tensor>],
        wanted: Some64,
        retain: bool,
    ) -> Result<SmallVec<[Option<Tensor>; 2]>>;
}

struct Recorded<F> {
    function: F,
    context: Mutex<Option<Arc<Context>>>,
}

impl<F: Function> Backward for Recorded<F> {
    fn name(&self) -> &'static str {
        self.function.name()
    }

    fn backward(
        &self,
        node: &Node,
        gradients: &[Option<Tensor>],
        wanted: Some64,
        retain: bool,
    ) -> Result<SmallVec<[Option<Tensor>; 2]>> {
        let context = {
            let mut place = lock(&self.context);
            let context = place.clone().ok_or_else(|| {
                Error::gradient(
                    self.name(),
                    "the graph was already used and freed; give retain_graph to the first pass",
                )
            })?;
            if !retain {
                *place = None;
            }
            context
        };
        let found = self.function.backward(&context, gradients)?;
        if found.len() != node.edges.len() {
            return Err(Error::gradient(
                self.name(),
                format!("backward returned {} gradients for {} inputs", found.len(), node.edges.len()),
            ));
        }
        for (i, gradient) in found.iter().enumerate() {
            let shape = node.input_meta(i).shape();
            if let Some(gradient) = gradient
                && gradient.shape().broadcast(shape).as_ref() != Some(gradient.shape())
            {
                return Err(Error::gradient(
                    self.name(),
                    format!("backward returned shape {} for input {i} of shape {shape}", gradient.shape()),
                ));
            }
        }
        let found = found.into_iter().enumerate();
        Ok(found.map(|(i, gradient)| gradient.filter(|_| wanted.contains(i))).collect())
    }
}

impl Tensor {
    /// A tensor of its own whose gradient goes on to this one's unchanged.
    pub(crate) fn alias(&self) -> Result<Tensor> {
        match self.history() {
            History::Constant => Ok(self.detach()),
            History::Leaf(_) | History::Computed(..) => {
                let shape = self.shape().clone();
                Tensor::apply_one(cresset_ops::Op::View(cresset_ops::view::View::Reshape(shape)), &[self])
            }
        }
    }
}
