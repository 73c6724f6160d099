//! The transformer's encoder, and its layer.

use cresset_autograd::{Apply, Result, Tensor};

use super::{
    attention::{MultiheadAttention, MultiheadAttentionOptions},
    feedforward::{LayerSettings, TransformerActivation, residual, settings},
    masks::is_subsequent,
};
use crate::{Dropout, Layer, LayerNorm, Linear, Module, entering};

/// What an encoder's `forward_with` takes besides the input.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncoderMasks<'a> {
    /// `[time, time]` or `[batch·heads, time, time]`: what a place does not look at (`bool`), or what is added to the
    /// products. PyTorch's `mask` and `src_mask`.
    pub mask: Option<&'a Tensor>,
    /// `[batch, time]` (or `[time]`): places that nobody looks at.
    pub src_key_padding_mask: Option<&'a Tensor>,
    /// Whether a place looks at itself and those before alone. If there is a mask, this says that it is that mask; an
    /// encoder finds out where nothing is said.
    pub is_causal: Option<bool>,
}

/// Self-attention and a network of two linear maps, each added to its input and normalised: PyTorch's
/// `TransformerEncoderLayer`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = TransformerEncoderLayer::new(8, 2).dim_feedforward(16).batch_first(true).norm_first(true);
/// let x = Tensor::zeros([3, 5, 8]);
/// assert_eq!(layer.forward(&x)?.shape(), x.shape());
/// let causal = EncoderMasks { is_causal: Some(true), ..Default::default() };
/// assert_eq!(layer.forward_with(&x, causal)?.shape(), x.shape());
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct TransformerEncoderLayer {
    self_attn: MultiheadAttention,
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
    dropout1: Dropout,
    dropout2: Dropout,
    #[module(skip)]
    settings: LayerSettings,
}

impl TransformerEncoderLayer {
    /// So many features and heads.
    #[track_caller]
    #[inline]
    pub fn new(d_model: usize, nhead: usize) -> TransformerEncoderLayer {
        TransformerEncoderLayer::of(LayerSettings::new(d_model, nhead))
    }

    #[track_caller]
    #[inline]
    pub(super) fn of(settings: LayerSettings) -> TransformerEncoderLayer {
        let LayerSettings { d_model, nhead, dim_feedforward, dropout, batch_first, bias, .. } = settings;
        let attention = MultiheadAttention::new(d_model, nhead).dropout(dropout);
        TransformerEncoderLayer {
            self_attn: attention.bias(bias).batch_first(batch_first),
            linear1: Linear::new(d_model, dim_feedforward).bias(bias),
            dropout: Dropout::new(dropout),
            linear2: Linear::new(dim_feedforward, d_model).bias(bias),
            norm1: settings.norm(),
            norm2: settings.norm(),
            dropout1: Dropout::new(dropout),
            dropout2: Dropout::new(dropout),
            settings,
        }
    }

    /// With other settings: weights of other shapes are drawn anew.
    #[track_caller]
    #[inline]
    pub(super) fn with(self, change: &dyn Fn(&mut LayerSettings)) -> TransformerEncoderLayer {
        let mut settings = self.settings.clone();
        change(&mut settings);
        if settings.weights() != self.settings.weights() {
            return TransformerEncoderLayer::of(settings);
        }
        let attention = |attention: MultiheadAttention| {
            attention.dropout(settings.dropout).batch_first(settings.batch_first)
        };
        TransformerEncoderLayer {
            self_attn: attention(self.self_attn),
            norm1: self.norm1.eps(settings.layer_norm_eps),
            norm2: self.norm2.eps(settings.layer_norm_eps),
            dropout: Dropout::new(settings.dropout),
            dropout1: Dropout::new(settings.dropout),
            dropout2: Dropout::new(settings.dropout),
            linear1: self.linear1,
            linear2: self.linear2,
            settings,
        }
    }

    settings!();

