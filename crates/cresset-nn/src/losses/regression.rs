//! Losses of numbers against numbers, and of distributions of numbers.

use cresset_autograd::{Operand, Result, Tensor};
use cresset_ops::methods::{LossReduction, PoissonNllOptions, prelude::*};

use crate::Module;

/// The mean of `|x - target|`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let loss = L1Loss::new().reduction(LossReduction::Sum);
/// let far = loss.forward(&Tensor::new([1.0, 2.0]), &Tensor::new([0.0, 4.0]))?;
/// assert_eq!(far.item::<f64>()?, 3.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct L1Loss {
    pub(super) reduction: LossReduction,
}

impl L1Loss {
    /// The mean.
    #[inline]
    pub fn new() -> L1Loss {
        L1Loss { reduction: LossReduction::Mean }
    }

    /// How far the input is from the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.l1_loss_with(target, None, self.reduction)
    }
}

/// The mean of `(x - target)²`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let loss = MseLoss::new().forward(&Tensor::new([1.0, 2.0]), &Tensor::new([1.0, 4.0]))?;
/// assert_eq!(loss.item::<f64>()?, 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "MSELoss")]
pub struct MseLoss {
    pub(super) reduction: LossReduction,
}

impl MseLoss {
    /// The mean.
    #[inline]
    pub fn new() -> MseLoss {
        MseLoss { reduction: LossReduction::Mean }
    }

    /// How far the input is from the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.mse_loss_with(target, None, self.reduction)
    }
}

/// The mean of `½(x - target)²/β` where `|x - target| < β`, and `|x - target| - ½β` elsewhere.
#[derive(Module)]
pub struct SmoothL1Loss {
    pub(super) reduction: LossReduction,
    beta: f64,
}

impl SmoothL1Loss {
    /// The mean, with `β` 1.
    #[inline]
    pub fn new() -> SmoothL1Loss {
        SmoothL1Loss { reduction: LossReduction::Mean, beta: 1.0 }
    }

    /// Where the parabola ends and the straight line begins: 1, unless set.
    #[inline]
    pub fn beta(mut self, beta: f64) -> SmoothL1Loss {
        self.beta = beta;
        self
    }

    /// How far the input is from the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.smooth_l1_loss_with(target, self.beta, self.reduction)
    }
}

/// The mean of `½(x - target)²` where `|x - target| ≤ δ`, and `δ(|x - target| - ½δ)` elsewhere.
#[derive(Module)]
pub struct HuberLoss {
    pub(super) reduction: LossReduction,
    delta: f64,
}

impl HuberLoss {
    /// The mean, with `δ` 1.
    #[inline]
    pub fn new() -> HuberLoss {
        HuberLoss { reduction: LossReduction::Mean, delta: 1.0 }
    }

    /// Where the parabola ends and the straight line begins: 1, unless set.
    #[inline]
    pub fn delta(mut self, delta: f64) -> HuberLoss {
        self.delta = delta;
        self
    }

    /// How far the input is from the target.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        input.huber_loss_with(target, self.delta, None, self.reduction)
    }
}

/// The mean of `eˣ - target·x`: the negative log likelihood of counts, of which `eˣ` are expected.
#[derive(Module)]
#[module(name = "PoissonNLLLoss")]
pub struct PoissonNllLoss {
    pub(super) reduction: LossReduction,
    log_input: bool,
    full: bool,
    eps: f64,
}

impl PoissonNllLoss {
    /// The mean, of logarithms of what is expected.
    #[inline]
    pub fn new() -> PoissonNllLoss {
        PoissonNllLoss { reduction: LossReduction::Mean, log_input: true, full: false, eps: 1e-8 }
    }

    /// Whether the input is the logarithm of what is expected (it is, unless set), or that itself.
    #[inline]
    pub fn log_input(mut self, log_input: bool) -> PoissonNllLoss {
        self.log_input = log_input;
        self
    }

    /// Whether Stirling's approximation of `log target!` is added: not, unless set.
    #[inline]
    pub fn full(mut self, full: bool) -> PoissonNllLoss {
        self.full = full;
        self
    }

    /// Added to the input before its logarithm is taken: 10⁻⁸, unless set.
    #[inline]
    pub fn eps(mut self, eps: f64) -> PoissonNllLoss {
        self.eps = eps;
        self
    }

    /// How unlikely the target is.
    #[track_caller]
    #[inline]
    pub fn forward(&self, log_input: &Tensor, target: &Tensor) -> Result<Tensor> {
        let PoissonNllLoss { reduction, log_input: log, full, eps } = *self;
        log_input.poisson_nll_loss_with(target, PoissonNllOptions { log_input: log, full, eps, reduction })
    }
}

/// The mean of `½(log v + (x - target)²/v)`, `v` the variance but at least `eps`: the negative log likelihood of numbers
/// that are spread normally.
#[derive(Module)]
#[module(name = "GaussianNLLLoss")]
pub struct GaussianNllLoss {
    pub(super) reduction: LossReduction,
    full: bool,
    eps: f64,
}

impl GaussianNllLoss {
    /// The mean, but for a constant.
    #[inline]
    pub fn new() -> GaussianNllLoss {
        GaussianNllLoss { reduction: LossReduction::Mean, full: false, eps: 1e-6 }
    }

    /// Whether the constant `½ log 2π` is added: not, unless set.
    #[inline]
    pub fn full(mut self, full: bool) -> GaussianNllLoss {
        self.full = full;
        self
    }

    /// The least variance: 10⁻⁶, unless set.
    #[inline]
    pub fn eps(mut self, eps: f64) -> GaussianNllLoss {
        self.eps = eps;
        self
    }

    /// How unlikely the target is, if it is expected to be the input, with that variance (for each element, for each row,
    /// or one number).
    #[track_caller]
    #[inline]
    pub fn forward<'a>(
        &self,
        input: &Tensor,
        target: &Tensor,
        var: impl Into<Operand<'a, Tensor>>,
    ) -> Result<Tensor> {
        input.gaussian_nll_loss_with(target, var, self.full, self.eps, self.reduction)
    }
}
