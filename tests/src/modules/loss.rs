//! Modules: losses.

use cresset_autograd::Tensor;
use cresset_nn::*;
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::{Args, Value};

type Init<'a> = &'a Args<Tensor>;

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: Init, wanted: &Wanted) -> Result<Option<Built>> {
    // By name alone: in PyTorch's signatures they come after arguments long deprecated.
    let by_name = |name: &str, default: f64| init.float_or(usize::MAX, name, default);
    let weight = |name: &str| Ok(init.maybe_tensor(usize::MAX, name)?.cloned());
    let reduction = init.text_or(usize::MAX, "reduction", "mean");
    let batchmean = matches!(reduction, Ok("batchmean"));
    let reduction =
        || -> Result<LossReduction> { if batchmean { Ok(LossReduction::Mean) } else { reduction?.parse() } };
    /// A loss of an input and a target.
    macro_rules! pair {
        ($loss:expr) => {
            wanted.module($loss, |loss, args| {
                Ok(Value::Tensor(loss.forward(args.tensor(0, "input")?, args.tensor(1, "target")?)?))
            })?
        };
    }
    /// A loss of three tensors.
    macro_rules! triple {
        ($loss:expr) => {
            wanted.module($loss, |loss, args| {
                let [a, b, c] = [args.tensor(0, "0")?, args.tensor(1, "1")?, args.tensor(2, "2")?];
                Ok(Value::Tensor(loss.forward(a, b, c)?))
            })?
        };
    }
    /// A loss with a weight, if there is one.
    macro_rules! weighted {
        ($loss:expr, $name:ident) => {
            match weight(stringify!($name))? {
                Some(weight) => $loss.$name(weight),
                None => $loss,
            }
        };
    }
    Ok(Some(match name {
        "L1Loss" => pair!(L1Loss::new().reduction(reduction()?)),
        "MSELoss" => pair!(MseLoss::new().reduction(reduction()?)),
        "SmoothL1Loss" => pair!(SmoothL1Loss::new().reduction(reduction()?).beta(by_name("beta", 1.0)?)),
        "HuberLoss" => pair!(HuberLoss::new().reduction(reduction()?).delta(by_name("delta", 1.0)?)),
        "PoissonNLLLoss" => pair!(
            PoissonNllLoss::new()
                .log_input(init.bool_or(0, "log_input", true)?)
                .full(init.bool_or(1, "full", false)?)
                .eps(by_name("eps", 1e-8)?)
                .reduction(reduction()?)
        ),
        "GaussianNLLLoss" => triple!(
            GaussianNllLoss::new()
                .full(init.bool_or(usize::MAX, "full", false)?)
                .eps(by_name("eps", 1e-6)?)
                .reduction(reduction()?)
        ),
        "CrossEntropyLoss" => pair!(
            weighted!(CrossEntropyLoss::new(), weight)
                .ignore_index(init.int_or(usize::MAX, "ignore_index", -100)?)
                .label_smoothing(by_name("label_smoothing", 0.0)?)
                .reduction(reduction()?)
        ),
        "NLLLoss" => pair!(
            weighted!(NllLoss::new(), weight)
                .ignore_index(init.int_or(usize::MAX, "ignore_index", -100)?)
                .reduction(reduction()?)
        ),
        "KLDivLoss" => {
            let loss = KlDivLoss::new().log_target(init.bool_or(usize::MAX, "log_target", false)?);
            pair!(if batchmean { loss.batchmean() } else { loss.reduction(reduction()?) })
        }
        "BCELoss" => pair!(weighted!(BceLoss::new(), weight).reduction(reduction()?)),
        "BCEWithLogitsLoss" => {
            pair!(weighted!(weighted!(BceWithLogitsLoss::new(), weight), pos_weight).reduction(reduction()?))
        }
        "LinearCrossEntropyLoss" => {
            let (features, classes) = (init.size(0, "in_features")?, init.size(1, "num_classes")?);
            let loss = LinearCrossEntropyLoss::new(features, classes)
                .out_features(init.maybe_sizes(usize::MAX, "out_features")?.unwrap_or_default())
                .bias(init.bool_or(usize::MAX, "bias", false)?)
                .label_smoothing(by_name("label_smoothing", 0.0)?)
                .reduction(reduction()?);
            // What PyTorch computes in pieces of, and makes its parameters of, says nothing about values.
            init.given(usize::MAX, "options");
            init.given(usize::MAX, "dtype");
            let loss = weighted!(loss, weight);
            pair!(match init.maybe_int(usize::MAX, "ignore_index")? {
                Some(index) => loss.ignore_index(index),
                None => loss,
            })
        }
        "MarginRankingLoss" => {
            triple!(MarginRankingLoss::new().margin(init.float_or(0, "margin", 0.0)?).reduction(reduction()?))
        }
        "HingeEmbeddingLoss" => {
            pair!(HingeEmbeddingLoss::new().margin(init.float_or(0, "margin", 1.0)?).reduction(reduction()?))
        }
        "CosineEmbeddingLoss" => {
            triple!(
                CosineEmbeddingLoss::new().margin(init.float_or(0, "margin", 0.0)?).reduction(reduction()?)
            )
        }
        "TripletMarginLoss" => triple!(
            TripletMarginLoss::new()
                .margin(init.float_or(0, "margin", 1.0)?)
                .p(init.float_or(1, "p", 2.0)?)
                .eps(init.float_or(2, "eps", 1e-6)?)
                .swap(init.bool_or(3, "swap", false)?)
                .reduction(reduction()?)
        ),
        "TripletMarginWithDistanceLoss" => triple!(
            TripletMarginWithDistanceLoss::new()
                .margin(by_name("margin", 1.0)?)
                .swap(init.bool_or(usize::MAX, "swap", false)?)
                .reduction(reduction()?)
        ),
        "MultiLabelMarginLoss" => pair!(MultiLabelMarginLoss::new().reduction(reduction()?)),
        "MultiLabelSoftMarginLoss" => {
            pair!(weighted!(MultiLabelSoftMarginLoss::new(), weight).reduction(reduction()?))
        }
        "MultiMarginLoss" => pair!(
            weighted!(MultiMarginLoss::new(), weight)
                .p(init.int_or(0, "p", 1)?)
                .margin(init.float_or(1, "margin", 1.0)?)
                .reduction(reduction()?)
        ),
        "SoftMarginLoss" => pair!(SoftMarginLoss::new().reduction(reduction()?)),
        "CTCLoss" => {
            let loss = CtcLoss::new()
                .blank(init.size_or(0, "blank", 0)?)
                .zero_infinity(init.bool_or(2, "zero_infinity", false)?)
                .reduction(reduction()?);
            wanted.module(loss, |loss, args| {
                let lengths = |place, name| match args.tensor(place, name) {
                    Ok(list) => Ok(list
                        .array()
                        .to_i64s()
                        .unwrap()
                        .into_iter()
                        .map(|length| length.max(0) as usize)
                        .collect()),
                    Err(_) => args.sizes(place, name),
                };
                let (inputs, targets): (Vec<usize>, Vec<usize>) =
                    (lengths(2, "input_lengths")?, lengths(3, "target_lengths")?);
                let (x, target) = (args.tensor(0, "log_probs")?, args.tensor(1, "targets")?);
                Ok(Value::Tensor(loss.forward(x, target, &inputs, &targets)?))
            })?
        }
        "AdaptiveLogSoftmaxWithLoss" => {
            let (features, classes) = (init.size(0, "in_features")?, init.size(1, "n_classes")?);
            let cutoffs = init.maybe_sizes(2, "cutoffs")?.unwrap_or_default();
            let loss = AdaptiveLogSoftmaxWithLoss::new(features, classes, cutoffs)
                .div_value(init.float_or(3, "div_value", 4.0)?)
                .head_bias(init.bool_or(4, "head_bias", false)?);
            wanted.module(loss, |loss, args| {
                let (output, loss) = loss.forward(args.tensor(0, "input")?, args.tensor(1, "target")?)?;
                Ok(Value::List(vec![Value::Tensor(output), Value::Tensor(loss)]))
            })?
        }
        "CosineSimilarity" => wanted.module(
            CosineSimilarity::new().dim(init.int_or(0, "dim", 1)?).eps(init.float_or(1, "eps", 1e-8)?),
            |cosine, args| Ok(Value::Tensor(cosine.forward(args.tensor(0, "x1")?, args.tensor(1, "x2")?)?)),
        )?,
        "PairwiseDistance" => wanted.module(
            PairwiseDistance::new()
                .p(init.float_or(0, "p", 2.0)?)
                .eps(init.float_or(1, "eps", 1e-6)?)
                .keepdim(init.bool_or(2, "keepdim", false)?),
            |distance, args| {
                Ok(Value::Tensor(distance.forward(args.tensor(0, "x1")?, args.tensor(1, "x2")?)?))
            },
        )?,
        _ => return Ok(None),
    }))
}
