//! Losses of classes: scores, logits or probabilities against indices or probabilities.

use cresset_autograd::{Result, Shape, Tensor};
use cresset_ops::methods::{CrossEntropyOptions, LinearCrossEntropyOptions, LossReduction, prelude::*};

use super::tensor;
use crate::{
    Buffer, Linear, Module, Parameter,
    print::{float, maybe, truth, tuple},
};

/// The mean of `-log softmax(x)[target]`, of logits `[n, c, …]` and class indices `[n, …]`, or class probabilities of the
/// logits' shape.
///
/// ```
/// use cresset_nn::prelude::*;
/// let loss = CrossEntropyLoss::new().label_smoothing(0.1);
/// let loss = loss.forward(&Tensor::zeros([4, 10]), &Tensor::new([3i64, 1, 4, 1]))?;
/// assert!((loss.item::<f32>()? - 10f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct CrossEntropyLoss {
    /// A weight for each class.
    pub weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
    ignore_index: i64,
    label_smoothing: f64,
}

impl CrossEntropyLoss {
    /// The mean over all targets but those of index -100.
    #[inline]
    pub fn new() -> CrossEntropyLoss {
        CrossEntropyLoss {
            weight: None,
            reduction: LossReduction::Mean,
            ignore_index: -100,
            label_smoothing: 0.0,
        }
    }

    /// A weight for each class, by which the mean is weighted too.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> CrossEntropyLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// Targets of this index count as if they were not there: -100, unless set.
    #[inline]
    pub fn ignore_index(mut self, ignore_index: i64) -> CrossEntropyLoss {
        self.ignore_index = ignore_index;
        self
    }

    /// How much of each target is spread evenly over all classes: nothing, unless set.
    #[inline]
    pub fn label_smoothing(mut self, label_smoothing: f64) -> CrossEntropyLoss {
        self.label_smoothing = label_smoothing;
        self
    }

    /// How unlikely the logits make the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let CrossEntropyLoss { reduction, ignore_index, label_smoothing, .. } = *self;
        let weight = tensor(&self.weight);
        input.cross_entropy_with(
            target,
            CrossEntropyOptions { weight, ignore_index, reduction, label_smoothing },
        )
    }
}

/// The mean of `-x[target]`, of log probabilities `[n, c, …]` and class indices `[n, …]`.
#[derive(Module)]
#[module(name = "NLLLoss")]
pub struct NllLoss {
    /// A weight for each class.
    pub weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
    ignore_index: i64,
}

impl NllLoss {
    /// The mean over all targets but those of index -100.
    #[inline]
    pub fn new() -> NllLoss {
        NllLoss { weight: None, reduction: LossReduction::Mean, ignore_index: -100 }
    }

    /// A weight for each class, by which the mean is weighted too.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> NllLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// Targets of this index count as if they were not there: -100, unless set.
    #[inline]
    pub fn ignore_index(mut self, ignore_index: i64) -> NllLoss {
        self.ignore_index = ignore_index;
        self
    }

    /// How unlikely the target is.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.nll_loss_with(target, tensor(&self.weight), self.ignore_index, self.reduction)
    }
}

/// The mean over all elements of `t·(log t - x)`, of log probabilities and probabilities. The divergence as it is defined
/// is the [`batchmean`](KlDivLoss::batchmean).
///
/// ```
/// use cresset_nn::prelude::*;
/// let (x, target) = (Tensor::new([[0.5, 0.5]]).log()?, Tensor::new([[1.0, 0.0]]));
/// let loss = KlDivLoss::new().batchmean().forward(&x, &target)?;
/// assert!((loss.item::<f64>()? - 2f64.ln()).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "KLDivLoss")]
pub struct KlDivLoss {
    pub(super) reduction: LossReduction,
    batchmean: bool,
    log_target: bool,
}

impl KlDivLoss {
    /// The mean over all elements.
    #[inline]
    pub fn new() -> KlDivLoss {
        KlDivLoss { reduction: LossReduction::Mean, batchmean: false, log_target: false }
    }

    /// The sum divided by the size of the first dimension, whatever the reduction: PyTorch's `reduction="batchmean"`.
    #[inline]
    pub fn batchmean(mut self) -> KlDivLoss {
        self.batchmean = true;
        self
    }

    /// Whether the target is the logarithm of the probabilities: not, unless set.
    #[inline]
    pub fn log_target(mut self, log_target: bool) -> KlDivLoss {
        self.log_target = log_target;
        self
    }

    /// How far the distribution is from the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        if self.batchmean {
            return input.kl_div_batchmean(target, self.log_target);
        }
        input.kl_div_with(target, self.log_target, self.reduction)
    }
}

/// The mean of `-(t·log x + (1 - t)·log(1 - x))`, of probabilities.
#[derive(Module)]
#[module(name = "BCELoss")]
pub struct BceLoss {
    /// A weight that broadcasts over the input.
    pub weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
}

impl BceLoss {
    /// The mean.
    #[inline]
    pub fn new() -> BceLoss {
        BceLoss { weight: None, reduction: LossReduction::Mean }
    }

    /// A weight that broadcasts over the input.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> BceLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// How unlikely the target is.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.binary_cross_entropy_with(target, tensor(&self.weight), self.reduction)
    }
}

