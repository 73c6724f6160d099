//! Attention of many heads.

use cresset_autograd::{Apply, DType, Error, Result, Shape, Tensor, select};
use cresset_ops::methods::{AttentionOptions, prelude::*};

use super::masks::{Sizes, above_diagonal, merged, with_more_keys};
use crate::{
    Module, Parameter, Training, entering,
    init::{bound_of, within},
    print::truth,
};

/// What [`MultiheadAttention::forward_with`] takes besides query, key and value, with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct MultiheadAttentionOptions<'a> {
    /// `[batch, keys]` (or `[keys]`): keys that nobody looks at (`bool`), or what is added to their products.
    pub key_padding_mask: Option<&'a Tensor>,
    /// Whether the weights are given, too; without them it is faster.
    pub need_weights: bool,
    /// `[queries, keys]` or `[batch·heads, queries, keys]`: what a query does *not* look at (`bool`), or what is added to
    /// the products.
    pub attn_mask: Option<&'a Tensor>,
    /// Whether the weights given are the mean of all heads.
    pub average_attn_weights: bool,
    /// Whether query `i` looks at keys `0..=i` alone. If there is an `attn_mask`, this says that it is that mask.
    pub is_causal: bool,
}

impl Default for MultiheadAttentionOptions<'_> {
    #[inline]
    fn default() -> Self {
        MultiheadAttentionOptions {
            key_padding_mask: None,
            need_weights: true,
            attn_mask: None,
            average_attn_weights: true,
            is_causal: false,
        }
    }
}

/// Attention of several heads, each over its part of the features: PyTorch's `MultiheadAttention`.
///
/// Queries, keys and values are mapped linearly, attended to by head, put side by side, and mapped linearly again. Inputs
/// are `[time, batch, features]`, with [`batch_first`](MultiheadAttention::batch_first) `[batch, time, features]`, or
/// `[time, features]`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let attention = MultiheadAttention::new(8, 2).batch_first(true);
/// let x = Tensor::zeros([3, 5, 8]);
/// let (output, weights) = attention.forward(&x, &x, &x)?;
/// assert_eq!(output.shape(), &[3, 5, 8]);
/// assert_eq!(weights.map(|weights| weights.shape().clone()), Some([3, 5, 5].into()));
/// let fast = MultiheadAttentionOptions { need_weights: false, is_causal: true, ..Default::default() };
/// assert!(attention.forward_with(&x, &x, &x, fast)?.1.is_none());
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
pub struct MultiheadAttention {
    /// `[3·embed_dim, embed_dim]`: of queries, keys and values, where all are of one size.
    pub in_proj_weight: Option<Parameter>,
    /// `[embed_dim, embed_dim]`, where sizes differ.
    pub q_proj_weight: Option<Parameter>,
    /// `[embed_dim, kdim]`, where sizes differ.
    pub k_proj_weight: Option<Parameter>,
    /// `[embed_dim, vdim]`, where sizes differ.
    pub v_proj_weight: Option<Parameter>,
    /// `[3·embed_dim]`.
    pub in_proj_bias: Option<Parameter>,
    /// `[1, 1, embed_dim]`: one more key.
    pub bias_k: Option<Parameter>,
    /// `[1, 1, embed_dim]`: one more value.
    pub bias_v: Option<Parameter>,
    out_proj: OutProjection,
    #[module(skip)]
    settings: Settings,
    training: Training,
}

#[derive(Clone)]
struct Settings {
    embed_dim: usize,
    num_heads: usize,
    kdim: usize,
    vdim: usize,
    dropout: f64,
    bias: bool,
    add_bias_kv: bool,
    add_zero_attn: bool,
    batch_first: bool,
}

/// The last linear map. PyTorch prints it by a name of its own.
#[derive(Module)]
#[module(name = "NonDynamicallyQuantizableLinear", extra)]
struct OutProjection {
    weight: Parameter,
    bias: Option<Parameter>,
}

impl OutProjection {
    #[inline]
    fn extra(&self) -> String {
        let (weight, bias) = (&self.weight, truth(self.bias.is_some()));
        let [outputs, inputs] = weight.shape()[..] else { return String::new() };
        format!("in_features={inputs}, out_features={outputs}, bias={bias}")
    }
}

impl MultiheadAttention {
    /// So many heads over so many features, with biases.
    #[track_caller]
    #[inline]
    pub fn new(embed_dim: usize, num_heads: usize) -> MultiheadAttention {
        MultiheadAttention::of(Settings {
            embed_dim,
            num_heads,
            kdim: embed_dim,
            vdim: embed_dim,
            dropout: 0.0,
            bias: true,
            add_bias_kv: false,
            add_zero_attn: false,
            batch_first: false,
        })
    }

