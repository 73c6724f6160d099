//! Runs cases. A panic anywhere is a failure of the case, never of the run; of refused calls only a panic with our own
//! error's message counts, which is how operators and short forms of creation refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cresset_autograd::{Grad, Tensor};
use cresset_ops::{
    Apply, Array, DType, Device,
    prelude::{Arithmetic, Converting},
};
use cresset_tensor::{Element, Layout, Scalar, Shape, Strides, with_element};

use super::{
    Args, Case, Difference, Golden, Gradient, Refusal, Report, Value,
    alike::{compare_as, is_random, same_form},
    compare::{compare_arrays, slack},
};
use crate::calls::call;

/// How cases are run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// As they are.
    Plain,
    /// With every argument laid out with gaps and transposed in memory, values only.
    Strided,
    /// With every argument on a device, those cases that the CPU passes; values and gradients.
    On(Device),
}

/// Operations whose meaning is the layout of their argument's memory, or which refuse others: they are not run on those.
const OF_LAYOUT: &[&str] = &["as_strided", "as_strided_copy", "as_strided_scatter", "view", "view_as"];

/// Runs all cases of an operation.
pub fn run(golden: &Golden, mode: Mode) -> Report {
    let mut report = Report { name: golden.name.clone(), ..Report::default() };
    let Report { cases, gradients, refused, troubles, .. } = &mut report;
    if mode == Mode::Strided {
        if !OF_LAYOUT.contains(&golden.name.as_str()) {
            for case in &golden.cases {
                Report::count(cases, troubles, &case.id, on_strided(&golden.name, case));
            }
        }
        return report;
    }
    if let Mode::On(device) = mode {
        for case in &golden.cases {
            on_device(&golden.name, case, device, &mut report);
        }
        return report;
    }
    for case in &golden.cases {
        let (result, of) = on_tensors(&golden.name, case, Device::Cpu);
        Report::count(cases, troubles, &case.id, result);
        for (gradient, result) in case.gradients.iter().zip(of) {
            Report::count(gradients, troubles, &of_gradient(case, gradient), result);
        }
    }
    for refusal in &golden.refusals {
        Report::count(refused, troubles, &refusal.id, refuses(&golden.name, refusal));
    }
    report
}

/// Counts a case on a device, as far as the CPU passes it: what that lacks is no fault of the device.
///
/// What is refused is refused before any device is asked.
fn on_device(name: &str, case: &Case, device: Device, report: &mut Report) {
    let (expected, expected_gradients) = on_tensors(name, case, Device::Cpu);
    let (result, gradients) = on_tensors(name, case, device);
    if expected.is_ok() {
        Report::count(&mut report.cases, &mut report.troubles, &case.id, result);
    }
    for ((gradient, expected), result) in case.gradients.iter().zip(expected_gradients).zip(gradients) {
        if expected.is_ok() {
            let id = of_gradient(case, gradient);
            Report::count(&mut report.gradients, &mut report.troubles, &id, result);
        }
    }
}

fn of_gradient(case: &Case, gradient: &Gradient) -> String {
    format!("{}: gradient of {}", case.id, gradient.of)
}

/// The case's answer, on arrays whose memory is not in order.
fn on_strided(name: &str, case: &Case) -> Result<(), String> {
    let args = arguments(&case.args, &case.kwargs, &case.variant, &mut |_, array| strided(array));
    let got = attempt(name, &args)?;
    judge(name, &args, got, case)
}

/// The case's answer and its gradients, on tensors.
fn on_tensors(name: &str, case: &Case, device: Device) -> (Result<(), String>, Vec<Result<(), String>>) {
    let mut leaves: Vec<Option<Tensor>> = vec![None; case.gradients.len()];
    let mut make = |path: &str, array: &Array| {
        let tensor = Tensor::constant(on(device, &placed(case, array)));
        match case.gradients.iter().position(|gradient| gradient.of == path) {
            // What requires a gradient cannot be written to, so calls of in-place methods get an alias of it.
            Some(place) if tensor.dtype().is_float() => {
                let leaf = tensor.requires_grad();
                leaves[place] = Some(leaf.clone());
                leaf
            }
            _ => tensor,
        }
    };
    let args = arguments(&case.args, &case.kwargs, &case.variant, &mut make);
    let got = match attempt(name, &args) {
        Ok(got) => got,
        Err(text) => {
            let none = case.gradients.iter().map(|_| Err("without an answer".to_owned())).collect();
            return (Err(text), none);
        }
    };
    let gradients = gradients(name, &args, case, &got, &leaves, device);
    (judge(name, &args, got, case), gradients)
}

