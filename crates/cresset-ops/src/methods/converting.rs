//! Other dtypes by PyTorch's short names, and numbers out of arrays.

use cresset_tensor::{DType, Device, Element, Result, Scalar};

use super::Elementwise;
use crate::{Apply, Operand, expr::Type, op::Op};

/// Declares conversions.
macro_rules! conversions {
    ($($method:ident $variant:ident;)*) => {$(
        #[doc = concat!("In [`DType::", stringify!($variant), "`]; without a copy if it is that already.")]
        #[track_caller]
        fn $method(&self) -> Result<Self> {
            self.to_dtype(DType::$variant)
        }
    )*};
}

/// Conversions.
pub trait Converting: Apply {
    conversions! {
        double F64;
        float F32;
        half F16;
        bfloat16 BF16;
        long I64;
        int I32;
        short I16;
        char I8;
        byte U8;
        bool Bool;
    }

    /// In the dtype of another.
    #[track_caller]
    fn type_as(&self, other: &Self) -> Result<Self> {
        self.to_dtype(other.dtype())
    }

    /// The same numbers on a device; those that are there already are not copied.
    #[track_caller]
    fn to_device(&self, device: Device) -> Result<Self> {
        if self.device() == device {
            return Ok(self.clone());
        }
        Self::apply_one(Op::ToDevice { from: self.device(), to: device }, &[self])
    }

    /// The one number of an array of one element, converted to the type asked for.
    #[track_caller]
    fn item<E: Element>(&self) -> Result<E> {
        self.array().item()
    }

    /// The one number of an array of one element.
    #[track_caller]
    fn item_scalar(&self) -> Result<Scalar> {
        self.array().item_scalar()
    }

    /// Is the one number of an array of one element not zero?
    #[track_caller]
    fn is_nonzero(&self) -> Result<bool> {
        self.array().item()
    }

    /// The dtype that arithmetic of both has.
    fn result_type<'a>(&self, other: impl Into<Operand<'a, Self>>) -> DType {
        let this = Type::array(self.dtype(), self.rank());
        let other = match other.into() {
            Operand::Value(other) => Type::array(other.dtype(), other.rank()),
            Operand::Owned(other) => Type::array(other.dtype(), other.rank()),
            Operand::Number(number) => Type::number(number),
        };
        this.promote(other).dtype
    }

    /// Bytes of one element.
    fn element_size(&self) -> usize {
        self.dtype().size()
    }

    /// Is it floating point?
    fn is_floating_point(&self) -> bool {
        self.dtype().is_float()
    }
}

impl<T: Apply> Converting for T {}
