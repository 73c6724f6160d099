//! Every method, by the calls of PyTorch's golden cases: their shapes and arguments, with numbers drawn around theirs.

use cresset_autograd::Tensor;
use cresset_ops::{Apply, Array, DType, Error, Result};
use cresset_tensor::random;

use super::{
    Outcome,
    check::{Noise, Tally, check},
    exceptions::{ROUGH, STRAIGHT},
};
use crate::{
    calls::call,
    golden::{Args, Case, Golden, Value, quietly},
};

/// How often numbers are drawn anew where a case lies at a kink.
const ATTEMPTS: u64 = 6;

/// Checks a method by so many of its cases; `None` where nobody has it.
pub fn outcome(golden: &Golden, cases: usize, seed: u64) -> Option<Outcome> {
    let name = format!("{}()", golden.name);
    let mut tally = Tally::default();
    let done = |tally, without, failure| Some(Outcome { name: name.clone(), tally, without, failure });
    let has = |case: &Case| quietly(|| call(&golden.name, &arguments(case, &[], &[]))).map(|y| y.is_some());
    if !golden.cases.first().is_some_and(|case| has(case).unwrap_or(true)) {
        return None;
    }
    if let Some((_, why)) = STRAIGHT.iter().find(|(name, _)| *name == golden.name) {
        return done(tally, Some(*why), None);
    }
    let rough = ROUGH.iter().find(|(name, _)| *name == golden.name).map(|(_, why)| *why);
    let mut varied = 0;
    // Spread over all cases, the first and the last among them.
    let count = golden.cases.len().min(cases);
    for i in 0..count {
        let case = &golden.cases[i * (golden.cases.len() - 1) / (count - 1).max(1)];
        let (found, floats) = match around(&golden.name, case, seed) {
            Ok(found) => found,
            Err(text) => return done(tally, None, Some(format!("{}: {text}", case.id))),
        };
        varied += usize::from(floats);
        tally = tally.and(found);
    }
    if varied == 0 {
        return done(tally, Some("nothing of floating point, in or out"), None);
    }
    let failure = match rough {
        None if tally.first == 0 => Some("no case is smooth".to_owned()),
        None if tally.second == 0 => Some("no case has a smooth derivative".to_owned()),
        Some(_) if tally.first > 0 && tally.second > 0 => {
            Some("is said not to be smooth, but is: strike it from the list".to_owned())
        }
        _ => None,
    };
    done(tally, rough, failure)
}

/// One case. The second value: is there a derivative to speak of?
fn around(name: &str, case: &Case, seed: u64) -> Result<(Tally, bool), String> {
    let paths = paths(case);
    let golden: Vec<Array> = paths.iter().filter_map(|path| at(case, path)).collect();
    let weighted: Vec<bool> = if case.gradients.is_empty() {
        case.out.tensors().iter().map(|_| true).collect()
    } else {
        case.cotangents.iter().map(Option::is_some).collect()
    };
    let function = |xs: &[Tensor]| -> Result<Vec<Tensor>> {
        // What is random is the same at every call.
        random::manual_seed(seed);
        let args = arguments(case, &paths, xs);
        let y = match quietly(|| call(name, &args)) {
            Ok(Some(y)) => y?,
            Ok(None) => return Err(Error::argument("call", "nobody has it")),
            Err(panic) => return Err(Error::argument("call", format!("panicked: {panic}"))),
        };
        let weighted = y.tensors().into_iter().zip(&weighted);
        Ok(weighted.filter(|(_, weighted)| **weighted).map(|(y, _)| y.clone()).collect())
    };
    let mut best = Tally { samples: 1, ..Tally::default() };
    let plain: Vec<Tensor> = golden.iter().cloned().map(Tensor::constant).collect();
    let floats = match function(&plain) {
        Ok(ys) => ys.iter().any(|y| y.dtype().is_float()) && !plain.is_empty(),
        // Whether it answers is for the conformance check to say.
        Err(_) => return Ok((best, false)),
    };
    if !floats {
        return Ok((best, false));
    }
    let required = !case.gradients.is_empty();
    for attempt in 0..ATTEMPTS {
        let mut noise = Noise::new(seed ^ attempt.wrapping_mul(0x1234_5678_9abc));
        let xs: Vec<Array> = golden.iter().map(|x| drawn(x, attempt, &mut noise)).collect();
        match check(&function, &xs, seed) {
            Ok(found) => {
                if found.first + found.second + found.forward > best.first + best.second + best.forward {
                    best = found;
                }
                if found.first > 0 && found.second > 0 {
                    break;
                }
            }
            // Numbers that it does not take.
            Err(text) if text.starts_with("forward:") => {}
            // PyTorch has no gradient either.
            Err(text) if !required && !text.starts_with("first") => return Ok((best, false)),
            Err(text) => {
                let shapes: Vec<String> = xs.iter().map(|x| x.shape().to_string()).collect();
                let shapes = shapes.join(" ");
                return Err(format!("{text}\n  of {} with {shapes}, attempt {attempt}", paths.join(" ")));
            }
        }
    }
    Ok((best, true))
}