/// Is the answer right, or another one as good?
fn judge<T: Apply>(name: &str, args: &Args<T>, got: Value<T>, case: &Case) -> Result<(), String> {
    let mut lost = None;
    let got = got.with_tensors("out", &mut |_, tensor: &T| {
        tensor.array().to_host().unwrap_or_else(|error| {
            lost = Some(error.to_string());
            tensor.array().clone()
        })
    });
    if let Some(text) = lost {
        return Err(text);
    }
    compare_as(name, args, &got, &case.out).map_err(|Difference(text)| text)
}

/// The array on a device, over memory laid out in the same way; where it cannot be moved, itself.
pub(crate) fn on(device: Device, array: &Array) -> Array {
    let move_all = || -> cresset_ops::Result<Array> {
        let whole = Layout::contiguous([array.storage().bytes() / array.dtype().size()].into());
        array.with_layout(whole)?.to_device(device)?.with_layout(array.layout().clone())
    };
    move_all().unwrap_or_else(|_| array.clone())
}

/// Are the gradients right, one by one?
fn gradients(
    name: &str,
    args: &Args<Tensor>,
    case: &Case,
    got: &Value<Tensor>,
    leaves: &[Option<Tensor>],
    device: Device,
) -> Vec<Result<(), String>> {
    let all = |text: &str| case.gradients.iter().map(|_| Err(text.to_owned())).collect();
    let outputs = got.tensors();
    if outputs.len() != case.cotangents.len() {
        return all(&format!("{} outputs for {} cotangents", outputs.len(), case.cotangents.len()));
    }
    let Some(inputs) = leaves.iter().map(Option::as_ref).collect::<Option<Vec<&Tensor>>>() else {
        return all("the argument is not there");
    };
    // A constant output has no gradients to add; if all of them should have, theirs are missing below.
    let weighted: Vec<(&Tensor, Tensor)> = (outputs.into_iter().zip(&case.cotangents))
        .filter(|(output, _)| output.needs_grad())
        .filter_map(|(output, cotangent)| Some((output, Tensor::constant(on(device, cotangent.as_ref()?)))))
        .collect();
    let outputs: Vec<&Tensor> = weighted.iter().map(|(output, _)| *output).collect();
    let cotangents: Vec<Option<&Tensor>> = weighted.iter().map(|(_, cotangent)| Some(cotangent)).collect();
    let found = quietly(|| Grad::new().cotangents(&cotangents).allow_unused().of(&outputs, &inputs));
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return all(&error.to_string()),
        Err(panic) => return all(&format!("panicked: {panic}")),
    };
    let judge = |(gradient, found): (&Gradient, Tensor)| {
        let (found, expected) = (found.array(), &true_gradient(name, case, gradient));
        let result = match is_random(name, args) {
            true => same_form(&[found], &[expected]),
            false => compare_arrays(found, expected, slack(name, args.largest())),
        };
        result.map_err(|Difference(text)| text)
    };
    case.gradients.iter().zip(found).map(judge).collect()
}

/// The gradient as it must be: PyTorch's, but where that is wrong.
///
/// Of `as_strided_scatter(x, source, …)` PyTorch gives `x` the gradient of the places that the source was written to,
/// on which the result does not depend, instead of that of all others.
fn true_gradient(name: &str, case: &Case, gradient: &Gradient) -> Array {
    let wrong = name == "as_strided_scatter" && gradient.of == "args/0";
    match case.cotangents.first() {
        Some(Some(cotangent)) if wrong => {
            cotangent.sub(&gradient.value).unwrap_or_else(|_| gradient.value.clone())
        }
        _ => gradient.value.clone(),
    }
}

/// The argument in the memory that the case is about.
///
/// The samples of `as_strided` on parts of a memory are slices `[5..15]` of 20 elements, of which the files hold only
/// the slice. Of what lies around it, only the answer tells.
fn placed(case: &Case, array: &Array) -> Array {
    const AROUND: usize = 5;
    let Value::Tensor(out) = &case.out else { return array.clone() };
    if case.variant != "partial_views" || array.rank() != 1 || array.dtype() != out.dtype() {
        return array.clone();
    }
    let args: Args<Array> = arguments(&case.args, &case.kwargs, "", &mut |_, array| array.clone());
    let build = || -> cresset_ops::Result<Array> {
        let sizes = Shape::from(args.sizes(1, "size")?);
        let strides: Strides = args.ints(2, "stride")?.iter().map(|&stride| stride as isize).collect();
        let offset = args.size_or(3, "storage_offset", AROUND)?;
        let mut memory = vec![Scalar::Int(0); array.numel() + 2 * AROUND];
        for (place, value) in Layout::new(sizes, strides, offset).places().zip(out.to_scalars().unwrap()) {
            if let Some(element) = memory.get_mut(place) {
                *element = value;
            }
        }
        memory[AROUND..AROUND + array.numel()].copy_from_slice(&array.to_scalars().unwrap());
        let memory: Array = with_element!(array.dtype(), T => {
            Array::from_vec(memory.into_iter().map(T::from_scalar).collect(), [array.numel() + 2 * AROUND])?
        });
        memory.with_layout(Layout::new(array.shape().clone(), [1isize].into(), AROUND))
    };
    build().unwrap_or_else(|_| array.clone())
}

