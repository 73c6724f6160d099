//! The commonest mistakes, and what their errors say. Nothing panics; a constructor keeps its error for who calls forward.

use cresset_nn::prelude::*;

#[track_caller]
fn refused(layer: &dyn Layer, shape: &[usize], expected: &str) {
    let error = layer.forward(&Tensor::zeros(shape)).expect_err("was not refused");
    let text = format!("{}: {}", error.operation(), error.message());
    assert_eq!(text, expected);
}

#[test]
fn convolutions_that_do_not_exist() {
    refused(
        &Conv2d::new(3, 8, 3).groups(2),
        &[1, 3, 8, 8],
        "Conv2d: groups must divide the channels: 3 in and 8 out do not fall into 2",
    );
    refused(&Conv2d::new(3, 8, 3).groups(0), &[1, 3, 8, 8], "Conv2d: groups must be at least 1, not 0");
    refused(&Conv2d::new(0, 8, 3), &[1, 3, 8, 8], "Conv2d: needs at least one channel: from 0 to 8");
    refused(&Conv2d::new(3, 8, 0), &[1, 3, 8, 8], "Conv2d: kernel_size must be at least 1, but is 0");
    refused(
        &Conv2d::new(3, 8, [3, 3, 3]),
        &[1, 3, 8, 8],
        "Conv2d: kernel_size must be one number or 2, not [3, 3, 3]",
    );
    refused(&Conv1d::new(3, 8, 3).stride(0), &[1, 3, 8], "Conv1d: stride must be at least 1, but is 0");
    refused(&Conv1d::new(3, 8, 3).padding(-1), &[1, 3, 8], "Conv1d: padding must be at least 0, but is -1");
    refused(
        &Conv1d::new(3, 8, 3).stride(2).padding(ConvPadding::Same),
        &[1, 3, 8],
        "Conv1d: padding 'same' needs a stride of 1",
    );
    refused(
        &Conv1d::new(3, 8, 3).padding_mode(PadMode::Constant(3.into())),
        &[1, 3, 8],
        "Conv1d: padding_mode is zeros, reflect, replicate or circular, not a constant 3",
    );
    refused(
        &ConvTranspose2d::new(4, 6, 3).groups(4),
        &[1, 4, 8, 8],
        "ConvTranspose2d: groups must divide the channels: 4 in and 6 out do not fall into 4",
    );
    refused(
        &ConvTranspose1d::new(4, 6, 3).output_padding(1),
        &[1, 4, 8],
        "conv_transpose1d: output_padding must be smaller than stride or dilation, but is 1",
    );
    // The whole model can be asked, and says where in the program the constructor was called.
    let net = sequential![Conv2d::new(3, 8, 3).groups(2), Relu::new()];
    let error = net.check().unwrap_err();
    assert!(error.location().file().ends_with("mistakes.rs"), "{error}");
}

#[test]
fn inputs_that_do_not_fit() {
    for (layer, shape) in [
        (&Conv2d::new(3, 8, 3) as &dyn Layer, vec![2, 8]),
        (&Conv2d::new(3, 8, 3), vec![1, 4, 8, 8]),
        (&Conv2d::new(3, 8, 9), vec![1, 3, 8, 8]),
        (&Linear::new(3, 8), vec![2, 4]),
        (&MaxPool2d::new(3), vec![2, 2]),
        (&MaxPool2d::new(3), vec![1, 1, 2, 2]),
        (&MaxPool2d::new(3).padding(2), vec![1, 1, 8, 8]),
        (&MaxPool1d::new(0), vec![1, 8]),
        (&AvgPool2d::new(2).divisor_override(0), vec![1, 8, 8]),
        (&LpPool1d::new(2, [1, 2]), vec![1, 8]),
        (&AdaptiveAvgPool2d::new([1, 2, 3]), vec![1, 8, 8]),
        (&FractionalMaxPool2d::new(9).output_size(8), vec![1, 8, 8]),
        (&ReflectionPad1d::new(8), vec![1, 8]),
        (&CircularPad1d::new(9), vec![1, 8]),
        (&Fold::new(4, 5), vec![1, 25, 1]),
        (&Unfold::new(5), vec![1, 1, 4, 4]),
        (&PixelShuffle::new(2), vec![1, 3, 4, 4]),
        (&PixelShuffle::new(0), vec![1, 4, 4, 4]),
        (&PixelUnshuffle::new(3), vec![1, 3, 4, 4]),
        (&ChannelShuffle::new(2), vec![1, 3, 4, 4]),
        (&LayerNorm::new(5), vec![2, 4]),
        (&RmsNorm::new([2, 5]), vec![2, 4]),
        (&BatchNorm1d::new(4), vec![1, 4]),
        (&LocalResponseNorm::new(0), vec![1, 3, 4]),
        (&PRelu::new().num_parameters(3), vec![2, 4]),
        (&Glu::new(), vec![2, 3]),
        (&Softmax::new(2), vec![2, 3]),
        (&Dropout::new(1.5), vec![2, 3]),
        (&Dropout::new(f64::NAN), vec![2, 3]),
        (&RRelu::new().lower(2.0), vec![2, 3]),
        (&Softshrink::new().lambd(-1.0), vec![2, 3]),
        (&Celu::new().alpha(0.0), vec![2, 3]),
        (&Hardtanh::new().min_val(2.0), vec![2, 3]),
        (&Flatten::new().start_dim(3), vec![2, 3]),
        (&Unflatten::new(1, [2, 2]), vec![2, 3]),
        (&Embedding::new(4, 2), vec![2, 3]),
        (&Conv2d::new(usize::MAX / 2, 3, 3), vec![1, 3, 4, 4]),
        (&LayerNorm::new([usize::MAX / 2, 8]), vec![1, 3]),
    ] {
        let error = layer.forward(&Tensor::zeros(&shape[..])).err();
        let error = error.unwrap_or_else(|| panic!("{} took {shape:?}", cresset_nn::printed(layer)));
        assert!(!error.message().is_empty());
    }
}

