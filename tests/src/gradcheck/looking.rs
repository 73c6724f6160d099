//! Drawn views, their adjoints, and writing through them.

use cresset_ops::{
    Op, Shape,
    op::List,
    view::{View, ViewKind},
};
use cresset_tensor::{Layout, Strides};

use super::{
    draw::Draw,
    operation::ANY,
    sample::{Input, Sample},
};

/// A view, and the shape it is of.
fn drawn(draw: &mut Draw, kind: ViewKind) -> (View, Shape) {
    match kind {
        ViewKind::Permute => {
            let shape = draw.shape((0, 3), (0, 3));
            let mut left: Vec<usize> = (0..shape.rank()).collect();
            let order: List =
                (0..shape.rank()).map(|_| left.remove(draw.integer(0, left.len() - 1))).collect();
            (View::Permute(order), shape)
        }
        ViewKind::Expand => {
            let whole = draw.shape((0, 3), (0, 3));
            let shape = draw.smaller(&whole);
            (View::Expand(whole), shape)
        }
        ViewKind::Reshape => {
            let shape = draw.shape((0, 3), (0, 4));
            let mut to = shape.clone();
            for _ in 0..draw.integer(0, 3) {
                let dim = draw.integer(0, to.rank());
                match draw.integer(0, 2) {
                    0 => to.insert(dim, 1),
                    1 if dim + 1 < to.rank() => {
                        to[dim] *= to[dim + 1];
                        to.remove(dim + 1);
                    }
                    _ if dim < to.rank() && to[dim] > 0 && to[dim].is_multiple_of(2) => {
                        to[dim] /= 2;
                        to.insert(dim, 2);
                    }
                    _ => {}
                }
            }
            (View::Reshape(to), shape)
        }
        ViewKind::Slice => {
            let shape = draw.shape((1, 3), (0, 5));
            let dim = draw.integer(0, shape.rank() - 1);
            let size = shape[dim];
            let step = draw.one_of(&[1isize, 2, -1, -2, 3]);
            let room = size.div_ceil(step.unsigned_abs());
            let len = draw.integer(0, room);
            let reach = len.saturating_sub(1) * step.unsigned_abs();
            let first = draw.integer(0, size.saturating_sub(1).saturating_sub(reach));
            let start = if step < 0 { first + reach } else { first };
            (View::Slice { dim, start, len, step }, shape)
        }
        ViewKind::Select => {
            let mut shape = draw.shape((1, 3), (0, 4));
            let dim = draw.integer(0, shape.rank() - 1);
            shape[dim] = shape[dim].max(1);
            let index = draw.integer(0, shape[dim] - 1);
            (View::Select { dim, index }, shape)
        }
        ViewKind::Diagonal => {
            let shape = draw.shape((2, 3), (0, 4));
            let dim1 = draw.integer(0, shape.rank() - 1);
            let dim2 = (dim1 + draw.integer(1, shape.rank() - 1)) % shape.rank();
            (View::Diagonal { offset: draw.integer(0, 4) as i64 - 2, dim1, dim2 }, shape)
        }
        ViewKind::Unfold => {
            let mut shape = draw.shape((1, 3), (1, 5));
            let dim = draw.integer(0, shape.rank() - 1);
            let (size, step, dilation) = (draw.integer(1, 3), draw.integer(1, 2), draw.integer(1, 2));
            shape[dim] = shape[dim].max((size - 1) * dilation + 1);
            (View::Unfold { dim, size, step, dilation }, shape)
        }
        ViewKind::AsStrided => {
            let shape = draw.shape((0, 3), (1, 4));
            // Anywhere in the memory of a row-major array, also several times at one place.
            let mut room = shape.numel() - 1;
            let offset = draw.integer(0, room.min(2));
            room -= offset;
            let mut seen = Shape::default();
            let mut strides = Strides::default();
            for _ in 0..draw.integer(0, 3) {
                let stride = draw.integer(0, 3);
                let size = draw.integer(1, room.checked_div(stride).map_or(2, |most| most.min(2) + 1));
                room -= (size - 1) * stride;
                seen.push(size);
                strides.push(stride as isize);
            }
            (View::AsStrided { shape: seen, strides: strides.into(), offset }, shape)
        }
    }
}

/// A view of an array.
pub fn view(draw: &mut Draw, kind: ViewKind) -> Sample {
    let (view, shape) = drawn(draw, kind);
    let mut x = draw.laid(&shape, ANY);
    if kind == ViewKind::AsStrided {
        x = x.plain();
    }
    Sample { op: Op::View(view), inputs: vec![Input::Vary(x)] }
}

/// The adjoint of a view.
pub fn unview(draw: &mut Draw, kind: ViewKind) -> Sample {
    let (view, shape) = drawn(draw, kind);
    let base = Layout::contiguous(shape);
    let seen = view.shape(&base).unwrap_or_default();
    Sample { op: Op::Unview { view, base: base.into() }, inputs: vec![Input::Vary(draw.laid(&seen, ANY))] }
}

/// Writing through a view.
pub fn overwrite(draw: &mut Draw, kind: ViewKind) -> Sample {
    let (mut view, shape) = drawn(draw, kind);
    let layout = Layout::contiguous(shape.clone());
    // Several elements at one place cannot be written: one of them, then.
    if let (View::AsStrided { offset, .. }, Ok(Some(seen))) = (&view, view.layout(&layout))
        && seen.overlaps_itself()
    {
        view = View::AsStrided { shape: Shape::default(), strides: Box::default(), offset: *offset };
    }
    let seen = view.shape(&layout).unwrap_or_default();
    let (mut x, source) = (draw.laid(&shape, ANY), draw.laid(&seen, ANY));
    if kind == ViewKind::AsStrided {
        x = x.plain();
    }
    Sample { op: Op::Overwrite(view), inputs: vec![Input::Vary(x), Input::Vary(source)] }
}
