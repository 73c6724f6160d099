//! Derivatives of attention where scores are very large or very low, of what is broadcast, and of what has changed since.

use cresset_autograd::{Grad, prelude::*};
use cresset_ops::methods::AttentionOptions;
use cresset_tensor::random::manual_seed;

type Options<'a> = AttentionOptions<'a, Tensor>;

#[track_caller]
fn close(found: &Tensor, wanted: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    let (found, wanted) = (found.array().to_f64s().unwrap(), wanted.array().to_f64s().unwrap());
    let size = wanted.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    for (a, b) in found.iter().zip(&wanted) {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a} against {b}");
    }
}

/// By products and a softmax.
fn by_definition(q: &Tensor, k: &Tensor, v: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let scores = q.matmul(&k.transpose(-2, -1)?)?.mul(1.0 / (q.size(-1)? as f64).sqrt())?;
    scores.add(mask)?.softmax(-1)?.matmul(v)
}

/// Queries that may look nowhere are often given the lowest number for all keys: their weights are all the same then, going
/// forward as going back, where the logarithm of their sum is nothing beside that number.
#[test]
fn weights_of_very_low_scores_add_up_to_one_going_back() -> Result<()> {
    manual_seed(1);
    for dtype in [DType::F32, DType::F64] {
        for (queries, keys) in [(3, 8), (150, 200)] {
            for low in [-1e4, -1e9, f64::from(f32::MIN), 1e9] {
                let draw = |shape: [i64; 2]| -> Result<Tensor> {
                    Ok(Tensor::randn([shape[0] as usize, shape[1] as usize])
                        .to_dtype(dtype)?
                        .detach()
                        .requires_grad())
                };
                let [q, k, v] = [draw([queries, 4])?, draw([keys, 4])?, draw([keys, 4])?];
                let mask = Tensor::zeros([queries as usize, keys as usize]).to_dtype(dtype)?;
                mask.i(1)?.fill_(low)?;
                let y = q.scaled_dot_product_attention_with(
                    &k,
                    &v,
                    Options { attn_mask: Some(&mask), ..Default::default() },
                )?;
                let wanted = by_definition(&q, &k, &v, &mask)?;
                close(&y, &wanted, 1e-5, "output");
                let found = Grad::new().create_graph().of(&[&y.square()?.sum()?], &[&q, &k, &v])?;
                let wanted = Grad::new().create_graph().of(&[&wanted.square()?.sum()?], &[&q, &k, &v])?;
                for (found, wanted) in found.iter().zip(&wanted) {
                    close(found, wanted, 1e-5, &format!("gradient of {dtype} at {low}"));
                }
                let total = |x: &[Tensor]| -> Result<Tensor> {
                    x[0].square()?.sum()?.add(&x[1].square()?.sum()?)?.add(&x[2].square()?.sum()?)
                };
                let (found, wanted) =
                    (grad(&[&total(&found)?], &[&q, &k, &v])?, grad(&[&total(&wanted)?], &[&q, &k, &v])?);
                for (found, wanted) in found.iter().zip(&wanted) {
                    close(found, wanted, 1e-4, &format!("second derivative of {dtype} at {low}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn dropped_halves_have_finite_gradients() -> Result<()> {
    let q = Tensor::full([1, 1, 4, 64], 60.0).to_dtype(DType::F16)?.detach().requires_grad();
    let options = Options { dropout_p: 0.25, ..Default::default() };
    let y = q.scaled_dot_product_attention_with(&q, &q, options)?;
    let found = grad(&[&y.sum()?], &[&q])?;
    assert_eq!(found[0].dtype(), DType::F16);
    assert!(found[0].array().to_f64s()?.iter().all(|x| x.is_finite()));
    Ok(())
}

#[test]
fn what_is_broadcast_has_the_sum_of_gradients() -> Result<()> {
    manual_seed(2);
    for dtype in [DType::F32, DType::F64] {
        let draw = |shape: &[usize]| -> Result<Tensor> {
            Ok(Tensor::randn(shape).to_dtype(dtype)?.detach().requires_grad())
        };
        let (q, k, v) = (draw(&[3, 1, 20, 4])?, draw(&[30, 4])?, draw(&[2, 1, 1, 30, 5])?);
        let mask = draw(&[3, 1, 1, 30])?;
        let options = Options { attn_mask: Some(&mask), ..Default::default() };
        let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
        let wanted = by_definition(&q, &k, &v, &mask)?;
        close(&y, &wanted, 1e-5, "output");
        let all = [&q, &k, &v, &mask];
        let found = grad(&[&y.square()?.sum()?], &all)?;
        let wanted = grad(&[&wanted.square()?.sum()?], &all)?;
        for (found, wanted) in found.iter().zip(&wanted) {
            close(found, wanted, 1e-5, "gradient");
        }
        // Without that of the mask, by tiles.
        let fixed = mask.detach();
        let options = Options { attn_mask: Some(&fixed), ..Default::default() };
        let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
        let found = grad(&[&y.square()?.sum()?], &all[..3])?;
        for (found, wanted) in found.iter().zip(&wanted) {
            close(found, wanted, 1e-5, "gradient");
        }
    }
    Ok(())
}

#[test]
fn what_has_changed_since_is_refused() -> Result<()> {
    for changed in 0..4 {
        let inputs = [(); 3].map(|()| Tensor::randn([5, 4]).requires_grad());
        let copies = inputs.each_ref().map(|x| x.mul(1.0).unwrap());
        let [q, k, v] = &copies;
        let mask = Tensor::zeros([5, 5]);
        let options = Options { attn_mask: Some(&mask), ..Default::default() };
        let y = q.scaled_dot_product_attention_with(k, v, options)?;
        let total = y.sum()?;
        [q, k, v, &mask][changed].mul_(2.0)?;
        let error = total.backward().unwrap_err().to_string();
        assert!(error.contains("scaled_dot_product_attention"), "{error}");
        assert!(inputs.iter().all(|x| x.grad().is_err()));
    }
    Ok(())
}

#[test]
fn a_graph_that_is_kept_gives_the_same_once_more() -> Result<()> {
    let [q, k, v] = [(); 3].map(|()| Tensor::randn([5, 4]).requires_grad());
    let y = q.scaled_dot_product_attention(&k, &v)?.square()?.sum()?;
    let first = Grad::new().retain_graph().of(&[&y], &[&q, &k, &v])?;
    let second = grad(&[&y], &[&q, &k, &v])?;
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a.to_vec::<f32>()?, b.to_vec::<f32>()?);
    }
    assert!(grad(&[&y], &[&q]).is_err());
    let none = no_grad(|| q.scaled_dot_product_attention(&k, &v))?;
    assert!(!none.needs_grad());
    Ok(())
}
