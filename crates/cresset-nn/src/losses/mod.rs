//! Losses as modules: what PyTorch's have as keywords is set by methods of those names. What they compute is in the
//! methods of `cresset-ops`, by theme as here.

mod adaptive;
mod classification;
mod embedding;
mod margin;
mod regression;
mod sequence;

pub use adaptive::AdaptiveLogSoftmaxWithLoss;
pub use classification::{
    BceLoss, BceWithLogitsLoss, CrossEntropyLoss, KlDivLoss, LinearCrossEntropyLoss, NllLoss,
};
pub use cresset_ops::methods::LossReduction;
pub use embedding::{
    CosineEmbeddingLoss, HingeEmbeddingLoss, MarginRankingLoss, TripletMarginLoss,
    TripletMarginWithDistanceLoss,
};
pub use margin::{MultiLabelMarginLoss, MultiLabelSoftMarginLoss, MultiMarginLoss, SoftMarginLoss};
pub use regression::{GaussianNllLoss, HuberLoss, L1Loss, MseLoss, PoissonNllLoss, SmoothL1Loss};
pub use sequence::CtcLoss;

use crate::Buffer;
use cresset_autograd::Tensor;

/// What all losses have in common.
macro_rules! losses {
    ($($loss:ident)*) => {$(
        impl $loss {
            /// What becomes of the losses of the elements: their mean, unless set.
            #[inline]
            pub fn reduction(mut self, reduction: LossReduction) -> $loss {
                self.reduction = reduction;
                self
            }
        }
    )*};
}

losses! {
    L1Loss MseLoss SmoothL1Loss HuberLoss PoissonNllLoss GaussianNllLoss
    CrossEntropyLoss NllLoss KlDivLoss BceLoss BceWithLogitsLoss LinearCrossEntropyLoss
    MarginRankingLoss HingeEmbeddingLoss CosineEmbeddingLoss TripletMarginLoss TripletMarginWithDistanceLoss
    MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss SoftMarginLoss CtcLoss
}

/// Those whose constructor takes nothing.
macro_rules! defaults {
    ($($loss:ident)*) => {$(
        impl Default for $loss {
            #[inline]
            fn default() -> $loss {
                $loss::new()
            }
        }
    )*};
}

defaults! {
    L1Loss MseLoss SmoothL1Loss HuberLoss PoissonNllLoss GaussianNllLoss
    CrossEntropyLoss NllLoss KlDivLoss BceLoss BceWithLogitsLoss
    MarginRankingLoss HingeEmbeddingLoss CosineEmbeddingLoss TripletMarginLoss TripletMarginWithDistanceLoss
    MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss SoftMarginLoss CtcLoss
}

/// A weight as the methods take it.
#[inline]
fn tensor(weight: &Option<Buffer>) -> Option<&Tensor> {
    weight.as_deref()
}
