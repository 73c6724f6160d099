//! How optimizers behave in a training: accumulation, groups, gradients that are missing, dtypes, memory that is shared.

use cresset_autograd::{Apply, Tensor, no_grad};
use cresset_ops::{Array, DType, prelude::*};
use cresset_optim::*;
use cresset_tensor::{State, bf16, f16};

use crate::make::{ALL, bits, full, near, numbers};

#[test]
fn gradients_of_parts_add_up_to_that_of_the_whole() {
    let data = Tensor::from_vec((0..24).map(|i| (i as f64).sin()).collect(), [8, 3]).unwrap();
    let weights = |parts: usize| {
        let w = Tensor::new([[0.5], [-0.5], [1.0]]).requires_grad();
        let mut optimizer = AdamW::new([&w], 0.1);
        for _ in 0..3 {
            optimizer.zero_grad();
            for part in data.chunk(parts as i64, 0).unwrap() {
                let loss = part.matmul(&w).unwrap().square().unwrap().mean().unwrap();
                loss.div(parts as f64).unwrap().backward().unwrap();
            }
            optimizer.step().unwrap();
        }
        numbers(&[w])
    };
    near(&weights(4), &weights(1), 1e-12, "accumulated");
}

#[test]
fn groups_have_options_of_their_own_that_may_change() {
    let [a, b] = [1.0, 1.0].map(|x| Tensor::new([x]).requires_grad());
    let mut optimizer = Sgd::new([&a], 0.5).group([&b], |options| options.lr = 0.25);
    for p in [&a, &b] {
        p.set_grad(Some(Tensor::new([1.0]))).unwrap();
    }
    optimizer.step().unwrap();
    assert_eq!(numbers(&[a.clone(), b.clone()]), [0.5, 0.75]);
    optimizer.groups_mut()[1].options.momentum = 0.5;
    optimizer.set_lr(0, 0.0).unwrap();
    optimizer.step().unwrap();
    optimizer.step().unwrap();
    assert_eq!(numbers(&[a.clone(), b.clone()]), [0.5, 0.75 - 0.25 - 0.25 * 1.5]);
    assert_eq!(optimizer.option(1, "momentum").unwrap().float().unwrap(), 0.5);
    assert_eq!(optimizer.option(0, "momentum").unwrap().float().unwrap(), 0.0);
    // A third one, later: the head of a network that is thawed.
    let c = Tensor::new([1.0]).requires_grad();
    optimizer.add_group([&c], |options| options.maximize = true).unwrap();
    c.set_grad(Some(Tensor::new([1.0]))).unwrap();
    optimizer.step().unwrap();
    assert_eq!(c.item::<f64>().unwrap(), 1.5);
    assert_eq!(optimizer.parameters().len(), 3);
    assert_eq!(optimizer.lrs(), [0.0, 0.25, 0.5]);
}

#[test]
fn a_schedule_of_one_group_leaves_the_others() {
    let [a, b] = [1.0, 1.0].map(|x| Tensor::new([x]).requires_grad());
    let mut optimizer = Adam::new([&a], 1.0).group([&b], |options| options.lr = 0.5);
    let mut first = ExponentialLR::new(0.5).on_groups(&mut optimizer, &[1]).unwrap();
    let mut second = StepLR::new(2).gamma(0.1).on_groups(&mut optimizer, &[0]).unwrap();
    for _ in 0..2 {
        first.step(&mut optimizer).unwrap();
        second.step(&mut optimizer).unwrap();
    }
    assert_eq!(optimizer.lrs(), [0.1, 0.125]);
    assert_eq!(first.get_last_lr(), [0.125]);
    // Two on the same group multiply.
    let mut third = ConstantLR::new(0.5, 1).on_groups(&mut optimizer, &[1]).unwrap();
    assert_eq!(optimizer.lrs(), [0.1, 0.0625]);
    third.step(&mut optimizer).unwrap();
    assert_eq!(optimizer.lrs(), [0.1, 0.125]);
}

#[test]
fn what_has_no_gradient_stays() {
    for name in ALL {
        let shape = [2, 2];
        let parameters: Vec<Tensor> =
            (0..2).map(|_| Tensor::ones(shape).requires_grad()).chain([Tensor::ones(shape)]).collect();
        let mut optimizer = full(name, &parameters);
        let closure = &mut || {
            parameters[0].zero_grad();
            let loss = parameters[0].square()?.sum()?;
            loss.backward()?;
            Ok(loss)
        };
        optimizer.step_with(closure).unwrap();
        assert!(numbers(&parameters[..1]) != [1.0; 4], "{name}");
        assert_eq!(numbers(&parameters[1..]), [1.0; 8], "{name}");
        optimizer.zero_grad();
        assert!(parameters[0].maybe_grad().is_none());
    }
}

