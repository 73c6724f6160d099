//! Losses of scores that should exceed others by a margin.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::{LossReduction, MultiMarginOptions, prelude::*};

use super::tensor;
use crate::{Buffer, Module};

/// The mean over all samples of `Σ max(0, 1 - x[t] + x[i])/c`, `t` all classes that the target lists (up to the first
/// -1), `i` all others.
#[derive(Module)]
pub struct MultiLabelMarginLoss {
    pub(super) reduction: LossReduction,
}

impl MultiLabelMarginLoss {
    /// The mean.
    #[inline]
    pub fn new() -> MultiLabelMarginLoss {
        MultiLabelMarginLoss { reduction: LossReduction::Mean }
    }

    /// How far the scores of the classes listed are from exceeding the others.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.multilabel_margin_loss_with(target, self.reduction)
    }
}

/// The mean over all samples and classes of `-(t·log σ(x) + (1 - t)·log σ(-x))`.
#[derive(Module)]
pub struct MultiLabelSoftMarginLoss {
    /// A weight for each class.
    pub weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
}

impl MultiLabelSoftMarginLoss {
    /// The mean.
    #[inline]
    pub fn new() -> MultiLabelSoftMarginLoss {
        MultiLabelSoftMarginLoss { weight: None, reduction: LossReduction::Mean }
    }

    /// A weight for each class.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> MultiLabelSoftMarginLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// How unlikely the scores make the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.multilabel_soft_margin_loss_with(target, tensor(&self.weight), self.reduction)
    }
}

/// The mean over all samples of `Σ max(0, margin - x[t] + x[i])ᵖ/c`, `i` all classes but the target `t`.
#[derive(Module)]
pub struct MultiMarginLoss {
    /// A weight for each class.
    pub weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
    p: i64,
    margin: f64,
}

impl MultiMarginLoss {
    /// The mean, with `p` and margin 1.
    #[inline]
    pub fn new() -> MultiMarginLoss {
        MultiMarginLoss { weight: None, reduction: LossReduction::Mean, p: 1, margin: 1.0 }
    }

    /// The power of each shortfall, 1 or 2: 1, unless set.
    #[inline]
    pub fn p(mut self, p: i64) -> MultiMarginLoss {
        self.p = p;
        self
    }

    /// By how much the target's score should exceed the others: 1, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> MultiMarginLoss {
        self.margin = margin;
        self
    }

    /// A weight for each class.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> MultiMarginLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// How far the target's score is from exceeding the others.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let MultiMarginLoss { p, margin, reduction, .. } = *self;
        let weight = tensor(&self.weight);
        input.multi_margin_loss_with(target, MultiMarginOptions { p, margin, weight, reduction })
    }
}

/// The mean of `log(1 + e^(-t·x))`, targets being 1 and -1.
#[derive(Module)]
pub struct SoftMarginLoss {
    pub(super) reduction: LossReduction,
}

impl SoftMarginLoss {
    /// The mean.
    #[inline]
    pub fn new() -> SoftMarginLoss {
        SoftMarginLoss { reduction: LossReduction::Mean }
    }

    /// How far the scores are from having the signs of the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.soft_margin_loss_with(target, self.reduction)
    }
}
