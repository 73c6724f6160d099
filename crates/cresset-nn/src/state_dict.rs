//! Parameters and buffers as named arrays, out of a module and into it.

use std::collections::HashSet;

use cresset_autograd::{Apply, Error, Result, Tensor, no_grad};
use cresset_ops::methods::prelude::*;
use cresset_tensor::StateDict;

use crate::module::{Misfits, Part, See};

/// Something that shows parts at any depth.
type Walk<'w, 'a> = &'w dyn Fn(See<'_, 'a>);

fn saved<'a>(part: &Part<'a>) -> Option<&'a Tensor> {
    match part {
        Part::Parameter(parameter) => Some(parameter),
        Part::Buffer(buffer) => buffer.is_persistent().then(|| &***buffer),
        Part::Training(_) | Part::Module(_) => None,
    }
}

/// All that is saved. A parameter that is shared stands under each of its names, as in PyTorch.
pub fn of(walk: Walk<'_, '_>) -> StateDict {
    let mut dict = StateDict::new();
    walk(&mut |name, part| {
        if let Some(tensor) = saved(&part) {
            dict.insert(name, tensor.array().clone());
        }
    });
    dict
}

/// Copies numbers in, after all names and shapes were looked at.
#[track_caller]
pub fn load(walk: Walk<'_, '_>, dict: &StateDict, strict: bool) -> Result<Misfits> {
    let (mut wanted, mut misfits, mut shapes) = (Vec::new(), Misfits::default(), Vec::new());
    let mut refused = None;
    walk(&mut |name, part| {
        if let Part::Parameter(parameter) = part
            && let Err(error) = parameter.get()
        {
            refused.get_or_insert(error);
        }
        let Some(tensor) = saved(&part) else { return };
        match dict.get(name) {
            None => misfits.missing.push(name.to_owned()),
            Some(array) if array.shape() != tensor.shape() => {
                shapes.push(format!("{name} is {} here and {} there", tensor.shape(), array.shape()));
            }
            Some(array) => wanted.push((name.to_owned(), tensor.clone(), array.clone())),
        }
    });
    if let Some(error) = refused {
        return Err(error);
    }
    let names: HashSet<&str> = wanted.iter().map(|(name, ..)| name.as_str()).collect();
    let shaped = |name: &str| shapes.iter().any(|text| text.starts_with(&format!("{name} is ")));
    misfits.unexpected =
        dict.names().filter(|name| !names.contains(name) && !shaped(name)).map(str::to_owned).collect();
    let mut wrong = Vec::new();
    if strict && !misfits.missing.is_empty() {
        wrong.push(format!("missing: {}", misfits.missing.join(", ")));
    }
    if strict && !misfits.unexpected.is_empty() {
        wrong.push(format!("unexpected: {}", misfits.unexpected.join(", ")));
    }
    if !shapes.is_empty() {
        wrong.push(format!("of another shape: {}", shapes.join(", ")));
    }
    if !wrong.is_empty() {
        let message = format!("the names do not fit this module\n  {}", wrong.join("\n  "));
        return Err(Error::argument("load_state_dict", message));
    }
    for (_, tensor, array) in &wanted {
        no_grad(|| tensor.copy_(&Tensor::from(array.clone())).map(drop))?;
    }
    Ok(misfits)
}
