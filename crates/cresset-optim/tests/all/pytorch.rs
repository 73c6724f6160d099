//! Against PyTorch where its own samples do not look; `pytorch/write.py` wrote what it does.

use std::path::Path;

use cresset_autograd::{Apply, Tensor};
use cresset_ops::{Array, DType, prelude::*};
use cresset_optim::*;
use cresset_tensor::{Key, State};
use serde_json::Value as Json;

use crate::make::{default, near, numbers};

fn read(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/all/pytorch/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list(json: &Json) -> &Vec<Json> {
    json.as_array().unwrap()
}

fn number(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| json["float"].as_str().unwrap().parse().unwrap())
}

fn array(json: &Json) -> Array {
    let tensor = &json["tensor"];
    let shape: Vec<usize> = list(&tensor["shape"]).iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let values = list(&tensor["values"]).iter().map(number).collect();
    let dtype: DType = tensor["dtype"].as_str().unwrap().parse().unwrap();
    Array::from_vec::<f64>(values, shape.as_slice()).unwrap().to_dtype(dtype).unwrap()
}

fn state(json: &Json) -> State {
    match json {
        Json::Null => State::None,
        Json::Bool(truth) => State::Bool(*truth),
        Json::Number(n) => n.as_i64().map_or_else(|| State::Float(n.as_f64().unwrap()), State::Int),
        Json::String(text) => State::from(text.as_str()),
        Json::Array(_) => State::List(list(json).iter().map(state).collect()),
        Json::Object(object) if object.contains_key("tensor") => State::Array(array(json)),
        Json::Object(object) if object.contains_key("float") => State::Float(number(json)),
        Json::Object(object) if object.contains_key("list") => state(&json["list"]),
        Json::Object(_) => {
            let key = |key: &Json| match key {
                Json::Number(n) => Key::Int(n.as_i64().unwrap()),
                text => Key::from(text.as_str().unwrap()),
            };
            State::Map(list(&json["map"]).iter().map(|pair| (key(&pair[0]), state(&pair[1]))).collect())
        }
    }
}

struct Steps<'a> {
    json: &'a Json,
    case: &'a Json,
    which: Vec<usize>,
    dtype: DType,
}

impl Steps<'_> {
    fn gradient(&self, step: usize, place: usize) -> Array {
        array(&self.json["gradients"][step][self.which[place]]).to_dtype(self.dtype).unwrap()
    }

    fn optimizer(&self, parameters: &[Tensor]) -> Box<dyn Optimizer> {
        let groups = list(&self.case["groups"]);
        let each: Vec<Vec<Tensor>> = match groups.is_empty() {
            true => vec![parameters.to_vec()],
            false => parameters.iter().map(|parameter| vec![parameter.clone()]).collect(),
        };
        let mut optimizer = default(self.case["optimizer"].as_str().unwrap(), &each);
        for group in 0..each.len() {
            let own = groups.get(group).map(state);
            let all = state(&self.case["options"]);
            for options in [Some(all), own].into_iter().flatten() {
                for (key, value) in options.entries().unwrap() {
                    optimizer.set_option(group, &key.to_string(), value.clone()).unwrap();
                }
            }
        }
        optimizer
    }

    fn run(&self, optimizer: &mut dyn Optimizer, parameters: &[Tensor], steps: std::ops::Range<usize>) {
        for step in steps {
            if self.case["closure"].as_bool().unwrap() {
                let closure = &mut || {
                    let mut loss = Tensor::new(0.0);
                    for (i, p) in parameters.iter().enumerate() {
                        p.zero_grad();
                        let target = Tensor::constant(self.gradient(0, i));
                        let weight = Tensor::constant(self.gradient(1, i)).abs()?;
                        loss = loss.add(&p.sub(&target)?.square()?.mul(&weight)?.sum()?)?;
                        loss = loss.add(&p.pow(4)?.sum()?.mul(0.1)?)?;
                    }
                    loss.backward()?;
                    Ok(loss)
                };
                optimizer.step_with(closure).unwrap();
                continue;
            }
            for (i, p) in parameters.iter().enumerate() {
                let missing = self.case["missing"].as_bool().unwrap();
                let absent = missing && i + 1 == parameters.len() && step % 3 == 0;
                p.set_grad((!absent).then(|| Tensor::constant(self.gradient(step, i)))).unwrap();
            }
            optimizer.step().unwrap();
        }
    }
}

