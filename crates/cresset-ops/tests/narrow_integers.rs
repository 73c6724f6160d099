//! Methods of integers narrower than 64 bits, where what is computed on the way is wider than they are.

use cresset_ops::prelude::*;

#[test]
fn places_beyond_what_their_dtype_holds_are_unravelled() -> Result<()> {
    // A step of 300 rows is more than an 8-bit integer holds.
    let places = Array::new([5i8, 127, 100]);
    let found = places.unravel_index([2, 300])?;
    assert_eq!(found[0].to_vec::<i64>()?, [0, 0, 0]);
    assert_eq!(found[1].to_vec::<i64>()?, [5, 127, 100]);
    let found = Array::new([700i16, 1]).unravel_index([3, 300])?;
    assert_eq!(found[0].to_vec::<i64>()?, [2, 0]);
    assert_eq!(found[1].to_vec::<i64>()?, [100, 1]);
    Ok(())
}

#[test]
fn a_dimension_of_one_is_contracted_with_one_that_is_summed() -> Result<()> {
    // PyTorch: torch.tensordot(a, b, ([0, 1], [2, 0])).
    let a = Array::new([[[-1i32]]]);
    let b = Array::new([[[-1i32, -1]], [[1, 1]]]);
    let found = a.tensordot_dims(&b, [0, 1], [2, 0])?;
    assert_eq!(found.dtype(), DType::I32);
    assert_eq!(found.to_vec::<i32>()?, [0]);
    Ok(())
}
