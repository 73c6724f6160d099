//! Losses of classes: scores, logits or probabilities against indices or probabilities.

use cresset_tensor::{Array, DType, Device, Error, Result, Shape};

use super::{LossReduction, reduced, reduced_values, same_shape};
use crate::{
    Apply, Expr,
    methods::{
        Elementwise, Softmaxes,
        activation::{per_channel, softplus},
        fused::{reduce_formula, shaped, sum_formula, transposed},
    },
    op::{Op, Reduction},
    select,
};

/// Arguments of [`ClassificationLosses::cross_entropy_with`], with PyTorch's defaults.
pub struct CrossEntropyOptions<'a, T> {
    /// A weight for each class.
    pub weight: Option<&'a T>,
    /// Targets of this index count as if they were not there.
    pub ignore_index: i64,
    /// What becomes of the losses of the elements.
    pub reduction: LossReduction,
    /// How much of each target is spread evenly over all classes.
    pub label_smoothing: f64,
}

impl<T> Default for CrossEntropyOptions<'_, T> {
    fn default() -> Self {
        CrossEntropyOptions {
            weight: None,
            ignore_index: -100,
            reduction: LossReduction::Mean,
            label_smoothing: 0.0,
        }
    }
}

/// Arguments of [`ClassificationLosses::linear_cross_entropy_with`], with PyTorch's defaults.
pub struct LinearCrossEntropyOptions<'a, T> {
    /// What is added to the logits.
    pub linear_bias: Option<&'a T>,
    /// A weight for each class.
    pub weight: Option<&'a T>,
    /// What becomes of the losses of the elements.
    pub reduction: LossReduction,
    /// Targets of this index count as if they were not there; for class indices alone, where it is -100 if not given.
    pub ignore_index: Option<i64>,
    /// How much of each target is spread evenly over all classes.
    pub label_smoothing: f64,
}

impl<T> Default for LinearCrossEntropyOptions<'_, T> {
    fn default() -> Self {
        LinearCrossEntropyOptions {
            linear_bias: None,
            weight: None,
            reduction: LossReduction::Mean,
            ignore_index: None,
            label_smoothing: 0.0,
        }
    }
}

macro_rules! copy {
    ($($name:ident)*) => {$(
        impl<T> Clone for $name<'_, T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $name<'_, T> {}
    )*};
}

copy! { CrossEntropyOptions LinearCrossEntropyOptions }

