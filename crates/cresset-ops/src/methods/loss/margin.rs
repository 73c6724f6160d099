//! Losses of scores that should exceed others by a margin.

use cresset_tensor::{Array, DType, Error, Result, Shape};

use super::{LossReduction, reduced, reduced_values};
use crate::{
    Apply, Expr,
    methods::{
        activation::{logsigmoid, softplus},
        fused::{shaped, sum_formula},
    },
    op::Op,
    select,
};

/// Arguments of [`MarginLosses::multi_margin_loss_with`], with PyTorch's defaults.
pub struct MultiMarginOptions<'a, T> {
    /// The power of each shortfall: 1 or 2.
    pub p: i64,
    /// By how much the target's score should exceed the others.
    pub margin: f64,
    /// A weight for each class.
    pub weight: Option<&'a T>,
    /// What becomes of the losses of the samples.
    pub reduction: LossReduction,
}

impl<T> Default for MultiMarginOptions<'_, T> {
    fn default() -> Self {
        MultiMarginOptions { p: 1, margin: 1.0, weight: None, reduction: LossReduction::Mean }
    }
}

impl<T> Clone for MultiMarginOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MultiMarginOptions<'_, T> {}

/// Losses of scores that should exceed others by a margin.
pub trait MarginLosses: Apply {
    /// The mean of `log(1 + e^(-t·x))`, targets being 1 and -1.
    #[track_caller]
    fn soft_margin_loss(&self, target: &Self) -> Result<Self> {
        self.soft_margin_loss_with(target, LossReduction::Mean)
    }

    /// [`soft_margin_loss`](Self::soft_margin_loss), reduced otherwise.
    #[track_caller]
    fn soft_margin_loss_with(&self, target: &Self, reduction: LossReduction) -> Result<Self> {
        reduced("soft_margin_loss", reduction, &[self, target], &[], |x, _| softplus(-x[1] * x[0]))
    }

    /// The mean over all samples and classes of `-(t·log σ(x) + (1 - t)·log σ(-x))`.
    #[track_caller]
    fn multilabel_soft_margin_loss(&self, target: &Self) -> Result<Self> {
        self.multilabel_soft_margin_loss_with(target, None, LossReduction::Mean)
    }

    /// [`multilabel_soft_margin_loss`](Self::multilabel_soft_margin_loss) with a weight for each class; without a
    /// reduction one loss for each sample.
    #[track_caller]
    fn multilabel_soft_margin_loss_with(
        &self,
        target: &Self,
        weight: Option<&Self>,
        reduction: LossReduction,
    ) -> Result<Self> {
        let name = "multilabel_soft_margin_loss";
        let Some(last) = self.rank().checked_sub(1) else {
            return Err(Error::shape(name, "the input must have a dimension of classes"));
        };
        fn loss(x: &[Expr]) -> Expr {
            (x[1] - 1) * logsigmoid(-x[0]) - x[1] * logsigmoid(x[0])
        }
        let numbers = [(1.0 / self.shape()[last] as f64).into()];
        let losses = match weight {
            None => sum_formula(&[self, target], &numbers, [last], false, |x, n| loss(x) * n[0]),
            Some(weight) => {
                sum_formula(&[self, target, weight], &numbers, [last], false, |x, n| loss(x) * x[2] * n[0])
            }
        };
        reduced_values(name, reduction, losses?)
    }

    /// The mean over all samples of `Σ max(0, 1 - x[t] + x[i])/c`, `i` all classes but the target `t`.
    #[track_caller]
    fn multi_margin_loss(&self, target: &Self) -> Result<Self> {
        self.multi_margin_loss_with(target, MultiMarginOptions::default())
    }

