//! How one number of an array looks: all of an array's numbers share a notation and a width, chosen from those shown.

use crate::{Category, DType, Scalar};

use super::PrintOptions;

/// Beyond this `std` refuses to format; no number has more digits that say anything.
const MOST_DIGITS: usize = u16::MAX as usize;

/// The three ways of writing floating-point numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Notation {
    /// `3.`: every number shown is whole.
    Whole,
    /// `3.1416`.
    Decimal,
    /// `3.1416e+00`.
    Scientific,
}

/// The notation and the width of an array's numbers.
#[derive(Debug)]
pub(super) struct Style {
    notation: Notation,
    precision: usize,
    pub(super) width: usize,
}

impl Style {
    /// The style for the numbers that `each` hands to the function it is given. It is asked twice: the width depends
    /// on the notation.
    pub(super) fn of(
        dtype: DType,
        options: &PrintOptions,
        mut each: impl FnMut(&mut dyn FnMut(Scalar)),
    ) -> Style {
        let precision = options.precision.min(MOST_DIGITS);
        let mut style = Style { notation: Notation::Whole, precision, width: 1 };
        if dtype.category() != Category::Float {
            let mut width = 1;
            each(&mut |value| width = width.max(style.write(value).len()));
            style.width = width;
            return style;
        }
        // Zeros and numbers that are not finite have no say in notation or width.
        let counts = |value: f64| value.is_finite() && value != 0.0;
        let (mut low, mut high, mut whole) = (f64::INFINITY, 0.0f64, true);
        each(&mut |value| {
            let value = value.to_f64();
            if counts(value) {
                low = low.min(value.abs());
                high = high.max(value.abs());
                whole &= value == value.ceil();
            }
        });
        if high == 0.0 {
            return style;
        }
        let wide = high / low > 1000.0 || high > 1e8 || low < 1e-4;
        style.notation = match options.sci_mode.unwrap_or(wide) {
            true => Notation::Scientific,
            false if whole => Notation::Whole,
            false => Notation::Decimal,
        };
        let mut width = 1;
        each(&mut |value| {
            if counts(value.to_f64()) {
                width = width.max(style.write(value).len());
            }
        });
        style.width = width;
        style
    }

    /// One number, without padding.
    pub(super) fn write(&self, value: Scalar) -> String {
        match value {
            Scalar::Bool(true) => "True".to_owned(),
            Scalar::Bool(false) => "False".to_owned(),
            Scalar::Int(value) => value.to_string(),
            Scalar::Float(value) if value.is_nan() => "nan".to_owned(),
            Scalar::Float(value) if value.is_infinite() => {
                if value > 0.0 { "inf" } else { "-inf" }.to_owned()
            }
            Scalar::Float(value) => match self.notation {
                Notation::Whole => format!("{value:.0}."),
                Notation::Decimal => format!("{value:.*}", self.precision),
                Notation::Scientific => scientific(value, self.precision),
            },
        }
    }
}

/// As C's `%e`: the exponent has a sign and at least two digits.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}