/// Losses of classes. Classes are dimension 1 of the input, or the only one.
pub trait ClassificationLosses: Apply {
    /// The mean of `-log softmax(x)[target]`: of logits `[n, c, …]` and class indices `[n, …]`, or class probabilities of
    /// the logits' shape.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let logits = Array::new([[0.0, 0.0], [0.0, 0.0]]);
    /// let loss = logits.cross_entropy(&Array::new([0i64, 1]))?;
    /// assert!((loss.item::<f64>()? - 2f64.ln()).abs() < 1e-15);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn cross_entropy(&self, target: &Self) -> Result<Self> {
        self.cross_entropy_with(target, CrossEntropyOptions::default())
    }

    /// [`cross_entropy`](Self::cross_entropy) with all arguments.
    #[track_caller]
    fn cross_entropy_with(&self, target: &Self, options: CrossEntropyOptions<'_, Self>) -> Result<Self> {
        let name = "cross_entropy";
        let CrossEntropyOptions { weight, ignore_index, reduction, label_smoothing } = options;
        if !(0.0..=1.0).contains(&label_smoothing) {
            return Err(Error::argument(
                name,
                format!("label_smoothing must be between 0 and 1, not {label_smoothing}"),
            ));
        }
        check_classes(name, self, weight)?;
        let whole = weight.is_none() && label_smoothing == 0.0 && reduction != LossReduction::None;
        if whole
            && self.rank() == 2
            && self.shape()[1] > 0
            && self.shape() != target.shape()
            // Of narrow numbers a derivative that is divided by their count before it is scaled may vanish.
            && matches!(self.dtype(), DType::F32 | DType::F64)
            && self.device() == Device::Cpu
            && target.device() == Device::Cpu
        {
            let target = of_classes(name, self, target)?;
            let op = Op::CrossEntropy { ignore: ignore_index, mean: reduction == LossReduction::Mean };
            return Ok(Self::apply_two(op, &[self, &target])?.0);
        }
        let class_dim = usize::from(self.rank() > 1);
        let log_probabilities = self.log_softmax(class_dim as i64)?;
        if self.shape() == target.shape() {
            if !target.dtype().is_float() {
                return Err(Error::dtype(
                    name,
                    format!("class probabilities must be floating point, not {}", target.dtype()),
                ));
            }
            if ignore_index >= 0 {
                return Err(Error::argument(
                    name,
                    "ignore_index is for class indices, not for probabilities",
                ));
            }
            return of_probabilities(&log_probabilities, target, weight, reduction, label_smoothing);
        }
        let hard = log_probabilities
            .nll_loss_with(target, weight, ignore_index, reduction)
            .map_err(|error| error.of(name))?;
        if label_smoothing == 0.0 {
            return Ok(hard);
        }
        let smooth = even_loss(&log_probabilities, target, weight, ignore_index, reduction)?;
        let each = label_smoothing / self.shape()[class_dim] as f64;
        Self::formula(&[&hard, &smooth], &[(1.0 - label_smoothing).into(), each.into()], |x, n| {
            x[0] * n[0] + x[1] * n[1]
        })
    }

    /// The mean of `-x[target]`, of log probabilities `[n, c, …]` (or `[c]`) and class indices `[n, …]` (or a number).
    #[track_caller]
    fn nll_loss(&self, target: &Self) -> Result<Self> {
        self.nll_loss_with(target, None, -100, LossReduction::Mean)
    }

    /// [`nll_loss`](Self::nll_loss) with a weight for each class, by which the mean is weighted too, and an index that
    /// counts as if it were not there.
    #[track_caller]
    fn nll_loss_with(
        &self,
        target: &Self,
        weight: Option<&Self>,
        ignore_index: i64,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "nll_loss";
        check_classes(name, self, weight)?;
        let Chosen { index, target } = choose(name, self, target, ignore_index)?;
        let class_dim = usize::from(self.rank() > 1);
        let picked = Self::apply_one(Op::Gather { dim: class_dim }, &[self, &index])?;
        let picked = shaped(&picked, target.shape().clone())?;
        let ignored = [ignore_index.into()];
        let dims = 0..target.rank();
        let Some(weight) = weight else {
            if reduction == LossReduction::None {
                return Self::formula(&[&picked, &target], &ignored, |x, n| select(x[1].eq(n[0]), 0, -x[0]));
            }
            let total = sum_formula(&[&picked, &target], &ignored, dims.clone(), false, |x, n| {
                select(x[1].eq(n[0]), 0, -x[0])
            })?;
            if reduction == LossReduction::Sum {
                return Ok(total);
            }
            let count = sum_formula(&[&target], &ignored, dims, false, |x, n| select(x[0].eq(n[0]), 0, 1))?;
            return Self::formula(&[&total, &count], &[], |x, _| x[0] / x[1]);
        };
        let weights = weights_of(weight, &index, target.shape())?;
        if reduction == LossReduction::None {
            return Self::formula(&[&picked, &target, &weights], &ignored, |x, n| {
                select(x[1].eq(n[0]), 0, -x[0] * x[2])
            });
        }
        let total = sum_formula(&[&picked, &target, &weights], &ignored, dims.clone(), false, |x, n| {
            select(x[1].eq(n[0]), 0, -x[0] * x[2])
        })?;
        if reduction == LossReduction::Sum {
            return Ok(total);
        }
        let weight =
            sum_formula(&[&target, &weights], &ignored, dims, false, |x, n| select(x[0].eq(n[0]), 0, x[1]))?;
        Self::formula(&[&total, &weight], &[], |x, _| x[0] / x[1])
    }

    /// [`cross_entropy`](Self::cross_entropy) of `linear_weight · x`: `[n, d]` (or `[d]`) inputs, a weight of `[c, …, d]`.
    #[track_caller]
    fn linear_cross_entropy(&self, linear_weight: &Self, target: &Self) -> Result<Self> {
        self.linear_cross_entropy_with(linear_weight, target, LinearCrossEntropyOptions::default())
    }

    /// [`linear_cross_entropy`](Self::linear_cross_entropy) with all arguments.
    #[track_caller]
    fn linear_cross_entropy_with(
        &self,
        linear_weight: &Self,
        target: &Self,
        options: LinearCrossEntropyOptions<'_, Self>,
    ) -> Result<Self> {
        let LinearCrossEntropyOptions { linear_bias, weight, reduction, ignore_index, label_smoothing } =
            options;
        let fail = |why: String| Err(Error::shape("linear_cross_entropy", why));
        let ([.., features], [outputs @ .., columns]) = (&**self.shape(), &**linear_weight.shape()) else {
            return fail("the input and the weight must have dimensions".into());
        };
        if self.rank() > 2 {
            return fail(format!("the input must have 1 or 2 dimensions, not {}", self.shape()));
        }
        let [_, further @ ..] = outputs else {
            return fail(format!(
                "the weight must have at least 2 dimensions, not {}",
                linear_weight.shape()
            ));
        };
        if features != columns {
            return fail(format!("the input has {features} features, the weight {columns}"));
        }
        if let Some(bias) = linear_bias
            && **bias.shape() != *outputs
        {
            return fail(format!("the bias must have shape {outputs:?}, not {}", bias.shape()));
        }
        if !further.is_empty() && self.rank() == 1 {
            return fail(format!(
                "a weight of shape {} needs inputs of two dimensions",
                linear_weight.shape()
            ));
        }
        let mut shape = Shape::from_slice(&self.shape()[..self.rank() - 1]);
        outputs.iter().for_each(|&size| shape.push(size));
        if shape == *target.shape() && ignore_index.is_some() {
            return Err(Error::argument(
                "linear_cross_entropy",
                "ignore_index is for class indices, not for probabilities",
            ));
        }
        let (rows, count) = (self.numel() / features.max(&1), outputs.iter().product::<usize>());
        let flat = shaped(linear_weight, [count, *features].into())?;
        let turned = transposed(&flat)?;
        let rows = if *features == 0 { self.shape()[..self.rank() - 1].iter().product() } else { rows };
        let logits = Self::apply_one(Op::Matmul, &[&shaped(self, [rows, *features].into())?, &turned])?;
        let logits = match linear_bias {
            None => logits,
            Some(bias) => Self::formula(&[&logits, &shaped(bias, count.into())?], &[], |x, _| x[0] + x[1])?,
        };
        let ignore_index = ignore_index.unwrap_or(-100);
        shaped(&logits, shape)?.cross_entropy_with(
            target,
            CrossEntropyOptions { weight, ignore_index, reduction, label_smoothing },
        )
    }

    /// The mean of `-(t·log x + (1 - t)·log(1 - x))` of probabilities; each logarithm is at least -100.
    #[track_caller]
    fn binary_cross_entropy(&self, target: &Self) -> Result<Self> {
        self.binary_cross_entropy_with(target, None, LossReduction::Mean)
    }

    /// [`binary_cross_entropy`](Self::binary_cross_entropy) with a weight that broadcasts.
    #[track_caller]
    fn binary_cross_entropy_with(
        &self,
        target: &Self,
        weight: Option<&Self>,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "binary_cross_entropy";
        same_shape(name, "target", self, target)?;
        for (what, x) in [("input", self), ("target", target)] {
            if x.device() == Device::Cpu && any(x.array(), |x, _| !(x[0].ge(0).and(x[0].le(1))))? {
                return Err(Error::argument(name, format!("every {what} must be between 0 and 1")));
            }
        }
        /// At 0 and 1, where a logarithm is infinite, it is -100, and its slope 10¹² towards the other side, as
        /// PyTorch's is; the other logarithm is zero there.
        fn loss(x: Expr, target: Expr) -> Expr {
            /// `e⁻¹⁰⁰`.
            const LEAST: f64 = 3.720_075_976_020_836e-44;
            let rest = 1 - x;
            let (low, high) = (x.le(LEAST), rest.le(LEAST));
            let inner = low.or(high);
            let log = select(low, x * 1e12 - 100.0, select(inner, 0, select(inner, 1, x).log()));
            let log_rest =
                select(high, rest * 1e12 - 100.0, select(inner, 0, (-select(inner, 0, x)).log1p()));
            (target - 1) * log_rest - target * log
        }
        match weight {
            None => reduced(name, reduction, &[self, target], &[], |x, _| loss(x[0], x[1])),
            Some(weight) => {
                reduced(name, reduction, &[self, target, weight], &[], |x, _| loss(x[0], x[1]) * x[2])
            }
        }
    }

    /// The mean of `-(t·log σ(x) + (1 - t)·log(1 - σ(x)))`, right for logits of any size.
    #[track_caller]
    fn binary_cross_entropy_with_logits(&self, target: &Self) -> Result<Self> {
        self.binary_cross_entropy_with_logits_with(target, None, None, LossReduction::Mean)
    }

    /// [`binary_cross_entropy_with_logits`](Self::binary_cross_entropy_with_logits) with a weight that broadcasts, and a
    /// factor for positive targets (`t·log σ(x)`) that broadcasts.
    #[track_caller]
    fn binary_cross_entropy_with_logits_with(
        &self,
        target: &Self,
        weight: Option<&Self>,
        pos_weight: Option<&Self>,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "binary_cross_entropy_with_logits";
        same_shape(name, "target", self, target)?;
        fn plain(x: &[Expr]) -> Expr {
            (1 - x[1]) * x[0] + softplus(-x[0])
        }
        fn positive(x: &[Expr]) -> Expr {
            (1 - x[1]) * x[0] + ((x[2] - 1) * x[1] + 1) * softplus(-x[0])
        }
        match (pos_weight, weight) {
            (None, None) => reduced(name, reduction, &[self, target], &[], |x, _| plain(x)),
            (None, Some(weight)) => {
                reduced(name, reduction, &[self, target, weight], &[], |x, _| plain(x) * x[2])
            }
            (Some(factor), None) => {
                reduced(name, reduction, &[self, target, factor], &[], |x, _| positive(x))
            }
            (Some(factor), Some(weight)) => {
                reduced(name, reduction, &[self, target, factor, weight], &[], |x, _| positive(x) * x[3])
            }
        }
    }

    /// The mean over all elements of `t·(log t - x)`, of log probabilities and probabilities.
    #[track_caller]
    fn kl_div(&self, target: &Self) -> Result<Self> {
        self.kl_div_with(target, false, LossReduction::Mean)
    }

    /// [`kl_div`](Self::kl_div) with all arguments; with `log_target` the target is the logarithm of `t`.
    #[track_caller]
    fn kl_div_with(&self, target: &Self, log_target: bool, reduction: LossReduction) -> Result<Self> {
        let inputs = [self, target];
        if log_target {
            return reduced("kl_div", reduction, &inputs, &[], |x, _| x[1].exp() * (x[1] - x[0]));
        }
        reduced("kl_div", reduction, &inputs, &[], |x, _| {
            let zero = x[1].eq(0);
            // 0·log 0 is 0.
            select(zero, 0, x[1] * select(zero, 1, x[1]).log()) - x[1] * x[0]
        })
    }

    /// The divergence as it is defined: [`kl_div`](Self::kl_div) summed and divided by the size of the first dimension.
    /// PyTorch's `reduction="batchmean"`.
    #[track_caller]
    fn kl_div_batchmean(&self, target: &Self, log_target: bool) -> Result<Self> {
        let total = self.kl_div_with(target, log_target, LossReduction::Sum)?;
        let batch = self.shape().first().copied().unwrap_or(1);
        Self::formula(&[&total], &[(batch as f64).into()], |x, n| x[0] / n[0])
    }
}

