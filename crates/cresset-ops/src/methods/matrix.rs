//! Products of matrices and vectors, alone and added to something.

use cresset_tensor::{DType, Error, Listed, Result, Scalar, Shape};

use super::{
    Elementwise, Shaping,
    fused::{permuted, reduce_formula, shaped, squeezed, transposed, unsqueezed},
};
use crate::{
    Apply, Array,
    op::{List, Op, Reduction},
};

/// Products of matrices and vectors.
pub trait Matrices: Apply {
    /// The matrix product of the last two dimensions, over all others broadcast together. A side of one dimension is
    /// a row on the left and a column on the right, and that dimension is gone from the result.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let a = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(&Array::new([1.0, -1.0]))?.to_vec::<f64>()?, [-1.0, -1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn matmul(&self, other: &Self) -> Result<Self> {
        let (left, right) = (self.rank() == 1, other.rank() == 1);
        let a = if left { unsqueezed(self, 0)? } else { self.clone() };
        let b = if right { unsqueezed(other, 1)? } else { other.clone() };
        let mut y = match (a.rank(), b.rank()) {
            // One matrix on the right for all on the left: a single tall product, which has the derivative of one.
            (3.., 2) if a.shape().last() == b.shape().first() => {
                let mut shape = a.shape().clone();
                let last = shape.rank() - 1;
                let rows = shape[..last].iter().product();
                let tall = shaped(&a, [rows, shape[last]].into())?;
                let y = Self::apply_one(Op::Matmul, &[&tall, &b])?;
                shape[last] = b.shape()[1];
                shaped(&y, shape)?
            }
            _ => Self::apply_one(Op::Matmul, &[&a, &b])?,
        };
        if right {
            y = squeezed(&y, y.rank() - 1)?;
        }
        if left {
            y = squeezed(&y, y.rank() - if right { 1 } else { 2 })?;
        }
        Ok(y)
    }

    /// The product of two matrices.
    #[track_caller]
    fn mm(&self, other: &Self) -> Result<Self> {
        check_ranks("mm", self, 2, other, 2)?;
        Self::apply_one(Op::Matmul, &[self, other])
    }

    /// The products of two equally large batches of matrices.
    #[track_caller]
    fn bmm(&self, other: &Self) -> Result<Self> {
        check_ranks("bmm", self, 3, other, 3)?;
        check_batches("bmm", self, other)?;
        Self::apply_one(Op::Matmul, &[self, other])
    }

    /// A matrix times a vector.
    #[track_caller]
    fn mv(&self, vector: &Self) -> Result<Self> {
        check_ranks("mv", self, 2, vector, 1)?;
        self.matmul(vector)
    }

    /// `Σ aᵢ·bᵢ` of two vectors.
    #[track_caller]
    fn dot(&self, other: &Self) -> Result<Self> {
        check_ranks("dot", self, 1, other, 1)?;
        self.matmul(other)
    }

    /// [`dot`](Self::dot): without complex numbers the same.
    #[track_caller]
    fn vdot(&self, other: &Self) -> Result<Self> {
        self.dot(other)
    }

    /// `Σ aᵢ·bᵢ` along a dimension, others broadcast: PyTorch's `linalg.vecdot`.
    #[track_caller]
    fn vecdot(&self, other: &Self, dim: i64) -> Result<Self> {
        check_dtypes("vecdot", self, other)?;
        let Some(shape) = self.shape().broadcast(other.shape()) else {
            return Err(Error::shape(
                "vecdot",
                format!("shapes {} and {} do not broadcast together", self.shape(), other.shape()),
            ));
        };
        let dim = shape.axis("vecdot", dim)?;
        let dims: List = (0..shape.rank()).filter(|&other| other == dim).listed();
        reduce_formula(Reduction::Sum, &dims, false, &[self, other], &[], |x, _| x[0] * x[1])
    }

    /// `Σ` of products along the last dimension of both, of every pair of rows.
    #[track_caller]
    fn inner(&self, other: &Self) -> Result<Self> {
        if self.rank() == 0 || other.rank() == 0 {
            check_dtypes("inner", self, other)?;
            return Self::formula(&[self, other], &[], |x, _| x[0] * x[1]);
        }
        let (x, y) = (self.shape(), other.shape());
        if x.last() != y.last() {
            return Err(Error::shape("inner", format!("the last sizes differ: {x} and {y}")));
        }
        let shape: Shape = x[..x.rank() - 1].iter().chain(&y[..y.rank() - 1]).copied().collect();
        let rows = |shape: &Shape| -> Shape {
            [shape[..shape.rank() - 1].iter().product(), shape[shape.rank() - 1]].into()
        };
        let (a, b) = (shaped(self, rows(x))?, shaped(other, rows(y))?);
        shaped(&Self::apply_one(Op::Matmul, &[&a, &transposed(&b)?])?, shape)
    }

    /// `aᵢ·bⱼ` of two vectors.
    #[track_caller]
    fn outer(&self, other: &Self) -> Result<Self> {
        check_shape_ranks("outer", self, 1, other, 1)?;
        Self::formula(&[&unsqueezed(self, 1)?, other], &[], |x, _| x[0] * x[1])
    }

    /// [`outer`](Self::outer) under its older name.
    #[track_caller]
    fn ger(&self, other: &Self) -> Result<Self> {
        self.outer(other)
    }

    /// `β·self + α·(a @ b)` of two matrices. With `β = 0`, NaN in `self` is not looked at.
    #[track_caller]
    fn addmm(&self, a: &Self, b: &Self, beta: impl Into<Scalar>, alpha: impl Into<Scalar>) -> Result<Self> {
        if let Some([x, a, b]) = single([self, a, b])? {
            return x.addmm(&a, &b, beta, alpha)?.to_dtype(self.dtype());
        }
        add_product("addmm", self, &a.mm(b)?, beta.into(), alpha.into())
    }

    /// `β·self + α·(a @ v)` of a matrix and a vector.
    #[track_caller]
    fn addmv(
        &self,
        matrix: &Self,
        vector: &Self,
        beta: impl Into<Scalar>,
        alpha: impl Into<Scalar>,
    ) -> Result<Self> {
        if let Some([x, a, b]) = single([self, matrix, vector])? {
            return x.addmv(&a, &b, beta, alpha)?.to_dtype(self.dtype());
        }
        add_product("addmv", self, &matrix.mv(vector)?, beta.into(), alpha.into())
    }

    /// `β·self + α·Σ (aᵢ @ bᵢ)` of two batches of matrices.
    #[track_caller]
    fn addbmm(&self, a: &Self, b: &Self, beta: impl Into<Scalar>, alpha: impl Into<Scalar>) -> Result<Self> {
        if let Some([x, a, b]) = single([self, a, b])? {
            return x.addbmm(&a, &b, beta, alpha)?.to_dtype(self.dtype());
        }
        check_ranks("addbmm", a, 3, b, 3)?;
        check_batches("addbmm", a, b)?;
        // The sum over the batch is one product whose inner dimension is (batch, inner).
        let (x, y) = (a.shape(), b.shape());
        if x[2] != y[1] {
            return Err(Error::shape("addbmm", format!("inner dimensions differ: {x} @ {y}")));
        }
        let wide = shaped(&permuted(a, &[1, 0, 2])?, [x[1], x[0] * x[2]].into())?;
        let tall = shaped(b, [y[0] * y[1], y[2]].into())?;
        add_product("addbmm", self, &wide.mm(&tall)?, beta.into(), alpha.into())
    }

    /// `β·self + α·(aᵢ @ bᵢ)` of two batches of matrices.
    #[track_caller]
    fn baddbmm(&self, a: &Self, b: &Self, beta: impl Into<Scalar>, alpha: impl Into<Scalar>) -> Result<Self> {
        if let Some([x, a, b]) = single([self, a, b])? {
            return x.baddbmm(&a, &b, beta, alpha)?.to_dtype(self.dtype());
        }
        add_product("baddbmm", self, &a.bmm(b)?, beta.into(), alpha.into())
    }

    /// `β·self + α·aᵢ·bⱼ` of two vectors.
    #[track_caller]
    fn addr(&self, a: &Self, b: &Self, beta: impl Into<Scalar>, alpha: impl Into<Scalar>) -> Result<Self> {
        if let Some([x, a, b]) = single([self, a, b])? {
            return x.addr(&a, &b, beta, alpha)?.to_dtype(self.dtype());
        }
        let (beta, alpha) = (beta.into(), alpha.into());
        let product = a.outer(b)?;
        if product.dtype() == DType::Bool && self.dtype() == DType::Bool {
            check_addend("addr", self, &product)?;
            let numbers = [beta.to_bool().into(), alpha.to_bool().into()];
            return Self::formula(&[self, &product], &numbers, |x, n| x[0].and(n[0]).or(x[1].and(n[1])));
        }
        add_product("addr", self, &product, beta, alpha)
    }

    /// The product of several matrices, in the cheapest order. The first and the last may be vectors: PyTorch's
    /// `linalg.multi_dot`.
    #[track_caller]
    fn multi_dot(matrices: &[&Self]) -> Result<Self> {
        let [first, .., last] = matrices else {
            return Err(Error::argument("multi_dot", "needs at least two matrices"));
        };
        let mut list: Vec<Self> = matrices.iter().map(|&x| x.clone()).collect();
        let (row, column) = (first.rank() == 1, last.rank() == 1);
        let end = list.len() - 1;
        if row {
            list[0] = unsqueezed(&list[0], 0)?;
        }
        if column {
            list[end] = unsqueezed(&list[end], 1)?;
        }
        let mut y = product_of("multi_dot", &list)?;
        if column {
            y = squeezed(&y, 1)?;
        }
        if row {
            y = squeezed(&y, 0)?;
        }
        Ok(y)
    }

    /// The product of several matrices, in the cheapest order.
    #[track_caller]
    fn chain_matmul(matrices: &[&Self]) -> Result<Self> {
        let list: Vec<Self> = matrices.iter().map(|&x| x.clone()).collect();
        product_of("chain_matmul", &list)
    }

    /// The square matrix times itself `n` times, for every matrix of the last two dimensions; `n = 0` gives the
    /// identity. Negative powers need an inverse and are refused.
    #[track_caller]
    fn matrix_power(&self, n: i64) -> Result<Self> {
        let shape = self.shape();
        let [.., rows, columns] = shape[..] else {
            return Err(Error::shape("matrix_power", format!("needs matrices, not shape {shape}")));
        };
        if rows != columns {
            return Err(Error::shape("matrix_power", format!("needs square matrices, not {shape}")));
        }
        let Ok(mut rest) = u64::try_from(n) else {
            return Err(Error::argument("matrix_power", format!("{n} is negative; invert the matrix first")));
        };
        if rest == 0 {
            let identity = identity(rows, self.dtype())?;
            return self.beside(identity)?.broadcast_to(shape);
        }
        let (mut power, mut result) = (self.clone(), None);
        loop {
            if rest & 1 == 1 {
                result = Some(match result {
                    None => power.clone(),
                    Some(result) => Self::apply_one(Op::Matmul, &[&result, &power])?,
                });
            }
            rest >>= 1;
            if rest == 0 {
                break;
            }
            power = Self::apply_one(Op::Matmul, &[&power, &power])?;
        }
        Ok(result.unwrap_or(power))
    }

    /// `x @ weightᵀ + bias`, over the last dimension of `x`. A weight of one dimension gives one number for each row.
    #[track_caller]
    fn linear(&self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
        if weight.rank() == 0 || weight.rank() > 2 || self.rank() == 0 {
            return Err(Error::shape(
                "linear",
                format!(
                    "weight must be [out, in] or [in], not {}, for an input of {}",
                    weight.shape(),
                    self.shape()
                ),
            ));
        }
        let (last, inputs) = (self.shape()[self.rank() - 1], weight.shape()[weight.rank() - 1]);
        if last != inputs {
            return Err(Error::shape(
                "linear",
                format!(
                    "the input's last size must be the weight's: {} and {} ({last} against {inputs})",
                    self.shape(),
                    weight.shape()
                ),
            ));
        }
        if let (Some(bias), 2, 2..) = (bias, weight.rank(), self.rank())
            && bias.shape()[..] == weight.shape()[..1]
        {
            check_dtypes("linear", self, weight)?;
            check_dtypes("linear", self, bias)?;
            // All rows are those of one product.
            let mut shape = self.shape().clone();
            let rows = shape[..shape.rank() - 1].iter().product();
            let weight = permuted(weight, &[1, 0])?;
            if shape.rank() == 2 {
                return Self::apply_one(Op::Matmul, &[self, &weight, bias]);
            }
            let y = Self::apply_one(Op::Matmul, &[&shaped(self, [rows, last].into())?, &weight, bias])?;
            let dim = shape.rank() - 1;
            shape[dim] = bias.numel();
            return shaped(&y, shape);
        }
        let y = match weight.rank() {
            1 => self.matmul(weight)?,
            _ => self.matmul(&permuted(weight, &[1, 0])?)?,
        };
        match bias {
            None => Ok(y),
            Some(bias) => {
                check_dtypes("linear", self, bias)?;
                check_addend("linear", bias, &y)?;
                Self::formula(&[&y, bias], &[], |x, _| x[0] + x[1])
            }
        }
    }

    /// `y[…, o] = Σᵢⱼ a[…, i]·weight[o, i, j]·b[…, j] + bias[o]`.
    #[track_caller]
    fn bilinear(&self, other: &Self, weight: &Self, bias: Option<&Self>) -> Result<Self> {
        let fail = |why: &str| {
            Err(Error::shape(
                "bilinear",
                format!("{why}: inputs {} and {}, weight {}", self.shape(), other.shape(), weight.shape()),
            ))
        };
        let &[outputs, left, right] = &weight.shape()[..] else {
            return fail("the weight must be [out, left, right]");
        };
        let rank = self.rank();
        if rank == 0 || other.rank() != rank || self.shape()[..rank - 1] != other.shape()[..rank - 1] {
            return fail("both inputs must have the same sizes but for the last");
        }
        if self.shape()[rank - 1] != left || other.shape()[rank - 1] != right {
            return fail("the inputs' last sizes must be the weight's last two");
        }
        check_dtypes("bilinear", self, other)?;
        check_dtypes("bilinear", self, weight)?;
        // Every output is a row of `weight @ b`, then summed with `a`.
        let rows = shaped(weight, [outputs * left, right].into())?;
        let mut split = Shape::from_slice(&self.shape()[..rank - 1]);
        split.push(outputs);
        split.push(left);
        let partial = shaped(&other.matmul(&transposed(&rows)?)?, split)?;
        let a = unsqueezed(self, rank - 1)?;
        let y = reduce_formula(Reduction::Sum, &[rank], false, &[&partial, &a], &[], |x, _| x[0] * x[1])?;
        let y = y.to_dtype(self.dtype())?;
        match bias {
            None => Ok(y),
            Some(bias) => {
                check_dtypes("bilinear", self, bias)?;
                check_addend("bilinear", bias, &y)?;
                Self::formula(&[&y, bias], &[], |x, _| x[0] + x[1])
            }
        }
    }

    /// The Kronecker product: every element of this times all of the other.
    #[track_caller]
    fn kron(&self, other: &Self) -> Result<Self> {
        let rank = self.rank().max(other.rank());
        let (mut a, mut b, mut result) = (Shape::default(), Shape::default(), Shape::default());
        for dim in 0..rank {
            let size = |x: &Self| (dim + x.rank()).checked_sub(rank).map_or(1, |dim| x.shape()[dim]);
            let (left, right) = (size(self), size(other));
            a.push(left);
            a.push(1);
            b.push(1);
            b.push(right);
            result.push(left.saturating_mul(right));
        }
        let y = Self::formula(&[&shaped(self, a)?, &shaped(other, b)?], &[], |x, _| x[0] * x[1])?;
        shaped(&y, result)
    }

    /// The cross product of vectors of three along a dimension (PyTorch's `linalg.cross`; its `cross` without a
    /// dimension takes the first of size three).
    #[track_caller]
    fn cross(&self, other: &Self, dim: impl Into<Option<i64>>) -> Result<Self> {
        if self.rank() != other.rank() {
            return Err(Error::shape(
                "cross",
                format!("both must have as many dimensions: {} and {}", self.shape(), other.shape()),
            ));
        }
        check_dtypes("cross", self, other)?;
        let dim = match dim.into() {
            Some(dim) => self.shape().axis("cross", dim)?,
            None => match self.shape().iter().position(|&size| size == 3) {
                Some(dim) => dim,
                None => {
                    return Err(Error::shape(
                        "cross",
                        format!("no dimension of {} has size 3", self.shape()),
                    ));
                }
            },
        };
        if self.shape().get(dim) != Some(&3) || other.shape().get(dim) != Some(&3) {
            return Err(Error::shape(
                "cross",
                format!(
                    "dimension {dim} must have size 3 on both sides: {} and {}",
                    self.shape(),
                    other.shape()
                ),
            ));
        }
        let turn = |by: i64| self.beside(Array::from_vec(vec![by % 3, (by + 1) % 3, (by + 2) % 3], 3)?);
        let (next, after) = (turn(1)?, turn(2)?);
        let select = |x: &Self, index: &Self| Self::apply_one(Op::IndexSelect { dim }, &[x, index]);
        let (a1, a2) = (select(self, &next)?, select(self, &after)?);
        let (b1, b2) = (select(other, &next)?, select(other, &after)?);
        Self::formula(&[&a1, &b2, &a2, &b1], &[], |x, _| x[0] * x[1] - x[2] * x[3])
    }
}

