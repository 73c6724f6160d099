//! Rows of a matrix reduced, moved and sorted.

use cresset::prelude::*;

use super::{Outcome, Row, Run, forward};
use crate::bench::numbers::{digest, integers, normal};

const N: usize = 2048;

pub fn rows() -> Vec<Row> {
    type Call = fn(&Tensor) -> Result<Tensor>;
    let list: [(&str, usize, Call); 5] = [
        ("reduce/softmax-2048", 2, |x| x.softmax(-1)),
        ("reduce/layer_norm-2048", 2, |x| x.layer_norm([N], None, None, 1e-5)),
        ("reduce/sum-rows-2048", 1, |x| x.sum_dim(0, false)),
        ("reduce/argmax-2048", 1, |x| x.argmax_dim(-1, false)),
        ("move/transpose-2048", 2, |x| x.t()?.contiguous()),
    ];
    let mut rows: Vec<Row> = list
        .into_iter()
        .map(|(name, arrays, call)| {
            forward(name, 0.0, (4 * arrays * N * N) as f64, move || {
                let x = normal("x", &[N, N])?;
                Ok(move || call(&x))
            })
        })
        .collect();
    rows.push(forward("move/gather-rows-1m", 0.0, (8 * (64 + 1) * 16384) as f64, || {
        let (x, i) = (normal("x", &[20000, 64])?, integers("i", 20000, &[16384])?);
        Ok(move || x.index_select(0, &i))
    }));
    rows.push(Row { name: "sort/1m".into(), flops: 0.0, bytes: (16 << 20) as f64, make: Box::new(sort) });
    rows
}

/// Values and where they were.
fn sort() -> Outcome<Run> {
    let x = normal("x", &[1 << 20])?;
    let (values, places) = x.sort(-1, false)?;
    let mut answer = digest(&values)?;
    // Equal numbers may come in any order, so that places are compared by what lies there.
    answer.extend(digest(&x.index_select(0, &places)?)?);
    let call = move || -> Outcome<()> {
        no_grad(|| x.sort(-1, false))?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
