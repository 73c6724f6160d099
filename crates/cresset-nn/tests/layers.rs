//! Layers with settings that no case of PyTorch's own has: sums of outputs and of gradients, from PyTorch 2.15.

use cresset_nn::prelude::*;

/// A layer, the shape of its input, that of its output, and sums weighted with `cos(0.3·i)`: of the output, and of the
/// gradients of this sum for the input and each parameter.
struct Row(Box<dyn Layer>, Vec<usize>, Vec<usize>, Vec<f64>);

fn row(layer: impl Layer + 'static, input: &[usize], output: &[usize], sums: &[f64]) -> Row {
    Row(Box::new(layer), input.to_vec(), output.to_vec(), sums.to_vec())
}

fn evaluated<L: Layer>(layer: L) -> L {
    layer.eval();
    layer
}

/// `sin(0.7·i + 0.3 + k)`.
fn drawn(shape: &[usize], k: f64) -> Tensor {
    let count = shape.iter().product::<usize>();
    let numbers = (0..count).map(|i| (0.7 * i as f64 + 0.3 + k).sin()).collect();
    Tensor::from_vec(numbers, shape).unwrap()
}

fn weights(shape: &[usize]) -> Tensor {
    let count = shape.iter().product::<usize>();
    Tensor::from_vec((0..count).map(|i| (0.3 * i as f64).cos()).collect(), shape).unwrap()
}

fn sum(x: &Tensor) -> Tensor {
    x.mul(&weights(x.shape())).unwrap().sum().unwrap()
}

fn check(Row(mut layer, input, output, sums): Row) {
    layer.to_dtype(DType::F64).unwrap();
    let parameters = layer.parameters();
    for (k, parameter) in parameters.iter().enumerate() {
        no_grad(|| parameter.copy_(&drawn(parameter.shape(), k as f64 + 1.0)).map(drop)).unwrap();
    }
    let x = drawn(&input, 0.0).requires_grad();
    let y = layer.forward(&x).unwrap_or_else(|error| panic!("{}: {error}", cresset_nn::printed(&layer)));
    assert_eq!(y.shape(), &output[..], "{}", cresset_nn::printed(&layer));
    let total = sum(&y);
    total.backward().unwrap();
    let mut got = vec![total.item::<f64>().unwrap()];
    for of in std::iter::once(&x).chain(&parameters) {
        got.push(sum(&of.grad().unwrap()).item::<f64>().unwrap());
    }
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
    assert_eq!(got.len(), sums.len(), "{}", cresset_nn::printed(&layer));
    assert!(got.iter().zip(&sums).all(close), "{}: {got:?}, not {sums:?}", cresset_nn::printed(&layer));
}

