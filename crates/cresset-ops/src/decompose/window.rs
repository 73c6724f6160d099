//! Convolutions and pools as views of windows.

use cresset_tensor::{DType, Layout, Listed, Result, Scalar, Shape};
use smallvec::smallvec;

use super::{reduction::first, view};
use crate::{
    Apply, Expr,
    door::Outputs,
    infer::infer,
    methods::fused::{formula_of_places, permuted, reduce_formula, shaped, sum_formula, transposed},
    op::{Convolution, List, Op, Reduction, Role, Window},
    select,
    view::View,
};

/// A dimension with so many of one number before and after.
fn padded<T: Apply>(x: &T, dim: usize, before: usize, after: usize, value: Scalar) -> Result<T> {
    let len = x.shape()[dim];
    let mut shape = x.shape().clone();
    shape[dim] = before + len + after;
    let blank = x.filled_beside("pad", shape, x.dtype(), value)?;
    T::apply_one(Op::Overwrite(View::Slice { dim, start: before, len, step: 1 }), &[&blank, x])
}

/// The numbers of a convolution: `n` samples, `g` groups of `c` channels of the input and `o` of the output.
struct Sizes {
    n: usize,
    g: usize,
    c: usize,
    o: usize,
    spatial: usize,
    /// Windows, and elements of one.
    windows: List,
    kernel: List,
}

impl Sizes {
    fn shape(parts: &[&[usize]]) -> Shape {
        parts.iter().flat_map(|part| part.iter().copied()).collect()
    }

    fn all_windows(&self) -> usize {
        self.windows.iter().product()
    }

    /// Elements of a window, over all channels of a group.
    fn width(&self) -> usize {
        self.c * self.kernel.iter().product::<usize>()
    }

    /// `[n, g·c, windows…, kernel…]` as `[n, g, windows, c·kernel]`.
    fn matrix<T: Apply>(&self, x: &T) -> Result<T> {
        let Sizes { n, g, c, spatial, .. } = *self;
        let split = shaped(x, Sizes::shape(&[&[n, g, c], &self.windows, &self.kernel]))?;
        let mut order: List = smallvec![0, 1];
        order.extend(3..3 + spatial);
        order.push(2);
        order.extend(3 + spatial..3 + 2 * spatial);
        shaped(&permuted(&split, &order)?, [n, g, self.all_windows(), self.width()].into())
    }

    /// And back.
    fn windows_of<T: Apply>(&self, matrix: &T) -> Result<T> {
        let Sizes { n, g, c, spatial, .. } = *self;
        let split = shaped(matrix, Sizes::shape(&[&[n, g], &self.windows, &[c], &self.kernel]))?;
        let mut order: List = smallvec![0, 1, 2 + spatial];
        order.extend(2..2 + spatial);
        order.extend(3 + spatial..3 + 2 * spatial);
        shaped(&permuted(&split, &order)?, Sizes::shape(&[&[n, g * c], &self.windows, &self.kernel]))
    }

    /// `[n, g·o, windows…]` as `[n, g, o, windows]`.
    fn outputs<T: Apply>(&self, y: &T) -> Result<T> {
        shaped(y, [self.n, self.g, self.o, self.all_windows()].into())
    }

    /// `[g·o, c, kernel…]` as `[g, o, c·kernel]`.
    fn weights<T: Apply>(&self, w: &T) -> Result<T> {
        shaped(w, [self.g, self.o, self.width()].into())
    }
}

