//! Attention: values averaged with the weights that queries give to keys.

use cresset_tensor::{Array, DType, Device, Error, Result, Shape};

use super::{
    Dropouts, Joining, Slicing, Softmaxes,
    fused::{formula_of_places, shaped, transposed},
};
use crate::{
    Apply, Expr,
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
        check(self, key, value)?;
        if options.attn_mask.is_some() && options.is_causal {
            return Err(refusal("give attn_mask or is_causal, not both"));
        }
        let (key, value) = match options.enable_gqa {
            true => (shared_heads(self, key)?, shared_heads(self, value)?),
            false => (key.clone(), value.clone()),
        };
        let length = self.shape()[self.rank() - 2];
        // On a card more and smaller operations would take longer than what they spare.
        if !options.is_causal || length <= BLOCK || self.device() != Device::Cpu {
            return attended(self, &key, &value, 0, options);
        }
        let rows = |x: &Self, first: usize, count: usize| x.narrow(-2, first as i64, count as i64);
        let mut blocks = Vec::with_capacity(length.div_ceil(BLOCK));
        for first in (0..length).step_by(BLOCK) {
            let count = BLOCK.min(length - first);
            // Keys that no query of this block looks at are not multiplied.
            let seen = key.shape()[key.rank() - 2].min(first + count);
            let (key, value) = (rows(&key, 0, seen)?, rows(&value, 0, seen)?);
            blocks.push(attended(&rows(self, first, count)?, &key, &value, first, options)?);
        }
        Self::cat(&blocks, -2)
    }
}

/// Queries that are done at once where each looks only at the keys up to its own place.
const BLOCK: usize = 128;

/// Attention of queries of which the first stands at a place of the sequence.
#[track_caller]
fn attended<T: Apply>(
    query: &T,
    key: &T,
    value: &T,
    first: usize,
    options: AttentionOptions<'_, T>,
) -> Result<T> {
    let AttentionOptions { attn_mask, dropout_p, is_causal, scale, .. } = options;
    let (length, width) = (query.shape()[query.rank() - 2], query.shape()[query.rank() - 1]);
    let scale = scale.unwrap_or_else(|| 1.0 / (width as f64).sqrt());
    let keys = key.shape()[key.rank() - 2];
    let causal = || {
        formula_of_places(query, &[length, keys].into(), &[keys.into(), first.into()], |_, n| {
            let (row, column) = (Expr::index().floor_divide(n[0]), Expr::index().remainder(n[0]));
            column.le(row + n[1])
        })
    };
    let mask = if is_causal { Some(causal()?) } else { attn_mask.cloned() };
    // Which numbers are scaled is as in PyTorch, since large products tell: both factors, or with samples and heads
    // of equal number, the products.
    let same_heads = query.rank() == 4 && key.rank() == 4 && query.shape()[..2] == key.shape()[..2];
    let (products, scale) = if same_heads {
        (T::apply_one(Op::Matmul, &[query, &transposed(key)?])?, scale)
    } else {
        let root = [scale.abs().sqrt().into()];
        let query = T::formula(&[query], &root, |x, n| x[0] * n[0])?;
        let key = T::formula(&[key], &root, |x, n| x[0] * n[0])?;
        (T::apply_one(Op::Matmul, &[&query, &transposed(&key)?])?, scale.signum())
    };
    let weights = match mask {
        None if scale == 1.0 => products.softmax(-1)?,
        None => T::formula(&[&products], &[scale.into()], |x, n| x[0] * n[0])?.softmax(-1)?,
        Some(mask) if is_causal => masked(&products, scale, &mask)?.softmax(-1)?,
        Some(mask) => masked_softmax(&products, scale, &mask)?,
    };
    let weights = if dropout_p == 0.0 { weights } else { weights.dropout(dropout_p, true)? };
    T::apply_one(Op::Matmul, &[&weights, value])
}

impl<T: Apply> Attention for T {}

#[track_caller]
fn refusal(why: impl Into<String>) -> Error {
    Error::argument("scaled_dot_product_attention", why)
}

fn check<T: Apply>(query: &T, key: &T, value: &T) -> Result<()> {
    for x in [query, key, value] {
        if x.rank() < 2 {
            return Err(Error::shape(
                "scaled_dot_product_attention",
                format!("query, key and value need at least 2 dimensions, not {}", x.shape()),
            ));
        }
        if !x.dtype().is_float() || x.dtype() != query.dtype() {
            return Err(Error::dtype(
                "scaled_dot_product_attention",
                format!(
                    "query, key and value must be of one floating-point dtype: {} and {}",
                    query.dtype(),
                    x.dtype()
                ),
            ));
        }
    }
    Ok(())
}

/// Each head of keys or values as often as there are heads of queries for it.
fn shared_heads<T: Apply>(query: &T, x: &T) -> Result<T> {
    let (Some(wanted), Some(heads)) = (heads(query), heads(x)) else {
        return Err(refusal("enable_gqa needs a dimension of heads before the last two"));
    };
    if heads == wanted {
        return Ok(x.clone());
    }
    if heads == 0 || !wanted.is_multiple_of(heads) {
        return Err(refusal(format!(
            "{wanted} heads of queries cannot share {heads} heads of keys or values"
        )));
    }
    let place = x.rank() - 2;
    let mut split = x.shape().clone();
    split.insert(place, 1);
    let mut repeated = split.clone();
    repeated[place] = wanted / heads;
    let mut joined = x.shape().clone();
    joined[place - 1] = wanted;
    let repeated = T::apply_one(Op::View(View::Expand(repeated)), &[&shaped(x, split)?])?;
    shaped(&repeated, joined)
}

fn heads<T: Apply>(x: &T) -> Option<usize> {
    x.rank().checked_sub(3).map(|dim| x.shape()[dim])
}

/// The scaled products, and `-∞` or the mask's numbers on them.
fn masked<T: Apply>(products: &T, scale: f64, mask: &T) -> Result<T> {
    let numbers = [scale.into(), f64::NEG_INFINITY.into()];
    if mask.dtype() == DType::Bool {
        return T::formula(&[products, mask], &numbers, |x, n| select(x[1], x[0] * n[0], n[1]));
    }
    T::formula(&[products, mask], &numbers[..1], |x, n| x[0] * n[0] + x[1])
}

fn masked_softmax<T: Apply>(products: &T, scale: f64, mask: &T) -> Result<T> {
    if mask.dtype() != DType::Bool && mask.dtype() != products.dtype() {
        return Err(Error::dtype(
            "scaled_dot_product_attention",
            format!("attn_mask must be bool or {}, not {}", products.dtype(), mask.dtype()),
        ));
    }
    if mask.shape().broadcast(products.shape()).as_ref() != Some(products.shape()) {
        return Err(Error::shape(
            "scaled_dot_product_attention",
            format!("attn_mask {} does not broadcast to {}", mask.shape(), products.shape()),
        ));
    }
    let scores = masked(products, scale, mask)?;
    let Some(open) = open_rows(mask.array())? else { return scores.softmax(-1) };
    // Softmax of a row of -∞ is NaN, and so would be its derivative: such rows are kept from it, and are zero.
    let open = T::constant(open);
    let scores = T::formula(&[&scores, &open], &[], |x, _| select(x[1], x[0], 0))?;
    T::formula(&[&scores.softmax(-1)?, &open], &[], |x, _| select(x[1], x[0], 0))
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
