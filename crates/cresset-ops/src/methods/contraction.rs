//! Sums of products over named dimensions: `einsum` and `tensordot`, as products of matrices.

use cresset_tensor::{Error, Listed, Result, Shape, Sizes, order::sort_by};

use super::{
    Elementwise,
    fused::{permuted, shaped},
    matrix::check_dtypes,
    reduction::Reductions,
};
use crate::{
    Apply,
    op::{List, Op},
    view::View,
};

/// What a dimension is called: letters first, then those that `...` stands for, counted from the right.
type Label = u16;

/// The first label that is not a letter.
const ELLIPSIS: Label = 256;

/// Contractions.
pub trait Contractions: Apply {
    /// The sum of products that an equation like `"bij,bjk->bik"` names: a letter for every dimension, those that the
    /// result does not have are summed over. `...` stands for any dimensions, which broadcast. Without `->` the result
    /// has the letters that appear once, in alphabetical order, after those of `...`.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let a = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(Array::einsum("ij,ij->", &[&a, &a])?.item::<f32>()?, 30.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn einsum(equation: &str, operands: &[&Self]) -> Result<Self> {
        let plan = parse(equation, operands)?;
        let mut factors = Vec::new();
        for (operand, labels) in operands.iter().zip(&plan.inputs) {
            factors.push(diagonal((*operand).clone(), labels.clone())?);
        }
        // The first with the second, the result with the third and so on; a label that nothing later has is summed.
        factors.reverse();
        let Some(mut result) = factors.pop() else {
            return Err(Error::argument("einsum", "needs at least one operand"));
        };
        while let Some(next) = factors.pop() {
            let needed = |label: Label| {
                plan.output.contains(&label) || factors.iter().any(|factor| factor.labels.contains(&label))
            };
            result = multiply(result, next, &needed)?;
        }
        let result = sum_out(result, &|label| plan.output.contains(&label))?;
        let order: Option<List> =
            plan.output.iter().map(|label| result.labels.iter().position(|other| other == label)).collect();
        match order {
            Some(order) => permuted(&result.value, &order),
            None => {
                Err(Error::argument("einsum", format!("'{equation}' names a result that no operand has")))
            }
        }
    }

    /// The sum of products over the last `dims` dimensions of this and the first `dims` of the other.
    #[track_caller]
    fn tensordot(&self, other: &Self, dims: i64) -> Result<Self> {
        let rank = self.rank() as i64;
        if dims < 0 || dims > rank || dims > other.rank() as i64 {
            return Err(Error::argument(
                "tensordot",
                format!("{dims} dimensions of {} and {} cannot be summed over", self.shape(), other.shape()),
            ));
        }
        let (own, others): (Sizes, Sizes) = ((rank - dims..rank).collect(), (0..dims).collect());
        self.tensordot_dims(other, own, others)
    }

    /// The sum of products over pairs of dimensions; the others follow, this array's first.
    #[track_caller]
    fn tensordot_dims(
        &self,
        other: &Self,
        dims: impl Into<Sizes>,
        other_dims: impl Into<Sizes>,
    ) -> Result<Self> {
        check_dtypes("tensordot", self, other)?;
        let (dims, other_dims) = (dims.into(), other_dims.into());
        if dims.len() != other_dims.len() {
            return Err(Error::argument(
                "tensordot",
                format!("as many dimensions on both sides, not {dims} and {other_dims}"),
            ));
        }
        let (mut a, mut b) = (self.clone(), other.clone());
        let own = cresset_tensor::Axes::List(dims).resolve("tensordot", a.rank())?;
        let others = cresset_tensor::Axes::List(other_dims).resolve("tensordot", b.rank())?;
        for (&i, &j) in own.iter().zip(&others) {
            let (left, right) = (a.shape()[i], b.shape()[j]);
            if left != right {
                // One element stands for all.
                match (left, right) {
                    (1, _) => b = b.sum_dim(j as i64, true)?.to_dtype(b.dtype())?,
                    (_, 1) => a = a.sum_dim(i as i64, true)?.to_dtype(a.dtype())?,
                    _ => {
                        return Err(Error::shape(
                            "tensordot",
                            format!(
                                "sizes of summed dimensions differ: {} and {}",
                                self.shape(),
                                other.shape()
                            ),
                        ));
                    }
                }
            }
        }
        let kept = |x: &Self, summed: &[usize]| -> List {
            (0..x.rank()).filter(|dim| !summed.contains(dim)).collect()
        };
        let (left, right) = (kept(&a, &own), kept(&b, &others));
        let sizes = |x: &Self, dims: &[usize]| -> Shape { dims.iter().map(|&dim| x.shape()[dim]).collect() };
        let result: Shape = sizes(&a, &left).iter().chain(sizes(&b, &right).iter()).copied().collect();
        let (m, n) = (sizes(&a, &left).numel(), sizes(&b, &right).numel());
        let (k, l) = (sizes(&a, &own).numel(), sizes(&b, &others).numel());
        let order_a: List = left.iter().copied().chain(own.iter().copied()).listed();
        let order_b: List = others.iter().copied().chain(right.iter().copied()).listed();
        let a = shaped(&permuted(&a, &order_a)?, [m, k].into())?;
        let b = shaped(&permuted(&b, &order_b)?, [l, n].into())?;
        shaped(&Self::apply_one(Op::Matmul, &[&a, &b])?, result)
    }
}