/// Products of matrices of windows.
pub fn convolve<T: Apply>(convolution: &Convolution, a: &T, b: &T) -> Result<T> {
    let Convolution { role, stride, padding, dilation, groups, output } = convolution;
    let (g, spatial) = (*groups, stride.len());
    let last = |x: &T| -> List { x.shape()[2..].iter().copied().listed() };
    let product = |a: &T, b: &T| T::apply_one(Op::Matmul, &[a, b]);
    let unfold = |dim: usize, size: usize| View::Unfold {
        dim: 2 + dim,
        size,
        step: stride[dim],
        dilation: dilation[dim],
    };
    let windows = |x: &T, kernel: &List| {
        let mut x = x.clone();
        for dim in 0..spatial {
            x = padded(&x, 2 + dim, padding[dim], padding[dim], 0.into())?;
        }
        (0..spatial).try_fold(x, |x, dim| view(&x, unfold(dim, kernel[dim])))
    };
    match role {
        Role::Output => {
            let (n, o, c) = (a.shape()[0], b.shape()[0] / g, b.shape()[1]);
            let sizes = Sizes { n, g, c, o, spatial, windows: output.clone(), kernel: last(b) };
            let matrix = sizes.matrix(&windows(a, &sizes.kernel)?)?;
            let y = product(&sizes.weights(b)?, &transposed(&matrix)?)?;
            shaped(&y, Sizes::shape(&[&[n, g * o], output]))
        }
        Role::Weight => {
            let (n, o, c) = (a.shape()[0], b.shape()[1] / g, a.shape()[1] / g);
            let sizes = Sizes { n, g, c, o, spatial, windows: last(b), kernel: output.clone() };
            let matrix = sizes.matrix(&windows(a, output)?)?;
            let each = product(&sizes.outputs(b)?, &matrix)?;
            let w = sum_formula(&[&each], &[], [0], false, |x, _| x[0])?;
            shaped(&w, Sizes::shape(&[&[g * o, c], output]))
        }
        Role::Input => {
            let (n, o, c) = (b.shape()[0], a.shape()[0] / g, a.shape()[1]);
            let sizes = Sizes { n, g, c, o, spatial, windows: last(b), kernel: last(a) };
            let matrix = product(&transposed(&sizes.outputs(b)?)?, &sizes.weights(a)?)?;
            let mut x = sizes.windows_of(&matrix)?;
            // Each unfolding of the forward way, the last first, and the padding cut off.
            let mut bases = vec![Sizes::shape(&[&[n, g * c], output])];
            (0..spatial).for_each(|dim| bases[0][2 + dim] += 2 * padding[dim]);
            for dim in 0..spatial {
                let base = Layout::contiguous(bases[dim].clone());
                bases.push(unfold(dim, sizes.kernel[dim]).shape(&base)?);
            }
            for dim in (0..spatial).rev() {
                let base = Layout::contiguous(bases[dim].clone());
                x = T::apply_one(
                    Op::Unview { view: unfold(dim, sizes.kernel[dim]), base: base.into() },
                    &[&x],
                )?;
            }
            for dim in 0..spatial {
                let slice = View::Slice { dim: 2 + dim, start: padding[dim], len: output[dim], step: 1 };
                x = view(&x, slice)?;
            }
            Ok(x)
        }
    }
}

/// The largest of every window, and the first place where it lies (of NaN, the last).
pub fn max_pool<T: Apply>(window: &Window, x: &T) -> Result<Outputs<T>> {
    let metas = infer(&Op::MaxPool(Box::new(window.clone())), &[x.array()])?;
    let spatial = window.kernel.len();
    let outside = x.rank() - spatial;
    let lowest = match x.dtype().is_float() {
        true => Scalar::Float(f64::NEG_INFINITY),
        false => Scalar::Int(x.dtype().int_range().0),
    };
    let mut shape = Shape::repeat(1, outside);
    x.shape()[outside..].iter().for_each(|&size| shape.push(size));
    let places = formula_of_places(x, &shape, &[], |_, _| Expr::index())?;
    let windows = |x: &T, value: Scalar| {
        let mut x = x.clone();
        for dim in 0..spatial {
            let (kernel, step) = (window.kernel[dim], window.stride[dim]);
            let (dilation, before) = (window.dilation[dim], window.padding[dim]);
            let count = metas[0].shape[outside + dim];
            let reach = (count - 1) * step + (kernel - 1) * dilation + 1;
            let after = reach.saturating_sub(before + x.shape()[outside + dim]);
            x = padded(&x, outside + dim, before, after, value)?;
            x = view(&x, View::Unfold { dim: outside + dim, size: kernel, step, dilation })?;
            x = first(&x, outside + dim, count)?;
        }
        Ok(x)
    };
    let (numbers, places) = (windows(x, lowest)?, windows(&places, (-1).into())?);
    let dims: Vec<usize> = (x.rank()..x.rank() + spatial).collect();
    let largest = reduce_formula(Reduction::Max, &dims, true, &[&numbers], &[], |x, _| x[0])?;
    let first = reduce_formula(
        Reduction::Min,
        &dims,
        true,
        &[&numbers, &largest, &places],
        &[i64::MAX.into()],
        // Outside of the input is no place.
        |x, n| select(x[0].eq(x[1]).and(x[2].ge(0)), x[2], n[0]),
    )?;
    let last = reduce_formula(Reduction::Max, &dims, true, &[&numbers, &places], &[], |x, _| {
        select(x[0].ne(x[0]), x[1], -1)
    })?;
    let place = T::formula(&[&first, &last], &[], |x, _| select(x[1].ge(0), x[1], x[0]))?;
    debug_assert_eq!(place.dtype(), DType::I64);
    Ok(smallvec![shaped(&largest, metas[0].shape.clone())?, shaped(&place, metas[1].shape.clone())?])
}
