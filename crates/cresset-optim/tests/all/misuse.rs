//! Every misuse is refused, with an error that says what would be right and where it happened.

use cresset_autograd::{ErrorKind, Result, Tensor};
use cresset_ops::prelude::*;
use cresset_optim::*;
use cresset_tensor::{Key, State};

fn w() -> Tensor {
    Tensor::new([[1.0]]).requires_grad()
}

#[track_caller]
fn refused(result: Result<()>, kind: ErrorKind, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
    assert!(error.location().file().ends_with("misuse.rs"), "{error}");
}

#[test]
fn options_without_a_meaning() {
    use ErrorKind::Argument;
    let mut cases: Vec<(Box<dyn Optimizer>, &str)> = Vec::new();
    macro_rules! case {
        ($words:literal, $($optimizer:expr),*) => {
            $(cases.push((Box::new($optimizer), $words));)*
        };
    }
    case!(
        "lr",
        Sgd::new([w()], -0.1),
        Adam::new([w()], -1.0),
        AdamW::new([w()], f64::NAN),
        Adamax::new([w()], -1.0)
    );
    case!("lr", NAdam::new([w()], -1.0), RAdam::new([w()], -1.0), Adagrad::new([w()], -1.0));
    case!("lr", Adadelta::new([w()], -1.0), Adafactor::new([w()], -1.0), RMSprop::new([w()], -1.0));
    case!(
        "lr",
        Rprop::new([w()], -1.0),
        Asgd::new([w()], -1.0),
        Muon::new([w()], -1.0),
        Lbfgs::new([w()], -1.0)
    );
    case!("momentum", Sgd::new([w()], 0.1).momentum(-0.5), RMSprop::new([w()], 0.1).momentum(-0.5));
    case!("nesterov", Sgd::new([w()], 0.1).nesterov(true));
    case!("nesterov", Sgd::new([w()], 0.1).momentum(0.9).dampening(0.1).nesterov(true));
    case!("weight_decay", Sgd::new([w()], 0.1).weight_decay(-1.0), AdamW::new([w()], 0.1).weight_decay(-1.0));
    case!("weight_decay", Asgd::new([w()], 0.1).weight_decay(-1.0), Muon::new([w()], 0.1).weight_decay(-1.0));
    case!("betas", Adam::new([w()], 0.1).betas(1.0, 0.9), AdamW::new([w()], 0.1).betas(0.9, -0.1));
    case!("betas", Adamax::new([w()], 0.1).betas(0.9, 1.0), NAdam::new([w()], 0.1).betas(f64::NAN, 0.9));
    case!("betas", RAdam::new([w()], 0.1).betas(2.0, 0.9));
    case!("eps", Adam::new([w()], 0.1).eps(-1.0), Adagrad::new([w()], 0.1).eps(-1.0));
    case!("rho", Adadelta::new([w()], 0.1).rho(1.1));
    case!("lr_decay", Adagrad::new([w()], 0.1).lr_decay(-1.0));
    case!("initial_accumulator_value", Adagrad::new([w()], 0.1).initial_accumulator_value(-1.0));
    case!("momentum_decay", NAdam::new([w()], 0.1).momentum_decay(-1.0));
    case!("alpha", RMSprop::new([w()], 0.1).alpha(-1.0), Asgd::new([w()], 0.1).alpha(-1.0));
    case!("lambd", Asgd::new([w()], 0.1).lambd(-1.0));
    case!("etas", Rprop::new([w()], 0.1).etas(1.5, 1.2), Rprop::new([w()], 0.1).etas(0.5, 0.9));
    case!("eps", Adafactor::new([w()], 0.1).eps(Some(-1.0), 1.0), Adafactor::new([w()], 0.1).eps(None, -1.0));
    case!("beta2_decay", Adafactor::new([w()], 0.1).beta2_decay(0.5));
    case!("d must", Adafactor::new([w()], 0.1).d(0.5));
    case!("ns_steps", Muon::new([w()], 0.1).ns_steps(100));
    case!("history_size", Lbfgs::new([w()], 0.1).history_size(0));
    for (mut optimizer, words) in cases {
        let loss = &mut || w().sum();
        refused(optimizer.step_with(loss).map(drop), Argument, words);
    }
    // Also when they are set later, and in one group alone.
    let mut optimizer = Adam::new([w()], 0.1).group([w()], |options| options.betas = (0.9, 0.9));
    optimizer.step().unwrap();
    optimizer.groups_mut()[1].options.betas = (0.9, 1.5);
    refused(optimizer.step(), Argument, "betas");
    refused(optimizer.set_lr(0, -1.0), Argument, "lr");
    refused(
        optimizer.set_option(0, "momentum", State::Float(0.1)),
        Argument,
        "there is no option 'momentum'",
    );
    refused(optimizer.set_option(0, "betas", State::Float(0.1)), Argument, "betas: expected a list");
    refused(optimizer.set_option(0, "betas", State::List(vec![State::Int(0)])), Argument, "a list of 2");
    refused(optimizer.set_lr(7, 1.0), ErrorKind::Index, "there is no group 7");
    refused(optimizer.lr(7).map(drop), ErrorKind::Index, "there is no group 7");
    refused(optimizer.note(7, "x", State::None), ErrorKind::Index, "there is no group 7");
    assert!(optimizer.option(7, "lr").is_none() && optimizer.option(0, "nothing").is_none());
    let mut muon = Muon::new([w()], 0.1);
    refused(muon.set_option(0, "adjust_lr_fn", State::from("none")), Argument, "match_rms_adamw");
    refused(muon.set_option(0, "ns_steps", State::Int(-1)), Argument, "a count");
}

