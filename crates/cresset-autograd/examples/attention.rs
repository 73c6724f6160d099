//! Attention, forward and with its way back: `cargo run --release -p cresset-autograd --example attention [PREFIX]`
//!
//! A row is a shape `[batch, heads, length, width]`, in milliseconds.

use std::{hint::black_box, time::Instant};

use cresset_autograd::{Grad, prelude::*};
use cresset_ops::methods::AttentionOptions;

fn main() -> Result<()> {
    let prefix = std::env::args().nth(1).unwrap_or_default();
    println!("{:32} {:>9} {:>9}  ms", "", "forward", "and back");
    for (shape, looks) in [
        ([4, 8, 512, 64], " causal"),
        ([4, 8, 512, 64], ""),
        ([4, 8, 512, 64], " truths"),
        ([4, 8, 512, 64], " numbers"),
        ([2, 8, 2048, 64], " causal"),
        ([2, 8, 2048, 64], ""),
        ([16, 4, 64, 32], " causal"),
        ([1, 8, 1, 64], ""),
    ] {
        let name = format!("{shape:?}{looks}");
        if !name.starts_with(&prefix) {
            continue;
        }
        let numbers = Tensor::randn([shape[2], shape[2]]);
        let mask = match looks {
            " truths" => Some(numbers.gt(0.0)?),
            " numbers" => Some(numbers),
            _ => None,
        };
        let options = AttentionOptions {
            is_causal: looks == " causal",
            attn_mask: mask.as_ref(),
            ..Default::default()
        };
        // One query looks at as many keys as a long text has.
        let mut of_keys = shape;
        of_keys[2] = if shape[2] == 1 { 2048 } else { shape[2] };
        let [query, dy] = [(); 2].map(|()| Tensor::randn(shape));
        let [key, value] = [(); 2].map(|()| Tensor::randn(of_keys));
        let forward = median(|| {
            query.scaled_dot_product_attention_with(&key, &value, options)?;
            Ok(())
        })?;
        let [query, key, value] = [query, key, value].map(Tensor::requires_grad);
        let back = median(|| {
            let y = query.scaled_dot_product_attention_with(&key, &value, options)?;
            black_box(Grad::new().cotangents(&[Some(&dy)]).of(&[&y], &[&query, &key, &value])?);
            Ok(())
        })?;
        println!("{name:32} {forward:9.3} {back:9.3}");
    }
    Ok(())
}

fn median(f: impl Fn() -> Result<()>) -> Result<f64> {
    f()?;
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < 7 || begin.elapsed().as_millis() < 400 {
        let start = Instant::now();
        f()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