impl<T: Apply> Contractions for T {}

/// What an equation says.
struct Plan {
    inputs: Vec<Vec<Label>>,
    output: Vec<Label>,
}

#[track_caller]
fn parse<T: Apply>(equation: &str, operands: &[&T]) -> Result<Plan> {
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (left, right) = match text.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != operands.len() {
        return Err(Error::argument(
            "einsum",
            format!("'{equation}' is for {} operands, not {}", terms.len(), operands.len()),
        ));
    }
    let mut inputs = Vec::new();
    let mut widest = 0;
    for (term, operand) in terms.iter().zip(operands) {
        let rank = operand.rank();
        let letters = term.chars().filter(|&c| c != '.').count();
        let Some(width) = rank.checked_sub(letters).filter(|&width| width == 0 || term.contains("..."))
        else {
            return Err(Error::argument(
                "einsum",
                format!("'{term}' does not name the dimensions of an operand of shape {}", operand.shape()),
            ));
        };
        widest = widest.max(width);
        inputs.push(labels(equation, term, width)?);
    }
    let output = match right {
        Some(term) => {
            let output = labels(equation, term, if term.contains("...") { widest } else { 0 })?;
            for (i, label) in output.iter().enumerate() {
                if output[..i].contains(label) || !inputs.iter().any(|input| input.contains(label)) {
                    return Err(Error::argument(
                        "einsum",
                        format!(
                            "the result of '{equation}' must name each dimension once, all of them of operands"
                        ),
                    ));
                }
            }
            output
        }
        None => {
            let mut all: Vec<Label> = inputs.iter().flatten().copied().collect();
            sort_by(&mut all, Ord::cmp);
            let once = |label: Label| all.iter().filter(|&&other| other == label).count() == 1;
            let letters: Vec<Label> =
                all.iter().copied().filter(|&label| label < ELLIPSIS && once(label)).collect();
            (0..widest as Label).rev().map(|i| ELLIPSIS + i).chain(letters).collect()
        }
    };
    Ok(Plan { inputs, output })
}

/// The labels of a term whose `...` stands for so many dimensions.
#[track_caller]
#[inline]
fn labels(equation: &str, term: &str, width: usize) -> Result<Vec<Label>> {
    let (before, after) = term.split_once("...").unwrap_or((term, ""));
    let mut list = Vec::new();
    for (part, dots) in [(before, term.contains("...")), (after, false)] {
        for letter in part.chars() {
            if !letter.is_ascii_alphabetic() {
                return Err(Error::argument(
                    "einsum",
                    format!("'{letter}' in '{equation}': dimensions are named by letters, or '...'"),
                ));
            }
            list.push(letter as Label);
        }
        if dots {
            list.extend((0..width as Label).rev().map(|i| ELLIPSIS + i));
        }
    }
    Ok(list)
}

/// A factor whose dimensions have names, each once.
struct Factor<T> {
    value: T,
    labels: Vec<Label>,
}

/// A label that appears twice takes the diagonal.
#[track_caller]
fn diagonal<T: Apply>(value: T, labels: Vec<Label>) -> Result<Factor<T>> {
    let mut factor = Factor { value, labels };
    while let Some((first, second)) = repeated(&factor.labels) {
        let label = factor.labels[first];
        if factor.value.shape()[first] != factor.value.shape()[second] {
            return Err(Error::shape(
                "einsum",
                format!(
                    "a letter appears twice for dimensions of sizes {} and {}",
                    factor.value.shape()[first],
                    factor.value.shape()[second]
                ),
            ));
        }
        let view = View::Diagonal { offset: 0, dim1: first, dim2: second };
        factor.value = T::apply_one(Op::View(view), &[&factor.value])?;
        factor.labels.remove(second);
        factor.labels.remove(first);
        factor.labels.push(label);
    }
    Ok(factor)
}

#[inline]
fn repeated(labels: &[Label]) -> Option<(usize, usize)> {
    labels.iter().enumerate().find_map(|(i, label)| {
        labels[i + 1..].iter().position(|other| other == label).map(|distance| (i, i + 1 + distance))
    })
}