impl<T: Apply> ClassificationLosses for T {}

/// Does a condition hold for any element?
fn any(x: &Array, condition: impl Fn(&[Expr], &[Expr]) -> Expr) -> Result<bool> {
    let dims: Vec<usize> = (0..x.rank()).collect();
    reduce_formula(Reduction::Any, &dims, false, &[x], &[], condition)?.item()
}

/// Are there classes, in floating point, and a weight for each?
fn check_classes<T: Apply>(name: &'static str, x: &T, weight: Option<&T>) -> Result<()> {
    if x.rank() == 0 {
        return Err(Error::shape(name, "the input must have a dimension of classes"));
    }
    if !x.dtype().is_float() {
        return Err(Error::dtype(name, format!("needs floating point, not {}", x.dtype())));
    }
    let classes = x.shape()[usize::from(x.rank() > 1)];
    match weight {
        Some(weight) if *weight.shape() != [classes] => Err(Error::shape(
            name,
            format!("there must be one weight for each of {classes} classes, not {}", weight.shape()),
        )),
        Some(weight) if weight.dtype() != x.dtype() => Err(Error::dtype(
            name,
            format!("the weight must be {}, as the input, not {}", x.dtype(), weight.dtype()),
        )),
        Some(_) | None => Ok(()),
    }
}

