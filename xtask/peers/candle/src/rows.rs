//! The rows that compute arrays.

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::ops::{layer_norm, sigmoid, softmax_last_dim};

use crate::{
    inputs,
    protocol::{Outcome, Prepared, Run},
    training,
};

pub const CPU: Device = Device::Cpu;

pub fn normal(name: &str, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_vec(inputs::normal(name, shape), shape, &CPU)
}

/// Integers, of the type that Candle takes for indices.
pub fn integers(name: &str, bound: u32, shape: &[usize]) -> Result<Tensor> {
    let numbers: Vec<u32> = inputs::integers(name, bound, shape).into_iter().map(|x| x as u32).collect();
    Tensor::from_vec(numbers, shape, &CPU)
}

pub fn digest(x: &Tensor) -> Result<Vec<f64>> {
    Ok(inputs::digest(&x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?))
}

/// The first result of a program: the sum of a product.
pub fn first() -> Result<f32> {
    let x = Tensor::ones((64, 64), DType::F32, &CPU)?;
    x.matmul(&x)?.sum_all()?.to_scalar()
}

/// The row of a name.
pub fn prepare(name: &str) -> Prepared {
    let (kind, rest) = name.split_once('/')?;
    match kind {
        "matmul" => product(rest),
        "map" => formula(rest),
        "reduce" | "move" => matrix(rest),
        "sort" => Some(sort()),
        "conv" => convolution(rest),
        "attention" => Some(forward(|| normal("q", &[4, 8, 512, 64]), {
            let mask = causal(512);
            move |q| attention(q, mask.as_ref().map_err(|error| candle_core::Error::Msg(error.to_string()))?)
        })),
        "overhead" => Some(tiny()),
        _ => training::prepare(name),
    }
}

/// A row that computes one tensor from others.
fn forward<T: 'static>(
    inputs: impl FnOnce() -> Result<T>,
    compute: impl Fn(&T) -> Result<Tensor> + 'static,
) -> Outcome<Run> {
    let inputs = inputs()?;
    let answer = digest(&compute(&inputs)?)?;
    let call = move || -> Outcome<()> {
        compute(&inputs)?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}

fn product(size: &str) -> Prepared {
    let shape = match size {
        "batched-64x128" => vec![64, 128, 128],
        n => vec![n.parse().ok()?; 2],
    };
    Some(forward(|| Ok((normal("x", &shape)?, normal("y", &shape)?)), |(x, y)| x.matmul(y)))
}

fn formula(name: &str) -> Prepared {
    type Call = fn(&(Tensor, Tensor)) -> Result<Tensor>;
    let call: Call = match name {
        "add-4m" => |(x, y)| x + y,
        "exp-4m" => |(x, _)| x.exp(),
        "tanh-4m" => |(x, _)| x.tanh(),
        "gelu-4m" => |(x, _)| x.gelu_erf(),
        "sum-4m" => |(x, _)| x.sum_all(),
        "chain-4m" => |(x, y)| sigmoid(&((((x * y)? + 1.5)?.relu()? * x)? - y)?),
        "mse-4m" => |(x, y)| candle_nn::loss::mse(x, y),
        _ => return None,
    };
    Some(forward(|| Ok((normal("x", &[1 << 22])?, normal("y", &[1 << 22])?)), call))
}

fn matrix(name: &str) -> Prepared {
    let x = || normal("x", &[2048, 2048]);
    Some(match name {
        "softmax-2048" => forward(x, softmax_last_dim),
        "layer_norm-2048" => {
            let weights =
                || Ok((x()?, Tensor::ones(2048, DType::F32, &CPU)?, Tensor::zeros(2048, DType::F32, &CPU)?));
            forward(weights, |(x, w, b)| layer_norm(x, w, b, 1e-5))
        }
        "sum-rows-2048" => forward(x, |x| x.sum(0)),
        "argmax-2048" => forward(x, |x| x.argmax(D::Minus1)),
        "transpose-2048" => forward(x, |x| x.t()?.contiguous()),
        "gather-rows-1m" => {
            let inputs = || Ok((normal("x", &[20000, 64])?, integers("i", 20000, &[16384])?));
            forward(inputs, |(x, i)| x.index_select(i, 0))
        }
        _ => return None,
    })
}

fn sort() -> Outcome<Run> {
    let x = normal("x", &[1 << 20])?;
    let (values, places) = x.sort_last_dim(true)?;
    let mut answer = digest(&values)?;
    answer.extend(digest(&x.index_select(&places, 0)?)?);
    let call = move || -> Outcome<()> {
        x.sort_last_dim(true)?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}

fn convolution(name: &str) -> Prepared {
    let (size, kind) = name.split_once('/')?;
    let (images, channels, side, out, window, stride) = match size {
        "32x3x32-64k3s1" => (32, 3, 32, 64, 3, 1),
        "32x64x32-64k3s1" => (32, 64, 32, 64, 3, 1),
        "32x128x16-128k3s1" => (32, 128, 16, 128, 3, 1),
        "8x64x56-64k1s1" => (8, 64, 56, 64, 1, 1),
        "8x64x56-128k3s2" => (8, 64, 56, 128, 3, 2),
        _ => return None,
    };
    let inputs = move || {
        Ok((normal("x", &[images, channels, side, side])?, normal("w", &[out, channels, window, window])?))
    };
    let compute = move |x: &Tensor, w: &Tensor| x.conv2d(w, window / 2, stride, 1, 1);
    if kind == "forward" {
        return Some(forward(inputs, move |(x, w)| compute(x, w)));
    }
    let both = move || -> Outcome<Run> {
        let (x, w) = inputs()?;
        let (x, w) = (Var::from_tensor(&x)?, Var::from_tensor(&w)?);
        let gradients = compute(&x, &w)?.sum_all()?.backward()?;
        let mut answer = digest(gradients.get(&x).ok_or("no gradient")?)?;
        answer.extend(digest(gradients.get(&w).ok_or("no gradient")?)?);
        let call = move || -> Outcome<()> {
            compute(&x, &w)?.sum_all()?.backward()?;
            Ok(())
        };
        Ok(Run { answer, call: Box::new(call) })
    };
    Some(both())
}

/// What is added to products so that nobody looks ahead.
pub fn causal(length: usize) -> Result<Tensor> {
    let seen = |i: usize| if i % length <= i / length { 0.0 } else { f32::NEG_INFINITY };
    Tensor::from_vec((0..length * length).map(seen).collect::<Vec<f32>>(), (length, length), &CPU)
}

/// Through products: `attention::flash_attn`, which keeps none and takes one text after another, takes twice as long.
fn attention(q: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let scale = 1.0 / (q.dim(D::Minus1)? as f64).sqrt();
    let products = (q * scale)?.matmul(&q.t()?)?.broadcast_add(mask)?;
    softmax_last_dim(&products)?.matmul(q)
}

fn tiny() -> Outcome<Run> {
    let x = Var::from_tensor(&normal("x", &[4])?)?;
    let compute = |x: &Var| -> Result<_> {
        let mut y = x.as_tensor().clone();
        for _ in 0..100 {
            y = ((y * 1.0001)? + 0.1)?;
        }
        let sum = y.sum_all()?;
        let gradients = sum.backward()?;
        Ok((sum, gradients))
    };
    let (sum, gradients) = compute(&x)?;
    let mut answer = digest(&sum)?;
    answer.extend(digest(gradients.get(&x).ok_or("no gradient")?)?);
    let call = move || -> Outcome<()> {
        compute(&x)?;
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
