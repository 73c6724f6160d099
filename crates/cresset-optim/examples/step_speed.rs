//! How long a step takes: `cargo run --release -p cresset-optim --example step_speed`.
//!
//! For the parameters of two networks, the median of a hundred steps, of each method.

use std::time::Instant;

use cresset_autograd::{Error, Tensor};
use cresset_ops::prelude::*;
use cresset_optim::{Adam, AdamW, Optimizer, RMSprop, Sgd};

fn network(sizes: &[usize]) -> Result<Vec<Tensor>, Error> {
    let mut parameters = Vec::new();
    for pair in sizes.windows(2) {
        for shape in [&[pair[1], pair[0]][..], &pair[1..]] {
            let parameter = Tensor::randn(shape).requires_grad();
            parameter.set_grad(Some(Tensor::randn(shape)))?;
            parameters.push(parameter);
        }
    }
    Ok(parameters)
}

fn main() -> Result<(), Error> {
    for sizes in [&[64, 128, 10][..], &[784, 512, 512, 10]] {
        let parameters = network(sizes)?;
        let mut optimizers: Vec<Box<dyn Optimizer>> = vec![
            Box::new(Sgd::new(&parameters, 1e-3)),
            Box::new(Sgd::new(&parameters, 1e-3).momentum(0.9)),
            Box::new(Adam::new(&parameters, 1e-3)),
            Box::new(AdamW::new(&parameters, 1e-3).amsgrad(true)),
            Box::new(RMSprop::new(&parameters, 1e-3)),
        ];
        for optimizer in &mut optimizers {
            let mut times = Vec::new();
            for _ in 0..120 {
                let start = Instant::now();
                optimizer.step()?;
                times.push(start.elapsed());
            }
            times.drain(..20);
            times.sort();
            println!("{sizes:?} {}: {:?}", optimizer.name(), times[times.len() / 2]);
        }
    }
    Ok(())
}