/// Targets, as they are and as an index to gather with.
struct Chosen<T> {
    /// Of the input's rank, with one class; 0 for what is ignored.
    index: T,
    /// As `int64`.
    target: T,
}

/// Targets as `int64`, of the shape they must have.
fn of_classes<T: Apply>(name: &'static str, x: &T, target: &T) -> Result<T> {
    if !matches!(target.dtype(), DType::I64 | DType::U8) {
        return Err(Error::dtype(name, format!("class indices must be int64, not {}", target.dtype())));
    }
    let (class_dim, shape) = (usize::from(x.rank() > 1), x.shape());
    let mut wanted = shape.clone();
    wanted.remove(class_dim);
    // PyTorch takes a target of one element for a single input, too.
    if *target.shape() != wanted && !(x.rank() == 1 && *target.shape() == [1]) {
        return Err(Error::shape(
            name,
            format!(
                "for an input of shape {shape} the target must have shape {wanted}, not {}",
                target.shape()
            ),
        ));
    }
    let target = if target.dtype() == DType::I64 { target.clone() } else { target.to_dtype(DType::I64)? };
    shaped(&target, wanted)
}

fn choose<T: Apply>(name: &'static str, x: &T, target: &T, ignore_index: i64) -> Result<Chosen<T>> {
    let target = of_classes(name, x, target)?;
    let (class_dim, shape) = (usize::from(x.rank() > 1), x.shape());
    let classes = shape[class_dim] as i64;
    if target.device() == Device::Cpu {
        let numbers = [classes.into(), ignore_index.into()];
        let dims: Vec<usize> = (0..target.rank()).collect();
        let outside = reduce_formula(Reduction::Any, &dims, false, &[target.array()], &numbers, |x, n| {
            (x[0].lt(0).or(x[0].ge(n[0]))).and(x[0].ne(n[1]))
        })?;
        if outside.item()? {
            let wrong =
                target.array().to_i64s()?.into_iter().find(|&t| (t < 0 || t >= classes) && t != ignore_index);
            return Err(Error::index(
                name,
                format!("target {} is out of range for {classes} classes", wrong.unwrap_or_default()),
            ));
        }
    }
    let mut one = shape.clone();
    one[class_dim] = 1;
    let index = T::formula(&[&target], &[ignore_index.into()], |x, n| select(x[0].eq(n[0]), 0, x[0]))?;
    Ok(Chosen { index: shaped(&index, one)?, target })
}

