//! Attention in blocks of queries against its definition, over whole sequences.

use cresset_ops::{methods::AttentionOptions, prelude::*};
use cresset_tensor::random::manual_seed;

/// `softmax(q·kᵀ/√d + mask)·v`, the mask `-∞` above the diagonal.
fn by_definition(query: &Array, key: &Array, value: &Array) -> Result<Array> {
    let (length, keys) = (query.shape()[query.rank() - 2], key.shape()[key.rank() - 2]);
    let scale = 1.0 / (query.shape()[query.rank() - 1] as f64).sqrt();
    let scores = query.matmul(&key.transpose(-2, -1)?)?.mul(scale)?;
    let above = Array::full([length, keys], f64::NEG_INFINITY).triu(1)?;
    scores.add(&above)?.softmax(-1)?.matmul(value)
}

#[test]
fn long_causal_sequences_are_as_by_definition() -> Result<()> {
    manual_seed(3);
    let draw = |shape: &[usize]| Array::randn(shape).to_dtype(DType::F64);
    for (length, keys) in [(128, 128), (129, 129), (300, 300), (300, 120), (260, 512), (129, 1)] {
        for batch in [&[][..], &[2], &[2, 3]] {
            let shape = |rows: usize, width: usize| [batch, &[rows, width]].concat();
            let (query, key) = (draw(&shape(length, 8))?, draw(&shape(keys, 8))?);
            let value = draw(&shape(keys, 5))?;
            let options = AttentionOptions { is_causal: true, ..Default::default() };
            let found = query.scaled_dot_product_attention_with(&key, &value, options)?;
            let wanted = by_definition(&query, &key, &value)?;
            assert_eq!(found.shape(), wanted.shape());
            for (a, b) in found.to_vec::<f64>()?.iter().zip(wanted.to_vec::<f64>()?) {
                assert!((a - b).abs() < 1e-12, "{length} by {keys}, batch {batch:?}: {a} against {b}");
            }
        }
    }
    Ok(())
}
