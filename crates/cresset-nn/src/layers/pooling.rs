//! Pools: the largest, the mean and the norm of every window; and the way back from the largest.

use cresset_autograd::{Result, Scalar, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, entering, print};

/// Sizes as pools of one dimension print them.
#[inline]
fn single(sizes: &Sizes) -> String {
    print::spread(sizes, 1)
}

macro_rules! pools {
    ($($(#[$example:meta])* $dims:literal $images:literal $max:ident $max_with:ident $max_indices:ident $avg:ident $avg_with:ident $show:ident $lp:ident $lp_printed:literal $lp_with:ident $unpool:ident $unpool_with:ident;)*) => {$(
        #[doc = concat!("The largest of every window of images ", $images, ", the batch of which may be missing.")]
        $(#[$example])*
        #[derive(Module)]
        #[module(extra)]
        pub struct $max {
            kernel_size: Sizes,
            #[module(skip)]
            options: MaxPoolOptions,
        }

        impl $max {
            /// Windows of this size, side by side: one number for every dimension, or one for each.
            pub fn new(kernel_size: impl Into<Sizes>) -> $max {
                $max { kernel_size: kernel_size.into(), options: MaxPoolOptions::default() }
            }

            /// How far windows are apart; the kernel's size unless said.
            pub fn stride(mut self, stride: impl Into<Sizes>) -> $max {
                self.options.stride = Some(stride.into());
                self
            }

            /// How many places are thought on both sides, smaller than any number; none unless said.
            pub fn padding(mut self, padding: impl Into<Sizes>) -> $max {
                self.options.padding = padding.into();
                self
            }

            /// How far the elements of a window are apart; 1 unless said.
            pub fn dilation(mut self, dilation: impl Into<Sizes>) -> $max {
                self.options.dilation = dilation.into();
                self
            }

            /// Whether a last window that starts inside but ends outside counts; it does not unless said.
            #[inline]
            pub fn ceil_mode(mut self, ceil_mode: bool) -> $max {
                self.options.ceil_mode = ceil_mode;
                self
            }

            /// The largest, and where in its channel (counted in row-major order) each lies: PyTorch's `return_indices=True`.
            #[track_caller]
            #[inline]
            pub fn forward_with_indices(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
                entering(self).gives(x.$max_indices(self.kernel_size.clone(), &self.options))
            }

            #[inline]
            fn extra(&self) -> String {
                let MaxPoolOptions { stride, padding, dilation, ceil_mode } = &self.options;
                format!(
                    "kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
                    print::sizes(&self.kernel_size),
                    print::sizes(stride.as_ref().unwrap_or(&self.kernel_size)),
                    print::sizes(padding),
                    print::sizes(dilation),
                    print::truth(*ceil_mode)
                )
            }
        }

        impl Layer for $max {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$max_with(self.kernel_size.clone(), &self.options))
            }
        }

        #[doc = concat!("The mean of every window of images ", $images, ", the batch of which may be missing.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $avg {
            kernel_size: Sizes,
            #[module(skip)]
            options: AvgPoolOptions,
        }

        impl $avg {
            /// Windows of this size, side by side: one number for every dimension, or one for each.
            pub fn new(kernel_size: impl Into<Sizes>) -> $avg {
                $avg { kernel_size: kernel_size.into(), options: AvgPoolOptions::default() }
            }

            /// How far windows are apart; the kernel's size unless said.
            pub fn stride(mut self, stride: impl Into<Sizes>) -> $avg {
                self.options.stride = Some(stride.into());
                self
            }

            /// How many zeros are thought on both sides; none unless said.
            pub fn padding(mut self, padding: impl Into<Sizes>) -> $avg {
                self.options.padding = padding.into();
                self
            }

            /// Whether a last window that starts inside but ends outside counts; it does not unless said.
            #[inline]
            pub fn ceil_mode(mut self, ceil_mode: bool) -> $avg {
                self.options.ceil_mode = ceil_mode;
                self
            }

            /// Whether the zeros on both sides count as elements; they do unless said.
            #[inline]
            pub fn count_include_pad(mut self, count_include_pad: bool) -> $avg {
                self.options.count_include_pad = count_include_pad;
                self
            }

            /// What sums are divided by; unless said, the number of elements.
            pub fn divisor_override(mut self, divisor: impl Into<Option<i64>>) -> $avg {
                self.options.divisor_override = divisor.into();
                self
            }

            #[inline]
            fn extra(&self) -> String {
                let AvgPoolOptions { stride, padding, .. } = &self.options;
                format!(
                    "kernel_size={}, stride={}, padding={}",
                    $show(&self.kernel_size),
                    $show(stride.as_ref().unwrap_or(&self.kernel_size)),
                    $show(padding)
                )
            }
        }

        impl Layer for $avg {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$avg_with(self.kernel_size.clone(), &self.options))
            }
        }

        #[doc = concat!("`(Σ xᵖ)^(1/p)` of every window of images ", $images, ", the batch of which may be missing.")]
        #[derive(Module)]
        #[module(name = $lp_printed, extra)]
        pub struct $lp {
            norm_type: Scalar,
            kernel_size: Sizes,
            stride: Option<Sizes>,
            ceil_mode: bool,
        }

        impl $lp {
            /// The `p` of the norm, and windows of this size, side by side.
            pub fn new(norm_type: impl Into<Scalar>, kernel_size: impl Into<Sizes>) -> $lp {
                let (norm_type, kernel_size) = (norm_type.into(), kernel_size.into());
                $lp { norm_type, kernel_size, stride: None, ceil_mode: false }
            }

            /// How far windows are apart; the kernel's size unless said.
            pub fn stride(self, stride: impl Into<Sizes>) -> $lp {
                $lp { stride: Some(stride.into()), ..self }
            }

            /// Whether a last window that starts inside but ends outside counts; it does not unless said.
            #[inline]
            pub fn ceil_mode(self, ceil_mode: bool) -> $lp {
                $lp { ceil_mode, ..self }
            }

            #[inline]
            fn extra(&self) -> String {
                format!(
                    "norm_type={}, kernel_size={}, stride={}, ceil_mode={}",
                    print::number(self.norm_type),
                    print::sizes(&self.kernel_size),
                    print::maybe(self.stride.as_ref(), print::sizes),
                    print::truth(self.ceil_mode)
                )
            }
        }

        impl Layer for $lp {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                let boundary = entering(self);
                let (p, kernel) = (self.norm_type.to_f64(), self.kernel_size.clone());
                boundary.gives(x.$lp_with(p, kernel, self.stride.clone(), self.ceil_mode))
            }
        }

        #[doc = concat!("The way back from [`", stringify!($max), "`]: every value to where the pool's indices say it was, zeros elsewhere.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $unpool {
            kernel_size: Sizes,
            stride: Option<Sizes>,
            padding: Sizes,
        }

        impl $unpool {
            /// The size of the pool's windows.
            pub fn new(kernel_size: impl Into<Sizes>) -> $unpool {
                $unpool { kernel_size: kernel_size.into(), stride: None, padding: 0.into() }
            }

            /// How far the pool's windows were apart; the kernel's size unless said.
            pub fn stride(self, stride: impl Into<Sizes>) -> $unpool {
                $unpool { stride: Some(stride.into()), ..self }
            }

            /// The pool's padding; none unless said.
            pub fn padding(self, padding: impl Into<Sizes>) -> $unpool {
                $unpool { padding: padding.into(), ..self }
            }

            /// The pool's values and indices, back in an input of the size that leaves no remainder.
            #[track_caller]
            #[inline]
            pub fn forward(&self, x: &Tensor, indices: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.$unpool_with(indices, self.kernel_size.clone(), &self.options(None)))
            }

            /// [`forward`](Self::forward) to an input of that size, as several give a pool of one size.
            #[track_caller]
            #[inline]
            pub fn forward_with_size(
                &self,
                x: &Tensor,
                indices: &Tensor,
                output_size: impl Into<Sizes>,
            ) -> Result<Tensor> {
                let boundary = entering(self);
                let options = self.options(Some(output_size.into()));
                boundary.gives(x.$unpool_with(indices, self.kernel_size.clone(), &options))
            }

            #[inline]
            fn options(&self, output_size: Option<Sizes>) -> MaxUnpoolOptions {
                MaxUnpoolOptions { stride: self.stride.clone(), padding: self.padding.clone(), output_size }
            }

            #[inline]
            fn extra(&self) -> String {
                format!(
                    "kernel_size={}, stride={}, padding={}",
                    print::spread(&self.kernel_size, $dims),
                    print::spread(self.stride.as_ref().unwrap_or(&self.kernel_size), $dims),
                    print::spread(&self.padding, $dims)
                )
            }
        }
    )*};
}

use print::sizes;

pools! {
    1 "`[n, channels, width]`" MaxPool1d max_pool1d_with max_pool1d_with_indices AvgPool1d avg_pool1d_with single LpPool1d "LPPool1d" lp_pool1d MaxUnpool1d max_unpool1d;
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let pool = MaxPool2d::new(3).stride(2).padding(1);
    /// assert_eq!(pool.forward(&Tensor::zeros([8, 64, 28, 28]))?.shape(), &[8, 64, 14, 14]);
    /// # Ok::<(), Error>(())
    /// ```
    2 "`[n, channels, height, width]`" MaxPool2d max_pool2d_with max_pool2d_with_indices AvgPool2d avg_pool2d_with sizes LpPool2d "LPPool2d" lp_pool2d MaxUnpool2d max_unpool2d;
    3 "`[n, channels, depth, height, width]`" MaxPool3d max_pool3d_with max_pool3d_with_indices AvgPool3d avg_pool3d_with sizes LpPool3d "LPPool3d" lp_pool3d MaxUnpool3d max_unpool3d;
}
