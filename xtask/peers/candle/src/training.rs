//! Training steps, and the network that is only asked.

use candle_core::{DType, Result, Tensor, Var, backprop::GradStore};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, loss::cross_entropy};

use crate::{
    inputs,
    networks::{Digits, Gpt, Network, Perceptron, Recurrent, ResNet18},
    protocol::{Outcome, Prepared, Run},
    rows::{CPU, digest, integers, normal},
};

/// A step of an optimizer.
type Descent = Box<dyn FnMut(&GradStore) -> Result<()>>;

pub fn prepare(name: &str) -> Prepared {
    let characters = |texts: usize| -> Result<_> {
        Ok((integers("x", 64, &[texts, 64])?, integers("y", 64, &[texts * 64])?))
    };
    let pictures =
        |shape: &[usize]| -> Result<_> { Ok((normal("x", shape)?, integers("y", 10, &[shape[0]])?)) };
    let small = |vb: VarBuilder| Perceptron::new(&[64, 128, 10], vb);
    Some(match name {
        "train/mlp-64-128-10-b64-sgd" => training(small, pictures(&[64, 64]), sgd),
        "train/mlp-64-128-10-b64-adam" => training(small, pictures(&[64, 64]), |vars| adam(vars, 0.0)),
        "train/mlp-784-512-512-10-b128-adam" => training(
            |vb| Perceptron::new(&[784, 512, 512, 10], vb),
            pictures(&[128, 784]),
            |vars| adam(vars, 0.0),
        ),
        "train/cnn-28x28-b64-adam" => {
            training(Digits::new, pictures(&[64, 1, 28, 28]), |vars| adam(vars, 0.0))
        }
        "train/resnet18-32x32-b16-sgd" => {
            training(|vb| ResNet18::new(10, true, vb), pictures(&[16, 3, 32, 32]), momentum)
        }
        "train/lstm-128-256-b32-t64-adam" => training(Recurrent::new, characters(32), |vars| adam(vars, 0.0)),
        "train/gpt-d128-l4-b16-t64-adamw" => training(Gpt::new, characters(16), |vars| adam(vars, 0.01)),
        "infer/resnet18-224-b1" => asked(),
        _ => return None,
    })
}

fn sgd(vars: Vec<Var>) -> Result<Descent> {
    let mut sgd = SGD::new(vars, 0.01)?;
    Ok(Box::new(move |gradients| sgd.step(gradients)))
}

/// Candle's AdamW, which without decay is Adam.
fn adam(vars: Vec<Var>, weight_decay: f64) -> Result<Descent> {
    let mut adam = AdamW::new(vars, ParamsAdamW { weight_decay, ..ParamsAdamW::default() })?;
    Ok(Box::new(move |gradients| adam.step(gradients)))
}

/// Candle has none with momentum.
fn momentum(vars: Vec<Var>) -> Result<Descent> {
    let mut moments: Vec<Option<Tensor>> = vec![None; vars.len()];
    Ok(Box::new(move |gradients| {
        for (var, moment) in vars.iter().zip(&mut moments) {
            if let Some(gradient) = gradients.get(var) {
                let next = match moment {
                    Some(moment) => ((&*moment * 0.9)? + gradient)?,
                    None => gradient.clone(),
                };
                var.set(&(var.as_tensor() - (&next * 0.01)?)?)?;
                *moment = Some(next);
            }
        }
        Ok(())
    }))
}

/// Gives parameters what all contestants' begin with; what running means begin with stays.
fn fill(map: &VarMap) -> Outcome<Vec<Var>> {
    let mut trained = Vec::new();
    for (name, var) in map.data().lock().map_err(|error| error.to_string())?.iter() {
        if !name.contains("running") {
            let shape = var.dims().to_vec();
            var.set(&Tensor::from_vec(inputs::parameter(name, &shape), shape, &CPU)?)?;
            trained.push(var.clone());
        }
    }
    Ok(trained)
}

fn training<N: Network + 'static>(
    network: impl FnOnce(VarBuilder) -> Result<N>,
    data: Result<(Tensor, Tensor)>,
    optimizer: impl FnOnce(Vec<Var>) -> Result<Descent>,
) -> Outcome<Run> {
    let map = VarMap::new();
    let net = network(VarBuilder::from_varmap(&map, DType::F32, &CPU))?;
    let mut descent = optimizer(fill(&map)?)?;
    let (x, y) = data?;
    let mut step = move || -> Result<Tensor> {
        let loss = cross_entropy(&net.forward(&x)?, &y)?;
        descent(&loss.backward()?)?;
        Ok(loss)
    };
    let mut answer = Vec::new();
    for _ in 0..3 {
        answer.push(f64::from(step()?.to_scalar::<f32>()?));
    }
    let call = move || -> Outcome<()> {
        step()?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}

/// The variables are taken as plain tensors, so that nothing is recorded.
fn asked() -> Outcome<Run> {
    let map = VarMap::new();
    ResNet18::new(1000, false, VarBuilder::from_varmap(&map, DType::F32, &CPU))?;
    fill(&map)?;
    let data = map.data().lock().map_err(|error| error.to_string())?;
    let tensors = data.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect();
    let net = ResNet18::new(1000, false, VarBuilder::from_tensors(tensors, DType::F32, &CPU))?;
    let x = normal("x", &[1, 3, 224, 224])?;
    let answer = digest(&net.forward(&x)?)?;
    let call = move || -> Outcome<()> {
        net.forward(&x)?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
