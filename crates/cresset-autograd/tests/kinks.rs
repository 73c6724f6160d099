//! Gradients where a function has a kink, a jump or a pole: PyTorch's numbers there, which nothing else would tell. Those here
//! were printed by PyTorch 2.15.

use cresset_autograd::prelude::*;

const NAN: f64 = f64::NAN;

/// The gradients of the sum of `f(a, b)`.
fn pair(f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>, a: &[f64], b: &[f64]) -> Result<[Vec<f64>; 2]> {
    let [a, b] = [a, b].map(|x| Tensor::from_slice(x, [x.len()]).map(Tensor::requires_grad));
    let (a, b) = (a?, b?);
    f(&a, &b)?.sum()?.backward()?;
    let gradient = |x: &Tensor| match x.grad() {
        Ok(gradient) => gradient.to_vec::<f64>(),
        Err(_) => Ok(vec![0.0; x.numel()]),
    };
    Ok([gradient(&a)?, gradient(&b)?])
}

fn single(f: impl Fn(&Tensor) -> Result<Tensor>, a: &[f64]) -> Result<Vec<f64>> {
    Ok(pair(|a, _| f(a), a, a)?[0].clone())
}

#[track_caller]
fn same(found: &[f64], wanted: &[f64]) {
    let equal = |a: &f64, b: &f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9;
    assert!(found.iter().zip(wanted).all(|(a, b)| equal(a, b)), "{found:?}, not {wanted:?}");
}

#[test]
fn of_two_that_are_equal_or_nan() -> Result<()> {
    let (a, b) = ([1.0, 2.0, 3.0, NAN, 1.0], [1.0, 3.0, 2.0, 1.0, NAN]);
    type Method = fn(&Tensor, &Tensor) -> Result<Tensor>;
    let cases: [(Method, [f64; 5], [f64; 5]); 8] = [
        (|a, b| a.maximum(b), [0.5, 0.0, 1.0, 1.0, 1.0], [0.5, 1.0, 0.0, 1.0, 1.0]),
        (|a, b| a.minimum(b), [0.5, 1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 1.0, 1.0]),
        (|a, b| a.fmax(b), [0.5, 0.0, 1.0, 0.0, 1.0], [0.5, 1.0, 0.0, 1.0, 0.0]),
        (|a, b| a.fmin(b), [0.5, 1.0, 0.0, 0.0, 1.0], [0.5, 0.0, 1.0, 1.0, 0.0]),
        (|a, b| a.clamp_max(b), [0.5, 1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 1.0, 1.0, 1.0]),
        (|a, b| a.clamp_min(b), [0.5, 0.0, 1.0, 1.0, 1.0], [0.5, 1.0, 0.0, 1.0, 1.0]),
        (|a, b| a.clamp(b, b), [1.0, 0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0, 0.0]),
        (|a, b| a.nextafter(b), [0.0, 1.0, 1.0, 1.0, 1.0], [0.0; 5]),
    ];
    for (f, da, db) in cases {
        let [found_a, found_b] = pair(f, &a, &b)?;
        same(&found_a, &da);
        same(&found_b, &db);
    }
    Ok(())
}

