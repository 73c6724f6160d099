//! Losses of vectors that should lie close together or far apart.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::{LossReduction, TripletMarginOptions, prelude::*};

use crate::{Module, PairwiseDistance};

/// The mean of `max(0, margin - t·(a - b))`: the target is 1 where `a` should rank above `b`, -1 where below.
#[derive(Module)]
pub struct MarginRankingLoss {
    pub(super) reduction: LossReduction,
    margin: f64,
}

impl MarginRankingLoss {
    /// The mean, with margin 0.
    #[inline]
    pub fn new() -> MarginRankingLoss {
        MarginRankingLoss { reduction: LossReduction::Mean, margin: 0.0 }
    }

    /// How far apart they should be: 0, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> MarginRankingLoss {
        self.margin = margin;
        self
    }

    /// How far the two are from ranking as the target says.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input1: &Tensor, input2: &Tensor, target: &Tensor) -> Result<Tensor> {
        input1.margin_ranking_loss_with(input2, target, self.margin, self.reduction)
    }
}

/// The mean of `x` where the target is 1, and `max(0, margin - x)` where it is -1: of distances.
#[derive(Module)]
pub struct HingeEmbeddingLoss {
    pub(super) reduction: LossReduction,
    margin: f64,
}

impl HingeEmbeddingLoss {
    /// The mean, with margin 1.
    #[inline]
    pub fn new() -> HingeEmbeddingLoss {
        HingeEmbeddingLoss { reduction: LossReduction::Mean, margin: 1.0 }
    }

    /// How far apart those should be that do not belong together: 1, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> HingeEmbeddingLoss {
        self.margin = margin;
        self
    }

    /// How far the distances are from what the target says.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.hinge_embedding_loss_with(target, self.margin, self.reduction)
    }
}

/// The mean of `1 - cos(a, b)` where the target is 1, and `max(0, cos(a, b) - margin)` where it is -1. Vectors are the
/// last dimension.
#[derive(Module)]
pub struct CosineEmbeddingLoss {
    pub(super) reduction: LossReduction,
    margin: f64,
}

impl CosineEmbeddingLoss {
    /// The mean, with margin 0.
    #[inline]
    pub fn new() -> CosineEmbeddingLoss {
        CosineEmbeddingLoss { reduction: LossReduction::Mean, margin: 0.0 }
    }

    /// How large a cosine may be where vectors do not belong together: 0, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> CosineEmbeddingLoss {
        self.margin = margin;
        self
    }

    /// How far the vectors are from lying as the target says.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input1: &Tensor, input2: &Tensor, target: &Tensor) -> Result<Tensor> {
        input1.cosine_embedding_loss_with(input2, target, self.margin, self.reduction)
    }
}

/// The mean of `max(0, margin + d(a, p) - d(a, n))`, of anchors, positives and negatives; vectors are the last dimension,
/// `d` is the `p`-norm of their difference.
#[derive(Module)]
pub struct TripletMarginLoss {
    pub(super) reduction: LossReduction,
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
}

impl TripletMarginLoss {
    /// The mean, with margin 1 and the Euclidean distance.
    #[inline]
    pub fn new() -> TripletMarginLoss {
        let TripletMarginOptions { margin, p, eps, swap, reduction } = TripletMarginOptions::default();
        TripletMarginLoss { reduction, margin, p, eps, swap }
    }

    /// How much farther than the positive the negative should be: 1, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> TripletMarginLoss {
        self.margin = margin;
        self
    }

    /// The `p` of the distance: 2, unless set.
    #[inline]
    pub fn p(mut self, p: f64) -> TripletMarginLoss {
        self.p = p;
        self
    }

    /// Added to every difference: 10⁻⁶, unless set.
    #[inline]
    pub fn eps(mut self, eps: f64) -> TripletMarginLoss {
        self.eps = eps;
        self
    }

    /// Whether the distance from the positive to the negative counts where it is smaller: not, unless set.
    #[inline]
    pub fn swap(mut self, swap: bool) -> TripletMarginLoss {
        self.swap = swap;
        self
    }

    /// How far the negatives are from being farther away than the positives.
    #[track_caller]
    #[inline]
    pub fn forward(&self, anchor: &Tensor, positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
        let TripletMarginLoss { reduction, margin, p, eps, swap } = *self;
        let options = TripletMarginOptions { margin, p, eps, swap, reduction };
        anchor.triplet_margin_loss_with(positive, negative, options)
    }
}

type Distance = dyn Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync;

/// [`TripletMarginLoss`] with any distance.
///
/// ```
/// use cresset_nn::prelude::*;
/// let cosine = |a: &Tensor, b: &Tensor| a.cosine_similarity(b, -1, 1e-8)?.neg()?.add(1.0);
/// let loss = TripletMarginWithDistanceLoss::new().distance_function(cosine).margin(0.5);
/// let (anchor, positive, negative) = (Tensor::new([[1.0, 0.0]]), Tensor::new([[2.0, 0.0]]), Tensor::new([[0.0, 3.0]]));
/// assert_eq!(loss.forward(&anchor, &positive, &negative)?.item::<f64>()?, 0.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct TripletMarginWithDistanceLoss {
    /// Where no function was given.
    distance_function: Option<PairwiseDistance>,
    #[module(skip)]
    function: Option<Box<Distance>>,
    pub(super) reduction: LossReduction,
    margin: f64,
    swap: bool,
}

impl TripletMarginWithDistanceLoss {
    /// The mean, with margin 1 and [`PairwiseDistance`].
    #[inline]
    pub fn new() -> TripletMarginWithDistanceLoss {
        TripletMarginWithDistanceLoss {
            distance_function: Some(PairwiseDistance::new()),
            function: None,
            reduction: LossReduction::Mean,
            margin: 1.0,
            swap: false,
        }
    }

    /// The distance of two lists of vectors. What it has of parameters is no part of this module.
    pub fn distance_function(
        mut self,
        function: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
    ) -> TripletMarginWithDistanceLoss {
        self.distance_function = None;
        self.function = Some(Box::new(function));
        self
    }

    /// How much farther than the positive the negative should be: 1, unless set.
    #[inline]
    pub fn margin(mut self, margin: f64) -> TripletMarginWithDistanceLoss {
        self.margin = margin;
        self
    }

    /// Whether the distance from the positive to the negative counts where it is smaller: not, unless set.
    #[inline]
    pub fn swap(mut self, swap: bool) -> TripletMarginWithDistanceLoss {
        self.swap = swap;
        self
    }

    /// How far the negatives are from being farther away than the positives.
    #[track_caller]
    #[inline]
    pub fn forward(&self, anchor: &Tensor, positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
        let own = PairwiseDistance::new();
        let distance = |a: &Tensor, b: &Tensor| match (&self.function, &self.distance_function) {
            (Some(function), _) => function(a, b),
            (None, Some(distance)) => distance.forward(a, b),
            (None, None) => own.forward(a, b),
        };
        let TripletMarginWithDistanceLoss { reduction, margin, swap, .. } = *self;
        anchor.triplet_margin_with_distance_loss(positive, negative, distance, margin, swap, reduction)
    }
}
