//! Losses of vectors that should lie close together or far apart.

use cresset_tensor::{Error, Result};

use super::{LossReduction, reduced};
use crate::{
    Apply, Expr,
    methods::{Distances, fused::sum_formula},
    select,
};

/// Arguments of [`EmbeddingLosses::triplet_margin_loss_with`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct TripletMarginOptions {
    /// How much farther than the positive the negative should be.
    pub margin: f64,
    /// The `p` of the distance.
    pub p: f64,
    /// Added to every difference.
    pub eps: f64,
    /// Whether the distance from the positive to the negative counts where it is smaller.
    pub swap: bool,
    /// What becomes of the losses of the elements.
    pub reduction: LossReduction,
}

impl Default for TripletMarginOptions {
    fn default() -> Self {
        TripletMarginOptions { margin: 1.0, p: 2.0, eps: 1e-6, swap: false, reduction: LossReduction::Mean }
    }
}

/// Losses of vectors that should lie close together or far apart.
pub trait EmbeddingLosses: Apply {
    /// The mean of `x` where the target is 1, and `max(0, 1 - x)` where it is -1: of distances.
    #[track_caller]
    fn hinge_embedding_loss(&self, target: &Self) -> Result<Self> {
        self.hinge_embedding_loss_with(target, 1.0, LossReduction::Mean)
    }

    /// [`hinge_embedding_loss`](Self::hinge_embedding_loss) with another margin than 1.
    #[track_caller]
    fn hinge_embedding_loss_with(
        &self,
        target: &Self,
        margin: f64,
        reduction: LossReduction,
    ) -> Result<Self> {
        reduced("hinge_embedding_loss", reduction, &[self, target], &[margin.into()], |x, n| {
            select(x[1].ne(1), (n[0] - x[0]).relu(), 0) + select(x[1].ne(-1), x[0], 0)
        })
    }

    /// The mean of `1 - cos(a, b)` where the target is 1, and `max(0, cos(a, b))` where it is -1. Vectors are the last
    /// dimension, the targets those before it.
    #[track_caller]
    fn cosine_embedding_loss(&self, input2: &Self, target: &Self) -> Result<Self> {
        self.cosine_embedding_loss_with(input2, target, 0.0, LossReduction::Mean)
    }

    /// [`cosine_embedding_loss`](Self::cosine_embedding_loss) with a margin subtracted from the cosine of the second case.
    #[track_caller]
    fn cosine_embedding_loss_with(
        &self,
        input2: &Self,
        target: &Self,
        margin: f64,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "cosine_embedding_loss";
        let rank = target.rank();
        if rank > 1 || self.rank() != rank + 1 || input2.rank() != rank + 1 {
            return Err(Error::shape(
                name,
                format!(
                    "the target must have no or one dimension, the inputs one more; got {}, {} and {}",
                    self.shape(),
                    input2.shape(),
                    target.shape()
                ),
            ));
        }
        let product = |a: &Self, b: &Self| sum_formula(&[a, b], &[], [rank], false, |x, _| x[0] * x[1]);
        let (both, one, two) = (product(self, input2)?, product(self, self)?, product(input2, input2)?);
        let cosine =
            Self::formula(&[&both, &one, &two], &[], |x, _| x[0] / ((x[1] + 1e-12) * (x[2] + 1e-12)).sqrt())?;
        reduced(name, reduction, &[&cosine, target], &[margin.into()], |x, n| {
            select(x[1].eq(1), 1 - x[0], 0) + select(x[1].eq(-1), (x[0] - n[0]).relu(), 0)
        })
    }

    /// The mean of `max(0, 1 + d(a, p) - d(a, n))` of anchors (this), positives and negatives; vectors are the last
    /// dimension.
    #[track_caller]
    fn triplet_margin_loss(&self, positive: &Self, negative: &Self) -> Result<Self> {
        self.triplet_margin_loss_with(positive, negative, TripletMarginOptions::default())
    }

    /// [`triplet_margin_loss`](Self::triplet_margin_loss) with all arguments.
    #[track_caller]
    fn triplet_margin_loss_with(
        &self,
        positive: &Self,
        negative: &Self,
        options: TripletMarginOptions,
    ) -> Result<Self> {
        let TripletMarginOptions { margin, p, eps, swap, reduction } = options;
        if self.rank() == 0 {
            return Err(Error::shape("triplet_margin_loss", "single numbers are no vectors"));
        }
        let distance = |a: &Self, b: &Self| a.pairwise_distance(b, p, eps, false);
        self.triplet_margin_with_distance_loss(positive, negative, distance, margin, swap, reduction)
    }

    /// [`triplet_margin_loss`](Self::triplet_margin_loss) with any distance.
    #[track_caller]
    fn triplet_margin_with_distance_loss(
        &self,
        positive: &Self,
        negative: &Self,
        distance: impl Fn(&Self, &Self) -> Result<Self>,
        margin: f64,
        swap: bool,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "triplet_margin_loss";
        if margin.is_nan() || margin <= 0.0 {
            return Err(Error::argument(name, format!("the margin must be positive, not {margin}")));
        }
        if self.rank() != positive.rank() || self.rank() != negative.rank() {
            return Err(Error::shape(
                name,
                format!(
                    "anchor, positive and negative must have as many dimensions as each other: {}, {} and {}",
                    self.shape(),
                    positive.shape(),
                    negative.shape()
                ),
            ));
        }
        let (near, far) = (distance(self, positive)?, distance(self, negative)?);
        fn loss(near: Expr, far: Expr, margin: Expr) -> Expr {
            (margin + near - far).relu()
        }
        if !swap {
            return reduced(name, reduction, &[&near, &far], &[margin.into()], |x, n| loss(x[0], x[1], n[0]));
        }
        let other = distance(positive, negative)?;
        reduced(name, reduction, &[&near, &far, &other], &[margin.into()], |x, n| {
            loss(x[0], x[1].minimum(x[2]), n[0])
        })
    }

    /// The mean of `max(0, -t·(a - b))`: the target is 1 where `a` (this) should rank above `b`, -1 where below.
    #[track_caller]
    fn margin_ranking_loss(&self, input2: &Self, target: &Self) -> Result<Self> {
        self.margin_ranking_loss_with(input2, target, 0.0, LossReduction::Mean)
    }

    /// [`margin_ranking_loss`](Self::margin_ranking_loss) with a margin to be kept.
    #[track_caller]
    fn margin_ranking_loss_with(
        &self,
        input2: &Self,
        target: &Self,
        margin: f64,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "margin_ranking_loss";
        if self.rank() != input2.rank() || self.rank() != target.rank() {
            return Err(Error::shape(
                name,
                format!(
                    "inputs and target must have as many dimensions as each other: {}, {} and {}",
                    self.shape(),
                    input2.shape(),
                    target.shape()
                ),
            ));
        }
        reduced(name, reduction, &[self, input2, target], &[margin.into()], |x, n| {
            (n[0] - x[2] * (x[0] - x[1])).relu()
        })
    }
}

impl<T: Apply> EmbeddingLosses for T {}
