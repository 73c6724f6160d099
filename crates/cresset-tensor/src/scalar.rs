//! A number without a width, as Python's are: it takes the dtype of the array it meets.

use std::fmt;

use crate::{Category, DType};

/// A Python-like number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scalar {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
}

impl Scalar {
    /// The family, which alone takes part in promotion.
    pub const fn category(self) -> Category {
        match self {
            Scalar::Bool(_) => Category::Bool,
            Scalar::Int(_) => Category::Int,
            Scalar::Float(_) => Category::Float,
        }
    }

    /// The dtype an array made of this number alone has.
    pub const fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::DEFAULT_FLOAT,
        }
    }

    /// As a floating-point number.
    #[inline]
    pub const fn to_f64(self) -> f64 {
        match self {
            Scalar::Bool(x) => x as u8 as f64,
            Scalar::Int(x) => x as f64,
            Scalar::Float(x) => x,
        }
    }

    /// As an integer; a fraction is cut off, what does not fit saturates.
    #[inline]
    pub const fn to_i64(self) -> i64 {
        match self {
            Scalar::Bool(x) => x as i64,
            Scalar::Int(x) => x,
            Scalar::Float(x) => x as i64,
        }
    }

    /// Anything but zero is true.
    #[inline]
    pub const fn to_bool(self) -> bool {
        match self {
            Scalar::Bool(x) => x,
            Scalar::Int(x) => x != 0,
            Scalar::Float(x) => x != 0.0,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scalar::Bool(x) => write!(f, "{x}"),
            Scalar::Int(x) => write!(f, "{x}"),
            Scalar::Float(x) => write!(f, "{x:?}"),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<$type> for Scalar {
            #[inline]
            fn from(x: $type) -> Scalar {
                Scalar::$variant(x.into())
            }
        }
    )*};
}

from!(f64 => Float, f32 => Float, i64 => Int, i32 => Int, i16 => Int, i8 => Int, u8 => Int, u32 => Int, bool => Bool);

impl From<usize> for Scalar {
    /// The largest integer there is where it is larger.
    #[inline]
    fn from(x: usize) -> Scalar {
        Scalar::Int(i64::try_from(x).unwrap_or(i64::MAX))
    }
}