/// Numbers like those of a case: first near to them, so that what is in range stays there.
fn drawn(x: &Array, attempt: u64, noise: &mut Noise) -> Array {
    let mut draw = |x: f64| {
        let weight = noise.weight();
        match attempt {
            0 => x * (1.0 + 0.05 * weight),
            1 => x + 0.1 * weight,
            2 => x * (1.0 + 0.2 * weight) + 0.02 * weight,
            3 => 0.5 + 0.4 * weight,
            4 => x + weight,
            _ => 1.5 + 0.5 * weight,
        }
    };
    let values: Vec<f64> = x.to_f64s().unwrap().into_iter().map(&mut draw).collect();
    Array::from_vec(values, x.shape().clone()).unwrap_or_else(|_| x.clone())
}

/// The arguments with regard to which there is a derivative: PyTorch's, or all of floating point.
fn paths(case: &Case) -> Vec<String> {
    if !case.gradients.is_empty() {
        return case.gradients.iter().map(|gradient| gradient.of.clone()).collect();
    }
    let mut paths = Vec::new();
    visit(case, &mut |path, x| {
        if x.dtype().is_float() {
            paths.push(path.to_owned());
        }
    });
    paths
}

fn visit(case: &Case, see: &mut dyn FnMut(&str, &Array)) {
    for (i, value) in case.args.iter().enumerate() {
        value.with_tensors(&format!("args/{i}"), &mut |path, x: &Array| see(path, x));
    }
    for (name, value) in &case.kwargs {
        value.with_tensors(&format!("kwargs/{name}"), &mut |path, x: &Array| see(path, x));
    }
}

fn at(case: &Case, path: &str) -> Option<Array> {
    let mut found = None;
    visit(case, &mut |other, x| {
        if other == path {
            found = Some(double(x));
        }
    });
    found
}

/// In double precision, if of floating point.
fn double(x: &Array) -> Array {
    if !x.dtype().is_float() {
        return x.clone();
    }
    Array::from_vec(x.to_f64s().unwrap(), x.shape().clone()).unwrap_or_else(|_| x.clone())
}

/// The case's arguments, all in double precision, those of the paths being `xs`.
fn arguments(case: &Case, paths: &[String], xs: &[Tensor]) -> Args<Tensor> {
    let mut make = |path: &str, x: &Array| match paths.iter().position(|other| other == path) {
        Some(i) if i < xs.len() => xs[i].clone(),
        _ => Tensor::constant(double(x)),
    };
    let list = case.args.iter().enumerate();
    let list =
        list.map(|(i, value)| in_double(value.with_tensors(&format!("args/{i}"), &mut make))).collect();
    let named = case.kwargs.iter();
    let named = named
        .map(|(name, value)| {
            (name.clone(), in_double(value.with_tensors(&format!("kwargs/{name}"), &mut make)))
        })
        .collect();
    Args::new(list, named, &case.variant)
}

/// Where a dtype of less precision is asked for, double precision.
fn in_double<T>(value: Value<T>) -> Value<T> {
    match value {
        Value::DType(dtype) if dtype.is_float() => Value::DType(DType::F64),
        Value::List(list) => Value::List(list.into_iter().map(in_double).collect()),
        other => other,
    }
}
