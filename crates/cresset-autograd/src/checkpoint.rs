//! Computing again in the backward pass what the forward pass did not keep: less memory for more time.

use std::sync::Arc;

use cresset_ops::{Error, Result};
use cresset_tensor::random::GeneratorState;

use crate::{Context, Function, Tensor, backward, enable_grad};

/// Runs `f` without keeping what lies between its inputs and outputs; the backward pass runs it again, with the random
/// numbers of the first time: PyTorch's `torch.utils.checkpoint`.
///
/// Tensors that `f` captures get gradients too, if they are leaves.
#[track_caller]
pub fn checkpoint<F>(f: F, inputs: &[&Tensor]) -> Result<Vec<Tensor>>
where
    F: Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
{
    Checkpoint { f: Arc::new(f), random: cresset_tensor::random::get_rng_state() }.apply(inputs)
}

struct Checkpoint<F> {
    f: Arc<F>,
    random: GeneratorState,
}

impl<F> Function for Checkpoint<F>
where
    F: Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
{
    fn forward(&self, context: &mut Context, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        context.save_for_backward(inputs);
        let inputs: Vec<Tensor> = inputs.iter().map(|x| (*x).clone()).collect();
        (self.f)(&inputs)
    }

    fn backward(&self, context: &Context, gradients: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let saved = context.saved_tensors()?;
        // The first run's random numbers, then back to where the stream is now.
        let entries: Vec<Tensor> = saved
            .iter()
            .zip(&context.needs_input_grad)
            .map(|(x, needed)| if *needed { x.detach().requires_grad() } else { x.detach() })
            .collect();
        let now = cresset_tensor::random::get_rng_state();
        cresset_tensor::random::set_rng_state(self.random);
        let outputs = enable_grad(|| (self.f)(&entries));
        cresset_tensor::random::set_rng_state(now);
        let outputs = outputs?;
        let pairs: Vec<(&Tensor, Option<&Tensor>)> = outputs
            .iter()
            .zip(gradients)
            .filter(|(y, dy)| dy.is_some() && y.needs_grad())
            .map(|(y, dy)| (y, dy.as_ref()))
            .collect();
        if pairs.is_empty() {
            return Ok(vec![None; entries.len()]);
        }
        if crate::is_grad_enabled() {
            return Err(Error::gradient(
                "checkpoint",
                "has a first derivative only; run the function itself where create_graph is wanted",
            ));
        }
        let (ys, dys): (Vec<&Tensor>, Vec<Option<&Tensor>>) = pairs.into_iter().unzip();
        backward::backward(&ys, &dys, false, false)?;
        Ok(entries.iter().map(Tensor::maybe_grad).collect())
    }

    fn name(&self) -> &'static str {
        "checkpoint"
    }
}