#[test]
fn narrow_dtypes_step_and_keep_their_dtype() {
    for name in ALL {
        for dtype in [DType::F16, DType::BF16, DType::F64] {
            let step = |dtype: DType| {
                let w = Array::new([[1.0, -2.0], [0.5, 3.0]]).to_dtype(dtype).unwrap();
                let w = Tensor::constant(w).requires_grad();
                let mut optimizer = full(name, std::slice::from_ref(&w));
                for _ in 0..3 {
                    let closure = &mut || {
                        w.zero_grad();
                        let loss = w.square()?.sum()?;
                        loss.backward()?;
                        Ok(loss)
                    };
                    optimizer.step_with(closure).unwrap();
                }
                assert_eq!(w.dtype(), dtype);
                numbers(&[w])
            };
            let tolerance = if dtype == DType::F64 { 1e-5 } else { 0.03 };
            near(&step(dtype), &step(DType::F32), tolerance, &format!("{name} in {dtype}"));
        }
    }
    // Rounded once, from float32.
    let w = Tensor::new([bf16::from_f32(1.0)]).requires_grad();
    w.set_grad(Some(Tensor::new([bf16::from_f32(1.0)]))).unwrap();
    Sgd::new([&w], 0.3).step().unwrap();
    assert_eq!(w.to_vec::<bf16>().unwrap(), [bf16::from_f32(0.7)]);
    let w = Tensor::new([f16::from_f32(1.0)]).requires_grad();
    w.set_grad(Some(Tensor::new([f16::from_f32(1.0)]))).unwrap();
    Sgd::new([&w], 0.3).step().unwrap();
    assert_eq!(w.to_vec::<f16>().unwrap(), [f16::from_f32(0.7)]);
}

#[test]
fn a_gradient_of_zero_divides_nothing_by_zero_in_half_precision() {
    for name in ALL {
        let w = Tensor::constant(Array::new([[1.0, 2.0]]).to_dtype(DType::F16).unwrap()).requires_grad();
        let mut optimizer = full(name, std::slice::from_ref(&w));
        for _ in 0..3 {
            let closure = &mut || {
                w.set_grad(Some(w.detach().zeros_like()?))?;
                w.detach().sum()
            };
            optimizer.step_with(closure).unwrap();
        }
        assert!(numbers(&[w]).iter().all(|x| x.is_finite()), "{name}");
    }
}

#[test]
fn any_layout_and_shape_steps_alike() {
    for name in ALL {
        let values: Vec<f32> = (0..12).map(|i| (i as f32 * 1.7).sin()).collect();
        let gradient: Vec<f32> = (0..12).map(|i| (i as f32 * 0.7).cos()).collect();
        let base = Array::from_vec(values, [3, 4]).unwrap();
        let gradients = Array::from_vec(gradient, [3, 4]).unwrap();
        let run = |w: &Tensor, gradient: &Array| {
            let mut optimizer = full(name, std::slice::from_ref(w));
            for _ in 0..3 {
                let closure = &mut || {
                    w.set_grad(Some(Tensor::constant(gradient.clone())))?;
                    w.mul(&Tensor::constant(gradient.clone()))?.sum()
                };
                optimizer.step_with(closure).unwrap();
            }
            numbers(std::slice::from_ref(w))
        };
        let plain = Tensor::constant(base.t().unwrap().mul(1.0).unwrap()).requires_grad();
        let expected = run(&plain, &gradients.t().unwrap().mul(1.0).unwrap());
        // A transposed view of memory, and a gradient laid out likewise.
        let strided = Tensor::constant(base.t().unwrap()).requires_grad();
        near(&run(&strided, &gradients.t().unwrap()), &expected, 1e-6, name);
    }
    for name in ALL.into_iter().filter(|name| *name != "Muon") {
        for shape in [&[][..], &[0], &[1], &[2, 0, 3]] {
            let w = Tensor::ones(shape).requires_grad();
            let mut optimizer = full(name, std::slice::from_ref(&w));
            let closure = &mut || {
                w.zero_grad();
                let loss = w.square()?.sum()?;
                loss.backward()?;
                Ok(loss)
            };
            optimizer.step_with(closure).unwrap();
            optimizer.step_with(closure).unwrap();
            let saved = optimizer.state_dict();
            optimizer.load_state_dict(&saved).unwrap();
            assert!(numbers(&[w]).iter().all(|x| x.is_finite() && *x < 1.0), "{name} {shape:?}");
        }
    }
}

#[test]
fn a_gradient_that_is_one_number_seen_as_many_is_read() {
    let w = Tensor::new([1.0, 2.0]).requires_grad();
    let one = Array::new([0.5]).expand([2]).unwrap();
    w.set_grad(Some(Tensor::constant(one))).unwrap();
    Sgd::new([&w], 1.0).step().unwrap();
    assert_eq!(numbers(&[w]), [0.5, 1.5]);
}

