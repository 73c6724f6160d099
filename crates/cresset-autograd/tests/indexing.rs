//! Gradients of what is written at indices in place, through views and lists. The numbers are PyTorch's.

use cresset_autograd::prelude::*;

fn leaf(shape: &[usize]) -> Tensor {
    let n: usize = shape.iter().product();
    Tensor::from_vec((1..=n).map(|i| i as f64).collect(), shape).unwrap().requires_grad()
}

/// The gradients of `Σ w·y` for `y = 2x` in which something was written that came from `v`.
fn gradients(v: &[usize], write: impl Fn(&Tensor, &Tensor, &Tensor) -> Result<()>) -> (Vec<f64>, Vec<f64>) {
    let (x, v) = (leaf(&[3, 4]), leaf(v));
    let w = Tensor::from_vec((0..12).map(f64::from).collect(), [3, 4]).unwrap();
    let y = x.mul(2.0).unwrap();
    write(&y, &v, &w).unwrap();
    y.mul(&w).unwrap().sum().unwrap().backward().unwrap();
    let numbers = |x: &Tensor| x.grad().map(|gradient| gradient.to_vec().unwrap()).unwrap_or_default();
    (numbers(&x), numbers(&v))
}

/// Twice the weights, but 0 where something else was written.
fn twice_but(written: &[usize]) -> Vec<f64> {
    (0..12).map(|i| if written.contains(&i) { 0.0 } else { 2.0 * i as f64 }).collect()
}

#[test]
fn slices_and_lists() {
    let (dx, dv) = gradients(&[3], |y, v, _| y.set((.., 1), v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[1, 5, 9]), vec![1.0, 5.0, 9.0]));
    let (dx, dv) = gradients(&[2], |y, v, _| y.set(([0, 2], [1, 3]), v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[1, 11]), vec![1.0, 11.0]));
    // Through a view whose dimensions cannot become one.
    let (dx, dv) = gradients(&[2], |y, v, _| y.i((.., ..2))?.set(([0, 2], [1, 0]), v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[1, 8]), vec![1.0, 8.0]));
    let (dx, dv) = gradients(&[4], |y, v, _| y.i(1..)?.copy_(v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[4, 5, 6, 7, 8, 9, 10, 11]), vec![12.0, 14.0, 16.0, 18.0]));
}

#[test]
fn masks() {
    let even = [0, 2, 4, 6, 8, 10];
    let (dx, dv) = gradients(&[6], |y, _, w| y.set(&w.remainder(2)?.eq(0)?, 0.0).map(drop));
    assert_eq!((dx, dv), (twice_but(&even), vec![]));
    let (dx, dv) = gradients(&[6], |y, v, w| y.set(&w.remainder(2)?.eq(0)?, v).map(drop));
    assert_eq!((dx, dv), (twice_but(&even), vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]));
    let (dx, dv) = gradients(&[], |y, v, w| y.masked_fill_(&w.gt(8)?, v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[9, 10, 11]), vec![30.0]));
}

#[test]
fn added_and_scattered() {
    let index = Tensor::new([1i64, 1]);
    let (dx, dv) = gradients(&[2, 4], |y, v, _| y.index_add_(0, &index, v, 3).map(drop));
    assert_eq!((dx, dv), (twice_but(&[]), vec![12.0, 15.0, 18.0, 21.0, 12.0, 15.0, 18.0, 21.0]));
    let (dx, dv) = gradients(&[1], |y, v, _| y.index_put_(([0, 0], [1, 1]), v, true).map(drop));
    assert_eq!((dx, dv), (twice_but(&[]), vec![2.0]));
    let index = Tensor::new([[0i64, 1, 3]]);
    let (dx, dv) = gradients(&[1, 3], |y, v, _| y.t()?.scatter_(0, &index, v).map(drop));
    assert_eq!((dx, dv), (twice_but(&[0, 5, 11]), vec![0.0, 5.0, 11.0]));
}

#[test]
fn a_leaf_is_refused() {
    let x = leaf(&[3]);
    assert!(x.set(0, 1.0).is_err());
    assert!(x.i(1..).unwrap().set(0, 1.0).is_err());
    assert!(no_grad(|| x.set(0, 5.0).map(drop)).is_ok());
    assert_eq!(x.to_vec::<f64>().unwrap(), [5.0, 2.0, 3.0]);
}
