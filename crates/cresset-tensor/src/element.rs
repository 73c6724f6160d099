//! The Rust types an array's elements may have.

use half::{bf16, f16};

use crate::{DType, Scalar};

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that is an array's element. Sealed: the dtypes are a closed set.
pub trait Element: sealed::Sealed + Copy + Send + Sync + std::fmt::Debug + PartialEq + 'static {
    /// The dtype of this type.
    const DTYPE: DType;
    /// As a number without a width.
    fn to_scalar(self) -> Scalar;
    /// From a number without a width, converted as PyTorch converts (integers wrap, anything but zero is true).
    fn from_scalar(value: Scalar) -> Self;
}

macro_rules! elements {
    ($($type:ty, $dtype:ident, $scalar:ident, |$x:ident| $to:expr, |$s:ident| $from:expr;)*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
            #[inline]
            fn to_scalar(self) -> Scalar {
                let $x = self;
                Scalar::$scalar($to)
            }
            #[inline]
            fn from_scalar($s: Scalar) -> Self {
                $from
            }
        }
    )*};
}

elements! {
    f64,  F64,  Float, |x| x,          |s| s.to_f64();
    f32,  F32,  Float, |x| x as f64,   |s| s.to_f64() as f32;
    f16,  F16,  Float, |x| x.to_f64(), |s| f16::from_f64(s.to_f64());
    bf16, BF16, Float, |x| x.to_f64(), |s| bf16::from_f64(s.to_f64());
    i64,  I64,  Int,   |x| x,          |s| s.to_i64();
    i32,  I32,  Int,   |x| x as i64,   |s| s.to_i64() as i32;
    i16,  I16,  Int,   |x| x as i64,   |s| s.to_i64() as i16;
    i8,   I8,   Int,   |x| x as i64,   |s| s.to_i64() as i8;
    u8,   U8,   Int,   |x| x as i64,   |s| s.to_i64() as u8;
    bool, Bool, Bool,  |x| x,         |s| s.to_bool();
}

/// Runs `$body` with `$T` as the Rust type of `$dtype`.
#[macro_export]
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F16 => {
                type $T = $crate::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $T = $crate::bf16;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::DType::I16 => {
                type $T = i16;
                $body
            }
            $crate::DType::I8 => {
                type $T = i8;
                $body
            }
            $crate::DType::U8 => {
                type $T = u8;
                $body
            }
            $crate::DType::Bool => {
                type $T = bool;
                $body
            }
        }
    };
}
