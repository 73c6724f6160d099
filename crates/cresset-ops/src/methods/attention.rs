//! Attention: values averaged with the weights that queries give to keys.

use cresset_tensor::{Array, DType, Device, Error, Result, Shape};

use super::{Dropouts, Elementwise, Softmaxes, fused::shaped};
use crate::{
    Apply,
    decompose::{scores, wide},
    infer::extent,
    op::{Op, Reduce, Reduction},
    select,
    view::View,
};

/// Arguments of [`Attention::scaled_dot_product_attention_with`], with PyTorch's defaults.
pub struct AttentionOptions<'a, T> {
    /// Where a query may look (`bool`), or what is added to the products; it broadcasts to `[…, queries, keys]`.
    pub attn_mask: Option<&'a T>,
    /// The probability with which a weight is dropped.
    pub dropout_p: f64,
    /// Whether query `i` looks at keys `0..=i` alone.
    pub is_causal: bool,
    /// The factor of the products; without one, `1/√d` of vectors of `d` numbers.
    pub scale: Option<f64>,
    /// Whether several heads of queries may share one of keys and values.
    pub enable_gqa: bool,
}

impl<T> Default for AttentionOptions<'_, T> {
    fn default() -> Self {
        AttentionOptions { attn_mask: None, dropout_p: 0.0, is_causal: false, scale: None, enable_gqa: false }
    }
}

impl<T> Clone for AttentionOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AttentionOptions<'_, T> {}

/// Attention.
///
/// In the processor's memory the scores of all queries and keys are never there at once: see [`Op::Attention`].
pub trait Attention: Apply {
    /// `softmax(q·kᵀ/√d)·v` of the queries `[…, l, d]` (this), keys `[…, s, d]` and values `[…, s, e]`.
    #[track_caller]
    fn scaled_dot_product_attention(&self, key: &Self, value: &Self) -> Result<Self> {
        self.scaled_dot_product_attention_with(key, value, AttentionOptions::default())
    }

    /// [`scaled_dot_product_attention`](Self::scaled_dot_product_attention) with all arguments. A query that may look
    /// nowhere gives zeros.
    #[track_caller]
    fn scaled_dot_product_attention_with(
        &self,
        key: &Self,
        value: &Self,
        options: AttentionOptions<'_, Self>,
    ) -> Result<Self> {
        let AttentionOptions { attn_mask, dropout_p, is_causal, scale, enable_gqa } = options;
        for x in [self, key, value] {
            if x.rank() < 2 {
                return Err(Error::shape(
                    NAME,
                    format!("query, key and value need at least 2 dimensions, not {}", x.shape()),
                ));
            }
        }
        if attn_mask.is_some() && is_causal {
            return Err(refusal("give attn_mask or is_causal, not both"));
        }
        if enable_gqa {
            return shared(self, key, value, options);
        }
        let width = self.shape()[self.rank() - 1];
        let scale = scale.unwrap_or_else(|| if width == 0 { 1.0 } else { 1.0 / (width as f64).sqrt() });
        if dropout_p > 0.0 || self.device() != Device::Cpu {
            return with_all_weights(self, key, value, options, scale);
        }
        let op = Op::Attention { causal: is_causal, scale };
        let output = match attn_mask {
            None => Self::apply_two(op, &[self, key, value])?,
            Some(mask) => Self::apply_two(op, &[self, key, value, mask])?,
        };
        Ok(output.0)
    }
}

const NAME: &str = "scaled_dot_product_attention";

/// Attention whose weights are there as a whole: to be dropped, and on cards, which have kernels for its parts.
#[track_caller]
fn with_all_weights<T: Apply>(
    query: &T,
    key: &T,
    value: &T,
    options: AttentionOptions<'_, T>,
    scale: f64,
) -> Result<T> {
    let AttentionOptions { attn_mask, dropout_p, is_causal: causal, .. } = options;
    let inputs = [query, key, value].map(T::array);
    extent(&Op::Attention { causal, scale }, inputs, attn_mask.map(T::array))?;
    let dtype = query.dtype();
    let inputs = wide(&[&[query, key, value][..], attn_mask.as_slice()].concat())?;
    let (query, key, value, attn_mask) = (&inputs[0], &inputs[1], &inputs[2], inputs.get(3));
    // Which numbers are scaled is as in PyTorch, since large products tell: both factors, or with samples and heads
    // of equal number, the products.
    let same_heads = query.rank() == 4 && key.rank() == 4 && query.shape()[..2] == key.shape()[..2];
    let scores = if same_heads {
        scores(causal, scale, query, key, attn_mask)?
    } else {
        let root = [scale.abs().sqrt().into()];
        let query = T::formula(&[query], &root, |x, n| x[0] * n[0])?;
        let key = T::formula(&[key], &root, |x, n| x[0] * n[0])?;
        scores(causal, scale.signum(), &query, &key, attn_mask)?
    };
    let open = match attn_mask {
        Some(mask) => open_rows(mask.array())?,
        None => None,
    };
    let weights = match open {
        None => scores.softmax(-1)?,
        Some(open) => {
            // Softmax of a row of -∞ is NaN, and so would be its derivative: such rows are kept from it, and are zero.
            let open = T::constant(open);
            let scores = T::formula(&[&scores, &open], &[], |x, _| select(x[1], x[0], 0))?;
            T::formula(&[&scores.softmax(-1)?, &open], &[], |x, _| select(x[1], x[0], 0))?
        }
    };
    let weights = if dropout_p == 0.0 { weights } else { weights.dropout(dropout_p, true)? };
    T::apply_one(Op::Matmul, &[&weights, value])?.to_dtype(dtype)
}

