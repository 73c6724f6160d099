//! How elementwise methods are declared: name, in-place name, formula.
//!
//! A formula becomes a function, not a closure: a closure would be another one for each type of array and of operand.

/// Methods of one operand.
macro_rules! one_operand {
    ($($(#[$doc:meta])* $method:ident $in_place:ident |$x:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self) -> cresset_tensor::Result<Self> {
            fn written(x: &[$crate::Expr], _: &[$crate::Expr]) -> $crate::Expr {
                let $x: $crate::Expr = x[0];
                $formula
            }
            Self::formula(&[self], &[], written)
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place(&self) -> cresset_tensor::Result<&Self> {
            fn written(x: &[$crate::Expr], _: &[$crate::Expr]) -> [$crate::Expr; 1] {
                let $x: $crate::Expr = x[0];
                [$formula]
            }
            Self::formulas_into(&[self], &[], &[self], written)?;
            Ok(self)
        }
    )*};
}

/// Methods of two operands, of which the other may be a number.
macro_rules! two_operands {
    ($($(#[$doc:meta])* $method:ident $in_place:ident |$a:ident, $b:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method<'a>(&self, other: impl Into<$crate::Operand<'a, Self>>) -> cresset_tensor::Result<Self> {
            fn written($a: $crate::Expr, $b: $crate::Expr) -> $crate::Expr {
                $formula
            }
            other.into().with(self, written)
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place<'a>(&self, other: impl Into<$crate::Operand<'a, Self>>) -> cresset_tensor::Result<&Self> {
            fn written($a: $crate::Expr, $b: $crate::Expr) -> $crate::Expr {
                $formula
            }
            other.into().with_into(self, written)?;
            Ok(self)
        }
    )*};
}

/// Other names of methods of one operand.
macro_rules! one_operand_alias {
    ($($alias:ident $alias_in_place:ident = $method:ident $in_place:ident;)*) => {$(
        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") by another name.")]
        #[track_caller]
        fn $alias(&self) -> cresset_tensor::Result<Self> {
            self.$method()
        }

        #[doc = concat!("[`", stringify!($in_place), "`](Self::", stringify!($in_place), ") by another name.")]
        #[track_caller]
        fn $alias_in_place(&self) -> cresset_tensor::Result<&Self> {
            self.$in_place()
        }
    )*};
}

/// Other names of methods of two operands.
macro_rules! two_operands_alias {
    ($($alias:ident $alias_in_place:ident = $method:ident $in_place:ident;)*) => {$(
        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") by another name.")]
        #[track_caller]
        fn $alias<'a>(&self, other: impl Into<$crate::Operand<'a, Self>>) -> cresset_tensor::Result<Self> {
            self.$method(other)
        }

        #[doc = concat!("[`", stringify!($in_place), "`](Self::", stringify!($in_place), ") by another name.")]
        #[track_caller]
        fn $alias_in_place<'a>(
            &self,
            other: impl Into<$crate::Operand<'a, Self>>,
        ) -> cresset_tensor::Result<&Self> {
            self.$in_place(other)
        }
    )*};
}

pub(super) use {one_operand, one_operand_alias, two_operands, two_operands_alias};
