//! Paddings: something put around images.

use cresset_autograd::{Error, Result, Scalar, Sizes, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Layer, Module, entering, print};

/// So much before and after each dimension, the last first, where one number stands for all.
#[track_caller]
#[inline]
fn sides(name: &'static str, dims: usize, padding: &Sizes) -> Result<Sizes> {
    match padding[..] {
        [amount] => Ok(vec![amount; 2 * dims].into()),
        _ if padding.len() == 2 * dims => Ok(padding.clone()),
        _ => Err(Error::argument(
            name,
            format!(
                "padding must be one number or {} (before and after, the last dimension first), not {padding}",
                2 * dims
            ),
        )),
    }
}

macro_rules! pads {
    ($($dims:literal $what:literal $name:ident $mode:expr;)*) => {$(
        #[doc = concat!($what, " around the last ", stringify!($dims), " dimensions. Negative amounts take off.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            padding: Sizes,
        }

        impl $name {
            /// So much on every side, or before and after each dimension, the last first: left, right, top, bottom.
            pub fn new(padding: impl Into<Sizes>) -> $name {
                $name { padding: padding.into() }
            }

            #[inline]
            fn extra(&self) -> String {
                print::spread(&self.padding, 2 * $dims)
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.pad(sides(stringify!($name), $dims, &self.padding)?, $mode))
            }
        }
    )*};
}

pads! {
    1 "The input mirrored at its edge, which is not repeated," ReflectionPad1d PadMode::Reflect;
    2 "The input mirrored at its edge, which is not repeated," ReflectionPad2d PadMode::Reflect;
    3 "The input mirrored at its edge, which is not repeated," ReflectionPad3d PadMode::Reflect;
    1 "The edge, repeated," ReplicationPad1d PadMode::Replicate;
    2 "The edge, repeated," ReplicationPad2d PadMode::Replicate;
    3 "The edge, repeated," ReplicationPad3d PadMode::Replicate;
    1 "The input from its other end" CircularPad1d PadMode::Circular;
    2 "The input from its other end" CircularPad2d PadMode::Circular;
    3 "The input from its other end" CircularPad3d PadMode::Circular;
    1 "Zeros" ZeroPad1d PadMode::default();
    2 "Zeros" ZeroPad2d PadMode::default();
    3 "Zeros" ZeroPad3d PadMode::default();
}

macro_rules! constant_pads {
    ($($dims:literal $name:ident;)*) => {$(
        #[doc = concat!("A number around the last ", stringify!($dims), " dimensions. Negative amounts take off.")]
        #[derive(Module)]
        #[module(extra)]
        pub struct $name {
            padding: Sizes,
            value: Scalar,
        }

        impl $name {
            /// So much of `value` on every side, or before and after each dimension, the last first: left, right, top, bottom.
            pub fn new(padding: impl Into<Sizes>, value: impl Into<Scalar>) -> $name {
                $name { padding: padding.into(), value: value.into() }
            }

            #[inline]
            fn extra(&self) -> String {
                let padding = print::spread(&self.padding, 2 * $dims);
                format!("padding={padding}, value={}", print::number(self.value))
            }
        }

        impl Layer for $name {
            #[track_caller]
            #[inline]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(x.pad(sides(stringify!($name), $dims, &self.padding)?, PadMode::Constant(self.value)))
            }
        }
    )*};
}

constant_pads! {
    1 ConstantPad1d;
    2 ConstantPad2d;
    3 ConstantPad3d;
}