#[test]
fn parameters_that_cannot_be_optimized() {
    let made = |optimizer: Sgd| {
        let mut optimizer = optimizer;
        let (first, second) = (optimizer.check(), optimizer.step());
        assert_eq!(first.unwrap_err().to_string(), second.clone().unwrap_err().to_string());
        second
    };
    refused(made(Sgd::new(Vec::<Tensor>::new(), 0.1)), ErrorKind::Argument, "empty");
    refused(made(Sgd::new([w().mul(2.0).unwrap()], 0.1)), ErrorKind::Gradient, "detach().requires_grad()");
    refused(
        made(Sgd::new([Tensor::new([1.0])], 0.1)),
        ErrorKind::Gradient,
        "none of the 1 parameters requires",
    );
    let twice = w();
    refused(
        made(Sgd::new([&twice, &twice], 0.1)),
        ErrorKind::Argument,
        "parameter 1 (shape [1, 1]) was given before",
    );
    refused(made(Sgd::new([&twice], 0.1).group([&twice], |_| {})), ErrorKind::Argument, "given before");
    let mut optimizer = Sgd::new([&twice], 0.1);
    refused(optimizer.add_group([&twice], |_| {}), ErrorKind::Argument, "given before");
    optimizer.step().unwrap();
    assert_eq!(optimizer.group_count(), 1);
    // Frozen ones among others are PyTorch's way, and pass.
    Sgd::new([w(), Tensor::new([1.0])], 0.1).step().unwrap();
    refused(Muon::new([Tensor::new([1.0]).requires_grad()], 0.1).step(), ErrorKind::Shape, "AdamW");
    refused(
        Lbfgs::new([Tensor::new([1.0])], 0.1).step_with(&mut || w().sum()).map(drop),
        ErrorKind::Gradient,
        "requires",
    );
    refused(
        Lbfgs::new(Vec::<Tensor>::new(), 0.1).step_with(&mut || w().sum()).map(drop),
        ErrorKind::Argument,
        "empty",
    );
    refused(Lbfgs::new([w()], 0.1).step(), ErrorKind::Argument, "step_with");
    // An error of the closure is the closure's.
    let error = Lbfgs::new([w()], 0.1).step_with(&mut || w().matmul(&Tensor::new([1.0, 2.0]))).unwrap_err();
    assert_eq!(error.operation(), "matmul");
}