/// The weights of the classes of an index.
fn weights_of<T: Apply>(weight: &T, index: &T, shape: &Shape) -> Result<T> {
    let flat = shaped(index, index.numel().into())?;
    shaped(&T::apply_one(Op::IndexSelect { dim: 0 }, &[weight, &flat])?, shape.clone())
}

/// `-Σ w·t·log p` over the classes, the targets smoothed.
fn of_probabilities<T: Apply>(
    log_probabilities: &T,
    target: &T,
    weight: Option<&T>,
    reduction: LossReduction,
    smoothing: f64,
) -> Result<T> {
    let x = log_probabilities;
    let class_dim = usize::from(x.rank() > 1);
    let classes = x.shape()[class_dim].max(1);
    let samples = x.numel() / classes;
    let dims: Vec<usize> = match reduction {
        LossReduction::None => vec![class_dim],
        LossReduction::Mean | LossReduction::Sum => (0..x.rank()).collect(),
    };
    let over = match (reduction, samples) {
        (LossReduction::Mean, 0) => {
            return reduced("cross_entropy", reduction, &[x, target], &[], |x, _| x[0]);
        }
        (LossReduction::Mean, _) => 1.0 / samples as f64,
        (LossReduction::None | LossReduction::Sum, _) => 1.0,
    };
    let numbers = [(1.0 - smoothing).into(), (smoothing / classes as f64).into(), (-over).into()];
    match weight {
        None => sum_formula(&[x, target], &numbers, dims, false, |x, n| {
            x[0] * (x[1].cast_like(x[0]) * n[0] + n[1]) * n[2]
        }),
        Some(weight) => {
            let weight = per_channel(weight, x.rank())?;
            sum_formula(&[x, target, &weight], &numbers, dims, false, |x, n| {
                x[0] * (x[1].cast_like(x[0]) * n[0] + n[1]) * x[2] * n[2]
            })
        }
    }
}