#[test]
fn steps_and_states_are_pytorch_s() {
    let json = read("steps");
    let steps = list(&json["gradients"]).len();
    for (i, case) in list(&json["cases"]).iter().enumerate() {
        let which: Vec<usize> = list(&case["which"]).iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let dtype: DType = case["dtype"].as_str().unwrap().parse().unwrap();
        let run = Steps { json: &json, case, which, dtype };
        let name = case["optimizer"].as_str().unwrap();
        // Muon computes in bfloat16, and a last bit may come of sums in another order.
        let tolerance = match (name, dtype) {
            ("Muon", _) => 1e-3,
            (_, DType::F64) => 1e-9,
            (_, DType::BF16) => 0.0,
            _ => 3e-6,
        };
        let leaves = |json: &Json| -> Vec<Tensor> {
            list(json).iter().map(|json| Tensor::constant(array(json)).requires_grad()).collect()
        };
        let end = numbers(&leaves(&case["end"]));

        // All steps.
        let start = run.which.iter().map(|&i| array(&json["start"][i]).to_dtype(dtype).unwrap());
        let parameters: Vec<Tensor> = start.map(|x| Tensor::constant(x).requires_grad()).collect();
        let mut optimizer = run.optimizer(&parameters);
        run.run(&mut *optimizer, &parameters, 0..steps / 2);
        near(
            &numbers(&parameters),
            &numbers(&leaves(&case["middle"])),
            tolerance,
            &format!("{i} {name} half way"),
        );
        let written = optimizer.state_dict();
        run.run(&mut *optimizer, &parameters, steps / 2..steps);
        near(&numbers(&parameters), &end, tolerance, &format!("{i} {name}"));

        // The second half, from PyTorch's state; its options are in it.
        let parameters = leaves(&case["middle"]);
        let groups = list(&case["groups"]).len().max(1);
        let each: Vec<Vec<Tensor>> = match groups {
            1 => vec![parameters.clone()],
            _ => parameters.iter().map(|parameter| vec![parameter.clone()]).collect(),
        };
        let mut optimizer = default(name, &each);
        let saved = state(&case["state"]);
        optimizer.load_state_dict(&saved).unwrap();
        run.run(&mut *optimizer, &parameters, steps / 2..steps);
        near(&numbers(&parameters), &end, tolerance, &format!("{i} {name} from PyTorch's state"));

        // What is written is laid out as PyTorch's.
        same_layout(&written, &saved, &format!("{i} {name}"));
    }
}

