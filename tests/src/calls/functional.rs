//! Calls: embeddings and attention.

use cresset_ops::{
    Apply, Error, Result,
    methods::{AttentionOptions, BagMode, EmbeddingBagOptions, EmbeddingOptions, prelude::*},
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let Some(name) = name.strip_prefix("nn.functional.") else { return Ok(None) };
    // The samples give the table first, as the object.
    let (weight, indices) = (|| args.tensor(0, "weight"), || args.tensor(1, "input"));
    Ok(Some(Value::from(match name {
        "embedding" => indices()?.embedding_with(
            weight()?,
            EmbeddingOptions {
                padding_idx: args.maybe_int(2, "padding_idx")?,
                max_norm: args.maybe_float(3, "max_norm")?,
                norm_type: args.float_or(4, "norm_type", 2.0)?,
                scale_grad_by_freq: args.bool_or(5, "scale_grad_by_freq", false)?,
            },
        )?,
        "embedding_bag" => {
            let mode = match args.text_or(6, "mode", "mean")? {
                "sum" => BagMode::Sum,
                "mean" => BagMode::Mean,
                "max" => BagMode::Max,
                other => {
                    return Err(Error::argument(
                        "embedding_bag",
                        format!("mode {other} is not sum, mean or max"),
                    ));
                }
            };
            indices()?.embedding_bag(
                weight()?,
                EmbeddingBagOptions {
                    offsets: args.maybe_tensor(2, "offsets")?,
                    max_norm: args.maybe_float(3, "max_norm")?,
                    norm_type: args.float_or(4, "norm_type", 2.0)?,
                    scale_grad_by_freq: args.bool_or(5, "scale_grad_by_freq", false)?,
                    mode,
                    per_sample_weights: args.maybe_tensor(8, "per_sample_weights")?,
                    include_last_offset: args.bool_or(9, "include_last_offset", false)?,
                    padding_idx: args.maybe_int(10, "padding_idx")?,
                },
            )?
        }
        "one_hot" => args.tensor(0, "tensor|self")?.one_hot(args.int_or(1, "num_classes", -1)?)?,
        "scaled_dot_product_attention" => {
            let options = AttentionOptions {
                attn_mask: args.maybe_tensor(3, "attn_mask")?,
                dropout_p: args.float_or(4, "dropout_p", 0.0)?,
                is_causal: args.bool_or(5, "is_causal", false)?,
                scale: args.maybe_float(6, "scale")?,
                enable_gqa: args.bool_or(7, "enable_gqa", false)?,
            };
            let (key, value) = (args.tensor(1, "key")?, args.tensor(2, "value")?);
            args.tensor(0, "query")?.scaled_dot_product_attention_with(key, value, options)?
        }
        _ => return Ok(None),
    })))
}
