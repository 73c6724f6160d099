//! Cases of modules: load PyTorch's parameters by name, run forward, compare outputs, gradients, and buffers afterwards.

use std::path::Path;

use cresset_autograd::{Grad, Tensor};
use cresset_nn::{Module, ModuleExt, StateDict};
use cresset_ops::{Apply, Array, DType, Device};
use serde_json::Value as Json;

use super::{
    Args, Difference, Store, Trouble, Value,
    compare::{compare, compare_arrays},
    quietly,
    read::{list, named, tensor, text, value, values},
    run::on,
};
use crate::modules::build;

/// By place, and by name.
type Arguments = (Vec<Value<Array>>, Vec<(String, Value<Array>)>);

/// One case of a module.
pub struct ModuleCase {
    /// PyTorch's name of the module.
    pub module: String,
    /// Its name.
    pub id: String,
    training: bool,
    init: Arguments,
    state: StateDict,
    args: Arguments,
    out: Value<Array>,
    cotangents: Vec<Option<Array>>,
    of_parameters: StateDict,
    of_inputs: Vec<Array>,
    after: StateDict,
}

/// All cases of `modules.json.gz` in a folder.
pub fn read_modules(folder: &Path) -> Result<Vec<ModuleCase>, Trouble> {
    let store = Store::open(folder, "modules")?;
    let tensors = store.tensors()?;
    let dict = |json: &Json| -> Result<StateDict, Trouble> {
        let object = json.as_object().ok_or("not an object")?;
        object.iter().map(|(name, json)| Ok((name.clone(), tensor(json, &tensors)?))).collect()
    };
    let case = |json: &Json| -> Result<ModuleCase, Trouble> {
        let cotangents = list(&json["cotangents"])?
            .iter()
            .map(|json| if json.is_null() { Ok(None) } else { tensor(json, &tensors).map(Some) })
            .collect::<Result<_, _>>()?;
        Ok(ModuleCase {
            module: text(json, "module")?,
            id: text(json, "id")?,
            training: json["training"].as_bool().ok_or("no mode")?,
            init: (values(&json["init_args"], &tensors)?, named(&json["init_kwargs"], &tensors)?),
            state: dict(&json["state"])?,
            args: (values(&json["args"], &tensors)?, named(&json["kwargs"], &tensors)?),
            out: value(&json["out"], &tensors)?,
            cotangents,
            of_parameters: dict(&json["param_grads"])?,
            of_inputs: list(&json["input_grads"])?
                .iter()
                .map(|json| tensor(json, &tensors))
                .collect::<Result<_, _>>()?,
            after: dict(&json["state_after"])?,
        })
    };
    list(&store.json)?
        .iter()
        .map(|json| case(json).map_err(|error| format!("{}: {error}", json["id"]).into()))
        .collect()
}

/// Runs a case on a device; what is wrong with it, if anything.
pub fn run_module(case: &ModuleCase, device: Device) -> Result<(), String> {
    match quietly(|| attempt(case, device)) {
        Ok(result) => result,
        Err(panic) => Err(format!("panicked: {panic}")),
    }
}

