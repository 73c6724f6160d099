//! Formulas drawn at random: DAGs of smooth primitives with selections, casts and kinks, of bounded value.

use cresset_ops::{DType, Expr, Scalar, op::Map, select};

use super::{draw::Draw, sample::map_of};

/// A formula of so many inputs and outputs, with one runtime number.
pub fn formula(draw: &mut Draw, inputs: usize, outputs: usize) -> Map {
    let start = draw.clone();
    let mut after = draw.clone();
    let numbers: [Scalar; 1] = [0.75.into()];
    let cell = std::cell::RefCell::new(&mut after);
    let map = map_of(inputs, &numbers, None, |x, n| {
        let mut draw = start.clone();
        let mut known: Vec<Expr> = x.iter().chain(n).copied().collect();
        let found: Vec<Expr> = (0..outputs)
            .map(|_| {
                let steps = draw.integer(1, 5);
                for _ in 0..steps {
                    let next = step(&mut draw, &known);
                    known.push(next);
                }
                // Every output depends on an input, so that none is a constant of another dtype.
                *known.last().unwrap_or(&x[0]) + x[draw.integer(0, inputs - 1)] * 0.5
            })
            .collect();
        **cell.borrow_mut() = draw;
        found
    });
    *draw = after;
    map
}

/// One more value.
fn step(draw: &mut Draw, known: &[Expr]) -> Expr {
    let mut some = || known[known.len() - 1 - draw.integer(0, known.len() - 1)];
    let (a, b, c) = (some(), some(), some());
    match draw.integer(0, 17) {
        0 => a + b,
        1 => a - b,
        2 => a.tanh() * b,
        3 => a.sin(),
        4 => a.cos() * b.sigmoid(),
        5 => a.tanh().exp(),
        6 => a / (b.sin() + 1.5),
        7 => (a * a + 0.5).sqrt(),
        8 => a.erf() * c,
        9 => a.maximum(b),
        10 => a.minimum(b) * c.tanh(),
        11 => select(a.lt(b), c, c + (b - a) * (b - a)),
        12 => a.hypot(b + 2.5),
        13 => a.atan2(b.tanh() + 2.0),
        14 => (a.sigmoid() + 0.5).pow(b.tanh()),
        15 => a.abs() * b.tanh(),
        // In the dtype of an input: that of a number is single precision.
        16 => a.cast(DType::F64).sin() + b.cast_like(known[0]),
        _ => a.tanh().expm1() * 0.3 + b.atan(),
    }
}
