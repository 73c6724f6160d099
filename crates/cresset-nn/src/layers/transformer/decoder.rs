//! The transformer's decoder, and its layer.

use cresset_autograd::{Result, Tensor};

use super::{
    attention::{MultiheadAttention, MultiheadAttentionOptions},
    encoder::causal,
    feedforward::{LayerSettings, TransformerActivation, residual, settings},
};
use crate::{Dropout, Layer, LayerNorm, Linear, Module, entering};

/// What a decoder's `forward_with` takes besides the inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecoderMasks<'a> {
    /// `[time, time]` or `[batch·heads, time, time]`: what a place does not look at among the targets (`bool`), or what is
    /// added to the products.
    pub tgt_mask: Option<&'a Tensor>,
    /// The same of what it looks at in the memory.
    pub memory_mask: Option<&'a Tensor>,
    /// `[batch, time]` (or `[time]`): targets that nobody looks at.
    pub tgt_key_padding_mask: Option<&'a Tensor>,
    /// The same of the memory.
    pub memory_key_padding_mask: Option<&'a Tensor>,
    /// Whether a target looks at itself and those before alone. If there is a mask, this says that it is that mask; a
    /// decoder finds out where nothing is said.
    pub tgt_is_causal: Option<bool>,
    /// The same of the memory, where nothing is found out.
    pub memory_is_causal: bool,
}

/// Self-attention, attention to an encoder's output, and a network of two linear maps, each added to its input and
/// normalised: PyTorch's `TransformerDecoderLayer`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = TransformerDecoderLayer::new(8, 2).dim_feedforward(16).batch_first(true);
/// let (tgt, memory) = (Tensor::zeros([3, 5, 8]), Tensor::zeros([3, 7, 8]));
/// assert_eq!(layer.forward(&tgt, &memory)?.shape(), tgt.shape());
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct TransformerDecoderLayer {
    self_attn: MultiheadAttention,
    multihead_attn: MultiheadAttention,
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    norm3: LayerNorm,
    dropout1: Dropout,
    dropout2: Dropout,
    dropout3: Dropout,
    #[module(skip)]
    settings: LayerSettings,
}

impl TransformerDecoderLayer {
    /// So many features and heads.
    #[track_caller]
    #[inline]
    pub fn new(d_model: usize, nhead: usize) -> TransformerDecoderLayer {
        TransformerDecoderLayer::of(LayerSettings::new(d_model, nhead))
    }

    #[track_caller]
    #[inline]
    pub(super) fn of(settings: LayerSettings) -> TransformerDecoderLayer {
        let LayerSettings { d_model, nhead, dim_feedforward, dropout, batch_first, bias, .. } = settings;
        let attention = || {
            let attention = MultiheadAttention::new(d_model, nhead).dropout(dropout);
            attention.bias(bias).batch_first(batch_first)
        };
        TransformerDecoderLayer {
            self_attn: attention(),
            multihead_attn: attention(),
            linear1: Linear::new(d_model, dim_feedforward).bias(bias),
            dropout: Dropout::new(dropout),
            linear2: Linear::new(dim_feedforward, d_model).bias(bias),
            norm1: settings.norm(),
            norm2: settings.norm(),
            norm3: settings.norm(),
            dropout1: Dropout::new(dropout),
            dropout2: Dropout::new(dropout),
            dropout3: Dropout::new(dropout),
            settings,
        }
    }

    /// With other settings: weights of other shapes are drawn anew.
    #[track_caller]
    #[inline]
    pub(super) fn with(self, change: &dyn Fn(&mut LayerSettings)) -> TransformerDecoderLayer {
        let mut settings = self.settings.clone();
        change(&mut settings);
        if settings.weights() != self.settings.weights() {
            return TransformerDecoderLayer::of(settings);
        }
        let attention = |attention: MultiheadAttention| {
            attention.dropout(settings.dropout).batch_first(settings.batch_first)
        };
        TransformerDecoderLayer {
            self_attn: attention(self.self_attn),
            multihead_attn: attention(self.multihead_attn),
            norm1: self.norm1.eps(settings.layer_norm_eps),
            norm2: self.norm2.eps(settings.layer_norm_eps),
            norm3: self.norm3.eps(settings.layer_norm_eps),
            dropout: Dropout::new(settings.dropout),
            dropout1: Dropout::new(settings.dropout),
            dropout2: Dropout::new(settings.dropout),
            dropout3: Dropout::new(settings.dropout),
            linear1: self.linear1,
            linear2: self.linear2,
            settings,
        }
    }

    settings!();