#[test]
fn layers_compute_what_pytorchs_do() {
    let rows = [
        row(
            Conv1d::new(4, 6, 3).stride(2).padding(1).groups(2),
            &[2, 4, 9],
            &[2, 6, 5],
            &[0.005799618208509938, -15.463320118537071, 2.9075529225493595, -1.117546588339096],
        ),
        row(
            Conv1d::new(2, 3, 4).padding(ConvPadding::Same).dilation(2),
            &[2, 9],
            &[3, 9],
            &[-2.4807222410575918, 0.9386984409830855, 14.600760328775216, 2.958474958178793],
        ),
        row(
            Conv1d::new(2, 3, 4).padding(ConvPadding::Same).padding_mode(PadMode::Reflect),
            &[2, 2, 9],
            &[2, 3, 9],
            &[-4.569256567023582, -3.317895296441486, 59.68924295608775, -1.131772986737214],
        ),
        row(
            Conv2d::new(4, 8, [3, 2]).stride([2, 1]).padding([1, 0]).dilation([1, 2]).groups(4).bias(false),
            &[2, 4, 7, 6],
            &[2, 8, 4, 4],
            &[3.093054826046089, 13.940816351816508, -1.1216976365494664],
        ),
        row(
            Conv2d::new(3, 4, 3).padding([1, 2]).padding_mode(PadMode::Reflect),
            &[2, 3, 5, 6],
            &[2, 4, 5, 8],
            &[-3.21831529936472, -25.521951905001323, -2.533718311313395, 2.960518907338752],
        ),
        row(
            Conv2d::new(3, 4, 3).padding([2, 1]).stride(2).padding_mode(PadMode::Replicate),
            &[2, 3, 5, 6],
            &[2, 4, 4, 3],
            &[-4.887865948563922, 1.8152099387090685, 61.989898084572985, -1.8639536155834957],
        ),
        row(
            Conv2d::new(3, 4, [3, 4]).padding(ConvPadding::Same).padding_mode(PadMode::Circular),
            &[3, 5, 6],
            &[4, 5, 6],
            &[-30.57785854346743, -59.58175023334026, -65.29853114448166, -1.1101151763058068],
        ),
        row(
            Conv2d::new(3, 4, 3).padding(ConvPadding::Valid).padding_mode(PadMode::Circular),
            &[2, 3, 5, 6],
            &[2, 4, 3, 4],
            &[-4.282937293820459, 22.54012870159836, 10.937022707255435, -1.8639536155834957],
        ),
        row(
            Conv3d::new(2, 4, [1, 2, 3]).padding([0, 1, 2]).groups(2).padding_mode(PadMode::Circular),
            &[1, 2, 3, 4, 5],
            &[1, 4, 3, 5, 7],
            &[17.438939606585897, -4.784182718590449, -20.389690118851487, 0.9528252851189023],
        ),
        row(
            ConvTranspose1d::new(4, 6, 3).stride(2).padding(1).output_padding(1).groups(2),
            &[2, 4, 5],
            &[2, 6, 10],
            &[1.747415997829175, 40.906873138044865, 1.2866706054252166, 3.7798347166264428],
        ),
        row(
            ConvTranspose2d::new(3, 4, [3, 2])
                .stride([2, 3])
                .padding([1, 0])
                .output_padding([1, 2])
                .dilation([2, 1]),
            &[2, 3, 4, 5],
            &[2, 4, 10, 16],
            &[61.72585266517316, -3.6486328568052206, -44.49878667565869, 1.7481284833439705],
        ),
        row(
            ConvTranspose3d::new(2, 2, 2).stride(2).bias(false),
            &[2, 3, 2, 2],
            &[2, 6, 4, 4],
            &[-7.487971693453063, 0.3085052402315652, 7.944338319978936],
        ),
        row(
            Flatten::new().start_dim(0).end_dim(1),
            &[2, 3, 4],
            &[6, 4],
            &[2.851195690079148, 13.095381606927734],
        ),
        row(Unflatten::new(1, [2, -1]), &[2, 6], &[2, 2, 3], &[1.152771875878938, 6.739340281433852]),
        row(
            MaxPool1d::new(3).stride(2).padding(1).dilation(2).ceil_mode(true),
            &[2, 3, 11],
            &[2, 3, 5],
            &[1.7111198798247313, -0.4008560347443856],
        ),
        row(
            MaxPool2d::new([3, 2]).stride([2, 1]).padding([1, 0]),
            &[2, 3, 7, 6],
            &[2, 3, 4, 5],
            &[-6.875456604544644, 1.945273580992827],
        ),
        row(
            AvgPool2d::new([3, 2]).stride([2, 1]).padding([1, 0]).ceil_mode(true).count_include_pad(false),
            &[2, 3, 6, 5],
            &[2, 3, 4, 4],
            &[0.47059290269101606, 0.8183649893375701],
        ),
        row(
            AvgPool2d::new(2).divisor_override(3),
            &[3, 6, 5],
            &[3, 3, 2],
            &[0.5117261522371798, 0.7610294590035962],
        ),
        row(
            AvgPool3d::new(2).stride(1),
            &[1, 2, 3, 4, 3],
            &[1, 2, 2, 3, 2],
            &[-0.036059871006938124, 0.8167031812278078],
        ),
        row(
            LpPool2d::new(2, 2).ceil_mode(true),
            &[1, 2, 5, 5],
            &[1, 2, 3, 3],
            &[-4.451961862646829, 2.8526886261894266],
        ),
        row(
            AdaptiveAvgPool2d::new([None, Some(3)]),
            &[2, 2, 4, 7],
            &[2, 2, 4, 3],
            &[0.9994895706848339, 0.29330732465854625],
        ),
        row(
            AdaptiveMaxPool2d::new(3),
            &[2, 2, 4, 7],
            &[2, 2, 3, 3],
            &[-2.125507767144689, -1.5179807576018391],
        ),
        row(
            ReflectionPad2d::new([1, 2, 0, 3]),
            &[2, 4, 5],
            &[2, 7, 8],
            &[4.018610554020821, 10.213530038383187],
        ),
        row(
            ReplicationPad3d::new(1),
            &[1, 1, 2, 3, 2],
            &[1, 1, 4, 5, 4],
            &[-21.667056659963507, 9.499647645868492],
        ),
        row(
            CircularPad2d::new([1, 2, 0, 3]),
            &[2, 1, 4, 5],
            &[2, 1, 7, 8],
            &[5.0134097935039215, 0.8187933307679656],
        ),
        row(
            ZeroPad2d::new([-1, 2, 0, 1]),
            &[2, 1, 4, 5],
            &[2, 1, 5, 6],
            &[0.27917124283244465, 0.0753527168781628],
        ),
        row(ConstantPad1d::new([2, 1], 3.5), &[2, 4], &[2, 7], &[2.659635274204568, 2.0416756246913828]),
        row(
            Fold::new([4, 5], [2, 3]).padding(1).stride(2),
            &[2, 12, 9],
            &[2, 2, 4, 5],
            &[29.374524262197063, 0.21152084377066438],
        ),
        row(
            Unfold::new([2, 3]).dilation([1, 2]).padding([1, 0]).stride(2),
            &[2, 2, 5, 7],
            &[2, 12, 6],
            &[1.3214707257656353, 5.050938530418388],
        ),
        row(
            Upsample::new().scale_factor(2.0),
            &[1, 2, 3, 4],
            &[1, 2, 6, 8],
            &[-0.7664157506250582, -2.9610375583245387],
        ),
        row(
            Upsample::new().size([5, 6]).mode(Interpolation::Bilinear).align_corners(true),
            &[1, 2, 3, 4],
            &[1, 2, 5, 6],
            &[-2.631970815581397, -0.5818294573088115],
        ),
        row(
            Upsample::new().scale_factors([1.5, 2.5]).mode(Interpolation::Bicubic),
            &[1, 2, 4, 4],
            &[1, 2, 6, 10],
            &[-3.897843478388075, 6.38739214398764],
        ),
        row(
            Upsample::new().scale_factor(1.7).mode(Interpolation::Linear).recompute_scale_factor(true),
            &[1, 2, 5],
            &[1, 2, 8],
            &[6.259693932664931, 5.583944667721651],
        ),
        row(
            Upsample::new().scale_factor(2.0).mode(Interpolation::Trilinear),
            &[1, 1, 2, 3, 2],
            &[1, 1, 4, 6, 4],
            &[-0.6763886452792175, -2.886158185306308],
        ),
        row(
            UpsamplingNearest2d::new().size([5, 3]),
            &[1, 2, 3, 4],
            &[1, 2, 5, 3],
            &[2.018294438924455, 3.3119523622676086],
        ),
        row(
            UpsamplingBilinear2d::new().scale_factor(2.0),
            &[1, 2, 3, 4],
            &[1, 2, 6, 8],
            &[4.145880880217192, -1.123796940220855],
        ),
        row(PixelShuffle::new(2), &[1, 8, 2, 3], &[1, 2, 4, 6], &[-2.442241039563993, 2.434084318801159]),
        row(PixelUnshuffle::new(2), &[1, 2, 4, 6], &[1, 8, 2, 3], &[0.1729621371446053, 2.4340843188011583]),
        row(ChannelShuffle::new(3), &[1, 6, 2, 3], &[1, 6, 2, 3], &[9.560453638349255, 2.44536429318912]),
        row(
            BatchNorm1d::new(3).momentum(None),
            &[5, 3],
            &[5, 3],
            &[1.5587346769949053, 9.44831814128596, 1.5915459347505645, -2.357833198396137],
        ),
        row(
            BatchNorm2d::new(3).bias(false),
            &[2, 3, 4, 5],
            &[2, 3, 4, 5],
            &[3.981153102788642, 64.7252401933712, 3.1844229818184973],
        ),
        row(
            InstanceNorm1d::new(3).affine(true),
            &[3, 5],
            &[3, 5],
            &[3.739384282478199, 1.2128099088979039, -1.3193950972875348, -1.811259378422175],
        ),
        row(
            InstanceNorm2d::new(3).track_running_stats(true),
            &[2, 3, 4, 5],
            &[2, 3, 4, 5],
            &[2.9421292868419266, 84.4032510369257],
        ),
        row(
            LayerNorm::new([4, 5]).bias(false),
            &[2, 3, 4, 5],
            &[2, 3, 4, 5],
            &[0.17367069360453857, -2.490082293535722, 4.9658817046446915],
        ),
        row(
            GroupNorm::new(2, 4).eps(0.1),
            &[2, 4, 3],
            &[2, 4, 3],
            &[2.2950173180503053, 1.543677805152046, -0.3682485658819492, 2.6391197281123757],
        ),
        row(
            RmsNorm::new(5),
            &[2, 3, 5],
            &[2, 3, 5],
            &[2.1161146669238518, 0.7769817466255529, 1.5186193062440918],
        ),
        row(
            LocalResponseNorm::new(4).alpha(0.5).k(2.0),
            &[2, 7, 3],
            &[2, 7, 3],
            &[1.433284519562934, 11.308943343197345],
        ),
        row(
            PRelu::new().num_parameters(3),
            &[2, 3, 4],
            &[2, 3, 4],
            &[2.9352408703958774, 12.350709571208851, 0.7055443497965797],
        ),
        row(
            evaluated(RRelu::new().lower(0.2).upper(0.4)),
            &[2, 9],
            &[2, 9],
            &[0.00026655813174408793, 7.602417248200446],
        ),
        row(
            Gelu::new().approximate(GeluApproximation::Tanh),
            &[2, 9],
            &[2, 9],
            &[-0.029688923649212273, 6.717947992016896],
        ),
        row(Threshold::new(0.1, 20), &[2, 9], &[2, 9], &[-40.31452030651669, 6.556969171888524]),
        row(Glu::new().dim(0), &[4, 3], &[2, 3], &[0.8708875739778258, 0.8062906609455689]),
        row(Softmax2d::new(), &[3, 2, 2], &[3, 2, 2], &[0.2791326033150746, 2.503161418830425]),
        row(
            evaluated(Dropout2d::new(0.5)),
            &[2, 3, 2, 2],
            &[2, 3, 2, 2],
            &[2.851195690079148, 13.095381606927734],
        ),
    ];
    rows.into_iter().for_each(check);
}