    /// [`multi_margin_loss`](Self::multi_margin_loss) with all arguments.
    #[track_caller]
    fn multi_margin_loss_with(&self, target: &Self, options: MultiMarginOptions<'_, Self>) -> Result<Self> {
        let name = "multi_margin_loss";
        let MultiMarginOptions { p, margin, weight, reduction } = options;
        if p != 1 && p != 2 {
            return Err(Error::argument(name, format!("p must be 1 or 2, not {p}")));
        }
        let [samples, classes] = samples_and_classes(name, self)?;
        let fits = match self.rank() {
            2 => *target.shape() == [samples],
            _ => target.rank() <= 1 && target.numel() == 1,
        };
        if !fits {
            return Err(Error::shape(
                name,
                format!("needs a target for each of {samples} samples, not shape {}", target.shape()),
            ));
        }
        check_labels(name, target, 0, classes)?;
        if let Some(weight) = weight
            && *weight.shape() != [classes]
        {
            return Err(Error::shape(
                name,
                format!("needs a weight for each of {classes} classes, not shape {}", weight.shape()),
            ));
        }
        let scores = shaped(self, [samples, classes].into())?;
        let index = shaped(target, [samples, 1].into())?;
        let wanted = Self::apply_one(Op::Gather { dim: 1 }, &[&scores, &index])?;
        let numbers = [margin.into(), classes.into(), p.into(), (1.0 / classes as f64).into()];
        fn loss(x: &[Expr], n: &[Expr]) -> Expr {
            let shortfall = (n[0] - x[1] + x[0]).relu();
            let own = Expr::index().remainder(n[1]).eq(x[2]);
            select(own, 0, select(n[2].eq(1), shortfall, shortfall.square())) * n[3]
        }
        let losses = match weight {
            None => sum_formula(&[&scores, &wanted, &index], &numbers, [1], false, loss)?,
            Some(weight) => {
                let flat = shaped(target, samples.into())?;
                let weights = Self::apply_one(Op::IndexSelect { dim: 0 }, &[weight, &flat])?;
                let weights = shaped(&weights, [samples, 1].into())?;
                let inputs = [&scores, &wanted, &index, &weights];
                sum_formula(&inputs, &numbers, [1], false, |x, n| loss(x, n) * x[3])?
            }
        };
        reduced_values(name, reduction, shaped(&losses, target.shape().clone())?)
    }

    /// The mean over all samples of `Σ max(0, 1 - x[t] + x[i])/c`, `t` all classes that the target lists (up to the
    /// first -1), `i` all others.
    #[track_caller]
    fn multilabel_margin_loss(&self, target: &Self) -> Result<Self> {
        self.multilabel_margin_loss_with(target, LossReduction::Mean)
    }

    /// [`multilabel_margin_loss`](Self::multilabel_margin_loss), reduced otherwise.
    #[track_caller]
    fn multilabel_margin_loss_with(&self, target: &Self, reduction: LossReduction) -> Result<Self> {
        let name = "multilabel_margin_loss";
        let [samples, classes] = samples_and_classes(name, self)?;
        let fits = match self.rank() {
            2 => target.shape() == self.shape(),
            _ => target.rank() <= 1 && target.numel() == classes,
        };
        if !fits {
            return Err(Error::shape(
                name,
                format!("the target {} must have the input's shape {}", target.shape(), self.shape()),
            ));
        }
        check_labels(name, target, -1, classes)?;
        // Which places of the lists count, and which classes they do not name.
        let mut labels = target.array().to_i64s()?;
        let (mut listed, mut others) = (vec![false; labels.len()], vec![true; labels.len()]);
        for sample in 0..samples {
            let row = sample * classes..(sample + 1) * classes;
            let end = labels[row.clone()].iter().position(|&label| label < 0).unwrap_or(classes);
            for place in row.start..row.start + end {
                listed[place] = true;
                others[row.start + labels[place] as usize] = false;
            }
        }
        labels.iter_mut().for_each(|label| *label = (*label).max(0));
        let list: Shape = [samples, classes, 1].into();
        let index = self.beside(Array::from_vec(labels, [samples, classes])?)?;
        let listed = self.beside(Array::from_vec(listed, list.clone())?)?;
        let others = self.beside(Array::from_vec(others, [samples, 1, classes])?)?;
        let scores = shaped(self, [samples, classes].into())?;
        let wanted = shaped(&Self::apply_one(Op::Gather { dim: 1 }, &[&scores, &index])?, list)?;
        let scores = shaped(&scores, [samples, 1, classes].into())?;
        let inputs = [&wanted, &scores, &listed, &others];
        let losses = sum_formula(&inputs, &[(1.0 / classes as f64).into()], [1, 2], false, |x, n| {
            select(x[2].and(x[3]), (1 - x[0] + x[1]).relu(), 0) * n[0]
        })?;
        let losses = if self.rank() == 2 { losses } else { shaped(&losses, ().into())? };
        reduced_values(name, reduction, losses)
    }
}

impl<T: Apply> MarginLosses for T {}

/// A single sample may come without its dimension; there must be classes.
fn samples_and_classes<T: Apply>(name: &'static str, x: &T) -> Result<[usize; 2]> {
    match **x.shape() {
        [] => Ok([1, 1]),
        [classes] if classes > 0 => Ok([1, classes]),
        [samples, classes] if classes > 0 => Ok([samples, classes]),
        _ => Err(Error::shape(name, format!("needs samples of at least one class, not shape {}", x.shape()))),
    }
}

fn check_labels<T: Apply>(name: &'static str, target: &T, least: i64, classes: usize) -> Result<()> {
    if target.dtype() != DType::I64 {
        return Err(Error::dtype(name, format!("the target must be int64, not {}", target.dtype())));
    }
    match target.array().to_i64s()?.into_iter().find(|&label| label < least || label >= classes as i64) {
        None => Ok(()),
        Some(label) => {
            Err(Error::index(name, format!("target {label} is out of range for {classes} classes")))
        }
    }
}