/// Sums over the dimensions that nobody needs.
#[track_caller]
fn sum_out<T: Apply>(factor: Factor<T>, needed: &dyn Fn(Label) -> bool) -> Result<Factor<T>> {
    let dims: Vec<i64> =
        (0..factor.labels.len()).filter(|&dim| !needed(factor.labels[dim])).map(|dim| dim as i64).collect();
    if dims.is_empty() {
        return Ok(factor);
    }
    let dtype = factor.value.dtype();
    let value = factor.value.sum_dim(dims, false)?.to_dtype(dtype)?;
    let labels = factor.labels.into_iter().filter(|&label| needed(label)).collect();
    Ok(Factor { value, labels })
}

/// The product of two factors, summed over the labels that nobody needs.
#[track_caller]
fn multiply<T: Apply>(a: Factor<T>, b: Factor<T>, needed: &dyn Fn(Label) -> bool) -> Result<Factor<T>> {
    check_dtypes("einsum", &a.value, &b.value)?;
    // What only one of them has is summed before. So is what the other has one element of.
    let size = |factor: &Factor<T>, label: Label| {
        factor.labels.iter().position(|&other| other == label).map(|dim| factor.value.shape()[dim])
    };
    for &label in &a.labels {
        if let (Some(left), Some(right)) = (size(&a, label), size(&b, label))
            && left != right
            && left != 1
            && right != 1
        {
            return Err(Error::shape(
                "einsum",
                format!(
                    "one letter has sizes {left} and {right} in {} and {}",
                    a.value.shape(),
                    b.value.shape()
                ),
            ));
        }
    }
    let (of_a, of_b) = (a.labels.clone(), b.labels.clone());
    let a = sum_out(a, &|label| needed(label) || of_b.contains(&label))?;
    let b = sum_out(b, &|label| needed(label) || of_a.contains(&label))?;
    let both: Vec<Label> = a.labels.iter().copied().filter(|label| b.labels.contains(label)).collect();
    let batch: Vec<Label> = both.iter().copied().filter(|&label| needed(label)).collect();
    let inner: Vec<Label> = both.iter().copied().filter(|&label| !needed(label)).collect();
    let only = |x: &Factor<T>, y: &Factor<T>| -> Vec<Label> {
        x.labels.iter().copied().filter(|label| !y.labels.contains(label)).collect()
    };
    let (left, right) = (only(&a, &b), only(&b, &a));
    let larger = |label: Label| size(&a, label).unwrap_or(1).max(size(&b, label).unwrap_or(1));
    // An empty dimension against one of size one is empty.
    let joined = |label: Label| match (size(&a, label), size(&b, label)) {
        (Some(0), _) | (_, Some(0)) => 0,
        _ => larger(label),
    };
    let sizes = |labels: &[Label]| -> Shape { labels.iter().map(|&label| joined(label)).collect() };
    let order = |factor: &Factor<T>, groups: [&[Label]; 3]| -> List {
        let place = |label: &Label| factor.labels.iter().position(|other| other == label);
        groups.iter().flat_map(|group| group.iter()).filter_map(place).collect()
    };
    let labels: Vec<Label> = batch.iter().chain(&left).chain(&right).copied().collect();
    if inner.is_empty() {
        // Nothing to sum: a product of elements.
        let x = permuted(&a.value, &order(&a, [&batch, &left, &[]]))?;
        let mut shape = x.shape().clone();
        right.iter().for_each(|_| shape.push(1));
        let x = shaped(&x, shape)?;
        let y = permuted(&b.value, &order(&b, [&batch, &right, &[]]))?;
        let mut shape = y.shape().clone();
        left.iter().for_each(|_| shape.insert(batch.len(), 1));
        let y = shaped(&y, shape)?;
        let value = T::formula(&[&x, &y], &[], |x, _| x[0] * x[1])?;
        return Ok(Factor { value, labels });
    }
    let (batch_sizes, inner_sizes) = (sizes(&batch), sizes(&inner));
    let matrix = |factor: &Factor<T>, groups: [&[Label]; 3], rows: usize, columns: usize| -> Result<T> {
        let ordered = permuted(&factor.value, &order(factor, groups))?;
        let full: Shape = groups.iter().flat_map(|group| sizes(group).to_vec()).collect();
        let ordered = if *ordered.shape() == full {
            ordered
        } else {
            T::apply_one(Op::View(View::Expand(full)), &[&ordered])?
        };
        shaped(&ordered, [batch_sizes.numel(), rows, columns].into())
    };
    let (m, k, n) = (sizes(&left).numel(), inner_sizes.numel(), sizes(&right).numel());
    let x = matrix(&a, [&batch, &left, &inner], m, k)?;
    let y = matrix(&b, [&batch, &inner, &right], k, n)?;
    let product = T::apply_one(Op::Matmul, &[&x, &y])?;
    let value = shaped(&product, sizes(&labels))?;
    Ok(Factor { value, labels })
}
