//! In steady state a step takes no memory from the system: it alone is in this program, since the pool is everyone's.

use cresset_autograd::Tensor;
use cresset_ops::prelude::*;
use cresset_optim::*;
use cresset_tensor::memory;

#[test]
fn steps_take_no_memory() {
    let parameters: Vec<Tensor> = [&[200, 200][..], &[300], &[20, 10]]
        .map(|shape| Tensor::ones(shape).requires_grad())
        .into_iter()
        .collect();
    let matrices = [parameters[0].clone(), parameters[2].clone()];
    for p in &parameters {
        p.set_grad(Some(p.detach().mul(0.1).unwrap())).unwrap();
    }
    let mut optimizers: Vec<Box<dyn Optimizer>> = vec![
        Box::new(Sgd::new(&parameters, 1e-3).momentum(0.9).nesterov(true)),
        Box::new(Adam::new(&parameters, 1e-3).amsgrad(true)),
        Box::new(AdamW::new(&parameters, 1e-3)),
        Box::new(Adamax::new(&parameters, 1e-3)),
        Box::new(NAdam::new(&parameters, 1e-3)),
        Box::new(RAdam::new(&parameters, 1e-3)),
        Box::new(Adagrad::new(&parameters, 1e-3)),
        Box::new(Adadelta::new(&parameters, 1e-3)),
        Box::new(Adafactor::new(&parameters, 1e-3)),
        Box::new(RMSprop::new(&parameters, 1e-3).momentum(0.9).centered(true)),
        Box::new(Rprop::new(&parameters, 1e-3)),
        Box::new(Asgd::new(&parameters, 1e-3)),
        Box::new(Muon::new(&matrices, 1e-3)),
    ];
    // Several threads keep blocks of their own, and not every one works in the first steps.
    cresset_ops::set_num_threads(1);
    for optimizer in &mut optimizers {
        for _ in 0..3 {
            optimizer.step().unwrap();
        }
        let before = memory::statistics();
        for _ in 0..5 {
            optimizer.step().unwrap();
        }
        let after = memory::statistics();
        let name = optimizer.name();
        assert_eq!(after.system_allocations, before.system_allocations, "{name}");
        assert_eq!(after.reserved, before.reserved, "{name}");
    }
    // No array of a parameter's size (640,000 bytes) is made: what is used is the evaluator's, for chunks.
    let large = Tensor::ones([400, 400]).requires_grad();
    large.set_grad(Some(large.detach())).unwrap();
    let mut optimizers: Vec<Box<dyn Optimizer>> = vec![
        Box::new(Sgd::new([&large], 1e-3).momentum(0.9)),
        Box::new(AdamW::new([&large], 1e-3).amsgrad(true)),
        Box::new(Adafactor::new([&large], 1e-3)),
    ];
    for optimizer in &mut optimizers {
        optimizer.step().unwrap();
        memory::empty();
        optimizer.step().unwrap();
        let kept = memory::statistics().kept;
        assert!(kept < 400_000, "{}: {kept}", optimizer.name());
    }
}