    #[track_caller]
    #[inline]
    fn of(settings: Settings) -> MultiheadAttention {
        let Settings { embed_dim: size, kdim, vdim, bias, add_bias_kv, .. } = settings;
        let refused = settings.check().err();
        let make = |made: &dyn Fn() -> Result<Tensor>| {
            Parameter::of(match &refused {
                Some(error) => Err(error.clone()),
                None => made(),
            })
        };
        // Glorot's: evenly within √(6/(inputs + outputs)).
        let drawn = |outputs: usize, inputs: usize| {
            let bound = (6.0 / (outputs.saturating_add(inputs).max(1) as f64)).sqrt();
            make(&|| within([outputs, inputs], bound))
        };
        let zeros = |count: usize| make(&|| Tensor::zeros_with([count], ()));
        let more = || {
            make(&|| {
                let row = Tensor::empty_with([1, 1, size], ())?;
                row.normal_(0.0, bound_of(size))?;
                Ok(row)
            })
        };
        let same = kdim == size && vdim == size;
        let triple = size.saturating_mul(3);
        MultiheadAttention {
            in_proj_weight: same.then(|| drawn(triple, size)),
            q_proj_weight: (!same).then(|| drawn(size, size)),
            k_proj_weight: (!same).then(|| drawn(size, kdim)),
            v_proj_weight: (!same).then(|| drawn(size, vdim)),
            in_proj_bias: bias.then(|| zeros(triple)),
            bias_k: add_bias_kv.then(more),
            bias_v: add_bias_kv.then(more),
            out_proj: OutProjection {
                weight: make(&|| within([size, size], bound_of(size))),
                bias: bias.then(|| zeros(size)),
            },
            settings,
            training: Training::default(),
        }
    }

    /// With other settings: weights of other shapes are drawn anew.
    #[track_caller]
    #[inline]
    fn with(self, change: &dyn Fn(&mut Settings)) -> MultiheadAttention {
        let mut settings = self.settings.clone();
        change(&mut settings);
        if settings.weights() == self.settings.weights() {
            MultiheadAttention { settings, ..self }
        } else {
            MultiheadAttention::of(settings)
        }
    }

    /// In training, the probability with which a weight is dropped.
    #[track_caller]
    #[inline]
    pub fn dropout(self, dropout: f64) -> MultiheadAttention {
        self.with(&|settings| settings.dropout = dropout)
    }

    /// With biases of all linear maps, or without. Weights are drawn anew.
    #[track_caller]
    #[inline]
    pub fn bias(self, bias: bool) -> MultiheadAttention {
        self.with(&|settings| settings.bias = bias)
    }

    /// With one more key and value, which are learned. Weights are drawn anew.
    #[track_caller]
    #[inline]
    pub fn add_bias_kv(self, add: bool) -> MultiheadAttention {
        self.with(&|settings| settings.add_bias_kv = add)
    }

    /// With one more key and value, which are zero.
    #[track_caller]
    #[inline]
    pub fn add_zero_attn(self, add: bool) -> MultiheadAttention {
        self.with(&|settings| settings.add_zero_attn = add)
    }

    /// How many features keys have. Weights are drawn anew.
    #[track_caller]
    #[inline]
    pub fn kdim(self, kdim: usize) -> MultiheadAttention {
        self.with(&|settings| settings.kdim = kdim)
    }

    /// How many features values have. Weights are drawn anew.
    #[track_caller]
    #[inline]
    pub fn vdim(self, vdim: usize) -> MultiheadAttention {
        self.with(&|settings| settings.vdim = vdim)
    }

    /// Whether inputs are `[batch, time, features]` instead of `[time, batch, features]`.
    #[track_caller]
    #[inline]
    pub fn batch_first(self, batch_first: bool) -> MultiheadAttention {
        self.with(&|settings| settings.batch_first = batch_first)
    }

    /// The output, and the mean weights of all heads `[batch, queries, keys]`.
    #[track_caller]
    #[inline]
    pub fn forward(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        self.forward_with(query, key, value, MultiheadAttentionOptions::default())
    }

