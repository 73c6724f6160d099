//! Derivatives of attention, in tiles or not, against those of its definition.

use cresset_autograd::{Grad, prelude::*};
use cresset_ops::methods::AttentionOptions;
use cresset_tensor::random::manual_seed;

/// `softmax(q·kᵀ/√d + mask)·v`, where rows of -∞ alone are 0.
fn by_definition(q: &Tensor, k: &Tensor, v: &Tensor, options: AttentionOptions<Tensor>) -> Result<Tensor> {
    let (queries, keys) = (q.size(-2)?, k.size(-2)?);
    let mut scores = q.matmul(&k.transpose(-2, -1)?)?.mul(1.0 / (q.size(-1)? as f64).sqrt())?;
    if options.is_causal {
        let above = Tensor::full([queries, keys], f64::NEG_INFINITY).triu(1)?.to_dtype(q.dtype())?;
        scores = scores.add(&above)?;
    }
    scores = match options.attn_mask {
        Some(mask) if mask.dtype() == DType::Bool => {
            scores.masked_fill(&mask.logical_not()?, f64::NEG_INFINITY)?
        }
        Some(mask) => scores.add(mask)?,
        None => scores,
    };
    let shut = scores.detach().eq(f64::NEG_INFINITY)?.all_dim(-1, true)?;
    let weights = scores.masked_fill(&shut, 0.0)?.softmax(-1)?.masked_fill(&shut, 0.0)?;
    weights.matmul(v)
}

#[track_caller]
fn close(found: &Tensor, wanted: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(found.shape(), wanted.shape(), "{what}");
    let (found, wanted) = (found.array().to_f64s().unwrap(), wanted.array().to_f64s().unwrap());
    let size = wanted.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
    for (a, b) in found.iter().zip(&wanted) {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a} against {b}");
    }
}

/// Inputs in f32, and the same in f64.
fn inputs(shapes: [&[usize]; 3]) -> Result<[[Tensor; 3]; 2]> {
    let narrow = shapes.map(|shape| Tensor::randn(shape).requires_grad());
    let wide = narrow.each_ref().map(|x| x.detach().to_dtype(DType::F64).unwrap().requires_grad());
    Ok([narrow, wide])
}

#[test]
fn gradients_of_every_kind_of_mask() -> Result<()> {
    manual_seed(1);
    let (q, k) = ([2, 3, 70, 8], [2, 3, 90, 8]);
    let [[q, k, v], [wide_q, wide_k, wide_v]] = inputs([&q, &k, &[3, 90, 6]])?;
    let truths = Tensor::randn([70, 90]).gt(0.0)?;
    truths.i(3)?.fill_(false)?;
    let numbers = Tensor::randn([2, 1, 70, 90]);
    let line = Tensor::randn([90]).gt(0.0)?;
    for (mask, is_causal) in
        [(None, false), (None, true), (Some(&truths), false), (Some(&numbers), false), (Some(&line), false)]
    {
        let wide_mask = match mask {
            Some(mask) if mask.dtype() != DType::Bool => Some(mask.to_dtype(DType::F64)?),
            mask => mask.cloned(),
        };
        let of = |mask| AttentionOptions { attn_mask: mask, is_causal, ..Default::default() };
        let y = q.scaled_dot_product_attention_with(&k, &v, of(mask))?;
        let wanted = by_definition(&wide_q, &wide_k, &wide_v, of(wide_mask.as_ref()))?;
        close(&y, &wanted, 1e-5, "output");
        let found = grad(&[&y.square()?.sum()?], &[&q, &k, &v])?;
        let wanted = grad(&[&wanted.square()?.sum()?], &[&wide_q, &wide_k, &wide_v])?;
        for (found, wanted) in found.iter().zip(&wanted) {
            close(found, wanted, 1e-5, "gradient");
        }
    }
    Ok(())
}

#[test]
fn a_mask_of_numbers_has_a_gradient() -> Result<()> {
    manual_seed(2);
    let [[q, k, v], [wide_q, wide_k, wide_v]] = inputs([&[2, 20, 4], &[2, 30, 4], &[2, 30, 4]])?;
    let mask = Tensor::randn([20, 30]).requires_grad();
    let wide = mask.detach().to_dtype(DType::F64)?.requires_grad();
    let of = |mask| AttentionOptions { attn_mask: Some(mask), ..Default::default() };
    let y = q.scaled_dot_product_attention_with(&k, &v, of(&mask))?;
    let found = grad(&[&y.square()?.sum()?], &[&mask, &q, &k, &v])?;
    let y = by_definition(&wide_q, &wide_k, &wide_v, of(&wide))?;
    let wanted = grad(&[&y.square()?.sum()?], &[&wide, &wide_q, &wide_k, &wide_v])?;
    for (found, wanted) in found.iter().zip(&wanted) {
        close(found, wanted, 1e-5, "gradient");
    }
    // Of the mask alone, too.
    let y = q.detach().scaled_dot_product_attention_with(&k.detach(), &v.detach(), of(&mask))?;
    close(&grad(&[&y.square()?.sum()?], &[&mask])?[0], &wanted[0], 1e-5, "gradient of the mask");
    Ok(())
}

