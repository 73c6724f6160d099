//! When an answer is right: dtype and shape equal, numbers within the tolerance of the dtype, NaN where NaN is.

use cresset_ops::{Array, DType, Scalar};

use super::Value;

/// How far a number may be off: `|got − expected| ≤ absolute + relative·|expected| + shared·max |expected|`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Of the expected number.
    pub relative: f64,
    /// Whatever the number.
    pub absolute: f64,
    /// Of the largest finite number of the same answer.
    pub shared: f64,
}

impl Tolerance {
    /// Those of `torch.testing.assert_close`, the relative one of `float32` eight times as wide, because sums of other
    /// order than PyTorch's differ by a few units in the last place of each of their terms. A sum that is small
    /// because large terms cancel is as far off as they are: hence some units of the largest number around.
    pub const fn of(dtype: DType) -> Tolerance {
        match dtype {
            DType::F64 => Tolerance { relative: 1e-7, absolute: 1e-7, shared: 0.0 },
            DType::F32 => Tolerance { relative: 1e-5, absolute: 1e-5, shared: 2e-6 },
            DType::F16 => Tolerance { relative: 1e-3, absolute: 1e-5, shared: 0.0 },
            DType::BF16 => Tolerance { relative: 1.6e-2, absolute: 1e-5, shared: 0.0 },
            DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => {
                Tolerance { relative: 0.0, absolute: 0.0, shared: 0.0 }
            }
        }
    }

    /// For an answer of which this is the largest number.
    fn among(self, largest: f64) -> Tolerance {
        Tolerance { absolute: self.absolute + self.shared * largest, ..self }
    }

    fn times(self, slack: f64) -> Tolerance {
        Tolerance {
            relative: self.relative * slack,
            absolute: self.absolute * slack,
            shared: self.shared * slack,
        }
    }
}

/// Operations whose expected numbers are themselves off, and by how much more an answer may differ for it.
const OFF: &[(&str, f64)] = &[
    // PyTorch's trigamma in `float32` is off by 2e-5 near the poles, where ours is that of `float64` rounded.
    ("digamma", 10.0),
    ("polygamma", 10.0),
    ("special.polygamma", 10.0),
    // PyTorch's distances from products of matrices lose digits that ours keep.
    ("cdist", 10.0),
    // The gradient of a weight is the small difference of terms ten times as large as it ever is.
    ("cov", 10.0),
    // The gradient of a row of one element is 0, but PyTorch's the rounding of a difference of numbers around 1e3.
    ("nn.functional.layer_norm", 20.0),
    ("native_layer_norm", 20.0),
    // Products around 100, whose rounding the exponential makes as many times larger.
    ("nn.functional.scaled_dot_product_attention", 2.0),
];

/// How many times as far as usual an answer may be off, where `size` is the largest finite number among the arguments.
pub fn slack(name: &str, size: f64) -> f64 {
    match OFF.iter().find(|(off, _)| *off == name) {
        Some((_, factor)) => *factor,
        // `e` to the power of differences of numbers rounded to seven digits: of 10,000, to a thousandth. PyTorch does
        // that in `float32`, ours is right.
        None if name == "logcumsumexp" => (size * 0.1).max(1.0),
        None => 1.0,
    }
}

/// Why an answer is wrong, for people.
#[derive(Clone, Debug)]
pub struct Difference(pub String);

impl Difference {
    fn new<T>(text: impl Into<String>) -> Result<T, Difference> {
        Err(Difference(text.into()))
    }
}

/// Is the answer right?
pub fn compare(got: &Value<Array>, expected: &Value<Array>, slack: f64) -> Result<(), Difference> {
    match (got, expected) {
        (Value::Tensor(got), Value::Tensor(expected)) => compare_arrays(got, expected, slack),
        (Value::Number(got), Value::Number(expected)) => {
            if got.category() != expected.category() {
                return Difference::new(format!("{got} where {expected} was expected"));
            }
            let (dtype, a, b) = match (got, expected) {
                (Scalar::Float(a), Scalar::Float(b)) => (DType::F32, *a, *b),
                _ => (DType::I64, got.to_f64(), expected.to_f64()),
            };
            if close(a, b, Tolerance::of(dtype).times(slack)) {
                return Ok(());
            }
            Difference::new(format!("{got} where {expected} was expected"))
        }
        (Value::List(got), Value::List(expected)) => {
            if got.len() != expected.len() {
                return Difference::new(format!("{} values, not {}", got.len(), expected.len()));
            }
            got.iter().zip(expected).enumerate().try_for_each(|(i, (got, expected))| {
                compare(got, expected, slack)
                    .map_err(|Difference(text)| Difference(format!("output {i}: {text}")))
            })
        }
        (Value::Text(got), Value::Text(expected)) if got == expected => Ok(()),
        (Value::DType(got), Value::DType(expected)) if got == expected => Ok(()),
        (Value::None, Value::None) => Ok(()),
        _ => Difference::new(format!("{} where {} was expected", got.kind(), expected.kind())),
    }
}

/// Are both arrays the same, but for rounding?
pub fn compare_arrays(got: &Array, expected: &Array, slack: f64) -> Result<(), Difference> {
    let got = &got.to_host().map_err(|error| Difference(error.to_string()))?;
    if got.dtype() != expected.dtype() {
        return Difference::new(format!("dtype {}, not {}", got.dtype(), expected.dtype()));
    }
    if got.shape() != expected.shape() {
        return Difference::new(format!("shape {}, not {}", got.shape(), expected.shape()));
    }
    if !expected.dtype().is_float() {
        let (got, expected) = (got.to_i64s().unwrap(), expected.to_i64s().unwrap());
        let wrong = got.iter().zip(&expected).enumerate().filter(|(_, (got, expected))| got != expected);
        return match wrong.clone().next() {
            None => Ok(()),
            Some((i, (a, b))) => Difference::new(format!(
                "{} of {} differ, the first at {i}: {a}, not {b}",
                wrong.count(),
                got.len()
            )),
        };
    }
    let tolerance = Tolerance::of(expected.dtype()).times(slack);
    let (got, expected) = (got.to_f64s().unwrap(), expected.to_f64s().unwrap());
    let finite = expected.iter().map(|x| x.abs()).filter(|x| x.is_finite());
    let tolerance = tolerance.among(finite.fold(0.0, f64::max));
    let wrong: Vec<usize> = (0..got.len()).filter(|&i| !close(got[i], expected[i], tolerance)).collect();
    let Some(&first) = wrong.first() else { return Ok(()) };
    let (mut absolute, mut relative) = (0f64, 0f64);
    for &i in &wrong {
        let distance = (got[i] - expected[i]).abs();
        absolute = absolute.max(distance);
        relative = relative.max(distance / expected[i].abs());
    }
    Difference::new(format!(
        "{} of {} differ by up to {absolute:.1e} (relative {relative:.1e}), the first at {first}: {:?}, not {:?}",
        wrong.len(),
        got.len(),
        got[first],
        expected[first]
    ))
}

fn close(got: f64, expected: f64, tolerance: Tolerance) -> bool {
    got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= tolerance.absolute + tolerance.relative * expected.abs()
            && expected.is_finite()
}
