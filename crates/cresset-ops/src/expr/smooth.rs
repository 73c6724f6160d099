//! Where scalar primitives are smooth, and of moderate size: intervals from which checks of derivatives draw.

/// Intervals of a number.
pub type Intervals = &'static [(f64, f64)];

/// Intervals of two numbers, as alternatives.
pub type Pairs = &'static [Pair];

/// Where a function of two numbers is smooth.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pair {
    /// In both.
    Both(Intervals, Intervals),
    /// In the first, while the second stays as it is.
    First(Intervals, Intervals),
    /// In the second, while the first stays as it is.
    Second(Intervals, Intervals),
}

use Pair::{Both, First, Second};

/// It has no derivative.
pub(super) const NOWHERE: Intervals = &[];
pub(super) const ALL: Intervals = &[(-3.0, 3.0)];
pub(super) const POSITIVE: Intervals = &[(0.2, 4.0)];
pub(super) const NOT_ZERO: Intervals = &[(0.2, 3.0), (-3.0, -0.2)];
pub(super) const BETWEEN_INTEGERS: Intervals =
    &[(0.1, 0.4), (0.6, 0.9), (1.1, 1.4), (-0.9, -0.6), (-1.4, -1.1)];
pub(super) const INSIDE_ONE: Intervals = &[(-0.9, 0.9)];
pub(super) const PROBABILITIES: Intervals = &[(0.05, 0.95)];
pub(super) const OVER_MINUS_ONE: Intervals = &[(-0.8, 4.0)];
pub(super) const FROM_ONE: Intervals = &[(1.2, 4.0)];
pub(super) const BETWEEN_POLES: Intervals = &[(0.3, 5.0), (-0.8, -0.2), (-1.8, -1.2)];
pub(super) const OF_TANGENT: Intervals = &[(-1.3, 1.3), (1.9, 4.0)];
pub(super) const FRACTIONS: Intervals = &[(0.55, 0.9), (1.1, 1.9), (-3.8, -2.2)];

/// It has no derivative in either.
pub(super) const NONE: Pairs = &[];
pub(super) const ANY: Pairs = &[Both(ALL, ALL)];
pub(super) const DIVISORS: Pairs = &[Both(ALL, NOT_ZERO)];
/// Quotients between 2.1 and 2.9 in size.
pub(super) const QUOTIENTS: Pairs = &[Both(&[(4.5, 5.5), (-5.5, -4.5)], &[(1.9, 2.1), (-2.1, -1.9)])];
pub(super) const NEITHER_ZERO: Pairs = &[Both(NOT_ZERO, NOT_ZERO)];
pub(super) const NOT_BOTH_ZERO: Pairs = &[Both(NOT_ZERO, ALL), Both(ALL, NOT_ZERO)];
pub(super) const BASES: Pairs = &[
    Both(POSITIVE, ALL),
    First(NOT_ZERO, &[(2.0, 2.0), (3.0, 3.0), (1.0, 1.0), (0.0, 0.0), (-1.0, -1.0), (-2.0, -2.0)]),
    First(ALL, &[(2.0, 2.0), (3.0, 3.0), (1.0, 1.0), (0.0, 0.0)]),
    Second(POSITIVE, ALL),
];
pub(super) const SECOND_POSITIVE: Pairs = &[Second(&[(0.5, 4.0)], &[(0.3, 5.0)])];
pub(super) const SECOND_ZETA: Pairs = &[Second(&[(1.5, 5.0)], &[(0.5, 4.0)])];
pub(super) const ORDERS: Pairs =
    &[Second(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (0.0, 0.0)], &[(0.5, 4.0), (-0.8, -0.2)])];