#[test]
fn second_derivatives_and_forward_ones() -> Result<()> {
    manual_seed(3);
    let [[q, k, v], [wide_q, wide_k, wide_v]] = inputs([&[2, 40, 4], &[2, 50, 4], &[2, 50, 4]])?;
    let options = AttentionOptions { is_causal: true, ..Default::default() };
    let second = |q: &Tensor, k: &Tensor, v: &Tensor, y: Tensor| -> Result<Vec<Tensor>> {
        let first = Grad::new().create_graph().of(&[&y.square()?.sum()?], &[q, k, v])?;
        let total =
            first[0].square()?.sum()?.add(&first[1].square()?.sum()?)?.add(&first[2].square()?.sum()?)?;
        grad(&[&total], &[q, k, v])
    };
    let found = second(&q, &k, &v, q.scaled_dot_product_attention_with(&k, &v, options)?)?;
    let wanted = second(&wide_q, &wide_k, &wide_v, by_definition(&wide_q, &wide_k, &wide_v, options)?)?;
    for (found, wanted) in found.iter().zip(&wanted) {
        close(found, wanted, 1e-4, "second derivative");
    }
    let tangents = [&q, &k, &v].map(|x| Tensor::randn(x.shape().clone()));
    let wide = tangents.each_ref().map(|x| x.to_dtype(DType::F64).unwrap());
    let xs = [q.detach(), k.detach(), v.detach()];
    let wide_xs = [wide_q.detach(), wide_k.detach(), wide_v.detach()];
    let found = jvp(|x| x[0].scaled_dot_product_attention_with(&x[1], &x[2], options), &xs, &tangents)?.1;
    let wanted = jvp(|x| by_definition(&x[0], &x[1], &x[2], options), &wide_xs, &wide)?.1;
    close(&found, &wanted, 1e-5, "tangent");
    Ok(())
}

#[test]
fn a_query_that_may_look_nowhere_hands_nothing_back() -> Result<()> {
    let [[q, k, v], _] = inputs([&[2, 4], &[3, 4], &[3, 4]])?;
    let low = f32::NEG_INFINITY;
    let mask = Tensor::new([[low, low, low], [0.0f32, low, 0.0]]);
    let options = AttentionOptions { attn_mask: Some(&mask), ..Default::default() };
    let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
    assert_eq!(y.i(0)?.to_vec::<f32>()?, [0.0; 4]);
    let gradients = grad(&[&y.square()?.sum()?], &[&q, &k, &v])?;
    assert_eq!(gradients[0].i(0)?.to_vec::<f32>()?, [0.0; 4]);
    for gradient in &gradients[1..] {
        assert_eq!(gradient.i(1)?.to_vec::<f32>()?, [0.0; 4]);
    }
    assert!(gradients.iter().all(|x| x.array().to_f64s().unwrap().iter().all(|x| x.is_finite())));
    Ok(())
}

#[test]
fn shared_heads_and_halves() -> Result<()> {
    manual_seed(4);
    let [[q, k, v], [wide_q, wide_k, wide_v]] = inputs([&[2, 6, 33, 8], &[2, 2, 40, 8], &[2, 2, 40, 8]])?;
    let options = AttentionOptions { enable_gqa: true, ..Default::default() };
    let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
    let whole = |x: &Tensor| x.repeat_interleave(3, 1);
    let wanted = by_definition(&wide_q, &whole(&wide_k)?, &whole(&wide_v)?, AttentionOptions::default())?;
    let found = grad(&[&y.square()?.sum()?], &[&q, &k, &v])?;
    let wanted = grad(&[&wanted.square()?.sum()?], &[&wide_q, &wide_k, &wide_v])?;
    for (found, wanted) in found.iter().zip(&wanted) {
        close(found, wanted, 1e-5, "gradient");
    }
    let [q, k, v] = [&q, &k, &v].map(|x| x.detach().to_dtype(DType::BF16).unwrap().requires_grad());
    let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
    assert_eq!(y.dtype(), DType::BF16);
    let found = grad(&[&y.square()?.sum()?], &[&q, &k, &v])?;
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!(found.dtype(), DType::BF16);
        close(found, wanted, 3e-2, "gradient of halves");
    }
    Ok(())
}

#[test]
fn some_of_the_inputs_alone() -> Result<()> {
    manual_seed(5);
    let [given, wide] = inputs([&[2, 9, 4], &[2, 7, 4], &[2, 7, 3]])?;
    let dy = Tensor::randn([2, 9, 3]);
    let none = AttentionOptions::default();
    for bits in 1..8 {
        let some = |xs: &[Tensor; 3]| -> [Tensor; 3] {
            std::array::from_fn(|i| if bits >> i & 1 == 1 { xs[i].clone() } else { xs[i].detach() })
        };
        let second = |xs: &[Tensor; 3], y: Tensor, dy: &Tensor| -> Result<Vec<Tensor>> {
            let wanted: Vec<&Tensor> = xs.iter().filter(|x| x.needs_grad()).collect();
            let mut all = Grad::new().create_graph().cotangents(&[Some(dy)]).of(&[&y], &wanted)?;
            let mut total = Tensor::zeros([]).to_dtype(y.dtype())?;
            for gradient in &all {
                total = total.add(&gradient.square()?.sum()?)?;
            }
            // The gradient by the values alone does not depend on them.
            if total.needs_grad() {
                all.extend(Grad::new().allow_unused().of(&[&total], &wanted)?);
            } else {
                all.extend(wanted.iter().map(|x| Tensor::zeros(x.shape().clone())));
            }
            Ok(all)
        };
        let (xs, wide) = (some(&given), some(&wide));
        let found = second(&xs, xs[0].scaled_dot_product_attention(&xs[1], &xs[2])?, &dy)?;
        let y = by_definition(&wide[0], &wide[1], &wide[2], none)?;
        let wanted = second(&wide, y, &dy.to_dtype(DType::F64)?)?;
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(&wanted) {
            close(found, wanted, 1e-4, &format!("derivative of {bits:03b}"));
        }
    }
    Ok(())
}
