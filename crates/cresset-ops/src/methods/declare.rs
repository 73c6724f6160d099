//! How elementwise methods are declared: name, in-place name, formula.

/// Methods of one operand.
macro_rules! one_operand {
    ($($(#[$doc:meta])* $method:ident $in_place:ident |$x:ident| $formula:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        fn $method(&self) -> cresset_tensor::Result<Self> {
            Self::formula(&[self], &[], |x, _| {
                let $x: $crate::Expr = x[0];
                $formula
            })
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place(&self) -> cresset_tensor::Result<&Self> {
            Self::formulas_into(&[self], &[], &[self], |x, _| {
                let $x: $crate::Expr = x[0];
                [$formula]
            })?;
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
            other.into().with(self, |$a: $crate::Expr, $b: $crate::Expr| $formula)
        }

        #[doc = concat!("[`", stringify!($method), "`](Self::", stringify!($method), ") in place.")]
        #[track_caller]
        fn $in_place<'a>(&self, other: impl Into<$crate::Operand<'a, Self>>) -> cresset_tensor::Result<&Self> {
            other.into().with_into(self, |$a: $crate::Expr, $b: $crate::Expr| $formula)?;
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
