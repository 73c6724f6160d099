//! Running totals as totals: every place looks at all places up to itself.

use cresset_tensor::{DType, Result, Shape};
use smallvec::smallvec;

use super::{copy, reduction::turned};
use crate::{
    Apply, Expr,
    door::Outputs,
    methods::{
        Elementwise,
        fused::{formula_of_places, formula_over, reduce_formula, squeezed, unsqueezed},
    },
    op::{Op, Reduction, Scan},
    select,
};

/// Places `i` are dimension `dim`, the places `j` they look at are `dim + 1`, and have the numbers.
struct Pairs<T> {
    x: T,
    /// `j ≤ i`.
    before: T,
    /// `j`.
    place: T,
    dim: usize,
}

pub fn scan<T: Apply>(kind: Scan, dim: usize, x: &T) -> Result<Outputs<T>> {
    if x.rank() == 0 {
        let outputs = scan(kind, 0, &unsqueezed(x, 0)?)?;
        return outputs.iter().map(|output| squeezed(output, 0)).collect();
    }
    if x.numel() == 0 {
        let values = x.to_dtype(kind.dtype(x.dtype()))?;
        return Ok(match kind {
            Scan::Sum | Scan::Prod | Scan::LogSumExp => smallvec![copy(&values)?],
            Scan::Max | Scan::Min => smallvec![copy(&values)?, x.to_dtype(DType::I64)?],
        });
    }
    let pairs = Pairs::new(x, dim)?;
    Ok(match kind {
        Scan::Sum => smallvec![pairs.reduce(Reduction::Sum, &[], |x, _| select(x[1], x[0], 0))?],
        Scan::Prod => smallvec![pairs.reduce(Reduction::Prod, &[], |x, _| select(x[1], x[0], 1))?],
        Scan::LogSumExp => smallvec![pairs.log_sum_exp()?],
        Scan::Max => pairs.largest()?,
        Scan::Min => {
            let outputs = T::apply(Op::Scan { kind: Scan::Max, dim }, &[&turned(x)?])?;
            smallvec![turned(&outputs[0])?, outputs[1].clone()]
        }
    })
}

impl<T: Apply> Pairs<T> {
    fn new(x: &T, dim: usize) -> Result<Pairs<T>> {
        let length = x.shape()[dim];
        let mut shape = Shape::repeat(1, x.rank() + 1);
        shape[dim + 1] = length;
        let place = formula_of_places(x, &shape, &[], |_, _| Expr::index())?;
        shape[dim] = length;
        let before = formula_over(&shape, &[&place], &[length.into()], |x, n| {
            x[0].le(Expr::index().floor_divide(n[0]))
        })?;
        Ok(Pairs { x: unsqueezed(x, dim)?, before, place, dim })
    }

    fn reduce(&self, kind: Reduction, more: &[&T], f: impl Fn(&[Expr], &[Expr]) -> Expr) -> Result<T> {
        let mut inputs = vec![&self.x, &self.before, &self.place];
        inputs.extend_from_slice(more);
        reduce_formula(kind, &[self.dim + 1], false, &inputs, &[f64::NEG_INFINITY.into()], f)
    }

    fn log_sum_exp(&self) -> Result<T> {
        let largest = self.reduce(Reduction::Max, &[], |x, n| select(x[1], x[0], n[0]))?;
        // Infinities cannot be subtracted from themselves.
        let base = T::formula(&[&largest], &[], |x, _| select(x[0].isinf(), 0, x[0]))?;
        let total = self.reduce(Reduction::Sum, &[&unsqueezed(&base, self.dim + 1)?], |x, _| {
            select(x[1], (x[0] - x[3]).exp(), 0)
        })?;
        T::formula(&[&base, &total], &[], |x, _| x[0] + x[1].log())
    }

    fn largest(&self) -> Result<Outputs<T>> {
        let values = if self.x.dtype().is_float() {
            self.reduce(Reduction::Max, &[], |x, n| select(x[1], x[0], n[0]))?
        } else {
            // What nothing is below, in a dtype without infinity: the first, which all look at.
            let first = super::view(
                &self.x,
                crate::view::View::Slice { dim: self.dim + 1, start: 0, len: 1, step: 1 },
            )?;
            self.reduce(Reduction::Max, &[&first], |x, _| select(x[1], x[0], x[3]))?
        };
        // The last of equals; of NaN, the last.
        let places = self.reduce(Reduction::Max, &[&unsqueezed(&values, self.dim + 1)?], |x, _| {
            let equal = x[0].eq(x[3]).or(x[0].ne(x[0]).and(x[3].ne(x[3])));
            select(x[1].and(equal), x[2], 0)
        })?;
        Ok(smallvec![values, places])
    }
}