impl<T: Apply> Attention for T {}

#[track_caller]
fn refusal(why: impl Into<String>) -> Error {
    Error::argument(NAME, why)
}

/// Several heads of queries look at one of keys and values, which is not copied for them: heads are split in two dimensions,
/// along one of which keys and values are one.
#[track_caller]
fn shared<T: Apply>(query: &T, key: &T, value: &T, options: AttentionOptions<'_, T>) -> Result<T> {
    let heads = |x: &T| x.rank().checked_sub(3).map(|dim| x.shape()[dim]);
    let (Some(wanted), Some(keys), Some(values)) = (heads(query), heads(key), heads(value)) else {
        return Err(refusal("enable_gqa needs a dimension of heads before the last two"));
    };
    for heads in [keys, values] {
        if heads != wanted && (heads == 0 || !wanted.is_multiple_of(heads)) {
            return Err(refusal(format!(
                "{wanted} heads of queries cannot share {heads} heads of keys or values"
            )));
        }
    }
    let options = AttentionOptions { enable_gqa: false, ..options };
    if (keys, values) == (wanted, wanted) {
        return query.scaled_dot_product_attention_with(key, value, options);
    }
    // Keys and values may have different numbers of heads, of which one must be made of the other's then.
    let most = keys.max(values);
    if !most.is_multiple_of(keys) || !most.is_multiple_of(values) {
        let whole = |x: &T| repeated(x, wanted);
        return query.scaled_dot_product_attention_with(&whole(key)?, &whole(value)?, options);
    }
    let (key, value) = (repeated(key, most)?, repeated(value, most)?);
    let split = |x: &T, heads: [usize; 2]| {
        let mut shape = x.shape().clone();
        let place = x.rank() - 3;
        shape[place] = heads[0];
        shape.insert(place + 1, heads[1]);
        shaped(x, shape)
    };
    let heads = [most, wanted / most];
    let mask = match options.attn_mask {
        Some(mask) if mask.rank() >= 3 => {
            let own = mask.shape()[mask.rank() - 3];
            if own != 1 && own != wanted {
                return Err(Error::shape(
                    NAME,
                    format!("attn_mask {} does not broadcast to {wanted} heads of queries", mask.shape()),
                ));
            }
            Some(split(mask, if own == wanted { heads } else { [own, 1] })?)
        }
        mask => mask.cloned(),
    };
    let options = AttentionOptions { attn_mask: mask.as_ref(), ..options };
    let (query, key, value) = (split(query, heads)?, split(&key, [most, 1])?, split(&value, [most, 1])?);
    let output = query.scaled_dot_product_attention_with(&key, &value, options)?;
    let mut joined = output.shape().clone();
    let place = joined.rank() - 4;
    joined.remove(place);
    joined[place] = wanted;
    shaped(&output, joined)
}

/// Each head as often as makes so many.
fn repeated<T: Apply>(x: &T, wanted: usize) -> Result<T> {
    let place = x.rank() - 2;
    let heads = x.shape()[place - 1];
    if heads == wanted {
        return Ok(x.clone());
    }
    let mut split = x.shape().clone();
    split.insert(place, 1);
    let mut repeated = split.clone();
    repeated[place] = wanted / heads;
    let mut joined = x.shape().clone();
    joined[place - 1] = wanted;
    let repeated = T::apply_one(Op::View(View::Expand(repeated)), &[&shaped(x, split)?])?;
    shaped(&repeated, joined)
}

/// Which rows of a mask let anything through; `None` where all do.
fn open_rows(mask: &Array) -> Result<Option<Array>> {
    let Some(last) = mask.rank().checked_sub(1) else { return single_row(mask) };
    if mask.numel() == 0 {
        return Ok(None);
    }
    let reduce = |kind| {
        let dims = [last].into_iter().collect();
        Array::apply_one(Op::Reduce(Box::new(Reduce { kind, dims, keepdim: true, map: None })), &[mask])
    };
    let open = match mask.dtype() {
        DType::Bool => reduce(Reduction::Any)?,
        _ => Array::formula(&[&reduce(Reduction::Max)?], &[f64::NEG_INFINITY.into()], |x, n| x[0].ne(n[0]))?,
    };
    // Nobody waits for another device to say whether all are.
    let all = open.device() == Device::Cpu && open.to_scalars()?.iter().all(|open| open.to_bool());
    Ok((!all).then_some(open))
}

fn single_row(mask: &Array) -> Result<Option<Array>> {
    let one: Shape = [1].into();
    open_rows(&shaped(mask, one)?)
}