/// The mean of `-(t·log σ(x) + (1 - t)·log(1 - σ(x)))`, right for logits of any size.
#[derive(Module)]
#[module(name = "BCEWithLogitsLoss")]
pub struct BceWithLogitsLoss {
    /// A weight that broadcasts over the input.
    pub weight: Option<Buffer>,
    /// A factor of positive targets.
    pub pos_weight: Option<Buffer>,
    pub(super) reduction: LossReduction,
}

impl BceWithLogitsLoss {
    /// The mean.
    #[inline]
    pub fn new() -> BceWithLogitsLoss {
        BceWithLogitsLoss { weight: None, pos_weight: None, reduction: LossReduction::Mean }
    }

    /// A weight that broadcasts over the input.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> BceWithLogitsLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// A factor of positive targets, which broadcasts over the input.
    #[inline]
    pub fn pos_weight(mut self, pos_weight: Tensor) -> BceWithLogitsLoss {
        self.pos_weight = Some(Buffer::new(pos_weight));
        self
    }

    /// How unlikely the logits make the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let (weight, positive) = (tensor(&self.weight), tensor(&self.pos_weight));
        input.binary_cross_entropy_with_logits_with(target, weight, positive, self.reduction)
    }
}

/// A linear map to logits and their cross-entropy: inputs `[n, in_features]`, class indices `[n, …]` or probabilities
/// `[n, num_classes, …]`, where `…` are [`out_features`](LinearCrossEntropyLoss::out_features).
#[derive(Module)]
#[module(extra)]
pub struct LinearCrossEntropyLoss {
    /// A weight for each class.
    pub weight: Option<Buffer>,
    /// To the logits, flat.
    pub linear: Linear,
    in_features: usize,
    num_classes: usize,
    #[module(skip)]
    out_features: Vec<usize>,
    pub(super) reduction: LossReduction,
    ignore_index: Option<i64>,
    label_smoothing: f64,
}

impl LinearCrossEntropyLoss {
    /// From `in_features` to one target of `num_classes`; the mean over all samples.
    #[track_caller]
    #[inline]
    pub fn new(in_features: usize, num_classes: usize) -> LinearCrossEntropyLoss {
        LinearCrossEntropyLoss {
            weight: None,
            linear: Linear::new(in_features, num_classes).bias(false),
            in_features,
            num_classes,
            out_features: Vec::new(),
            reduction: LossReduction::Mean,
            ignore_index: None,
            label_smoothing: 0.0,
        }
    }

    /// Each sample has targets in this shape: only one, unless set. Draws the linear map anew.
    #[track_caller]
    pub fn out_features(mut self, out_features: impl Into<Vec<usize>>) -> LinearCrossEntropyLoss {
        self.out_features = out_features.into();
        let rows = self.out_features.iter().try_fold(self.num_classes, |all, &size| all.checked_mul(size));
        let biased = self.linear.bias.is_some();
        self.linear = Linear::new(self.in_features, rows.unwrap_or(usize::MAX)).bias(biased);
        self
    }

    /// Whether something is added to the logits: not, unless set.
    #[track_caller]
    #[inline]
    pub fn bias(mut self, bias: bool) -> LinearCrossEntropyLoss {
        self.linear = self.linear.bias(bias);
        self
    }

    /// A weight for each class, by which the mean is weighted too.
    #[inline]
    pub fn weight(mut self, weight: Tensor) -> LinearCrossEntropyLoss {
        self.weight = Some(Buffer::new(weight));
        self
    }

    /// Targets of this index count as if they were not there: -100, unless set. For class indices alone.
    #[inline]
    pub fn ignore_index(mut self, ignore_index: i64) -> LinearCrossEntropyLoss {
        self.ignore_index = Some(ignore_index);
        self
    }

    /// How much of each target is spread evenly over all classes: nothing, unless set.
    #[inline]
    pub fn label_smoothing(mut self, label_smoothing: f64) -> LinearCrossEntropyLoss {
        self.label_smoothing = label_smoothing;
        self
    }

    /// How unlikely the logits of the input make the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let mut shape = Shape::from_slice(&[self.num_classes]);
        self.out_features.iter().for_each(|&size| shape.push(size));
        let bias = self.linear.bias.as_ref().map(Parameter::get).transpose()?;
        let bias = bias.map(|bias| bias.reshape(&shape)).transpose()?;
        shape.push(self.in_features);
        let weight = self.linear.weight.get()?.reshape(&shape)?;
        let options = LinearCrossEntropyOptions {
            linear_bias: bias.as_ref(),
            weight: tensor(&self.weight),
            reduction: self.reduction,
            ignore_index: self.ignore_index,
            label_smoothing: self.label_smoothing,
        };
        input.linear_cross_entropy_with(&weight, target, options)
    }

    #[inline]
    fn extra(&self) -> String {
        let LinearCrossEntropyLoss { in_features, num_classes, out_features, .. } = self;
        format!(
            "in_features={in_features}, num_classes={num_classes}, out_features={}, bias={}, reduction={}, \
             ignore_index={}, label_smoothing={}, options=None",
            tuple(out_features),
            truth(self.linear.bias.is_some()),
            match self.reduction {
                LossReduction::None => "none",
                LossReduction::Mean => "mean",
                LossReduction::Sum => "sum",
            },
            maybe(self.ignore_index, |index| index.to_string()),
            float(self.label_smoothing),
        )
    }
}
