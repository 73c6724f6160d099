//! The graph: accumulation, views, in-place writing, modes, long chains, threads.

use cresset_autograd::prelude::*;

fn vector(x: &Tensor) -> Vec<f64> {
    x.array().to_f64s().unwrap()
}

#[test]
fn gradients_accumulate_and_unbroadcast() {
    let x = Tensor::new([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).requires_grad();
    let b = Tensor::new([10.0, 20.0, 30.0]).requires_grad();
    for _ in 0..2 {
        (&x * &b).sum().unwrap().backward().unwrap();
    }
    assert_eq!(vector(&x.grad().unwrap()), [20.0, 40.0, 60.0, 20.0, 40.0, 60.0]);
    assert_eq!(vector(&b.grad().unwrap()), [10.0, 14.0, 18.0]);
    x.zero_grad();
    assert!(x.grad().is_err());
}

#[test]
fn a_million_operations_walk_and_drop() {
    let x = Tensor::new([1.0f32, 2.0]).requires_grad();
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = &y + 0.001;
    }
    y.sum().unwrap().backward().unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [1.0, 1.0]);
    let mut z = x.clone();
    for _ in 0..1_000_000 {
        z = z.square().unwrap();
    }
    drop(z);
}

#[test]
fn writing_in_place() {
    let x = Tensor::new([1.0, 2.0, 3.0]).requires_grad();
    assert!(x.add_(1.0).is_err(), "a leaf");
    no_grad(|| x.add_(1.0).map(drop)).unwrap();
    assert_eq!(vector(&x.detach()), [2.0, 3.0, 4.0]);

    // y = x·2, then y ← y², in place: dy/dx = 8x.
    let y = &x * 2.0;
    y.square_().unwrap();
    y.sum().unwrap().backward().unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [16.0, 24.0, 32.0]);

    // A value that is needed is overwritten: refused.
    x.zero_grad();
    let y = x.exp().unwrap();
    let z = y.exp().unwrap();
    y.add_(1.0).unwrap();
    let error = z.sum().unwrap().backward().unwrap_err();
    assert!(error.message().contains("overwritten"), "{error}");
}

#[test]
fn writing_through_a_view_reaches_the_base_and_its_other_views() {
    let w = Tensor::new([5.0, 7.0]).requires_grad();
    let base = Tensor::new([[1.0, 2.0], [3.0, 4.0]]);
    let row = base.view_as_data(cresset_ops::view::View::Select { dim: 0, index: 1 }).unwrap();
    let column = base.view_as_data(cresset_ops::view::View::Select { dim: 1, index: 0 }).unwrap();
    row.mul_(&w).unwrap();
    assert_eq!(vector(&base.detach()), [1.0, 2.0, 15.0, 28.0]);
    assert!(base.needs_grad() && column.needs_grad());
    // Only element (1, 0) of the column depends on w[0].
    (&column * 10.0).sum().unwrap().backward_with(None, true, false).unwrap();
    assert_eq!(vector(&w.grad().unwrap()), [30.0, 0.0]);
    w.zero_grad();
    base.sum().unwrap().backward().unwrap();
    assert_eq!(vector(&w.grad().unwrap()), [3.0, 4.0]);
}

#[test]
fn modes_hooks_and_retained_gradients() {
    let x = Tensor::new([2.0]).requires_grad();
    assert!(!no_grad(|| x.exp()).unwrap().needs_grad());
    assert!(no_grad(|| enable_grad(|| x.exp())).unwrap().needs_grad());
    let y = &x * 3.0;
    y.retain_grad();
    y.register_hook(|dy| Ok(Some(dy * 2.0))).unwrap();
    let z = y.square().unwrap().sum().unwrap();
    z.backward_with(None, true, false).unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [72.0]);
    assert!(z.backward_with(None, false, false).is_ok());
    assert!(z.backward().is_err(), "the graph was freed");
    assert!(Tensor::new([1i64]).set_requires_grad(true).is_err());
    assert!(Tensor::new([1.0]).backward().is_err());
    assert!((&x * &Tensor::new([1.0, 2.0])).backward().is_err());
}

