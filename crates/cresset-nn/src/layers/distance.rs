//! Distances and angles of vectors.

use cresset_autograd::{Result, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Module, entering};

/// `x·y / (max(|x|, ε)·max(|y|, ε))` along a dimension.
///
/// ```
/// use cresset_nn::prelude::*;
/// let cosine = CosineSimilarity::new().dim(-1);
/// let cosine = cosine.forward(&Tensor::new([3.0, 4.0]), &Tensor::new([4.0, 3.0]))?;
/// assert!((cosine.item::<f64>()? - 0.96).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct CosineSimilarity {
    dim: i64,
    eps: f64,
}

impl CosineSimilarity {
    /// Along dimension 1.
    #[inline]
    pub fn new() -> CosineSimilarity {
        CosineSimilarity { dim: 1, eps: 1e-8 }
    }

    /// Along which dimension: 1, unless set.
    #[inline]
    pub fn dim(mut self, dim: i64) -> CosineSimilarity {
        self.dim = dim;
        self
    }

    /// The least length of a vector: 10⁻⁸, unless set.
    #[inline]
    pub fn eps(mut self, eps: f64) -> CosineSimilarity {
        self.eps = eps;
        self
    }

    /// The cosine of the angle of each two vectors.
    #[track_caller]
    #[inline]
    pub fn forward(&self, x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
        entering(self).gives(x1.cosine_similarity(x2, self.dim, self.eps))
    }
}

impl Default for CosineSimilarity {
    #[inline]
    fn default() -> CosineSimilarity {
        CosineSimilarity::new()
    }
}

/// `(Σ|x - y + ε|ᵖ)^(1/p)` along the last dimension.
#[derive(Module)]
pub struct PairwiseDistance {
    p: f64,
    eps: f64,
    keepdim: bool,
}

impl PairwiseDistance {
    /// The Euclidean distance.
    #[inline]
    pub fn new() -> PairwiseDistance {
        PairwiseDistance { p: 2.0, eps: 1e-6, keepdim: false }
    }

    /// The `p` of the norm: 2, unless set.
    #[inline]
    pub fn p(mut self, p: f64) -> PairwiseDistance {
        self.p = p;
        self
    }

    /// Added to every difference: 10⁻⁶, unless set.
    #[inline]
    pub fn eps(mut self, eps: f64) -> PairwiseDistance {
        self.eps = eps;
        self
    }

    /// Whether the last dimension stays, with size 1: not, unless set.
    #[inline]
    pub fn keepdim(mut self, keepdim: bool) -> PairwiseDistance {
        self.keepdim = keepdim;
        self
    }

    /// The distance of each two vectors.
    #[track_caller]
    #[inline]
    pub fn forward(&self, x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
        entering(self).gives(x1.pairwise_distance(x2, self.p, self.eps, self.keepdim))
    }
}

impl Default for PairwiseDistance {
    #[inline]
    fn default() -> PairwiseDistance {
        PairwiseDistance::new()
    }
}
