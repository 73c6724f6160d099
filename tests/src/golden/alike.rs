//! Operations whose answer is not the only one: theirs is judged by its meaning.
//!
//! Where several elements are equal, PyTorch does not say which of their places it gives. Such a place is right if the
//! element there is the expected one, and no place is given twice.

use std::collections::HashSet;

use cresset_ops::{Apply, Array, methods::prelude::*};

use super::{
    Args, Difference, Value,
    compare::{compare, slack},
};

/// How the answer of an operation is to be read.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    /// Values along a dimension, and where each was found.
    Found,
    /// As `Found`, every place at most once.
    FoundOnce,
    /// Places alone, every one once.
    Places,
}

/// Those operations, the place of their argument `dim`, and what it is where nobody says.
const BY_MEANING: &[(&str, Meaning, usize, i64)] = &[
    ("argsort", Meaning::Places, 1, -1),
    ("kthvalue", Meaning::Found, 2, -1),
    ("max", Meaning::Found, 1, -1),
    ("median", Meaning::Found, 1, -1),
    ("min", Meaning::Found, 1, -1),
    ("mode", Meaning::Found, 1, -1),
    ("nanmedian", Meaning::Found, 1, -1),
    ("sort", Meaning::FoundOnce, 1, -1),
    ("topk", Meaning::FoundOnce, 2, -1),
];

/// Is the answer right, or as good as the expected one?
pub fn compare_as<T: Apply>(
    name: &str,
    args: &Args<T>,
    got: &Value<Array>,
    expected: &Value<Array>,
) -> Result<(), Difference> {
    if is_random(name, args) {
        return same_form(&got.tensors(), &expected.tensors());
    }
    let slack = slack(name, args.largest());
    let exact = compare(got, expected, slack);
    let rule = BY_MEANING.iter().find(|(rule, ..)| *rule == name);
    let (Err(_), Some(&(_, meaning, place, default))) = (&exact, rule) else { return exact };
    let trouble = |error: cresset_ops::Error| Difference(error.to_string());
    let dim = args.int_or(place, "dim", default).map_err(trouble)?;
    let x = &args.tensor(0, "input").map_err(trouble)?.array().to_host().map_err(trouble)?;
    match (meaning, got, expected) {
        (Meaning::Places, Value::Tensor(got), Value::Tensor(expected)) => {
            once(got, dim)?;
            let found = x.gather(dim, got).map_err(trouble)?;
            let expected = x.gather(dim, expected).map_err(trouble)?;
            compare(&found.into(), &expected.into(), slack)
        }
        (Meaning::Found | Meaning::FoundOnce, Value::List(got), Value::List(expected)) => {
            let ([Value::Tensor(values), Value::Tensor(places)], [Value::Tensor(expected), _]) =
                (got.as_slice(), expected.as_slice())
            else {
                return exact;
            };
            let unordered = name == "topk" && !args.bool_or(4, "sorted", true).map_err(trouble)?;
            if unordered {
                let sorted = |x: &Array| Ok(x.sort(dim, false)?.0);
                let (values, expected) =
                    (sorted(values).map_err(trouble)?, sorted(expected).map_err(trouble)?);
                compare(&values.into(), &expected.into(), slack)?;
            } else {
                compare(&values.clone().into(), &expected.clone().into(), slack)?;
            }
            if meaning == Meaning::FoundOnce {
                once(places, dim)?;
            }
            // A dimension that was reduced away is put back to gather along it.
            let kept = places.rank() == x.rank();
            let lifted = |x: &Array| if kept { Ok(x.clone()) } else { x.unsqueeze(dim) };
            let found = x.gather(dim, &lifted(places).map_err(trouble)?).map_err(trouble)?;
            compare(&found.into(), &lifted(values).map_err(trouble)?.into(), slack)
        }
        _ => exact,
    }
}

/// Every place at most once along a dimension.
fn once(places: &Array, dim: i64) -> Result<(), Difference> {
    if places.rank() == 0 {
        return Ok(());
    }
    let rows = places.movedim(dim, -1).map_err(|error| Difference(error.to_string()))?;
    let size = rows.shape().last().copied().unwrap_or(1).max(1);
    for row in rows.to_i64s().unwrap().chunks(size) {
        if row.iter().collect::<HashSet<_>>().len() < row.len() {
            return Err(Difference("a place is given twice".into()));
        }
    }
    Ok(())
}

/// Is the answer drawn at random? Then there is nothing to compare but shapes and dtypes, of gradients too.
pub fn is_random<T: Apply>(name: &str, args: &Args<T>) -> bool {
    name == "nn.functional.scaled_dot_product_attention"
        && args.float_or(4, "dropout_p", 0.0).is_ok_and(|probability| probability > 0.0)
}

/// Are shapes and dtypes right?
pub fn same_form(got: &[&Array], expected: &[&Array]) -> Result<(), Difference> {
    let form = |list: &[&Array]| -> Vec<String> {
        list.iter().map(|array| format!("{} {}", array.dtype(), array.shape())).collect()
    };
    let (got, expected) = (form(got), form(expected));
    if got == expected {
        return Ok(());
    }
    Err(Difference(format!("{} where {} was expected", got.join(", "), expected.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: [f32; 3], places: [i64; 3]) -> Result<(), Difference> {
        let x = Array::new([1.0f32, 0.0, 1.0]);
        let args = Args::new(vec![x.into()], Vec::new(), "");
        let got = Value::list([Array::new(values), Array::new(places)]);
        let expected = Value::list([Array::new([0.0f32, 1.0, 1.0]), Array::new([1i64, 0, 2])]);
        compare_as("sort", &args, &got, &expected)
    }

    #[test]
    fn equal_elements_in_any_order() {
        assert!(sorted([0.0, 1.0, 1.0], [1, 0, 2]).is_ok());
        assert!(sorted([0.0, 1.0, 1.0], [1, 2, 0]).is_ok());
        assert!(sorted([0.0, 1.0, 1.0], [1, 2, 2]).is_err());
        assert!(sorted([0.0, 1.0, 1.0], [0, 1, 2]).is_err());
        assert!(sorted([1.0, 0.0, 1.0], [0, 1, 2]).is_err());
    }
}