#[test]
fn derivatives_of_derivatives() {
    let x = Tensor::new([0.5, -1.5]).requires_grad();
    let y = x.pow(4).unwrap().sum().unwrap();
    let first = cresset_autograd::Grad::new().create_graph().of(&[&y], &[&x]).unwrap();
    let second = cresset_autograd::Grad::new().create_graph().of(&[&first[0].sum().unwrap()], &[&x]).unwrap();
    let third = grad(&[&second[0].sum().unwrap()], &[&x]).unwrap();
    assert_eq!(vector(&third[0]), [12.0, -36.0]);
}

#[test]
fn two_threads_over_shared_parameters() {
    let w = Tensor::new(vec![1.0f64; 1000]).requires_grad();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..200 {
                    (&w * 2.0).sum().unwrap().backward().unwrap();
                    no_grad(|| w.mul_(1.0).map(drop)).unwrap();
                }
            });
        }
    });
    assert_eq!(vector(&w.grad().unwrap())[0], 800.0);
}

#[test]
fn anomalies_are_named() {
    let error = detect_anomaly(|| Tensor::new([-1.0]).log()).unwrap_err();
    assert_eq!(error.kind(), cresset_autograd::ErrorKind::Anomaly);
    assert!(error.location().file().ends_with("graph.rs"), "{error}");
    let x = Tensor::new([0.0]).requires_grad();
    let error = detect_anomaly(|| x.sqrt()?.sum()?.backward()).unwrap_err();
    assert!(error.to_string().contains("backward of sqrt"), "{error}");
}

#[test]
fn products_with_zeros() {
    let x = Tensor::new([[2.0, 0.0, 3.0], [1.0, 4.0, 5.0]]).requires_grad();
    x.prod().unwrap().backward().unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [0.0, 120.0, 0.0, 0.0, 0.0, 0.0]);
    x.zero_grad();
    x.cumprod(1).unwrap().sum().unwrap().backward().unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [1.0, 8.0, 0.0, 25.0, 6.0, 4.0]);
}

#[test]
fn powers_by_numbers_have_slopes_of_full_precision() {
    let x = Tensor::new([0.3f64, 2.7]).requires_grad();
    // Not as numbers of the formula, but of the call, which no rule can see.
    x.pow(1.0 / 3.0).unwrap().sum().unwrap().backward().unwrap();
    for (got, x) in x.grad().unwrap().to_vec::<f64>().unwrap().iter().zip([0.3f64, 2.7]) {
        let expected = x.powf(1.0 / 3.0 - 1.0) / 3.0;
        assert!((got - expected).abs() < 1e-15, "{got} instead of {expected}");
    }
    let x = Tensor::new([0.3f64, 2.7]).requires_grad();
    Tensor::formula(&[&x], &[0.3.into()], |x, n| n[0].pow(x[0])).unwrap().sum().unwrap().backward().unwrap();
    for (got, x) in x.grad().unwrap().to_vec::<f64>().unwrap().iter().zip([0.3f64, 2.7]) {
        let expected = 0.3f64.powf(x) * 0.3f64.ln();
        assert!((got - expected).abs() < 1e-15, "{got} instead of {expected}");
    }
}

#[test]
fn operations_of_many_inputs() {
    // Five factors: each gradient is the product of the four others, all of which are saved.
    let xs: Vec<Tensor> = (2..7).map(|x| Tensor::new([f64::from(x)]).requires_grad()).collect();
    let inputs: Vec<&Tensor> = xs.iter().collect();
    Tensor::formula(&inputs, &[], |x, _| x[0] * x[1] * x[2] * x[3] * x[4])
        .unwrap()
        .sum()
        .unwrap()
        .backward()
        .unwrap();
    for (i, x) in xs.iter().enumerate() {
        let others: f64 = (2..7).filter(|&other| other != i + 2).map(|other| other as f64).product();
        assert_eq!(vector(&x.grad().unwrap()), [others]);
    }
    // More inputs than there are bits in a word, of which a few want a gradient.
    let xs: Vec<Tensor> = (0..100)
        .map(|i| {
            let x = Tensor::new([f64::from(i), 1.0]);
            if i % 33 == 0 { x.requires_grad() } else { x }
        })
        .collect();
    let all = Tensor::cat(&xs, 0).unwrap();
    (&all * &all).sum().unwrap().backward().unwrap();
    for (i, x) in xs.iter().enumerate() {
        match x.grad() {
            Ok(gradient) => assert_eq!(vector(&gradient), [2.0 * i as f64, 2.0]),
            Err(_) => assert_ne!(i % 33, 0),
        }
    }
}