#[test]
fn of_a_value_at_its_limits() -> Result<()> {
    // Value, limits, and the gradients of all three.
    let cases = [
        [1.0, 1.0, 3.0, 0.5, 0.5, 0.0],
        [3.0, 1.0, 3.0, 0.5, 0.0, 0.5],
        [2.0, 1.0, 3.0, 1.0, 0.0, 0.0],
        [0.0, 1.0, 3.0, 0.0, 1.0, 0.0],
        [4.0, 1.0, 3.0, 0.0, 0.0, 1.0],
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        [0.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        [2.0, 1.0, 1.0, 0.0, 0.0, 1.0],
        [2.0, 3.0, 1.0, 0.0, 0.0, 1.0],
        [0.0, 3.0, 1.0, 0.0, 0.0, 1.0],
        [4.0, 3.0, 1.0, 0.0, 0.0, 1.0],
        [NAN, 1.0, 3.0, 1.0, 0.0, 0.0],
        [2.0, NAN, 3.0, 1.0, 0.0, 0.0],
        [2.0, 1.0, NAN, 1.0, 0.0, 0.0],
    ];
    for [x, min, max, dx, dmin, dmax] in cases {
        let [x, min, max] = [x, min, max].map(|x| Tensor::new(x).requires_grad());
        x.clamp(&min, &max)?.backward()?;
        let found = [&x, &min, &max].map(|x| x.grad().map_or(Ok(0.0), |gradient| gradient.item::<f64>()));
        same(&found.into_iter().collect::<Result<Vec<_>>>()?, &[dx, dmin, dmax]);
    }
    let x = [1.0, 2.0, 3.0, NAN, 1.5];
    same(&single(|x| x.clamp(1, 2), &x)?, &[0.0, 0.0, 0.0, 0.0, 1.0]);
    same(&single(|x| x.clamp_min(2), &x)?, &[0.0, 0.0, 1.0, 0.0, 0.0]);
    same(&single(|x| x.clamp_max(2), &x)?, &[1.0, 0.0, 0.0, 0.0, 1.0]);
    Ok(())
}

#[test]
fn of_zeros_and_poles() -> Result<()> {
    let [da, _] = pair(|a, b| a.xlogy(b), &[0.0, 0.0, 0.0, 0.0], &[7.0, 0.0, -1.0, 1.0])?;
    same(&da, &[7f64.ln(), 0.0, 0.0, 0.0]);
    let [da, _] = pair(|a, b| a.xlog1py(b), &[0.0, 0.0, 0.0], &[7.0, 0.0, 1.0])?;
    same(&da, &[8f64.ln(), 0.0, 2f64.ln()]);
    let [da, db] = pair(|a, b| a.atan2(b), &[0.0, 0.0], &[0.0, 7.0])?;
    same(&da, &[0.0, 1.0 / 7.0]);
    same(&db, &[0.0, 0.0]);
    let infinity = f64::INFINITY;
    let x = [0.0, 1.0, 2.0, -1.0, NAN, 0.25];
    same(&single(|x| x.logit(None), &x)?, &[infinity, infinity, NAN, NAN, NAN, 16.0 / 3.0]);
    same(&single(|x| x.logit(0.1), &x)?, &[0.0, 0.0, 0.0, 0.0, NAN, 16.0 / 3.0]);
    Ok(())
}

/// Squares of these exceed what half precision holds; what is asked for does not, nor do its gradients.
#[test]
fn of_large_numbers_in_half_precision() -> Result<()> {
    type Method = fn(&Tensor, &Tensor) -> Result<Tensor>;
    let methods: [(&str, Method); 12] = [
        ("std", |x, _| x.std_dim(1, 1, false)),
        ("std_mean", |x, _| Ok(x.std_mean(1, 1, false)?.0)),
        ("norm", |x, _| x.norm_dim(2.0, 1, false)),
        ("normalize", |x, _| x.normalize(2.0, 1, 1e-12)),
        ("rms_norm", |x, w| x.rms_norm([3], Some(&w.narrow(0, 0, 1)?.reshape([3])?), None)),
        ("cosine_similarity", |x, w| x.cosine_similarity(w, 1, 1e-8)),
        ("pairwise_distance", |x, w| x.pairwise_distance(w, 2.0, 1e-6, false)),
        ("cdist", |x, w| x.cdist(w, 2.0)),
        ("addmm", |x, w| {
            Tensor::new([[1.0], [2.0]]).to_dtype(x.dtype())?.addmm(x, &w.t()?.narrow(1, 0, 1)?, 1, 1e-2)
        }),
        ("baddbmm", |x, w| {
            let (a, b) = (x.unsqueeze(0)?, w.t()?.unsqueeze(0)?);
            Tensor::new([[[1.0]]]).to_dtype(x.dtype())?.baddbmm(&a, &b, 1, 1e-2)
        }),
        ("addr", |x, w| {
            let (a, b) = (x.narrow(0, 0, 1)?.reshape([3])?, w.narrow(0, 0, 1)?.reshape([3])?);
            Tensor::new([1.0]).to_dtype(x.dtype())?.addr(&a, &b, 1, 1e-2)
        }),
        ("local_response_norm", |x, _| x.reshape([1, 2, 3])?.local_response_norm(2, 1e-4, 0.75, 1.0)),
    ];
    for dtype in [DType::F16, DType::BF16] {
        for (name, f) in methods {
            let run = |dtype: DType| -> Result<[Vec<f64>; 3]> {
                // Numbers that both dtypes hold.
                let x = Tensor::new([[44.0, 464.0, 672.0], [324.0, 784.0, 560.0]]).to_dtype(dtype)?;
                let w = Tensor::new([[20.0, 396.0, 256.0], [620.0, 98.0, 456.0]]).to_dtype(dtype)?;
                let (x, w) = (x.requires_grad(), w.requires_grad());
                let y = f(&x, &w)?;
                y.sum()?.backward()?;
                let read = |x: &Tensor| x.to_dtype(DType::F64)?.reshape([x.numel()])?.to_vec::<f64>();
                let gradient = |x: &Tensor| x.grad().as_ref().map_or(Ok(Vec::new()), read);
                Ok([read(&y)?, gradient(&x)?, gradient(&w)?])
            };
            let (found, wanted) = (run(dtype)?, run(DType::F64)?);
            for (part, (found, wanted)) in found.iter().zip(&wanted).enumerate() {
                assert_eq!(found.len(), wanted.len());
                let size = wanted.iter().fold(0f64, |size, x| size.max(x.abs()));
                for (a, b) in found.iter().zip(wanted) {
                    assert!(
                        (a - b).abs() <= 0.03 * size,
                        "{name} in {dtype}, part {part}: {found:?}, not {wanted:?}"
                    );
                }
            }
        }
    }
    Ok(())
}
