//! Attention at the limits of numbers and sizes: what PyTorch gives there, and what is refused.

use cresset_ops::{Op, methods::AttentionOptions, prelude::*};

type Options<'a> = AttentionOptions<'a, Array>;

#[test]
fn halves_do_not_overflow_where_weights_are_dropped() -> Result<(), Error> {
    // 64 products of 60·60 are beyond what 16 bits hold.
    for shape in [&[1, 1, 4, 64][..], &[2, 4, 64]] {
        let q = Array::full(shape, 60.0).to_dtype(DType::F16)?;
        for dropout_p in [0.0, 0.5, 1e-9] {
            let options = Options { dropout_p, ..Default::default() };
            let y = q.scaled_dot_product_attention_with(&q, &q, options)?;
            assert_eq!(y.dtype(), DType::F16);
            let y = y.to_f64s()?;
            assert!(y.iter().all(|y| y.is_finite()), "{dropout_p}: {y:?}");
            if dropout_p < 0.1 {
                assert!(y.iter().all(|&y| y == 60.0), "{dropout_p}: {y:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_mask_for_shared_heads_is_one_of_the_queries_heads() -> Result<(), Error> {
    let (q, k) = (Array::ones([2, 6, 3, 4]), Array::ones([2, 2, 5, 4]));
    for (shape, fits) in [
        (&[6, 3, 5][..], true),
        (&[1, 3, 5], true),
        (&[2, 1, 1, 5], true),
        (&[2, 6, 3, 1], true),
        (&[], true),
        (&[2, 3, 5], false),
        (&[2, 2, 3, 5], false),
        (&[3, 3, 5], false),
    ] {
        let mask = Array::zeros(shape);
        let options = Options { attn_mask: Some(&mask), enable_gqa: true, ..Default::default() };
        match q.scaled_dot_product_attention_with(&k, &k, options) {
            Ok(y) => assert!(fits && *y.shape() == [2, 6, 3, 4], "{shape:?}"),
            Err(error) => {
                let wanted = format!("attn_mask {} does not broadcast to 6 heads of queries", mask.shape());
                assert!(!fits && error.to_string().contains(&wanted), "{shape:?}: {error}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_mask_in_f32_is_for_queries_of_every_dtype() -> Result<(), Error> {
    let mask = Array::new([[0.0f32, f32::NEG_INFINITY, 1.0], [0.5, 0.0, f32::NEG_INFINITY]]);
    let q = Array::new([[1.0f32, -0.5], [0.25, 2.0]]);
    let k = Array::new([[0.5f32, 0.5], [1.0, 0.0], [-1.0, 0.25]]);
    let wanted = q.scaled_dot_product_attention_with(
        &k,
        &k,
        Options { attn_mask: Some(&mask), ..Default::default() },
    )?;
    for (dtype, tolerance) in [(DType::F16, 1e-3), (DType::BF16, 1e-2), (DType::F64, 1e-6)] {
        let (q, k) = (q.to_dtype(dtype)?, k.to_dtype(dtype)?);
        for dropout_p in [0.0, 1e-9] {
            let options = Options { attn_mask: Some(&mask), dropout_p, ..Default::default() };
            let y = q.scaled_dot_product_attention_with(&k, &k, options)?;
            assert_eq!(y.dtype(), dtype);
            for (a, b) in y.to_f64s()?.iter().zip(wanted.to_f64s()?) {
                assert!((a - b).abs() < tolerance, "{dtype}: {a} against {b}");
            }
        }
    }
    for dtype in [DType::F16, DType::F64, DType::I64] {
        let other = Array::zeros([2, 3]).to_dtype(dtype)?;
        let options = Options { attn_mask: Some(&other), ..Default::default() };
        let error = q.scaled_dot_product_attention_with(&k, &k, options).unwrap_err().to_string();
        assert!(error.contains("attn_mask must be bool or float32, not"), "{error}");
    }
    Ok(())
}

/// Views of one number that no memory could hold.
#[test]
fn what_is_too_large_is_refused() -> Result<(), Error> {
    let one = Array::zeros([1, 1]);
    for width in [1i64 << 50, (1 << 58) + 1, (1 << 59) - 1] {
        let x = one.expand([1, width])?;
        let error = x.scaled_dot_product_attention(&x, &one).unwrap_err().to_string();
        assert!(error.contains("memory"), "{error}");
        for causal in [false, true] {
            let line = Array::zeros([1]);
            let op = Op::AttentionBackward { causal, scale: 1.0 };
            assert!(Array::apply(op, &[&x, &x, &one, &line, &line, &one]).is_err());
        }
    }
    // Nothing of anything is as large as it likes.
    let none = Array::zeros([0, 1, 1]).expand([0, 1 << 29, 1 << 29])?;
    let y = none.scaled_dot_product_attention(&none, &none)?;
    assert_eq!(*y.shape(), [0, 1 << 29, 1 << 29]);
    let lines = Array::zeros([0, 1]).expand([0, 1 << 29])?;
    let op = Op::AttentionBackward { causal: false, scale: 1.0 };
    let gradients = Array::apply(op, &[&none, &none, &none, &lines, &lines, &none])?;
    assert_eq!(*gradients[1].shape(), [0, 1 << 29, 1 << 29]);
    Ok(())
}

#[test]
fn masks_of_one_truth() -> Result<(), Error> {
    let x = Array::new([[1.0f32, 2.0], [3.0, -1.0]]);
    let open = x.scaled_dot_product_attention(&x, &x)?.to_vec::<f32>()?;
    for (truth, wanted) in [(true, open), (false, vec![0.0; 4])] {
        for dropout_p in [0.0, 1e-9] {
            let mask = Array::full([0; 0], truth);
            assert_eq!(mask.rank(), 0);
            let options = Options { attn_mask: Some(&mask), dropout_p, ..Default::default() };
            let y = x.scaled_dot_product_attention_with(&x, &x, options)?.to_vec::<f32>()?;
            for (a, b) in y.iter().zip(&wanted) {
                assert!((a - b).abs() < 1e-6, "{a} against {b}");
            }
        }
    }
    Ok(())
}