#[test]
fn memory_of_dropped_nodes_is_used_again_without_what_was_in_it() {
    // A node with several outputs, a hook and saved values, then plain ones in its place.
    let x = Tensor::new([3.0, 1.0, 2.0]).requires_grad();
    for _ in 0..3 {
        let (sorted, _) = x.sort(-1, false).unwrap();
        sorted.register_hook(|dy| Ok(Some(dy.mul(10.0)?))).unwrap();
        sorted.retain_grad();
        (&sorted * &sorted).sum().unwrap().backward().unwrap();
        assert_eq!(vector(&x.grad().unwrap()), [60.0, 20.0, 40.0]);
        drop(sorted);
        x.zero_grad();
        let y = x.mul(2.0).unwrap();
        let z = y.exp().unwrap();
        assert!(y.maybe_grad().is_none() && z.maybe_grad().is_none());
        y.sum().unwrap().backward().unwrap();
        assert_eq!(vector(&x.grad().unwrap()), [2.0, 2.0, 2.0]);
        x.zero_grad();
        // The same graph twice is refused also where its memory was another's.
        let y = x.square().unwrap().sum().unwrap();
        y.backward().unwrap();
        assert!(y.backward().is_err());
        x.zero_grad();
    }
}

#[test]
fn factors_that_lie_transposed_have_the_gradients_of_others() {
    // Two of three rows, as both factors see them: y[i][j] = Σₖ a[k][i]·w[j][k], weighted by g[i][j].
    let (rows, inner, columns) = (2, 3, 4);
    let number = |i: usize| ((i * 7 + 3) % 11) as f64 - 5.0;
    let numbers = |n: usize, from: usize| (0..n).map(|i| number(i + from)).collect::<Vec<f64>>();
    let (a, w, g) = (numbers(inner * rows, 0), numbers(columns * inner, 10), numbers(rows * columns, 30));
    let tensor = |x: &[f64], shape: [usize; 2]| Tensor::from_vec(x.to_vec(), shape).unwrap();
    let (x, weight) =
        (tensor(&a, [inner, rows]).requires_grad(), tensor(&w, [columns, inner]).requires_grad());
    let y = x.t().unwrap().matmul(&weight.t().unwrap()).unwrap();
    y.mul(&tensor(&g, [rows, columns])).unwrap().sum().unwrap().backward().unwrap();
    let of_x = (0..inner * rows)
        .map(|at| (0..columns).map(|j| g[at % rows * columns + j] * w[j * inner + at / rows]).sum());
    let of_weight = (0..columns * inner)
        .map(|at| (0..rows).map(|i| g[i * columns + at / inner] * a[at % inner * rows + i]).sum());
    assert_eq!(vector(&x.grad().unwrap()), of_x.collect::<Vec<f64>>());
    assert_eq!(vector(&weight.grad().unwrap()), of_weight.collect::<Vec<f64>>());
}

#[test]
fn a_gradient_that_is_handed_on_uses_the_graph_up() {
    let x = Tensor::new([1.0, 2.0]).requires_grad();
    let y = (&x + 1.0).sub(0.5).unwrap().sum().unwrap();
    y.backward_with(None, true, false).unwrap();
    y.backward().unwrap();
    assert_eq!(vector(&x.grad().unwrap()), [2.0, 2.0]);
    let error = y.backward().unwrap_err().to_string();
    assert!(error.contains("already used and freed"), "{error}");
    // Of something larger, what was broadcast is still summed; in between it can be watched.
    let bias = Tensor::new([1.0]).requires_grad();
    let between = &bias + 2.0;
    between.retain_grad();
    (&between * &Tensor::new([[3.0, 4.0]])).sum().unwrap().backward().unwrap();
    assert_eq!(vector(&bias.grad().unwrap()), [7.0]);
    assert_eq!(vector(&between.grad().unwrap()), [7.0]);
}

#[test]
fn a_leaf_may_stop_and_begin_again_to_collect() {
    let x = Tensor::new([2.0]).requires_grad();
    let other = x.clone();
    x.set_requires_grad(false).unwrap();
    assert!(!other.needs_grad() && !(&other * 2.0).needs_grad());
    other.set_requires_grad(true).unwrap();
    x.square().unwrap().backward().unwrap();
    assert_eq!(vector(&other.grad().unwrap()), [4.0]);
}