/// `-Σ w·log p` over all classes, for targets that are not ignored; the mean weighted as that of `nll_loss`.
fn even_loss<T: Apply>(
    log_probabilities: &T,
    target: &T,
    weight: Option<&T>,
    ignore_index: i64,
    reduction: LossReduction,
) -> Result<T> {
    let x = log_probabilities;
    let Chosen { index, target } = choose("cross_entropy", x, target, ignore_index)?;
    let class_dim = [usize::from(x.rank() > 1)];
    let sums = match weight {
        None => sum_formula(&[x], &[], class_dim, false, |x, _| -x[0])?,
        Some(weight) => {
            sum_formula(&[x, &per_channel(weight, x.rank())?], &[], class_dim, false, |x, _| -x[0] * x[1])?
        }
    };
    let ignored = [ignore_index.into()];
    let kept = T::formula(&[&sums, &target], &ignored, |x, n| select(x[1].eq(n[0]), 0, x[0]))?;
    if reduction != LossReduction::Mean {
        return reduced_values("cross_entropy", reduction, kept);
    }
    let total = reduced_values("cross_entropy", LossReduction::Sum, kept)?;
    let dims = 0..target.rank();
    let weight = match weight {
        None => sum_formula(&[&target], &ignored, dims, false, |x, n| select(x[0].eq(n[0]), 0, 1))?,
        Some(weight) => {
            let weights = weights_of(weight, &index, target.shape())?;
            sum_formula(&[&target, &weights], &ignored, dims, false, |x, n| select(x[0].eq(n[0]), 0, x[1]))?
        }
    };
    T::formula(&[&total, &weight], &[], |x, _| x[0] / x[1])
}