impl<T: Apply> Matrices for T {}

/// Ones on the diagonal.
fn identity(n: usize, dtype: DType) -> Result<Array> {
    let zeros = Array::filled("eye", [n, n].into(), dtype, 0)?;
    let diagonal = zeros.with_layout(zeros.layout().diagonal(0, 0, 1)?)?;
    Array::formulas_into(&[], &[Scalar::Int(1)], &[&diagonal], |_, n| [n[0]])?;
    Ok(zeros)
}

#[track_caller]
fn check_shape_ranks<T: Apply>(name: &'static str, a: &T, m: usize, b: &T, n: usize) -> Result<()> {
    if a.rank() == m && b.rank() == n {
        return Ok(());
    }
    Err(Error::shape(
        name,
        format!("needs {m} and {n} dimensions, not {} and {}; see matmul", a.shape(), b.shape()),
    ))
}

#[track_caller]
fn check_ranks<T: Apply>(name: &'static str, a: &T, m: usize, b: &T, n: usize) -> Result<()> {
    check_shape_ranks(name, a, m, b, n)?;
    check_dtypes(name, a, b)
}

#[track_caller]
fn check_batches<T: Apply>(name: &'static str, a: &T, b: &T) -> Result<()> {
    if a.shape()[0] == b.shape()[0] {
        return Ok(());
    }
    Err(Error::shape(name, format!("batches differ: {} and {}; matmul broadcasts", a.shape(), b.shape())))
}

