//! The kinds of numbers, and which kind two of them meet in.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

/// The kind of the numbers in an array.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    /// 64-bit floating point, PyTorch's `float64`.
    F64,
    /// 32-bit floating point, PyTorch's `float32`: the default.
    F32,
    /// 16-bit floating point (IEEE half), PyTorch's `float16`. Computed in 32 bits.
    F16,
    /// 16-bit floating point with the exponent of 32, PyTorch's `bfloat16`. Computed in 32 bits.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// 16-bit signed integer.
    I16,
    /// 8-bit signed integer.
    I8,
    /// 8-bit unsigned integer.
    U8,
    /// True or false, one byte each (0 or 1, nothing else).
    Bool,
}

/// The three families of dtypes, weakest first. A stronger family wins in a promotion whatever the width.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Category {
    /// `bool`.
    Bool,
    /// All integers.
    Int,
    /// All floating point.
    Float,
}

use DType::*;

impl DType {
    /// Every dtype.
    pub const ALL: [DType; 10] = [F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool];
    /// The dtype of floating-point numbers of which nothing else was said.
    pub const DEFAULT_FLOAT: DType = F32;

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            F64 | I64 => 8,
            F32 | I32 => 4,
            F16 | BF16 | I16 => 2,
            I8 | U8 | Bool => 1,
        }
    }

    /// PyTorch's name: `float32`, `int64`, …
    pub const fn name(self) -> &'static str {
        match self {
            F64 => "float64",
            F32 => "float32",
            F16 => "float16",
            BF16 => "bfloat16",
            I64 => "int64",
            I32 => "int32",
            I16 => "int16",
            I8 => "int8",
            U8 => "uint8",
            Bool => "bool",
        }
    }

    /// The family.
    pub const fn category(self) -> Category {
        match self {
            F64 | F32 | F16 | BF16 => Category::Float,
            I64 | I32 | I16 | I8 | U8 => Category::Int,
            Bool => Category::Bool,
        }
    }

    /// Floating point?
    pub const fn is_float(self) -> bool {
        matches!(self.category(), Category::Float)
    }

    /// An integer (not `bool`)?
    pub const fn is_int(self) -> bool {
        matches!(self.category(), Category::Int)
    }

    /// The dtype two dtypes meet in, as in PyTorch's `promote_types`.
    ///
    /// ```
    /// use cresset_tensor::DType;
    /// assert_eq!(DType::U8.promote(DType::I8), DType::I16);
    /// assert_eq!(DType::I64.promote(DType::F16), DType::F16);
    /// assert_eq!(DType::F16.promote(DType::BF16), DType::F32);
    /// ```
    pub fn promote(self, other: DType) -> DType {
        if self == other {
            return self;
        }
        match self.category().cmp(&other.category()) {
            std::cmp::Ordering::Less => return other,
            std::cmp::Ordering::Greater => return self,
            std::cmp::Ordering::Equal => {}
        }
        match (self, other) {
            (F16, BF16) | (BF16, F16) => F32,
            (U8, I8) | (I8, U8) => I16,
            _ if self.size() >= other.size() => self,
            _ => other,
        }
    }

    /// This dtype if it is floating point, else the default floating point.
    pub const fn to_float(self) -> DType {
        if self.is_float() { self } else { Self::DEFAULT_FLOAT }
    }

    /// The smallest and the largest value, for integers.
    pub const fn int_range(self) -> (i64, i64) {
        match self {
            I64 => (i64::MIN, i64::MAX),
            I32 => (i32::MIN as i64, i32::MAX as i64),
            I16 => (i16::MIN as i64, i16::MAX as i64),
            I8 => (i8::MIN as i64, i8::MAX as i64),
            U8 => (0, 255),
            Bool => (0, 1),
            F64 | F32 | F16 | BF16 => (i64::MIN, i64::MAX),
        }
    }

    /// The largest finite value, for floating point (`finfo.max`).
    pub const fn float_max(self) -> f64 {
        match self {
            F64 => f64::MAX,
            F32 => f32::MAX as f64,
            F16 => 65504.0,
            BF16 => 3.3895313892515355e38,
            I64 | I32 | I16 | I8 | U8 | Bool => f64::MAX,
        }
    }

    /// The distance from one to the next number, for floating point (`finfo.eps`).
    pub const fn epsilon(self) -> f64 {
        match self {
            F64 => f64::EPSILON,
            F16 => 0.0009765625,
            BF16 => 0.0078125,
            F32 | I64 | I32 | I16 | I8 | U8 | Bool => f32::EPSILON as f64,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = Error;

    /// From PyTorch's name, with or without `torch.`, its aliases (`float`, `half`, `long`, …) included.
    fn from_str(name: &str) -> Result<DType> {
        Ok(match name.strip_prefix("torch.").unwrap_or(name) {
            "float64" | "double" => F64,
            "float32" | "float" => F32,
            "float16" | "half" => F16,
            "bfloat16" => BF16,
            "int64" | "long" => I64,
            "int32" | "int" => I32,
            "int16" | "short" => I16,
            "int8" => I8,
            "uint8" => U8,
            "bool" => Bool,
            _ => return Err(Error::dtype("dtype", format!("there is no dtype named '{name}'"))),
        })
    }
}
