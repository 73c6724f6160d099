//! Rows of a table, looked up by index: embeddings, bags of them, and the one-hot rows of the identity.

use std::collections::HashMap;

use cresset_tensor::{Array, DType, Error, Result, Shape, order::sort_by};

use super::{
    Elementwise, Norms,
    fused::{formula_over, shaped},
    windows::wide,
};
use crate::{
    Apply, Expr,
    op::{Combine, Op, Reduce, Reduction},
    select,
};

/// Arguments of [`Embeddings::embedding`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddingOptions {
    /// A row that gets no gradient; negative counts from the end.
    pub padding_idx: Option<i64>,
    /// Rows looked up that are longer are first scaled to this norm, in place.
    pub max_norm: Option<f64>,
    /// The `p` of that norm.
    pub norm_type: f64,
    /// Whether each row's gradient is divided by how often it was looked up.
    pub scale_grad_by_freq: bool,
}

impl Default for EmbeddingOptions {
    #[inline]
    fn default() -> Self {
        EmbeddingOptions { padding_idx: None, max_norm: None, norm_type: 2.0, scale_grad_by_freq: false }
    }
}

/// How the rows of a bag become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BagMode {
    /// Their sum.
    Sum,
    /// Their mean.
    #[default]
    Mean,
    /// The largest of each column.
    Max,
}

/// Arguments of [`Embeddings::embedding_bag`], with PyTorch's defaults.
pub struct EmbeddingBagOptions<'a, T> {
    /// Where each bag starts, for indices of one dimension.
    pub offsets: Option<&'a T>,
    /// As of [`EmbeddingOptions`].
    pub max_norm: Option<f64>,
    /// As of [`EmbeddingOptions`].
    pub norm_type: f64,
    /// As of [`EmbeddingOptions`].
    pub scale_grad_by_freq: bool,
    /// How the rows of a bag become one.
    pub mode: BagMode,
    /// A factor for each row, for sums.
    pub per_sample_weights: Option<&'a T>,
    /// Whether the last offset is the end of the last bag.
    pub include_last_offset: bool,
    /// A row that counts in no bag; negative counts from the end.
    pub padding_idx: Option<i64>,
}

impl<T> Default for EmbeddingBagOptions<'_, T> {
    fn default() -> Self {
        EmbeddingBagOptions {
            offsets: None,
            max_norm: None,
            norm_type: 2.0,
            scale_grad_by_freq: false,
            mode: BagMode::Mean,
            per_sample_weights: None,
            include_last_offset: false,
            padding_idx: None,
        }
    }
}

impl<T> Clone for EmbeddingBagOptions<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for EmbeddingBagOptions<'_, T> {}

