//! Modules: attention of many heads, and the transformer family.

use cresset_autograd::Tensor;
use cresset_nn::{
    DecoderMasks, EncoderMasks, LayerNorm, MultiheadAttention, MultiheadAttentionOptions, Transformer,
    TransformerActivation, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder,
    TransformerEncoderLayer, TransformerMasks,
};
use cresset_ops::{Error, Result};

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// A layer with all its settings. Encoder and decoder layers differ in type, not in names.
macro_rules! layer {
    ($layer:ident, $init:expr) => {
        $layer::new($init.size(0, "d_model")?, $init.size(1, "nhead")?)
            .dim_feedforward($init.size_or(2, "dim_feedforward", 2048)?)
            .dropout($init.float_or(3, "dropout", 0.1)?)
            .activation(activation($init, 4)?)
            .layer_norm_eps($init.float_or(5, "layer_norm_eps", 1e-5)?)
            .batch_first($init.bool_or(6, "batch_first", false)?)
            .norm_first($init.bool_or(7, "norm_first", false)?)
            .bias($init.bool_or(8, "bias", true)?)
    };
}

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    Ok(Some(match name {
        "MultiheadAttention" => attention(init, wanted)?,
        "TransformerEncoderLayer" => {
            wanted.module(layer!(TransformerEncoderLayer, init), |layer, args| {
                let masks = encoder_masks(args, "src_mask")?;
                Ok(Value::Tensor(layer.forward_with(args.tensor(0, "src")?, masks)?))
            })?
        }
        "TransformerDecoderLayer" => {
            wanted.module(layer!(TransformerDecoderLayer, init), |layer, args| {
                let (tgt, memory) = (args.tensor(0, "tgt")?, args.tensor(1, "memory")?);
                Ok(Value::Tensor(layer.forward_with(tgt, memory, decoder_masks(args)?)?))
            })?
        }
        // A case of our own: the layer's arguments stand beside the stack's.
        "TransformerDecoder" => {
            let count = init.size(usize::MAX, "num_layers")?;
            let layers = (0..count).map(|_| Ok(layer!(TransformerDecoderLayer, init)));
            let mut layers = layers.collect::<Result<Vec<_>>>()?.into_iter();
            let decoder = TransformerDecoder::new(|| layers.next().unwrap(), count);
            let decoder = match init.bool_or(usize::MAX, "final_norm", false)? {
                true => decoder.norm(LayerNorm::new([init.size(0, "d_model")?])),
                false => decoder,
            };
            wanted.module(decoder, |decoder, args| {
                let (tgt, memory) = (args.tensor(0, "tgt")?, args.tensor(1, "memory")?);
                Ok(Value::Tensor(decoder.forward_with(tgt, memory, decoder_masks(args)?)?))
            })?
        }
        "TransformerEncoder" => encoder(init, wanted)?,
        "Transformer" => {
            let transformer =
                Transformer::new(init.size_or(0, "d_model", 512)?, init.size_or(1, "nhead", 8)?);
            let transformer = transformer
                .num_encoder_layers(init.size_or(2, "num_encoder_layers", 6)?)
                .num_decoder_layers(init.size_or(3, "num_decoder_layers", 6)?)
                .dim_feedforward(init.size_or(4, "dim_feedforward", 2048)?)
                .dropout(init.float_or(5, "dropout", 0.1)?)
                .activation(activation(init, 6)?)
                .layer_norm_eps(init.float_or(9, "layer_norm_eps", 1e-5)?)
                .batch_first(init.bool_or(10, "batch_first", false)?)
                .norm_first(init.bool_or(11, "norm_first", false)?)
                .bias(init.bool_or(12, "bias", true)?);
            wanted.module(transformer, |transformer, args| {
                let masks = TransformerMasks {
                    src_mask: args.maybe_tensor(2, "src_mask")?,
                    tgt_mask: args.maybe_tensor(3, "tgt_mask")?,
                    memory_mask: args.maybe_tensor(4, "memory_mask")?,
                    src_key_padding_mask: args.maybe_tensor(5, "src_key_padding_mask")?,
                    tgt_key_padding_mask: args.maybe_tensor(6, "tgt_key_padding_mask")?,
                    memory_key_padding_mask: args.maybe_tensor(7, "memory_key_padding_mask")?,
                    ..TransformerMasks::default()
                };
                let (src, tgt) = (args.tensor(0, "src")?, args.tensor(1, "tgt")?);
                Ok(Value::Tensor(transformer.forward_with(src, tgt, masks)?))
            })?
        }
        _ => return Ok(None),
    }))
}