/// Arguments with other tensors.
fn arguments<T: Apply>(
    list: &[Value<Array>],
    named: &[(String, Value<Array>)],
    variant: &str,
    make: &mut dyn FnMut(&str, &Array) -> T,
) -> Args<T> {
    let list = list.iter().enumerate();
    let list = list.map(|(i, value)| value.with_tensors(&format!("args/{i}"), make)).collect();
    let named = named.iter();
    let named = named
        .map(|(name, value)| (name.clone(), value.with_tensors(&format!("kwargs/{name}"), make)))
        .collect();
    Args::new(list, named, variant)
}

/// Calls, with panics as failures.
fn attempt<T: Apply>(name: &str, args: &Args<T>) -> Result<Value<T>, String> {
    let result = quietly(|| call(name, args)).map_err(|panic| format!("panicked: {panic}"))?;
    let value = match result {
        None => return Err("nobody has it".into()),
        Some(Err(error)) => return Err(error.to_string()),
        Some(Ok(value)) => value,
    };
    match args.unhandled().as_slice() {
        [] => Ok(value),
        names => Err(format!("arguments not handled: {}", names.join(", "))),
    }
}

/// Is the call refused, as it must be?
fn refuses(name: &str, refusal: &Refusal) -> Result<(), String> {
    let args =
        arguments(&refusal.args, &refusal.kwargs, &refusal.variant, &mut |_, array: &Array| array.clone());
    match quietly(|| call(name, &args)) {
        Ok(None) => Err("nobody has it".into()),
        Ok(Some(Ok(_))) => Err(format!("was not refused ({})", refusal.message)),
        Ok(Some(Err(_))) => Ok(()),
        Err(panic) if is_our_error(&panic) => Ok(()),
        Err(panic) => Err(format!("panicked: {panic}")),
    }
}

/// Does a panic carry the text of our own error? Every one of them names the line of the caller's code.
fn is_our_error(panic: &str) -> bool {
    panic.contains("\n  at ")
}

/// Runs, and gives the message of a panic instead of printing it.
pub(crate) fn quietly<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    silence::begin();
    let result = catch_unwind(AssertUnwindSafe(body));
    silence::end();
    result.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
    })
}

/// Panics that are caught here need not be printed.
mod silence {
    use std::{cell::Cell, sync::Once};

    thread_local! {
        static SILENT: Cell<bool> = const { Cell::new(false) };
    }

    static HOOK: Once = Once::new();

    pub fn begin() {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if !SILENT.get() {
                    before(info);
                }
            }));
        });
        SILENT.set(true);
    }

    pub fn end() {
        SILENT.set(false);
    }
}

/// The same elements in memory with gaps, an offset, and dimensions in reversed order; gaps hold numbers that would
/// show in any answer.
pub fn strided(array: &Array) -> Array {
    fn build<T: Element>(array: &Array) -> cresset_ops::Result<Array> {
        const OFFSET: usize = 3;
        let shape = array.shape();
        let mut strides = vec![0isize; shape.len()];
        let mut step = 2;
        for (stride, &size) in strides.iter_mut().zip(shape) {
            *stride = step;
            step *= size.max(1) as isize + 1;
        }
        let poison = match array.dtype() {
            DType::Bool => Scalar::Bool(true),
            dtype if dtype.is_float() => Scalar::Float(f64::NAN),
            _ => Scalar::Int(101),
        };
        let layout = Layout::new(Shape::from_slice(shape), Strides::from_slice(&strides), OFFSET);
        let end = layout.span()?.map_or(OFFSET, |(_, end)| end) + 5;
        let mut memory = vec![T::from_scalar(poison); end];
        for (place, value) in layout.places().zip(array.to_vec::<T>()?) {
            memory[place] = value;
        }
        Array::from_vec(memory, [end])?.with_layout(layout)
    }
    let built: cresset_ops::Result<Array> = with_element!(array.dtype(), T => build::<T>(array));
    // Without room for the gaps, the array itself.
    built.unwrap_or_else(|_| array.clone())
}