#[test]
fn errors_name_what_would_be_right() {
    refused(
        &BatchNorm2d::new(3),
        &[2, 4, 5, 5],
        "BatchNorm2d: made for 3 channels (num_features), but dimension 1 of the input [2, 4, 5, 5] has 4",
    );
    refused(
        &BatchNorm2d::new(3),
        &[2, 3],
        "BatchNorm2d: expected `[n, channels, height, width]`, got an input of shape [2, 3]",
    );
    refused(
        &InstanceNorm1d::new(3).affine(true),
        &[4, 5],
        "InstanceNorm1d: made for 3 channels (num_features), but dimension 0 of the input [4, 5] has 4",
    );
    refused(
        &BatchNorm1d::new(3),
        &[1, 3],
        "batch_norm: expected more than 1 value per channel in training, got shape [1, 3]",
    );
    refused(
        &GroupNorm::new(4, 6),
        &[1, 6, 2],
        "GroupNorm: num_groups must divide num_channels: 6 channels do not fall into 4",
    );
    refused(
        &GroupNorm::new(4, 6).affine(false),
        &[1, 6, 2],
        "GroupNorm: num_groups must divide num_channels: 6 channels do not fall into 4",
    );
    refused(
        &GroupNorm::new(3, 6),
        &[1, 9, 2],
        "GroupNorm: made for 6 channels (num_channels), but dimension 1 of the input [1, 9, 2] has 9",
    );
    refused(
        &ZeroPad2d::new([1, 2]),
        &[1, 4, 4],
        "ZeroPad2d: padding must be one number or 4 (before and after, the last dimension first), not [1, 2]",
    );
    refused(&Upsample::new(), &[1, 1, 4], "interpolate: give a size or a scale_factor");
    refused(
        &FractionalMaxPool2d::new(2),
        &[1, 4, 4],
        "FractionalMaxPool2d: needs an output_size or an output_ratio",
    );
    refused(
        &FractionalMaxPool2d::new(2).output_ratio(1.5),
        &[1, 4, 4],
        "FractionalMaxPool2d: output_ratio must be between 0 and 1, but is 1.5",
    );
    refused(
        &Embedding::new(4, 2).sparse(true),
        &[1],
        "Embedding: gradients are dense here; leave sparse out, and the numbers are the same",
    );
    refused(&Embedding::new(4, 2).padding_idx(4), &[1], "Embedding: padding_idx 4 is not one of 4 rows");
    refused(
        &EmbeddingBag::from_pretrained(Tensor::zeros([4])),
        &[1],
        "EmbeddingBag: the table must have 2 dimensions (rows, columns), not shape [4]",
    );
    refused(
        &Softmax2d::new(),
        &[2, 3],
        "Softmax2d: needs images [n, channels, height, width], with or without the batch, not [2, 3]",
    );
    let indices = Tensor::new([7i64]);
    let error = Embedding::new(4, 2).forward(&indices).unwrap_err();
    assert!(error.message().contains('7') && error.message().contains('4'), "{error}");
}
