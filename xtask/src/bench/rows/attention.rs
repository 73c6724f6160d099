//! Attention.

use cresset::prelude::*;

use super::{Row, forward};
use crate::bench::numbers::normal;

pub fn rows() -> Vec<Row> {
    const SHAPE: [usize; 4] = [4, 8, 512, 64];
    let numbers: usize = SHAPE.iter().product();
    // Two products, of which half is seen.
    let flops = 2.0 * (numbers * SHAPE[2]) as f64;
    vec![forward("attention/4x8x512x64-causal", flops, (8 * numbers) as f64, || {
        let q = normal("q", &SHAPE)?;
        let options = AttentionOptions { is_causal: true, ..AttentionOptions::default() };
        Ok(move || q.scaled_dot_product_attention_with(&q, &q, options))
    })]
}
