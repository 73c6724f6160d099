//! Images at other sizes, channels exchanged for pixels, and windows taken apart and added together.

use cresset_autograd::{Result, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, entering, print};

/// PyTorch's name.
#[inline]
fn name_of(mode: Interpolation) -> &'static str {
    match mode {
        Interpolation::Nearest => "nearest",
        Interpolation::NearestExact => "nearest-exact",
        Interpolation::Linear => "linear",
        Interpolation::Bilinear => "bilinear",
        Interpolation::Bicubic => "bicubic",
        Interpolation::Trilinear => "trilinear",
        Interpolation::Area => "area",
    }
}

macro_rules! upsamplings {
    ($($(#[$doc:meta])* $name:ident $options:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            #[module(skip)]
            options: InterpolateOptions,
        }

        impl Default for $name {
            #[inline]
            fn default() -> $name {
                $name { options: $options }
            }
        }

        impl $name {
            /// To what size or by what scale must be said, too.
            #[inline]
            pub fn new() -> $name {
                $name::default()
            }

            /// The spatial sizes of the result: one for every dimension, or one for each.
            pub fn size(mut self, size: impl Into<Sizes>) -> $name {
                self.options.size = Some(size.into());
                self
            }

            /// How many times larger the result is.
            #[inline]
            pub fn scale_factor(mut self, scale_factor: f64) -> $name {
                self.options.scale_factor = Some(vec![scale_factor]);
                self
            }

            /// [`scale_factor`](Self::scale_factor) for each dimension.
            pub fn scale_factors(mut self, scale_factors: impl Into<Vec<f64>>) -> $name {
                self.options.scale_factor = Some(scale_factors.into());
                self
            }

            #[inline]
            fn extra(&self) -> String {
                let mode = name_of(self.options.mode);
                let scales = self.options.scale_factor.iter().flatten().map(|&scale| print::float(scale));
                match &self.options {
                    InterpolateOptions { scale_factor: Some(list), .. } if list.len() == 1 => {
                        format!("scale_factor={}, mode='{mode}'", scales.collect::<String>())
                    }
                    InterpolateOptions { scale_factor: Some(_), .. } => {
                        format!("scale_factor={}, mode='{mode}'", print::tuple(scales))
                    }
                    InterpolateOptions { size, .. } => {
                        format!("size={}, mode='{mode}'", print::maybe(size.as_ref(), print::sizes))
                    }
                }
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.interpolate(&self.options))
            }
        }
    )*};
}

upsamplings! {
    /// Images `[n, channels, …]` of one to three dimensions at another size.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let larger = Upsample::new().scale_factor(2.0).mode(Interpolation::Bilinear);
    /// assert_eq!(larger.forward(&Tensor::zeros([1, 3, 4, 5]))?.shape(), &[1, 3, 8, 10]);
    /// # Ok::<(), Error>(())
    /// ```
    Upsample InterpolateOptions::default();
    /// Images `[n, channels, height, width]` at another size, by the nearest pixel.
    UpsamplingNearest2d InterpolateOptions::default();
    /// Images `[n, channels, height, width]` at another size, bilinear, with the corners' centres aligned.
    UpsamplingBilinear2d InterpolateOptions {
        mode: Interpolation::Bilinear,
        align_corners: Some(true),
        ..InterpolateOptions::default()
    };
}

impl Upsample {
    /// How values between pixels are made; the nearest pixel unless said.
    #[inline]
    pub fn mode(mut self, mode: Interpolation) -> Upsample {
        self.options.mode = mode;
        self
    }

    /// Whether the centres of the corners stay where they are, instead of their outer edges; they do not unless said.
    pub fn align_corners(mut self, align_corners: impl Into<Option<bool>>) -> Upsample {
        self.options.align_corners = align_corners.into();
        self
    }

    /// Whether places are computed by the ratio of the sizes instead of the scale as given; they are not unless said.
    pub fn recompute_scale_factor(mut self, recompute: impl Into<Option<bool>>) -> Upsample {
        self.options.recompute_scale_factor = recompute.into();
        self
    }
}

macro_rules! shuffles {
    ($($(#[$doc:meta])* $name:ident $factor:ident $method:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            $factor: i64,
        }

        impl $name {
            /// By that factor.
            #[inline]
            pub fn new($factor: i64) -> $name {
                $name { $factor }
            }

            #[inline]
            fn extra(&self) -> String {
                format!(concat!(stringify!($factor), "={}"), self.$factor)
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$method(self.$factor))
            }
        }
    )*};
}

shuffles! {
    /// Channels become pixels: `[…, channels·r², height, width]` to `[…, channels, height·r, width·r]`.
    PixelShuffle upscale_factor pixel_shuffle;
    /// Pixels become channels: the inverse of [`PixelShuffle`].
    PixelUnshuffle downscale_factor pixel_unshuffle;
    /// The channels of all groups in turn.
    ChannelShuffle groups channel_shuffle;
}

macro_rules! windows {
    ($($name:ident)*) => {$(
        impl $name {
            /// How far the elements of a window are apart; 1 unless said.
            pub fn dilation(mut self, dilation: impl Into<Sizes>) -> $name {
                self.options.dilation = dilation.into();
                self
            }

            /// How many zeros are thought on both sides; none unless said.
            pub fn padding(mut self, padding: impl Into<Sizes>) -> $name {
                self.options.padding = padding.into();
                self
            }

            /// How far windows are apart; 1 unless said.
            pub fn stride(mut self, stride: impl Into<Sizes>) -> $name {
                self.options.stride = stride.into();
                self
            }

            #[inline]
            fn window(&self) -> String {
                let WindowOptions { dilation, padding, stride } = &self.options;
                format!(
                    "kernel_size={}, dilation={}, padding={}, stride={}",
                    print::sizes(&self.kernel_size),
                    print::sizes(dilation),
                    print::sizes(padding),
                    print::sizes(stride)
                )
            }
        }
    )*};
}

windows!(Fold Unfold);

/// Every window of images `[n, channels, height, width]` as a column: `[n, channels·kernel, windows]`.
#[derive(Module)]
#[module(extra)]
pub struct Unfold {
    kernel_size: Sizes,
    #[module(skip)]
    options: WindowOptions,
}

impl Unfold {
    /// Windows of this size.
    pub fn new(kernel_size: impl Into<Sizes>) -> Unfold {
        Unfold { kernel_size: kernel_size.into(), options: WindowOptions::default() }
    }

    #[inline]
    fn extra(&self) -> String {
        self.window()
    }
}

impl Layer for Unfold {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.im2col(self.kernel_size.clone(), &self.options))
    }
}

/// Columns `[n, channels·kernel, windows]` added to where the windows of images lie: the adjoint of [`Unfold`].
#[derive(Module)]
#[module(extra)]
pub struct Fold {
    output_size: Sizes,
    kernel_size: Sizes,
    #[module(skip)]
    options: WindowOptions,
}

impl Fold {
    /// Images of this size with windows of that.
    pub fn new(output_size: impl Into<Sizes>, kernel_size: impl Into<Sizes>) -> Fold {
        let (output_size, kernel_size) = (output_size.into(), kernel_size.into());
        Fold { output_size, kernel_size, options: WindowOptions::default() }
    }

    #[inline]
    fn extra(&self) -> String {
        format!("output_size={}, {}", print::sizes(&self.output_size), self.window())
    }
}

impl Layer for Fold {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.col2im(self.output_size.clone(), self.kernel_size.clone(), &self.options))
    }
}
