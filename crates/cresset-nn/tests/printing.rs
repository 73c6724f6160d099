//! Layers as text: exactly as PyTorch 2.15 prints them, from its `repr`.

use cresset_nn::prelude::*;

#[test]
fn layers_are_printed_as_pytorch_prints_them() {
    let printed = |layer: &dyn std::fmt::Debug| format!("{layer:?}");
    let cases: &[(String, &str)] = &[
        (printed(&Conv1d::new(3, 4, 5)), "Conv1d(3, 4, kernel_size=(5,), stride=(1,))"),
        (printed(&Conv2d::new(1, 32, 3)), "Conv2d(1, 32, kernel_size=(3, 3), stride=(1, 1))"),
        (
            printed(&Conv2d::new(1, 32, 3).padding(1).stride(2).bias(false)),
            "Conv2d(1, 32, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), bias=False)",
        ),
        (
            printed(
                &Conv2d::new(4, 8, [3, 5])
                    .padding(ConvPadding::Same)
                    .groups(2)
                    .padding_mode(PadMode::Reflect),
            ),
            "Conv2d(4, 8, kernel_size=(3, 5), stride=(1, 1), padding=same, groups=2, padding_mode=reflect)",
        ),
        (
            printed(&Conv2d::new(4, 8, 3).padding([1, 0]).padding_mode(PadMode::Circular)),
            "Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 0), padding_mode=circular)",
        ),
        (
            printed(&Conv3d::new(2, 4, 3).dilation([1, 2, 2])),
            "Conv3d(2, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1), dilation=(1, 2, 2))",
        ),
        (
            printed(&Conv2d::new(4, 8, 3).padding(ConvPadding::Valid).dilation(2)),
            "Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), padding=valid, dilation=(2, 2))",
        ),
        (printed(&ConvTranspose1d::new(4, 5, 3)), "ConvTranspose1d(4, 5, kernel_size=(3,), stride=(1,))"),
        (
            printed(&ConvTranspose2d::new(4, 6, 3).stride(2).padding(1).output_padding(1).groups(2)),
            "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1), groups=2)",
        ),
        (
            printed(&ConvTranspose3d::new(4, 6, 3).bias(false).dilation(2)),
            "ConvTranspose3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1), dilation=(2, 2, 2), bias=False)",
        ),
        (
            printed(&Bilinear::new(2, 3, 4)),
            "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)",
        ),
        (
            printed(&Bilinear::new(2, 3, 4).bias(false)),
            "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=False)",
        ),
        (printed(&Identity::new()), "Identity()"),
        (printed(&Flatten::new()), "Flatten(start_dim=1, end_dim=-1)"),
        (printed(&Flatten::new().start_dim(0).end_dim(2)), "Flatten(start_dim=0, end_dim=2)"),
        (printed(&Unflatten::new(1, [2, 5])), "Unflatten(dim=1, unflattened_size=(2, 5))"),
        (
            printed(&MaxPool1d::new(3)),
            "MaxPool1d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)",
        ),
        (
            printed(&MaxPool2d::new(3).stride(2).padding(1)),
            "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
        ),
        (
            printed(&MaxPool2d::new([3, 2]).stride([2, 1])),
            "MaxPool2d(kernel_size=(3, 2), stride=(2, 1), padding=0, dilation=1, ceil_mode=False)",
        ),
        (
            printed(&MaxPool3d::new(2).dilation(2).ceil_mode(true)),
            "MaxPool3d(kernel_size=2, stride=2, padding=0, dilation=2, ceil_mode=True)",
        ),
        (printed(&AvgPool1d::new(2)), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
        (
            printed(&AvgPool1d::new(3).stride(2).padding(1)),
            "AvgPool1d(kernel_size=(3,), stride=(2,), padding=(1,))",
        ),
        (printed(&AvgPool2d::new(2)), "AvgPool2d(kernel_size=2, stride=2, padding=0)"),
        (
            printed(
                &AvgPool2d::new([3, 2])
                    .stride([2, 1])
                    .ceil_mode(true)
                    .count_include_pad(false)
                    .divisor_override(3),
            ),
            "AvgPool2d(kernel_size=(3, 2), stride=(2, 1), padding=0)",
        ),
        (printed(&AvgPool3d::new(2).stride(1)), "AvgPool3d(kernel_size=2, stride=1, padding=0)"),
        (printed(&LpPool1d::new(2, 3)), "LPPool1d(norm_type=2, kernel_size=3, stride=None, ceil_mode=False)"),
        (
            printed(&LpPool2d::new(1.5, [3, 2]).stride([2, 1])),
            "LPPool2d(norm_type=1.5, kernel_size=(3, 2), stride=(2, 1), ceil_mode=False)",
        ),
        (
            printed(&LpPool3d::new(2, 3).ceil_mode(true)),
            "LPPool3d(norm_type=2, kernel_size=3, stride=None, ceil_mode=True)",
        ),
        (printed(&AdaptiveAvgPool1d::new(5)), "AdaptiveAvgPool1d(output_size=5)"),
        (printed(&AdaptiveAvgPool2d::new([5, 7])), "AdaptiveAvgPool2d(output_size=(5, 7))"),
        (printed(&AdaptiveAvgPool2d::new([None, Some(7)])), "AdaptiveAvgPool2d(output_size=(None, 7))"),
        (printed(&AdaptiveAvgPool2d::new(1)), "AdaptiveAvgPool2d(output_size=1)"),
        (printed(&AdaptiveMaxPool1d::new(5)), "AdaptiveMaxPool1d(output_size=5)"),
        (
            printed(&AdaptiveMaxPool3d::new([Some(5), None, Some(7)])),
            "AdaptiveMaxPool3d(output_size=(5, None, 7))",
        ),
        (printed(&FractionalMaxPool2d::new(3).output_size([13, 12])), "FractionalMaxPool2d()"),
        (printed(&FractionalMaxPool3d::new(3).output_ratio(0.5)), "FractionalMaxPool3d()"),
        (printed(&MaxUnpool1d::new(3).stride(2)), "MaxUnpool1d(kernel_size=(3,), stride=(2,), padding=(0,))"),
        (
            printed(&MaxUnpool2d::new(3).stride(2)),
            "MaxUnpool2d(kernel_size=(3, 3), stride=(2, 2), padding=(0, 0))",
        ),
        (
            printed(&MaxUnpool3d::new([3, 2, 2]).padding(1)),
            "MaxUnpool3d(kernel_size=(3, 2, 2), stride=(3, 2, 2), padding=(1, 1, 1))",
        ),
        (printed(&ReflectionPad1d::new(2)), "ReflectionPad1d((2, 2))"),
        (printed(&ReflectionPad2d::new([1, 2, 3, 4])), "ReflectionPad2d((1, 2, 3, 4))"),
        (printed(&ReflectionPad3d::new(1)), "ReflectionPad3d((1, 1, 1, 1, 1, 1))"),
        (printed(&ReplicationPad1d::new([3, 1])), "ReplicationPad1d((3, 1))"),
        (printed(&ReplicationPad2d::new(2)), "ReplicationPad2d((2, 2, 2, 2))"),
        (printed(&ReplicationPad3d::new(3)), "ReplicationPad3d((3, 3, 3, 3, 3, 3))"),
        (printed(&ZeroPad1d::new(2)), "ZeroPad1d((2, 2))"),
        (printed(&ZeroPad2d::new([1, 1, 2, 0])), "ZeroPad2d((1, 1, 2, 0))"),
        (printed(&ZeroPad3d::new(1)), "ZeroPad3d((1, 1, 1, 1, 1, 1))"),
        (printed(&CircularPad1d::new(1)), "CircularPad1d((1, 1))"),
        (printed(&CircularPad2d::new(1)), "CircularPad2d((1, 1, 1, 1))"),
        (printed(&CircularPad3d::new(1)), "CircularPad3d((1, 1, 1, 1, 1, 1))"),
        (printed(&ConstantPad1d::new(2, 3.5)), "ConstantPad1d(padding=(2, 2), value=3.5)"),
        (printed(&ConstantPad2d::new([1, 2, 3, 4], 5)), "ConstantPad2d(padding=(1, 2, 3, 4), value=5)"),
        (printed(&ConstantPad3d::new(1, 0)), "ConstantPad3d(padding=(1, 1, 1, 1, 1, 1), value=0)"),
        (
            printed(&Fold::new([4, 5], [2, 2])),
            "Fold(output_size=(4, 5), kernel_size=(2, 2), dilation=1, padding=0, stride=1)",
        ),
        (
            printed(&Fold::new(4, 2).dilation(2).padding(1).stride(2)),
            "Fold(output_size=4, kernel_size=2, dilation=2, padding=1, stride=2)",
        ),
        (printed(&Unfold::new([2, 3])), "Unfold(kernel_size=(2, 3), dilation=1, padding=0, stride=1)"),
        (printed(&Unfold::new(3).padding(1)), "Unfold(kernel_size=3, dilation=1, padding=1, stride=1)"),
        (printed(&Upsample::new().scale_factor(2.0)), "Upsample(scale_factor=2.0, mode='nearest')"),
        (
            printed(&Upsample::new().size([3, 4]).mode(Interpolation::Bilinear).align_corners(true)),
            "Upsample(size=(3, 4), mode='bilinear')",
        ),
        (
            printed(&Upsample::new().scale_factors([2.0, 1.5]).mode(Interpolation::NearestExact)),
            "Upsample(scale_factor=(2.0, 1.5), mode='nearest-exact')",
        ),
        (printed(&Upsample::new().size(6)), "Upsample(size=6, mode='nearest')"),
        (
            printed(&UpsamplingNearest2d::new().scale_factor(2.0)),
            "UpsamplingNearest2d(scale_factor=2.0, mode='nearest')",
        ),
        (
            printed(&UpsamplingBilinear2d::new().size([3, 5])),
            "UpsamplingBilinear2d(size=(3, 5), mode='bilinear')",
        ),
        (printed(&PixelShuffle::new(3)), "PixelShuffle(upscale_factor=3)"),
        (printed(&PixelUnshuffle::new(3)), "PixelUnshuffle(downscale_factor=3)"),
        (printed(&ChannelShuffle::new(2)), "ChannelShuffle(groups=2)"),
        (
            printed(&BatchNorm1d::new(10)),
            "BatchNorm1d(10, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
        ),
        (
            printed(&BatchNorm2d::new(100).affine(false)),
            "BatchNorm2d(100, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)",
        ),
        (
            printed(&BatchNorm2d::new(3).eps(1e-3).momentum(None)),
            "BatchNorm2d(3, eps=0.001, momentum=None, affine=True, bias=True, track_running_stats=True)",
        ),
        (
            printed(&BatchNorm3d::new(4).track_running_stats(false).momentum(0.01)),
            "BatchNorm3d(4, eps=1e-05, momentum=0.01, affine=True, bias=True, track_running_stats=False)",
        ),
        (
            printed(&BatchNorm2d::new(3).bias(false)),
            "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=False, track_running_stats=True)",
        ),
        (
            printed(&InstanceNorm1d::new(100)),
            "InstanceNorm1d(100, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
        ),
        (
            printed(&InstanceNorm2d::new(100).affine(true)),
            "InstanceNorm2d(100, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=False)",
        ),
        (
            printed(&InstanceNorm3d::new(3).track_running_stats(true).eps(1e-3)),
            "InstanceNorm3d(3, eps=0.001, momentum=0.1, affine=False, bias=False, track_running_stats=True)",
        ),
        (printed(&LayerNorm::new(5)), "LayerNorm((5,), eps=1e-05, elementwise_affine=True, bias=True)"),
        (
            printed(&LayerNorm::new([2, 3]).eps(1e-12)),
            "LayerNorm((2, 3), eps=1e-12, elementwise_affine=True, bias=True)",
        ),
        (
            printed(&LayerNorm::new(5).elementwise_affine(false)),
            "LayerNorm((5,), eps=1e-05, elementwise_affine=False, bias=False)",
        ),
        (
            printed(&LayerNorm::new(5).bias(false)),
            "LayerNorm((5,), eps=1e-05, elementwise_affine=True, bias=False)",
        ),
        (printed(&GroupNorm::new(3, 6)), "GroupNorm(3, 6, eps=1e-05, affine=True, bias=True)"),
        (
            printed(&GroupNorm::new(3, 6).affine(false).eps(0.001)),
            "GroupNorm(3, 6, eps=0.001, affine=False, bias=False)",
        ),
        (printed(&GroupNorm::new(3, 6).bias(false)), "GroupNorm(3, 6, eps=1e-05, affine=True, bias=False)"),
        (printed(&RmsNorm::new(5)), "RMSNorm((5,), eps=None, elementwise_affine=True)"),
        (printed(&RmsNorm::new([2, 3]).eps(1e-6)), "RMSNorm((2, 3), eps=1e-06, elementwise_affine=True)"),
        (
            printed(&RmsNorm::new(5).elementwise_affine(false)),
            "RMSNorm((5,), eps=None, elementwise_affine=False)",
        ),
        (printed(&LocalResponseNorm::new(2)), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)"),
        (
            printed(&LocalResponseNorm::new(5).alpha(1e-3).beta(0.5).k(2.0)),
            "LocalResponseNorm(5, alpha=0.001, beta=0.5, k=2.0)",
        ),
        (printed(&Relu::new()), "ReLU()"),
        (printed(&Relu6::new()), "ReLU6()"),
        (printed(&LeakyRelu::new()), "LeakyReLU(negative_slope=0.01)"),
        (printed(&LeakyRelu::new().negative_slope(0.2)), "LeakyReLU(negative_slope=0.2)"),
        (printed(&PRelu::new()), "PReLU(num_parameters=1)"),
        (printed(&PRelu::new().num_parameters(3)), "PReLU(num_parameters=3)"),
        (printed(&RRelu::new()), "RReLU(lower=0.125, upper=0.3333333333333333)"),
        (printed(&RRelu::new().lower(0.1).upper(0.3)), "RReLU(lower=0.1, upper=0.3)"),
        (printed(&Elu::new()), "ELU(alpha=1.0)"),
        (printed(&Celu::new().alpha(2.0)), "CELU(alpha=2.0)"),
        (printed(&Selu::new()), "SELU()"),
        (printed(&Gelu::new()), "GELU(approximate='none')"),
        (printed(&Gelu::new().approximate(GeluApproximation::Tanh)), "GELU(approximate='tanh')"),
        (printed(&Silu::new()), "SiLU()"),
        (printed(&Mish::new()), "Mish()"),
        (printed(&Sigmoid::new()), "Sigmoid()"),
        (printed(&LogSigmoid::new()), "LogSigmoid()"),
        (printed(&Hardsigmoid::new()), "Hardsigmoid()"),
        (printed(&Hardswish::new()), "Hardswish()"),
        (printed(&Hardtanh::new()), "Hardtanh(min_val=-1.0, max_val=1.0)"),
        (printed(&Hardtanh::new().min_val(-2.0).max_val(2.0)), "Hardtanh(min_val=-2.0, max_val=2.0)"),
        (printed(&Hardshrink::new()), "Hardshrink(0.5)"),
        (printed(&Softshrink::new().lambd(0.25)), "Softshrink(0.25)"),
        (printed(&Softplus::new()), "Softplus(beta=1.0, threshold=20.0)"),
        (printed(&Softplus::new().beta(2.0).threshold(10.0)), "Softplus(beta=2.0, threshold=10.0)"),
        (printed(&Softsign::new()), "Softsign()"),
        (printed(&Tanh::new()), "Tanh()"),
        (printed(&Tanhshrink::new()), "Tanhshrink()"),
        (printed(&Threshold::new(0.1, 20)), "Threshold(threshold=0.1, value=20)"),
        (printed(&Glu::new()), "GLU(dim=-1)"),
        (printed(&Glu::new().dim(1)), "GLU(dim=1)"),
        (printed(&Softmax::new(1)), "Softmax(dim=1)"),
        (printed(&Softmax2d::new()), "Softmax2d()"),
        (printed(&LogSoftmax::new(-1)), "LogSoftmax(dim=-1)"),
        (printed(&Softmin::new(0)), "Softmin(dim=0)"),
        (printed(&Dropout::new(0.5)), "Dropout(p=0.5, inplace=False)"),
        (printed(&Dropout1d::new(0.2)), "Dropout1d(p=0.2, inplace=False)"),
        (printed(&Dropout2d::new(0.1)), "Dropout2d(p=0.1, inplace=False)"),
        (printed(&Dropout3d::new(0.0)), "Dropout3d(p=0.0, inplace=False)"),
        (printed(&AlphaDropout::new(0.25)), "AlphaDropout(p=0.25, inplace=False)"),
        (printed(&FeatureAlphaDropout::new(1.0)), "FeatureAlphaDropout(p=1.0, inplace=False)"),
        (printed(&Dropout::new(1e-5)), "Dropout(p=1e-05, inplace=False)"),
        (printed(&LeakyRelu::new().negative_slope(1e16)), "LeakyReLU(negative_slope=1e+16)"),
        (printed(&LeakyRelu::new().negative_slope(1.5e-7)), "LeakyReLU(negative_slope=1.5e-07)"),
        (
            printed(&Hardtanh::new().min_val(f64::NEG_INFINITY).max_val(f64::INFINITY)),
            "Hardtanh(min_val=-inf, max_val=inf)",
        ),
        (printed(&Embedding::new(10, 3)), "Embedding(10, 3)"),
        (printed(&Embedding::new(10, 3).padding_idx(0)), "Embedding(10, 3, padding_idx=0)"),
        (
            printed(
                &Embedding::new(10, 3).padding_idx(-1).max_norm(1.0).norm_type(1.0).scale_grad_by_freq(true),
            ),
            "Embedding(10, 3, padding_idx=9, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)",
        ),
        (printed(&EmbeddingBag::new(10, 3)), "EmbeddingBag(10, 3, mode='mean')"),
        (
            printed(&EmbeddingBag::new(10, 3).mode(BagMode::Sum).padding_idx(2)),
            "EmbeddingBag(10, 3, mode='sum', padding_idx=2)",
        ),
        (
            printed(
                &EmbeddingBag::new(10, 3)
                    .max_norm(2.0)
                    .norm_type(1.0)
                    .scale_grad_by_freq(true)
                    .include_last_offset(true),
            ),
            "EmbeddingBag(10, 3, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, mode='mean')",
        ),
        (
            printed(&sequential![
                Conv2d::new(1, 8, 3),
                BatchNorm2d::new(8),
                Relu::new(),
                MaxPool2d::new(2),
                Flatten::new(),
                Linear::new(8, 2)
            ]),
            "Sequential(\n  (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1))\n  (1): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)\n  (2): ReLU()\n  (3): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n  (4): Flatten(start_dim=1, end_dim=-1)\n  (5): Linear(in_features=8, out_features=2, bias=True)\n)",
        ),
    ];
    for (got, expected) in cases {
        assert_eq!(got, expected);
    }
}