/// Rows of a table by index. The indices are the object, the table is the argument.
pub trait Embeddings: Apply {
    /// The rows of `weight` at these indices.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let table = Array::new([[0.0, 1.0], [2.0, 3.0]]);
    /// assert_eq!(Array::new([1i64, 1]).embedding(&table)?.to_vec::<f64>()?, [2.0, 3.0, 2.0, 3.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn embedding(&self, weight: &Self) -> Result<Self> {
        self.embedding_with(weight, EmbeddingOptions::default())
    }

    /// [`embedding`](Self::embedding) with all arguments.
    #[track_caller]
    fn embedding_with(&self, weight: &Self, options: EmbeddingOptions) -> Result<Self> {
        let EmbeddingOptions { padding_idx, max_norm, norm_type, scale_grad_by_freq } = options;
        let width = check_table("embedding", weight, self)?;
        let padding = padding_idx.map(|row| row_of("embedding", weight, row)).transpose()?;
        let index = flat_index(self)?;
        if let Some(limit) = max_norm {
            renormalize(weight.array(), index.array(), limit, norm_type)?;
        }
        let rows = Self::apply_one(Op::IndexSelect { dim: 0 }, &[weight, &index])?;
        let rows = match padding.is_some() || scale_grad_by_freq {
            false => rows,
            true => {
                let places = index.array().to_i64s()?;
                let often = if scale_grad_by_freq { counts(&places) } else { HashMap::new() };
                let factor = |place: &i64| match often.get(place) {
                    _ if padding == Some(*place) => 0.0,
                    Some(often) => 1.0 / *often as f64,
                    None => 1.0,
                };
                with_gradient_times(&rows, places.iter().map(factor).collect())?
            }
        };
        let mut shape = self.shape().clone();
        shape.push(width);
        shaped(&rows, shape)
    }

    /// For each bag of indices the sum, mean or maximum of the rows of `weight`. A bag is a row of two-dimensional
    /// indices, or of one-dimensional ones, what lies between two offsets. An empty bag gives zeros.
    #[track_caller]
    fn embedding_bag(&self, weight: &Self, options: EmbeddingBagOptions<'_, Self>) -> Result<Self> {
        let fail = |why: String| Err(Error::argument("embedding_bag", why));
        let EmbeddingBagOptions { max_norm, norm_type, scale_grad_by_freq, mode, per_sample_weights, .. } =
            options;
        let width = check_table("embedding_bag", weight, self)?;
        let padding = options.padding_idx.map(|row| row_of("embedding_bag", weight, row)).transpose()?;
        if mode == BagMode::Max && scale_grad_by_freq {
            return fail("the maximum's gradient cannot be scaled by frequency".into());
        }
        if let Some(factors) = per_sample_weights {
            if mode != BagMode::Sum {
                return fail("per_sample_weights are for sums alone".into());
            }
            if factors.shape() != self.shape() {
                return fail(format!(
                    "per_sample_weights {} and indices {} must have one shape",
                    factors.shape(),
                    self.shape()
                ));
            }
        }
        let ends = bag_ends(self, options.offsets, options.include_last_offset)?;
        let index = flat_index(self)?;
        let places = index.array().to_i64s()?;
        if let Some(place) = places.iter().find(|&&place| place < 0 || place as usize >= weight.shape()[0]) {
            return Err(Error::index(
                "embedding_bag",
                format!("index {place} is out of range for {} rows", weight.shape()[0]),
            ));
        }
        if let Some(limit) = max_norm {
            renormalize(weight.array(), index.array(), limit, norm_type)?;
        }
        let bags = Bags::new(&ends, &places, padding);
        let rows =
            Self::apply_one(Op::IndexSelect { dim: 0 }, &[weight, &integers(weight, bags.indices.clone())?])?;
        if mode == BagMode::Max {
            return largest(&rows, &bags, width);
        }
        let rows = match scale_grad_by_freq {
            false => rows,
            true => {
                let often = counts(&places);
                let factors =
                    bags.indices.iter().map(|place| 1.0 / often.get(place).copied().unwrap_or(1) as f64);
                with_gradient_times(&rows, factors.collect())?
            }
        };
        let rows = match per_sample_weights {
            None => rows,
            Some(factors) => {
                let factors = shaped(factors, factors.numel().into())?;
                let kept = integers(weight, bags.positions.iter().map(|&i| i as i64).collect())?;
                let factors = Self::apply_one(Op::IndexSelect { dim: 0 }, &[&factors, &kept])?;
                let factors = shaped(&factors, [factors.numel(), 1].into())?;
                Self::formula(&[&rows, &factors], &[], |x, _| x[0] * x[1].cast_like(x[0]))?
            }
        };
        let rows = rows.to_dtype(wide(weight.dtype()))?;
        let blank = weight.filled_beside("embedding_bag", [bags.count, width].into(), rows.dtype(), 0)?;
        let of = integers(weight, bags.bags.iter().map(|&bag| bag as i64).collect())?;
        let add = Op::IndexPut { dim: 0, combine: Combine::Add };
        let sums = Self::apply_one(add, &[&blank, &of, &rows])?;
        if mode == BagMode::Sum {
            return sums.to_dtype(weight.dtype());
        }
        let sizes: Vec<f64> = bags.sizes().iter().map(|&size| size.max(1) as f64).collect();
        let sizes = weight.beside(Array::from_vec(sizes, [bags.count, 1])?.to_dtype(sums.dtype())?)?;
        Self::formula(&[&sums, &sizes], &[], |x, _| x[0] / x[1].cast_like(x[0]))?.to_dtype(weight.dtype())
    }

    /// For each class index a row that is 1 at that place and 0 elsewhere; `-1` classes are one more than the largest.
    #[track_caller]
    fn one_hot(&self, num_classes: i64) -> Result<Self> {
        if self.dtype() != DType::I64 {
            return Err(Error::dtype("one_hot", format!("the classes must be int64, not {}", self.dtype())));
        }
        let classes = self.array().to_i64s()?;
        if let Some(class) = classes.iter().find(|&&class| class < 0) {
            return Err(Error::index("one_hot", format!("classes must not be negative: {class}")));
        }
        let largest = classes.iter().max();
        let count = match (num_classes, largest) {
            (-1, Some(largest)) => largest.saturating_add(1),
            (-1, None) => {
                return Err(Error::argument(
                    "one_hot",
                    "no classes tell how many there are; give num_classes",
                ));
            }
            (count, None) if count > 0 => count,
            (count, Some(&largest)) if largest < count => count,
            (count, _) => {
                return Err(Error::index(
                    "one_hot",
                    format!("num_classes {count} must be positive and larger than every class"),
                ));
            }
        };
        let mut shape = self.shape().clone();
        shape.push(1);
        let column = shaped(self, shape.clone())?;
        shape[self.rank()] = count as usize;
        shape.checked_numel("one_hot")?;
        formula_over(&shape, &[&column], &[count.into()], |x, n| {
            Expr::index().remainder(n[0]).eq(x[0]).cast(DType::I64)
        })
    }
}

