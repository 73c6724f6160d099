//! Operations so small that what surrounds them is all that takes time.

use cresset::prelude::*;

use super::{Outcome, Row, Run};
use crate::bench::numbers::{digest, normal};

pub fn rows() -> Vec<Row> {
    vec![Row { name: "overhead/200-tiny-ops".into(), flops: 0.0, bytes: 0.0, make: Box::new(chain) }]
}

/// Two hundred recorded operations on four numbers, and their derivative.
fn chain() -> Outcome<Run> {
    let x = normal("x", &[4])?.requires_grad();
    let start = x.clone();
    let compute = move || -> Result<Tensor> {
        let mut y = start.clone();
        for _ in 0..100 {
            y = y.mul(1.0001)?.add(0.1)?;
        }
        let sum = y.sum()?;
        sum.backward()?;
        Ok(sum)
    };
    let mut answer = digest(&compute()?)?;
    answer.extend(digest(&x.grad()?)?);
    x.zero_grad();
    let call = move || -> Outcome<()> {
        compute()?;
        x.zero_grad();
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
