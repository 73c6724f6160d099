//! A softmax over many classes, the rare ones in clusters with smaller maps.

use cresset_autograd::{Apply, Array, DType, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Linear, Module, Parameter, Sequential, entering, sequential};

/// The log probabilities of classes ordered by how often they occur: the first `cutoffs[0]` have logits of their own, the
/// others are in clusters, each with a logit for all of it, and logits within it from inputs made smaller.
///
/// ```
/// use cresset_nn::prelude::*;
/// let adaptive = AdaptiveLogSoftmaxWithLoss::new(16, 100, [10, 40]);
/// let (output, loss) = adaptive.forward(&Tensor::randn([3, 16]), &Tensor::new([0i64, 25, 99]))?;
/// assert_eq!((output.rank(), loss.rank()), (1, 0));
/// assert_eq!(adaptive.predict(&Tensor::randn([3, 16]))?.shape(), &[3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct AdaptiveLogSoftmaxWithLoss {
    /// To the logits of the first classes and of the clusters.
    pub head: Linear,
    /// To the logits within each cluster.
    pub tail: Vec<Sequential>,
    in_features: usize,
    div_value: f64,
    /// Where each cluster begins, and where the last ends.
    #[module(skip)]
    cutoffs: Vec<usize>,
}

const NAME: &str = "adaptive_log_softmax";

impl AdaptiveLogSoftmaxWithLoss {
    /// Of `n_classes`, where clusters begin at `cutoffs`, which increase.
    #[track_caller]
    pub fn new(
        in_features: usize,
        n_classes: usize,
        cutoffs: impl Into<Vec<usize>>,
    ) -> AdaptiveLogSoftmaxWithLoss {
        let mut cutoffs = cutoffs.into();
        let increase = cutoffs.first().is_some_and(|&first| first > 0)
            && cutoffs.iter().chain([&n_classes]).is_sorted_by(|a, b| a < b);
        if !increase {
            let message = format!(
                "cutoffs must increase, each at least 1 and at most {}: {cutoffs:?}",
                n_classes.saturating_sub(1)
            );
            // As a parameter that could not be made, it is told to whoever uses it.
            let mut head = Linear::new(0, 0).bias(false);
            head.weight = Parameter::of(Err(Error::argument(NAME, message)));
            let (tail, div_value) = (Vec::new(), 4.0);
            return AdaptiveLogSoftmaxWithLoss { head, tail, in_features, div_value, cutoffs: Vec::new() };
        }
        let head = Linear::new(in_features, cutoffs[0] + cutoffs.len()).bias(false);
        cutoffs.push(n_classes);
        let tail = Vec::new();
        AdaptiveLogSoftmaxWithLoss { head, tail, in_features, div_value: 4.0, cutoffs }.div_value(4.0)
    }

    /// By which factor the inputs of each cluster are fewer than those of the one before: 4, unless set. Draws the maps
    /// of the clusters anew.
    #[track_caller]
    #[inline]
    pub fn div_value(mut self, div_value: f64) -> AdaptiveLogSoftmaxWithLoss {
        if div_value.is_nan() || div_value < 1.0 {
            let message = format!("div_value must be at least 1, not {div_value}");
            self.head.weight = Parameter::of(Err(Error::argument(NAME, message)));
            return self;
        }
        self.div_value = div_value;
        self.tail = (self.cutoffs.windows(2).zip(1..))
            .map(|(bounds, i)| {
                // As Python's `in_features // div_value**i`; a `usize` is exact far beyond any width.
                let hidden = (self.in_features as f64 / div_value.powi(i)).floor() as usize;
                sequential![
                    Linear::new(self.in_features, hidden).bias(false),
                    Linear::new(hidden, bounds[1] - bounds[0]).bias(false)
                ]
            })
            .collect();
        self
    }

    /// Whether something is added to the logits of the first classes and of the clusters: not, unless set.
    #[track_caller]
    #[inline]
    pub fn head_bias(mut self, head_bias: bool) -> AdaptiveLogSoftmaxWithLoss {
        self.head = self.head.bias(head_bias);
        self
    }