fn attention(init: &Args<Tensor>, wanted: &Wanted) -> Result<Built> {
    let (size, heads) = (init.size(0, "embed_dim")?, init.size(1, "num_heads")?);
    let attention = MultiheadAttention::new(size, heads)
        .dropout(init.float_or(2, "dropout", 0.0)?)
        .bias(init.bool_or(3, "bias", true)?)
        .add_bias_kv(init.bool_or(4, "add_bias_kv", false)?)
        .add_zero_attn(init.bool_or(5, "add_zero_attn", false)?)
        .kdim(init.size_or(6, "kdim", size)?)
        .vdim(init.size_or(7, "vdim", size)?)
        .batch_first(init.bool_or(8, "batch_first", false)?);
    wanted.module(attention, |attention, args| {
        let options = MultiheadAttentionOptions {
            key_padding_mask: args.maybe_tensor(3, "key_padding_mask")?,
            need_weights: args.bool_or(4, "need_weights", true)?,
            attn_mask: args.maybe_tensor(5, "attn_mask")?,
            average_attn_weights: args.bool_or(6, "average_attn_weights", true)?,
            is_causal: args.bool_or(7, "is_causal", false)?,
        };
        let (query, key, value) =
            (args.tensor(0, "query")?, args.tensor(1, "key")?, args.tensor(2, "value")?);
        let (output, weights) = attention.forward_with(query, key, value, options)?;
        let list = [Some(output), weights].into_iter().flatten();
        Ok(Value::List(list.map(Value::Tensor).collect()))
    })
}

/// The activation of a layer: ReLU where nothing is said; a function that is not named is GELU, the only other one.
fn activation(init: &Args<Tensor>, place: usize) -> Result<TransformerActivation> {
    match init.given(place, "activation") {
        None => Ok(TransformerActivation::Relu),
        Some(Value::Text(name)) => name.parse(),
        Some(_) => Ok(TransformerActivation::Gelu),
    }
}

/// These cases do not say what their layer was made with. Sizes and biases are seen in the state; the rest follows from
/// the place of the sample among PyTorch's, the number in its name: three of their own, then 32 of all combinations of
/// two masks, `norm_first`, `batch_first` and `bias`, then four of `norm_first` and `bias` with the batch first.
fn encoder(init: &Args<Tensor>, wanted: &Wanted) -> Result<Built> {
    let unknown = || Error::argument("call", format!("{}: cannot tell the layer's arguments", init.variant));
    if init.has("d_model") {
        // A case of our own: the layer's arguments stand beside the stack's.
        let count = init.size(usize::MAX, "num_layers")?;
        let layers = (0..count).map(|_| Ok(layer!(TransformerEncoderLayer, init)));
        let mut layers = layers.collect::<Result<Vec<_>>>()?.into_iter();
        let encoder = TransformerEncoder::new(|| layers.next().unwrap(), count);
        return match init.bool_or(usize::MAX, "final_norm", false)? {
            true => called(encoder.norm(LayerNorm::new([init.size(0, "d_model")?])), wanted),
            false => called(encoder, wanted),
        };
    }
    init.get(0, "encoder_layer");
    let number = init.variant.rsplit('.').next().and_then(|number| number.parse().ok());
    let number: usize = number.ok_or_else(unknown)?;
    let (norm_first, batch_first) = match number {
        0..3 => (false, false),
        3..35 => ((number - 3) & 4 == 0, (number - 3) & 2 == 0),
        _ => ((number - 35) & 2 == 0, true),
    };
    let weight = wanted.state.get("layers.0.linear1.weight").ok_or_else(unknown)?;
    let [inner, size] = weight.shape()[..] else { return Err(unknown()) };
    let layer = || {
        TransformerEncoderLayer::new(size, 2)
            .dim_feedforward(inner)
            .dropout(0.0)
            .activation(if number == 1 { TransformerActivation::Gelu } else { TransformerActivation::Relu })
            .batch_first(batch_first)
            .norm_first(norm_first)
            .bias(wanted.state.contains("layers.0.linear1.bias"))
    };
    let encoder = TransformerEncoder::new(layer, init.size(1, "num_layers")?);
    called(encoder, wanted)
}

fn called(encoder: TransformerEncoder, wanted: &Wanted) -> Result<Built> {
    wanted.module(encoder, |encoder, args| {
        Ok(Value::Tensor(encoder.forward_with(args.tensor(0, "src")?, encoder_masks(args, "mask")?)?))
    })
}

fn encoder_masks<'a>(args: &'a Args<Tensor>, mask: &str) -> Result<EncoderMasks<'a>> {
    Ok(EncoderMasks {
        mask: args.maybe_tensor(1, mask)?,
        src_key_padding_mask: args.maybe_tensor(2, "src_key_padding_mask")?,
        is_causal: args.maybe_bool(3, "is_causal")?,
    })
}

fn decoder_masks(args: &Args<Tensor>) -> Result<DecoderMasks<'_>> {
    Ok(DecoderMasks {
        tgt_mask: args.maybe_tensor(2, "tgt_mask")?,
        memory_mask: args.maybe_tensor(3, "memory_mask")?,
        tgt_key_padding_mask: args.maybe_tensor(4, "tgt_key_padding_mask")?,
        memory_key_padding_mask: args.maybe_tensor(5, "memory_key_padding_mask")?,
        tgt_is_causal: args.maybe_bool(6, "tgt_is_causal")?,
        memory_is_causal: args.bool_or(7, "memory_is_causal", false)?,
    })
}
