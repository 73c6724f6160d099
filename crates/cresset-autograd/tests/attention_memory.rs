//! How much memory attention takes: alone in its program, since the pool counts for all.

use cresset_autograd::prelude::*;
use cresset_ops::methods::AttentionOptions;
use cresset_tensor::memory::{self, statistics};

#[test]
fn scores_are_never_there_at_once() -> Result<()> {
    const LENGTH: usize = 2048;
    const HEADS: usize = 4;
    let [q, k, v] = [(); 3].map(|()| Tensor::randn([1, HEADS, LENGTH, 16]).requires_grad());
    memory::empty();
    memory::reset_peak();
    let before = statistics().reserved;
    for is_causal in [true, false] {
        let options = AttentionOptions { is_causal, ..Default::default() };
        let y = q.scaled_dot_product_attention_with(&k, &v, options)?;
        y.sum()?.backward()?;
    }
    let scores = HEADS * LENGTH * LENGTH * size_of::<f32>();
    let most = statistics().peak.saturating_sub(before);
    assert!(most < scores / 8, "{most} bytes, where the scores are {scores}");
    assert!(q.grad()?.to_vec::<f32>()?.iter().all(|x| x.is_finite()));
    Ok(())
}
