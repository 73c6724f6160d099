//! Calls: losses.

use cresset_ops::{
    Apply, Result,
    methods::{
        CrossEntropyOptions, LinearCrossEntropyOptions, LossReduction, MultiMarginOptions, PoissonNllOptions,
        TripletMarginOptions, prelude::*,
    },
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

/// By name alone: in PyTorch's signatures it comes after arguments long deprecated.
fn reduction<T: Apply>(args: &Args<T>) -> Result<LossReduction> {
    args.text_or(usize::MAX, "reduction", "mean")?.parse()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let Some(name) = name.strip_prefix("nn.functional.") else { return Ok(None) };
    let x = || args.tensor(0, "input");
    let target = || args.tensor(1, "target");
    let weight = || args.maybe_tensor(usize::MAX, "weight");
    let by_name = |name: &str, default: f64| args.float_or(usize::MAX, name, default);
    Ok(Some(Value::from(match name {
        "mse_loss" => x()?.mse_loss_with(target()?, weight()?, reduction(args)?)?,
        "l1_loss" => x()?.l1_loss_with(target()?, weight()?, reduction(args)?)?,
        "smooth_l1_loss" => x()?.smooth_l1_loss_with(target()?, by_name("beta", 1.0)?, reduction(args)?)?,
        "huber_loss" => {
            x()?.huber_loss_with(target()?, by_name("delta", 1.0)?, weight()?, reduction(args)?)?
        }
        "poisson_nll_loss" => x()?.poisson_nll_loss_with(
            target()?,
            PoissonNllOptions {
                log_input: args.bool_or(2, "log_input", true)?,
                full: args.bool_or(3, "full", false)?,
                eps: by_name("eps", 1e-8)?,
                reduction: reduction(args)?,
            },
        )?,
        "gaussian_nll_loss" => {
            let (full, eps) = (args.bool_or(3, "full", false)?, args.float_or(4, "eps", 1e-6)?);
            x()?.gaussian_nll_loss_with(target()?, args.operand(2, "var")?, full, eps, reduction(args)?)?
        }
        "cross_entropy" => x()?.cross_entropy_with(
            target()?,
            CrossEntropyOptions {
                weight: weight()?,
                ignore_index: args.int_or(usize::MAX, "ignore_index", -100)?,
                reduction: reduction(args)?,
                label_smoothing: by_name("label_smoothing", 0.0)?,
            },
        )?,
        "nll_loss" => {
            let ignored = args.int_or(usize::MAX, "ignore_index", -100)?;
            x()?.nll_loss_with(target()?, weight()?, ignored, reduction(args)?)?
        }
        "linear_cross_entropy" => x()?.linear_cross_entropy_with(
            args.tensor(1, "linear_weight")?,
            args.tensor(2, "target")?,
            LinearCrossEntropyOptions {
                linear_bias: args.maybe_tensor(usize::MAX, "linear_bias")?,
                weight: weight()?,
                reduction: reduction(args)?,
                ignore_index: args.maybe_int(usize::MAX, "ignore_index")?,
                label_smoothing: by_name("label_smoothing", 0.0)?,
            },
        )?,
        "binary_cross_entropy" => x()?.binary_cross_entropy_with(target()?, weight()?, reduction(args)?)?,
        "binary_cross_entropy_with_logits" => {
            let positive = args.maybe_tensor(usize::MAX, "pos_weight")?;
            x()?.binary_cross_entropy_with_logits_with(target()?, weight()?, positive, reduction(args)?)?
        }
        "kl_div" => {
            let log_target = args.bool_or(usize::MAX, "log_target", false)?;
            match args.text_or(usize::MAX, "reduction", "mean")? {
                "batchmean" => x()?.kl_div_batchmean(target()?, log_target)?,
                reduction => x()?.kl_div_with(target()?, log_target, reduction.parse()?)?,
            }
        }
        "hinge_embedding_loss" => {
            x()?.hinge_embedding_loss_with(target()?, args.float_or(2, "margin", 1.0)?, reduction(args)?)?
        }
        "cosine_embedding_loss" => args.tensor(0, "input1")?.cosine_embedding_loss_with(
            args.tensor(1, "input2")?,
            args.tensor(2, "target")?,
            args.float_or(3, "margin", 0.0)?,
            reduction(args)?,
        )?,
        "margin_ranking_loss" => args.tensor(0, "input1")?.margin_ranking_loss_with(
            args.tensor(1, "input2")?,
            args.tensor(2, "target")?,
            args.float_or(3, "margin", 0.0)?,
            reduction(args)?,
        )?,
        "triplet_margin_loss" => {
            let options = TripletMarginOptions {
                margin: args.float_or(3, "margin", 1.0)?,
                p: args.float_or(4, "p", 2.0)?,
                eps: args.float_or(5, "eps", 1e-6)?,
                swap: args.bool_or(6, "swap", false)?,
                reduction: reduction(args)?,
            };
            let (positive, negative) = (args.tensor(1, "positive")?, args.tensor(2, "negative")?);
            args.tensor(0, "anchor")?.triplet_margin_loss_with(positive, negative, options)?
        }
        "triplet_margin_with_distance_loss" => args.tensor(0, "anchor")?.triplet_margin_with_distance_loss(
            args.tensor(1, "positive")?,
            args.tensor(2, "negative")?,
            |a, b| a.pairwise_distance(b, 2.0, 1e-6, false),
            by_name("margin", 1.0)?,
            args.bool_or(usize::MAX, "swap", false)?,
            reduction(args)?,
        )?,
        "soft_margin_loss" => x()?.soft_margin_loss_with(target()?, reduction(args)?)?,
        "multilabel_soft_margin_loss" => {
            x()?.multilabel_soft_margin_loss_with(target()?, weight()?, reduction(args)?)?
        }
        "multi_margin_loss" => x()?.multi_margin_loss_with(
            target()?,
            MultiMarginOptions {
                p: args.int_or(2, "p", 1)?,
                margin: args.float_or(3, "margin", 1.0)?,
                weight: args.maybe_tensor(4, "weight")?,
                reduction: reduction(args)?,
            },
        )?,
        "multilabel_margin_loss" => x()?.multilabel_margin_loss_with(target()?, reduction(args)?)?,
        "ctc_loss" => {
            let lengths = |place, name| match args.tensor(place, name) {
                Ok(list) => {
                    Ok(list.array().to_i64s().unwrap().into_iter().map(|x| x.max(0) as usize).collect())
                }
                Err(_) => args.sizes(place, name),
            };
            let (inputs, targets): (Vec<usize>, Vec<usize>) =
                (lengths(2, "input_lengths")?, lengths(3, "target_lengths")?);
            args.tensor(0, "log_probs")?.ctc_loss_with(
                args.tensor(1, "targets")?,
                &inputs,
                &targets,
                args.size_or(4, "blank", 0)?,
                reduction(args)?,
                args.bool_or(6, "zero_infinity", false)?,
            )?
        }
        _ => return Ok(None),
    })))
}
