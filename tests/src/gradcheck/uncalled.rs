//! Methods that no golden case calls, being random or our own, and that have derivatives all the same.

use cresset_autograd::Tensor;
use cresset_ops::{Result, Shape, prelude::*};
use cresset_tensor::random;

use super::{check::Tally, check::check, draw::Draw, operation::ANY};

/// A method, as a function of tensors of some shapes.
pub struct Uncalled {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub call: Call,
    /// The shapes of its tensors.
    pub shapes: &'static [&'static [usize]],
}

/// A call of one output, or of several.
pub enum Call {
    /// Of one.
    One(fn(&[Tensor]) -> Result<Tensor>),
    /// Of several.
    Many(fn(&[Tensor]) -> Result<Vec<Tensor>>),
}

/// All of them.
pub const ALL: &[Uncalled] = &[
    of("map", |x| x[0].map(|x| x * x.tanh()), &[&[2, 3]]),
    of("map2", |x| Tensor::map2(&x[0], &x[1], |a, b| (a * b).sin()), &[&[2, 3], &[3]]),
    of("map3", |x| Tensor::map3(&x[0], &x[1], &x[2], |a, b, c| a * b + c.exp()), &[&[2, 1], &[3], &[2, 3]]),
    Uncalled {
        name: "map_many",
        call: Call::Many(
            |x| Ok(Tensor::map_many(&[&x[0], &x[1]], |x| [x[0] * x[1], x[1].sin()])?.into_vec()),
        ),
        shapes: &[&[2, 3], &[3]],
    },
    of("normal_of", |x| Tensor::normal_of(&x[0], &x[1]), &[&[2, 3], &[3]]),
    of("dropout", |x| x[0].dropout(0.4, true), &[&[4, 5]]),
    of("dropout1d", |x| x[0].dropout1d(0.4, true), &[&[2, 4, 3]]),
    of("dropout2d", |x| x[0].dropout2d(0.4, true), &[&[2, 4, 2, 2]]),
    of("dropout3d", |x| x[0].dropout3d(0.4, true), &[&[2, 4, 1, 2, 2]]),
    of("alpha_dropout", |x| x[0].alpha_dropout(0.4, true), &[&[4, 5]]),
    of("feature_dropout", |x| x[0].feature_dropout(0.4, true), &[&[2, 4, 3]]),
    of("feature_alpha_dropout", |x| x[0].feature_alpha_dropout(0.4, true), &[&[2, 4, 3]]),
    of("gumbel_softmax", |x| x[0].gumbel_softmax(0.7, false, 1), &[&[3, 4]]),
    of("set", |x| in_place(&x[0], |y| y.set(1, &x[1])), &[&[3, 4], &[4]]),
    of("mul_", |x| in_place(&x[0], |y| y.mul_(&x[1])), &[&[3, 4], &[4]]),
    of("exp_", |x| in_place(&x[0], Tensor::exp_), &[&[3, 4]]),
    of("through a view", |x| in_place(&x[0], |y| y.select(0, 1)?.mul_(&x[1]).map(|_| y)), &[&[3, 4], &[4]]),
];

const fn of(
    name: &'static str,
    call: fn(&[Tensor]) -> Result<Tensor>,
    shapes: &'static [&'static [usize]],
) -> Uncalled {
    Uncalled { name, call: Call::One(call), shapes }
}

/// A copy, written in place.
fn in_place(x: &Tensor, write: impl for<'a> FnOnce(&'a Tensor) -> Result<&'a Tensor>) -> Result<Tensor> {
    let y = x.map(|x| x * 1.0)?;
    write(&y)?;
    Ok(y)
}

impl Uncalled {
    /// Checks one sample.
    pub fn check(&self, draw: &mut Draw, seed: u64) -> Result<Tally, String> {
        let inputs: Result<Vec<_>> =
            self.shapes.iter().map(|shape| draw.laid(&Shape::from_slice(shape), ANY).floats()).collect();
        let inputs = inputs.map_err(|error| error.to_string())?;
        let call = |xs: &[Tensor]| {
            // What is random is the same at every call.
            random::manual_seed(seed);
            match self.call {
                Call::One(call) => Ok(vec![call(xs)?]),
                Call::Many(call) => call(xs),
            }
        };
        check(&call, &inputs, seed)
    }
}