#[track_caller]
pub(super) fn check_dtypes<T: Apply>(name: &'static str, a: &T, b: &T) -> Result<()> {
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(Error::dtype(
        name,
        format!("both must have one dtype: {} and {}; convert with to_dtype", a.dtype(), b.dtype()),
    ))
}

/// What is added must not make the result larger.
#[track_caller]
fn check_addend<T: Apply>(name: &'static str, x: &T, product: &T) -> Result<()> {
    if product.shape().broadcast(x.shape()).as_ref() == Some(product.shape()) {
        return Ok(());
    }
    Err(Error::shape(
        name,
        format!("shape {} does not broadcast to the product's {}", x.shape(), product.shape()),
    ))
}

/// What is of half precision in single: a product may exceed what half holds, though a part of it, added, does not.
fn single<T: Apply>(values: [&T; 3]) -> Result<Option<[T; 3]>> {
    let dtype = values[0].dtype();
    if !dtype.is_float() || dtype.size() != 2 || values.map(T::dtype) != [dtype; 3] {
        return Ok(None);
    }
    let [x, a, b] = values.map(|x| x.to_dtype(DType::F32));
    Ok(Some([x?, a?, b?]))
}

/// `β·x + α·product`.
#[track_caller]
fn add_product<T: Apply>(name: &'static str, x: &T, product: &T, beta: Scalar, alpha: Scalar) -> Result<T> {
    check_dtypes(name, x, product)?;
    check_addend(name, x, product)?;
    let number = |value: Scalar| if x.dtype().is_float() { value } else { Scalar::Int(value.to_i64()) };
    let (beta, alpha) = (number(beta), number(alpha));
    if beta.to_f64() == 1.0 && alpha.to_f64() == 1.0 {
        return T::formula(&[x, product], &[], |x, _| x[0] + x[1]);
    }
    // With β = 0 the result still depends on x, its derivative being zero.
    T::formula(&[x, product], &[beta, alpha], |x, n| {
        n[0].eq(0).select(x[1] * n[1], x[0] * n[0] + x[1] * n[1])
    })
}