#[test]
fn states_of_something_else() {
    use ErrorKind::{Argument, Shape};
    let p = w();
    p.set_grad(Some(Tensor::new([[1.0]]))).unwrap();
    let mut adam = Adam::new([&p], 0.1);
    adam.step().unwrap();
    let saved = adam.state_dict();
    let same = |adam: &Adam| format!("{:?}", crate::make::contents(&adam.state_dict()));
    let before = same(&adam);

    refused(
        Sgd::new([w()], 0.1).load_state_dict(&saved),
        Argument,
        "'step' is unknown here: kept is momentum_buffer",
    );
    refused(Adam::new([w(), w()], 0.1).load_state_dict(&saved), Argument, "1 parameters in the state, 2");
    let mut two = Adam::new([w()], 0.1).group([w()], |_| {});
    refused(two.load_state_dict(&saved), Argument, "1 groups of parameters, the optimizer 2");
    let wide = Tensor::new([[1.0, 2.0]]).requires_grad();
    refused(
        Adam::new([&wide], 0.1).load_state_dict(&saved),
        Shape,
        "state of parameter 0: 'exp_avg' has shape",
    );
    refused(adam.load_state_dict(&State::None), Argument, "expected a map");
    refused(adam.load_state_dict(&State::map([("param_groups", State::Int(1))])), Argument, "a list");

    // Something in it is changed.
    let changed = |path: &[&str], value: Option<State>| {
        fn change(state: &mut State, path: &[&str], value: Option<State>) {
            let State::Map(entries) = state else {
                let State::List(list) = state else { panic!("no map") };
                return change(&mut list[0], path, value);
            };
            let place = entries.iter().position(|(key, _)| key.to_string() == path[0]);
            match (path.len(), value) {
                (1, None) => drop(entries.remove(place.unwrap())),
                (1, Some(value)) => match place {
                    Some(place) => entries[place].1 = value,
                    None => entries.push((Key::from(path[0]), value)),
                },
                (_, value) => change(&mut entries[place.unwrap()].1, &path[1..], value),
            }
        }
        let mut state = saved.clone();
        change(&mut state, path, value);
        state
    };
    let load = |adam: &mut Adam, path: &[&str], value| adam.load_state_dict(&changed(path, value));
    refused(load(&mut adam, &["state", "0", "exp_avg"], None), Argument, "'exp_avg' is missing");
    refused(load(&mut adam, &["state", "0", "step"], None), Argument, "'step' is missing");
    refused(load(&mut adam, &["state", "0", "exp_avg"], Some(State::Int(1))), Argument, "an array");
    refused(load(&mut adam, &["state", "0", "else"], Some(State::Int(1))), Argument, "'else' is unknown");
    refused(load(&mut adam, &["state"], Some(State::Int(1))), Argument, "a map");
    refused(
        load(&mut adam, &["param_groups", "lr"], Some(State::from("fast"))),
        Argument,
        "lr: expected a number",
    );
    refused(load(&mut adam, &["param_groups", "lr"], Some(State::Float(-1.0))), Argument, "lr must be");
    refused(
        load(&mut adam, &["param_groups", "params"], Some(State::List(vec![State::None]))),
        Argument,
        "whole number",
    );
    assert_eq!(same(&adam), before, "what is refused changes nothing");
    // What PyTorch adds of its own is kept.
    load(&mut adam, &["param_groups", "foreach"], Some(State::Bool(true))).unwrap();
    assert!(adam.option(0, "foreach").unwrap().bool().unwrap());

    let mut lbfgs = Lbfgs::new([w()], 0.5).max_iter(3);
    let run = |lbfgs: &mut Lbfgs| {
        let p = lbfgs.parameters()[0].clone();
        let closure = &mut || {
            p.zero_grad();
            let loss = p.sub(7.0)?.square()?.sum()?.add(&p.pow(4)?.sum()?)?;
            loss.backward()?;
            Ok(loss)
        };
        lbfgs.step_with(closure).unwrap();
    };
    run(&mut lbfgs);
    let saved = lbfgs.state_dict();
    refused(Lbfgs::new([Tensor::new([1.0, 2.0]).requires_grad()], 0.5).load_state_dict(&saved), Shape, "[2]");
    let mut broken = saved.clone();
    if let State::Map(entries) = &mut broken
        && let State::Map(all) = &mut entries[0].1
        && let State::Map(state) = &mut all[0].1
        && let Some((_, State::List(list))) = state.iter_mut().find(|(key, _)| *key == Key::from("ro"))
    {
        list.push(State::Int(1));
    }
    refused(lbfgs.load_state_dict(&broken), Argument, "differ in length");
    run(&mut lbfgs);
}