impl<T: Apply> Embeddings for T {}

/// Which indices of which bags count.
struct Bags {
    count: usize,
    /// The rows, of all bags one after the other.
    indices: Vec<i64>,
    /// In which bag each is.
    bags: Vec<usize>,
    /// Where it stood among all indices.
    positions: Vec<usize>,
}

impl Bags {
    #[inline]
    fn new(ends: &[usize], places: &[i64], padding: Option<i64>) -> Bags {
        let count = ends.len();
        let mut bags = Bags { count, indices: Vec::new(), bags: Vec::new(), positions: Vec::new() };
        let mut start = 0;
        for (bag, &end) in ends.iter().enumerate() {
            for (position, &place) in places.iter().enumerate().take(end).skip(start) {
                if padding != Some(place) {
                    bags.indices.push(place);
                    bags.bags.push(bag);
                    bags.positions.push(position);
                }
            }
            start = end;
        }
        bags
    }

    #[inline]
    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.count];
        self.bags.iter().for_each(|&bag| sizes[bag] += 1);
        sizes
    }
}

/// The number of columns of a table, if it and the indices are such.
fn check_table<T: Apply>(name: &'static str, weight: &T, index: &T) -> Result<usize> {
    if !matches!(index.dtype(), DType::I64 | DType::I32) {
        return Err(Error::dtype(name, format!("the indices must be int64 or int32, not {}", index.dtype())));
    }
    match **weight.shape() {
        [_, width] => Ok(width),
        _ => Err(Error::shape(name, format!("the weight must have 2 dimensions, not {}", weight.shape()))),
    }
}

fn row_of<T: Apply>(name: &'static str, weight: &T, row: i64) -> Result<i64> {
    let rows = weight.shape()[0] as i64;
    if row < -rows || row >= rows {
        return Err(Error::index(name, format!("padding_idx {row} is not one of {rows} rows")));
    }
    Ok(if row < 0 { row + rows } else { row })
}

#[track_caller]
fn flat_index<T: Apply>(index: &T) -> Result<T> {
    shaped(index, index.numel().into())?.to_dtype(DType::I64)
}

#[track_caller]
fn integers<T: Apply>(like: &T, list: Vec<i64>) -> Result<T> {
    let n = list.len();
    like.beside(Array::from_vec(list, [n])?)
}

#[inline]
fn counts(places: &[i64]) -> HashMap<i64, usize> {
    let mut counts = HashMap::new();
    places.iter().for_each(|&place| *counts.entry(place).or_default() += 1);
    counts
}

/// The rows as they are, with their gradients times a factor each.
fn with_gradient_times<T: Apply>(rows: &T, factors: Vec<f64>) -> Result<T> {
    if factors.iter().all(|&factor| factor == 1.0) {
        return Ok(rows.clone());
    }
    let count = factors.len();
    let factors = rows.beside(Array::from_vec(factors, [count, 1])?.to_dtype(rows.dtype())?)?;
    let fixed = T::constant(rows.array().clone());
    T::formula(&[rows, &fixed, &factors], &[], |x, _| {
        // The difference is zero, but knows where it came from. Of infinities it is NaN: they stay as they are.
        let difference = x[0] - x[1];
        select(difference.eq(0), x[1] + difference * x[2].cast_like(x[0]), x[0])
    })
}

