//! Gradients of reductions where the formula alone would give NaN, or where elements tie: PyTorch's numbers.

use cresset_autograd::prelude::*;

const NAN: f64 = f64::NAN;

#[track_caller]
fn check(numbers: &[f64], f: impl Fn(&Tensor) -> Result<Tensor>, wanted: &[f64]) {
    let x = Tensor::new(numbers.to_vec()).requires_grad();
    f(&x).unwrap().sum().unwrap().backward().unwrap();
    let got = x.grad().unwrap().array().to_f64s().unwrap();
    for (a, b) in got.iter().zip(wanted) {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-4;
        assert!(same, "{numbers:?}: {got:?}, not {wanted:?}");
    }
}

#[test]
fn norms_have_a_subgradient_everywhere() {
    for p in [1.0, 2.0, 3.0, 0.5, -1.0, f64::INFINITY, -f64::INFINITY, -2.0] {
        check(&[0.0; 3], |x| x.norm_dim(p, .., false), &[0.0; 3]);
    }
    check(&[0.0, 2.0, -2.0], |x| x.norm_dim(3.0, .., false), &[0.0, 0.63, -0.63]);
    check(&[0.0, 2.0, -2.0], |x| x.norm_dim(0.5, .., false), &[0.0, 2.0, -2.0]);
    check(&[0.0, 2.0, -2.0], |x| x.norm_dim(-1.0, .., false), &[0.0; 3]);
    check(&[0.0, 2.0, -2.0], |x| x.norm_dim(f64::INFINITY, .., false), &[0.0, 0.5, -0.5]);
}

#[test]
fn deviations_of_equal_numbers_and_sums_past_nan() {
    check(&[1.0, 1.0], |x| x.std(), &[0.0, 0.0]);
    check(&[1.0], |x| x.var(), &[NAN]);
    check(&[1.0, NAN, 2.0], |x| x.nansum(), &[1.0, 0.0, 1.0]);
    check(&[1.0, NAN, 2.0], |x| x.nanmean(), &[0.5, 0.0, 0.5]);
}

#[test]
fn ties_share_or_the_first_takes_all() {
    check(&[3.0, 3.0, 2.0], |x| x.max(), &[0.5, 0.5, 0.0]);
    check(&[3.0, 3.0, 2.0], |x| Ok(x.max_dim(0, false)?.0), &[1.0, 0.0, 0.0]);
    check(&[3.0, 3.0, 2.0], |x| x.median(), &[0.5, 0.5, 0.0]);
    check(&[3.0, 3.0, 3.0], |x| x.median(), &[1.0 / 3.0; 3]);
    check(&[1.0, NAN, 2.0], |x| x.nanmedian(), &[1.0, 0.0, 0.0]);
    check(&[3.0, NAN, 2.0], |x| x.nanquantile(0.5, None, false), &[0.5, 0.0, 0.5]);
}

#[test]
fn products_with_zeros() {
    check(&[2.0, 0.0, 3.0], |x| x.prod(), &[0.0, 6.0, 0.0]);
    check(&[2.0, 0.0, 0.0], |x| x.prod(), &[0.0; 3]);
}
