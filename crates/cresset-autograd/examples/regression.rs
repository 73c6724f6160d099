//! A line through noisy points by gradient descent: the README's program.

use cresset_autograd::prelude::*;

fn main() -> Result<()> {
    // y = 3x - 1, a little off.
    let x = Tensor::from_vec((0..100).map(|i| i as f32 / 50.0 - 1.0).collect(), [100, 1])?;
    let y = x.map(|x| 3.0 * x - 1.0 + 0.1 * (40.0 * x).sin())?;

    let w = Tensor::new([[0.0f32]]).requires_grad();
    let b = Tensor::new([0.0f32]).requires_grad();
    for step in 0..200 {
        let loss = (x.matmul(&w)? + &b - &y).square()?.mean()?;
        loss.backward()?;
        no_grad(|| {
            for parameter in [&w, &b] {
                parameter.sub_(&(parameter.grad()? * 0.1))?;
                parameter.zero_grad();
            }
            Ok::<_, Error>(())
        })?;
        if step % 50 == 49 {
            println!("step {:3}  loss {:.4}", step + 1, loss.item::<f32>()?);
        }
    }
    println!("w = {w}\nb = {b}");
    Ok(())
}
