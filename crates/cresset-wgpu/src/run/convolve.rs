//! Convolution: its three products, each as one product of matrices for each group, whose elements are gathered from
//! windows while they are read. Nothing is unrolled in memory.
//!
//! `y = Σ w·x` over channels and places of the kernel; `x = Σ w·y` over output channels and places; `w = Σ y·x` over images
//! and positions.

use std::sync::Arc;

use cresset_ops::{
    Array, Error, Op, Result, Shape,
    infer::infer,
    op::{Convolution, Role},
};
use smallvec::SmallVec;

use super::{
    phases,
    product::{Bias, Product, Size, compute, form::Form, word},
    view,
};
use crate::card::Card;

/// Sizes and strides of an array or a fresh one: of images, of channels, and of the spatial dimensions.
struct Sides {
    sizes: SmallVec<[usize; 6]>,
    strides: SmallVec<[isize; 6]>,
}

impl Sides {
    fn of(x: &Array) -> Sides {
        Sides { sizes: x.shape().iter().copied().collect(), strides: x.strides().iter().copied().collect() }
    }

    fn fresh(shape: &[usize]) -> Sides {
        let mut strides: SmallVec<[isize; 6]> = SmallVec::from_elem(1, shape.len());
        for dim in (1..shape.len()).rev() {
            strides[dim - 1] = strides[dim].wrapping_mul(shape[dim] as isize);
        }
        Sides { sizes: shape.iter().copied().collect(), strides }
    }

    /// The stride of all spatial dimensions, if they are one line.
    fn line(&self) -> Option<isize> {
        let mut line = None;
        let mut reach = 0isize;
        for dim in (2..self.sizes.len()).rev().filter(|&dim| self.sizes[dim] != 1) {
            match line {
                None => line = Some(self.strides[dim]),
                Some(_) if reach == self.strides[dim] => {}
                Some(_) => return None,
            }
            reach = self.strides[dim].wrapping_mul(self.sizes[dim] as isize);
        }
        Some(line.unwrap_or(1))
    }
}

/// One of the three products of a convolution.
pub fn convolve(card: &Arc<Card>, op: &Op, convolution: &Convolution, inputs: &[&Array]) -> Result<Array> {
    if let (Role::Input, &[w, y]) = (convolution.role, inputs) {
        let shape = infer(op, inputs)?.remove(0).shape;
        if phases::is_worth(convolution, &shape, w) {
            return phases::by_phases(card, op.name(), convolution, shape, w, y);
        }
    }
    compute(card, &product(card, op, convolution, inputs)?)
}

/// What is to be computed.
pub fn product(card: &Arc<Card>, op: &Op, convolution: &Convolution, inputs: &[&Array]) -> Result<Product> {
    let shape = infer(op, inputs)?.remove(0).shape;
    let &[a, b, ref bias @ ..] = inputs else {
        return Err(Error::argument(op.name(), format!("takes two arrays, not {}", inputs.len())));
    };
    product_of(card, op.name(), convolution, shape, [a, b], bias.first().copied())
}

/// What is to be computed of a result of such a shape.
pub fn product_of(
    card: &Arc<Card>,
    name: &'static str,
    convolution: &Convolution,
    shape: Shape,
    [a, b]: [&Array; 2],
    bias: Option<&Array>,
) -> Result<Product> {
    let spatial = convolution.stride.len();
    if spatial > 3 {
        return Err(Error::argument(
            "conv",
            format!("{spatial} spatial dimensions; there may be up to three"),
        ));
    }
    // Weights are read as rows.
    let dense = |w: &Array| if w.is_contiguous() { Ok(w.clone()) } else { view::contiguous(card, w) };
    let fresh = Sides::fresh(&shape);
    let (x, w, y, left, right);
    match convolution.role {
        Role::Output => {
            left = dense(b)?;
            right = a.clone();
            (x, w, y) = (Sides::of(a), Sides::of(&left), fresh);
        }
        Role::Input => {
            left = dense(a)?;
            right = b.clone();
            (x, w, y) = (fresh, Sides::of(&left), Sides::of(b));
        }
        Role::Weight => {
            (left, right) = (b.clone(), a.clone());
            (x, w, y) = (Sides::of(a), fresh, Sides::of(b));
        }
    }
    let (groups, images, channels) = (convolution.groups, x.sizes[0], w.sizes[1]);
    let outputs = w.sizes[0] / groups;
    let count = |sizes: &[usize]| sizes.iter().fold(1usize, |all, &size| all.saturating_mul(size));
    let (places, plane, positions) = (count(&w.sizes[2..]), count(&x.sizes[2..]), count(&y.sizes[2..]));
    let all = |list: &[usize], value: usize| list.iter().all(|&one| one == value);
    // A phase of a convolution may be longer or shorter than what it is computed of.
    let single = all(&w.sizes[2..], 1)
        && all(&convolution.stride, 1)
        && all(&convolution.padding, 0)
        && x.sizes[2..] == y.sizes[2..];
    let lines = if single { x.line().zip(y.line()) } else { None };
    let dims = if lines.is_some() { 0 } else { spatial };
    let mut words: SmallVec<[u32; 32]> = SmallVec::new();
    words.extend([left.offset() as u32, right.offset() as u32]);
    for size in [channels, outputs, places, positions, plane] {
        words.push(word(name, size)?);
    }
    words.extend([x.strides[0], x.strides[1], y.strides[0], y.strides[1]].map(|stride| stride as u32));
    match lines {
        Some((x_line, y_line)) => words.extend([x_line as u32, y_line as u32]),
        None => words.extend(x.strides[2..].iter().chain(&y.strides[2..]).map(|&stride| stride as u32)),
    }
    if dims > 0 {
        let (kernel, size, length) = (&w.sizes[2..], &x.sizes[2..], &y.sizes[2..]);
        let lists: [&[usize]; 6] =
            [kernel, size, length, &convolution.stride, &convolution.padding, &convolution.dilation];
        for list in lists {
            for &value in list {
                words.push(word(name, value)?);
            }
        }
        // What coordinates reach, padding included, must be counted too.
        for (&size, &padding) in size.iter().zip(&convolution.padding) {
            word(name, size.saturating_add(padding.saturating_mul(2)))?;
        }
    }
    let (m, n, k, run) = match convolution.role {
        Role::Output => (outputs, count(&[images, positions]), count(&[channels, places]), positions),
        Role::Input => (channels, count(&[images, plane]), count(&[outputs, places]), plane),
        Role::Weight => {
            let n = count(&[channels, places]);
            (outputs, n, count(&[images, positions]), n)
        }
    };
    Ok(Product {
        name,
        form: Form::Convolution {
            role: convolution.role,
            spatial: dims as u8,
            stepped: !all(&convolution.stride, 1),
        },
        a: left,
        b: right,
        size: Size { m: word(name, m)?, n: word(name, n)?, k: word(name, k)?, items: word(name, groups)? },
        run: word(name, run)?,
        deep: match convolution.role {
            // Rows of weights are neighbours in depth, positions neighbours in lines.
            Role::Output | Role::Input => [true, false],
            Role::Weight => [true, true],
        },
        words,
        bias: match bias {
            Some(bias) => Some(Bias { numbers: bias.clone(), run: word(name, positions)?.max(1) }),
            None => None,
        },
        shape,
    })
}
