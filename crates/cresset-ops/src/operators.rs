//! `+ - * / %`, `&`, `|`, `^`, `-x`, `!x` for arrays and numbers, for every type that goes through the door.
//!
//! Operators panic where the methods return an error, with the same message.

/// The operators of a type that implements [`crate::Apply`], in every combination of value, reference and number.
#[macro_export]
macro_rules! operators {
    ($type:ty) => {
        $crate::operators!(@pairs $type, Add, add, add, Arithmetic);
        $crate::operators!(@pairs $type, Sub, sub, sub, Arithmetic);
        $crate::operators!(@pairs $type, Mul, mul, mul, Arithmetic);
        $crate::operators!(@pairs $type, Div, div, div, Arithmetic);
        $crate::operators!(@pairs $type, Rem, rem, remainder, Arithmetic);
        $crate::operators!(@pairs $type, BitAnd, bitand, bitwise_and, Logic);
        $crate::operators!(@pairs $type, BitOr, bitor, bitwise_or, Logic);
        $crate::operators!(@pairs $type, BitXor, bitxor, bitwise_xor, Logic);
        $crate::operators!(@unary $type, Neg, neg, neg, Elementwise);
        $crate::operators!(@unary $type, Not, not, bitwise_not, Logic);
    };
    (@pairs $type:ty, $trait:ident, $operator:ident, $method:ident, $theme:ident) => {
        $crate::operators!(@binary [] &$type, &$type, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(a, b));
        $crate::operators!(@binary [] &$type, $type, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(a, &b));
        $crate::operators!(@binary [] $type, &$type, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(&a, b));
        $crate::operators!(@binary [] $type, $type, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(&a, &b));
        $crate::operators!(@numbers $type, $trait, $operator, $method, $theme: f64 i64 bool);
    };
    // One type of float and one of integer, so that a literal has only one meaning.
    (@numbers $type:ty, $trait:ident, $operator:ident, $method:ident, $theme:ident: $($number:ty)*) => {$(
        $crate::operators!(@binary [] &$type, $number, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(a, b));
        $crate::operators!(@binary [] $type, $number, $type, $trait, $operator, |a, b| $crate::methods::$theme::$method(&a, b));
        $crate::operators!(@binary [] $number, &$type, $type, $trait, $operator,
            |a, b| <$type as $crate::Apply>::formula(&[b], &[a.into()], |x, n| std::ops::$trait::$operator(n[0], x[0])));
        $crate::operators!(@binary [] $number, $type, $type, $trait, $operator,
            |a, b| Ok::<$type, $crate::Error>(std::ops::$trait::$operator(a, &b)));
    )*};
    (@binary [] $left:ty, $right:ty, $type:ty, $trait:ident, $operator:ident, |$a:ident, $b:ident| $result:expr) => {
        impl std::ops::$trait<$right> for $left {
            type Output = $type;
            #[track_caller]
            fn $operator(self, other: $right) -> $type {
                let ($a, $b) = (self, other);
                match $result {
                    Ok(result) => result,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    (@unary $type:ty, $trait:ident, $operator:ident, $method:ident, $theme:ident) => {
        impl std::ops::$trait for &$type {
            type Output = $type;
            #[track_caller]
            fn $operator(self) -> $type {
                match $crate::methods::$theme::$method(self) {
                    Ok(result) => result,
                    Err(error) => panic!("{error}"),
                }
            }
        }
        impl std::ops::$trait for $type {
            type Output = $type;
            #[track_caller]
            fn $operator(self) -> $type {
                std::ops::$trait::$operator(&self)
            }
        }
    };
}
