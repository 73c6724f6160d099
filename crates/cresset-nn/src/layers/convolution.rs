//! Convolutions and transposed convolutions of one to three dimensions.

use cresset_autograd::{Apply, Error, Result, Shape, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{
    Layer, Module, Parameter, Weighted, entering,
    init::{bound_of, within},
    print,
};

/// What a convolution of either kind is made of.
struct Kernel {
    name: &'static str,
    dims: usize,
    transposed: bool,
    in_channels: usize,
    out_channels: usize,
    size: Sizes,
    options: ConvOptions,
    output_padding: Sizes,
    mode: PadMode,
}

/// One size for every dimension, or one for each, none below `least`.
#[track_caller]
#[inline]
fn each(name: &'static str, what: &str, sizes: &Sizes, dims: usize, least: i64) -> Result<Vec<i64>> {
    if sizes.len() != 1 && sizes.len() != dims {
        return Err(Error::argument(name, format!("{what} must be one number or {dims}, not {sizes}")));
    }
    if let Some(size) = sizes.iter().find(|&&size| size < least) {
        return Err(Error::argument(name, format!("{what} must be at least {least}, but is {size}")));
    }
    Ok((0..dims).map(|d| sizes[if sizes.len() == 1 { 0 } else { d }]).collect())
}

impl Kernel {
    #[inline]
    fn new(
        name: &'static str,
        dims: usize,
        transposed: bool,
        in_channels: usize,
        out_channels: usize,
        size: Sizes,
    ) -> Kernel {
        let (options, mode) = (ConvOptions::default(), PadMode::default());
        let output_padding = 0.into();
        Kernel { name, dims, transposed, in_channels, out_channels, size, options, output_padding, mode }
    }

    /// Is there such a convolution?
    #[track_caller]
    #[inline]
    fn check(&self) -> Result<()> {
        let &Kernel { name, dims, in_channels, out_channels, .. } = self;
        let ConvOptions { stride, padding, dilation, groups } = &self.options;
        each(name, "kernel_size", &self.size, dims, 1)?;
        let stride = each(name, "stride", stride, dims, 1)?;
        each(name, "dilation", dilation, dims, 1)?;
        each(name, "output_padding", &self.output_padding, dims, 0)?;
        if let ConvPadding::Zeros(sizes) = padding {
            each(name, "padding", sizes, dims, 0)?;
        }
        let divides = |channels: usize| *groups > 0 && channels as i64 % groups == 0;
        let why = if in_channels == 0 || out_channels == 0 {
            format!("needs at least one channel: from {in_channels} to {out_channels}")
        } else if *groups < 1 {
            format!("groups must be at least 1, not {groups}")
        } else if !divides(in_channels) || !divides(out_channels) {
            format!(
                "groups must divide the channels: {in_channels} in and {out_channels} out do not fall into {groups}"
            )
        } else if *padding == ConvPadding::Same && stride.iter().any(|&stride| stride != 1) {
            "padding 'same' needs a stride of 1".to_owned()
        } else if let PadMode::Constant(value) = self.mode
            && value.to_f64() != 0.0
        {
            format!("padding_mode is zeros, reflect, replicate or circular, not a constant {value}")
        } else {
            return Ok(());
        };
        Err(Error::argument(name, why))
    }

    /// The shape of the weight, and how many numbers come into each output.
    #[track_caller]
    #[inline]
    fn shape(&self) -> Result<(Shape, usize)> {
        self.check()?;
        let (rows, columns) = match self.transposed {
            false => (self.out_channels, self.in_channels),
            true => (self.in_channels, self.out_channels),
        };
        let mut shape = Shape::from([rows, columns / self.options.groups as usize]);
        for size in each(self.name, "kernel_size", &self.size, self.dims, 1)? {
            shape.push(size as usize);
        }
        shape.checked_numel(self.name)?;
        let fan_in = shape[1..].iter().product();
        Ok((shape, fan_in))
    }

    /// Weight and bias, drawn evenly within `1/√fan_in`: what `kaiming_uniform_` with a slope of `√5` gives.
    #[track_caller]
    #[inline]
    fn draw(&self, bias: bool) -> (Parameter, Option<Parameter>) {
        match self.shape() {
            Ok((shape, fan_in)) => {
                let bound = bound_of(fan_in);
                let weight = Parameter::of(within(shape, bound));
                (weight, bias.then(|| Parameter::of(within([self.out_channels], bound))))
            }
            Err(error) => (Parameter::of(Err(error)), None),
        }
    }

    /// The input with what the convolution does not put around itself, and what it still has to.
    #[inline]
    fn around(&self, x: &Tensor) -> Result<(Tensor, ConvOptions)> {
        let options = self.options.clone();
        if matches!(self.mode, PadMode::Constant(_)) {
            return Ok((x.clone(), options));
        }
        let (size, dilation) = (
            each(self.name, "kernel_size", &self.size, self.dims, 1)?,
            each(self.name, "dilation", &options.dilation, self.dims, 1)?,
        );
        let sides: Vec<[i64; 2]> = match &options.padding {
            ConvPadding::Zeros(sizes) => {
                let sizes = each(self.name, "padding", sizes, self.dims, 0)?;
                sizes.into_iter().map(|size| [size, size]).collect()
            }
            ConvPadding::Valid => vec![[0, 0]; self.dims],
            ConvPadding::Same => (size.iter().zip(dilation))
                .map(|(size, dilation)| (size - 1).saturating_mul(dilation))
                .map(|total| [total / 2, total - total / 2])
                .collect(),
        };
        let sides: Sizes = sides.into_iter().rev().flatten().collect();
        Ok((x.pad(sides, self.mode)?, ConvOptions { padding: ConvPadding::Valid, ..options }))
    }

    #[inline]
    fn extra(&self, bias: bool) -> String {
        let Kernel { dims, in_channels, out_channels, size, output_padding, .. } = self;
        let ConvOptions { stride, padding, dilation, groups } = &self.options;
        let show = |sizes| print::spread(sizes, *dims);
        let mut text =
            format!("{in_channels}, {out_channels}, kernel_size={}, stride={}", show(size), show(stride));
        let mut add = |name: &str, value: String| text += &format!(", {name}={value}");
        let all = |sizes: &Sizes, default: i64| sizes.iter().all(|&size| size == default);
        match padding {
            ConvPadding::Zeros(sizes) if all(sizes, 0) => {}
            ConvPadding::Zeros(sizes) => add("padding", show(sizes)),
            ConvPadding::Same => add("padding", "same".into()),
            ConvPadding::Valid => add("padding", "valid".into()),
        }
        if !all(dilation, 1) {
            add("dilation", show(dilation));
        }
        if !all(output_padding, 0) {
            add("output_padding", show(output_padding));
        }
        if *groups != 1 {
            add("groups", groups.to_string());
        }
        if !bias {
            add("bias", "False".into());
        }
        match self.mode {
            PadMode::Constant(_) => {}
            PadMode::Reflect => add("padding_mode", "reflect".into()),
            PadMode::Replicate => add("padding_mode", "replicate".into()),
            PadMode::Circular => add("padding_mode", "circular".into()),
        }
        text
    }

    /// The output padding with which an input gives an output of a size.
    #[track_caller]
    #[inline]
    fn output_padding(&self, x: &Tensor, output_size: &Sizes) -> Result<Sizes> {
        let &Kernel { name, dims, .. } = self;
        let outside = if x.rank() == dims + 2 { 2 } else { 1 };
        if x.rank() != dims + outside {
            return Ok(self.output_padding.clone());
        }
        let wanted =
            if output_size.len() == dims + outside { &output_size[outside..] } else { &output_size[..] };
        if wanted.len() != dims {
            return Err(Error::argument(
                name,
                format!("output_size must name {dims} sizes, not {output_size}"),
            ));
        }
        let size = each(name, "kernel_size", &self.size, dims, 1)?;
        let stride = each(name, "stride", &self.options.stride, dims, 1)?;
        let dilation = each(name, "dilation", &self.options.dilation, dims, 1)?;
        let padding = each(name, "padding", &self.plain_padding(), dims, 0)?;
        let mut extra = Vec::new();
        for d in 0..dims {
            let steps = (x.shape()[outside + d] as i64 - 1).saturating_mul(stride[d]);
            let reach = (size[d] - 1).saturating_mul(dilation[d]).saturating_add(1);
            let least = steps.saturating_add(reach).saturating_sub(padding[d].saturating_mul(2));
            let most = least.saturating_add(stride[d] - 1);
            if !(least..=most).contains(&wanted[d]) {
                return Err(Error::argument(
                    name,
                    format!(
                        "from {} the output's dimension {d} can be of {least} to {most}, not {}",
                        x.shape(),
                        wanted[d]
                    ),
                ));
            }
            extra.push(wanted[d] - least);
        }
        Ok(extra.into())
    }

    #[inline]
    fn plain_padding(&self) -> Sizes {
        match &self.options.padding {
            ConvPadding::Zeros(sizes) => sizes.clone(),
            ConvPadding::Same | ConvPadding::Valid => 0.into(),
        }
    }

    #[inline]
    fn transpose_options(&self, output_padding: Sizes) -> ConvTransposeOptions {
        let ConvOptions { stride, dilation, groups, .. } = self.options.clone();
        ConvTransposeOptions { stride, padding: self.plain_padding(), output_padding, groups, dilation }
    }
}

macro_rules! both {
    ($name:ident $dims:literal $transposed:literal) => {
        /// From `in_channels` to `out_channels`, with a bias. The kernel's size is one number for every dimension, or
        /// one for each.
        #[track_caller]
        pub fn new(in_channels: usize, out_channels: usize, kernel_size: impl Into<Sizes>) -> $name {
            let size = kernel_size.into();
            let kernel = Kernel::new(stringify!($name), $dims, $transposed, in_channels, out_channels, size);
            let (weight, bias) = kernel.draw(true);
            $name { weight, bias, with_bias: true, kernel }
        }

        /// How far windows are apart; 1 unless said.
        #[track_caller]
        pub fn stride(mut self, stride: impl Into<Sizes>) -> $name {
            self.kernel.options.stride = stride.into();
            self.checked()
        }

        /// How far the elements of a window are apart; 1 unless said.
        #[track_caller]
        pub fn dilation(mut self, dilation: impl Into<Sizes>) -> $name {
            self.kernel.options.dilation = dilation.into();
            self.checked()
        }

        /// Into how many independent groups the channels fall; 1 unless said. Draws the weight anew.
        #[track_caller]
        #[inline]
        pub fn groups(mut self, groups: usize) -> $name {
            self.kernel.options.groups = i64::try_from(groups).unwrap_or(i64::MAX);
            (self.weight, self.bias) = self.kernel.draw(self.with_bias);
            self
        }

        /// With a bias, or without.
        #[track_caller]
        #[inline]
        pub fn bias(mut self, bias: bool) -> $name {
            let had = std::mem::replace(&mut self.with_bias, bias);
            match bias {
                false => self.bias = None,
                true if had => {}
                true => (self.weight, self.bias) = self.kernel.draw(true),
            }
            self
        }

        /// Keeps an error where there is no such convolution, and draws again where there was one and is none now.
        #[track_caller]
        #[inline]
        fn checked(mut self) -> $name {
            match self.kernel.check() {
                Err(error) => self.weight = Parameter::of(Err(error)),
                Ok(()) if self.weight.get().is_err() => {
                    (self.weight, self.bias) = self.kernel.draw(self.with_bias);
                }
                Ok(()) => {}
            }
            self
        }

        #[inline]
        fn extra(&self) -> String {
            self.kernel.extra(self.with_bias)
        }
    };
}

macro_rules! convolutions {
    ($($(#[$example:meta])* $dims:literal $conv:ident $conv_with:ident $transpose:ident $transpose_with:ident $sizes:literal;)*) => {$(
        #[doc = concat!("A convolution of images ", $sizes, ", the batch of which may be missing.")]
        $(#[$example])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $conv {
            /// `[out_channels, in_channels/groups, kernel…]`.
            pub weight: Parameter,
            /// `[out_channels]`.
            pub bias: Option<Parameter>,
            with_bias: bool,
            #[module(skip)]
            kernel: Kernel,
        }

        impl $conv {
            both!($conv $dims false);

            /// What is put around the input: so many on both sides (none unless said), `ConvPadding::Same` for an output as
            /// large as the input, `ConvPadding::Valid`.
            #[track_caller]
            pub fn padding(mut self, padding: impl Into<ConvPadding>) -> $conv {
                self.kernel.options.padding = padding.into();
                self.checked()
            }

            /// With what the input is padded: zeros (`PadMode::default()`) unless said, or reflected, replicated, circular.
            #[track_caller]
            #[inline]
            pub fn padding_mode(mut self, mode: PadMode) -> $conv {
                self.kernel.mode = mode;
                self.checked()
            }
        }

        impl Layer for $conv {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(self.forward_with(self.weight.get()?, x))
            }
        }

        impl Weighted for $conv {
            #[inline]
            fn weight_mut(&mut self) -> &mut Parameter {
                &mut self.weight
            }

            #[track_caller]
            #[inline]
            fn forward_with(&self, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
                let bias = self.bias.as_ref().map(Parameter::get).transpose()?;
                let (x, options) = self.kernel.around(x)?;
                x.$conv_with(weight, bias, &options)
            }
        }

        #[doc = concat!("A transposed convolution of images ", $sizes, ", the batch of which may be missing: the derivative of a")]
        /// convolution with these settings, as a layer that enlarges.
        #[derive(Module)]
        #[module(extra)]
        pub struct $transpose {
            /// `[in_channels, out_channels/groups, kernel…]`.
            pub weight: Parameter,
            /// `[out_channels]`.
            pub bias: Option<Parameter>,
            with_bias: bool,
            #[module(skip)]
            kernel: Kernel,
        }

        impl $transpose {
            both!($transpose $dims true);

            /// The padding of the convolution of which this is the transposed: so much is taken off; none unless said.
            #[track_caller]
            pub fn padding(mut self, padding: impl Into<Sizes>) -> $transpose {
                self.kernel.options.padding = ConvPadding::Zeros(padding.into());
                self.checked()
            }

            /// What is added to the output's size at its end, as several sizes fit one input; none unless said.
            #[track_caller]
            pub fn output_padding(mut self, output_padding: impl Into<Sizes>) -> $transpose {
                self.kernel.output_padding = output_padding.into();
                self.checked()
            }

            /// [`forward`](Layer::forward) with an output of a size, which fits the input: PyTorch's argument `output_size`.
            #[track_caller]
            #[inline]
            pub fn forward_with_size(&self, x: &Tensor, output_size: impl Into<Sizes>) -> Result<Tensor> {
                let boundary = entering(self);
                let weight = self.weight.get()?;
                let bias = self.bias.as_ref().map(Parameter::get).transpose()?;
                let extra = self.kernel.output_padding(x, &output_size.into())?;
                boundary.gives(x.$transpose_with(weight, bias, &self.kernel.transpose_options(extra)))
            }
        }

        impl Layer for $transpose {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(self.forward_with(self.weight.get()?, x))
            }
        }

        impl Weighted for $transpose {
            const OUTPUTS: usize = 1;

            #[inline]
            fn weight_mut(&mut self) -> &mut Parameter {
                &mut self.weight
            }

            #[track_caller]
            #[inline]
            fn forward_with(&self, weight: &Tensor, x: &Tensor) -> Result<Tensor> {
                let bias = self.bias.as_ref().map(Parameter::get).transpose()?;
                let extra = self.kernel.output_padding.clone();
                x.$transpose_with(weight, bias, &self.kernel.transpose_options(extra))
            }
        }
    )*};
}

convolutions! {
    1 Conv1d conv1d_with ConvTranspose1d conv_transpose1d_with "`[n, channels, width]`";
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let conv = Conv2d::new(3, 32, 3).stride(2).padding(1).bias(false);
    /// assert_eq!(conv.forward(&Tensor::zeros([8, 3, 28, 28]))?.shape(), &[8, 32, 14, 14]);
    /// assert_eq!(conv.weight.shape(), &[32, 3, 3, 3]);
    /// # Ok::<(), Error>(())
    /// ```
    2 Conv2d conv2d_with ConvTranspose2d conv_transpose2d_with "`[n, channels, height, width]`";
    3 Conv3d conv3d_with ConvTranspose3d conv_transpose3d_with "`[n, channels, depth, height, width]`";
}