    /// The output, and the weights if they are wanted: `[batch, queries, keys]`, or of each head `[batch, heads, queries,
    /// keys]`.
    #[track_caller]
    #[inline]
    pub fn forward_with(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        options: MultiheadAttentionOptions<'_>,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let boundary = entering(self);
        let Settings { batch_first, add_zero_attn, dropout, .. } = self.settings;
        let MultiheadAttentionOptions { need_weights, average_attn_weights, .. } = options;
        self.out_proj.weight.get()?;
        let sizes = self.check(query, key, value)?;
        let batched = query.rank() == 3;
        let dim = if batch_first { 0 } else { 1 };
        let with_batch = |x: &Tensor| if batched { Ok(x.clone()) } else { x.unsqueeze(dim) };
        let key_padding_mask = match options.key_padding_mask {
            Some(mask) if !batched && mask.rank() == 1 => Some(mask.unsqueeze(0)?),
            mask => mask.cloned(),
        };
        let is_causal = options.is_causal && key_padding_mask.is_none() && !need_weights;
        let causal = match (options.is_causal, options.attn_mask) {
            (true, None) if !is_causal => Some(above_diagonal(sizes.queries, sizes.keys, query.device())?),
            _ => None,
        };
        let attn_mask = if is_causal { None } else { options.attn_mask.or(causal.as_ref()) };
        let mut mask = merged(attn_mask, key_padding_mask.as_ref(), sizes, query.dtype())?;

        let (query, key, value) = (with_batch(query)?, with_batch(key)?, with_batch(value)?);
        let query = self.heads(&self.mapped(&query, 0)?)?;
        let (mut key, mut value) = (self.mapped(&key, 1)?, self.mapped(&value, 2)?);
        let mut more = 0;
        if let (Some(bias_k), Some(bias_v)) = (&self.bias_k, &self.bias_v) {
            let time = 1 - dim;
            let last = |x: &Tensor, bias: &Parameter| {
                let mut shape = x.shape().clone();
                shape[time as usize] = 1;
                Tensor::cat(&[x.clone(), bias.get()?.expand(shape)?], time)
            };
            (key, value) = (last(&key, bias_k)?, last(&value, bias_v)?);
            more += 1;
        }
        let (mut key, mut value) = (self.heads(&key)?, self.heads(&value)?);
        if add_zero_attn {
            let last = |x: &Tensor| {
                let mut shape = x.shape().clone();
                shape[2] = 1;
                Tensor::cat(&[x.clone(), x.detach().new_zeros(shape)?], 2)
            };
            (key, value) = (last(&key)?, last(&value)?);
            more += 1;
        }
        if let Some(given) = &mask
            && more > 0
        {
            mask = Some(with_more_keys(given, more)?);
        }
        let dropout = if self.training.is_on() { dropout } else { 0.0 };
        let (output, weights) = if need_weights {
            let weights = attention_weights(&query, &key, mask.as_ref())?;
            let weights = if dropout > 0.0 { weights.dropout(dropout, true)? } else { weights };
            let given = if average_attn_weights { weights.mean_dim(1, false)? } else { weights.clone() };
            (weights.matmul(&value)?, Some(if batched { given } else { given.squeeze(0)? }))
        } else {
            // The method's truths say what may be looked at.
            let mask = match mask {
                Some(mask) if mask.dtype() == DType::Bool => Some(mask.logical_not()?),
                mask => mask,
            };
            let options = AttentionOptions {
                attn_mask: mask.as_ref(),
                dropout_p: dropout,
                is_causal,
                ..AttentionOptions::default()
            };
            (query.scaled_dot_product_attention_with(&key, &value, options)?, None)
        };
        let output = self.joined(&output)?;
        let bias = self.out_proj.bias.as_ref().map(Parameter::get).transpose()?;
        let output = output.linear(self.out_proj.weight.get()?, bias)?;
        boundary.gives(Ok((if batched { output } else { output.squeeze(dim)? }, weights)))
    }

    /// Query, key or value, linearly mapped.
    #[track_caller]
    #[inline]
    fn mapped(&self, x: &Tensor, which: usize) -> Result<Tensor> {
        let size = self.settings.embed_dim as i64;
        let part = |all: &Parameter| all.get()?.narrow(0, which as i64 * size, size);
        let own = [&self.q_proj_weight, &self.k_proj_weight, &self.v_proj_weight];
        let weight = match (&self.in_proj_weight, own[which]) {
            (Some(all), _) => part(all)?,
            (None, Some(own)) => own.get()?.clone(),
            (None, None) => return Err(Error::argument("multihead_attention", "there is no weight")),
        };
        let bias = self.in_proj_bias.as_ref().map(part).transpose()?;
        x.linear(&weight, bias.as_ref())
    }

