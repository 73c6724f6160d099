//! Burn's layers with the parameters that all contestants begin with, which are found by PyTorch's names and shapes.

use burn::{
    module::Param,
    nn::{
        BatchNorm, BatchNormConfig, Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, Lstm,
        LstmConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, TensorData},
};

use crate::inputs;

fn vector(numbers: &[f32], device: &Device) -> Param<Tensor<1>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), device))
}

/// A matrix of which PyTorch has the transposed one.
fn transposed(numbers: &[f32], rows: usize, device: &Device) -> Param<Tensor<2>> {
    let columns = numbers.len() / rows;
    let moved =
        (0..columns).flat_map(|c| (0..rows).map(move |r| numbers[r * columns + c])).collect::<Vec<f32>>();
    Param::from_tensor(Tensor::from_data(TensorData::new(moved, [columns, rows]), device))
}

/// A linear map of which PyTorch has so many rows from there, in a matrix of so many.
fn part(weight: &[f32], bias: &[f32], first: usize, rows: usize, device: &Device) -> Linear {
    let columns = weight.len() / bias.len();
    Linear {
        weight: transposed(&weight[first * columns..(first + rows) * columns], rows, device),
        bias: Some(vector(&bias[first..first + rows], device)),
    }
}

pub fn linear(name: &str, from: usize, to: usize, device: &Device) -> Linear {
    let weight = inputs::parameter(&format!("{name}.weight"), &[to, from]);
    part(&weight, &inputs::parameter(&format!("{name}.bias"), &[to]), 0, to, device)
}

/// The three maps of attention, which PyTorch keeps in one.
pub fn in_projection(name: &str, width: usize, device: &Device) -> [Linear; 3] {
    let weight = inputs::parameter(&format!("{name}.in_proj_weight"), &[3 * width, width]);
    let bias = inputs::parameter(&format!("{name}.in_proj_bias"), &[3 * width]);
    [0, 1, 2].map(|i| part(&weight, &bias, i * width, width, device))
}

pub fn embedding(name: &str, count: usize, width: usize, device: &Device) -> Embedding {
    let mut layer = EmbeddingConfig::new(count, width).init(device);
    layer.weight = matrix(&format!("{name}.weight"), [count, width], device);
    layer
}

pub fn matrix(name: &str, shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(inputs::parameter(name, &shape), shape), device))
}

pub fn conv(
    name: &str,
    [from, to, window, stride]: [usize; 4],
    padding: usize,
    bias: bool,
    device: &Device,
) -> Conv2d {
    let mut layer = Conv2dConfig::new([from, to], [window, window])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(bias)
        .init(device);
    let shape = [to, from, window, window];
    let numbers = inputs::parameter(&format!("{name}.weight"), &shape);
    layer.weight = Param::from_tensor(Tensor::from_data(TensorData::new(numbers, shape), device));
    layer.bias = bias.then(|| vector(&inputs::parameter(&format!("{name}.bias"), &[to]), device));
    layer
}

pub fn batch_norm(name: &str, width: usize, device: &Device) -> BatchNorm {
    let mut layer = BatchNormConfig::new(width).init(device);
    layer.gamma = vector(&inputs::parameter(&format!("{name}.weight"), &[width]), device);
    layer.beta = vector(&inputs::parameter(&format!("{name}.bias"), &[width]), device);
    layer
}

pub fn layer_norm(name: &str, width: usize, device: &Device) -> LayerNorm {
    let mut layer = LayerNormConfig::new(width).init(device);
    layer.gamma = vector(&inputs::parameter(&format!("{name}.weight"), &[width]), device);
    layer.beta = Some(vector(&inputs::parameter(&format!("{name}.bias"), &[width]), device));
    layer
}

/// PyTorch has the gates of an LSTM in one matrix: input, forget, cell, output.
pub fn lstm(name: &str, from: usize, hidden: usize, device: &Device) -> Lstm {
    let weight = |kind: &str, width: usize| {
        inputs::parameter(&format!("{name}.weight_{kind}_l0"), &[4 * hidden, width])
    };
    let bias = |kind: &str| inputs::parameter(&format!("{name}.bias_{kind}_l0"), &[4 * hidden]);
    let (of_input, of_hidden) = (weight("ih", from), weight("hh", hidden));
    let (input_bias, hidden_bias) = (bias("ih"), bias("hh"));
    let mut layer = LstmConfig::new(from, hidden, true).init(device);
    let gates = [
        Some(&mut layer.input_gate),
        layer.forget_gate.as_mut(),
        Some(&mut layer.cell_gate),
        Some(&mut layer.output_gate),
    ];
    for (i, gate) in gates.into_iter().enumerate() {
        if let Some(gate) = gate {
            gate.input_transform = part(&of_input, &input_bias, i * hidden, hidden, device);
            gate.hidden_transform = part(&of_hidden, &hidden_bias, i * hidden, hidden, device);
        }
    }
    layer
}
