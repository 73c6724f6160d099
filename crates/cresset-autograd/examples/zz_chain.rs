//! Profiling only.
use cresset_autograd::prelude::*;
fn main() -> Result<()> {
    let n: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100);
    let x = Tensor::new([1.0f32, 2.0, 3.0, 4.0]).requires_grad();
    for _ in 0..n {
        let mut y = x.clone();
        for _ in 0..100 {
            y = y.mul(1.0001)?.add(0.1)?;
        }
        y.sum()?.backward()?;
        x.zero_grad();
    }
    Ok(())
}