#[test]
fn backward_refuses_what_a_step_overwrote() {
    let w = Tensor::new([1.0]).requires_grad();
    let (first, second) = (w.square().unwrap().sum().unwrap(), w.square().unwrap().sum().unwrap());
    first.backward().unwrap();
    Sgd::new([&w], 0.1).step().unwrap();
    assert!(second.backward().unwrap_err().to_string().contains("overwritten"));
}

#[test]
fn steps_are_never_recorded() {
    let w = Tensor::new([1.0]).requires_grad();
    let mut optimizer = Adam::new([&w], 0.1);
    w.square().unwrap().sum().unwrap().backward_with(None, false, true).unwrap();
    optimizer.step().unwrap();
    assert!(w.is_leaf() && w.needs_grad());
    // Under no_grad the closure records all the same.
    no_grad(|| {
        let closure = &mut || {
            w.zero_grad();
            let loss = w.square()?.sum()?;
            loss.backward()?;
            Ok(loss)
        };
        optimizer.step_with(closure).unwrap();
    });
}

#[test]
fn options_are_pytorch_s_by_name() {
    let w = Tensor::new([[1.0]]).requires_grad();
    let mut muon = Muon::new([&w], 0.1);
    muon.set_option(0, "adjust_lr_fn", State::from("match_rms_adamw")).unwrap();
    muon.set_option(
        0,
        "ns_coefficients",
        State::List(vec![State::Int(3), State::Float(-4.7), State::Int(2)]),
    )
    .unwrap();
    assert_eq!(muon.groups()[0].options.adjust_lr_fn, Some(AdjustLr::MatchRmsAdamw));
    assert_eq!(muon.groups()[0].options.ns_coefficients, (3.0, -4.7, 2.0));
    let text = format!("{:?}", Adam::new([&w], 0.1).betas(0.5, 0.25));
    assert!(text.starts_with("Adam (\nParameter Group 0\n    lr: 0.1\n    betas: (0.5, 0.25)\n"), "{text}");
}

#[test]
fn clipping_leaves_what_is_short_enough() {
    let w = Tensor::new([3.0f32, 4.0]).requires_grad();
    w.set_grad(Some(Tensor::new([3.0f32, 4.0]))).unwrap();
    let before = bits(&[w.grad().unwrap()]);
    assert_eq!(clip_grad_norm_([&w], 100.0).unwrap(), 5.0);
    assert_eq!(bits(&[w.grad().unwrap()]), before);
    // Nothing to clip.
    assert_eq!(clip_grad_norm_([Tensor::new([1.0]).requires_grad()], 1.0).unwrap(), 0.0);
    assert_eq!(clip_grad_norm_(Vec::<Tensor>::new(), 1.0).unwrap(), 0.0);
    // A norm that is no number spreads, or is refused.
    w.set_grad(Some(Tensor::new([f32::NAN, 1.0]))).unwrap();
    let strict = ClipOptions { error_if_nonfinite: true, ..ClipOptions::default() };
    assert!(clip_grad_norm_with([&w], 1.0, strict).is_err());
    assert!(clip_grad_norm_([&w], 1.0).unwrap().is_nan());
    assert!(numbers(&[w.grad().unwrap()]).iter().all(|x| x.is_nan()));
    // Memory of all gradients that are the same number.
    let v = Tensor::new([1.0, 2.0]).requires_grad();
    v.mul(3.0).unwrap().sum().unwrap().backward().unwrap();
    clip_grad_value_([&v], 2.0).unwrap();
    assert_eq!(numbers(&[v.grad().unwrap()]), [2.0, 2.0]);
}

#[test]
fn averages_swap_back_even_after_a_panic() {
    let w = Tensor::new([1.0]).requires_grad();
    let mut average = Ema::new([&w], 0.5);
    average.update().unwrap();
    w.array().fill_(3.0).unwrap();
    average.update().unwrap();
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        average.apply::<()>(|| panic!("in an evaluation")).unwrap();
    }));
    assert!(broken.is_err());
    assert_eq!(w.item::<f64>().unwrap(), 3.0);
    assert_eq!(numbers(&average.averages()), [2.0]);
    average.swap().unwrap();
    assert_eq!(w.item::<f64>().unwrap(), 2.0);
    // Integers are taken over.
    let count = Tensor::new([1i64]);
    let mut average = Ema::swa([&count]);
    average.update().unwrap();
    count.array().fill_(4).unwrap();
    average.update().unwrap();
    assert_eq!(average.averages()[0].to_vec::<i64>().unwrap(), [4]);
}