    /// Without masks.
    #[track_caller]
    #[inline]
    pub fn forward(&self, tgt: &Tensor, memory: &Tensor) -> Result<Tensor> {
        self.forward_with(tgt, memory, DecoderMasks::default())
    }

    /// With masks.
    #[track_caller]
    #[inline]
    pub fn forward_with(&self, tgt: &Tensor, memory: &Tensor, masks: DecoderMasks<'_>) -> Result<Tensor> {
        let boundary = entering(self);
        let norm_first = self.settings.norm_first;
        let x = residual(tgt, &self.norm1, norm_first, |x| {
            let options = MultiheadAttentionOptions {
                attn_mask: masks.tgt_mask,
                key_padding_mask: masks.tgt_key_padding_mask,
                need_weights: false,
                is_causal: masks.tgt_is_causal.unwrap_or(false),
                ..MultiheadAttentionOptions::default()
            };
            self.dropout1.forward(&self.self_attn.forward_with(x, x, x, options)?.0)
        })?;
        let x = residual(&x, &self.norm2, norm_first, |x| {
            let options = MultiheadAttentionOptions {
                attn_mask: masks.memory_mask,
                key_padding_mask: masks.memory_key_padding_mask,
                need_weights: false,
                is_causal: masks.memory_is_causal,
                ..MultiheadAttentionOptions::default()
            };
            self.dropout2.forward(&self.multihead_attn.forward_with(x, memory, memory, options)?.0)
        })?;
        boundary.gives(residual(&x, &self.norm3, norm_first, |x| {
            let inner = self.settings.activation.apply(&self.linear1.forward(x)?)?;
            self.dropout3.forward(&self.linear2.forward(&self.dropout.forward(&inner)?)?)
        }))
    }
}

/// Decoder layers one after another: PyTorch's `TransformerDecoder`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = || TransformerDecoderLayer::new(8, 2).dim_feedforward(16);
/// let decoder = TransformerDecoder::new(layer, 2);
/// let (tgt, memory) = (Tensor::zeros([5, 3, 8]), Tensor::zeros([7, 3, 8]));
/// let mask = generate_square_subsequent_mask(5)?;
/// let masks = DecoderMasks { tgt_mask: Some(&mask), ..Default::default() };
/// assert_eq!(decoder.forward_with(&tgt, &memory, masks)?.shape(), tgt.shape());
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct TransformerDecoder {
    layers: Vec<TransformerDecoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerDecoder {
    /// So many layers as a closure makes them, each with weights of its own. (PyTorch's are copies of one layer, which
    /// begin with the same weights.)
    #[track_caller]
    pub fn new(layer: impl FnMut() -> TransformerDecoderLayer, num_layers: usize) -> TransformerDecoder {
        TransformerDecoder { layers: std::iter::repeat_with(layer).take(num_layers).collect(), norm: None }
    }

    /// All layers with other settings.
    #[track_caller]
    #[inline]
    pub(super) fn with(self, change: &dyn Fn(&mut LayerSettings)) -> TransformerDecoder {
        let layers = self.layers.into_iter().map(|layer| layer.with(change)).collect();
        TransformerDecoder { layers, ..self }
    }

    /// With so many layers: the first ones, or more as a closure makes them.
    #[track_caller]
    pub(super) fn resized(
        mut self,
        count: usize,
        layer: impl FnMut() -> TransformerDecoderLayer,
    ) -> TransformerDecoder {
        self.layers.resize_with(count, layer);
        self
    }

    /// With a norm after the last layer.
    #[inline]
    pub fn norm(self, norm: LayerNorm) -> TransformerDecoder {
        TransformerDecoder { norm: Some(norm), ..self }
    }

    /// Without masks.
    #[track_caller]
    #[inline]
    pub fn forward(&self, tgt: &Tensor, memory: &Tensor) -> Result<Tensor> {
        self.forward_with(tgt, memory, DecoderMasks::default())
    }

    /// With masks.
    #[track_caller]
    #[inline]
    pub fn forward_with(&self, tgt: &Tensor, memory: &Tensor, masks: DecoderMasks<'_>) -> Result<Tensor> {
        let boundary = entering(self);
        let batch_first = self.layers.first().is_some_and(|layer| layer.settings.batch_first);
        let is_causal = causal(masks.tgt_is_causal, masks.tgt_mask, tgt, batch_first)?;
        let masks = DecoderMasks { tgt_is_causal: Some(is_causal), ..masks };
        let mut x = tgt.clone();
        for layer in &self.layers {
            x = layer.forward_with(&x, memory, masks)?;
        }
        boundary.gives(match &self.norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        })
    }
}
