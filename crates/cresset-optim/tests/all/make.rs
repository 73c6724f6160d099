//! Optimizers by name, and what tests compare.

use cresset_autograd::{Apply, Tensor};
use cresset_optim::*;
use cresset_tensor::State;

/// Every optimizer, with options that make it remember all it can.
pub const ALL: [&str; 16] = [
    "SGD",
    "SGD nesterov",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "RAdam",
    "Adagrad",
    "Adadelta",
    "Adafactor",
    "RMSprop",
    "Rprop",
    "ASGD",
    "Muon",
    "LBFGS",
    "LBFGS search",
];

/// With options that make it remember all it can.
pub fn full(name: &str, parameters: &[Tensor]) -> Box<dyn Optimizer> {
    match name {
        "SGD" => Box::new(Sgd::new(parameters, 0.05).momentum(0.9).dampening(0.1).weight_decay(0.1)),
        "SGD nesterov" => Box::new(Sgd::new(parameters, 0.05).momentum(0.9).nesterov(true)),
        "Adam" => Box::new(Adam::new(parameters, 0.05).amsgrad(true).weight_decay(0.1)),
        "AdamW" => Box::new(AdamW::new(parameters, 0.05)),
        "Adamax" => Box::new(Adamax::new(parameters, 0.05)),
        "NAdam" => Box::new(NAdam::new(parameters, 0.05)),
        "RAdam" => Box::new(RAdam::new(parameters, 0.05).betas(0.9, 0.99)),
        "Adagrad" => Box::new(Adagrad::new(parameters, 0.05).lr_decay(0.1)),
        "Adadelta" => Box::new(Adadelta::new(parameters, 1.0)),
        "Adafactor" => Box::new(Adafactor::new(parameters, 0.05)),
        "RMSprop" => Box::new(RMSprop::new(parameters, 0.05).momentum(0.5).centered(true)),
        "Rprop" => Box::new(Rprop::new(parameters, 0.05)),
        "ASGD" => Box::new(Asgd::new(parameters, 0.05).t0(4.0)),
        "Muon" => Box::new(Muon::new(parameters, 0.05)),
        "LBFGS" => Box::new(Lbfgs::new(parameters, 0.2).max_iter(2)),
        "LBFGS search" => {
            Box::new(Lbfgs::new(parameters, 1.0).max_iter(2).line_search_fn(LineSearch::StrongWolfe))
        }
        other => panic!("there is no {other}"),
    }
}

/// With PyTorch's defaults.
pub fn default(name: &str, groups: &[Vec<Tensor>]) -> Box<dyn Optimizer> {
    macro_rules! made {
        ($optimizer:ident, $options:ident) => {{
            let mut optimizer = $optimizer::with_options(&groups[0], $options::default());
            for group in &groups[1..] {
                optimizer.add_group(group, |_| {}).unwrap();
            }
            Box::new(optimizer)
        }};
    }
    match name {
        "SGD" => made!(Sgd, SgdOptions),
        "Adam" => made!(Adam, AdamOptions),
        "AdamW" => made!(AdamW, AdamWOptions),
        "Adamax" => made!(Adamax, AdamaxOptions),
        "NAdam" => made!(NAdam, NAdamOptions),
        "RAdam" => made!(RAdam, RAdamOptions),
        "Adagrad" => made!(Adagrad, AdagradOptions),
        "Adadelta" => made!(Adadelta, AdadeltaOptions),
        "Adafactor" => made!(Adafactor, AdafactorOptions),
        "RMSprop" => made!(RMSprop, RMSpropOptions),
        "Rprop" => made!(Rprop, RpropOptions),
        "ASGD" => made!(Asgd, AsgdOptions),
        "Muon" => made!(Muon, MuonOptions),
        "LBFGS" => Box::new(Lbfgs::with_options(&groups[0], LbfgsOptions::default())),
        other => panic!("there is no {other}"),
    }
}

/// All numbers of all tensors.
pub fn numbers(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().flat_map(|tensor| tensor.array().to_f64s().unwrap()).collect()
}

/// The same, bit by bit.
pub fn bits(tensors: &[Tensor]) -> Vec<u64> {
    numbers(tensors).into_iter().map(f64::to_bits).collect()
}

/// Every number within the tolerance.
#[track_caller]
pub fn near(got: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let off = (got - expected).abs();
        assert!(off <= tolerance * (1.0 + expected.abs()), "{what}: {i}: {got}, not {expected}");
    }
}

/// The numbers of all arrays in a state, and all numbers.
pub fn contents(state: &State) -> Vec<u64> {
    match state {
        State::None => vec![0],
        State::Bool(truth) => vec![u64::from(*truth)],
        State::Int(number) => vec![*number as u64],
        State::Float(number) => vec![number.to_bits()],
        State::Text(text) => text.bytes().map(u64::from).collect(),
        State::Array(array) => array.to_f64s().unwrap().into_iter().map(f64::to_bits).collect(),
        State::List(list) => list.iter().flat_map(contents).collect(),
        State::Map(entries) => entries.iter().flat_map(|(_, value)| contents(value)).collect(),
    }
}