fn attempt(case: &ModuleCase, device: Device) -> Result<(), String> {
    let say = |error: cresset_ops::Error| error.to_string();
    // What has no parameters takes the dtype of its input.
    let floats = case.state.iter().map(|(_, array)| array.dtype()).find(|dtype| dtype.is_float());
    let arguments = |(list, named): &Arguments, device: Device| {
        let tensor = |array: &Array| Tensor::constant(on(device, array));
        let list = list.iter().map(|value| value.with_tensors("", &mut |_, array| tensor(array))).collect();
        let named = named.iter();
        let named = named
            .map(|(name, value)| (name.clone(), value.with_tensors("", &mut |_, array| tensor(array))))
            .collect();
        Args::new(list, named, &case.id)
    };
    let init: Args<Tensor> = arguments(&case.init, Device::Cpu);
    let built = build(&case.module, &init, &case.state, floats.unwrap_or(DType::F32), device);
    let built = built.ok_or("nobody has it")?.map_err(say)?;
    match init.unhandled().as_slice() {
        [] => {}
        names => return Err(format!("arguments of the constructor not handled: {}", names.join(", "))),
    }
    built.module.load_state_dict(&case.state).map_err(say)?;
    built.module.set_training(case.training);

    // Gradients are of those inputs that required one: in order, the next of that shape.
    let args: Args<Tensor> = arguments(&case.args, device);
    let mut inputs: Vec<Tensor> = Vec::new();
    for given in args.all_tensors() {
        let wanted = case.of_inputs.get(inputs.len());
        let fits = |array: &Array| array.shape() == given.shape() && array.dtype() == given.dtype();
        if wanted.is_some_and(fits) && given.dtype().is_float() {
            given.set_requires_grad(true).map_err(say)?;
            inputs.push(given.clone());
        }
    }
    if inputs.len() != case.of_inputs.len() {
        return Err(format!("{} inputs for {} gradients", inputs.len(), case.of_inputs.len()));
    }

    let got = (built.call)(&args).map_err(say)?;
    match args.unhandled().as_slice() {
        [] => {}
        names => return Err(format!("arguments not handled: {}", names.join(", "))),
    }
    let plain = got.with_tensors("", &mut |_, tensor: &Tensor| tensor.array().clone());
    compare(&plain, &case.out, 1.0).map_err(|Difference(text)| format!("output: {text}"))?;
    gradients(case, &*built.module, &got, &inputs, device)?;
    let after = built.module.state_dict();
    for (name, expected) in case.after.iter() {
        let got = after.get(name).ok_or_else(|| format!("no {name} afterwards"))?;
        compare_arrays(got, expected, 1.0)
            .map_err(|Difference(text)| format!("{name} afterwards: {text}"))?;
    }
    Ok(())
}

fn gradients(
    case: &ModuleCase,
    module: &dyn Module,
    got: &Value<Tensor>,
    inputs: &[Tensor],
    device: Device,
) -> Result<(), String> {
    let outputs = got.tensors();
    if outputs.len() != case.cotangents.len() {
        return Err(format!("{} outputs for {} cotangents", outputs.len(), case.cotangents.len()));
    }
    let parameters = module.named_parameters();
    let missing = |name: &&str| !parameters.iter().any(|(other, _)| other == *name);
    if let Some(name) = case.of_parameters.names().find(missing) {
        return Err(format!("no parameter {name}"));
    }
    let of: Vec<(String, Tensor, &Array)> = parameters
        .iter()
        .filter_map(|(name, parameter)| {
            Some((name.clone(), Tensor::clone(parameter), case.of_parameters.get(name)?))
        })
        .chain(
            inputs
                .iter()
                .zip(&case.of_inputs)
                .enumerate()
                .map(|(i, (input, expected))| (format!("input {i}"), input.clone(), expected)),
        )
        .collect();
    if of.is_empty() {
        return Ok(());
    }
    let weighted: Vec<(&Tensor, Tensor)> = (outputs.into_iter().zip(&case.cotangents))
        .filter(|(output, _)| output.needs_grad())
        .filter_map(|(output, cotangent)| Some((output, Tensor::constant(on(device, cotangent.as_ref()?)))))
        .collect();
    let outputs: Vec<&Tensor> = weighted.iter().map(|(output, _)| *output).collect();
    let cotangents: Vec<Option<&Tensor>> = weighted.iter().map(|(_, cotangent)| Some(cotangent)).collect();
    let of_tensors: Vec<&Tensor> = of.iter().map(|(_, tensor, _)| tensor).collect();
    let found = Grad::new().cotangents(&cotangents).allow_unused().of(&outputs, &of_tensors);
    for ((name, _, expected), found) in of.iter().zip(found.map_err(|error| error.to_string())?) {
        compare_arrays(found.array(), expected, 1.0)
            .map_err(|Difference(text)| format!("gradient of {name}: {text}"))?;
    }
    Ok(())
}