    /// The log probability of each target, and the mean of their negatives.
    #[track_caller]
    #[inline]
    pub fn forward(&self, input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        let boundary = entering(self);
        self.head.weight.get()?;
        if target.rank() > 1 || input.rank() != target.rank() + 1 {
            let message = format!(
                "needs inputs [n, features] and targets [n], or [features] and a number; got {} and {}",
                input.shape(),
                target.shape()
            );
            return Err(Error::shape(NAME, message));
        }
        if !matches!(target.dtype(), DType::I64) {
            return Err(Error::dtype(NAME, format!("class indices must be int64, not {}", target.dtype())));
        }
        if target.rank() == 0 {
            let (output, loss) = self.of_rows(&input.unsqueeze(0)?, &target.unsqueeze(0)?)?;
            return boundary.gives(Ok((output.squeeze(0)?, loss)));
        }
        if input.shape()[0] != target.shape()[0] {
            let message =
                format!("needs a target for each of {} inputs, not {}", input.shape()[0], target.shape());
            return Err(Error::shape(NAME, message));
        }
        boundary.gives(self.of_rows(input, target))
    }

    /// Which class is the most likely, of inputs `[n, features]`.
    #[track_caller]
    #[inline]
    pub fn predict(&self, input: &Tensor) -> Result<Tensor> {
        self.log_prob(input)?.argmax_dim(1, false)
    }

    /// The log probabilities of all classes `[n, n_classes]`, of inputs `[n, features]`.
    #[track_caller]
    #[inline]
    pub fn log_prob(&self, input: &Tensor) -> Result<Tensor> {
        let head = self.head.forward(input)?.log_softmax(1)?;
        let first = self.first()?;
        let mut parts = vec![head.narrow(1, 0, first)?];
        for (tail, place) in self.tail.iter().zip(first..) {
            let within = tail.forward(input)?.log_softmax(1)?;
            parts.push(within.add(&head.narrow(1, place, 1)?)?);
        }
        Tensor::cat(&parts, 1)
    }

    #[inline]
    fn of_rows(&self, input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
        let targets = target.array().to_i64s()?;
        let end = self.cutoffs.last().map_or(0, |&end| end as i64);
        if let Some(wrong) = targets.iter().find(|&&target| target < 0 || target >= end) {
            return Err(Error::index(NAME, format!("target {wrong} is out of range for {end} classes")));
        }
        let first = self.first()?;
        // What each row takes of the head: its class, or its cluster.
        let mut taken = targets.clone();
        let mut output = None;
        for ((tail, bounds), place) in self.tail.iter().zip(self.cutoffs.windows(2)).zip(first..) {
            let (low, high) = (bounds[0] as i64, bounds[1] as i64);
            let rows: Vec<usize> =
                (0..targets.len()).filter(|&i| (low..high).contains(&targets[i])).collect();
            if rows.is_empty() {
                continue;
            }
            rows.iter().for_each(|&row| taken[row] = place);
            let class: Vec<i64> = rows.iter().map(|&row| targets[row] - low).collect();
            let (class, count) = (input.beside(Array::new(class))?.unsqueeze(1)?, targets.len());
            let rows =
                input.beside(Array::new(rows.into_iter().map(|row| row as i64).collect::<Vec<_>>()))?;
            let within = tail.forward(&input.index_select(0, &rows)?)?.log_softmax(1)?;
            let within = within.gather(1, &class)?.squeeze(1)?;
            let before = match output {
                Some(before) => before,
                None => within.new_zeros([count])?,
            };
            output = Some(before.index_add(0, &rows, &within, 1.0)?);
        }
        let head = self.head.forward(input)?.log_softmax(1)?;
        let head = head.gather(1, &input.beside(Array::new(taken))?.unsqueeze(1)?)?.squeeze(1)?;
        let output = match output {
            Some(within) => head.add(&within)?,
            None => head,
        };
        let loss = output.neg()?.mean()?;
        Ok((output, loss))
    }

    /// How many classes have logits of their own.
    #[inline]
    fn first(&self) -> Result<i64> {
        self.head.weight.get()?;
        Ok(self.cutoffs.first().map_or(0, |&first| first as i64))
    }
}
