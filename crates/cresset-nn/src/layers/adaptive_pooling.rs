//! Pools whose windows follow from the size of the result.

use cresset_autograd::{Apply, Error, Result, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, entering, print};

/// One size as a number, several as a tuple; `None` is a size that stays.
#[inline]
fn shown(sizes: &PoolSizes) -> String {
    let texts = sizes.iter().map(|size| print::maybe(size, |size| size.to_string()));
    match texts.len() {
        1 => texts.collect(),
        _ => print::tuple(texts),
    }
}

macro_rules! adaptive_pools {
    ($($images:literal $avg:ident $average:ident $max:ident $maximum:ident $with_indices:ident;)*) => {$(
        #[doc = concat!("The means of windows that divide images ", $images, " into as many as asked for. The batch may be missing.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $avg {
            #[module(skip)]
            output_size: PoolSizes,
        }

        impl $avg {
            /// One size for every dimension, or one for each; a size that is `None` stays as it is.
            pub fn new(output_size: impl Into<PoolSizes>) -> $avg {
                $avg { output_size: output_size.into() }
            }

            #[inline]
            fn extra(&self) -> String {
                format!("output_size={}", shown(&self.output_size))
            }
        }

        impl Layer for $avg {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$average(self.output_size.clone()))
            }
        }

        #[doc = concat!("The largest of windows that divide images ", $images, " into as many as asked for. The batch may be missing.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $max {
            #[module(skip)]
            output_size: PoolSizes,
        }

        impl $max {
            /// One size for every dimension, or one for each; a size that is `None` stays as it is.
            pub fn new(output_size: impl Into<PoolSizes>) -> $max {
                $max { output_size: output_size.into() }
            }

            /// The largest, and where in its channel (counted in row-major order) each lies: PyTorch's `return_indices=True`.
            #[track_caller]
            #[inline]
            pub fn forward_with_indices(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
                entering(self).gives(x.$with_indices(self.output_size.clone()))
            }

            #[inline]
            fn extra(&self) -> String {
                format!("output_size={}", shown(&self.output_size))
            }
        }

        impl Layer for $max {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$maximum(self.output_size.clone()))
            }
        }
    )*};
}

adaptive_pools! {
    "`[n, channels, width]`" AdaptiveAvgPool1d adaptive_avg_pool1d
        AdaptiveMaxPool1d adaptive_max_pool1d adaptive_max_pool1d_with_indices;
    "`[n, channels, height, width]`" AdaptiveAvgPool2d adaptive_avg_pool2d
        AdaptiveMaxPool2d adaptive_max_pool2d adaptive_max_pool2d_with_indices;
    "`[n, channels, depth, height, width]`" AdaptiveAvgPool3d adaptive_avg_pool3d
        AdaptiveMaxPool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices;
}

/// How large the result of a fractional pool is.
enum Target {
    Unsaid,
    Size(Sizes),
    Ratio(Vec<f64>),
}

impl Target {
    /// The sizes of the result of a pool over the last `dims` dimensions.
    #[track_caller]
    #[inline]
    fn of(&self, name: &'static str, dims: usize, x: &Tensor) -> Result<Sizes> {
        if x.rank() != dims + 1 && x.rank() != dims + 2 {
            return Err(Error::shape(
                name,
                format!("needs {} dimensions, or {} without a batch, not {}", dims + 2, dims + 1, x.shape()),
            ));
        }
        match self {
            Target::Unsaid => Err(Error::argument(name, "needs an output_size or an output_ratio")),
            Target::Size(sizes) => Ok(sizes.clone()),
            Target::Ratio(ratios) if ratios.len() != 1 && ratios.len() != dims => Err(Error::argument(
                name,
                format!("output_ratio must be one number or {dims}, not {}", ratios.len()),
            )),
            Target::Ratio(ratios) => {
                if let Some(ratio) = ratios.iter().find(|&&ratio| !(0.0 < ratio && ratio < 1.0)) {
                    let why = format!("output_ratio must be between 0 and 1, but is {ratio}");
                    return Err(Error::argument(name, why));
                }
                let spatial = &x.shape()[x.rank() - dims..];
                let ratio = |d: usize| ratios[if ratios.len() == 1 { 0 } else { d }];
                let sizes = spatial.iter().enumerate().map(|(d, &size)| (size as f64 * ratio(d)) as i64);
                Ok(sizes.collect::<Vec<_>>().into())
            }
        }
    }
}

macro_rules! fractional_pools {
    ($($dims:literal $images:literal $name:ident $with_indices:ident;)*) => {$(
        #[doc = concat!("The largest of windows at random distances over images ", $images, ", the batch of which may be missing")]
        /// ([fractional max pooling](https://arxiv.org/abs/1412.6071)).
        #[derive(Module)]
        pub struct $name {
            kernel_size: Sizes,
            #[module(skip)]
            target: Target,
        }

        impl $name {
            /// Windows of this size. The size of the result must be said, too.
            pub fn new(kernel_size: impl Into<Sizes>) -> $name {
                $name { kernel_size: kernel_size.into(), target: Target::Unsaid }
            }

            /// The size of the result: one number for every dimension, or one for each.
            pub fn output_size(self, output_size: impl Into<Sizes>) -> $name {
                $name { target: Target::Size(output_size.into()), ..self }
            }

            /// The size of the result as a part of that of the input, between 0 and 1.
            #[inline]
            pub fn output_ratio(self, output_ratio: f64) -> $name {
                $name { target: Target::Ratio(vec![output_ratio]), ..self }
            }

            /// [`output_ratio`](Self::output_ratio) for each dimension.
            pub fn output_ratios(self, output_ratios: impl Into<Vec<f64>>) -> $name {
                $name { target: Target::Ratio(output_ratios.into()), ..self }
            }

            /// The largest, and where in its channel (counted in row-major order) each lies: PyTorch's `return_indices=True`.
            #[track_caller]
            #[inline]
            pub fn forward_with_indices(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
                let boundary = entering(self);
                let size = self.target.of(stringify!($name), $dims, x)?;
                let outside = x.rank() - $dims;
                let samples = if outside == 2 { x.shape()[0] } else { 1 };
                // They are looked at in the processor's memory, wherever the images are.
                let draws = Tensor::rand_with([samples, x.shape()[outside - 1], $dims], ())?;
                boundary.gives(x.$with_indices(self.kernel_size.clone(), size, &draws))
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(Ok(self.forward_with_indices(x)?.0))
            }
        }
    )*};
}

fractional_pools! {
    2 "`[n, channels, height, width]`" FractionalMaxPool2d fractional_max_pool2d_with_indices;
    3 "`[n, channels, depth, height, width]`" FractionalMaxPool3d fractional_max_pool3d_with_indices;
}