/// Rows that were asked for and are longer than the limit are made that long, in place and without a history.
#[inline]
fn renormalize(weight: &Array, index: &Array, limit: f64, norm_type: f64) -> Result<()> {
    let mut places = index.to_i64s()?;
    sort_by(&mut places, Ord::cmp);
    places.dedup();
    let index: Array = integers(weight, places)?;
    let rows = Array::apply_one(Op::IndexSelect { dim: 0 }, &[weight, &index])?;
    let norms = rows.norm_dim(norm_type, 1, true)?;
    let rows = Array::formula(&[&rows, &norms], &[limit.into()], |x, n| {
        select(x[1].gt(n[0]), x[0] * (n[0] / (x[1] + 1e-7)), x[0])
    })?;
    let put = Op::IndexPut { dim: 0, combine: Combine::Set };
    Array::apply_into(put, &[weight, &index, &rows], &[weight])
}

/// One past the last index of every bag.
fn bag_ends<T: Apply>(index: &T, offsets: Option<&T>, include_last: bool) -> Result<Vec<usize>> {
    let fail = |why: String| Err(Error::argument("embedding_bag", why));
    match (&**index.shape(), offsets) {
        (&[count, size], None) => Ok((1..=count).map(|bag| bag * size).collect()),
        ([_, _], Some(_)) => fail("offsets are for indices of one dimension".into()),
        ([_], None) => fail("indices of one dimension need offsets".into()),
        (&[size], Some(offsets)) => {
            if offsets.rank() != 1 || !matches!(offsets.dtype(), DType::I64 | DType::I32) {
                return fail("the offsets must be integers of one dimension".into());
            }
            let mut starts = offsets.array().to_i64s()?;
            if include_last && starts.is_empty() {
                return fail("the last offset must be there to be included".into());
            }
            if starts.first().is_some_and(|&first| first != 0) {
                return fail(format!("the first offset must be 0, not {}", starts[0]));
            }
            if starts.is_empty() {
                return Ok(Vec::new());
            }
            if !include_last {
                starts.push(size as i64);
            }
            if starts.windows(2).any(|pair| pair[0] > pair[1]) || starts.iter().any(|&end| end > size as i64)
            {
                return fail(format!("offsets must ascend and not exceed the {size} indices"));
            }
            // As in PyTorch, the last bag goes on to the end, even where the last offset is another.
            let mut ends: Vec<usize> = starts[1..].iter().map(|&end| end as usize).collect();
            if let Some(last) = ends.last_mut() {
                *last = size;
            }
            Ok(ends)
        }
        _ => Err(Error::shape(
            "embedding_bag",
            format!("the indices must have 1 or 2 dimensions, not {}", index.shape()),
        )),
    }
}

/// The largest of each column of each bag; the first of equals has the gradient.
fn largest<T: Apply>(rows: &T, bags: &Bags, width: usize) -> Result<T> {
    let sizes = bags.sizes();
    let longest = sizes.iter().copied().max().unwrap_or(0);
    let shape: Shape = [bags.count, longest, width].into();
    shape.checked_numel("embedding_bag")?;
    if shape.numel() == 0 {
        return rows.filled_beside("embedding_bag", [bags.count, width].into(), rows.dtype(), 0);
    }
    // Every bag as long as the longest; what is missing points anywhere and is masked.
    let (mut places, mut real) = (vec![0; bags.count * longest], vec![false; bags.count * longest]);
    let mut next = vec![0; bags.count];
    for (row, &bag) in bags.bags.iter().enumerate() {
        let place = bag * longest + next[bag];
        (places[place], real[place]) = (row as i64, true);
        next[bag] += 1;
    }
    let padded = T::apply_one(Op::IndexSelect { dim: 0 }, &[rows, &integers(rows, places)?])?;
    let padded = shaped(&padded, shape)?;
    let real = rows.beside(Array::from_vec(real, [bags.count, longest, 1])?)?;
    let lowest = T::formula(&[&padded, &real], &[f64::NEG_INFINITY.into()], |x, n| select(x[1], x[0], n[0]))?;
    let first = Reduce { kind: Reduction::ArgMax, dims: [1].into_iter().collect(), keepdim: true, map: None };
    let first = T::apply_one(Op::Reduce(Box::new(first)), &[&lowest])?;
    let y = shaped(&T::apply_one(Op::Gather { dim: 1 }, &[&lowest, &first])?, [bags.count, width].into())?;
    let full: Vec<bool> = sizes.iter().map(|&size| size > 0).collect();
    let full = rows.beside(Array::from_vec(full, [bags.count, 1])?)?;
    T::formula(&[&y, &full], &[], |x, _| select(x[1], x[0], 0))
}