/// The product of matrices in the order with the fewest multiplications.
#[track_caller]
fn product_of<T: Apply>(name: &'static str, list: &[T]) -> Result<T> {
    for x in list {
        if x.rank() != 2 {
            return Err(Error::shape(name, format!("needs matrices, not shape {}", x.shape())));
        }
    }
    for pair in list.windows(2) {
        if pair[0].shape()[1] != pair[1].shape()[0] {
            return Err(Error::shape(
                name,
                format!("inner dimensions differ: {} @ {}", pair[0].shape(), pair[1].shape()),
            ));
        }
    }
    let count = list.len();
    let Some(first) = list.first() else {
        return Err(Error::argument(name, "needs at least one matrix"));
    };
    // Matrix i is [sizes[i], sizes[i + 1]]; cost[i][j] is that of the product of i..=j, split[i][j] its last product.
    let mut sizes = vec![first.shape()[0]];
    sizes.extend(list.iter().map(|x| x.shape()[1]));
    let mut cost = vec![vec![0usize; count]; count];
    let mut split = vec![vec![0; count]; count];
    for length in 1..count {
        for i in 0..count - length {
            let j = i + length;
            let price = |s: usize, cost: &[Vec<usize>]| {
                let last = sizes[i].saturating_mul(sizes[s + 1]).saturating_mul(sizes[j + 1]);
                cost[i][s].saturating_add(cost[s + 1][j]).saturating_add(last)
            };
            let best = (i..j).min_by_key(|&s| price(s, &cost)).unwrap_or(i);
            cost[i][j] = price(best, &cost);
            split[i][j] = best;
        }
    }
    multiply_range(list, &split, 0, count - 1)
}

#[track_caller]
fn multiply_range<T: Apply>(list: &[T], split: &[Vec<usize>], i: usize, j: usize) -> Result<T> {
    if i == j {
        return Ok(list[i].clone());
    }
    let middle = split[i][j];
    let (a, b) = (multiply_range(list, split, i, middle)?, multiply_range(list, split, middle + 1, j)?);
    T::apply_one(Op::Matmul, &[&a, &b])
}