    /// With masks.
    #[track_caller]
    #[inline]
    pub fn forward_with(&self, src: &Tensor, masks: EncoderMasks<'_>) -> Result<Tensor> {
        let boundary = entering(self);
        let norm_first = self.settings.norm_first;
        let x = residual(src, &self.norm1, norm_first, |x| {
            let options = MultiheadAttentionOptions {
                attn_mask: masks.mask,
                key_padding_mask: masks.src_key_padding_mask,
                need_weights: false,
                is_causal: masks.is_causal.unwrap_or(false),
                ..MultiheadAttentionOptions::default()
            };
            self.dropout1.forward(&self.self_attn.forward_with(x, x, x, options)?.0)
        })?;
        boundary.gives(residual(&x, &self.norm2, norm_first, |x| {
            let inner = self.settings.activation.apply(&self.linear1.forward(x)?)?;
            self.dropout2.forward(&self.linear2.forward(&self.dropout.forward(&inner)?)?)
        }))
    }
}

impl Layer for TransformerEncoderLayer {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, EncoderMasks::default())
    }
}

/// Encoder layers one after another: PyTorch's `TransformerEncoder`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let layer = || TransformerEncoderLayer::new(8, 2).dim_feedforward(16).batch_first(true);
/// let encoder = TransformerEncoder::new(layer, 3).norm(LayerNorm::new([8]));
/// assert_eq!(encoder.forward(&Tensor::zeros([2, 5, 8]))?.shape(), &[2, 5, 8]);
/// assert!(encoder.state_dict().contains("layers.2.self_attn.out_proj.weight"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct TransformerEncoder {
    layers: Vec<TransformerEncoderLayer>,
    norm: Option<LayerNorm>,
}

impl TransformerEncoder {
    /// So many layers as a closure makes them, each with weights of its own. (PyTorch's are copies of one layer, which
    /// begin with the same weights.)
    #[track_caller]
    pub fn new(layer: impl FnMut() -> TransformerEncoderLayer, num_layers: usize) -> TransformerEncoder {
        TransformerEncoder { layers: std::iter::repeat_with(layer).take(num_layers).collect(), norm: None }
    }

    /// All layers with other settings.
    #[track_caller]
    #[inline]
    pub(super) fn with(self, change: &dyn Fn(&mut LayerSettings)) -> TransformerEncoder {
        let layers = self.layers.into_iter().map(|layer| layer.with(change)).collect();
        TransformerEncoder { layers, ..self }
    }

    /// With so many layers: the first ones, or more as a closure makes them.
    #[track_caller]
    pub(super) fn resized(
        mut self,
        count: usize,
        layer: impl FnMut() -> TransformerEncoderLayer,
    ) -> TransformerEncoder {
        self.layers.resize_with(count, layer);
        self
    }

    /// With a norm after the last layer.
    #[inline]
    pub fn norm(self, norm: LayerNorm) -> TransformerEncoder {
        TransformerEncoder { norm: Some(norm), ..self }
    }

    /// With masks.
    #[track_caller]
    #[inline]
    pub fn forward_with(&self, src: &Tensor, masks: EncoderMasks<'_>) -> Result<Tensor> {
        let boundary = entering(self);
        let batch_first = self.layers.first().is_some_and(|layer| layer.settings.batch_first);
        let is_causal = causal(masks.is_causal, masks.mask, src, batch_first)?;
        let masks = EncoderMasks { is_causal: Some(is_causal), ..masks };
        let mut x = src.clone();
        for layer in &self.layers {
            x = layer.forward_with(&x, masks)?;
        }
        boundary.gives(match &self.norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        })
    }
}

impl Layer for TransformerEncoder {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, EncoderMasks::default())
    }
}

/// Whether the mask is the one with which a place looks at itself and those before: as said, or found out, since without
/// the mask it is faster.
#[inline]
pub fn causal(said: Option<bool>, mask: Option<&Tensor>, x: &Tensor, batch_first: bool) -> Result<bool> {
    match (said, mask) {
        (Some(said), _) => Ok(said),
        (None, None) => Ok(false),
        (None, Some(mask)) => {
            let time = if x.rank() == 3 && batch_first { 1 } else { 0 };
            match x.shape().get(time) {
                Some(&size) => is_subsequent(mask, size),
                None => Ok(false),
            }
        }
    }
}