    /// `[batch, heads, time, features of a head]`: another way to see the same memory.
    #[inline]
    fn heads(&self, x: &Tensor) -> Result<Tensor> {
        let Settings { embed_dim, num_heads, batch_first, .. } = self.settings;
        let split: Shape = [x.shape()[0], x.shape()[1], num_heads, embed_dim / num_heads].into();
        let split = x.reshape(split)?;
        if batch_first { split.permute([0, 2, 1, 3]) } else { split.permute([1, 2, 0, 3]) }
    }

    /// The heads side by side again.
    #[inline]
    fn joined(&self, x: &Tensor) -> Result<Tensor> {
        let order = if self.settings.batch_first { [0, 2, 1, 3] } else { [2, 0, 1, 3] };
        x.permute(order)?.flatten(2..)
    }

    #[track_caller]
    #[inline]
    fn check(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Sizes> {
        let Settings { embed_dim, num_heads, kdim, vdim, batch_first, .. } = self.settings;
        let name = "multihead_attention";
        let ranks = [query.rank(), key.rank(), value.rank()];
        if ranks != [2; 3] && ranks != [3; 3] {
            let message = format!(
                "query, key and value are all [time, features] or have a batch, not {}, {} and {}",
                query.shape(),
                key.shape(),
                value.shape()
            );
            return Err(Error::shape(name, message));
        }
        let batched = query.rank() == 3;
        let (time, batch) = if batched && batch_first { (1, 0) } else { (0, 1) };
        for (what, x, size) in [("query", query, embed_dim), ("key", key, kdim), ("value", value, vdim)] {
            let last = x.shape()[x.rank() - 1];
            if last != size {
                return Err(Error::shape(name, format!("{what} must have {size} features, not {last}")));
            }
            if x.dtype() != self.out_proj.weight.dtype() {
                let message = format!(
                    "{what} is {} and the weights are {}; convert one of them with to_dtype",
                    x.dtype(),
                    self.out_proj.weight.dtype()
                );
                return Err(Error::dtype(name, message));
            }
        }
        let last = key.rank() - 1;
        let batches = |x: &Tensor| if batched { x.shape()[batch] } else { 1 };
        if key.shape()[..last] != value.shape()[..last] || batches(query) != batches(key) {
            let message = format!(
                "keys and values are as many, of the queries' batch: {}, {} and {}",
                query.shape(),
                key.shape(),
                value.shape()
            );
            return Err(Error::shape(name, message));
        }
        Ok(Sizes {
            batch: batches(query),
            heads: num_heads,
            queries: query.shape()[time],
            keys: key.shape()[time],
        })
    }
}

impl Settings {
    /// What the weights depend on.
    #[inline]
    fn weights(&self) -> impl PartialEq + use<> {
        let Settings { embed_dim, num_heads, kdim, vdim, bias, add_bias_kv, .. } = *self;
        (embed_dim, num_heads, kdim, vdim, bias, add_bias_kv, self.check().is_ok())
    }

    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let Settings { embed_dim, num_heads, dropout, .. } = *self;
        let refuse = |message: String| Err(Error::argument("multihead_attention", message));
        if embed_dim == 0 || num_heads == 0 {
            return refuse(format!(
                "embed_dim and num_heads must be at least 1: {embed_dim} and {num_heads}"
            ));
        }
        if !embed_dim.is_multiple_of(num_heads) {
            return refuse(format!("embed_dim must be a multiple of num_heads: {embed_dim} and {num_heads}"));
        }
        if !(0.0..=1.0).contains(&dropout) {
            return refuse(format!("dropout is a probability from 0 to 1, not {dropout}"));
        }
        Ok(())
    }
}

/// `softmax(q·kᵀ/√d)`, masked. A query that may look nowhere has NaN, as in PyTorch.
#[inline]
fn attention_weights(query: &Tensor, key: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let scale = 1.0 / (query.shape()[3] as f64).sqrt();
    let query = Tensor::formula(&[query], &[scale.into()], |x, n| x[0] * n[0])?;
    let products = query.matmul(&key.transpose(2, 3)?)?;
    let scores = match mask {
        None => products,
        Some(mask) if mask.dtype() == DType::Bool => {
            let numbers = [f64::NEG_INFINITY.into()];
            Tensor::formula(&[&products, mask], &numbers, |x, n| select(x[1], n[0], x[0]))?
        }
        Some(mask) => products.add(mask)?,
    };
    scores.softmax(-1)
}
