//! On a card, which has no 64-bit floats to take differences in, the processor is the oracle: values and derivatives of the
//! same samples in `float32`, first and second, must be its own but for rounding.

use cresset_autograd::{Grad, Tensor};
use cresset_ops::{
    Apply, Array, DType, Device, Result,
    prelude::{Converting, Elementwise},
};
use cresset_tensor::Layout;

use super::check::{Noise, Tally};
use crate::golden::on;

/// A function of tensors that vary and of arrays that stay as they are.
pub type Function<'a> = dyn Fn(&[Tensor], &[Array]) -> Result<Vec<Tensor>> + 'a;

/// How far numbers may be apart: of the number itself, and of the largest one of the same array.
const RELATIVE: f64 = 2e-4;
/// As above.
const SHARED: f64 = 2e-5;

/// Compares values and derivatives on a device with those on the processor.
pub fn compare(
    f: &Function,
    varied: &[Array],
    fixed: &[Array],
    device: Device,
    seed: u64,
) -> Result<Tally, String> {
    let single = |xs: &[Array]| xs.iter().map(single).collect::<Result<Vec<Array>>>();
    let moved = |xs: &[Array]| xs.iter().map(|x| on(device, x)).collect::<Vec<Array>>();
    let say = |error: cresset_ops::Error| format!("the inputs themselves: {error}");
    let (varied, fixed) = (single(varied).map_err(say)?, single(fixed).map_err(say)?);
    let (there, fixed_there) = (moved(&varied), moved(&fixed));
    let mut tally = Tally { samples: 1, ..Tally::default() };
    // What the processor refuses is no sample.
    let Ok(expected) = derivatives(f, &varied, &fixed, seed) else { return Ok(tally) };
    let found = derivatives(f, &there, &fixed_there, seed).map_err(|error| error.to_string())?;
    same("values", &found.values, &expected.values)?;
    same("first derivatives", &found.first, &expected.first)?;
    tally.first += 1;
    same("second derivatives", &found.second, &expected.second)?;
    tally.second += 1;
    tally.layout += usize::from(!varied.iter().all(Array::is_contiguous));
    Ok(tally)
}

/// A function's values, the gradients of their weighted sum, and the gradients of the weighted sum of those.
struct Derivatives {
    values: Vec<Array>,
    first: Vec<Array>,
    second: Vec<Array>,
}

fn derivatives(f: &Function, varied: &[Array], fixed: &[Array], seed: u64) -> Result<Derivatives> {
    let mut noise = Noise::new(seed);
    let leaves: Vec<Tensor> = varied.iter().map(|x| Tensor::constant(x.clone()).requires_grad()).collect();
    let of: Vec<&Tensor> = leaves.iter().collect();
    let all = f(&leaves, fixed)?;
    let values = all.iter().map(|y| y.array().clone()).collect();
    let tracked: Vec<&Tensor> = all.iter().filter(|y| y.dtype() == DType::F32 && y.needs_grad()).collect();
    if tracked.is_empty() {
        return Ok(Derivatives { values, first: Vec::new(), second: Vec::new() });
    }
    let mut weights = |xs: &[&Tensor]| -> Result<Vec<Tensor>> {
        xs.iter()
            .map(|x| {
                let list: Vec<f32> = (0..x.numel()).map(|_| noise.weight() as f32).collect();
                Array::from_vec(list, x.shape().clone())?.to_device(x.device()).map(Tensor::constant)
            })
            .collect()
    };
    let us = weights(&tracked)?;
    let us: Vec<Option<&Tensor>> = us.iter().map(Some).collect();
    let first = Grad::new().cotangents(&us).create_graph().allow_unused().of(&tracked, &of)?;
    let again: Vec<&Tensor> = first.iter().filter(|g| g.needs_grad()).collect();
    let second = if again.is_empty() {
        Vec::new()
    } else {
        let vs = weights(&again)?;
        let vs: Vec<Option<&Tensor>> = vs.iter().map(Some).collect();
        Grad::new().cotangents(&vs).allow_unused().of(&again, &of)?
    };
    let arrays = |list: &[Tensor]| list.iter().map(|x| x.array().clone()).collect();
    Ok(Derivatives { values, first: arrays(&first), second: arrays(&second) })
}

/// In `float32`, over memory laid out in the same way; integers as they are.
fn single(x: &Array) -> Result<Array> {
    if !x.dtype().is_float() {
        return Ok(x.clone());
    }
    line(x)?.to_dtype(DType::F32)?.with_layout(x.layout().clone())
}

/// All of an array's memory.
fn line(x: &Array) -> Result<Array> {
    x.with_layout(Layout::contiguous([x.storage().bytes() / x.dtype().size()].into()))
}

fn same(what: &str, found: &[Array], expected: &[Array]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} on the card, {} on the processor", found.len(), expected.len()));
    }
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        if (a.shape(), a.dtype()) != (b.shape(), b.dtype()) {
            let (a, b) = ((a.dtype(), a.shape()), (b.dtype(), b.shape()));
            return Err(format!("{what}: number {i} is {} {} on the card, not {} {}", a.0, a.1, b.0, b.1));
        }
        let numbers = |x: &Array| x.to_f64s().map_err(|error| error.to_string());
        let (a, b) = (numbers(a)?, numbers(b)?);
        let size = b.iter().filter(|x| x.is_finite()).fold(0.0f64, |size, x| size.max(x.abs()));
        let differs = |(a, b): (&f64, &f64)| {
            let near = (a - b).abs() <= RELATIVE * b.abs() + SHARED * size + 1e-6;
            !(a == b || a.is_nan() && b.is_nan() || near)
        };
        if let Some(j) = a.iter().zip(&b).position(differs) {
            return Err(format!("{what}: number {i} is {} on the card at {j}, not {}", a[j], b[j]));
        }
    }
    Ok(())
}
