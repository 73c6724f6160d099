//! Convolutions of images, forward and with their derivatives.

use cresset::{ops::prelude::ConvOptions, prelude::*};

use super::{Outcome, Row, Run, forward};
use crate::bench::numbers::{digest, normal};

/// Images, channels, their sides, channels of the result, the window's side, the stride.
#[derive(Clone, Copy)]
struct Size(usize, usize, usize, usize, usize, usize);

const SIZES: [Size; 5] = [
    Size(32, 3, 32, 64, 3, 1),
    Size(32, 64, 32, 64, 3, 1),
    Size(32, 128, 16, 128, 3, 1),
    Size(8, 64, 56, 64, 1, 1),
    Size(8, 64, 56, 128, 3, 2),
];

pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for size in SIZES {
        let Size(images, channels, side, out, window, stride) = size;
        let name = format!("conv/{images}x{channels}x{side}-{out}k{window}s{stride}");
        let places = (side - 1) / stride + 1;
        let flops = 2.0 * (images * places * places * out * channels * window * window) as f64;
        let numbers =
            images * (channels * side * side + out * places * places) + out * channels * window * window;
        let bytes = 4.0 * numbers as f64;
        rows.push(forward(format!("{name}/forward"), flops, bytes, move || {
            let (x, w) = operands(size)?;
            let options = options(size);
            Ok(move || x.conv2d_with(&w, None, &options))
        }));
        rows.push(Row {
            name: format!("{name}/forward+backward"),
            flops: 3.0 * flops,
            bytes: 3.0 * bytes,
            make: Box::new(move || with_backward(size)),
        });
    }
    rows
}

fn operands(Size(images, channels, side, out, window, _): Size) -> Result<(Tensor, Tensor)> {
    Ok((normal("x", &[images, channels, side, side])?, normal("w", &[out, channels, window, window])?))
}

fn options(Size(.., window, stride): Size) -> ConvOptions {
    ConvOptions { stride: stride.into(), padding: (window / 2).into(), ..ConvOptions::default() }
}

fn with_backward(size: Size) -> Outcome<Run> {
    let (x, w) = operands(size)?;
    let (x, w, options) = (x.requires_grad(), w.requires_grad(), options(size));
    let (inputs, weights) = (x.clone(), w.clone());
    let call = move || -> Outcome<()> {
        x.zero_grad();
        w.zero_grad();
        x.conv2d_with(&w, None, &options)?.sum()?.backward()?;
        Ok(())
    };
    call()?;
    let mut answer = digest(&inputs.grad()?)?;
    answer.extend(digest(&weights.grad()?)?);
    Ok(Run { answer, call: Box::new(call) })
}
