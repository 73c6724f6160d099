//! Modules: embeddings and bags of them.

use cresset_autograd::Tensor;
use cresset_nn::{BagMode, Embedding, EmbeddingBag};
use cresset_ops::{Error, Result};

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    Ok(Some(match name {
        "Embedding" => {
            let table = Embedding::new(init.size(0, "num_embeddings")?, init.size(1, "embedding_dim")?);
            let table = table.padding_idx(init.maybe_int(2, "padding_idx")?);
            let table = table.max_norm(init.maybe_float(3, "max_norm")?);
            let table = table.norm_type(init.float_or(4, "norm_type", 2.0)?);
            let table = table.scale_grad_by_freq(init.bool_or(5, "scale_grad_by_freq", false)?);
            wanted.layer(table.sparse(init.bool_or(6, "sparse", false)?))?
        }
        "EmbeddingBag" => {
            let table = EmbeddingBag::new(init.size(0, "num_embeddings")?, init.size(1, "embedding_dim")?);
            let table = table.max_norm(init.maybe_float(2, "max_norm")?);
            let table = table.norm_type(init.float_or(3, "norm_type", 2.0)?);
            let table = table.scale_grad_by_freq(init.bool_or(4, "scale_grad_by_freq", false)?);
            let table = table.mode(match init.text_or(5, "mode", "mean")? {
                "sum" => BagMode::Sum,
                "mean" => BagMode::Mean,
                "max" => BagMode::Max,
                other => return Err(Error::argument("call", format!("no mode {other}"))),
            });
            let table = table.sparse(init.bool_or(6, "sparse", false)?);
            let table = table.include_last_offset(init.bool_or(7, "include_last_offset", false)?);
            wanted.module(table.padding_idx(init.maybe_int(8, "padding_idx")?), |table, args| {
                let (offsets, weights) =
                    (args.maybe_tensor(1, "offsets")?, args.maybe_tensor(2, "per_sample_weights")?);
                Ok(Value::Tensor(table.forward_with(args.tensor(0, "input")?, offsets, weights)?))
            })?
        }
        _ => return Ok(None),
    }))
}
