//! Cases of optimizers: twelve steps of least squares, with PyTorch's options; losses and parameters must be PyTorch's.

use std::path::Path;

use cresset_autograd::{Apply, Error, Tensor};
use cresset_ops::{Array, DType, Device, Scalar, prelude::*};
use cresset_optim::{
    Adadelta, AdadeltaOptions, Adafactor, AdafactorOptions, Adagrad, AdagradOptions, Adam, AdamOptions,
    AdamW, AdamWOptions, Adamax, AdamaxOptions, Asgd, AsgdOptions, Lbfgs, LbfgsOptions, Muon, MuonOptions,
    NAdam, NAdamOptions, Optimizer, RAdam, RAdamOptions, RMSprop, RMSpropOptions, Rprop, RpropOptions, Sgd,
    SgdOptions,
};
use cresset_tensor::State;

use super::{
    Difference, Report, Store, Trouble, Value,
    compare::compare_arrays,
    quietly,
    read::{list, named, number, tensor, text},
    run::on,
};

/// How much more the parameters that L-BFGS ends with may differ. Where the loss is flat it stops by the last bits of
/// losses and gradients: with the rows of the same data in another order, PyTorch ends up to `5e-4` away from itself.
const SLACK_OF_LBFGS: f64 = 100.0;
/// A loss so many times the first one has diverged. What follows is rounding, blown up: with the rows in another order,
/// PyTorch's numbers differ from its own by twenty orders of magnitude. It must diverge here too.
const DIVERGED: f64 = 1e15;

/// An optimizer by PyTorch's name, with its defaults.
pub fn optimizer(name: &str, parameters: &[Tensor]) -> Option<Box<dyn Optimizer>> {
    macro_rules! by_name {
        ($($name:literal => $optimizer:ident $options:ident,)*) => {
            match name {
                $($name => Box::new($optimizer::with_options(parameters, $options::default())),)*
                _ => return None,
            }
        };
    }
    Some(by_name! {
        "Adadelta" => Adadelta AdadeltaOptions,
        "Adafactor" => Adafactor AdafactorOptions,
        "Adagrad" => Adagrad AdagradOptions,
        "Adam" => Adam AdamOptions,
        "AdamW" => AdamW AdamWOptions,
        "Adamax" => Adamax AdamaxOptions,
        "ASGD" => Asgd AsgdOptions,
        "LBFGS" => Lbfgs LbfgsOptions,
        "Muon" => Muon MuonOptions,
        "NAdam" => NAdam NAdamOptions,
        "RAdam" => RAdam RAdamOptions,
        "RMSprop" => RMSprop RMSpropOptions,
        "Rprop" => Rprop RpropOptions,
        "SGD" => Sgd SgdOptions,
    })
}

/// Runs all cases of `optimizers.json.gz` in a folder, on a device.
pub fn run_optimizers(folder: &Path, device: Device) -> Result<Report, Trouble> {
    let store = Store::open(folder, "optimizers")?;
    let tensors = store.tensors()?;
    let mut report = Report { name: "optimizers".to_owned(), ..Report::default() };
    for json in list(&store.json)? {
        let (id, name) = (text(json, "id")?, text(json, "optimizer")?);
        let options = named(&json["kwargs"], &tensors)?;
        let of = |field: &str| -> Result<Array, Trouble> { Ok(on(device, &tensor(&json[field], &tensors)?)) };
        let case = Case {
            options: &options,
            x: Tensor::constant(of("x")?),
            y: Tensor::constant(of("y")?),
            start: [of("w0")?, of("b0")?],
            end: [of("w")?, of("b")?],
            trains_b: json["trains_b"].as_bool().ok_or("trains_b is no truth")?,
            losses: list(&json["losses"])?.iter().map(number).collect::<Result<_, _>>()?,
        };
        let result = match quietly(|| case.run(&name)) {
            Ok(result) => result,
            Err(panic) => Err(format!("panicked: {panic}")),
        };
        Report::count(&mut report.cases, &mut report.troubles, &id, result);
    }
    Ok(report)
}

struct Case<'a> {
    options: &'a [(String, Value<Array>)],
    x: Tensor,
    y: Tensor,
    start: [Array; 2],
    end: [Array; 2],
    trains_b: bool,
    losses: Vec<f64>,
}

impl Case<'_> {
    fn run(&self, name: &str) -> Result<(), String> {
        let say = |error: Error| error.to_string();
        let [w, b] = self.start.clone().map(Tensor::constant);
        let trained = if self.trains_b { vec![w.clone(), b.clone()] } else { vec![w.clone()] };
        for parameter in &trained {
            parameter.set_requires_grad(true).map_err(say)?;
        }
        let mut optimizer = optimizer(name, &trained).ok_or("nobody has it")?;
        for (option, value) in self.options {
            optimizer.set_option(0, option, state(value)?).map_err(say)?;
        }
        let mut losses = Vec::new();
        for _ in &self.losses {
            let closure = &mut || {
                trained.iter().for_each(Tensor::zero_grad);
                let loss = self.x.matmul(&w)?.add(&b)?.sub(&self.y)?.square()?.mean()?;
                loss.backward()?;
                Ok(loss)
            };
            losses.push(optimizer.step_with(closure).map_err(say)?.item::<f64>().map_err(say)?);
        }
        let near = |got: &Array, expected: &Array, slack: f64, what: &str| {
            compare_arrays(got, expected, slack).map_err(|Difference(text)| format!("{what}: {text}"))
        };
        let row = |numbers: &[f64]| {
            let array = Array::from_vec(numbers.to_vec(), numbers.len()).and_then(|x| x.to_dtype(DType::F32));
            array.map_err(say)
        };
        let has_diverged = |loss: &f64| loss.is_nan() || loss.abs() > DIVERGED * self.losses[0].abs();
        let sound = self.losses.iter().position(has_diverged).unwrap_or(self.losses.len());
        near(&row(&losses[..sound])?, &row(&self.losses[..sound])?, 1.0, "losses")?;
        if sound < self.losses.len() {
            let here = losses.last().is_some_and(has_diverged);
            return if here { Ok(()) } else { Err(format!("it does not diverge: {losses:?}")) };
        }
        let slack = if name == "LBFGS" { SLACK_OF_LBFGS } else { 1.0 };
        near(w.array(), &self.end[0], slack, "w")?;
        near(b.array(), &self.end[1], slack, "b")
    }
}

/// An option as it would be saved.
fn state(value: &Value<Array>) -> Result<State, String> {
    Ok(match value {
        Value::Number(Scalar::Bool(truth)) => State::Bool(*truth),
        Value::Number(Scalar::Int(number)) => State::Int(*number),
        Value::Number(Scalar::Float(number)) => State::Float(*number),
        Value::Text(text) => State::Text(text.clone()),
        Value::None => State::None,
        Value::List(values) => State::List(values.iter().map(state).collect::<Result<_, _>>()?),
        other => return Err(format!("no option is {}", other.kind())),
    })
}
