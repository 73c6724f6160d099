//! Transposed convolution whose windows are further apart than one. Of its places, those as far apart as the windows meet the
//! same elements of the kernel, and no others: each such phase is a transposed convolution of its own, whose windows are
//! neighbours. Together they multiply what there is to multiply; all at once would try every element at every place.

use std::sync::Arc;

use cresset_ops::{
    Array, Result, Scalar, Shape,
    op::{Convolution, List, Role},
};
use cresset_tensor::Layout;

use super::{convolve::product_of, fill, product::compute, view};
use crate::card::Card;

/// Multiplications, tried ones too, that are worth a few more dispatches.
const LEAST: usize = 1 << 25;

/// Is a result of that shape better computed by phases?
pub fn is_worth(convolution: &Convolution, shape: &Shape, w: &Array) -> bool {
    let tried = w.numel() / w.shape()[1].max(1) / convolution.groups.max(1);
    convolution.stride.iter().any(|&stride| stride > 1) && shape.numel().saturating_mul(tried) >= LEAST
}

/// A phase along one dimension.
struct Phase {
    /// The first place that anything meets, how many there are, and how far apart.
    places: [usize; 3],
    /// The first element of the kernel that meets them, how many do, and how far apart these are.
    kernel: [usize; 3],
    /// As if so many zeros were on both sides.
    padding: usize,
    dilation: usize,
}

impl Phase {
    /// The places `start + i·stride` of a dimension; `None` if nothing meets them.
    ///
    /// Place `p` meets the elements `q` of the kernel for which `p + padding - q·dilation` is a multiple of the stride: one
    /// of the first few, and from there every so many, each at the output's place that the quotient says.
    fn new([start, size, kernel, stride, padding, dilation]: [usize; 6]) -> Option<Phase> {
        let apart = stride / common_divisor(stride, dilation);
        let reach = (start + padding) as isize;
        let step = stride as isize;
        let met = (0..apart.min(kernel)).find(|&q| (reach - (q * dilation) as isize) % step == 0)?;
        let base = (reach - (met * dilation) as isize) / step;
        // The first places would meet what lies before the output.
        let before = base.min(0).unsigned_abs();
        let count =
            size.saturating_sub(start).div_ceil(stride).checked_sub(before).filter(|&count| count > 0)?;
        Some(Phase {
            places: [start + before * stride, count, stride],
            kernel: [met, (kernel - met).div_ceil(apart), apart],
            padding: base.max(0).unsigned_abs(),
            dilation: dilation * apart / stride,
        })
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Every few elements of the spatial dimensions.
fn sliced(layout: &Layout, parts: &[[usize; 3]]) -> Result<Layout> {
    parts.iter().enumerate().try_fold(layout.clone(), |layout, (d, &[start, len, step])| {
        layout.slice(2 + d, start, len, step as isize)
    })
}

/// The factor `x` of a convolution, one phase after the other.
pub fn by_phases(
    card: &Arc<Card>,
    name: &'static str,
    convolution: &Convolution,
    shape: Shape,
    w: &Array,
    y: &Array,
) -> Result<Array> {
    let dims = convolution.stride.len();
    let along = |d: usize, start: usize| {
        let (size, kernel) = (shape[2 + d], w.shape()[2 + d]);
        let (stride, padding) = (convolution.stride[d], convolution.padding[d]);
        Phase::new([start, size, kernel, stride, padding, convolution.dilation[d]])
    };
    // What no window meets is zero.
    let result = fill::filled(card, name, shape.clone(), w.dtype(), Scalar::Int(0))?;
    let count: usize = convolution.stride.iter().product();
    for number in 0..count {
        let mut rest = number;
        let phases: Option<Vec<Phase>> = (0..dims)
            .map(|d| {
                let start = rest % convolution.stride[d];
                rest /= convolution.stride[d];
                along(d, start)
            })
            .collect();
        let Some(phases) = phases else { continue };
        let list = |f: fn(&Phase) -> usize| -> List { phases.iter().map(f).collect() };
        let part = Convolution {
            role: Role::Input,
            stride: List::from_elem(1, dims),
            padding: list(|phase| phase.padding),
            dilation: list(|phase| phase.dilation),
            groups: convolution.groups,
            output: list(|phase| phase.places[1]),
        };
        let kernel: Vec<[usize; 3]> = phases.iter().map(|phase| phase.kernel).collect();
        let places: Vec<[usize; 3]> = phases.iter().map(|phase| phase.places).collect();
        let seen = w.with_layout(sliced(w.layout(), &kernel)?)?;
        let own = shape[..2].iter().copied().chain(part.output.iter().copied()).collect();
        let x = compute(card, &product_of(card, name, &part, own, [&seen, y], None)?)?;
        view::assign(card, name, &x, &result.with_layout(sliced(result.layout(), &places)?)?)?;
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use cresset_ops::{Apply, Device, Op};

    use super::*;
    use crate::{Gpu, card::card};

    /// Whole numbers, whose sums are exact in any order.
    fn numbers(shape: &[usize]) -> Array {
        let n: usize = shape.iter().product();
        Array::from_vec((0..n).map(|i| ((i * 31 + 7) % 13) as f32 - 6.0).collect(), shape).unwrap()
    }

    #[test]
    fn phases_are_the_whole() {
        let Ok(gpu) = Device::gpu(0) else {
            assert!(std::env::var_os("CRESSET_REQUIRE_GPU").is_none(), "a GPU is required here");
            return println!("skipped: no GPU adapter");
        };
        let card = card(gpu).unwrap();
        // Of each dimension: kernel, output, stride, padding, dilation, and what is left over at the end.
        let cases: [&[[usize; 6]]; 7] = [
            &[[3, 5, 2, 1, 1, 0], [3, 4, 2, 1, 1, 1]],
            &[[1, 4, 2, 0, 1, 1], [2, 4, 3, 0, 1, 2]],
            &[[3, 4, 2, 2, 2, 1]],
            &[[4, 3, 3, 0, 2, 0], [3, 4, 1, 1, 1, 0]],
            &[[3, 3, 4, 0, 2, 3]],
            &[[5, 3, 2, 4, 3, 1], [2, 2, 6, 0, 4, 5]],
            &[[2, 3, 2, 0, 1, 0], [3, 2, 2, 1, 1, 1], [3, 2, 3, 1, 2, 2]],
        ];
        for dims in cases {
            let (mut size, mut lists) = (List::new(), <[List; 5]>::default());
            for &[kernel, output, stride, padding, dilation, rest] in dims {
                size.push((kernel - 1) * dilation + 1 + (output - 1) * stride + rest - 2 * padding);
                let values = [kernel, output, stride, padding, dilation];
                lists.iter_mut().zip(values).for_each(|(list, value)| list.push(value));
            }
            let [kernel, output, stride, padding, dilation] = lists;
            let shape = |a: usize, b: usize, rest: &List| [&[a, b][..], rest].concat();
            let (w, y) = (numbers(&shape(6, 4, &kernel)), numbers(&shape(2, 6, &output)));
            let whole =
                Convolution { role: Role::Input, stride, padding, dilation, groups: 2, output: size.clone() };
            let expected = Array::apply(Op::Convolve(Box::new(whole.clone())), &[&w, &y]).unwrap().remove(0);
            let (w, y) = (card.upload(&w).unwrap(), card.upload(&y).unwrap());
            let own = Shape::from_slice(&shape(2, 8, &size));
            let found = by_phases(&card, "test", &whole, own, &w, &y).unwrap();
            assert!(found.to_bytes().unwrap() == expected.to_bytes().unwrap(), "{whole:?}");
        }
    }
}
