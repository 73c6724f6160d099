//! Drawn convolutions and pools.

use cresset_ops::{
    Op, Shape,
    op::{Convolution, List, Role, Window},
};

use super::{
    draw::Draw,
    operation::ANY,
    sample::{Input, Sample, Subject},
};

/// One for each factor of the trilinear form.
pub fn convolutions() -> Vec<Subject> {
    Role::ALL
        .iter()
        .map(|&role| Subject::new(format!("convolve {role:?}"), move |draw| convolve(draw, role)))
        .collect()
}

fn convolve(draw: &mut Draw, role: Role) -> Sample {
    let spatial = draw.integer(1, 2);
    let groups = draw.integer(1, 2);
    let (batch, input, output) = (draw.integer(1, 2), draw.integer(1, 2), draw.integer(1, 2));
    let lists: [List; 4] = [(1, 3), (1, 2), (0, 2), (1, 2)]
        .map(|(low, high)| (0..spatial).map(|_| draw.integer(low, high)).collect());
    let [kernel, stride, padding, dilation] = lists;
    let reach = |i: usize| (kernel[i] - 1) * dilation[i] + 1;
    let extra: List = (0..spatial).map(|_| draw.integer(0, 2)).collect();
    let sizes: List =
        (0..spatial).map(|i| (reach(i) + extra[i]).saturating_sub(2 * padding[i]).max(1)).collect();
    let windows: List =
        (0..spatial).map(|i| (sizes[i] + 2 * padding[i] - reach(i)) / stride[i] + 1).collect();
    let shape = |first: usize, second: usize, rest: &List| -> Shape {
        [first, second].into_iter().chain(rest.iter().copied()).collect()
    };
    let x = shape(batch, input * groups, &sizes);
    let w = shape(output * groups, input, &kernel);
    let y = shape(batch, output * groups, &windows);
    let channels = y[1];
    let (a, b, output) = match role {
        Role::Output => (x, w, windows),
        Role::Input => (w, y, sizes),
        Role::Weight => (x, y, kernel),
    };
    let op = Op::Convolve(Box::new(Convolution { role, stride, padding, dilation, groups, output }));
    let mut inputs = vec![Input::Vary(draw.laid(&a, ANY)), Input::Vary(draw.laid(&b, ANY))];
    if role == Role::Output && draw.truth() {
        inputs.push(Input::Vary(draw.laid(&Shape::from([channels]), ANY)));
    }
    Sample { op, inputs }
}

/// Pools of one or two dimensions.
pub fn max_pool(draw: &mut Draw) -> Sample {
    let spatial = draw.integer(1, 2);
    let mut shape = draw.shape((0, 2), (0, 2));
    let lists: [List; 3] =
        [(1, 3), (1, 3), (1, 2)].map(|(low, high)| (0..spatial).map(|_| draw.integer(low, high)).collect());
    let [kernel, stride, dilation] = lists;
    let mut padding = List::new();
    for i in 0..spatial {
        let reach = (kernel[i] - 1) * dilation[i] + 1;
        padding.push(draw.integer(0, reach / 2));
        shape.push(reach + draw.integer(0, 2));
    }
    let op = Op::MaxPool(Box::new(Window { kernel, stride, padding, dilation, ceil: draw.truth() }));
    Sample { op, inputs: vec![Input::Vary(draw.laid(&shape, &[(-2.0, 2.0)]))] }
}
