//! A training that was saved and loaded goes on bit for bit as if it had not been.

use cresset_autograd::{Apply, Tensor};
use cresset_ops::{Array, prelude::*};
use cresset_optim::*;
use cresset_tensor::{Key, State};

use crate::make::{ALL, bits, contents, full};

/// Numbers that look random.
fn drawn(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
}

/// A layer, whose bias has no gradient in every third step.
fn model(name: &str) -> Vec<Tensor> {
    let w = Tensor::from_vec(drawn(15, 1), [5, 3]).unwrap().requires_grad();
    let b = Tensor::from_vec(drawn(3, 2), [1, 3]).unwrap().requires_grad();
    if name == "Muon" { vec![w] } else { vec![w, b] }
}

fn train(optimizer: &mut dyn Optimizer, model: &[Tensor], steps: std::ops::Range<usize>) {
    for step in steps {
        let x = Tensor::from_vec(drawn(20, step + 3), [4, 5]).unwrap();
        let y = Tensor::from_vec(drawn(12, step + 300), [4, 3]).unwrap();
        let closure = &mut || {
            optimizer_free(model);
            let mut z = x.matmul(&model[0])?;
            if let (Some(b), true) = (model.get(1), step % 3 != 2) {
                z = z.add(b)?;
            }
            let loss = z.sub(&y)?.square()?.mean()?;
            loss.backward()?;
            Ok(loss)
        };
        optimizer.step_with(closure).unwrap();
    }
}

fn optimizer_free(model: &[Tensor]) {
    model.iter().for_each(Tensor::zero_grad);
}

fn copies(model: &[Tensor]) -> Vec<Tensor> {
    model.iter().map(|p| Tensor::constant(p.array().mul(1.0).unwrap()).requires_grad()).collect()
}

/// As a format writes it that has only texts for keys.
fn with_text_keys(state: &State) -> State {
    match state {
        State::List(list) => State::List(list.iter().map(with_text_keys).collect()),
        State::Map(entries) => State::Map(
            entries.iter().map(|(key, value)| (Key::Text(key.to_string()), with_text_keys(value))).collect(),
        ),
        other => other.clone(),
    }
}

#[test]
fn every_optimizer_resumes() {
    for name in ALL {
        let whole = model(name);
        let mut optimizer = full(name, &whole);
        train(&mut *optimizer, &whole, 0..5);
        let (saved, values) = (optimizer.state_dict(), copies(&whole));
        let before = contents(&saved);
        train(&mut *optimizer, &whole, 5..12);
        assert_eq!(contents(&saved), before, "{name}: what was saved changed with later steps");
        for saved in [saved.clone(), with_text_keys(&saved)] {
            let resumed = copies(&values);
            // Its options are in the state.
            let mut optimizer = match name {
                "SGD" => Box::new(Sgd::new(&resumed, 1.0)) as Box<dyn Optimizer>,
                _ => full(name, &resumed),
            };
            optimizer.load_state_dict(&saved).unwrap();
            assert_eq!(contents(&optimizer.state_dict()), before, "{name}");
            train(&mut *optimizer, &resumed, 5..12);
            assert_eq!(bits(&resumed), bits(&whole), "{name}");
        }
        assert_eq!(contents(&saved), before, "{name}: loading takes copies");
    }
}

fn schedules() -> Vec<(&'static str, Box<dyn Schedule>)> {
    vec![
        ("ConstantLR", Box::new(ConstantLR::new(0.3, 7))),
        ("LinearLR", Box::new(LinearLR::new(0.1, 0.9, 8))),
        ("StepLR", Box::new(StepLR::new(3).gamma(0.7))),
        ("MultiStepLR", Box::new(MultiStepLR::new([2, 6, 6, 9]).gamma(0.7))),
        ("ExponentialLR", Box::new(ExponentialLR::new(0.93))),
        ("PolynomialLR", Box::new(PolynomialLR::new(10, 1.7))),
        ("LambdaLR", Box::new(LambdaLR::new(|epoch| 1.0 / (3.0 + epoch as f64)))),
        ("MultiplicativeLR", Box::new(MultiplicativeLR::new(|epoch| 1.0 - 0.01 * epoch as f64))),
        ("CosineAnnealingLR", Box::new(CosineAnnealingLR::new(4).eta_min(0.01))),
        ("CosineAnnealingWarmRestarts", Box::new(CosineAnnealingWarmRestarts::new(3).t_mult(2))),
        ("CyclicLR", Box::new(CyclicLR::new(0.01, 0.3).step_size_up(3))),
        ("OneCycleLR", Box::new(OneCycleLR::new(0.3, 12))),
        (
            "SequentialLR",
            Box::new(SequentialLR::new(LinearLR::new(0.1, 1.0, 3)).then(4, CosineAnnealingLR::new(6))),
        ),
        (
            "ChainedScheduler",
            Box::new(ChainedScheduler::new(ConstantLR::new(0.3, 7)).and(ExponentialLR::new(0.9))),
        ),
    ]
}

