//! Losses of sequences.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::{LossReduction, prelude::*};

use crate::Module;

/// Connectionist temporal classification: `-log Σ Π p` over all ways to spread each target in time with blanks between.
///
/// ```
/// use cresset_nn::prelude::*;
/// // Two steps, one sample, three classes: "1" as 11, 1- or -1.
/// let even = Tensor::full([2, 1, 3], 1.0 / 3.0).log()?;
/// let loss = CtcLoss::new().forward(&even, &Tensor::new([[1i64]]), &[2], &[1])?;
/// assert!((loss.item::<f32>()? - 3f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "CTCLoss")]
pub struct CtcLoss {
    pub(super) reduction: LossReduction,
    blank: usize,
    zero_infinity: bool,
}

impl CtcLoss {
    /// The mean of the losses divided by the targets' lengths; class 0 is blank.
    #[inline]
    pub fn new() -> CtcLoss {
        CtcLoss { reduction: LossReduction::Mean, blank: 0, zero_infinity: false }
    }

    /// Which class is blank: 0, unless set.
    #[inline]
    pub fn blank(mut self, blank: usize) -> CtcLoss {
        self.blank = blank;
        self
    }

    /// Whether the loss of a target that does not fit its input is zero instead of infinite: not, unless set.
    #[inline]
    pub fn zero_infinity(mut self, zero_infinity: bool) -> CtcLoss {
        self.zero_infinity = zero_infinity;
        self
    }

    /// How unlikely the targets are, of log probabilities `[t, n, c]` (or `[t, c]`) and targets `[n, s]` or one after
    /// another.
    #[track_caller]
    #[inline]
    pub fn forward(
        &self,
        log_probs: &Tensor,
        targets: &Tensor,
        input_lengths: &[usize],
        target_lengths: &[usize],
    ) -> Result<Tensor> {
        let CtcLoss { reduction, blank, zero_infinity } = *self;
        log_probs.ctc_loss_with(targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
    }
}
