//! The rows that compute arrays.

use burn::{
    nn::loss::{MseLoss, Reduction},
    tensor::{
        Device, Int, Tensor, TensorData, activation,
        module::{attention, conv2d, layer_norm},
        ops::{AttentionModuleOptions, ConvOptions},
    },
};

use crate::{
    inputs,
    protocol::{Outcome, Prepared, Run},
    training,
};

pub fn cpu() -> Device {
    Device::flex()
}

pub fn normal<const D: usize>(name: &str, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(inputs::normal(name, &shape), shape), &cpu())
}

pub fn integers<const D: usize>(
    name: &str,
    bound: u32,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(inputs::integers(name, bound, &shape), shape), device)
}

pub fn digest<const D: usize>(x: Tensor<D>) -> Outcome<Vec<f64>> {
    Ok(inputs::digest(&x.try_to_vec_as::<f64>()?))
}

/// The first result of a program: the sum of a product.
pub fn first() -> Outcome<f32> {
    let x = Tensor::<2>::ones([64, 64], &cpu());
    Ok(x.clone().matmul(x).sum().into_scalar::<f32>())
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
        "attention" => Some(forward(normal("q", [4, 8, 512, 64]), |q| {
            let options = AttentionModuleOptions { is_causal: true, ..Default::default() };
            attention(q.clone(), q.clone(), q.clone(), None, None, options)
        })),
        "overhead" => Some(tiny()),
        _ => training::prepare(name),
    }
}

/// A row that computes one tensor from others.
fn forward<T: 'static, const D: usize>(
    inputs: T,
    compute: impl Fn(&T) -> Tensor<D> + 'static,
) -> Outcome<Run> {
    let answer = digest(compute(&inputs))?;
    let call = move || -> Outcome<()> {
        compute(&inputs);
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}

fn product(size: &str) -> Prepared {
    if size == "batched-64x128" {
        let inputs = (normal("x", [64, 128, 128]), normal("y", [64, 128, 128]));
        return Some(forward(inputs, |(x, y)| x.clone().matmul(y.clone())));
    }
    let n: usize = size.parse().ok()?;
    Some(forward((normal("x", [n, n]), normal("y", [n, n])), |(x, y)| x.clone().matmul(y.clone())))
}

fn formula(name: &str) -> Prepared {
    type Call = fn(Tensor<1>, Tensor<1>) -> Tensor<1>;
    let call: Call = match name {
        "add-4m" => |x, y| x + y,
        "exp-4m" => |x, _| x.exp(),
        "tanh-4m" => |x, _| x.tanh(),
        "gelu-4m" => |x, _| activation::gelu(x),
        "sum-4m" => |x, _| x.sum(),
        "chain-4m" => {
            |x, y| activation::sigmoid(activation::relu((x.clone() * y.clone()).add_scalar(1.5)) * x - y)
        }
        "mse-4m" => |x, y| MseLoss::new().forward(x, y, Reduction::Mean),
        _ => return None,
    };
    let inputs = (normal("x", [1 << 22]), normal("y", [1 << 22]));
    Some(forward(inputs, move |(x, y)| call(x.clone(), y.clone())))
}

fn matrix(name: &str) -> Prepared {
    let x = || normal("x", [2048, 2048]);
    Some(match name {
        "softmax-2048" => forward(x(), |x| activation::softmax(x.clone(), 1)),
        "layer_norm-2048" => {
            let inputs = (x(), Tensor::<1>::ones([2048], &cpu()));
            forward(inputs, |(x, w)| layer_norm(x.clone(), w.clone(), None, 1e-5))
        }
        "sum-rows-2048" => forward(x(), |x| x.clone().sum_dim(0)),
        "argmax-2048" => {
            let x = x();
            let compute = move || x.clone().argmax(1);
            let answer = inputs::digest(&compute().try_to_vec_as::<f64>().ok()?);
            let call = move || -> Outcome<()> {
                compute();
                Ok(())
            };
            Ok(Run { answer, call: Box::new(call) })
        }
        // A transposed tensor is a view, which is brought into order when its numbers are asked for.
        "transpose-2048" => {
            let x = x();
            let answer = digest(x.clone().transpose());
            let call = move || -> Outcome<()> {
                x.clone().transpose().into_data();
                Ok(())
            };
            answer.map(|answer| Run { answer, call: Box::new(call) })
        }
        "gather-rows-1m" => {
            let inputs = (normal("x", [20000, 64]), integers("i", 20000, [16384], &cpu()));
            forward(inputs, |(x, i)| x.clone().select(0, i.clone()))
        }
        _ => return None,
    })
}

fn sort() -> Outcome<Run> {
    let x = normal("x", [1 << 20]);
    let (values, places) = x.clone().sort_with_indices(0);
    let mut answer = digest(values)?;
    answer.extend(digest(x.clone().select(0, places))?);
    let call = move || -> Outcome<()> {
        x.clone().sort_with_indices(0);
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
    let inputs = (normal("x", [images, channels, side, side]), normal("w", [out, channels, window, window]));
    let compute = move |x: &Tensor<4>, w: &Tensor<4>| {
        let options = ConvOptions::new([stride, stride], [window / 2, window / 2], [1, 1], 1);
        conv2d(x.clone(), w.clone(), None, options)
    };
    if kind == "forward" {
        return Some(forward(inputs, move |(x, w)| compute(x, w)));
    }
    let both = move || -> Outcome<Run> {
        let (x, w) = (inputs.0.autodiff().require_grad(), inputs.1.autodiff().require_grad());
        let gradients = compute(&x, &w).sum().backward();
        let mut answer = digest(x.grad(&gradients).ok_or("no gradient")?)?;
        answer.extend(digest(w.grad(&gradients).ok_or("no gradient")?)?);
        let call = move || -> Outcome<()> {
            compute(&x, &w).sum().backward();
            Ok(())
        };
        Ok(Run { answer, call: Box::new(call) })
    };
    Some(both())
}

fn tiny() -> Outcome<Run> {
    let x = normal("x", [4]).autodiff().require_grad();
    let compute = |x: &Tensor<1>| {
        let mut y = x.clone();
        for _ in 0..100 {
            y = y.mul_scalar(1.0001).add_scalar(0.1);
        }
        let sum = y.sum();
        let gradients = sum.backward();
        (sum, gradients)
    };
    let (sum, gradients) = compute(&x);
    let mut answer = digest(sum)?;
    answer.extend(digest(x.grad(&gradients).ok_or("no gradient")?)?);
    let call = move || -> Outcome<()> {
        compute(&x);
        Ok(())
    };
    Ok(Run { answer, call: Box::new(call) })
}