#[test]
fn every_schedule_resumes() {
    for ((name, first), (_, second)) in schedules().into_iter().zip(schedules()) {
        let whole = model(name);
        let mut optimizer = AdamW::new(&whole, 0.1);
        let mut scheduler = first.on(&mut optimizer).unwrap();
        let epoch = |optimizer: &mut AdamW, scheduler: &mut LRScheduler, model: &[Tensor], i: usize| {
            train(optimizer, model, i..i + 1);
            scheduler.step(optimizer).unwrap();
        };
        (0..5).for_each(|i| epoch(&mut optimizer, &mut scheduler, &whole, i));
        let (saved, of_schedule, values) = (optimizer.state_dict(), scheduler.state_dict(), copies(&whole));
        (5..12).for_each(|i| epoch(&mut optimizer, &mut scheduler, &whole, i));

        let resumed = copies(&values);
        let mut other = AdamW::new(&resumed, 0.1);
        let mut again = second.on(&mut other).unwrap();
        other.load_state_dict(&saved).unwrap();
        again.load_state_dict(&of_schedule).unwrap();
        (5..12).for_each(|i| epoch(&mut other, &mut again, &resumed, i));
        assert_eq!(bits(&resumed), bits(&whole), "{name}");
        let rates =
            |scheduler: &LRScheduler| scheduler.get_last_lr().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(rates(&again), rates(&scheduler), "{name}");
    }
}

#[test]
fn a_plateau_resumes() {
    let mut optimizer = Sgd::new(model("SGD"), 1.0);
    let mut plateau = ReduceLROnPlateau::new().patience(1).cooldown(1);
    let metrics = [3.0, 2.0, 2.5, 2.5, 2.5, 1.0, 1.1, 1.2, 1.3, 1.4];
    let mut saved = None;
    for (i, metric) in metrics.into_iter().enumerate() {
        if i == 4 {
            saved = Some((plateau.state_dict(), optimizer.state_dict()));
        }
        plateau.step(metric, &mut optimizer).unwrap();
    }
    let (of_plateau, of_optimizer) = saved.unwrap();
    let mut other = Sgd::new(model("SGD"), 1.0);
    let mut again = ReduceLROnPlateau::new().patience(1).cooldown(1);
    other.load_state_dict(&of_optimizer).unwrap();
    again.load_state_dict(&of_plateau).unwrap();
    metrics[4..].iter().for_each(|&metric| again.step(metric, &mut other).unwrap());
    assert_eq!(again, plateau);
    assert_eq!(other.lrs(), optimizer.lrs());
    assert!(other.lrs()[0] < 1.0);
}

#[test]
fn an_average_resumes() {
    for make in [|p: &[Tensor]| Ema::new(p, 0.7), |p: &[Tensor]| Ema::swa(p)] {
        let whole = model("SGD");
        let mut average = make(&whole);
        let change = |i: usize, model: &[Tensor]| {
            let x = Array::from_vec(drawn(15, i), [5, 3]).unwrap();
            model[0].array().add_(&x).unwrap();
        };
        let mut saved = None;
        for i in 0..8 {
            if i == 3 {
                saved = Some((average.state_dict(), copies(&whole)));
            }
            change(i, &whole);
            average.update().unwrap();
        }
        let (saved, resumed) = saved.unwrap();
        let mut again = make(&resumed);
        again.load_state_dict(&saved).unwrap();
        assert_eq!(again.updates(), 3);
        for i in 3..8 {
            change(i, &resumed);
            again.update().unwrap();
        }
        assert_eq!(bits(&again.averages()), bits(&average.averages()));
    }
}
