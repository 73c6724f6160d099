//! Encoder and decoder together.

use cresset_autograd::{Apply, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use super::{
    decoder::{DecoderMasks, TransformerDecoder, TransformerDecoderLayer},
    encoder::{EncoderMasks, TransformerEncoder, TransformerEncoderLayer},
    feedforward::{LayerSettings, TransformerActivation, settings},
};
use crate::{Module, ModuleExt, entering};

/// What [`Transformer::forward_with`] takes besides source and target: as [`EncoderMasks`] and [`DecoderMasks`] say.
#[derive(Clone, Copy, Debug, Default)]
pub struct TransformerMasks<'a> {
    /// What a place of the source does not look at in the source.
    pub src_mask: Option<&'a Tensor>,
    /// What a target does not look at among the targets.
    pub tgt_mask: Option<&'a Tensor>,
    /// What a target does not look at in the encoded source.
    pub memory_mask: Option<&'a Tensor>,
    /// Places of the source that nobody in it looks at.
    pub src_key_padding_mask: Option<&'a Tensor>,
    /// Targets that nobody looks at.
    pub tgt_key_padding_mask: Option<&'a Tensor>,
    /// Places of the encoded source that nobody looks at.
    pub memory_key_padding_mask: Option<&'a Tensor>,
    /// Whether the source's mask is the causal one; found out where nothing is said.
    pub src_is_causal: Option<bool>,
    /// Whether the targets' mask is the causal one; found out where nothing is said.
    pub tgt_is_causal: Option<bool>,
    /// Whether the memory's mask is the causal one.
    pub memory_is_causal: bool,
}

/// An encoder of the source, and a decoder of the target that attends to it: PyTorch's `Transformer`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let transformer = Transformer::new(8, 2).num_encoder_layers(1).num_decoder_layers(1).dim_feedforward(16);
/// let (src, tgt) = (Tensor::zeros([7, 3, 8]), Tensor::zeros([5, 3, 8]));
/// assert_eq!(transformer.forward(&src, &tgt)?.shape(), tgt.shape());
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct Transformer {
    encoder: TransformerEncoder,
    decoder: TransformerDecoder,
    #[module(skip)]
    settings: LayerSettings,
}

impl Transformer {
    /// So many features and heads, with six layers on both sides. (PyTorch's defaults are 512 and 8.)
    #[track_caller]
    #[inline]
    pub fn new(d_model: usize, nhead: usize) -> Transformer {
        let settings = LayerSettings::new(d_model, nhead);
        let transformer = Transformer {
            encoder: TransformerEncoder::new(|| TransformerEncoderLayer::of(settings.clone()), 6),
            decoder: TransformerDecoder::new(|| TransformerDecoderLayer::of(settings.clone()), 6),
            settings,
        };
        transformer.finished(true)
    }

    /// The norms after the last layers; and all matrices drawn as Glorot does, where layers are new.
    #[track_caller]
    #[inline]
    fn finished(self, fresh: bool) -> Transformer {
        let transformer = Transformer {
            encoder: self.encoder.norm(self.settings.norm()),
            decoder: self.decoder.norm(self.settings.norm()),
            settings: self.settings,
        };
        if fresh {
            glorot(&transformer);
        }
        transformer
    }

    #[track_caller]
    #[inline]
    fn with(self, change: &dyn Fn(&mut LayerSettings)) -> Transformer {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let fresh = settings.weights() != self.settings.weights();
        let (encoder, decoder) = (self.encoder.with(change), self.decoder.with(change));
        Transformer { encoder, decoder, settings }.finished(fresh)
    }

    /// How many layers the encoder has; six unless said.
    #[track_caller]
    #[inline]
    pub fn num_encoder_layers(self, layers: usize) -> Transformer {
        let settings = self.settings.clone();
        let encoder = self.encoder.resized(layers, || TransformerEncoderLayer::of(settings.clone()));
        Transformer { encoder, ..self }.finished(true)
    }

    /// How many layers the decoder has; six unless said.
    #[track_caller]
    #[inline]
    pub fn num_decoder_layers(self, layers: usize) -> Transformer {
        let settings = self.settings.clone();
        let decoder = self.decoder.resized(layers, || TransformerDecoderLayer::of(settings.clone()));
        Transformer { decoder, ..self }.finished(true)
    }

    settings!();

    /// Without masks.
    #[track_caller]
    #[inline]
    pub fn forward(&self, src: &Tensor, tgt: &Tensor) -> Result<Tensor> {
        self.forward_with(src, tgt, TransformerMasks::default())
    }

    /// With masks.
    #[track_caller]
    #[inline]
    pub fn forward_with(&self, src: &Tensor, tgt: &Tensor, masks: TransformerMasks<'_>) -> Result<Tensor> {
        let boundary = entering(self);
        if src.rank() != tgt.rank() {
            let message =
                format!("source and target both have a batch or none: {} and {}", src.shape(), tgt.shape());
            return Err(Error::shape("transformer", message));
        }
        let memory = self.encoder.forward_with(
            src,
            EncoderMasks {
                mask: masks.src_mask,
                src_key_padding_mask: masks.src_key_padding_mask,
                is_causal: masks.src_is_causal,
            },
        )?;
        boundary.gives(self.decoder.forward_with(
            tgt,
            &memory,
            DecoderMasks {
                tgt_mask: masks.tgt_mask,
                memory_mask: masks.memory_mask,
                tgt_key_padding_mask: masks.tgt_key_padding_mask,
                memory_key_padding_mask: masks.memory_key_padding_mask,
                tgt_is_causal: masks.tgt_is_causal,
                memory_is_causal: masks.memory_is_causal,
            },
        ))
    }
}

/// Draws all matrices again as Glorot does, which the whole transformer has in place of its layers' ways.
#[track_caller]
#[inline]
fn glorot(transformer: &Transformer) {
    for (_, parameter) in transformer.named_parameters() {
        let Ok(tensor) = parameter.get() else { continue };
        if let [outputs, inputs] = tensor.shape()[..] {
            let bound = (6.0 / (outputs.saturating_add(inputs).max(1) as f64)).sqrt();
            // What is uniform within a finite bound cannot be refused.
            drop(cresset_autograd::no_grad(|| tensor.uniform_(-bound, bound).map(drop)));
        }
    }
}