/// The same keys where PyTorch has them, but for what is its own.
fn same_layout(ours: &State, theirs: &State, what: &str) {
    const OWN: [&str; 6] =
        ["foreach", "capturable", "differentiable", "fused", "al", "decoupled_weight_decay"];
    match (ours, theirs) {
        (State::Map(ours), State::Map(theirs)) => {
            for (key, value) in theirs {
                match ours.iter().find(|(other, _)| other == key) {
                    Some((_, own)) => same_layout(own, value, &format!("{what}.{key}")),
                    None => assert!(OWN.contains(&key.to_string().as_str()), "{what}: no {key}"),
                }
            }
            for (key, _) in ours {
                let own = OWN.contains(&key.to_string().as_str());
                assert!(own || theirs.iter().any(|(other, _)| other == key), "{what}: {key} is too much");
            }
        }
        (State::List(ours), State::List(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{what}");
            ours.iter().zip(theirs).for_each(|(a, b)| same_layout(a, b, what));
        }
        (State::Array(ours), State::Array(theirs)) => {
            assert_eq!((ours.dtype(), ours.shape()), (theirs.dtype(), theirs.shape()), "{what}");
        }
        // Numbers, which PyTorch may keep as tensors or as integers.
        (State::Float(_) | State::Int(_), State::Array(_) | State::Float(_) | State::Int(_)) => {}
        _ => assert_eq!(ours.kind(), theirs.kind(), "{what}"),
    }
}

fn schedule(name: &str) -> Box<dyn Schedule> {
    match name {
        "lambda" => Box::new(LambdaLR::new(|epoch| 0.9f64.powf(epoch as f64))),
        "multiplicative" => Box::new(MultiplicativeLR::new(|epoch| 1.0 - 0.01 * epoch as f64)),
        "cyclic momentum" => {
            Box::new(CyclicLR::new(0.01, 0.1).step_size_up(3).step_size_down(5).mode(CyclicMode::Triangular2))
        }
        "cyclic betas" => Box::new(
            CyclicLR::new(0.01, 0.1)
                .step_size_up(4)
                .mode(CyclicMode::ExpRange)
                .gamma(0.9)
                .momentum_range(0.7, 0.9),
        ),
        "one cycle linear" => Box::new(
            OneCycleLR::new(0.2, 30)
                .anneal_strategy(AnnealStrategy::Linear)
                .pct_start(0.4)
                .final_div_factor(100.0),
        ),
        "one cycle three phases" => {
            Box::new(OneCycleLR::new(0.2, 5 * 6).three_phase(true).div_factor(10.0).momentum_range(0.5, 0.95))
        }
        "sequence of three" => Box::new(
            SequentialLR::new(LinearLR::new(0.2, 0.8, 4))
                .then(5, StepLR::new(3).gamma(0.5))
                .then(15, CosineAnnealingWarmRestarts::new(4).t_mult(2)),
        ),
        "sequence to polynomial" => {
            Box::new(SequentialLR::new(ExponentialLR::new(0.8)).then(7, PolynomialLR::new(10, 2.0)))
        }
        "sequence to constant" => Box::new(
            SequentialLR::new(MultiStepLR::new([2, 4]).gamma(0.5))
                .then(6, ConstantLR::new(0.25, 6))
                .then(16, LambdaLR::new(|epoch| 1.0 / (1.0 + epoch as f64))),
        ),
        "chain of three" => Box::new(
            ChainedScheduler::new(LinearLR::new(0.5, 1.0, 6))
                .and(StepLR::new(4).gamma(0.9))
                .and(CosineAnnealingLR::new(12).eta_min(0.001)),
        ),
        "cosine beyond" => Box::new(CosineAnnealingLR::new(7).eta_min(0.01)),
        other => panic!("there is no {other}"),
    }
}

fn rates_of(json: &Json) -> Vec<f64> {
    list(json).iter().map(number).collect()
}

fn momentum(optimizer: &dyn Optimizer) -> f64 {
    match (optimizer.option(0, "momentum"), optimizer.option(0, "betas")) {
        (Some(momentum), _) => momentum.float().unwrap(),
        (None, Some(betas)) => betas.list().unwrap()[0].float().unwrap(),
        (None, None) => panic!("no momentum"),
    }
}

#[test]
fn rates_and_momenta_are_pytorch_s() {
    let json = read("rates");
    for case in list(&json["cases"]) {
        let name = case["name"].as_str().unwrap();
        let (lrs, momenta) = (rates_of(&case["lrs"]), rates_of(&case["momenta"]));
        let w = Tensor::new([0.0f32]).requires_grad();
        let make = || -> Box<dyn Optimizer> {
            match name {
                "cyclic betas" | "one cycle linear" => Box::new(Adam::new([&w], 0.1)),
                _ => Box::new(Sgd::new([&w], 0.1).momentum(0.9)),
            }
        };
        let mut optimizer = make();
        let mut scheduler = schedule(name).on(&mut optimizer).unwrap();
        for (i, (lr, beta)) in lrs.iter().zip(&momenta).enumerate() {
            if i > 0 {
                scheduler.step(&mut optimizer).unwrap();
            }
            let what = format!("{name} at {i}");
            near(scheduler.get_last_lr(), &[*lr], 1e-14, &what);
            near(&optimizer.lrs(), &[*lr], 1e-14, &what);
            near(&[momentum(&*optimizer)], &[*beta], 1e-14, &what);
        }

        // From PyTorch's state after 11 steps.
        let mut optimizer = make();
        let mut scheduler = schedule(name).on(&mut optimizer).unwrap();
        optimizer.load_state_dict(&state(&case["optimizer"])).unwrap();
        let mut saved = state(&case["state"]);
        // A chain of PyTorch's counts in its parts.
        if let (State::Map(entries), "chain of three") = (&mut saved, name) {
            let part = State::map([("last_epoch", State::Int(11))]);
            entries.push((Key::from("_schedulers"), State::List(vec![part])));
        }
        scheduler.load_state_dict(&saved).unwrap();
        assert_eq!(scheduler.last_epoch(), 11, "{name}");
        for (i, lr) in lrs.iter().enumerate().skip(12) {
            scheduler.step(&mut optimizer).unwrap();
            near(&optimizer.lrs(), &[*lr], 1e-14, &format!("{name} at {i} from PyTorch's state"));
        }
    }
}

#[test]
fn plateaus_are_pytorch_s() {
    let json = read("rates");
    let metrics = rates_of(&json["metrics"]);
    let make = |i: usize| match i {
        0 => ReduceLROnPlateau::new().mode(PlateauMode::Max).factor(0.5).patience(2),
        1 => ReduceLROnPlateau::new()
            .mode(PlateauMode::Max)
            .factor(0.5)
            .patience(1)
            .threshold(Threshold::Abs(0.1))
            .min_lr(0.02),
        _ => ReduceLROnPlateau::new()
            .factor(0.5)
            .patience(2)
            .threshold(Threshold::Abs(0.05))
            .cooldown(2)
            .eps(0.001),
    };
    for (i, case) in list(&json["plateaus"]).iter().enumerate() {
        let lrs = rates_of(&case["lrs"]);
        let mut optimizer = Sgd::new([Tensor::new([0.0f32]).requires_grad()], 0.1);
        let mut scheduler = make(i);
        for (step, (&metric, lr)) in metrics.iter().zip(&lrs).enumerate() {
            // In the middle, another one goes on from PyTorch's state.
            if step == 15 {
                scheduler = make(i);
                scheduler.load_state_dict(&state(&case["state"])).unwrap();
            }
            scheduler.step(metric, &mut optimizer).unwrap();
            near(scheduler.get_last_lr(), &[*lr], 1e-15, &format!("plateau {i} at {step}"));
        }
    }
}

#[test]
fn clipping_is_pytorch_s() {
    let (json, steps) = (read("averages"), read("steps"));
    for case in list(&json["clips"]) {
        let gradients: Vec<Array> = list(&steps["gradients"][0]).iter().map(array).collect();
        let parameters: Vec<Tensor> =
            gradients.iter().map(|x| Tensor::constant(x.zeros_like().unwrap()).requires_grad()).collect();
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            parameter.set_grad(Some(Tensor::constant(gradient))).unwrap();
        }
        let (norm_type, max_norm) = (number(&case["norm_type"]), number(&case["max_norm"]));
        let options = ClipOptions { norm_type, ..ClipOptions::default() };
        let total = clip_grad_norm_with(&parameters, max_norm, options).unwrap();
        let what = format!("norm {norm_type} to {max_norm}");
        near(&[total], &[number(&case["total"])], 1e-6, &what);
        let clipped: Vec<Tensor> = parameters.iter().map(|p| p.grad().unwrap()).collect();
        let expected: Vec<Tensor> =
            list(&case["gradients"]).iter().map(|json| Tensor::constant(array(json))).collect();
        near(&numbers(&clipped), &numbers(&expected), 1e-6, &what);
    }
}

#[test]
fn averages_are_pytorch_s() {
    let (json, steps) = (read("averages"), read("steps"));
    let model: Vec<Tensor> =
        list(&steps["start"]).iter().map(|json| Tensor::constant(array(json)).requires_grad()).collect();
    let (mut ema, mut swa) = (Ema::new(&model, 0.8), Ema::swa(&model));
    for row in list(&steps["gradients"]) {
        for (p, json) in model.iter().zip(list(row)) {
            p.array().add_(&array(json)).unwrap();
        }
        ema.update().unwrap();
        swa.update().unwrap();
    }
    for (name, average) in [("ema", ema), ("swa", swa)] {
        let expected: Vec<Tensor> =
            list(&json[name]).iter().map(|json| Tensor::constant(array(json))).collect();
        near(&numbers(&average.averages()), &numbers(&expected), 1e-6, name);
    }
}