#[test]
fn schedules_without_a_meaning() {
    use ErrorKind::Argument;
    let mut optimizer = Sgd::new([w()], 0.1);
    let mut cases: Vec<(Box<dyn Schedule>, &str)> = Vec::new();
    macro_rules! case {
        ($words:literal, $($schedule:expr),*) => {
            $(cases.push((Box::new($schedule), $words));)*
        };
    }
    case!("step_size", StepLR::new(0));
    case!("factor", ConstantLR::new(1.5, 3), ConstantLR::new(-0.5, 3), ConstantLR::new(0.0, 3));
    case!("start_factor", LinearLR::new(0.0, 1.0, 3), LinearLR::new(1.5, 1.0, 3));
    case!("end_factor", LinearLR::new(0.5, 1.5, 3));
    case!("total_iters", LinearLR::new(0.5, 1.0, 0), PolynomialLR::new(0, 1.0));
    case!("t_max", CosineAnnealingLR::new(0));
    case!("t_0", CosineAnnealingWarmRestarts::new(0));
    case!("t_mult", CosineAnnealingWarmRestarts::new(1).t_mult(0));
    case!("step_size_up", CyclicLR::new(0.1, 0.2).step_size_up(0));
    case!("rates", CyclicLR::new(-0.1, 0.2));
    case!("total_steps", OneCycleLR::new(0.1, 0));
    case!("pct_start", OneCycleLR::new(0.1, 10).pct_start(1.5));
    case!("max_lr", OneCycleLR::new(-0.1, 10));
    case!("div_factor", OneCycleLR::new(0.1, 10).div_factor(0.0));
    case!("milestones", SequentialLR::new(StepLR::new(1)).then(5, StepLR::new(1)).then(4, StepLR::new(1)));
    case!("step_size", SequentialLR::new(StepLR::new(1)).then(5, StepLR::new(0)));
    case!("step_size", ChainedScheduler::new(StepLR::new(1)).and(StepLR::new(0)));
    for (schedule, words) in cases {
        // Asked without a check, it answers something.
        for entry in [Entry::Start, Entry::Takeover, Entry::Step] {
            let epoch = u64::from(entry == Entry::Step);
            let _ = schedule.lr(At { epoch, entry, lr: 0.1, base: 0.1 });
        }
        refused(schedule.on(&mut optimizer).map(drop), Argument, words);
    }
    assert_eq!(optimizer.lrs(), [0.1]);
    refused(
        StepLR::new(1).on_groups(&mut optimizer, &[1]).map(drop),
        ErrorKind::Index,
        "there is no group 1",
    );
    let mut rprop = Rprop::new([w()], 0.1);
    refused(CyclicLR::new(0.1, 0.2).on(&mut rprop).map(drop), Argument, "cycle_momentum(false)");
    // A way up of no length is over at once.
    let short = OneCycleLR::new(0.1, 10).pct_start(0.1).cycle_momentum(false).on(&mut optimizer).unwrap();
    assert_eq!(short.get_last_lr(), [0.1]);
    // More steps than there are.
    let mut scheduler = OneCycleLR::new(0.1, 2).on(&mut optimizer).unwrap();
    scheduler.step(&mut optimizer).unwrap();
    scheduler.step(&mut optimizer).unwrap();
    refused(scheduler.step(&mut optimizer), Argument, "step 3 of 2");
    refused(scheduler.step(&mut optimizer), Argument, "step 3 of 2");
    // A rate that is none.
    let mut scheduler =
        LambdaLR::new(|epoch| if epoch == 0 { 1.0 } else { -1.0 }).on(&mut optimizer).unwrap();
    refused(scheduler.step(&mut optimizer), Argument, "lr must be");
    // States.
    refused(scheduler.load_state_dict(&State::None), Argument, "expected a map");
    refused(scheduler.load_state_dict(&State::map([("last_epoch", State::Int(-1))])), Argument, "at least 0");
    let two = State::List(vec![State::Float(1.0); 2]);
    let state = State::map([("last_epoch", State::Int(1)), ("base_lrs", two)]);
    refused(scheduler.load_state_dict(&state), Argument, "2 rates for 1 groups");
    assert_eq!(scheduler.last_epoch(), 0);
    let mut plateau = ReduceLROnPlateau::new().factor(1.0);
    refused(plateau.step(1.0, &mut optimizer), Argument, "factor");
    let mut plateau = ReduceLROnPlateau::new().groups(&[3]);
    refused(plateau.step(1.0, &mut optimizer), ErrorKind::Index, "there is no group 3");
    refused(plateau.load_state_dict(&State::None), Argument, "expected a map");
}

#[test]
fn clips_and_averages_without_a_meaning() {
    use ErrorKind::Argument;
    refused(clip_grad_norm_([w()], -1.0).map(drop), Argument, "max_norm");
    refused(clip_grad_norm_([w()], f64::NAN).map(drop), Argument, "max_norm");
    refused(clip_grad_value_([w()], -1.0), Argument, "clip_value");
    refused(get_total_norm([w()], f64::NAN).map(drop), Argument, "norm_type");
    refused(Ema::new([w()], 1.5).update(), Argument, "decay");
    let mut average = Ema::new([w()], 0.5);
    average.update().unwrap();
    let saved = average.state_dict();
    refused(Ema::new([w(), w()], 0.5).load_state_dict(&saved), Argument, "1 averages, not 2");
    refused(Ema::new([Tensor::new([1.0])], 0.5).load_state_dict(&saved), ErrorKind::Shape, "shape");
    refused(average.load_state_dict(&State::None), Argument, "expected a map");
}
